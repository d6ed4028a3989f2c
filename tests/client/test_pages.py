"""Lists and their pages, with both clients."""

import copy
import pickle

import pytest

from stellary import AsyncPage, Conflict, EndlessPages, Page, Stellary
from stellary.client.testing import Recorded, RecordingPort, make
from stellary.contract.cards import Card
from stellary.contract.port import RawResponse
from stellary.contract.wire import dump
from tests.support.colours import advance, resolve

CARDS = [make(Card) for _ in range(5)]


def answer_page(recorded: Recorded) -> RawResponse:
    """Return ``limit`` rows from ``cursor`` on, with a link to the next page."""
    start = int(recorded.query.get("cursor", "0"))
    limit = int(recorded.query.get("limit", "500"))
    end = start + limit
    headers = {}
    if end < len(CARDS):
        headers["link"] = f'<{recorded.path}?limit={limit}&cursor={end}>; rel="next"'
    return RawResponse(200, headers, dump(CARDS[start:end]))


def answer_same_cursor(recorded: Recorded) -> RawResponse:
    return RawResponse(200, {"link": '</x?cursor=2>; rel="next"'}, dump(CARDS[:2]))


@pytest.fixture
def port():
    port = RecordingPort()
    port.answer("cards.list", answer_page)
    return port


def cards(client):
    return client.workspace("acme", "eng").project("p1").cards


def test_a_list_is_a_list(port):
    page = cards(Stellary.embedded(port)).list()
    assert page == CARDS
    assert isinstance(page, Page)
    assert (page[0], len(page), page.has_more, page.next_cursor) == (CARDS[0], 5, False, None)


async def test_next_page_has_the_same_query(port, colour):
    page = await resolve(cards(colour.embedded(port)).list(limit=2, q="x"))
    assert isinstance(page, Page if colour is Stellary else AsyncPage)
    seen = []
    while page:
        seen.append((list(page), page.has_more))
        page = await resolve(page.next_page())
    assert seen == [(CARDS[:2], True), (CARDS[2:4], True), (CARDS[4:], False)]
    assert [request.query for request in port.requests] == [
        {"limit": "2", "q": "x"},
        {"limit": "2", "q": "x", "cursor": "2"},
        {"limit": "2", "q": "x", "cursor": "4"},
    ]


def answer_sparse_page(recorded: Recorded) -> RawResponse:
    """Return a page in which a filter matched no row, except for the third one, with links to four pages."""
    number = int(recorded.query.get("cursor", "0"))
    headers = {"link": f'<{recorded.path}?cursor={number + 1}>; rel="next"'} if number < 3 else {}
    return RawResponse(200, headers, dump(CARDS[:1] if number == 2 else []))


async def test_empty_pages_are_skipped(port, colour):
    port.answer("cards.list", answer_sparse_page)
    page = await resolve(cards(colour.embedded(port)).list(limit=2, q="x"))
    assert (list(page), page.next_cursor) == (CARDS[:1], "3")
    assert [request.query.get("cursor") for request in port.requests] == [None, "1", "2"]
    last = await resolve(page.next_page())
    assert (list(last), last.has_more) == ([], False)


async def test_iterating_goes_through_all_pages(port, colour):
    assert await resolve(cards(colour.embedded(port)).iterate(limit=2)) == CARDS
    assert len(port.requests) == 3


def test_iterating_requests_pages_lazily(port):
    rows = cards(Stellary.embedded(port)).iterate(limit=2)
    assert port.requests == []
    assert [next(rows), next(rows)] == CARDS[:2]
    assert len(port.requests) == 1


def test_wrong_keyword_raises_before_iterating(port):
    with pytest.raises(TypeError, match=r"Cards\.iterate\(\) got an unexpected keyword argument 'lmit'"):
        cards(Stellary.embedded(port)).iterate(lmit=2)


async def test_repeated_cursor_raises_each_time(port, colour):
    port.answer("cards.list", answer_same_cursor)
    rows = cards(colour.embedded(port)).iterate()
    with pytest.raises(EndlessPages):
        await resolve(rows)
    assert len(port.requests) == 2
    with pytest.raises(EndlessPages):
        await resolve(rows)


@pytest.mark.parametrize(
    "copy_page", [copy.copy, copy.deepcopy, lambda page: pickle.loads(pickle.dumps(page))]
)
def test_a_copy_of_a_page_is_a_plain_list_without_the_client(port, copy_page):
    page = cards(Stellary.embedded(port, token="synth_secret")).list(limit=2)
    copied_page = copy_page(page)
    assert (copied_page, type(copied_page)) == (CARDS[:2], list)


@pytest.mark.parametrize("failing", [0, 1], ids=["first page", "second page"])
async def test_iterating_continues_after_an_error(port, colour, failing):
    port.answer("cards.list", *[answer_page] * failing, Conflict("busy"), answer_page)
    rows = cards(colour.embedded(port)).iterate(limit=2)
    first = [await advance(rows) for _ in range(2 * failing)]
    with pytest.raises(Conflict):
        await advance(rows)
    assert [*first, *await resolve(rows)] == CARDS
    assert await resolve(rows) == []
