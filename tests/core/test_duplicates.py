"""Refused duplicates in the unit of a host: nothing is changed, and the unit can continue."""

import ast
import importlib
import re
from collections.abc import Callable
from datetime import timedelta
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


def request(agent_api: AgentApi, method: str, path: str, body: Any, *, public: bool = False) -> Write:
    """Return a function that sends a request within a unit."""
    raw = RawRequest(method, path, "", {"content-type": "application/json"}, orjson.dumps(body))
    actor = None if public else agent_api.owner.actor

    def send(uow: UnitOfWork) -> object:
        call = dispatch._call(agent_api.world.core.units, raw, actor, None)
        return call._run_in_unit(uow, call.parse_request())

    return send


def create_twice(tail: str, **body: object) -> Callable[[AgentApi], Write]:
    def prepare(agent_api: AgentApi) -> Write:
        organization = agent_api.workspace.organization.slug
        path = tail.format(path=agent_api.path, flat=agent_api.flat, organization=organization)
        ask(agent_api, "POST", path, body)
        return request(agent_api, "POST", path, body)

    return prepare


def add_member_twice(agent_api: AgentApi) -> Write:
    return request(agent_api, "POST", f"{agent_api.path}/members", {"email": agent_api.owner.email})


def restore_item(agent_api: AgentApi) -> Write:
    label = agent_api.label()
    ask(agent_api, "DELETE", f"{agent_api.flat}/labels/{label['id']}")
    agent_api.label()
    (entry,) = ask(agent_api, "GET", f"{agent_api.flat}/trash")
    return request(agent_api, "POST", f"{agent_api.flat}/trash/{entry['id']}/restore", {})


def restore_container(agent_api: AgentApi) -> Write:
    world, other = agent_api.world, agent_api.world.workspace(agent_api.owner)
    world.ask(agent_api.owner, "DELETE", other.path)
    body = {"name": "Another", "slug": other.slug}
    world.ask(agent_api.owner, "POST", f"/orgs/{other.organization.slug}/workspaces", body)
    (entry,) = world.ask(agent_api.owner, "GET", "/trash")
    return request(agent_api, "POST", f"/trash/{entry['id']}/restore", {})


def take_address(agent_api: AgentApi) -> Write:
    world, bob = agent_api.world, agent_api.world.person("bob")
    work = (agent_api.owner.id, "change_email", timedelta(hours=1), bob.email)
    token = world.core.run(NOBODY, lambda uow: create_email_token(uow, *work))
    return request(agent_api, "POST", "/auth/confirm-email", {"token": token}, public=True)


def insert_identity(agent_api: AgentApi) -> Write:
    identity = Identity("https://issuer.example", "7", agent_api.owner.email, "Ann")
    identities.link_identity(agent_api.world.core.units, identity, agent_api.owner.id)
    return lambda uow: identities._insert(uow, identity, agent_api.owner.id)


def start_running_timer(agent_api: AgentApi) -> Write:
    card = agent_api.card()
    ask(agent_api, "POST", f"{agent_api.of(card)}/time-entries/start")
    # A timer that ran before is stopped first, so that only a concurrent request can start it in between.
    return lambda uow: time_entries._start(uow, card["id"])


CASES: dict[str, Callable[[AgentApi], Write]] = {
    "deleted_containers": restore_container,
    "email_links": take_address,
    "identities": insert_identity,
    "organizations": create_twice("/organizations", name="Acme", slug="acme"),
    "users": lambda agent_api: lambda uow: create_user(uow, agent_api.owner.email, "Ann"),
    "member_rows": create_twice("/orgs/{organization}/workspaces", name="Eng", slug="eng"),
    "agents": create_twice("{flat}/agents", name="Scribe", slug="scribe", tools=[]),
    "field_rows": create_twice("{path}/custom-fields", name="Size", type="text"),
    "labels": create_twice("{path}/labels", name="bug"),
    "project_members": add_member_twice,
    "projects": create_twice("{flat}/projects", name="Other", key="OTH"),
    "saved_filters": create_twice("{flat}/saved-filters", name="Urgent", filter="priority = high"),
    "templates": create_twice("{path}/template", name="Client"),
    "time_entries": start_running_timer,
    "containers": restore_item,
}
NOT_REFUSED = {"personal", "missions", "jobs"}
"""The modules that do something else in place of a duplicate."""


def count_rows(uow: UnitOfWork) -> dict[str, Any]:
    return {
        table.name: uow.connection.execute(select(func.count()).select_from(table)).scalar()
        for table in metadata.sorted_tables
    }


@pytest.mark.parametrize("module", CASES)
def test_host_can_continue_a_unit_after_a_refused_duplicate(
    agent_api: AgentApi, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = CASES[module](agent_api)
    # Otherwise a key is refused before it is written, unless a concurrent unit takes it in between.
    monkeypatch.setattr(projects, "taken_keys", lambda *_: set())
    with agent_api.world.core.begin(agent_api.owner.actor) as uow:
        before = count_rows(uow)
        with pytest.raises(Conflict, match=r"already|slug|key"):
            write(uow)
        uow.actor = agent_api.owner.actor
        assert (count_rows(uow), uow.events) == (before, [])
        request(agent_api, "POST", f"{agent_api.path}/labels", {"name": "after"})(uow)
    labels = ask(agent_api, "GET", f"{agent_api.path}/labels")
    assert "after" in [label["name"] for label in labels]


@pytest.mark.parametrize(
    "write",
    [
        lambda uow, label: labels.LABELS.update(uow, label, replace_fields(label, name="b")),
        labels.LABELS.delete,
    ],
    ids=["update", "delete"],
)
def test_item_that_another_unit_has_deleted_is_not_found(agent_api: AgentApi, write: Any) -> None:
    with agent_api.world.core.begin(agent_api.owner.actor) as uow:
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
COUNTED_UPDATES = {"kernel.jobs", "migrations.operations"}
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
                value = getattr(importlib.import_module(f"stellary.core.{name}"), statement, None)
                if value is None:
                    unresolved.add(name)
                else:
                    assert value.is_update or value.is_delete, f"{name}: {statement}"
    assert unresolved == COUNTED_DELETIONS | COUNTED_UPDATES
