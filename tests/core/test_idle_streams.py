"""A stream in process on which nothing happens: it sleeps until a signal of its own, or the next look."""

import threading
import time

import pytest

from stellary import Stellary
from stellary.core.streaming.streams import StreamReader
from tests.support.core_parts import streams
from tests.support.waiting import wait_until

POLL_SECONDS = 0.04


@pytest.fixture
def wakeups(monkeypatch):
    """Return how often each stream woke up; all streams poll 25 times a second."""
    monkeypatch.setattr(streams, "POLL_SECONDS", POLL_SECONDS)
    counted = []
    wait = StreamReader._wait_for_topics

    def count(self, seconds):
        counted.append(seconds)
        return wait(self, seconds)

    monkeypatch.setattr(StreamReader, "_wait_for_topics", count)
    return counted


@pytest.fixture
def follow(world, wakeups):
    """Follow a workspace in a thread, and collect its events."""
    ann = world.person("ann")
    place = world.workspace(ann)
    client = Stellary.embedded(world.core.port(ann.actor))
    events = client.workspace(place.organization.slug, place.slug).events()
    received = []
    thread = threading.Thread(target=lambda: received.extend(iter_until_closed(events)))
    thread.start()
    yield ann, place, received
    events.close()
    thread.join(30)
    assert not thread.is_alive()


def iter_until_closed(events):
    yield from events


def test_an_idle_stream_looks_as_often_as_it_should(world, follow, wakeups, statements):
    wait_until(lambda: len(wakeups) > 2)
    del wakeups[:]
    began = time.monotonic()
    with statements() as statements_sent:
        wait_until(lambda: len(wakeups) >= 8)
    # The first ones may have waited before.
    assert time.monotonic() - began > 5 * POLL_SECONDS
    assert len(statements_sent) <= 3 * (len(wakeups) + 1)
    assert all(seconds > 0 for seconds in wakeups)


def test_signals_of_other_workspaces_do_not_wake_a_stream(world, follow, wakeups):
    wait_until(lambda: len(wakeups) > 2)
    del wakeups[:]
    began = time.monotonic()
    for number in range(1_000):
        world.core.env.signals.send(f"workspace:{number}")
    assert len(wakeups) <= (time.monotonic() - began) / POLL_SECONDS + 5


def test_a_stream_that_slept_tells_what_happens(world, follow, wakeups):
    ann, place, received = follow
    wait_until(lambda: len(wakeups) > 2)
    world.project(ann, place)
    wait_until(lambda: received)
    assert received[0].type == "project_created"
