"""The members of a tenant, and their preferences."""

from __future__ import annotations

import secrets

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from callcenter import accounts
from callcenter.models import ROLES, AuditEntry, Member, Page, Tenant
from callcenter.services import Caller, check_key, digest, get_services, require_lead
from stellary.contract.errors import Conflict, Invalid, NotFound
from stellary.core import Core

ROWS_MAX = 100
"""The maximum length of lists that grow: audit, pages and reports."""
blueprint = Blueprint("members", __name__)
blueprint.before_request(check_key)


def require_field(name: str, length_min: int = 1, length_max: int = 200) -> str:
    """Return a field of the form of the request."""
    text = request.form.get(name, "").strip()
    if not length_min <= len(text) <= length_max:
        raise Invalid(f"{name} must have {length_min}-{length_max} characters")
    return text


def require_email() -> str:
    """Return the address in the form of the request. The part before the @ becomes the name of the account."""
    email = require_field("email").casefold()
    if not email.partition("@")[0].strip() or email.endswith("@") or "@" not in email:
        raise Invalid("email must be an address")
    return email


def require_role() -> str:
    """Return the role in the form of the request."""
    role = require_field("role")
    if role not in ROLES:
        raise Invalid(f"role must be one of {', '.join(ROLES)}")
    return role


def add_member(core: Core, session: Session, tenant: Tenant, email: str, role: str) -> tuple[Member, str]:
    """Create a member, and return it with its key."""
    key = secrets.token_urlsafe()
    member = Member(tenant_id=tenant.id, email=email, role=role, key_digest=digest(key))
    session.add(member)
    session.flush()
    accounts.provision(core, session, tenant, member)
    return member, key


def load_member(session: Session, caller: Caller, member_id: int) -> Member:
    """Return a member of the caller's tenant."""
    member = session.get(Member, member_id)
    if member is None or member.tenant_id != caller.tenant.id:
        raise NotFound("Member not found")
    return member


def describe(member: Member) -> dict[str, object]:
    """Return a member for a response."""
    return {"id": member.id, "email": member.email, "role": member.role, "locked": member.is_locked}


@blueprint.get("/members")
def list_members() -> ResponseReturnValue:
    """Return the members of the tenant."""

    def work(session: Session, caller: Caller) -> list[dict[str, object]]:
        statement = select(Member).where(Member.tenant_id == caller.tenant.id).order_by(Member.id)
        return [describe(member) for member in session.scalars(statement)]

    return get_services().transact_as_caller(work)


@blueprint.post("/members")
def create_member() -> ResponseReturnValue:
    """Add a member, whose key is in the response."""
    email, role = require_email(), require_role()

    def work(session: Session, caller: Caller) -> dict[str, object]:
        require_lead(caller)
        member, key = add_member(get_services().core, session, caller.tenant, email, role)
        return {**describe(member), "key": key}

    try:
        return get_services().transact_as_caller(work), 201
    except IntegrityError:
        raise Conflict(f"{email} is a member already") from None


@blueprint.patch("/members/<int:member_id>")
def update_member(member_id: int) -> ResponseReturnValue:
    """Change the role of a member."""
    role = require_role()

    def work(session: Session, caller: Caller) -> dict[str, object]:
        require_lead(caller)
        member = load_member(session, caller, member_id)
        member.role = role
        session.flush()
        accounts.provision(get_services().core, session, caller.tenant, member)
        return describe(member)

    return get_services().transact_as_caller(work)


@blueprint.put("/members/<int:member_id>/lock")
def lock_member(member_id: int) -> ResponseReturnValue:
    """Lock a member out."""

    def work(session: Session, caller: Caller) -> dict[str, object]:
        require_lead(caller)
        member = load_member(session, caller, member_id)
        accounts.lock(get_services().core, session, member)
        return describe(member)

    return get_services().transact_as_caller(work)


@blueprint.delete("/members/<int:member_id>/lock")
def unlock_member(member_id: int) -> ResponseReturnValue:
    """Let a member in again."""

    def work(session: Session, caller: Caller) -> dict[str, object]:
        require_lead(caller)
        member = load_member(session, caller, member_id)
        accounts.unlock(get_services().core, session, member)
        return describe(member)

    return get_services().transact_as_caller(work)


@blueprint.delete("/members/<int:member_id>")
def delete_member(member_id: int) -> ResponseReturnValue:
    """Remove a member from the tenant, and erase the account."""

    def work(session: Session, caller: Caller) -> None:
        require_lead(caller)
        accounts.remove(get_services().core, session, caller.tenant, load_member(session, caller, member_id))

    get_services().transact_as_caller(work)
    return "", 204


@blueprint.get("/audit")
def list_audit() -> ResponseReturnValue:
    """Return the newest entries of the tenant's audit."""

    def work(session: Session, caller: Caller) -> list[dict[str, object]]:
        require_lead(caller)
        statement = (
            select(AuditEntry)
            .where(AuditEntry.tenant_id == caller.tenant.id)
            .order_by(AuditEntry.id.desc())
            .limit(ROWS_MAX)
        )
        return [
            {"event": entry.event, "member": entry.member_id, "card": entry.card_id}
            for entry in session.scalars(statement)
        ]

    return get_services().transact_as_caller(work)


# --8<-- [start:preferences]
@blueprint.put("/preferences")
def set_preferences() -> ResponseReturnValue:
    """Set the pager of the caller, and the types of activities for which it is called."""
    pager = require_field("pager", length_min=0, length_max=40)
    page_types = require_field("types", length_min=0)

    def work(session: Session, caller: Caller) -> dict[str, object]:
        caller.member.pager, caller.member.page_types = pager, page_types
        return {"pager": pager, "types": page_types.split()}

    return get_services().transact_as_caller(work)


# --8<-- [end:preferences]


@blueprint.get("/pages")
def list_pages() -> ResponseReturnValue:
    """Return some of the pages that were sent to the caller."""

    def work(session: Session, caller: Caller) -> list[str]:
        statement = select(Page.text).where(Page.member_id == caller.member.id)
        return list(session.scalars(statement.limit(ROWS_MAX)))

    return get_services().transact_as_caller(work)
