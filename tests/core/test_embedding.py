"""Guarantees for hosts: repeated units, the same errors as in the API, and their own transactions."""

import faulthandler
import itertools
import uuid
from collections import Counter
from contextlib import nullcontext
from functools import partial

import psycopg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError

from stellary import Stellary
from stellary.contract.cards import CreateCard, UpdateCard
from stellary.contract.errors import ApiError, Conflict, Invalid, NotFound, ServerError, Unavailable
from stellary.contract.port import RawRequest
from stellary.contract.refs import CardRef, ColumnRef, ProjectRef, Ref
from stellary.contract.wire import Paged
from stellary.core import NOBODY, Actor, Core
from stellary.core.db.retries import TRIES
from tests.core.test_failing_databases import Undone, failing, of
from tests.support.boards import Board, ask, status
from tests.support.core_parts import cards, organizations
from tests.support.each_case import for_each
from tests.support.world import World, at_once, outcome


def ref_of(board):
    return board.workspace.ref.child(ProjectRef, board.project["id"])


def column_ref(board, number=0):
    return ref_of(board).child(ColumnRef, board.columns[number]["id"])


def titles(board):
    return [card["title"] for card in ask(board, "GET", f"{board.path}/cards?limit=200")]


# ------------------------------------------------------------------------------------------------- core.run


def create_by_run(board, **options):
    create = partial(cards.create_card, ref=column_ref(board), request=CreateCard(title="A"))
    return board.world.core.run(board.owner.actor, create, **options)


def test_run_commits_and_returns_what_the_function_returned(board):
    assert board.read({"id": create_by_run(board).id})["title"] == "A"


def test_run_calls_the_function_again_when_the_database_aborted_it(board):
    actors = []

    def work(uow):
        actors.append(uow.actor)
        return cards.create_card(uow, column_ref(board), CreateCard(title="A"))

    with failing(of(OperationalError, Undone()), TRIES - 1):
        board.world.core.run(board.owner.actor, work)
    assert actors == [board.owner.actor] * TRIES
    assert len(titles(board)) == 1


def test_run_raises_unavailable_when_each_try_was_aborted(board):
    with failing(of(OperationalError, Undone())) as failed, pytest.raises(Unavailable) as caught:
        board.world.core.run(board.owner.actor, lambda uow: uow.connection.execute(text("SELECT 1")))
    assert len(failed) == TRIES
    assert isinstance(caught.value.__cause__, DBAPIError)
    assert caught.value.retry_after == 1


def test_run_does_not_repeat_what_a_service_refuses(board):
    calls = []

    def work(uow):
        calls.append(uow)
        return cards.create_card(uow, ref_of(board).child(ColumnRef, "f" * 24), CreateCard(title="A"))

    with pytest.raises(NotFound):
        board.world.core.run(board.owner.actor, work)
    assert len(calls) == 1


def test_run_that_only_reads_cannot_write(board):
    with pytest.raises(ServerError):
        create_by_run(board, read_only=True)
    assert titles(board) == []


def test_run_joins_the_hosts_transaction_and_is_tried_once(host):
    core = Core(host, bcrypt_rounds=4)
    board = Board(World(core), World(core).person("ann"))

    def work(uow):
        return cards.create_card(uow, column_ref(board), CreateCard(title="A"))

    with host.connect() as connection:
        with connection.begin() as transaction:
            core.run(board.owner.actor, work, connection)
            transaction.rollback()
        assert titles(board) == []
        with connection.begin():
            core.run(board.owner.actor, work, connection=connection)
        assert len(titles(board)) == 1
        with (
            connection.begin(),
            failing(of(OperationalError, Undone())) as failed,
            pytest.raises(Unavailable),
        ):
            core.run(board.owner.actor, work, connection=connection)
        assert len(failed) == 1


@pytest.mark.parametrize("unit", ["begin", "view"])
def test_what_the_database_aborts_in_a_block_is_unavailable(core, unit):
    with (
        pytest.raises(Unavailable),
        failing(of(OperationalError, Undone())),
        getattr(core, unit)(NOBODY) as uow,
    ):
        uow.connection.execute(text("SELECT 1"))


@pytest.mark.slow("runs many threads")
@pytest.mark.postgres
@pytest.mark.race
@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_no_database_error_reaches_a_host_whose_threads_get_in_each_others_way(
    postgres_url, isolation, rounds, make_engine
):
    """``python3 dev.py races`` runs 10,000 units of each, which takes longer than a test may."""
    if rounds > 20:
        faulthandler.cancel_dump_traceback_later()
    engine = make_engine(postgres_url, isolation_level=isolation, pool_size=8)
    core = Core(engine, bcrypt_rounds=4)
    board = Board(World(core), World(core).person("ann"))
    first, second = (board.card(column=number)["id"] for number in (0, 1))
    targets = column_ref(board, 0), column_ref(board, 1)
    numbers, ends = itertools.count(), Counter()

    def work(uow, number):
        # Cards and columns are taken in changing order, so that units wait for each other in circles.
        target = targets[number % 2]
        cards.create_card(uow, target, CreateCard(title=f"Card {number}"))
        for card_id in (first, second) if number % 3 else (second, first):
            card = ref_of(board).child(CardRef, card_id)
            cards.update_card(uow, card, UpdateCard(column_id=target.column_id, order=0))

    def run_units():
        while (number := next(numbers)) < rounds * 50:
            try:
                core.run(board.owner.actor, lambda uow: work(uow, number))
                ends["committed"] += 1
            except Exception as error:  # noqa: BLE001 - counted
                ends[type(error)] += 1

    at_once(*[run_units] * 8)
    committed = ends.pop("committed", 0)
    assert not [kind.__name__ for kind in ends if not issubclass(kind, ApiError)]
    assert committed >= 0.95 * rounds * 50, ends
    with core.view(NOBODY) as uow:
        assert uow.connection.execute(text("SELECT count(*) FROM stellary_cards")).scalar() == committed + 2


# ------------------------------------------------------------------------------------------------- errors


def test_an_error_in_a_statement_of_the_hosts_comes_through_unchanged(core):
    for enter in (core.begin, core.view):
        with pytest.raises(DBAPIError, match="nowhere"), enter(NOBODY) as uow:
            uow.connection.execute(text("SELECT nothing FROM nowhere"))
    with pytest.raises(DBAPIError, match="nowhere"):
        core.run(NOBODY, lambda uow: uow.connection.execute(text("SELECT nothing FROM nowhere")))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty_url(request, tmp_path):
    """A database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    url = make_url(request.getfixturevalue("postgres_url"))
    with psycopg.connect(psycopg_url(url), autocommit=True) as connection:
        name = f"{url.database}_empty"
        connection.execute(f'CREATE DATABASE "{name}"')
        yield url.set(database=name).render_as_string(hide_password=False)
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def psycopg_url(url):
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.mark.parametrize(
    "call",
    [
        lambda core: core.user(external_id="1"),
        lambda core: core.authenticate(core.env.signer.issue("a" * 24, 0, core.env.clock())),
        lambda core: core.known_by("ann@example.com"),
        lambda core: core.run(
            Actor("a" * 24), lambda uow: organizations.list_organizations(uow, Ref(), Paged())
        ),
        lambda core: Stellary.embedded(core.port(Actor("a" * 24))).organizations.list(),
    ],
    ids=["user", "authenticate", "known_by", "run", "port"],
)
def test_a_database_that_is_not_migrated_says_what_to_do(empty_url, call):
    core = Core(empty_url)
    with pytest.raises(ServerError, match=r"call core\.migrate\(\) first") as caught:
        call(core)
    assert caught.value.code == "not_migrated"
    core.close()


def test_a_database_of_an_older_version_says_what_to_do(core):
    client = Stellary.embedded(core.port(core.user(external_id="1")))
    home = client.organizations.list()[0].slug
    board = client.workspace(home, home).project(client.workspace(home, home).projects.create(name="Plan"))
    board.column(board.columns.list()[0]).cards.create(title="Write")
    with core.begin(NOBODY) as uow:
        uow.connection.execute(text("ALTER TABLE stellary_cards RENAME COLUMN comment_count TO comments"))
    with pytest.raises(ServerError, match="out of date"):
        board.cards.list()


HOST_TABLE = """
    CREATE TABLE orders (
        card_id VARCHAR(24) REFERENCES stellary_cards (id) {timing},
        project_id VARCHAR(24) REFERENCES stellary_projects (id) {timing},
        column_id VARCHAR(24) REFERENCES stellary_columns (id) {timing},
        label_id VARCHAR(24) REFERENCES stellary_labels (id) {timing}
    )
"""


@pytest.mark.parametrize("timing", ["", "ON DELETE RESTRICT", "DEFERRABLE INITIALLY DEFERRED"])
def test_what_a_hosts_row_refers_to_cannot_be_deleted(board, timing):
    """At once, or where the host checks its keys at the end, in the commit."""
    core, label = board.world.core, board.label()
    referred = {
        "card_id": board.card(column=1),
        "column_id": board.columns[2],
        "label_id": label,
        "project_id": board.project,
    }
    paths = {
        "card_id": f"{board.path}/cards/{referred['card_id']['id']}",
        "column_id": f"{board.path}/columns/{board.columns[2]['id']}",
        "label_id": f"{board.flat}/labels/{label['id']}",
        "project_id": board.path,
    }
    with core.begin(NOBODY) as uow:
        uow.connection.execute(text(HOST_TABLE.format(timing=timing)))
    for column, thing in referred.items():
        with core.begin(NOBODY) as uow:
            uow.connection.execute(text(f"INSERT INTO orders ({column}) VALUES (:id)"), {"id": thing["id"]})
        answer = board.world.call(board.owner, "DELETE", paths[column])
        assert outcome(answer) == (409, "in_use"), column
        assert status(board, "GET", board.path) == 200
        with core.begin(NOBODY) as uow:
            uow.connection.execute(text("DELETE FROM orders"))
    for path in paths.values():
        assert status(board, "DELETE", path) == 200


@pytest.mark.parametrize("timing", ["", "DEFERRABLE INITIALLY DEFERRED"])
def test_a_unit_that_deletes_what_a_hosts_row_refers_to_is_a_conflict(host, timing):
    core = Core(host, bcrypt_rounds=4)
    board = Board(World(core), World(core).person("ann"))
    card = board.card()
    ref = ref_of(board).child(CardRef, card["id"])
    with core.begin(NOBODY) as uow:
        uow.connection.execute(text(HOST_TABLE.format(timing=timing)))
        uow.connection.execute(text("INSERT INTO orders (card_id) VALUES (:id)"), {"id": card["id"]})
    for connect in (nullcontext, host.begin):
        with connect() as connection:
            with pytest.raises(Conflict) as caught:
                core.run(board.owner.actor, lambda uow: cards.delete_card(uow, ref), connection)
            assert caught.value.code == "in_use"
            with pytest.raises(Conflict), core.begin(board.owner.actor, connection) as uow:
                cards.delete_card(uow, ref)
            port = core.port(board.owner.actor, connection=connection)
            answer = port.send(RawRequest("DELETE", f"{board.path}/cards/{card['id']}", "", {}, b""))
            assert outcome(answer) == (409, "in_use")
            if connection is not None:
                # The keys are deferred again: the host can insert a row before the one that it refers to.
                later, unknown = {"id": card["id"]}, {"id": "f" * 24}
                connection.execute(
                    text("INSERT INTO orders (card_id) VALUES (:id)"), unknown if timing else later
                )
                connection.execute(text("DELETE FROM orders WHERE card_id = :id"), unknown)
    assert titles(board) == [card["title"]]


# ------------------------------------------------------------------------------------------------- users and ids


def test_a_user_without_an_address_is_mapped(core):
    actor = core.user(external_id="service-7")
    assert core.user(external_id="service-7", email=None) == actor
    assert core.user(external_id="service-8") != actor
    me = Stellary.embedded(core.port(actor)).auth.me().user
    assert (me.name, me.email) == ("service-7", f"{actor.user_id}@users.invalid")


def test_an_address_is_kept_where_none_is_given(core):
    actor = core.user(external_id="1", email="ann@example.com", name="Ann")
    assert core.user(external_id="1") == actor
    assert core.user(external_id="1", name="Anne") == actor
    me = Stellary.embedded(core.port(actor)).auth.me().user
    assert (me.name, me.email) == ("Anne", "ann@example.com")


@pytest.mark.parametrize(
    "email",
    [
        "root@localhost",
        "jane..doe.@docomo.ne.jp",
        "svc backup@corp",
        "ann@192.168.1.1",
        "x" * 100 + "@example.com",
        "ann@-x-.test",
    ],
)
def test_a_user_with_an_unusual_address_is_mapped(core, email):
    actor = core.user(external_id="1", email=email)
    assert core.user(external_id="1", email=email) == actor
    assert core.known_by(email) == actor
    assert Stellary.embedded(core.port(actor)).auth.me().user.email == email


@for_each("email", ["", "ann", "ann@exa\nmple.com", "ann\0@example.com", "x" * 251 + "@a.b"])
def test_what_cannot_be_an_address_is_refused(core, email):
    with pytest.raises(Invalid, match="email must have an @"):
        core.user(external_id="1", email=email)


@pytest.mark.parametrize(
    "ids",
    [
        lambda: "42",
        lambda: uuid.uuid4().hex,
        uuid.uuid4,
        lambda: "A" * 24,
        lambda: "a" * 24 + "\n",
        lambda: b"a" * 24,
        lambda: "a" * 24,
    ],
    ids=["short", "long", "uuid", "capitals", "line", "bytes", "same"],
)
def test_a_source_that_makes_something_else_than_ids_is_refused_at_once(ids):
    with pytest.raises(ValueError, match="ids must return"):
        Core("sqlite://", ids=ids)


def test_a_source_of_ids_is_used(core, database_url):
    numbers = itertools.count(0xABC)
    own_core = Core(database_url, ids=lambda: f"{next(numbers):024x}")
    assert own_core.user(external_id="1").user_id.startswith("0" * 20)
    own_core.close()
