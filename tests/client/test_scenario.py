"""One scenario over three transports, with both clients.

It is written once: ``given`` awaits what is to be awaited.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from stellary import Conflict, Invalid, NotFound, PreconditionFailed, Stellary, Unauthenticated
from stellary.client import PortTransport
from stellary.contract.cards import CardChange, CardInColumn
from stellary.core import Core
from tests.server.running import running
from tests.support.colours import resolve

PASSWORD = "a long password"


@contextmanager
def open_embedded(core: Core, colour: type) -> Iterator[Callable[..., Any]]:
    yield lambda **keywords: colour.embedded(core.port(), **keywords)


@contextmanager
def open_transport(core: Core, colour: type) -> Iterator[Callable[..., Any]]:
    transport = PortTransport(core.port())
    http = httpx.Client(transport=transport) if colour is Stellary else httpx.AsyncClient(transport=transport)
    yield lambda **keywords: colour("http://stellary", http_client=http, **keywords)


@contextmanager
def open_http(core: Core, colour: type) -> Iterator[Callable[..., Any]]:
    with running(core) as server:
        yield lambda **keywords: colour(f"http://127.0.0.1:{server.port}", **keywords)


WAYS = {"embedded": open_embedded, "by transport": open_transport, "over http": open_http}


@pytest.mark.parametrize("way", WAYS)
async def test_client_behaves_the_same_over_every_transport(sqlite_url, way, colour):
    core = Core(sqlite_url, bcrypt_rounds=4)
    with WAYS[way](core, colour) as client_of:
        client = client_of()
        try:
            client = await create_account(client)
            board = await create_board(client)
            await check_cards_and_pages(board)
            await versions_and_keys(board)
            await check_card_details(client, board)
            await check_errors(client, board, client_of)
        finally:
            await resolve(client.close())
    core.close()


async def create_account(client: Any) -> Any:
    """Register, change the password, continue with the new token, log in again, and return that client."""
    anonymous = client
    session = await resolve(anonymous.auth.register(email="ann@example.com", password=PASSWORD, name="Ann"))
    client = anonymous.with_options(token=session.access_token)
    await resolve(client.auth.change_password(current_password=PASSWORD, new_password=PASSWORD + "er"))
    assert (await resolve(client.auth.me())).user == session.user
    session = await resolve(client.auth.login(email="ann@example.com", password=PASSWORD + "er"))
    assert session.user.name == "Ann"
    with pytest.raises(Unauthenticated):
        await resolve(anonymous.auth.me())
    return client


async def create_board(client: Any) -> Any:
    await resolve(client.organizations.create(name="Acme", slug="acme"))
    workspace = await resolve(client.organization("acme").workspaces.create(name="Engineering", slug="eng"))
    ws = client.workspace("acme", workspace)
    project = await resolve(ws.projects.create(name="Q1 Launch"))
    assert [project.name for project in await resolve(ws.projects.list())] == ["Q1 Launch"]
    return ws.project(project)


async def check_cards_and_pages(board: Any) -> None:
    todo, doing, done = await resolve(board.columns.list())
    many = [CardInColumn(column_id=todo.id, title=f"Card {number}") for number in range(7)]
    created = await resolve(board.cards.create_many(cards=many))
    assert [card.key for card in created] == [f"QL-{number}" for number in range(1, 8)]
    page = await resolve(board.cards.list(column_id=todo, limit=3))
    read = []
    while page:
        read.append([card.title for card in page])
        page = await resolve(page.next_page())
    assert [len(titles) for titles in read] == [3, 3, 1]
    assert [card.title for card in await resolve(board.cards.iterate(column_id=todo, limit=2))] == [
        title for titles in read for title in titles
    ]
    moved = await resolve(board.cards.update(created[0], column_id=done, order=0))
    assert (moved.column_id, moved.order, moved.status) == (done.id, 0, "done")
    changes = [CardChange(id=card.id, column_id=doing.id) for card in created[1:3]]
    await resolve(board.cards.update_many(cards=changes))
    assert [column.card_count for column in await resolve(board.columns.list())] == [4, 2, 1]
    assert len((await resolve(board.board())).cards) == 7


async def versions_and_keys(board: Any) -> None:
    todo, *_ = await resolve(board.columns.list())
    keyed = board.cards.with_options(idempotency_key="once")
    first = await resolve(keyed.create(todo, title="Once"))
    assert await resolve(keyed.create(todo, title="Once")) == first
    careful = board.cards.with_options(if_match=first)
    second = await resolve(careful.update(first, title="Twice"))
    assert second.version > first.version
    with pytest.raises(PreconditionFailed):
        await resolve(careful.update(first, title="Thrice"))
    assert (await resolve(board.cards.delete(second))).ok


async def check_card_details(client: Any, board: Any) -> None:
    card, *_ = await resolve(board.cards.list(limit=1))
    spec = board.card(card)
    label = await resolve(board.labels.create(name="bug"))
    await resolve(spec.labels.add(label))
    await resolve(spec.checklist.update(await resolve(spec.checklist.add(title="Ask")), done=True))
    comment = await resolve(spec.comments.create(content="Fine"))
    await resolve(spec.comments.update(comment, content="Good"))
    card_with_details = await resolve(spec.get())
    assert (card_with_details.label_ids, card_with_details.comment_count) == ([label.id], 1)
    assert card_with_details.checklist[0].done
    assert [comment.content for comment in await resolve(spec.comments.list())] == ["Good"]
    assert (await resolve(client.notifications.count())).count == 0


async def check_errors(client: Any, board: Any, client_of: Callable[..., Any]) -> None:
    with pytest.raises(NotFound) as missing:
        await resolve(board.cards.get("0" * 24))
    assert str(missing.value).startswith("404 Not Found: ")
    assert missing.value.request_id
    with pytest.raises(Invalid) as wrong:
        await resolve(board.labels.create(name="", color="red"))
    assert [problem.field for problem in wrong.value.details] == ["name", "color"]
    with pytest.raises(Conflict):
        await resolve(client.organizations.create(name="Acme", slug="acme"))
    stranger = client_of(token="synth_nonsense")
    with client.capture() as calls, pytest.raises(Unauthenticated):
        await resolve(stranger.auth.me())
    assert calls == []
    with client.capture() as calls, pytest.raises(NotFound):
        await resolve(client.organizations.get("nowhere"))
    assert [(call.operation, call.status, call.tries) for call in calls] == [("organizations.get", 404, 1)]
    await resolve(stranger.close())
