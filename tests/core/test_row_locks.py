"""Row locks on PostgreSQL: for each one in the source, a race that goes wrong without it.

In each race a second request comes while the unit of a first one is still open. Each is run twice: as the code is, and
with the lock taken out of its statement, where it must go wrong. A lock that no race needs has to go.
"""

from __future__ import annotations

import ast
import importlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import orjson
import psycopg
import pytest
from sqlalchemy import delete, insert, make_url, text, tuple_

import stellary.core
from stellary.contract.port import RawRequest
from stellary.core import Core
from stellary.core.accounts import api_tokens
from stellary.core.api import dispatch
from stellary.core.kernel import idempotency, jobs
from stellary.core.kernel.commit_watermark import CommitWatermark
from stellary.core.kernel.unit import NOBODY
from stellary.core.notifications.stream import commit_watermark
from stellary.core.pilotage.ledger import MISSIONS, TODOS
from stellary.core.webhooks import queue
from tests.core.agents.office import Office
from tests.support.world import Person, World

ROOT = Path(stellary.core.__file__).parent
BLOCKED = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


@pytest.fixture
def office(postgres_url: str) -> Iterator[Office]:
    core = Core(postgres_url, bcrypt_rounds=4)
    world = World(core)
    yield Office(world, world.person("ann"))
    core.close()


# ------------------------------------------------------------------------------------------------- two at once


def run_beside(core: Core, first: Callable[[Any], Any], second: Callable[[], Any]) -> tuple[Any, Any, bool]:
    """Run something in a unit, and something else while that is still open.

    Returns:
        What both returned, and whether the second had ended before the first unit was over.
    """
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(second()))
    if core.database.is_sqlite:
        # One unit writes at a time, so that the second waits before it has seen anything.
        with core.begin(NOBODY) as uow:
            result = first(uow)
            thread.start()
            thread.join(0.05)
        thread.join()
        return result, results[0], False
    url = make_url(core.database.engine.url).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as observer:
        with core.begin(NOBODY) as uow:
            result = first(uow)
            thread.start()
            while thread.is_alive() and not observer.execute(BLOCKED).fetchone()[0]:
                time.sleep(0.002)
            overtook = not thread.is_alive()
        thread.join()
    return result, results[0], overtook


Request = tuple[Any, ...]
"""Who, the method, the path, and the body."""


def race(office: Office, first: Request, second: Request) -> int:
    """The status of the answer to a second request, which comes while the unit of the first one is still open."""
    core = office.world.core
    who, method, path, body = (*first, None)[:4]
    headers = {"content-type": "application/json", "x-request-id": "first"}
    actor = who.actor if isinstance(who, Person) else None
    if actor is None:
        headers["authorization"] = f"Bearer {who}"
    request = RawRequest(method, path, "", headers, b"" if body is None else orjson.dumps(body))
    call = dispatch._call(core.units, request, actor, None)
    answer, status, _ = run_beside(
        core, lambda uow: call._run_in_unit(uow, call.parse_request()), lambda: office.world.status(*second)
    )
    assert answer.status < 300, answer.body
    return int(status)


def add_columns(office: Office) -> None:
    column = f"{office.path}/columns"
    race(
        office,
        (office.owner, "POST", column, {"name": "A"}),
        (office.owner, "POST", column, {"name": "B"}),
    )
    orders = [each["order"] for each in office.world.ask(office.owner, "GET", column)]
    assert sorted(orders) == list(range(len(orders)))


def fill_column(office: Office) -> None:
    column = f"{office.path}/columns/{office.columns[0]['id']}"
    office.world.ask(office.owner, "PATCH", column, {"wipLimit": 1})
    move = {"columnId": office.columns[0]["id"]}
    first, second = (office.of(office.card(column=1)) for _ in range(2))
    assert race(office, (office.owner, "PATCH", first, move), (office.owner, "PATCH", second, move)) == 409


def change_card(office: Office) -> None:
    card = office.card()
    path = f"{office.flat_of(card)}/checklist"
    race(office, (office.owner, "POST", path, {"title": "A"}), (office.owner, "POST", path, {"title": "B"}))
    assert {step["title"] for step in office.read(card)["checklist"]} == {"A", "B"}


def change_cards_in_bulk(office: Office) -> None:
    card = office.card()
    race(
        office,
        (office.owner, "PATCH", office.of(card), {"priority": "high"}),
        (
            office.owner,
            "PATCH",
            f"{office.path}/cards/bulk",
            {"cards": [{"id": card["id"], "title": "New"}]},
        ),
    )
    after = office.read(card)
    assert (after["title"], after["priority"]) == ("New", "high")


def make_field(office: Office, name: str, kind: str = "text", **more: Any) -> Any:
    body = {"name": name, "type": kind, **more}
    return office.world.ask(office.owner, "POST", f"{office.path}/custom-fields", body)


def delete_field(office: Office) -> None:
    gone, kept = make_field(office, "Gone"), make_field(office, "Kept")
    card = office.card(customFields={gone["id"]: "1"})
    race(
        office,
        (office.owner, "PATCH", f"{office.flat_of(card)}/custom-fields", {kept["id"]: "2"}),
        (office.owner, "DELETE", f"{office.flat}/custom-fields/{gone['id']}"),
    )
    assert office.read(card)["customFields"] == {kept["id"]: "2"}


def change_field(office: Office) -> None:
    field = make_field(office, "Size")
    path = f"{office.flat}/custom-fields/{field['id']}"
    race(
        office,
        (office.owner, "PATCH", path, {"name": "Effort"}),
        (office.owner, "PATCH", path, {"required": True}),
    )
    (after,) = office.world.ask(office.owner, "GET", f"{office.path}/custom-fields")
    assert (after["name"], after["required"]) == ("Effort", True)


def narrow_field(office: Office) -> None:
    field, card = make_field(office, "Size", "select", options=["S", "L"]), office.card()
    race(
        office,
        (office.owner, "PATCH", f"{office.flat_of(card)}/custom-fields", {field["id"]: "S"}),
        (office.owner, "PATCH", f"{office.flat}/custom-fields/{field['id']}", {"options": ["L"]}),
    )
    assert office.read(card)["customFields"] == {}


def bear_deleted_label(office: Office) -> None:
    card, label = office.card(), office.label()
    race(
        office,
        (office.owner, "PATCH", office.of(card), {"labelIds": [label["id"]]}),
        (office.owner, "DELETE", f"{office.flat}/labels/{label['id']}"),
    )
    assert office.read(card)["labelIds"] == []


def add_deleted_label(office: Office) -> None:
    card, label = office.card(), office.label()
    status = race(
        office,
        (office.owner, "DELETE", f"{office.flat}/labels/{label['id']}"),
        (office.owner, "POST", f"{office.flat_of(card)}/labels/{label['id']}"),
    )
    assert status == 404
    assert office.read(card)["labelIds"] == []


def relate_to_deleted_card(office: Office) -> None:
    card, other = office.card(), office.card()
    body = {"targetCardId": other["id"], "type": "blocks"}
    status = race(
        office,
        (office.owner, "DELETE", office.of(other)),
        (office.owner, "POST", f"{office.flat_of(card)}/relations", body),
    )
    assert status == 400


def give_deleted_card_to_agent(office: Office) -> None:
    card, agent = office.card(), office.agent()
    body = {"cardId": card["id"], "prompt": "comment: On it."}
    status = race(
        office,
        (office.owner, "DELETE", office.of(card)),
        (office.owner, "POST", f"{office.agents}/{agent['id']}/missions", body),
    )
    assert status == 400


def decide_last_two_of_batch(office: Office) -> None:
    mission = office.mission(office.agent("approval"), "set priority high, comment: On it.")
    office.worked(mission)
    first, second = (f"{office.flat}/proposals/{each['id']}/approve" for each in office.proposals(mission))
    assert race(office, (office.owner, "POST", first, {}), (office.owner, "POST", second, {})) == 200
    assert office.mission_now(mission)["status"] == "completed"


def exceed_rate_of_agent(office: Office) -> None:
    agent = office.agent(rateLimit={"maxActions": 1, "windowSeconds": 3600})
    token = office.token(agent)
    assert race(office, (token, "GET", office.path), (token, "GET", office.path)) == 429


def claim_job_twice(office: Office) -> None:
    core = office.world.core
    with core.begin(NOBODY) as uow:
        for number in range(2):
            jobs.enqueue(uow, "test", {"number": number})

    def claim(connection: Any) -> Any:
        return jobs.claim(connection, ["test"], core.env.clock(), core.env.new_id)

    def claim_beside() -> Any:
        with core.begin(NOBODY) as uow:
            return claim(uow.connection)

    first, second, overtook = run_beside(core, lambda uow: claim(uow.connection), claim_beside)
    assert overtook
    assert first.id != second.id


def forget_same_keys(office: Office) -> None:
    core = office.world.core
    old = {"user_id": "a" * 24, "key_digest": "k", "request_digest": "r", "status": 200, "headers": {}}
    with core.begin(NOBODY) as uow:
        uow.connection.execute(insert(idempotency.keys), {**old, "created_at": uow.now})

    def forget(connection: Any) -> None:
        connection.execute(idempotency._FORGET, {"before": core.env.clock()})

    def forget_beside() -> None:
        with core.begin(NOBODY) as uow:
            forget(uow.connection)

    assert run_beside(core, lambda uow: forget(uow.connection), forget_beside)[2]


def claim_webhook_twice(office: Office) -> None:
    core = office.world.core
    body = {"url": "https://example.com/hook", "events": ["card_created"]}
    hook = office.world.ask(office.owner, "POST", f"{office.flat}/webhooks", body)

    def lock_beside() -> Any:
        with core.begin(NOBODY) as uow:
            return queue._lock(uow.connection, [hook["id"]])

    first, second, overtook = run_beside(
        core, lambda uow: queue._lock(uow.connection, [hook["id"]]), lock_beside
    )
    assert overtook
    assert (len(first), len(second)) == (1, 0)


def set_status_of_todo(office: Office) -> None:
    pilotage = f"{office.flat}/pilotage"
    todo = office.world.ask(office.owner, "POST", f"{pilotage}/todos", {"label": "A"})
    path = f"{pilotage}/todos/{todo['id']}"
    race(
        office,
        (office.owner, "PATCH", path, {"status": "done"}),
        (office.owner, "PATCH", path, {"status": "todo"}),
    )
    (after,) = office.world.ask(office.owner, "GET", f"{pilotage}/todos")
    assert after["status"] == "todo"


def refer_to_deleted_mission(office: Office) -> None:
    pilotage = f"{office.flat}/pilotage"
    mission = office.world.ask(office.owner, "POST", f"{pilotage}/missions", {"objective": "A"})
    status = race(
        office,
        (office.owner, "DELETE", f"{pilotage}/missions/{mission['id']}"),
        (office.owner, "POST", f"{pilotage}/todos", {"label": "A", "missionId": mission["id"]}),
    )
    assert status == 400


def make_document(office: Office, title: str, **more: Any) -> Any:
    return office.world.ask(office.owner, "POST", f"{office.flat}/documents", {"title": title, **more})


def delete_parent_document(office: Office) -> None:
    parent = make_document(office, "Parent")
    body = {"title": "Child", "parentId": parent["id"]}
    race(
        office,
        (office.owner, "POST", f"{office.flat}/documents", body),
        (office.owner, "DELETE", f"{office.flat}/documents/{parent['id']}"),
    )
    (after,) = office.world.ask(office.owner, "GET", f"{office.flat}/documents")
    # It has risen, as another version of itself.
    assert (after["title"], after["parentId"], after["version"]) == ("Child", None, 2)


def put_document_below_deleted_one(office: Office) -> None:
    parent = make_document(office, "Parent")
    body = {"title": "Child", "parentId": parent["id"]}
    status = race(
        office,
        (office.owner, "DELETE", f"{office.flat}/documents/{parent['id']}"),
        (office.owner, "POST", f"{office.flat}/documents", body),
    )
    assert status == 400


def act_as_demoted_organization_admin(office: Office) -> None:
    bob, cid = office.world.people("bob cid")
    organization = office.workspace.organization
    office.world.join_organization(bob, organization, "admin")
    members = f"{organization.path}/members"
    status = race(
        office,
        (office.owner, "PATCH", f"{members}/{bob.id}", {"role": "member"}),
        (bob, "POST", members, {"email": cid.email, "role": "member"}),
    )
    assert status == 403


def act_as_demoted_workspace_admin(office: Office) -> None:
    bob, _ = office.world.people("bob cid")
    office.world.join(bob, office.workspace, "admin")
    members = f"{office.flat}/members"
    status = race(
        office,
        (office.owner, "PATCH", f"{members}/{bob.id}", {"role": "member"}),
        (bob, "POST", f"{members}/invite", {"email": "cid@example.com"}),
    )
    assert status == 403


def invite_as_removed_organization_admin(office: Office) -> None:
    bob = office.world.person("bob")
    organization = office.workspace.organization
    office.world.join_organization(bob, organization, "admin")
    status = race(
        office,
        (office.owner, "DELETE", f"{organization.path}/members/{bob.id}"),
        (bob, "POST", f"{office.flat}/members/invite", {"email": "cid@example.com"}),
    )
    assert status == 404


def make_too_many_tokens(office: Office) -> None:
    create = (office.owner, "POST", "/api-tokens", {"name": "A"})
    for _ in range(api_tokens.LIVE_MAX - 1):
        office.world.ask(*create)
    assert race(office, create, create) == 409


def assign_removed_member(office: Office) -> None:
    bob, card = office.world.person("bob"), office.card()
    office.join(bob)
    status = race(
        office,
        (office.owner, "DELETE", f"{office.flat}/members/{bob.id}"),
        (office.owner, "PATCH", office.of(card), {"assigneeId": bob.id}),
    )
    assert status == 400
    assert office.read(card)["assigneeId"] is None


# ------------------------------------------------------------------------------------------------- each lock


@attrs.frozen
class Lock:
    """A statement that locks, the race that needs it, and the names of statements that are derived of it."""

    module: str
    name: str
    race: Callable[[Office], None]
    derived: tuple[str, ...] = ()
    owner: Any = None

    def __str__(self) -> str:
        return f"{self.module} {self.name}"

    def take_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        owner = self.owner or importlib.import_module(f"stellary.core.{self.module}")
        for name in (self.name, *self.derived):
            monkeypatch.setattr(owner, name, unlocked(getattr(owner, name)))
        if owner is idempotency:
            columns = tuple_(idempotency.keys.c.user_id, idempotency.keys.c.key_digest)
            monkeypatch.setattr(
                owner, "_FORGET", delete(idempotency.keys).where(columns.in_(idempotency._OLDEST))
            )


def unlocked(statement: Any) -> Any:
    """A statement without its lock."""
    copy = statement._clone()
    assert copy._for_update_arg is not None
    copy._for_update_arg = None
    return copy


LOCKS = [
    Lock("accounts.locks", "_ORGANIZATION", act_as_demoted_organization_admin),
    Lock("accounts.locks", "_USER", make_too_many_tokens),
    Lock("accounts.locks", "_WORKSPACE", act_as_demoted_workspace_admin),
    Lock("accounts.leaving", "_SEATS", invite_as_removed_organization_admin),
    Lock("accounts.people", "_KEEP", assign_removed_member),
    Lock("agents.gate", "_LOCK", exceed_rate_of_agent),
    Lock("agents.missions", "_LOCK", decide_last_two_of_batch),
    Lock("board.access", "_LOCK", change_card),
    Lock("board.card_moves", "_CARDS", change_cards_in_bulk, ("_CARDS_BY_ID", "_OF_COLUMNS")),
    Lock("board.card_references", "_CARD", give_deleted_card_to_agent),
    Lock("board.card_references", "_LABELS", bear_deleted_label),
    Lock("board.custom_fields", "_WITH_VALUE", delete_field),
    Lock("board.field_access", "_LOCK", change_field),
    Lock("board.field_rows", "_NAMED_LOCKED", narrow_field),
    Lock("board.locks", "_PROJECT", add_columns),
    Lock("board.locks", "_COLUMNS", fill_column, ("_TWO", "_MANY")),
    Lock("board.labels", "_KEEP", add_deleted_label),
    Lock("board.relations", "_ENDS", relate_to_deleted_card),
    Lock("kernel.idempotency", "_OLDEST", forget_same_keys),
    Lock("kernel.jobs", "_DUE", claim_job_twice),
    Lock("knowledge.access", "_LOCK_TO_DELETE", delete_parent_document),
    Lock("knowledge.placing", "_PARENT", put_document_below_deleted_one),
    Lock("pilotage.ledger", "_lock_statement", set_status_of_todo, owner=TODOS),
    Lock("pilotage.ledger", "_share_lock_statement", refer_to_deleted_mission, owner=MISSIONS),
    Lock("webhooks.queue", "_LOCK", claim_webhook_twice),
]


@pytest.mark.parametrize("lock", LOCKS, ids=str)
def test_race_ends_well_with_the_lock(office: Office, lock: Lock) -> None:
    lock.race(office)


@pytest.mark.parametrize("lock", LOCKS, ids=str)
def test_race_goes_wrong_without_the_lock(
    office: Office, lock: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock.take_out(monkeypatch)
    with pytest.raises(AssertionError):
        lock.race(office)


def test_every_lock_in_the_source_has_a_race() -> None:
    found = set()
    for path in ROOT.rglob("*.py"):
        for statement in ast.walk(ast.parse(path.read_text())):
            if isinstance(statement, (ast.Assign, ast.AnnAssign)):
                target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
                locks = [
                    node
                    for node in ast.walk(statement)
                    if isinstance(node, ast.Attribute) and node.attr == "with_for_update"
                ]
                if locks:
                    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                    name = target.attr if isinstance(target, ast.Attribute) else ast.unparse(target)
                    found.add(f"{module} {name}")
    assert found == {str(lock) for lock in LOCKS}
    calls = sum(path.read_text().count(".with_for_update(") for path in ROOT.rglob("*.py"))
    assert calls == len(found), "a lock is taken where no name is given to its statement"


# ------------------------------------------------------------------------------- the commit watermark


def test_watermark_waits_for_uncommitted_numbers(office: Office) -> None:
    check_watermark(office)


def test_watermark_is_wrong_without_a_look_at_locks(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = commit_watermark()
    monkeypatch.setattr(reader, "_writers", text("SELECT '1/1' WHERE false"))
    with pytest.raises(AssertionError):
        check_watermark(office, reader)


def check_watermark(office: Office, reader: CommitWatermark | None = None) -> None:
    """Numbers are given out before they are committed: a later one may be visible first."""
    core, reader = office.world.core, reader or commit_watermark()

    def reached() -> tuple[int, bool]:
        with core.begin(NOBODY) as uow:
            return reader.read(uow.connection)

    before, pending = reached()
    assert not pending
    first = {"title": "First"}
    path = f"{office.path}/columns/{office.columns[0]['id']}/cards"
    call = dispatch._call(
        core.units,
        RawRequest("POST", path, "", {"content-type": "application/json"}, orjson.dumps(first)),
        office.owner.actor,
        None,
    )
    with core.begin(NOBODY) as uow:
        call._run_in_unit(uow, call.parse_request())
        uow.settle()
        other = office.world.project(office.owner, office.world.workspace(office.owner))
        office.world.card(office.owner, other)
        assert reached() == (before, True)
        assert reached() == (before, True)
    after, pending = reached()
    assert after >= before + 2
    assert not pending
