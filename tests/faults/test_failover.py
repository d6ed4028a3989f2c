"""Failover by itself: primaries of a Patroni cluster are lost under load, and no acknowledged write is lost or repeated.

The cluster has the settings of the guide for two machines. A server of the product finds the new primary by the hosts of
its URL.
"""

import random
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise

import psycopg
import pytest

from stellary.core import Core
from tests.faults.patroni_cluster import HAS_PROGRAMS, Cluster, running_cluster
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
CONTINUES_IN = 10.0
"""The seconds from a promotion to the next write that is acknowledged."""


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
        pauses = []
        with load.running():
            for number in range(rounds):
                load.wait_for_more(20)
                cluster.wait_for_standby()
                lost, before = cluster.find_primary(), len(load.acknowledged) - 1
                lost_at = time.monotonic()
                # In turn, the whole machine, and PostgreSQL alone.
                (lost.crash if number % 2 else lost.kill)()
                cluster.find_primary(other_than=lost)
                promoted_at = time.monotonic()
                load.wait_for_more(5)
                times = sorted(load.acknowledged_at[before:])
                pauses.append(next(at for at in times if at > promoted_at) - promoted_at)
                longest = max(later - earlier for earlier, later in pairwise(times))
                if not number % 2:
                    lost.start()
                acknowledged = set(load.acknowledged)
                with psycopg.connect(cluster.url) as connection:
                    stored = connection.execute("SELECT title FROM stellary_cards").fetchall()
                titles = {title for (title,) in stored}
                missing, repeated = len(acknowledged - titles), len(stored) - len(titles)
                print(  # noqa: T201 - an interrupted run has its figures, too
                    f"{number + 1}: {'PostgreSQL' if number % 2 else 'machine'} lost, another promoted after"
                    f" {promoted_at - lost_at:.1f} s, next write {pauses[-1]:.2f} s later,"
                    f" {longest:.1f} s without a write;"
                    f" of {len(acknowledged)} writes {missing} lost, {repeated} repeated",
                    flush=True,
                )
                assert (missing, repeated) == (0, 0)
                time.sleep(random.uniform(0.0, 0.5))
            load.wait_for_more(5)
        load.check()
    assert max(pauses) <= CONTINUES_IN
