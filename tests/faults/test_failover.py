"""Failover by itself: primaries of a Patroni cluster are lost under load, and no acknowledged write is lost or repeated.

The cluster has the settings of the guide for two machines. A server of the product finds the new primary by the hosts of
its URL.
"""

import json
import random
import runpy
import socket
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import count, pairwise, repeat
from statistics import median
from typing import Any
from unittest.mock import MagicMock, Mock

import pytest

from stellary.core import Core
from tests.faults.patroni_cluster import EXAMPLES, HAS_PROGRAMS, Cluster, Node, running_cluster
from tests.faults.test_postgres import Load
from tests.support.boards import Board
from tests.support.world import World

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.slow("runs a cluster, whose machines are lost"),
    pytest.mark.wide(when="faults"),
    pytest.mark.skipif(
        not HAS_PROGRAMS,
        reason="Patroni or etcd is not installed: python3 dev.py services installs them",
    ),
]
LOSSES: dict[str, Callable[[Node], None]] = {
    "machine": Node.kill,
    "PostgreSQL": Node.crash,
    "frozen machine": Node.freeze,
    "machine whose sessions go on": partial(Node.freeze, sessions=False),
}
CONTINUES_IN = 10.0
"""The seconds from a promotion to the next write that is acknowledged, and the median of those without a write."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_cluster() as running:
        yield running


def test_writes_continue_after_the_loss_of_a_primary(cluster: Cluster, rounds: int):
    with closing(Core(cluster.url, bcrypt_rounds=4)) as core:
        core.migrate()
        world = World(core)
        ann = world.person("ann")
        load = Load(Board(world, ann, world.home(ann)), pause=0.05)
        pauses, spans = [], []
        with load.running():
            for number in range(rounds):
                load.wait_for_more(20)
                cluster.wait_for_standby()
                lost, before = cluster.find_primary(), len(load.acknowledged) - 1
                lost_at = time.monotonic()
                loss, lose = [*LOSSES.items()][number % len(LOSSES)]
                lose(lost)
                promoted = cluster.find_primary(other_than=lost)
                promoted_at = time.monotonic()
                lost.restore()  # If it was frozen, it still takes itself for the primary.
                load.wait_for_more(5)
                times = sorted(load.acknowledged_at[before:])
                pauses.append(next(at for at in times if at > promoted_at) - promoted_at)
                spans.append(max(later - earlier for earlier, later in pairwise(times)))
                acknowledged = set(load.acknowledged)
                with promoted.connect() as connection:
                    stored = connection.execute("SELECT title FROM stellary_cards").fetchall()
                titles = {title for (title,) in stored}
                missing, repeated = len(acknowledged - titles), len(stored) - len(titles)
                print(  # noqa: T201 - an interrupted run has its figures, too
                    f"{number + 1}: {loss} lost, another promoted after"
                    f" {promoted_at - lost_at:.1f} s, next write {pauses[-1]:.2f} s later,"
                    f" {spans[-1]:.1f} s without a write;"
                    f" of {len(acknowledged)} writes {missing} lost, {repeated} repeated",
                    flush=True,
                )
                assert (missing, repeated) == (0, 0)
                time.sleep(random.uniform(0.0, 0.5))
            load.wait_for_more(5)
        load.check()
    assert max(*pauses, median(spans)) <= CONTINUES_IN


@pytest.mark.parametrize(
    ("votes", "answer", "terms", "changes", "released"),
    [
        pytest.param(2, b"", repeat(7), {}, True, id="lost"),
        pytest.param(1, b"", repeat(7), {}, False, id="missed by one machine"),
        pytest.param(2, b"", repeat(7), {"sync": {"sync_standby": None}}, False, id="without a standby"),
        pytest.param(2, b"", repeat(7), {"config": {"pause": True}}, False, id="during maintenance"),
        pytest.param(2, b"", count(), {}, False, id="elected since"),
        pytest.param(2, b"H", repeat(7), {}, False, id="with an answer"),
    ],
)
def test_witness_releases_a_primary(monkeypatch, votes, answer, terms, changes, released):
    monkeypatch.setenv("ETCD_NAME", "2")
    monkeypatch.setenv("ETCD_ADVERTISE_CLIENT_URLS", "")
    main = runpy.run_path(str(EXAMPLES / "witness.py"))["main"]
    member = {"api_url": "", "conn_url": ""}
    values = {"leader": 1, "sync": {"sync_standby": 2}, "config": {}, "members/1": member} | changes
    keys = [
        {"key": encode(f"/service/stellary/{name}"), "value": encode(json.dumps(value)), "mod_revision": name}
        for name, value in values.items()
    ]
    transactions = []

    def call_etcd(method: str, **fields: Any) -> dict[str, Any]:
        if method == "kv/txn":
            transactions.append(fields)
        if fields.get("key") == encode("/service/stellary/"):
            keys[0]["mod_revision"] = next(terms)
            return {"kvs": keys}
        return {"ID": "1", "kvs": [{"key": encode(str(number))} for number in range(votes)]}

    connection = MagicMock()
    connection.__enter__.return_value.recv.return_value = answer
    monkeypatch.setattr(socket, "create_connection", Mock(return_value=connection))
    monkeypatch.setitem(main.__globals__, "call_etcd", call_etcd)
    monkeypatch.setattr(time, "sleep", Mock(side_effect=[None] * 4))
    with pytest.raises(StopIteration):
        main()
    same = [{"target": "MOD", "key": key["key"], "mod_revision": key["mod_revision"]} for key in keys[:3]]
    leader, sync = keys[:2]
    # Patroni compares the revision, so a primary that is still alive can no longer dismiss the standby.
    record = {"key": sync["key"], "value": sync["value"]}
    transaction = {
        "compare": same,
        "success": [{"request_put": record}, {"request_delete_range": {"key": leader["key"]}}],
    }
    assert transactions == [transaction] * 2 * released


def encode(text: str) -> str:
    return b64encode(text.encode()).decode()
