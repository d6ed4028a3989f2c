"""No statement of an endpoint reaches a row of a tenant by its bare id."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import (
    Connection,
    bindparam,
    column,
    create_engine,
    delete,
    insert,
    or_,
    select,
    table,
    text,
    update,
)

from stellary.contract.scopes import VIEW_TYPES
from tests.security.each_row import each_row
from tests.security.good_requests import make_path_params, send
from tests.security.permission_world import PermissionWorld
from tests.security.sampling import sample_personas
from tests.security.statements import Reader
from tests.security.table import ROW_BY_OPERATION, SERVED, Row
from tests.support.each_case import for_each
from tests.support.tables import (
    invitations,
    labels,
    organization_members,
    organizations,
    project_members,
    projects,
    users,
    workspaces,
)

RESTORED = "ids of the rows of an item in the trash, after the access check of the item"
HOME = "the personal workspace of the new member, where the addition is recorded"
ADMINISTERED = "the deleted containers that the memberships of the caller reach"
KNOWN_FILES = "which files of the store are known, once per process, before the first one is written"
ORDERS = "the numbers of cards in a column between those that were found"
LIST_KEY = "the orders of a list, by a key that begins with the id of its workspace or project"
EXCEPTIONS = {
    ("cards.list_in_workspace", "stellary_cards"): ORDERS,
    ("cards.list_all", "stellary_cards"): ORDERS,
    (
        "me.work",
        "stellary_workspaces",
    ): "whether the workspaces of the items that were found are in the trash",
    ("deleted_containers.list", "stellary_organizations, stellary_workspaces"): ADMINISTERED,
    ("deleted_containers.restore", "stellary_organizations, stellary_workspaces"): ADMINISTERED,
    ("deleted_containers.delete", "stellary_organizations, stellary_workspaces"): ADMINISTERED,
    ("auth.register", "stellary_organizations"): "whether a slug is taken",
    ("trash.list", "stellary_private_projects"): "whether the projects of deleted items are private",
    ("relations.list", "stellary_private_projects"): "whether the projects of related cards are private",
    ("organizations.add_member", "stellary_workspaces"): HOME,
    ("organizations.add_member", "stellary_activities.workspace_id"): HOME,
    ("organizations.add_member", "stellary_notifications.workspace_id"): HOME,
    ("organizations.add_member", "stellary_webhooks"): HOME,
    (
        "organizations.add_member",
        "stellary_organization_members, stellary_workspace_members, stellary_workspaces",
    ): HOME,
    (
        "auth.login",
        "stellary_workspace_members, stellary_workspaces",
    ): "the profile of the user with an e-mail address",
    ("deleted_containers.restore", "stellary_organization_activities.organization_id"): ADMINISTERED,
    ("deleted_containers.restore", "stellary_organizations"): ADMINISTERED,
    ("deleted_containers.restore", "stellary_workspaces"): ADMINISTERED,
    ("deleted_containers.delete", "stellary_organization_activities.organization_id"): ADMINISTERED,
    ("saved_filters.delete", "stellary_saved_filters"): LIST_KEY,
    ("projects.watch", "stellary_watches.card_id"): "the row of a project, whose card id is empty",
    (
        "time_entries.total",
        "stellary_relations",
    ): "the cards below a card, of which those of the workspace count",
    ("attachments.upload", "stellary_attachments"): KNOWN_FILES,
    ("attachments.upload", "stellary_agent_proposals"): KNOWN_FILES,
    ("auth.delete_account", "stellary_invitations"): "the invitations to the address of the account",
    ("auth.login", "stellary_second_factors"): "the second factor of the user whose password was right",
    (
        "auth.delete_account",
        "stellary_agent_tokens, stellary_agents",
    ): "the tokens that the user has created for agents, with the names of the agents",
    (
        "pilotage.apply_action",
        (
            "stellary_organization_members, stellary_organizations, stellary_private_projects,"
            " stellary_project_members, stellary_projects, stellary_sessions, stellary_workspace_members,"
            " stellary_workspaces"
        ),
    ): "the roles of the user who approved the action",
    ("trash.restore", "stellary_activities.card_id"): RESTORED,
    ("trash.restore", "stellary_cards"): RESTORED,
    ("trash.restore", "stellary_cards, stellary_columns, stellary_projects"): RESTORED,
    ("trash.restore", "stellary_projects"): RESTORED,
    (
        "trash.restore",
        "stellary_cards, stellary_documents, stellary_organizations, stellary_projects, stellary_workspaces",
    ): RESTORED,
}
"""Statements without an anchor, by operation and tables, with what they read."""

_MUTABLE = text(
    "SELECT proname FROM pg_proc WHERE proname = ANY(:names) GROUP BY proname HAVING bool_and(provolatile <> 'i') ORDER BY 1"
)
_INTO = "INSERT INTO stellary_trash_rows (data)"
REFUSED = {
    f"{_INTO} VALUES (%(a)s) RETURNING (SELECT name FROM stellary_users)": "a sub-select in RETURNING",
    f"{_INTO} VALUES ((SELECT name FROM stellary_users))": "a sub-select in VALUES",
    f"{_INTO} SELECT row_to_json(stellary_cards)::text FROM stellary_cards": "functions that are not immutable",
    f"{_INTO} SELECT now()": "functions that are not immutable",
    f"{_INTO} SELECT title::TIMESTAMP WITH TIME ZONE FROM stellary_cards": "a conversion to a time, which depends on the time zone",
    f"{_INTO} SELECT stellary_store_row(stellary_cards), %(at)s::TIMESTAMP WITH TIME ZONE FROM stellary_cards": "",
}
"""INSERTs, with what Citus refuses in them."""


@pytest.mark.slow("sends a request for each row of each kind")
@each_row(SERVED)
def test_no_row_is_reached_by_its_bare_id(permission_world: PermissionWorld, row: Row):
    reader = Reader(permission_world.sandbox)
    with reader.listen():
        for persona in sample_personas(permission_world, row, sqlite_step=1):
            params = make_path_params(permission_world, row, persona)
            actor = permission_world.people[permission_world.person_of(persona)].id
            with permission_world.sandbox.discard_changes(), reader.record(row.operation, actor):
                send(permission_world, row, persona, params)
    bare = [item for item in sorted(reader.bare) if (item.operation, item.tables) not in EXCEPTIONS]
    assert bare == []
    assert reader.read or row.role == "public"
    if permission_world.sandbox.engine.dialect.name == "postgresql":
        refused = {sql: find_refused(permission_world.sandbox.connection, sql) for sql in reader.inserts}
        assert {sql: reason for sql, reason in refused.items() if reason} == {}


def find_refused(connection: Connection, sql: str) -> str | None:
    """Return what Citus refuses in an INSERT into a table of a distributed schema; None if it executes it."""
    head, _, returned = sql.partition(" RETURNING ")
    if "(SELECT" in returned:
        return "a sub-select in RETURNING"
    values = head.partition(") VALUES ")[2]
    if "(SELECT" in values:
        return "a sub-select in VALUES"
    if values:
        return None
    if re.search(r"\w::TIMESTAMP|\w AS TIMESTAMP", re.sub(r"%\(\w+\)s::[A-Z ]+", "", head)):
        return "a conversion to a time, which depends on the time zone"
    names = {name.lower() for name in re.findall(r"(\w+)\(", head)}
    mutable = connection.execute(_MUTABLE, {"names": [*names]}).scalars().all()
    return f"functions that are not immutable: {', '.join(mutable)}" if mutable else None


@pytest.mark.postgres
def test_inserts_that_citus_refuses_are_found(postgres_url: str):
    engine = create_engine(postgres_url)
    with engine.connect() as connection:
        reasons = [(find_refused(connection, sql) or "").partition(":")[0] for sql in REFUSED]
    engine.dispose()
    assert reasons == [*REFUSED.values()]


@for_each("kind", VIEW_TYPES)
def test_no_view_reaches_a_row_by_its_bare_id(permission_world: PermissionWorld, kind: str):
    row = ROW_BY_OPERATION["scopes.views"]
    reader = Reader(permission_world.sandbox)
    actor = permission_world.people["WM"].id
    with reader.listen(), permission_world.sandbox.discard_changes(), reader.record(row.operation, actor):
        params = make_path_params(permission_world, row, "WM")
        assert send(permission_world, row, "WM", params, query=f"type={kind}").status == 200
    assert reader.bare == set()


NOW = datetime(2026, 1, 1, tzinfo=UTC)

# Statements that the reader must find, and others.

_LABELS = select(labels.c.id)
_BY_ID = labels.c.id == bindparam("id", "1")
_MINE = organization_members.c.user_id == bindparam("me", "me")
_TO_LABEL = (
    organizations.join(organization_members)
    .join(workspaces, workspaces.c.organization_id == organizations.c.id)
    .join(projects, projects.c.workspace_id == workspaces.c.id)
    .join(labels, labels.c.project_id == projects.c.id)
)
_OF_PROJECTS = select(projects.c.id).where(projects.c.workspace_id == bindparam("workspace", "1"))
_MY_PROJECTS = select(project_members.c.project_id).where(project_members.c.user_id == bindparam("me", "me"))
BARE = {
    "a select by id": _LABELS.where(_BY_ID),
    "a select of everything": _LABELS,
    "an update by id": update(labels).where(_BY_ID).values(name="x"),
    "a deletion by id": delete(labels).where(_BY_ID),
    "a select by an unknown parent": _LABELS.where(labels.c.project_id == bindparam("project", "1")),
    "a list of ids": _LABELS.where(labels.c.id.in_(["1", "2"])),
    "a join to any organization": _LABELS.select_from(_TO_LABEL).where(_BY_ID),
    "a table of another area": select(column("id")).select_from(table("stellary_labels", column("id"))),
    "an own row, or an id": _LABELS.select_from(_TO_LABEL).where(or_(_MINE, _BY_ID)),
    "a subquery without an anchor": _LABELS.where(labels.c.project_id.in_(_OF_PROJECTS)),
    "text": text("SELECT id FROM stellary_labels"),
}
ANCHORED = {
    "a join to an own organization": _LABELS.select_from(_TO_LABEL).where(_MINE, _BY_ID),
    "a subquery of own rows": _LABELS.where(_BY_ID, labels.c.project_id.in_(_MY_PROJECTS)),
    "an own row": select(organization_members.c.role).where(_MINE),
    "a secret": select(invitations.c.id).where(invitations.c.token_digest == bindparam("digest", "1")),
    "users": select(users.c.id).where(users.c.id == bindparam("id", "1")),
}


def has_bare_id(permission_world: PermissionWorld, *statements: Any) -> bool:
    reader = Reader(permission_world.sandbox)
    with permission_world.sandbox.discard_changes(), reader.listen(), reader.record("x", "me"):
        for statement in statements:
            permission_world.sandbox.connection.execute(statement)
    return bool(reader.bare)


@for_each("name", BARE)
def test_reader_finds_a_bare_id(permission_world: PermissionWorld, name: str):
    assert has_bare_id(permission_world, BARE[name])


@for_each("name", ANCHORED)
def test_reader_accepts_an_anchor(permission_world: PermissionWorld, name: str):
    assert not has_bare_id(permission_world, ANCHORED[name])


def test_reader_finds_a_row_that_is_inserted_below_an_unknown_parent(permission_world: PermissionWorld):
    row = {
        "project_id": permission_world.here["projectId"],
        "user_id": permission_world.own_items["WM"]["userId"],
        "created_at": NOW,
    }
    assert has_bare_id(permission_world, insert(project_members).values(row))


def test_id_that_was_read_in_the_same_unit_is_no_bare_id(permission_world: PermissionWorld):
    # The project is found by its member, and then its labels by the id of the project.
    member, project, label = (permission_world.here[name] for name in ("userId", "projectId", "labelId"))
    project_ids = select(project_members.c.project_id).where(project_members.c.user_id == member)
    listing = _LABELS.where(labels.c.project_id == project)
    renaming = update(labels).where(labels.c.id == label).values(name="x")
    reader = Reader(permission_world.sandbox)
    with reader.listen(), reader.record("x", member):
        for statement in (project_ids, listing, renaming):
            permission_world.sandbox.connection.execute(statement)
    assert reader.bare == set()


def test_id_that_was_read_in_another_unit_is_a_bare_id(permission_world: PermissionWorld):
    member, project = permission_world.here["userId"], permission_world.here["projectId"]
    project_ids = select(project_members.c.project_id).where(project_members.c.user_id == member)
    reader = Reader(permission_world.sandbox)
    with reader.listen(), reader.record("x", member):
        with permission_world.sandbox.reading() as connection:
            connection.execute(project_ids)
        with permission_world.sandbox.reading() as connection:
            connection.execute(_LABELS.where(labels.c.project_id == project))
    assert [statement.tables for statement in reader.bare] == ["stellary_labels"]
