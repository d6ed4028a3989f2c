"""Data of members who leave, and of deleted workspaces and organizations."""

import attrs
import pytest
from sqlalchemy import select

from stellary.core import NOBODY
from tests.core.accounts.rows import make_row, make_row_in_each_table
from tests.support import tables


def row_of(connection, table, row_id):
    return connection.execute(select(table).where(table.c.id == row_id)).one()._asdict()


def fill(world, owner, place):
    """Insert a row of each kind into a workspace, and return the tables."""
    with world.core.begin(NOBODY) as uow:
        root = {
            tables.users: row_of(uow.connection, tables.users, owner.id),
            tables.organizations: row_of(uow.connection, tables.organizations, place.organization.id),
            tables.workspaces: row_of(uow.connection, tables.workspaces, place.id),
            # The owner is a member already.
            tables.organization_members: {},
            tables.workspace_members: {},
        }
        return make_row_in_each_table(uow.connection, root)


def refers_only_to_users(table):
    """Return whether a table refers only to users."""
    return {key.column.table for key in table.foreign_keys} == {tables.users}


@pytest.mark.slow("deletes an organization with each kind of content")
@pytest.mark.parametrize("what", ["organization", "workspace"])
def test_deletion_deletes_all_contents(world, what, ann, bob):
    doomed, other = world.workspace(ann), world.workspace(bob)
    filled = [table for table in fill(world, ann, doomed) if not refers_only_to_users(table)]
    fill(world, bob, other)
    names = ("invitations", "projects", "scopes", "columns", "cards", "comments", "project_members")
    assert {table.name for table in filled} >= {f"stellary_{name}" for name in names}
    if what == "workspace":
        # The organization keeps the records of the deletion.
        filled = [table for table in filled if table.name != "stellary_organization_activities"]
    world.delete_for_good(ann, doomed.path if what == "workspace" else doomed.organization.path)
    assert {table.name: tables.count_rows(world.core, table) for table in filled} == {
        table.name: 1 for table in filled
    }
    assert world.status(bob, "GET", other.path) == 200


@attrs.frozen
class TwoWorkspaces:
    """Two workspaces of ann in one organization, with bob as a member of both."""

    ann: object
    bob: object
    cid: object
    here: object
    there: object
    cards: dict


@pytest.fixture
def two_workspaces(world):
    ann, bob, cid = world.people("ann bob cid")
    here = world.workspace(ann)
    there = world.workspace(ann, here.organization)
    world.join(bob, here, role="admin")
    world.join(bob, there)
    world.join(cid, here)
    cards = {}
    with world.core.begin(NOBODY) as uow:
        for name, place in (("here", here), ("there", there)):
            project = make_row(uow.connection, tables.projects, workspace_id=place.id, created_by_id=ann.id)
            in_project = {"project_id": project["id"]}
            scope = make_row(uow.connection, tables.scopes, **in_project)
            column = make_row(uow.connection, tables.columns, scope_id=scope["id"], **in_project)
            for who in (ann, bob):
                make_row(uow.connection, tables.project_members, user_id=who.id, **in_project)
                card = make_row(
                    uow.connection,
                    tables.cards,
                    scope_id=scope["id"],
                    column_id=column["id"],
                    assignee_id=who.id,
                    created_by_id=bob.id,
                    number=len(cards),
                    **in_project,
                )
                cards[who.user.name, name] = card["id"]
    return TwoWorkspaces(ann, bob, cid, here, there, cards)


def assignments(world, two_workspaces):
    """Return the assignees and workspaces of the assigned cards."""
    ids = {card: key for key, card in two_workspaces.cards.items()}
    with world.core.view(NOBODY) as uow:
        rows = uow.connection.execute(
            select(tables.cards.c.id).where(tables.cards.c.assignee_id.is_not(None))
        )
        return {ids[row.id] for row in rows}


def count_memberships(world, person):
    return tables.count_rows(
        world.core, tables.project_members, tables.project_members.c.user_id == person.id
    )


EVERYTHING = {("ann", "here"), ("ann", "there"), ("bob", "here"), ("bob", "there")}


def test_removed_member_loses_assignments_in_the_workspace(world, two_workspaces):
    assert assignments(world, two_workspaces) == EVERYTHING
    world.ask(two_workspaces.ann, "DELETE", f"{two_workspaces.here.path}/members/{two_workspaces.bob.id}")
    assert assignments(world, two_workspaces) == EVERYTHING - {("bob", "here")}
    assert count_memberships(world, two_workspaces.bob) == 1
    assert count_memberships(world, two_workspaces.ann) == 2


@pytest.mark.parametrize("how", ["removed", "leaves"])
def test_former_member_of_the_organization_loses_all_assignments(world, two_workspaces, how):
    if how == "leaves":
        world.ask(two_workspaces.bob, "POST", f"{two_workspaces.here.organization.path}/leave")
    else:
        members = f"{two_workspaces.here.organization.path}/members"
        world.ask(two_workspaces.ann, "DELETE", f"{members}/{two_workspaces.bob.id}")
    assert assignments(world, two_workspaces) == EVERYTHING - {("bob", "here"), ("bob", "there")}
    assert count_memberships(world, two_workspaces.bob) == 0
    assert world.status(two_workspaces.bob, "GET", two_workspaces.here.path) == 404
    assert world.status(two_workspaces.bob, "GET", "/orgs/bob/workspaces/bob") == 200


def test_a_card_that_lost_its_assignee_has_a_new_version(world, two_workspaces):
    def version():
        card = tables.cards.c.id == two_workspaces.cards["bob", "here"]
        with world.core.view(NOBODY) as uow:
            return uow.connection.execute(select(tables.cards.c.version).where(card)).scalar_one()

    before = version()
    world.ask(two_workspaces.ann, "DELETE", f"{two_workspaces.here.path}/members/{two_workspaces.bob.id}")
    assert version() == before + 1


def test_demoted_organization_admin_loses_workspaces_without_membership(world, two_workspaces):
    organization = two_workspaces.here.organization.path
    dot = world.person("dot")
    world.join_organization(dot, two_workspaces.here.organization, "admin")
    world.join(dot, two_workspaces.here)
    with world.core.begin(NOBODY) as uow:
        for card in two_workspaces.cards.values():
            uow.connection.execute(
                tables.cards.update().where(tables.cards.c.id == card).values(assignee_id=dot.id)
            )
    world.ask(two_workspaces.ann, "PATCH", f"{organization}/members/{dot.id}", {"role": "member"})
    assert assignments(world, two_workspaces) == {("ann", "here"), ("bob", "here")}


def test_failed_removal_changes_nothing(world, two_workspaces):
    owner = f"{two_workspaces.here.path}/members/{two_workspaces.ann.id}"
    assert world.status(two_workspaces.bob, "DELETE", owner) == 409
    assert assignments(world, two_workspaces) == EVERYTHING


def test_workspaces_of_a_former_member_pass_to_the_organization_owner(world, ann, bob):
    acme = world.organization(ann)
    world.join_organization(bob, acme)
    alone, shared = world.workspace(bob, acme), world.workspace(bob, acme)
    world.join(ann, shared, role="member", pilotage_role="viewer")
    world.ask(bob, "POST", f"{acme.path}/leave")
    for place in (alone, shared):
        assert world.ask(ann, "GET", place.path)["ownerId"] == ann.id
        (member,) = world.ask(ann, "GET", f"{place.path}/members")
        assert (member["userId"], member["role"], member["pilotageRole"]) == (ann.id, "admin", "owner")


def test_an_open_invitation_does_not_lead_back_in(world, two_workspaces):
    third = world.workspace(two_workspaces.ann, two_workspaces.here.organization)
    body = {"email": two_workspaces.cid.email}
    token = world.ask(two_workspaces.ann, "POST", f"{third.path}/members/invite", body)["token"]
    other = world.ask(
        two_workspaces.ann, "POST", f"{third.path}/members/invite", {"email": "eve@example.com"}
    )
    members = f"{two_workspaces.here.organization.path}/members"
    world.ask(two_workspaces.ann, "DELETE", f"{members}/{two_workspaces.cid.id}")
    assert world.status(two_workspaces.cid, "POST", f"/invitations/{token}/accept") == 404
    assert [
        invitation["id"] for invitation in world.ask(two_workspaces.ann, "GET", f"{third.path}/invitations")
    ] == [other["id"]]
