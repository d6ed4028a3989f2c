"""Lists and their pages, with both clients."""

import copy
import pickle

import pytest

from stellary import AsyncPage, AsyncStellary, Conflict, EndlessPages, Page, Stellary
from stellary.client.testing import Recorded, RecordingPort, make
from stellary.contract.cards import Card
from stellary.contract.port import RawResponse
from stellary.contract.wire import dump

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


def test_next_page_has_the_same_query(port):
    page = cards(Stellary.embedded(port)).list(limit=2, q="x")
    seen = []
    while page:
        seen.append((list(page), page.has_more))
        page = page.next_page()
    assert seen == [(CARDS[:2], True), (CARDS[2:4], True), (CARDS[4:], False)]
    assert [request.query for request in port.requests] == [
        {"limit": "2", "q": "x"},
        {"limit": "2", "q": "x", "cursor": "2"},
        {"limit": "2", "q": "x", "cursor": "4"},
    ]


async def test_async_next_page_has_the_same_query(port):
    page = await cards(AsyncStellary.embedded(port)).list(limit=2)
    assert isinstance(page, AsyncPage)
    seen = []
    while page:
        seen.append((list(page), page.has_more))
        page = await page.next_page()
    assert seen == [(CARDS[:2], True), (CARDS[2:4], True), (CARDS[4:], False)]


def answer_sparse_page(recorded: Recorded) -> RawResponse:
    """Return a page in which a filter matched no row, except for the third one, with links to four pages."""
    number = int(recorded.query.get("cursor", "0"))
    headers = {"link": f'<{recorded.path}?cursor={number + 1}>; rel="next"'} if number < 3 else {}
    return RawResponse(200, headers, dump(CARDS[:1] if number == 2 else []))


def test_empty_pages_are_skipped(port):
    port.answer("cards.list", answer_sparse_page)
    page = cards(Stellary.embedded(port)).list(limit=2, q="x")
    assert (list(page), page.next_cursor) == (CARDS[:1], "3")
    assert [request.query.get("cursor") for request in port.requests] == [None, "1", "2"]
    assert (list(page.next_page()), page.next_page().has_more) == ([], False)


async def test_empty_pages_are_skipped_in_async_client(port):
    port.answer("cards.list", answer_sparse_page)
    page = await cards(AsyncStellary.embedded(port)).list(limit=2, q="x")
    assert (list(page), page.next_cursor) == (CARDS[:1], "3")


def test_iterating_goes_through_all_pages(port):
    assert list(cards(Stellary.embedded(port)).iterate(limit=2)) == CARDS
    assert len(port.requests) == 3


async def test_iterating_goes_through_all_pages_awaited(port):
    assert [card async for card in cards(AsyncStellary.embedded(port)).iterate(limit=2)] == CARDS


def test_iterating_requests_two_hundred_rows_per_page(port):
    assert list(cards(Stellary.embedded(port)).iterate()) == CARDS
    assert port.requests[0].query == {"limit": "200"}


def test_iterating_requests_pages_lazily(port):
    rows = cards(Stellary.embedded(port)).iterate(limit=2)
    assert port.requests == []
    assert [next(rows), next(rows)] == CARDS[:2]
    assert len(port.requests) == 1


def test_wrong_keyword_raises_before_iterating(port):
    with pytest.raises(TypeError, match=r"Cards\.iterate\(\) got an unexpected keyword argument 'lmit'"):
        cards(Stellary.embedded(port)).iterate(lmit=2)


def test_repeated_cursor_raises(port):
    port.answer("cards.list", answer_same_cursor)
    rows = cards(Stellary.embedded(port)).iterate()
    with pytest.raises(EndlessPages):
        list(rows)
    assert len(port.requests) == 2


async def test_repeated_cursor_raises_in_async_client(port):
    port.answer("cards.list", answer_same_cursor)
    with pytest.raises(EndlessPages):
        _ = [card async for card in cards(AsyncStellary.embedded(port)).iterate()]
    assert len(port.requests) == 2


@pytest.mark.parametrize(
    "copy_page", [copy.copy, copy.deepcopy, lambda page: pickle.loads(pickle.dumps(page))]
)
def test_a_copy_of_a_page_is_a_plain_list_without_the_client(port, copy_page):
    page = cards(Stellary.embedded(port, token="synth_secret")).list(limit=2)
    copied_page = copy_page(page)
    assert (copied_page, type(copied_page)) == (CARDS[:2], list)


@pytest.mark.parametrize("failing", [0, 1], ids=["first page", "second page"])
def test_iterating_continues_after_an_error(port, failing):
    lose_page(port, failing)
    rows, loaded = cards(Stellary.embedded(port)).iterate(limit=2), []
    with pytest.raises(Conflict):
        loaded.extend(rows if failing == 0 else [next(rows), next(rows), next(rows)])
    assert [*(CARDS[:2] if failing else []), *rows] == CARDS
    assert list(rows) == []


async def test_iterating_continues_after_an_error_awaited(port):
    lose_page(port, 0)
    rows = cards(AsyncStellary.embedded(port)).iterate(limit=2)
    with pytest.raises(Conflict):
        await anext(rows)
    assert [card async for card in rows] == CARDS


def test_endless_pages_raise_again(port):
    port.answer("cards.list", answer_same_cursor)
    rows = cards(Stellary.embedded(port)).iterate()
    for _ in range(2):
        with pytest.raises(EndlessPages):
            list(rows)


def lose_page(port, failing):
    """Fail the request for one page once."""
    port.answer("cards.list", *[answer_page] * failing, Conflict("busy"), answer_page)
