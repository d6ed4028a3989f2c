"""The endpoints of the operator, who creates, suspends and deletes tenants."""

from __future__ import annotations

from hmac import compare_digest

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from callcenter import accounts
from callcenter.members import add_member, require_email, require_field
from callcenter.models import SLUG_MAX, Member, Tenant
from callcenter.services import get_services
from stellary.contract.errors import Conflict, Forbidden, NotFound

blueprint = Blueprint("operations", __name__, url_prefix="/tenants")
OPERATOR_HEADER = "X-Operator-Key"


@blueprint.before_request
def require_operator() -> None:
    """Refuse requests of others."""
    if not compare_digest(
        request.headers.get(OPERATOR_HEADER, "").encode(), get_services().operator_key.encode()
    ):
        raise Forbidden("only the operator may do that")


@blueprint.post("")
def create_tenant() -> ResponseReturnValue:
    """Create a tenant with its first lead, whose key is in the response."""
    slug, email = require_field("slug", length_max=SLUG_MAX), require_email()
    core = get_services().core

    def work(session: Session) -> dict[str, object]:
        tenant = Tenant(slug=slug)
        session.add(tenant)
        session.flush()
        accounts.create_organization(core, session, tenant)
        member, key = add_member(core, session, tenant, email, "lead")
        return {"slug": slug, "lead": member.id, "key": key}

    try:
        return get_services().transact(work), 201
    except IntegrityError:
        raise Conflict(f"there is a tenant {slug} already") from None


@blueprint.patch("/<slug>")
def suspend_tenant(slug: str) -> ResponseReturnValue:
    """Suspend a tenant, or end that."""
    is_suspended = require_field("suspended") == "yes"

    def work(session: Session) -> dict[str, object]:
        tenant = load_tenant(session, slug)
        tenant.is_suspended = is_suspended
        return {"slug": slug, "suspended": is_suspended}

    return get_services().transact(work)


@blueprint.delete("/<slug>")
def delete_tenant(slug: str) -> ResponseReturnValue:
    """Delete a tenant with all its data."""
    core = get_services().core

    def work(session: Session) -> None:
        tenant = load_tenant(session, slug)
        tenant.is_suspended = False
        session.flush()
        members = list(session.scalars(select(Member).where(Member.tenant_id == tenant.id)))
        accounts.delete_organization(core, session, tenant, members)

    get_services().transact(work)
    return "", 204


def load_tenant(session: Session, slug: str) -> Tenant:
    """Return a tenant."""
    tenant = session.scalar(select(Tenant).where(Tenant.slug == slug))
    if tenant is None:
        raise NotFound("Tenant not found")
    return tenant
