"""Two cores in two PostgreSQL schemas of one database, which has the tables of a third one in ``public``."""

import itertools
import threading
from contextlib import ExitStack, closing

import pytest
from sqlalchemy import create_engine, make_url, text

from stellary import Stellary
from stellary.core import Core, Membership
from stellary.core.__main__ import main
from tests.server.listening import SOON, listening
from tests.support.boards import Board
from tests.support.migrations import NEXT, read_version, run_sql
from tests.support.shells import running_asgi
from tests.support.world import World

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
    assert [count_tables(postgres_url, schema) for schema in (*SCHEMAS, "public")] == [
        0,
        everything,
        everything,
    ]
    assert [main(["check", "--database", url]) for url in (forum, postgres_url)] == [0, 0]


def test_printed_sql_creates_the_tables_in_the_schema_of_the_connection(postgres_url, capsys):
    run_sql(postgres_url, "CREATE SCHEMA shop")
    url = build_url(postgres_url, "shop")
    main(["sql", "postgresql"])
    run_sql(url, *capsys.readouterr().out.split(";\n")[:-1])
    assert main(["check", "--database", url]) == 0
