"""No statement reaches a tenant's row by its bare id: each one that the matrix sends is read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import bindparam, delete, insert, or_, select, text, update

from stellary.contract.scopes import VIEW_TYPES
from stellary.core.accounts.tables import invitations, organization_members, organizations, users, workspaces
from stellary.core.board.tables import labels, project_members, projects
from tests.security.asking import place_of, send
from tests.security.permission_world import PermissionWorld
from tests.security.shares import personas
from tests.security.statements import Reader
from tests.security.table import SERVED, Row

# Statements without an anchor that are meant to have none.
MEANT = {
    ("auth.register", "stellary_organizations"): "whether a slug is taken",
    (
        "auth.login",
        "stellary_workspace_members, stellary_workspaces",
    ): "the profile of whom the e-mail address names",
    (
        "pilotage.apply_action",
        "stellary_organization_members, stellary_organizations, stellary_workspace_members, stellary_workspaces",
    ): "the standing of whoever has approved the action",
}


@pytest.mark.parametrize("row", SERVED, ids=lambda row: row.operation)
def test_no_row_is_reached_by_its_bare_id(permission_world: PermissionWorld, row: Row):
    reader = Reader(permission_world.sandbox)
    with reader.listening():
        for persona in personas(permission_world, row, on_sqlite=1):
            place = place_of(permission_world, row, persona)
            actor = permission_world.people[permission_world.person_of(persona)].id
            with permission_world.sandbox.thrown_away(), reader.during(row.operation, actor):
                send(permission_world, row, persona, place)
    assert [each for each in sorted(reader.bare) if (each.operation, each.tables) not in MEANT] == []
    assert reader.read or row.role == "public"


@pytest.mark.parametrize("kind", VIEW_TYPES)
def test_no_view_reaches_a_row_by_its_bare_id(permission_world: PermissionWorld, kind: str):
    row = next(row for row in SERVED if row.operation == "scopes.views")
    reader = Reader(permission_world.sandbox)
    actor = permission_world.people["WM"].id
    with reader.listening(), permission_world.sandbox.thrown_away(), reader.during(row.operation, actor):
        assert (
            send(
                permission_world, row, "WM", place_of(permission_world, row, "WM"), query=f"type={kind}"
            ).status
            == 200
        )
    assert reader.bare == set()


NOW = datetime(2026, 1, 1, tzinfo=UTC)

# What the reader itself takes for bare, and what not.

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
    "a join to anybody's organization": _LABELS.select_from(_TO_LABEL).where(_BY_ID),
    "what is one's own, or an id": _LABELS.select_from(_TO_LABEL).where(or_(_MINE, _BY_ID)),
    "a subquery that hangs on nothing": _LABELS.where(labels.c.project_id.in_(_OF_PROJECTS)),
    "text": text("SELECT id FROM stellary_labels"),
}
ANCHORED = {
    "a join to one's own organization": _LABELS.select_from(_TO_LABEL).where(_MINE, _BY_ID),
    "a subquery of one's own": _LABELS.where(_BY_ID, labels.c.project_id.in_(_MY_PROJECTS)),
    "what is one's own": select(organization_members.c.role).where(_MINE),
    "a secret": select(invitations.c.id).where(invitations.c.token_digest == bindparam("digest", "1")),
    "users": select(users.c.id).where(users.c.id == bindparam("id", "1")),
}


def bare(permission_world: PermissionWorld, *statements: Any) -> bool:
    reader = Reader(permission_world.sandbox)
    with permission_world.sandbox.thrown_away(), reader.listening(), reader.during("x", "me"):
        for statement in statements:
            permission_world.sandbox.connection.execute(statement)
    return bool(reader.bare)


@pytest.mark.parametrize("name", BARE)
def test_a_reader_finds_what_is_bare(permission_world: PermissionWorld, name: str):
    assert bare(permission_world, BARE[name])


@pytest.mark.parametrize("name", ANCHORED)
def test_a_reader_lets_pass_what_is_anchored(permission_world: PermissionWorld, name: str):
    assert not bare(permission_world, ANCHORED[name])


def test_a_reader_finds_a_row_that_is_put_below_an_unknown_parent(permission_world: PermissionWorld):
    row = {
        "project_id": permission_world.here["projectId"],
        "user_id": permission_world.own["WM"]["userId"],
        "created_at": NOW,
    }
    assert bare(permission_world, insert(project_members).values(row))


def test_what_was_found_in_the_same_unit_is_no_bare_id(permission_world: PermissionWorld):
    # The personas' project is found by way of its member, and then its labels by the project's id.
    member, project, label = (permission_world.here[name] for name in ("userId", "projectId", "labelId"))
    found = select(project_members.c.project_id).where(project_members.c.user_id == member)
    listed = _LABELS.where(labels.c.project_id == project)
    renamed = update(labels).where(labels.c.id == label).values(name="x")
    reader = Reader(permission_world.sandbox)
    with reader.listening(), reader.during("x", member):
        for statement in (found, listed, renamed):
            permission_world.sandbox.connection.execute(statement)
    assert reader.bare == set()


def test_what_was_found_in_another_unit_is_a_bare_id_again(permission_world: PermissionWorld):
    member, project = permission_world.here["userId"], permission_world.here["projectId"]
    found = select(project_members.c.project_id).where(project_members.c.user_id == member)
    reader = Reader(permission_world.sandbox)
    with reader.listening(), reader.during("x", member):
        with permission_world.sandbox.reading() as connection:
            connection.execute(found)
        with permission_world.sandbox.reading() as connection:
            connection.execute(_LABELS.where(labels.c.project_id == project))
    assert [each.tables for each in reader.bare] == ["stellary_labels"]
