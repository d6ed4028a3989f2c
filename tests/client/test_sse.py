"""Server-sent events, decoded independently of the blocks they arrive in."""

import itertools
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellary.client.calling import stream
from stellary.client.calling.stream import Decoder, ServerSentEvent
from tests.support.cpu_time import measure_cpu_time

TEXTS = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12)
BREAKS = st.sampled_from(["\n", "\r\n", "\r"])
FIELDS = st.sampled_from(["data: ", "data:", "data", "id: ", "event: ", "retry: ", ": ", "other: "])


@st.composite
def bodies(draw):
    lines = draw(st.lists(st.builds(lambda field, text, end: field + text + end, FIELDS, TEXTS, BREAKS)))
    for place in draw(st.lists(st.integers(0, len(lines)))):
        lines.insert(place, draw(BREAKS))
    return "".join(lines).encode()


@given(bodies(), st.lists(st.integers(0, 400)))
def test_every_split_gives_the_same_events(body, cuts):
    whole, parts = Decoder(), Decoder()
    positions = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    events = [event for start, end in itertools.pairwise(positions) for event in parts.feed(body[start:end])]
    assert events == whole.feed(body)
    assert (parts.last_id, parts.retry) == (whole.last_id, whole.retry)


@given(bodies())
def test_single_bytes_give_the_same_events(body):
    decoder = Decoder()
    assert [event for byte in body for event in decoder.feed(bytes([byte]))] == Decoder().feed(body)


@pytest.mark.parametrize(
    ("body", "events"),
    [
        (b"data: a\n\n", [ServerSentEvent("", "message", "a")]),
        (b"id: 7\nevent: activity\ndata: a\n\n", [ServerSentEvent("7", "activity", "a")]),
        (b"data: a\ndata: b\n\n", [ServerSentEvent("", "message", "a\nb")]),
        (
            b"id: 7\ndata: a\n\ndata: b\n\n",
            [ServerSentEvent("7", "message", "a"), ServerSentEvent("7", "message", "b")],
        ),
        (b"\xef\xbb\xbfdata: a\n\n", [ServerSentEvent("", "message", "a")]),
        ("data: a\u2028b\x85c\n\n".encode(), [ServerSentEvent("", "message", "a\u2028b\x85c")]),
        (b": still here\n\n", []),
        (b"event: activity\n\n", []),
        (b"data: a\n", []),
        (b"id: a\0b\ndata: c\n\n", [ServerSentEvent("", "message", "c")]),
        (b"data\n\n", [ServerSentEvent("", "message", "")]),
    ],
)
def test_encoded_events_are_decoded(body, events):
    assert Decoder().feed(body) == events


def test_incomplete_event_is_dropped_with_its_connection():
    decoder = Decoder()
    decoder.feed(b"id: 1\ndata: a\n\nid: 2\ndata: b\n")
    assert decoder.last_id == "1"
    decoder.restart()
    assert decoder.feed(b"data: c\n\n") == [ServerSentEvent("1", "message", "c")]


def test_a_server_may_ask_for_a_pause():
    decoder = Decoder()
    decoder.feed(b"retry: 1500\n\nretry: soon\n")
    assert decoder.retry == 1.5
    decoder.feed(b"retry: 99999999\n")
    assert decoder.retry == 60


@pytest.mark.parametrize("line", [b"data: 45678", b"data: 45678\n"])
def test_event_that_never_ends_is_refused(monkeypatch, line):
    monkeypatch.setattr(stream, "EVENT_MAX", 1000)
    decoder = Decoder()
    assert decoder.feed(line * 40) == []
    with pytest.raises(ValueError, match="exceeds the size limit"):
        deque(map(decoder.feed, [line] * 160))


def test_time_is_linear_in_the_length_of_a_line():
    def receive_long_line():
        decoder = Decoder()
        blocks = [b"data: ", *[b"x" * 4096] * 1024, b"\n\n"]
        assert [len(event.data) for block in blocks for event in decoder.feed(block)] == [4 << 20]

    # About 10 ms; when each block was joined to those before it, some seconds.
    assert measure_cpu_time(receive_long_line, enough=0.5) < 0.5


def test_many_events_are_no_large_one(monkeypatch):
    monkeypatch.setattr(stream, "EVENT_MAX", 1000)
    decoder = Decoder()
    assert [event.data for _ in range(200) for event in decoder.feed(b"data: 45678\n\n")] == ["45678"] * 200
