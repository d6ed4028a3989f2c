"""Row locks on PostgreSQL: for each one in the source, a race that goes wrong without it.

In each race a second request comes while the unit of a first one is still open. Each is run twice: as the code is, and
with the lock taken out of its statement, where it must go wrong. A lock that no race needs has to go.
"""

import ast
import importlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import orjson
import psycopg
import pytest
from sqlalchemy import delete, insert, make_url, text, update

import stellary.core
from stellary.contract.cards import DuplicateCard, UpdateCard
from stellary.contract.model_usage import ModelUsage
from stellary.contract.port import RawRequest
from stellary.contract.refs import CardRef
from stellary.core import NOBODY, Core
from stellary.core.db.direct_connection import execute_queued
from stellary.core.db.row_types import Query
from stellary.core.kernel import idempotency, trash_statements
from stellary.core.kernel.commit_watermark import CommitWatermark
from stellary.core.kernel.retention import RetentionRule, restrict
from tests.core.agents.agent_api import AgentApi
from tests.support import tables
from tests.support.blobs import list_blob_keys
from tests.support.boards import ask
from tests.support.concurrency import wait_until_blocked
from tests.support.core_parts import (
    CARD_COMMENTS,
    COMMENTS,
    MISSIONS,
    TODOS,
    api_tokens,
    commit_watermark,
    deletion,
    dispatch,
    indexing,
    jobs,
    lock_columns,
    oauth_grants,
    queue,
    running,
    update_card,
)
from tests.support.forms import FORM, form
from tests.support.search_prefixes import find_wrong_prefixes
from tests.support.tables import search_entries as entries
from tests.support.world import Person, World

ROOT = Path(stellary.core.__file__).parent
BLOCKED = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


@pytest.fixture
def board(postgres_url: str) -> Iterator[AgentApi]:
    core = Core(postgres_url, bcrypt_rounds=4)
    world = World(core)
    yield AgentApi(world, world.person("ann"))
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


METHODS = ("GET", "POST", "PATCH", "DELETE")
Request = tuple[Any, ...]
"""The method, the path, and the body, after the person or the token unless the owner sends it."""


def race(board: AgentApi, first: Request, second: Request, expected: int | None = None) -> int:
    """Send a second request while the unit of the first one is still open, and return the status of its answer.

    Args:
        board: Board of which the requests are.
        first: First request.
        second: Second request.
        expected: Status that the answer to the second one must have.
    """
    core = board.world.core
    first, second = (
        request if request[0] not in METHODS else (board.owner, *request) for request in (first, second)
    )
    who, method, path, body = (*first, None)[:4]
    headers = {"content-type": "application/json", "x-request-id": "first"}
    actor = who.actor if isinstance(who, Person) else None
    if actor is None:
        headers["authorization"] = f"Bearer {who}"
    request = RawRequest(method, path, "", headers, b"" if body is None else orjson.dumps(body))
    call = dispatch._call(core.units, request, actor, None)
    answer, status, _ = run_beside(
        core, lambda uow: call._run_in_unit(uow, call.parse_request()), lambda: board.world.status(*second)
    )
    assert answer.status < 300, answer.body
    assert expected in (None, status)
    return int(status)


def add_deleted_account(board: AgentApi) -> None:
    world = board.world
    person, organization = world.person("gone"), world.organization(board.owner)
    body = {"email": person.email, "role": "member"}

    def delete_account(uow: Any) -> None:
        uow.actor = person.actor
        deletion._delete(uow, 0)

    add = (board.owner, "POST", f"{organization.path}/members", body)
    _, status, _ = run_beside(world.core, delete_account, lambda: world.status(*add))
    assert status == 404


def add_columns(board: AgentApi) -> None:
    column = f"{board.path}/columns"
    race(board, ("POST", column, {"name": "A"}), ("POST", column, {"name": "B"}))
    orders = [card["order"] for card in ask(board, "GET", column)]
    assert sorted(orders) == list(range(len(orders)))


def fill_column(board: AgentApi) -> None:
    ask(board, "PATCH", f"{board.path}/columns/{board.columns[0]['id']}", {"wipLimit": 1})
    move = {"columnId": board.columns[0]["id"]}
    first, second = (board.of(board.card(column=1)) for _ in range(2))
    race(board, ("PATCH", first, move), ("PATCH", second, move), 409)


def lock_columns_against_the_order(board: AgentApi) -> None:
    core, project_id = board.world.core, board.project["id"]
    low, high, *_ = sorted(column["id"] for column in board.columns)
    work = (NOBODY, lambda uow: [lock_columns(uow, project_id, [id]) for id in (high, low)])
    thread = threading.Thread(target=core.run, args=work)
    with core.begin(NOBODY) as uow:
        lock_columns(uow, project_id, [low])
        thread.start()
        wait_until_blocked(core)
        began = time.monotonic()
        lock_columns(uow, project_id, [high])
        seconds = time.monotonic() - began
    thread.join()
    # PostgreSQL takes a second to notice that two units wait for each other.
    assert seconds < 0.5


def change_moved_card(board: AgentApi) -> None:
    card, world = board.card(), board.world
    columns = [column["id"] for column in board.columns[:2]]

    def move(uow: Any) -> Any:
        uow.actor = board.owner.actor
        workspace = board.workspace.ref
        ref = CardRef(workspace.org_slug, workspace.ws_slug, board.project["id"], card["id"])
        return update_card(uow, ref, UpdateCard(column_id=columns[1]))

    # Statements are queued from the third time on.
    for column_id in (*reversed(columns), *reversed(columns)):
        ask(board, "PATCH", board.of(card), {"columnId": column_id})
    rename = {"title": "New"}
    run_beside(world.core, move, lambda: world.status(board.owner, "PATCH", board.of(card), rename))
    after = board.read(card)
    assert (after["title"], after["columnId"]) == ("New", columns[1])


def change_card(board: AgentApi) -> None:
    card = board.card()
    path = f"{board.flat_of(card)}/checklist"
    race(board, ("POST", path, {"title": "A"}), ("POST", path, {"title": "B"}))
    assert {step["title"] for step in board.read(card)["checklist"]} == {"A", "B"}


def change_cards_in_bulk(board: AgentApi) -> None:
    card = board.card()
    rename = {"cards": [{"id": card["id"], "title": "New"}]}
    change = ("PATCH", board.of(card), {"priority": "high"})
    race(board, change, ("PATCH", f"{board.path}/cards/bulk", rename))
    after = board.read(card)
    assert (after["title"], after["priority"]) == ("New", "high")


def make_field(board: AgentApi, name: str, kind: str = "text", **more: Any) -> Any:
    return ask(board, "POST", f"{board.path}/custom-fields", {"name": name, "type": kind, **more})


def value_request(board: AgentApi, card: dict[str, Any], field: dict[str, Any], value: str) -> Request:
    return "PATCH", f"{board.flat_of(card)}/custom-fields", {field["id"]: value}


def deletion_request(board: AgentApi, kind: str, item: dict[str, Any]) -> Request:
    return "DELETE", f"{board.flat}/{kind}/{item['id']}"


def invitation_request(board: AgentApi) -> Request:
    return "POST", f"{board.flat}/members/invite", {"email": "cid@example.com"}


def delete_field(board: AgentApi) -> None:
    removed_field, other_field = make_field(board, "Gone"), make_field(board, "Kept")
    card = board.card(customFields={removed_field["id"]: "1"})
    race(
        board,
        value_request(board, card, other_field, "2"),
        deletion_request(board, "custom-fields", removed_field),
    )
    assert board.read(card)["customFields"] == {other_field["id"]: "2"}


def change_field(board: AgentApi) -> None:
    field = make_field(board, "Size")
    path = f"{board.flat}/custom-fields/{field['id']}"
    race(board, ("PATCH", path, {"name": "Effort"}), ("PATCH", path, {"required": True}))
    (after,) = ask(board, "GET", f"{board.path}/custom-fields")
    assert (after["name"], after["required"]) == ("Effort", True)


def narrow_field(board: AgentApi) -> None:
    field, card = make_field(board, "Size", "select", options=["S", "L"]), board.card()
    narrow = ("PATCH", f"{board.flat}/custom-fields/{field['id']}", {"options": ["L"]})
    race(board, value_request(board, card, field, "S"), narrow)
    assert board.read(card)["customFields"] == {}


def bear_deleted_label(board: AgentApi) -> None:
    card, label = board.card(), board.label()
    attach = ("PATCH", board.of(card), {"labelIds": [label["id"]]})
    race(board, attach, deletion_request(board, "labels", label))
    assert board.read(card)["labelIds"] == []


def delete_and_find(board: AgentApi, card: dict[str, Any]) -> str:
    """Delete a card, and return the path that restores it."""
    ask(board, "DELETE", board.of(card))
    trash_path = f"{board.flat}/trash"
    (entry,) = ask(board, "GET", f"{trash_path}?kind=card")
    return f"{trash_path}/{entry['id']}/restore"


def restore_card_with_deleted_label(board: AgentApi) -> None:
    label = board.label()
    card = board.card(labelIds=[label["id"]])
    race(board, ("POST", delete_and_find(board, card)), deletion_request(board, "labels", label))
    assert board.read(card)["labelIds"] == []


def restore_card_with_deleted_field(board: AgentApi) -> None:
    field = make_field(board, "Points", "number")
    card = board.card(customFields={field["id"]: 3})
    race(board, ("POST", delete_and_find(board, card)), deletion_request(board, "custom-fields", field))
    assert board.read(card)["customFields"] == {}


def restore_card_related_to_deleted_one(board: AgentApi) -> None:
    world, owner = board.world, board.owner
    project, card = world.project(owner, board.workspace), board.card()
    other = world.card(owner, project)
    ask(board, "POST", f"{board.flat_of(card)}/relations", {"targetCardId": other["id"], "type": "blocks"})
    path = delete_and_find(board, card)
    race(board, ("DELETE", f"{project.path}/cards/{other['id']}"), ("POST", path), 200)
    # The relation comes back with the other card.
    (entry,) = ask(board, "GET", f"{board.flat}/trash?kind=card")
    ask(board, "POST", f"{board.flat}/trash/{entry['id']}/restore")
    assert len(ask(board, "GET", f"{board.flat_of(card)}/relations")) == 1


def add_deleted_label(board: AgentApi) -> None:
    card, label = board.card(), board.label()
    attach = ("POST", f"{board.flat_of(card)}/labels/{label['id']}")
    race(board, deletion_request(board, "labels", label), attach, 404)
    assert board.read(card)["labelIds"] == []


def relate_to_deleted_card(board: AgentApi) -> None:
    card, other = board.card(), board.card()
    body = {"targetCardId": other["id"], "type": "blocks"}
    race(board, ("DELETE", board.of(other)), ("POST", f"{board.flat_of(card)}/relations", body), 400)


def give_deleted_card_to_agent(board: AgentApi) -> None:
    card, agent = board.card(), board.agent()
    body = {"cardId": card["id"], "prompt": "comment: On it."}
    start = ("POST", f"{board.agents}/{agent['id']}/missions", body)
    race(board, ("DELETE", board.of(card)), start, 400)


def decide_last_two_of_batch(board: AgentApi) -> None:
    mission = board.start("approval", "set priority high, comment: On it.")
    first, second = (
        f"{board.flat}/proposals/{proposal['id']}/approve" for proposal in board.proposals(mission)
    )
    race(board, ("POST", first, {}), ("POST", second, {}), 200)
    assert board.mission_now(mission)["status"] == "completed"


def exceed_rate_of_agent(board: AgentApi) -> None:
    token = board.token(board.agent(rateLimit={"maxActions": 1, "windowSeconds": 3600}))
    race(board, (token, "GET", board.path), (token, "GET", board.path), 429)


def claim_turn_twice(board: AgentApi) -> None:
    claim_job_twice(board, board.workspace.id, ["test"])


def claim_job_twice(board: AgentApi, workspace_id: str | None = None, in_turn: Sequence[str] = ()) -> None:
    core = board.world.core
    with core.begin(NOBODY) as uow:
        for number in range(2):
            jobs.enqueue(uow, "test", {"number": number}, workspace_id=workspace_id)

    def claim(uow: Any) -> Any:
        return jobs.claim(uow.connection, ["test"], core.env.clock(), core.env.new_id, in_turn=in_turn)

    first, second, overtook = run_beside(core, claim, lambda: core.run(NOBODY, claim))
    assert overtook
    assert first.id != second.id


def forget_same_keys(board: AgentApi) -> None:
    core = board.world.core
    old = {"user_id": "a" * 24, "key_digest": "k", "request_digest": "r", "status": 200, "headers": {}}
    with core.begin(NOBODY) as uow:
        uow.connection.execute(insert(idempotency.keys), {**old, "created_at": uow.now})

    def forget(uow: Any) -> None:
        parameters = {"_before": core.env.clock(), "_limit": 25}
        uow.connection.execute(idempotency.RETENTION.statements["postgresql"], parameters)

    assert run_beside(core, forget, lambda: core.run(NOBODY, forget))[2]


def claim_webhook_twice(board: AgentApi) -> None:
    core = board.world.core
    body = {"url": "https://example.com/hook", "events": ["card_created"]}
    hook = ask(board, "POST", f"{board.flat}/webhooks", body)

    def lock(uow: Any) -> Any:
        locked_rows, _ = queue._lock(uow.connection, [hook["id"]])
        return locked_rows

    first, second, overtook = run_beside(core, lock, lambda: core.run(NOBODY, lock))
    assert overtook
    assert (len(first), len(second)) == (1, 0)


def set_status_of_todo(board: AgentApi) -> None:
    pilotage = f"{board.flat}/pilotage"
    todo = ask(board, "POST", f"{pilotage}/todos", {"label": "A"})
    path = f"{pilotage}/todos/{todo['id']}"
    race(board, ("PATCH", path, {"status": "done"}), ("PATCH", path, {"status": "todo"}))
    (after,) = ask(board, "GET", f"{pilotage}/todos")
    assert after["status"] == "todo"


def refer_to_deleted_mission(board: AgentApi) -> None:
    pilotage = f"{board.flat}/pilotage"
    mission = ask(board, "POST", f"{pilotage}/missions", {"objective": "A"})
    refer = ("POST", f"{pilotage}/todos", {"label": "A", "missionId": mission["id"]})
    race(board, deletion_request(board, "pilotage/missions", mission), refer, 400)


def make_document(board: AgentApi, title: str, **more: Any) -> Any:
    return ask(board, "POST", f"{board.flat}/documents", {"title": title, **more})


def delete_parent_document(board: AgentApi) -> None:
    parent = make_document(board, "Parent")
    body = {"title": "Child", "parentId": parent["id"]}
    race(board, ("POST", f"{board.flat}/documents", body), deletion_request(board, "documents", parent))
    (after,) = ask(board, "GET", f"{board.flat}/documents")
    # It has risen, as another version of itself.
    assert (after["title"], after["parentId"], after["version"]) == ("Child", None, 2)


def delete_document_with_deleted_comment(board: AgentApi) -> None:
    document = make_document(board, "Spec")
    path = f"{board.flat}/documents/{document['id']}"
    comment = ask(board, "POST", f"{path}/comments", {"content": "Hi"})
    race(board, ("DELETE", f"{path}/comments/{comment['id']}"), ("DELETE", path))
    entries = {entry["kind"]: entry["id"] for entry in ask(board, "GET", f"{board.flat}/trash")}
    ask(board, "POST", f"{board.flat}/trash/{entries['document']}/restore")
    assert ask(board, "GET", f"{path}/comments") == []


def put_document_below_deleted_one(board: AgentApi) -> None:
    parent = make_document(board, "Parent")
    body = {"title": "Child", "parentId": parent["id"]}
    race(board, deletion_request(board, "documents", parent), ("POST", f"{board.flat}/documents", body), 400)


def transfer_document_with_new_child(board: AgentApi) -> None:
    parent = make_document(board, "Spec")
    body = {"title": "Child", "parentId": parent["id"]}
    place = {"contextType": "project", "contextId": board.project["id"]}
    path = f"{board.flat}/documents"
    race(board, ("POST", path, body), ("POST", f"{path}/{parent['id']}/transfer", place))
    assert {item["projectId"] for item in ask(board, "GET", path)} == {board.project["id"]}


def change_comment_on_transferred_document(board: AgentApi) -> None:
    path = f"{board.flat}/documents/{make_document(board, 'Spec')['id']}"
    comment = f"{path}/comments/{ask(board, 'POST', f'{path}/comments', {'content': 'Hi'})['id']}"
    transfer = ("POST", f"{path}/transfer", {"contextType": "project", "contextId": board.project["id"]})
    race(board, ("PATCH", comment, {"content": "Early"}), transfer)
    types = [item["type"] for item in ask(board, "GET", f"{board.path}/activity?entity=document_comment")]
    assert types == ["document_comment_updated", "document_comment_added"]
    back = {"contextType": "workspace", "contextId": board.workspace.id}
    transfer = ("POST", f"{path}/transfer", back)
    race(board, transfer, ("PATCH", comment, {"content": "Late"}), 404)


def act_as_demoted_organization_admin(board: AgentApi) -> None:
    bob, cid = board.world.people("bob cid")
    organization = board.workspace.organization
    board.world.join_organization(bob, organization, "admin")
    members = f"{organization.path}/members"
    add = (bob, "POST", members, {"email": cid.email, "role": "member"})
    race(board, ("PATCH", f"{members}/{bob.id}", {"role": "member"}), add, 403)


def act_as_demoted_workspace_admin(board: AgentApi) -> None:
    bob = board.world.person("bob")
    board.world.join(bob, board.workspace, "admin")
    demote = ("PATCH", f"{board.flat}/members/{bob.id}", {"role": "member"})
    race(board, demote, (bob, *invitation_request(board)), 403)


def invite_as_removed_organization_admin(board: AgentApi) -> None:
    bob = board.world.person("bob")
    organization = board.workspace.organization
    board.world.join_organization(bob, organization, "admin")
    race(board, ("DELETE", f"{organization.path}/members/{bob.id}"), (bob, *invitation_request(board)), 404)


def invite_as_deactivated_user(board: AgentApi) -> None:
    core, bob = board.world.core, board.world.person("bob")
    board.world.join(bob, board.workspace, role="admin")
    is_bob = tables.users.c.id == bob.id
    with core.begin(NOBODY) as uow:
        uow.connection.execute(update(tables.users).where(is_bob).values(external_id="bob"))

    def deactivate(uow: Any) -> None:
        core.deactivate("bob", connection=uow.connection)

    _, status, _ = run_beside(core, deactivate, lambda: board.world.status(bob, *invitation_request(board)))
    assert status == 403


def make_too_many_tokens(board: AgentApi) -> None:
    create = ("POST", "/api-tokens", {"name": "A"})
    for _ in range(api_tokens.LIVE_MAX - 1):
        ask(board, *create)
    race(board, create, create, 409)


def redeem_code_twice(board: AgentApi) -> None:
    core = board.world.core
    proof = oauth_grants.digest_proof("the program", "http://127.0.0.1/callback", "the challenge")
    with core.begin(board.owner.actor) as uow:
        code = oauth_grants.create_grant(uow, "Program", ["projects:read"], proof)

    def redeem(uow: Any) -> Any:
        return oauth_grants._renew(uow, code, proof, is_code=True)

    first, second, _ = run_beside(core, redeem, lambda: core.run(NOBODY, redeem))
    assert first is not None
    assert second is None


def assign_removed_member(board: AgentApi) -> None:
    bob, card = board.world.person("bob"), board.card()
    board.join(bob)
    assign = ("PATCH", board.of(card), {"assigneeId": bob.id})
    race(board, ("DELETE", f"{board.flat}/members/{bob.id}"), assign, 400)
    assert board.read(card)["assigneeId"] is None


def index_entry_that_changes(board: AgentApi) -> None:
    card, core = board.card(), board.world.core
    title = {"title": " another ", "is_indexed": False}
    change = update(entries).where(entries.c.id == card["id"]).values(title)
    run_beside(
        core,
        lambda uow: uow.connection.execute(change),
        lambda: core.units.run(lambda uow: indexing.index_batch(uow, {})),
    )
    assert find_wrong_prefixes(core) == set()


# ------------------------------------------------------------------------------------------------- each lock


@attrs.frozen
class Lock:
    """A statement that locks, the race that needs it, and the names of statements that are derived of it."""

    module: str
    name: str
    race: Callable[[AgentApi], None]
    derived: tuple[str, ...] = ()
    owner: Any = None

    def __str__(self) -> str:
        return f"{self.module} {self.name}"

    def take_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        owner = self.owner or importlib.import_module(f"stellary.core.{self.module}")
        for name in (self.name, *self.derived):
            monkeypatch.setattr(owner, name, remove_lock(getattr(owner, name)))
        if owner is trash_statements:
            monkeypatch.setattr(trash_statements, "build_locks", trash_statements.build_locks.__wrapped__)
        if isinstance(owner, RetentionRule):
            statement = restrict(delete(owner.table), owner._oldest, "postgresql")
            monkeypatch.setitem(owner.statements, "postgresql", statement)


def remove_lock(statement: Any) -> Any:
    """Return a statement without its lock."""
    if isinstance(statement, Query):
        return Query(statement.row_type, remove_lock(statement.statement))
    copy = statement._clone()
    assert copy._for_update_arg is not None
    copy._for_update_arg = None
    return copy


def assign_deleted_agent(board: AgentApi) -> None:
    agent, card = board.agent(), board.card()
    race(
        board,
        deletion_request(board, "agents", agent),
        ("PATCH", board.of(card), {"assigneeId": agent["id"]}),
    )
    assert board.read(card)["assigneeId"] is None


def add_same_part_of_import(board: AgentApi) -> None:
    imports = f"{board.flat}/imports"
    header = {"project": {"name": "Copy"}, "columns": [{"name": "To Do"}]}
    path = f"{imports}/{ask(board, 'POST', imports, header)['id']}"
    request = ("POST", f"{path}/parts", {"part": 0, "cards": [{"title": "First", "columnIndex": 0}]})
    race(board, request, request, 201)
    assert len(ask(board, "POST", f"{path}/complete")["cardIds"]) == 1


def add_usage_twice(board: AgentApi) -> None:
    core, mission = board.world.core, board.mission(board.agent(), "Summarize")
    usage = ModelUsage(model="small", calls=1, input_tokens=5, output_tokens=2, seconds=0.5)

    def add(uow: Any) -> ModelUsage:
        return running._USAGE.add(uow, usage, id=mission["id"])

    run_beside(core, add, lambda: core.run(NOBODY, add))
    assert board.mission_now(mission)["usage"]["calls"] == 2


def join_deleted_project(board: AgentApi) -> None:
    client = board.world.person("client")
    body = {"email": client.email, "role": "member", "projectId": board.project["id"]}
    token = ask(board, "POST", f"{board.flat}/members/invite", body)["token"]
    race(board, ("DELETE", board.path), (client, "POST", f"/invitations/{token}/accept"), 200)


def copy_purged_file(board: AgentApi) -> None:
    world, owner, card = board.world, board.owner, board.card()
    path, trash_path = f"{board.of(card)}/attachments", f"{board.flat}/trash"
    file = ask(board, "POST", path, form(b"Hello."), content_type=FORM)
    ref = board.workspace.ref.child(CardRef, board.project["id"], card["id"])

    def copy(uow: Any) -> None:
        uow.actor = owner.actor
        dispatch.SERVICES["cards.duplicate"].function(uow, ref, DuplicateCard(attachments=True))

    def purge() -> None:
        ask(board, "DELETE", f"{path}/{file['id']}")
        (item,) = ask(board, "GET", trash_path)
        ask(board, "DELETE", f"{trash_path}/{item['id']}")
        world.core.work.run_due()

    run_beside(world.core, copy, purge)
    (key,) = {row.blob_key for row in tables.read_rows(world.core)["stellary_attachments"]}
    assert key in list_blob_keys(world.core)


def leave_two_workspaces(board: AgentApi) -> None:
    world, owner, bob = board.world, board.owner, board.world.person("bob")
    organization = board.workspace.organization
    workspaces = board.workspace, world.workspace(owner, organization)
    for workspace in workspaces:
        world.join(bob, workspace, role="guest")
    first, second = (("DELETE", f"{workspace.path}/members/{bob.id}") for workspace in workspaces)
    race(board, first, second, 200)
    assert bob.id not in [member["userId"] for member in ask(board, "GET", f"{organization.path}/members")]


def stop_timer_on_transferred_card(board: AgentApi) -> None:
    world, owner, card = board.world, board.owner, board.card()
    project, start = world.project(owner, board.workspace, "Other"), "time-entries/start"
    ask(board, "POST", f"{board.of(card)}/{start}")
    next_timer = ("POST", f"{board.of(board.card())}/{start}")
    race(board, ("POST", f"{board.of(card)}/transfer", {"columnId": project.column_ids[0]}), next_timer)
    assert len(ask(board, "GET", f"{project.path}/time-entries")) == 1


def change_comment_on_transferred_card(board: AgentApi) -> None:
    world, owner, card = board.world, board.owner, board.card()
    project, path = world.project(owner, board.workspace, "Other"), board.of(card)
    comment = f"{path}/comments/{ask(board, 'POST', f'{path}/comments', {'content': 'Hi'})['id']}"
    transfer = ("POST", f"{path}/transfer", {"columnId": project.column_ids[0]})
    race(board, ("PATCH", comment, {"content": "Early"}), transfer)
    types = [item["type"] for item in ask(board, "GET", f"{project.path}/activity?entity=comment")]
    assert types == ["comment_updated", "comment_added"]


LOCKS = [
    Lock("accounts.agent_users", "_ASSIGNABLE", assign_deleted_agent),
    Lock("accounts.locks", "_BOTH", leave_two_workspaces),
    Lock("accounts.locks", "_ORGANIZATION", act_as_demoted_organization_admin),
    Lock("accounts.locks", "_USER", make_too_many_tokens),
    Lock("accounts.locks", "_WORKSPACE", act_as_demoted_workspace_admin),
    Lock("accounts.deletion", "_WORKSPACES", invite_as_deactivated_user),
    Lock("accounts.leaving", "_SEATS", invite_as_removed_organization_admin),
    Lock("accounts.oauth_grants", "_ROW", redeem_code_twice),
    Lock("accounts.organizations", "_BY_EMAIL", add_deleted_account),
    Lock("accounts.people", "_LOCK_WORKSPACE", assign_removed_member),
    Lock("agents.gate", "_LOCK", exceed_rate_of_agent),
    Lock("agents.missions", "_LOCK", decide_last_two_of_batch),
    Lock("board.access", "_LOCK", change_card),
    Lock("board.access", "_LOCK_POSITION", change_moved_card),
    Lock("board.attachments", "_OF_CARDS", copy_purged_file),
    Lock("board.changes.card_moves", "_CARDS", change_cards_in_bulk, ("_CARDS_BY_ID", "_OF_COLUMNS")),
    Lock("board.changes.card_references", "_CARD", give_deleted_card_to_agent),
    Lock("board.changes.card_references", "_LABELS", bear_deleted_label),
    Lock("board.changes.card_references", "_LABELS", restore_card_with_deleted_label),
    Lock("board.custom_fields", "_WITH_VALUE", delete_field),
    Lock("board.access", "_LOCK_FIELD", narrow_field),
    Lock("board.multipart_imports", "_LOCK", add_same_part_of_import),
    Lock("board.rows.field_rows", "_NAMED_LOCKED", narrow_field),
    Lock("board.rows.field_rows", "_NAMED_LOCKED", restore_card_with_deleted_field),
    Lock("board.rows.comment_rows", "_in_place", delete_document_with_deleted_comment, owner=COMMENTS),
    Lock("board.rows.comment_rows", "_in_place", change_comment_on_transferred_document, owner=COMMENTS),
    Lock("board.rows.comment_rows", "_in_place", change_comment_on_transferred_card, owner=CARD_COMMENTS),
    Lock("board.order.locks", "LOCK_PROJECT", add_columns),
    Lock("board.order.locks", "_FREE", lock_columns_against_the_order),
    Lock("board.order.locks", "_COLUMNS", fill_column, ("_ALL", "_TWO", "_MANY")),
    Lock("board.labels", "_LOCK", add_deleted_label),
    Lock("board.project_members", "_LOCKED_PROJECT", join_deleted_project),
    Lock("board.relations", "_ENDS", relate_to_deleted_card),
    Lock("board.relations", "_ENDS", restore_card_related_to_deleted_one),
    Lock("board.time_entries", "_PLACE", stop_timer_on_transferred_card),
    Lock("kernel.jobs", "_DUE", claim_job_twice),
    Lock("kernel.jobs", "_NEXT_TURN", claim_turn_twice),
    Lock("kernel.model_usage", "_lock", add_usage_twice, owner=running._USAGE),
    Lock("kernel.retention", "_oldest", forget_same_keys, owner=idempotency.RETENTION),
    Lock("kernel.trash_statements", "_LOCK", delete_parent_document),
    Lock("knowledge.documents", "_LEVEL", transfer_document_with_new_child),
    Lock("knowledge.placing", "_PARENT", put_document_below_deleted_one),
    Lock("pilotage.ledger", "_lock_statement", set_status_of_todo, owner=TODOS),
    Lock("pilotage.ledger", "_share_lock_statement", refer_to_deleted_mission, owner=MISSIONS),
    Lock("search.indexing", "_FRESH", index_entry_that_changes),
    Lock("webhooks.queue", "_LOCK", claim_webhook_twice),
]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: f"{lock} {lock.race.__name__}")
def test_race_ends_well_with_the_lock(board: AgentApi, lock: Lock) -> None:
    lock.race(board)


@pytest.mark.slow("races without a lock")
@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: f"{lock} {lock.race.__name__}")
def test_race_goes_wrong_without_the_lock(board, lock, monkeypatch):
    lock.take_out(monkeypatch)
    with pytest.raises(AssertionError):
        lock.race(board)


@pytest.mark.slow("reads all sources")
def test_every_lock_in_the_source_has_a_race() -> None:
    names = set()
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
                    names.add(f"{module} {name}")
    assert names == {str(lock) for lock in LOCKS}
    calls = sum(path.read_text().count(".with_for_update(") for path in ROOT.rglob("*.py"))
    assert calls == len(names), "a lock is taken where no name is given to its statement"


def test_transfer_of_a_column_leaves_cards_that_move_while_it_waits(board: AgentApi) -> None:
    world, owner, card = board.world, board.owner, board.card()
    other = world.project(owner, board.workspace, "Other")
    scope = ask(board, "GET", f"{other.path}/scopes")[0]["id"]
    workspace, (first, second, *_) = board.workspace.ref, (item["id"] for item in board.columns)

    def move(uow: Any) -> Any:
        uow.actor = owner.actor
        lock = text("SELECT id FROM stellary_projects WHERE id = :id FOR UPDATE")
        uow.connection.execute(lock, {"id": other.id})
        ref = CardRef(workspace.org_slug, workspace.ws_slug, board.project["id"], card["id"])
        return update_card(uow, ref, UpdateCard(column_id=second))

    path, body = f"{board.path}/columns/{first}/transfer", {"scopeId": scope}
    _, status, _ = run_beside(world.core, move, lambda: world.status(owner, "POST", path, body))
    assert status == 200
    assert board.read(card)["columnId"] == second


@pytest.mark.parametrize(("method", "end"), [("POST", "/transfer"), ("PATCH", "")])
def test_new_comment_follows_its_document(board: AgentApi, method: str, end: str) -> None:
    path = f"{board.flat}/documents/{make_document(board, 'Spec')['id']}"
    comment = ("POST", f"{path}/comments", {"content": "Hi"})
    places = ("project", board.project["id"]), ("workspace", board.workspace.id)
    enter, leave = ((method, f"{path}{end}", {"contextType": kind, "contextId": id}) for kind, id in places)
    race(board, comment, enter)
    types = [item["type"] for item in ask(board, "GET", f"{board.path}/activity?entity=document_comment")]
    assert types == ["document_comment_added"]
    race(board, leave, comment, 404)
    assert len(ask(board, "GET", f"{path}/comments")) == 1


def test_restoration_of_a_comment_is_recorded_where_its_document_is(board: AgentApi) -> None:
    path, trash_path = (f"{board.flat}/documents/{make_document(board, 'Spec')['id']}", f"{board.flat}/trash")
    comment = ask(board, "POST", f"{path}/comments", {"content": "Hi"})
    ask(board, "DELETE", f"{path}/comments/{comment['id']}")
    (item,) = ask(board, "GET", trash_path)
    place = {"contextType": "project", "contextId": board.project["id"]}
    race(board, ("POST", f"{path}/transfer", place), ("POST", f"{trash_path}/{item['id']}/restore"), 200)
    types = [entry["type"] for entry in ask(board, "GET", f"{board.path}/activity")]
    assert types[:2] == ["item_restored", "document_transferred"]


def test_transfer_beside_the_deletion_of_the_parent_puts_the_others_at_the_top(board: AgentApi) -> None:
    world, owner = board.world, board.owner
    project = world.project(owner, board.workspace, "Deleted")
    far = world.workspace(owner, board.workspace.organization)
    places = (("project", project.id), ("workspace", board.workspace.id), ("project", board.project["id"]))
    ids: list[str] = []
    for kind, id in places:
        body = {"title": kind, "contextType": kind, "contextId": id, "parentId": ids[-1] if ids else None}
        ids.append(ask(board, "POST", f"{board.flat}/documents", body)["id"])
    _, moved, other = (f"{board.flat}/documents/{id}" for id in ids)
    transfer = ("POST", f"{moved}/transfer", {"contextType": "workspace", "contextId": far.id})
    race(board, ("DELETE", project.path), transfer, 200)
    assert ask(board, "GET", other)["parentId"] is None


# ------------------------------------------------------------------------------- the commit watermark


def test_watermark_waits_for_uncommitted_numbers(board: AgentApi) -> None:
    check_watermark(board)


def test_watermark_is_wrong_without_a_look_at_locks(board: AgentApi, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = commit_watermark()
    monkeypatch.setattr(reader, "_writers", text("SELECT '1/1' WHERE false"))
    with pytest.raises(AssertionError):
        check_watermark(board, reader)


def check_watermark(board: AgentApi, reader: CommitWatermark | None = None) -> None:
    """Check that the watermark waits for numbers that are assigned but not yet committed."""
    core, reader = board.world.core, reader or commit_watermark()

    def read_watermark() -> tuple[int, bool]:
        with core.begin(NOBODY) as uow:
            return reader.read(uow.connection)

    before, pending = read_watermark()
    assert not pending
    path = f"{board.path}/columns/{board.columns[0]['id']}/cards"
    headers = {"content-type": "application/json"}
    request = RawRequest("POST", path, "", headers, orjson.dumps({"title": "First"}))
    call = dispatch._call(core.units, request, board.owner.actor, None)
    with core.begin(NOBODY) as uow:
        call._run_in_unit(uow, call.parse_request())
        uow.settle()
        execute_queued(uow.connection)
        other = board.world.project(board.owner, board.world.workspace(board.owner))
        board.world.card(board.owner, other)
        assert read_watermark() == (before, True)
        assert read_watermark() == (before, True)
    after, pending = read_watermark()
    assert after >= before + 2
    assert not pending
