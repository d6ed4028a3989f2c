"""Failover by itself: primaries of a Patroni cluster are lost under load, and no acknowledged write is lost or repeated.

The cluster has the settings of the guide for two machines. A server of the product finds the new primary by the hosts of
its URL.
"""

import random
import time
from collections.abc import Iterator
from contextlib import closing

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
        load = Load(Board(world, ann, world.home(ann)))
        pauses = []
        with load.running():
            for number in range(rounds):
                load.wait_for_more(20)
                cluster.wait_for_replicas()
                lost = cluster.find_primary()
                # In turn, the whole machine, and PostgreSQL alone.
                (lost.crash if number % 2 else lost.kill)()
                cluster.find_primary(other_than=lost)
                promoted_at = time.monotonic()
                load.wait_for_more(5)
                pauses.append(time.monotonic() - promoted_at)
                time.sleep(random.uniform(0.0, 0.5))
                if not number % 2:
                    lost.start()
            load.wait_for_more(5)
        load.check()
    print(  # noqa: T201 - the figures of the guide
        f"{rounds} primaries lost, {len(load.acknowledged)} writes acknowledged, continued after {max(pauses):.1f} s at most"
    )
    assert max(pauses) <= CONTINUES_IN
