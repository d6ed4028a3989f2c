"""One scenario over three ways and in both colours: a client does the same, whatever carries it.

It is written once: ``given`` awaits what is to be awaited.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from stellary import AsyncStellary, Conflict, Invalid, NotFound, PreconditionFailed, Stellary, Unauthenticated
from stellary.client import PortTransport
from stellary.contract.cards import CardChange, CardInColumn
from stellary.core import Core
from tests.server.running import running

PASSWORD = "a long password"


async def given(found: Any) -> Any:
    return await found if inspect.isawaitable(found) else found


async def rows(found: Any) -> list[Any]:
    return [row async for row in found] if isinstance(found, AsyncIterator) else list(found)


@contextmanager
def embedded(core: Core, colour: type) -> Iterator[Callable[..., Any]]:
    yield lambda **named: colour.embedded(core.port(), **named)


@contextmanager
def by_transport(core: Core, colour: type) -> Iterator[Callable[..., Any]]:
    transport = PortTransport(core.port())
    http = httpx.Client(transport=transport) if colour is Stellary else httpx.AsyncClient(transport=transport)
    yield lambda **named: colour("http://stellary", http_client=http, **named)


@contextmanager
def over_http(core: Core, colour: type) -> Iterator[Callable[..., Any]]:
    with running(core) as server:
        yield lambda **named: colour(f"http://127.0.0.1:{server.port}", **named)


WAYS = {"embedded": embedded, "by transport": by_transport, "over http": over_http}
COLOURS = {"blocking": Stellary, "awaiting": AsyncStellary}


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("way", WAYS)
async def test_a_client_does_the_same_whatever_carries_it(sqlite_url, way, colour):
    core = Core(sqlite_url, bcrypt_rounds=4)
    with WAYS[way](core, COLOURS[colour]) as client_of:
        client = client_of()
        try:
            client = await an_account(client)
            board = await a_board(client)
            await cards_and_pages(board)
            await versions_and_keys(board)
            await what_hangs_on_a_card(client, board)
            await what_goes_wrong(client, board, client_of)
        finally:
            await given(client.close())
    core.close()


async def an_account(client: Any) -> Any:
    """Register, change the password, continue with the new token, and log in again; return that person's client."""
    anonymous = client
    session = await given(anonymous.auth.register(email="ann@example.com", password=PASSWORD, name="Ann"))
    client = anonymous.with_options(token=session.access_token)
    await given(client.auth.change_password(current_password=PASSWORD, new_password=PASSWORD + "er"))
    assert (await given(client.auth.me())).user == session.user
    session = await given(client.auth.login(email="ann@example.com", password=PASSWORD + "er"))
    assert session.user.name == "Ann"
    with pytest.raises(Unauthenticated):
        await given(anonymous.auth.me())
    return client


async def a_board(client: Any) -> Any:
    await given(client.organizations.create(name="Acme", slug="acme"))
    workspace = await given(client.organization("acme").workspaces.create(name="Engineering", slug="eng"))
    ws = client.workspace("acme", workspace)
    project = await given(ws.projects.create(name="Q1 Launch"))
    assert [each.name for each in await given(ws.projects.list())] == ["Q1 Launch"]
    return ws.project(project)


async def cards_and_pages(board: Any) -> None:
    todo, doing, done = await given(board.columns.list())
    many = [CardInColumn(column_id=todo.id, title=f"Card {number}") for number in range(7)]
    made = await given(board.cards.create_many(cards=many))
    assert [card.key for card in made] == [f"QL-{number}" for number in range(1, 8)]
    page = await given(board.cards.list(column_id=todo, limit=3))
    read = []
    while page:
        read.append([card.title for card in page])
        page = await given(page.next_page())
    assert [len(titles) for titles in read] == [3, 3, 1]
    assert [card.title for card in await rows(board.cards.iterate(column_id=todo, limit=2))] == [
        title for titles in read for title in titles
    ]
    moved = await given(board.cards.update(made[0], column_id=done, order=0))
    assert (moved.column_id, moved.order, moved.status) == (done.id, 0, "done")
    changes = [CardChange(id=card.id, column_id=doing.id) for card in made[1:3]]
    await given(board.cards.update_many(cards=changes))
    assert [column.card_count for column in await given(board.columns.list())] == [4, 2, 1]
    shown = await given(board.board())
    assert len(shown.cards) == 7


async def versions_and_keys(board: Any) -> None:
    todo, *_ = await given(board.columns.list())
    keyed = board.cards.with_options(idempotency_key="once")
    first = await given(keyed.create(todo, title="Once"))
    assert await given(keyed.create(todo, title="Once")) == first
    careful = board.cards.with_options(if_match=first)
    second = await given(careful.update(first, title="Twice"))
    assert second.version > first.version
    with pytest.raises(PreconditionFailed):
        await given(careful.update(first, title="Thrice"))
    assert (await given(board.cards.delete(second))).ok


async def what_hangs_on_a_card(client: Any, board: Any) -> None:
    card, *_ = await given(board.cards.list(limit=1))
    spec = board.card(card)
    label = await given(board.labels.create(name="bug"))
    await given(spec.labels.add(label))
    item = await given(spec.checklist.add(title="Ask"))
    await given(spec.checklist.update(item, done=True))
    comment = await given(spec.comments.create(content="Fine"))
    await given(spec.comments.update(comment, content="Good"))
    found = await given(spec.get())
    assert (found.label_ids, found.checklist[0].done, found.comment_count) == ([label.id], True, 1)
    assert [each.content for each in await given(spec.comments.list())] == ["Good"]
    assert (await given(client.notifications.count())).count == 0


async def what_goes_wrong(client: Any, board: Any, client_of: Callable[..., Any]) -> None:
    with pytest.raises(NotFound) as missing:
        await given(board.cards.get("0" * 24))
    assert str(missing.value).startswith("404 Not Found: ")
    assert missing.value.request_id
    with pytest.raises(Invalid) as wrong:
        await given(board.labels.create(name="", color="red"))
    assert [problem.field for problem in wrong.value.details] == ["name", "color"]
    with pytest.raises(Conflict):
        await given(client.organizations.create(name="Acme", slug="acme"))
    stranger = client_of(token="synth_nonsense")
    with client.capture() as calls, pytest.raises(Unauthenticated):
        await given(stranger.auth.me())
    assert calls == []
    with client.capture() as calls, pytest.raises(NotFound):
        await given(client.organizations.get("nowhere"))
    assert [(call.operation, call.status, call.tries) for call in calls] == [("organizations.get", 404, 1)]
    await given(stranger.close())
