"""Two cores in two PostgreSQL schemas of one database, which has the tables of a third one in ``public``."""

import itertools
import os
import subprocess
import threading
from contextlib import ExitStack, closing
from functools import partial

import pytest
from sqlalchemy import create_engine, make_url, text

from stellary import Stellary
from stellary.contract.errors import ApiError, Unavailable
from stellary.core import NOBODY, Core, Membership
from stellary.core.__main__ import main
from stellary.core.kernel.events import ProjectCreated
from tests.server.listening import SOON, listening
from tests.support.boards import Board, ask
from tests.support.card_terms import find_wrong_terms
from tests.support.each_case import for_each
from tests.support.migrations import NEXT, read_version, run_sql
from tests.support.postgres import prepend_programs
from tests.support.search_prefixes import find_wrong_prefixes
from tests.support.shells import running_asgi
from tests.support.world import World, at_once

pytestmark = pytest.mark.slow("migrates several schemas")

SCHEMAS = ("shop", "forum")


@pytest.fixture
def urls(postgres_url):
    """The URLs of the two schemas, which are migrated."""
    run_sql(postgres_url, *(f"CREATE SCHEMA {schema}" for schema in SCHEMAS))
    urls = [build_url(postgres_url, schema) for schema in SCHEMAS]
    assert [main(["migrate", "--database", url]) for url in urls] == [0, 0]
    return urls


def build_url(url, schema):
    query = {"options": f"-c search_path={schema}"}
    return make_url(url).update_query_dict(query).render_as_string(hide_password=False)


def count_tables(url, schema):
    query = "SELECT count(*) FROM pg_tables WHERE schemaname = :schema AND tablename LIKE 'stellary!_%' ESCAPE '!'"
    engine = create_engine(url)
    with engine.connect() as connection:
        count = connection.execute(text(query), {"schema": schema}).scalar_one()
    engine.dispose()
    return count


def test_cores_in_two_schemas_share_nothing(urls, postgres_url):
    membership = Membership("acme", "eng")
    with ExitStack() as stack:
        cores = [stack.enter_context(closing(Core(url, bcrypt_rounds=4))) for url in (*urls, postgres_url)]
        actors = [core.provision("42", membership, email="jane@example.com") for core in cores]
        assert len({actor.user_id for actor in actors}) == 3
        for number, (core, actor) in enumerate(zip(cores, actors, strict=True)):
            ws = Stellary.embedded(core.port(actor)).workspace("acme", "eng")
            ws.project(ws.projects.create(name=f"Launch {number}"))
            # Statements are compiled once, and run on connections of every core.
            assert [project.name for _ in range(3) for project in ws.projects.list()] == [
                f"Launch {number}"
            ] * 3
            assert [hit.title for hit in ws.search(q="launch")] == [f"Launch {number}"]


def test_job_of_one_schema_is_not_run_in_another(urls):
    received = []
    with closing(Core(urls[0])) as shop, closing(Core(urls[1])) as forum:
        for name, core in (("shop", shop), ("forum", forum)):
            core.add_job("report", lambda uow, payload, name=name: received.append((name, payload)))
        actor = shop.user(external_id="42")
        shop.run(actor, lambda uow: shop.enqueue(uow, "report", {"team": "eng"}, key="eng"))
        forum.work.run_due()
        assert received == []
        shop.work.run_due()
        assert received == [("shop", {"team": "eng"})]


def test_streams_have_the_events_of_their_schema_only(urls):
    """Check cores whose workspaces have the same ids, so that each is woken by the signals of the other."""
    with ExitStack() as stack:

        def open_core(url):
            ids = map("{:024x}".format, itertools.count(1))
            core = Core(url, bcrypt_rounds=4, jwt_secret="x" * 32, ids=ids.__next__)
            return stack.enter_context(closing(core))

        shop, forum, shop_elsewhere = (open_core(url) for url in (*urls, urls[0]))
        of_shop, of_forum = [Board(World(core), World(core).person()) for core in (shop, forum)]
        assert of_shop.workspace.id == of_forum.workspace.id
        is_woken = threading.Event()
        stack.enter_context(
            forum.env.signals.listening(lambda topic: of_shop.workspace.id in topic and is_woken.set())
        )
        servers = [stack.enter_context(running_asgi(core)) for core in (shop, shop_elsewhere, forum)]
        token = of_shop.world.bearer(of_shop.owner)
        _, elsewhere, apart = (
            stack.enter_context(listening(server, f"{of_shop.flat}/events", token)) for server in servers
        )
        of_shop.card("In the shop")
        assert elsewhere.event()["meta"]["cardTitle"] == "In the shop"
        assert is_woken.wait(SOON)
        of_forum.card("In the forum")
        assert apart.event()["meta"]["cardTitle"] == "In the forum"
        of_shop.card("Again")
        assert elsewhere.event()["meta"]["cardTitle"] == "Again"


def test_commands_manage_one_schema(urls, postgres_url, next_version, capsys):
    shop, forum = urls
    next_version.use_all_operations()
    for url in (*urls, postgres_url):
        run_sql(url, f"UPDATE stellary_alembic_version SET version_num = '{NEXT}'")
    everything = count_tables(postgres_url, "public")
    assert [count_tables(postgres_url, schema) for schema in SCHEMAS] == [everything] * 2
    assert main(["downgrade", "--database", forum, "--yes"]) == 0
    assert [read_version(url) for url in (shop, forum, postgres_url)] == [NEXT, next_version.newest, NEXT]
    assert main(["migrate", "--database", forum]) == 0
    assert main(["uninstall", "--database", shop, "--yes"]) == 0
    expected = [0, everything, everything]
    assert [count_tables(postgres_url, schema) for schema in (*SCHEMAS, "public")] == expected
    assert [main(["check", "--database", url]) for url in (forum, postgres_url)] == [0, 0]


def test_printed_sql_creates_the_tables_in_the_schema_of_the_connection(postgres_url, capsys):
    run_sql(postgres_url, "CREATE SCHEMA shop")
    url = build_url(postgres_url, "shop")
    main(["sql", "postgresql"])
    run_sql(url, *capsys.readouterr().out.split(";\n")[:-1])
    assert main(["check", "--database", url]) == 0


# -------------------------------------------------------------------------------------------- one core for all


@pytest.fixture(params=[{}, {"readers": 1, "writers": 1}], ids=["idle connections", "few connections"])
def base(request, urls, postgres_url):
    """A core in ``public`` beside migrated schemas, with a connection for each schema, or one for all."""
    with closing(Core(postgres_url, bcrypt_rounds=4, **request.param)) as core:
        yield core


def find_search_path(core):
    with core.database.reading() as reading, core.database.writing() as writing:
        return {
            connection.execute(text("SHOW search_path")).scalar_one() for connection in (reading, writing)
        }


def test_core_serves_schemas_that_share_nothing(base):
    cores = [base, *map(base.in_schema, SCHEMAS)]
    actors = [core.provision("42", Membership("acme", "eng"), email="jane@example.com") for core in cores]
    workspaces = [
        Stellary.embedded(core.port(actor)).workspace("acme", "eng")
        for core, actor in zip(cores, actors, strict=True)
    ]
    for number, workspace in enumerate(workspaces):
        project = workspace.project(workspace.projects.create(name=f"Launch {number}"))
        project.cards.create(project.columns.list()[0].id, title=f"Card {number}")

    def use(number):
        for turn in range(10):
            # In turn with other threads, and with the schemas of each.
            ws, expected = workspaces[(number + turn) % 3], (number + turn) % 3
            (project,) = ws.projects.list()
            assert project.name == f"Launch {expected}"
            assert [card.title for card in ws.project(project).cards.list()] == [f"Card {expected}"]
            assert [hit.title for hit in ws.search(q="launch")] == [f"Launch {expected}"]

    at_once(*[partial(use, number) for number in range(3)])
    assert [find_search_path(core) for core in cores] == [{'"$user", public'}, {'"shop"'}, {'"forum"'}]


def test_connection_of_a_schema_is_not_passed_on_after_a_fault(base):
    shop = base.in_schema("shop")
    with pytest.raises(ApiError):
        shop.run(
            NOBODY, lambda uow: uow.connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        )
    assert find_search_path(shop) == {'"shop"'}
    assert find_search_path(base) == {'"$user", public'}


def test_lost_connections_of_another_schema_are_unavailable_once(urls, postgres_url):
    with closing(Core(postgres_url, readers=1, writers=1)) as base:
        shop = base.in_schema("shop")
        assert find_search_path(base) == {'"$user", public'}
        run_sql(
            postgres_url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()",
        )
        with pytest.raises(Unavailable):
            shop.run(NOBODY, lambda uow: uow.connection.execute(text("SELECT 1")))
        assert find_search_path(shop) == {'"shop"'}
        assert find_search_path(base) == {'"$user", public'}


def test_handlers_and_jobs_of_a_core_belong_to_its_schemas(base):
    received, events = [], []
    base.add_job("report", lambda uow, payload: received.append(payload))
    base.on(ProjectCreated, lambda uow, event: events.append(event.project.name))
    shop = base.in_schema("shop")
    actor = shop.provision("42", Membership("acme", "eng"))
    shop.run(actor, lambda uow: shop.enqueue(uow, "report", {"team": "eng"}))
    Stellary.embedded(shop.port(actor)).workspace("acme", "eng").projects.create(name="Launch")
    base.work.run_due()
    assert received == []
    shop.work.run_due()
    shop.close()
    assert (received, events) == ([{"team": "eng"}], ["Launch"])
    assert find_search_path(base) == {'"$user", public'}


@pytest.mark.slow("migrates a schema")
def test_schema_is_migrated_over_the_connections_of_the_core(base, next_version, urls, postgres_url):
    next_version.use_all_operations()
    run_sql(urls[0], f"UPDATE stellary_alembic_version SET version_num = '{NEXT}'")
    assert main(["downgrade", "--database", urls[0], "--yes"]) == 0
    run_sql(postgres_url, 'CREATE SCHEMA "new"')
    for name, url in (("shop", urls[0]), ("new", build_url(postgres_url, "new"))):
        base.in_schema(name).migrate()
        assert read_version(url) == NEXT
    assert [read_version(url) for url in (urls[1], postgres_url)] == [next_version.newest] * 2


@pytest.mark.slow("runs pg_dump")
def test_backup_of_a_schema_contains_no_other(base, postgres_url, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", prepend_programs(os.environ["PATH"]))
    name = 'a"|"shop\'s%'
    run_sql(postgres_url, 'CREATE SCHEMA "a""|""shop\'s%"')
    schema = base.in_schema(name)
    schema.migrate()
    assert find_search_path(schema) == {'"a""|""shop\'s%"'}
    schema.back_up(tmp_path / "backup")
    command = ["pg_restore", "--list", tmp_path / "backup" / "stellary.dump"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert [f" {schema} " in listed for schema in (name, *SCHEMAS)] == [True, False, False]


@for_each(
    "database, arguments",
    [
        ("sqlite://", ("shop",)),
        ("postgresql://localhost/none", ("",)),
        ("postgresql://localhost/none", ("x" * 64,)),
        (create_engine("postgresql+psycopg://localhost/none"), ("shop",)),
    ],
)
def test_core_without_schemas_refuses_them(database, arguments):
    with closing(Core(database)) as core, pytest.raises(ValueError, match=r"schema"):
        core.in_schema(*arguments)


def test_schema_needs_a_store_of_its_own(postgres_url, tmp_path):
    with closing(Core(postgres_url, blobs=tmp_path)) as core:
        with pytest.raises(ValueError, match="store of its own"):
            core.in_schema("shop")
        core.in_schema("shop", tmp_path / "shop")


@pytest.mark.postgres
def test_triggers_find_their_tables_under_another_search_path(postgres_core):
    """On a shard of Citus, the session has another search path than the postgres_core."""
    board = Board(World(postgres_core), World(postgres_core).person())
    card, label = board.card("Launch"), board.label("bug")
    with postgres_core.database.writing() as connection:
        for statement in (
            "SET LOCAL search_path = pg_catalog",
            f"UPDATE public.stellary_cards SET label_ids = '[\"{label['id']}\"]' WHERE id = '{card['id']}'",
            "UPDATE public.stellary_search_entries SET prefixes = '1,2', is_indexed = false",
        ):
            connection.execute(text(statement))
        assert connection.execute(text("SHOW search_path")).scalar_one() == "pg_catalog"
    assert find_wrong_terms(postgres_core) == set()
    assert find_wrong_prefixes(postgres_core) == set()
    with postgres_core.database.reading() as connection:
        triggers = connection.execute(
            text("SELECT prosrc FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid WHERE NOT tgisinternal")
        )
        assert all("TG_TABLE_SCHEMA" in source for source in triggers.scalars())


def test_list_behind_a_pooler_is_not_read_before_its_transaction_sets_the_schema(postgres_url, monkeypatch):
    monkeypatch.setattr("stellary.core.db.postgres._is_pooled", lambda _: True)
    run_sql(postgres_url, "CREATE SCHEMA shop", "CREATE SCHEMA empty")
    with closing(Core(build_url(postgres_url, "empty"), bcrypt_rounds=4)) as core:
        shop = core.in_schema("shop")
        shop.migrate()
        board = Board(World(shop), World(shop).person())
        board.card("One")
        for _ in range(4):
            assert [card["title"] for card in ask(board, "GET", f"{board.path}/cards")] == ["One"]
