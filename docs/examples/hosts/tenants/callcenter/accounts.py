"""Tenants and members in the core: each function works in the transaction of a session."""

from __future__ import annotations

from sqlalchemy.orm import Session

from callcenter.models import Member, Tenant
from stellary import Stellary
from stellary.contract.automations import ActionToRun
from stellary.contract.roles import MemberRole
from stellary.core import Actor, Core, Membership

WORKSPACE = "desk"
WORKSPACE_ROLES: dict[str, MemberRole] = {"lead": "admin", "agent": "member", "trainee": "member"}


# --8<-- [start:provision]
def create_organization(core: Core, session: Session, tenant: Tenant) -> None:
    """Create the organization of a tenant, with a board and a rule.

    It belongs to an account of its own, so that each member can leave.
    """
    connection = session.connection()
    membership = Membership(tenant.slug, WORKSPACE, role="admin")
    owner = core.provision(tenant.owner_id, membership, name=tenant.slug, connection=connection)
    with Stellary.embedded(core.port(owner, connection=connection)) as stellary:
        workspace = stellary.workspace(tenant.slug, WORKSPACE)
        tenant.workspace_id = workspace.get().id
        project = workspace.projects.create(name="Tickets")
        tenant.project_id = project.id
        workspace.project(project).automations.create(
            trigger="customer_replied",
            conditions={"all": [{"field": "data.isAngry", "op": "eq", "value": True}]},
            action=ActionToRun(type="escalate", params={"reason": "the customer is angry"}),
        )


def provision(core: Core, session: Session, tenant: Tenant, member: Member) -> Actor:
    """Return the actor of a member, with the role that the member has now.

    Accounts have no address: it must be unique among all tenants, and would tell one tenant about another.
    """
    membership = Membership(tenant.slug, WORKSPACE, role=WORKSPACE_ROLES[member.role])
    name = member.email.partition("@")[0]
    actor = core.provision(str(member.id), membership, name=name, connection=session.connection())
    assert actor.user_id is not None
    member.user_id = actor.user_id
    return actor


# --8<-- [end:provision]


# --8<-- [start:remove]
def lock(core: Core, session: Session, member: Member) -> None:
    """Lock a member out: all rights end, and the assignments stay."""
    member.is_locked = True
    core.deactivate(str(member.id), connection=session.connection())


def unlock(core: Core, session: Session, member: Member) -> None:
    """Let a member in again."""
    member.is_locked = False
    core.reactivate(str(member.id), connection=session.connection())


def remove(core: Core, session: Session, tenant: Tenant, member: Member) -> None:
    """Remove a member: what the member owned goes to the tenant, and the account is erased."""
    connection = session.connection()
    core.deprovision(str(member.id), organization=tenant.slug, connection=connection)
    core.erase(str(member.id), connection=connection)
    session.delete(member)


def delete_organization(core: Core, session: Session, tenant: Tenant, members: list[Member]) -> None:
    """Erase all accounts of a tenant. The organization is deleted with the last one, its owner."""
    for member in members:
        remove(core, session, tenant, member)
    session.flush()
    core.erase(tenant.owner_id, connection=session.connection())
    session.delete(tenant)


# --8<-- [end:remove]
