"""The personal organization and workspace that each account begins with."""

from __future__ import annotations

import re
import secrets
import unicodedata

from sqlalchemy import bindparam, insert, select

from stellary.core.accounts.tables import organization_members, organizations, workspace_members, workspaces
from stellary.core.unit import UnitOfWork

_SLUG_MAX = 60
_TAKEN = select(organizations.c.id).where(organizations.c.slug == bindparam("slug"))
_ORGANIZATION, _ORGANIZATION_MEMBER = insert(organizations), insert(organization_members)
_WORKSPACE, _WORKSPACE_MEMBER = insert(workspaces), insert(workspace_members)


def create_home(uow: UnitOfWork, user_id: str, name: str, email: str) -> None:
    """Make the organization and, in it, the workspace that are a new user's own."""
    slug = _free_slug(uow, name, email)
    times = {"created_at": uow.now, "updated_at": uow.now}
    organization_id, workspace_id = uow.new_id(), uow.new_id()
    owned = {"owner_id": user_id, "name": name, "slug": slug, **times}
    uow.connection.execute(_ORGANIZATION, {"id": organization_id, **owned})
    uow.connection.execute(
        _ORGANIZATION_MEMBER,
        {"organization_id": organization_id, "user_id": user_id, "role": "owner", "created_at": uow.now},
    )
    uow.connection.execute(
        _WORKSPACE, {"id": workspace_id, "organization_id": organization_id, "is_personal": True, **owned}
    )
    uow.connection.execute(
        _WORKSPACE_MEMBER,
        {
            "workspace_id": workspace_id,
            "user_id": user_id,
            "role": "admin",
            "pilotage_role": "owner",
            "created_at": uow.now,
        },
    )


def _free_slug(uow: UnitOfWork, name: str, email: str) -> str:
    wanted = slugified(name) or slugified(email.partition("@")[0]) or "personal"
    if uow.connection.execute(_TAKEN, {"slug": wanted}).first() is None:
        return wanted
    # A random end and not the next number: nobody can count the accounts, and two at once do not collide.
    return f"{wanted[: _SLUG_MAX - 9]}-{secrets.token_hex(4)}"


def slugified(text: str) -> str:
    """The text as a slug: ``Jane Doe`` → ``jane-doe``; empty if fewer than 2 characters remain."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    slug = re.sub("[^a-z0-9]+", "-", plain)[:_SLUG_MAX].strip("-")
    return slug if len(slug) >= 2 else ""
