"""Refused duplicates in the unit of a host: nothing is changed, and the unit can continue."""

import ast
import importlib
import re
from collections.abc import Callable
from datetime import timedelta
from operator import attrgetter
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import func, select

import stellary.core
from stellary.contract.errors import Conflict, NotFound
from stellary.contract.fields import build_value, replace_fields
from stellary.contract.labels import CreateLabel, Label
from stellary.contract.port import RawRequest
from stellary.core import NOBODY, UnitOfWork
from tests.core.agents.agent_api import AgentApi
from tests.support.boards import ask
from tests.support.core_parts import (
    Identity,
    create_email_token,
    create_user,
    dispatch,
    identities,
    labels,
    projects,
    time_entries,
)
from tests.support.tables import metadata

ROOT = Path(stellary.core.__file__).parent
Write = Callable[[UnitOfWork], object]


def request(board: AgentApi, method: str, path: str, body: Any, *, public: bool = False) -> Write:
    """Return a function that sends a request within a unit."""
    raw = RawRequest(method, path, "", {"content-type": "application/json"}, orjson.dumps(body))
    actor = None if public else board.owner.actor

    def send(uow: UnitOfWork) -> object:
        call = dispatch._call(board.world.core.units, raw, actor, None)
        return call._run_in_unit(uow, call.parse_request())

    return send


def create_twice(tail: str, **body: object) -> Callable[[AgentApi], Write]:
    def prepare(board: AgentApi) -> Write:
        path = tail.format(path=board.path, flat=board.flat, organization=board.workspace.organization.slug)
        ask(board, "POST", path, body)
        return request(board, "POST", path, body)

    return prepare


def add_member_twice(board: AgentApi) -> Write:
    return request(board, "POST", f"{board.path}/members", {"email": board.owner.email})


def restore_item(board: AgentApi) -> Write:
    label = board.label()
    ask(board, "DELETE", f"{board.flat}/labels/{label['id']}")
    board.label()
    (entry,) = ask(board, "GET", f"{board.flat}/trash")
    return request(board, "POST", f"{board.flat}/trash/{entry['id']}/restore", {})


def restore_container(board: AgentApi) -> Write:
    world, other = board.world, board.world.workspace(board.owner)
    world.ask(board.owner, "DELETE", other.path)
    body = {"name": "Another", "slug": other.slug}
    world.ask(board.owner, "POST", f"/orgs/{other.organization.slug}/workspaces", body)
    (entry,) = world.ask(board.owner, "GET", "/trash")
    return request(board, "POST", f"/trash/{entry['id']}/restore", {})


def take_address(board: AgentApi) -> Write:
    world, bob = board.world, board.world.person("bob")
    work = (board.owner.id, "change_email", timedelta(hours=1), bob.email)
    token = world.core.run(NOBODY, lambda uow: create_email_token(uow, *work))
    return request(board, "POST", "/auth/confirm-email", {"token": token}, public=True)


def insert_identity(board: AgentApi) -> Write:
    identity = Identity("https://issuer.example", "7", board.owner.email, "Ann")
    identities.link_identity(board.world.core.units, identity, board.owner.id)
    return lambda uow: identities._insert(uow, identity, board.owner.id)


def start_running_timer(board: AgentApi) -> Write:
    card = board.card()
    ask(board, "POST", f"{board.of(card)}/time-entries/start")
    # A timer that ran before is stopped first, so that only a concurrent request can start it in between.
    return lambda uow: time_entries._start(uow, card["id"])


CASES: dict[str, Callable[[AgentApi], Write]] = {
    "deleted_containers": restore_container,
    "email_links": take_address,
    "identities": insert_identity,
    "organizations": create_twice("/organizations", name="Acme", slug="acme"),
    "users": lambda board: lambda uow: create_user(uow, board.owner.email, "Ann"),
    "member_rows": create_twice("/orgs/{organization}/workspaces", name="Eng", slug="eng"),
    "agents": create_twice("{flat}/agents", name="Scribe", slug="scribe", tools=[]),
    "field_rows": create_twice("{path}/custom-fields", name="Size", type="text"),
    "labels": create_twice("{path}/labels", name="bug"),
    "project_members": add_member_twice,
    "projects": create_twice("{flat}/projects", name="Other", key="OTH"),
    "saved_filters": create_twice("{flat}/saved-filters", name="Urgent", filter="priority = high"),
    "templates": create_twice("{path}/template", name="Client"),
    "time_entries": start_running_timer,
    "structure": restore_item,
}
NOT_REFUSED = {"personal", "missions", "jobs"}
"""The modules that do something else in place of a duplicate."""


def count_rows(uow: UnitOfWork) -> dict[str, Any]:
    return {
        table.name: uow.connection.execute(select(func.count()).select_from(table)).scalar()
        for table in metadata.sorted_tables
    }


@pytest.mark.parametrize("module", CASES)
def test_host_can_continue_a_unit_after_a_refused_duplicate(board, module, monkeypatch):
    write = CASES[module](board)
    # Otherwise a key is refused before it is written, unless a concurrent unit takes it in between.
    monkeypatch.setattr(projects, "taken_keys", lambda *_: set())
    with board.world.core.begin(board.owner.actor) as uow:
        before = count_rows(uow)
        with pytest.raises(Conflict, match=r"already|slug|key"):
            write(uow)
        uow.actor = board.owner.actor
        assert (count_rows(uow), uow.events) == (before, [])
        request(board, "POST", f"{board.path}/labels", {"name": "after"})(uow)
    assert "after" in [label["name"] for label in ask(board, "GET", f"{board.path}/labels")]


@pytest.mark.parametrize(
    "write",
    [
        lambda uow, label: labels.LABELS.update(uow, label, replace_fields(label, name="b")),
        labels.LABELS.delete,
    ],
    ids=["update", "delete"],
)
def test_item_that_another_unit_has_deleted_is_not_found(board: AgentApi, write: Any) -> None:
    with board.world.core.begin(board.owner.actor) as uow:
        label = build_value(
            Label,
            CreateLabel(name="a", color="#ffffff"),
            id=uow.new_id(),
            project_id=uow.new_id(),
            created_at=uow.now,
            updated_at=uow.now,
        )
        with pytest.raises(NotFound, match="Label not found"):
            write(uow, label)


def test_every_refused_duplicate_has_a_case() -> None:
    refusing = {
        path.stem
        for path in ROOT.rglob("*.py")
        if re.search(r"refuse_duplicate\(|\btaken=", path.read_text()) and path.name != "writes.py"
    }
    assert refusing == CASES.keys() | NOT_REFUSED


@pytest.mark.slow("reads all sources")
def test_integrity_errors_are_handled_in_one_place() -> None:
    """An error that is handled without a savepoint leaves a unit on PostgreSQL in which every statement fails."""
    handling = {
        path.name
        for path in ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler) and "IntegrityError" in ast.unparse(node.type or node)
    }
    assert handling == {"writes.py"}


COUNTED_DELETIONS = {"accounts.deleted_containers", "kernel.retention", "kernel.writes"}
COUNTED_UPDATES = {"migrations.operations"}
"""The modules whose counted statements are no names of the module."""


@pytest.mark.slow("reads all sources")
def test_row_counts_are_those_of_updates_and_deletions() -> None:
    """The number of rows of an INSERT … SELECT is unknown if SQLAlchemy executes it."""
    unresolved = set()
    for path in ROOT.rglob("*.py"):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr == "rowcount" and not name.startswith("db."):
                call = node.value
                statement = ast.unparse(call.args[0] if isinstance(call, ast.Call) else call)
                module = importlib.import_module(f"stellary.core.{name}")
                try:
                    value = attrgetter(statement)(module)
                except AttributeError:
                    unresolved.add(name)
                else:
                    assert value.is_update or value.is_delete, f"{name}: {statement}"
    assert unresolved == COUNTED_DELETIONS | COUNTED_UPDATES
