"""Units that join the transaction of an ``AsyncSession``, on asyncpg and aiosqlite."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import attrs
import pytest
import pytest_asyncio
from sqlalchemy import event, make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from stellary import Stellary
from stellary.contract.cards import CreateCard, ListCards
from stellary.contract.errors import Conflict, NotFound
from stellary.contract.refs import CardRef, ColumnRef, ProjectRef
from stellary.core import Actor, Core, Membership, UnitOfWork, events
from tests.support.core_parts import board_listing as listing
from tests.support.core_parts import cards

TEAM = Membership("acme", "eng", role="admin")
DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}


def create_host_engine(database_url: str) -> AsyncEngine:
    """Return an engine of a host, with the driver for asynchronous code."""
    url = make_url(database_url)
    engine = create_async_engine(url.set(drivername=DRIVERS[url.get_backend_name()]))
    if url.get_backend_name() == "sqlite":

        @event.listens_for(engine.sync_engine, "connect")
        def keep_foreign_keys(connection: Any, _: object) -> None:
            connection.execute("PRAGMA foreign_keys=ON")

    return engine


@attrs.frozen
class Host:
    """A host with a board, and a table ``notes`` of its own."""

    core: Core
    engine: AsyncEngine
    actor: Actor
    column: ColumnRef

    def session(self) -> AsyncSession:
        return AsyncSession(self.engine, expire_on_commit=False)

    @property
    def board(self) -> ProjectRef:
        return ProjectRef("acme", "eng", self.column.project_id)

    async def count_notes(self) -> int:
        async with self.session() as session:
            return (await session.scalars(text("SELECT count(*) FROM notes"))).one()

    def list_titles(self) -> list[str]:
        work = self.core.run(
            self.actor, lambda uow: listing.list_cards(uow, self.board, ListCards()), read_only=True
        )
        return sorted(card.title for card in work.items)


@pytest_asyncio.fixture
async def host(core: Core, database_url: str) -> AsyncIterator[Host]:
    actor = core.provision("42", TEAM, email="ann@example.com")
    client = Stellary.embedded(core.port(actor)).workspace("acme", "eng")
    project = client.projects.create(name="Launch")
    to_do = client.project(project).columns.list()[0]
    engine = create_host_engine(database_url)
    async with engine.begin() as connection:
        columns = "title VARCHAR(200) PRIMARY KEY, card_id VARCHAR(24) REFERENCES stellary_cards (id)"
        await connection.execute(text(f"CREATE TABLE notes ({columns})"))
    yield Host(core, engine, actor, ColumnRef("acme", "eng", project.id, to_do.id))
    await engine.dispose()


def create_note(host: Host, session: Session, title: str) -> str:
    """Create a card and a note in the transaction of a session, and return the id of the card."""
    connection = session.connection()
    card = host.core.run(
        host.actor, lambda uow: cards.create_card(uow, host.column, CreateCard(title=title)), connection
    )
    session.execute(text("INSERT INTO notes VALUES (:title, :card_id)"), {"title": title, "card_id": card.id})
    return card.id


async def test_rows_of_host_and_core_are_committed_together(host):
    async with host.session() as session, session.begin():
        await session.run_sync(lambda sync: create_note(host, sync, "Both"))
        assert host.list_titles() == []
    assert (host.list_titles(), await host.count_notes()) == (["Both"], 1)


async def test_rollback_undoes_both(host):
    async with host.session() as session:
        await session.run_sync(lambda sync: create_note(host, sync, "Neither"))
        await session.rollback()
    assert (host.list_titles(), await host.count_notes()) == ([], 0)


async def test_failed_unit_leaves_the_transaction_of_the_host(host):
    async with host.session() as session, session.begin():
        await session.execute(text("INSERT INTO notes VALUES ('Mine', NULL)"))
        missing = CardRef("acme", "eng", host.column.project_id, "0" * 24)
        with pytest.raises(NotFound):
            await session.run_sync(
                lambda sync: host.core.run(
                    host.actor, lambda uow: cards.delete_card(uow, missing), sync.connection()
                )
            )
    assert await host.count_notes() == 1


async def test_client_in_the_transaction_sees_its_changes(host):
    def search(session: Session) -> list[str]:
        create_note(host, session, "Überholt")
        client = Stellary.embedded(host.core.port(host.actor, session.connection()))
        board = client.workspace("acme", "eng").project(host.column.project_id)
        board.columns.create(name="Later")
        board.cards.update(board.cards.list()[0], priority="high", due_date="2026-04-01")
        return [card.title for card in board.cards.list(q="überholt", priority="high")]

    async with host.session() as session, session.begin():
        assert await session.run_sync(search) == ["Überholt"]


async def test_tasks_of_one_loop_write_beside_each_other(host):
    """Check that a unit that waits for a lock lets the task continue that holds it."""

    async def add(number: int) -> None:
        async with host.session() as session, session.begin():
            await session.run_sync(lambda sync: create_note(host, sync, str(number)))
            await asyncio.sleep(0)
            await session.execute(text("SELECT 1"))

    await asyncio.gather(*[add(number) for number in range(8)])
    assert host.list_titles() == sorted(map(str, range(8)))


async def test_unit_of_its_own_in_an_open_transaction_is_an_error(host):
    async with host.session() as session, session.begin():
        await session.run_sync(lambda sync: create_note(host, sync, "Open"))
        with pytest.raises(RuntimeError, match="pass its connection to this unit too"):
            await asyncio.to_thread(host.core.run, host.actor, lambda uow: None)


async def test_session_in_place_of_its_connection_is_an_error(host):
    async with host.session() as session, session.begin():
        for wrong in (session, session.sync_session, await session.connection()):
            for use in (
                partial(host.core.run, host.actor, print),
                partial(host.core.run, host.actor, print, read_only=True),
                partial(host.core.port, host.actor),
            ):
                with pytest.raises(
                    TypeError, match=r"must be a Connection of SQLAlchemy, not .*: pass session"
                ):
                    use(connection=wrong)


async def test_asynchronous_connection_outside_of_run_sync_is_an_error(host):
    async with host.session() as session, session.begin():
        connection = (await session.connection()).sync_connection
        for read_only in (False, True):
            with pytest.raises(RuntimeError, match="the connection is asynchronous"):
                host.core.run(host.actor, lambda uow: None, connection, read_only=read_only)


async def test_core_refuses_an_asynchronous_engine(host):
    for engine in (host.engine, host.engine.sync_engine):
        with pytest.raises(TypeError, match="for an asynchronous engine pass the URL of its database"):
            Core(engine)
    with pytest.raises(ValueError, match=r"must look like .*://"):
        Core(str(host.engine.url))


async def test_handler_vetoes_within_the_session(host):
    def refuse(uow: UnitOfWork, created: events.CardCreated) -> None:
        raise Conflict("the board is full")

    host.core.on(events.CardCreated, refuse)
    async with host.session() as session, session.begin():
        await session.execute(text("INSERT INTO notes VALUES ('Mine', NULL)"))
        with pytest.raises(Conflict, match="the board is full"):
            await session.run_sync(lambda sync: create_note(host, sync, "Vetoed"))
    assert (host.list_titles(), await host.count_notes()) == ([], 1)


async def test_deleting_a_card_of_the_host_is_a_conflict(host):
    async with host.session() as session, session.begin():
        card_id = await session.run_sync(lambda sync: create_note(host, sync, "Kept"))
    ref = CardRef("acme", "eng", host.column.project_id, card_id)
    async with host.session() as session, session.begin():
        with pytest.raises(Conflict) as caught:
            await session.run_sync(
                lambda sync: host.core.run(
                    host.actor, lambda uow: cards.delete_card(uow, ref), sync.connection()
                )
            )
    assert caught.value.code == "in_use"
    assert host.list_titles() == ["Kept"]
