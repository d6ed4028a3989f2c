"""Tests of an application that embeds the core: in memory, with fakes for time, ids and e-mail.

Run it: ``pytest docs/examples/testing_a_host.py``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.pool import StaticPool

from stellary import Stellary
from stellary.contract.cards import CreateCard
from stellary.contract.errors import Conflict
from stellary.contract.refs import ColumnRef, ProjectRef
from stellary.core import Core, Membership, UnitOfWork
from stellary.core.board import cards
from stellary.core.ports.mail import Email

TEAM = Membership("acme", "eng", role="admin")


# --8<-- [start:application]
class Shop:
    """The application: it creates a card for each order, in the transaction of the order."""

    def __init__(self, core: Core, column: ColumnRef) -> None:
        self.core = core
        self.column = column

    def place_order(self, connection: Connection, seller_id: str, product: str) -> str:
        """Insert an order, and return the id of its card."""
        seller = self.core.user(external_id=seller_id, connection=connection)
        request = CreateCard(title=f"Deliver {product}")
        card = self.core.run(seller, lambda uow: cards.create_card(uow, self.column, request), connection)
        order = {"product": product, "card_id": card.id}
        connection.execute(text("INSERT INTO orders VALUES (:product, :card_id)"), order)
        return card.id


# --8<-- [end:application]


# --8<-- [start:fakes]
class Clock:
    """A clock that tests advance."""

    def __init__(self) -> None:
        self.now = datetime(2026, 4, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def emails() -> list[Email]:
    return []


@pytest.fixture
def engine() -> Iterator[Engine]:
    """A database in memory, whose one connection all parts of a test share."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE orders (product TEXT, card_id TEXT)"))
    yield engine
    engine.dispose()


@pytest.fixture
def core(engine: Engine, clock: Clock, emails: list[Email]) -> Iterator[Core]:
    numbers = itertools.count(1)
    core = Core(
        engine,
        clock=clock,
        ids=lambda: f"{next(numbers):024x}",  # ids sort by creation, and are the same in each run
        mailer=emails.append,
        bcrypt_rounds=4,  # hashes passwords quickly
    )
    core.migrate()
    yield core
    core.close()


# --8<-- [end:fakes]


# --8<-- [start:client]
@pytest.fixture
def client(core: Core) -> Stellary:
    """The SDK, on behalf of a user of the application."""
    return Stellary.embedded(core.port(core.provision("7", TEAM, email="jane@example.com")))


@pytest.fixture
def shop(core: Core, client: Stellary) -> Shop:
    ws = client.workspace("acme", "eng")
    board = ws.project(ws.projects.create(name="Orders"))
    column = ProjectRef("acme", "eng", board.get().id).child(ColumnRef, board.columns.list()[0].id)
    return Shop(core, column)


# --8<-- [end:client]


# --8<-- [start:tests]
def test_order_creates_a_card(engine: Engine, shop: Shop, client: Stellary) -> None:
    with engine.begin() as connection:
        card_id = shop.place_order(connection, "7", "a kite")
    card = client.workspace("acme", "eng").project(shop.column.project_id).card(card_id).get()
    assert card.title == "Deliver a kite"


def test_order_that_fails_leaves_no_card(engine: Engine, shop: Shop, client: Stellary) -> None:
    with engine.connect() as connection, connection.begin() as transaction:
        shop.place_order(connection, "7", "a kite")
        transaction.rollback()
    assert client.workspace("acme", "eng").project(shop.column.project_id).cards.list() == []


# --8<-- [end:tests]


# --8<-- [start:time]
def test_invitation_expires(client: Stellary, core: Core, clock: Clock, emails: list[Email]) -> None:
    client.workspace("acme", "eng").members.invite(email="john@example.com")
    assert [email.kind for email in emails] == ["invitation"]
    clock.now += timedelta(days=8)
    assert client.workspace("acme", "eng").invitations.list() == []


def test_jobs_run_when_the_test_says_so(core: Core, client: Stellary) -> None:
    reports: list[object] = []

    def report(uow: UnitOfWork, payload: object) -> None:
        reports.append(payload)

    core.add_job("report", report)
    actor = core.user(external_id="7")
    core.run(actor, lambda uow: core.enqueue(uow, "report", {"team": "eng"}))
    assert reports == []
    core.work.run_due()
    assert reports == [{"team": "eng"}]


# --8<-- [end:time]


# --8<-- [start:sandbox]
@pytest.fixture
def sandbox(engine: Engine) -> Iterator[Connection]:
    """A transaction that is rolled back after the test: the database need not be created for each test."""
    with engine.connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()


def test_within_a_sandbox(core: Core, shop: Shop, sandbox: Connection) -> None:
    jane = core.user(external_id="7", connection=sandbox)
    client = Stellary.embedded(core.port(jane, sandbox))
    shop.place_order(sandbox, "7", "a kite")
    board = client.workspace("acme", "eng").project(shop.column.project_id)
    assert [card.title for card in board.cards.list()] == ["Deliver a kite"]


# --8<-- [end:sandbox]


# --8<-- [start:failure]
def test_application_handles_a_conflict(client: Stellary) -> None:
    with pytest.raises(Conflict) as caught:
        client.organizations.create(name="Acme", slug="acme")
    assert caught.value.code == "duplicate_slug"


# --8<-- [end:failure]
