"""Memberships that a host decides on: ``Core.provision``, ``Core.set_memberships`` and ``Core.deprovision``."""

from contextlib import closing
from functools import partial

import pytest

from stellary import Stellary
from stellary.contract.errors import Conflict, Invalid, NotFound
from stellary.core import Core, Membership
from tests.support.world import at_once

ENGINEERING = Membership("acme", "eng")


def client_of(core, actor):
    return Stellary.embedded(core.port(actor))


def read_seats(core, actor):
    """Return the roles of all members of the workspace, by e-mail address."""
    members = client_of(core, actor).workspace("acme", "eng").members.list()
    return {member.email: (member.role, member.pilotage_role) for member in members}


def make_column(core, actor):
    """Create a project in the workspace, and return its first column."""
    ws = client_of(core, actor).workspace("acme", "eng")
    return ws.project(ws.projects.create(name="Launch")).columns.list()[0]


@pytest.fixture
def ann(core):
    return core.provision("1", ENGINEERING, email="ann@example.com")


def test_first_user_owns_the_new_organization_and_workspace(core, ann):
    client = client_of(core, ann)
    (organization,) = client.organizations.list()
    (workspace,) = client.organization("acme").workspaces.list()
    assert (organization.slug, organization.name, organization.my_role) == ("acme", "acme", "owner")
    assert (workspace.slug, workspace.my_role, workspace.is_personal) == ("eng", "admin", False)
    assert client.auth.me().user.pilotage_role == "viewer"


def test_membership_is_not_recorded_in_a_workspace_that_is_not_personal(core, ann):
    boss = client_of(core, core.provision("2", Membership("other", "ops"), email="boss@example.com"))
    boss.organization("other").members.add(email="ann@example.com", role="member")
    client = client_of(core, ann)
    assert [organization.slug for organization in client.organizations.list()] == ["acme", "other"]
    recorded = client.workspace("acme", "eng").activity.list()
    assert "organization_member_added" not in [activity.type for activity in recorded]


def test_further_users_become_members_with_the_requested_roles(core, ann):
    core.provision("2", ENGINEERING, email="ben@example.com")
    core.provision(
        "3", Membership("acme", "eng", role="admin", pilotage_role="reviewer"), email="cas@example.com"
    )
    assert read_seats(core, ann) == {
        "ann@example.com": ("admin", "owner"),
        "ben@example.com": ("member", "viewer"),
        "cas@example.com": ("admin", "reviewer"),
    }


def test_roles_follow_the_host_and_those_of_owners_stay(core, ann):
    ben = core.provision("2", ENGINEERING, email="ben@example.com")
    raised = Membership("acme", "eng", role="admin", organization_role="admin", pilotage_role="owner")
    assert core.provision("2", raised) == ben
    assert read_seats(core, ann)["ben@example.com"] == ("admin", "owner")
    assert [item.my_role for item in client_of(core, ben).organizations.list()] == ["admin"]
    core.provision("2", ENGINEERING)
    assert read_seats(core, ann)["ben@example.com"] == ("member", "viewer")
    assert [item.my_role for item in client_of(core, ben).organizations.list()] == ["member"]
    core.provision("1", ENGINEERING)
    assert read_seats(core, ann)["ann@example.com"] == ("admin", "owner")


def test_repeated_call_only_reads(core, ann, statements):
    with statements() as sent:
        assert core.provision("1", ENGINEERING) == ann
    assert [statement.split()[0] for statement in sent] == ["SELECT", "SELECT"]


def test_concurrent_calls_create_everything_once(core):
    actors = at_once(
        *[lambda: core.provision("7", ENGINEERING)] * 4, *[lambda: core.provision("8", ENGINEERING)] * 4
    )
    assert len(set(actors)) == 2
    assert len(read_seats(core, actors[0])) == 2


def test_deprovisioned_user_has_no_access(core, ann):
    ben = core.provision("2", ENGINEERING, email="ben@example.com")
    assert core.deprovision("2", organization="acme", workspace="eng")
    with pytest.raises(NotFound):
        client_of(core, ben).workspace("acme", "eng").get()
    assert [item.slug for item in client_of(core, ben).organizations.list()] == ["acme"]
    assert not core.deprovision("2", organization="acme", workspace="eng")
    assert core.deprovision("2", organization="acme")
    assert client_of(core, ben).organizations.list() == []
    assert not core.deprovision("2", organization="acme")
    assert not core.deprovision("nobody", organization="acme")
    assert not core.deprovision("2", organization="globex")


def test_assignments_of_a_deprovisioned_user_end(core, ann):
    ben = core.provision("2", ENGINEERING, email="ben@example.com")
    ws = client_of(core, ann).workspace("acme", "eng")
    board = ws.project(ws.projects.create(name="Launch"))
    card = board.column(board.columns.list()[0]).cards.create(title="Write", assignee_id=ben.user_id)
    core.deprovision("2", organization="acme", workspace="eng")
    assert board.card(card).get().assignee_id is None


def test_owner_cannot_be_deprovisioned(core, ann):
    with pytest.raises(Conflict):
        core.deprovision("1", organization="acme")
    with pytest.raises(Conflict):
        core.deprovision("1", organization="acme", workspace="eng")


@pytest.mark.parametrize("membership", [Membership("A", "eng"), Membership("acme", "no slug")])
def test_invalid_slug_is_rejected_and_creates_no_organization(core, membership):
    with pytest.raises(Invalid, match="slug"):
        core.provision("1", membership)
    assert client_of(core, core.user(external_id="1")).organizations.list() == []


def test_membership_ends_with_a_rolled_back_transaction_of_the_host(host):
    with closing(Core(host)) as core:
        with host.connect() as connection, connection.begin() as transaction:
            actor = core.provision("1", ENGINEERING, connection=connection)
            joined = Stellary.embedded(core.port(actor, connection))
            assert [item.slug for item in joined.organizations.list()] == ["acme"]
            transaction.rollback()
        again = core.provision("1", ENGINEERING)
        assert again != actor
        assert len(read_seats(core, again)) == 1


def test_erased_user_is_forgotten_and_shared_cards_stay(core, ann):
    ben = core.provision("2", ENGINEERING, email="ben@example.com")
    column = make_column(core, ann)
    client_of(core, ben).workspace("acme", "eng").project(column.project_id).column(column).cards.create(
        title="Write"
    )
    assert core.erase("2")
    assert not core.erase("2")
    assert read_seats(core, ann).keys() == {"ann@example.com"}
    (card,) = client_of(core, ann).workspace("acme", "eng").project(column.project_id).cards.list()
    assert card.title == "Write"
    assert core.provision("2", ENGINEERING, email="ben@example.com") != ben


def test_owner_of_a_shared_organization_is_not_erased(core, ann):
    core.provision("2", ENGINEERING)
    with pytest.raises(Conflict, match="you own organizations with other members: acme"):
        core.erase("1")
    assert core.provision("1", ENGINEERING) == ann


def read_slugs(core, actor):
    """Return the organizations and workspaces of a user, without the personal ones."""
    client = client_of(core, actor)
    return sorted(
        f"{organization.slug}/{workspace.slug}"
        for organization in client.organizations.list()
        for workspace in client.organization(organization).workspaces.list()
        if not workspace.is_personal
    )


@pytest.fixture
def mover(core):
    """Return a user whom the host has moved from one company and team to others, and a colleague who stays."""
    teams = [ENGINEERING, Membership("acme", "old"), Membership("globex", "ops", organization_role="admin")]
    mover = core.set_memberships("1", teams, email="ann@example.com")
    core.set_memberships("2", [*teams, Membership("evil", "lab", role="admin")], email="ben@example.com")
    assert read_slugs(core, mover) == ["acme/eng", "acme/old", "globex/ops"]
    return mover


@pytest.mark.parametrize(
    ("memberships", "slugs"),
    [
        ([Membership("evil", "lab")], ["evil/lab"]),
        ([ENGINEERING], ["acme/eng"]),
        ([ENGINEERING, Membership("new", "new")], ["acme/eng", "new/new"]),
        ([], []),
    ],
)
def test_memberships_that_the_host_no_longer_lists_end(core, mover, memberships, slugs, statements):
    ben = core.user(external_id="2")
    column = make_column(core, ben)
    board = client_of(core, ben).workspace("acme", "eng").project(column.project_id)
    card = board.column(column).cards.create(title="Write", assignee_id=mover.user_id)
    assert core.set_memberships("1", memberships) == mover
    assert read_slugs(core, mover) == slugs
    assert board.card(card).get().assignee_id == (mover.user_id if "acme/eng" in slugs else None)
    assert read_slugs(core, ben) == ["acme/eng", "acme/old", "evil/lab", "globex/ops"]
    with statements() as sent:
        core.set_memberships("1", memberships)
    assert [statement.split()[0] for statement in sent] == ["SELECT", "SELECT"]


def test_what_a_user_owns_and_organizations_of_others_stay(core, mover):
    organization = client_of(core, mover).organizations.create(name="Side", slug="side")
    client_of(core, mover).organization(organization).workspaces.create(name="Project", slug="project")
    core.set_memberships("1", [Membership("evil", "lab")], manages=lambda slug: slug != "globex")
    assert read_slugs(core, mover) == ["evil/lab", "globex/ops", "side/project"]


def test_new_user_without_memberships_has_a_personal_workspace(core):
    (organization,) = client_of(core, core.set_memberships("1", [])).organizations.list()
    assert organization.my_role == "owner"


@pytest.mark.parametrize(
    "memberships",
    [
        [ENGINEERING, Membership("acme", "eng", role="admin")],
        [ENGINEERING, Membership("acme", "ops", organization_role="admin")],
        [Membership("a" * 200, "eng")],
    ],
)
def test_contradictory_or_invalid_memberships_change_nothing(core, memberships):
    with pytest.raises(Invalid):
        core.set_memberships("1", memberships)
    assert read_slugs(core, core.user(external_id="1")) == []


def test_concurrent_moves_leave_one_membership(core, mover):
    ids = [str(number) for number in range(3, 7)]
    for external_id in ids:
        core.set_memberships(external_id, [ENGINEERING])
    lab = [Membership("evil", "lab")]
    at_once(*[partial(core.set_memberships, external_id, lab) for external_id in [*ids, *ids]])
    assert [read_slugs(core, core.user(external_id=item)) for item in ids] == [["evil/lab"]] * 4


def test_new_or_renamed_user_takes_over_the_address_of_a_deactivated_account(core, ann):
    for former, successor in (("1", "new"), ("new", "old")):
        if successor == "old":
            core.user(external_id="old", email="old@example.com")
        core.deactivate(former)
        actor = core.provision(successor, ENGINEERING, email="ANN@example.com")
        assert core.known_by("ann@example.com") == actor
        assert core.reactivate(former)
        assert client_of(core, core.user(external_id=former)).auth.me().user.email.endswith("@users.invalid")
        with pytest.raises(Conflict, match="belongs to another user"):
            core.provision(former, ENGINEERING, email="ann@example.com")
