"""The personal organization and workspace of an account."""

from __future__ import annotations

import re
import secrets
import unicodedata
from contextlib import suppress

from sqlalchemy import bindparam, insert, select

from stellary.contract.errors import Conflict
from stellary.core.accounts.joining import add_organization_owner, add_workspace_owner
from stellary.core.accounts.tables import organizations, workspaces
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.kernel.writes import refuse_duplicate

_SLUG_MAX = 60
_TAKEN = select(organizations.c.id).where(organizations.c.slug == bindparam("slug"))
_ORGANIZATION, _WORKSPACE = insert(organizations), insert(workspaces)


def create_home(uow: UnitOfWork, user_id: str, name: str, email: str) -> None:
    """Create the personal organization of a new user, and its workspace.

    Args:
        uow: A unit that may write.
        user_id: The user.
        name: The name of the user.
        email: The address of the user.
    """
    organization_id, workspace_id = uow.new_id(), uow.new_id()
    owned = {"owner_id": user_id, "name": name, "created_at": uow.now, "updated_at": uow.now}
    preferred_slug = slugify(name) or slugify(email.partition("@")[0]) or "personal"
    slug = _make_organization(uow, preferred_slug, {"id": organization_id, **owned})
    add_organization_owner(uow, organization_id, user_id)
    home = {"id": workspace_id, "organization_id": organization_id, "slug": slug, "is_personal": True}
    uow.connection.execute(_WORKSPACE, {**home, **owned})
    add_workspace_owner(uow, [workspace_id], user_id)


def _make_organization(uow: UnitOfWork, preferred_slug: str, row: dict[str, object]) -> str:
    """Insert the organization with the preferred slug or a similar one, and return the slug."""
    if uow.connection.execute(_TAKEN, {"slug": preferred_slug}).first() is None:
        # A user with the same name may be created at the same moment.
        with suppress(Conflict), refuse_duplicate(uow, "the slug is taken", "duplicate_slug"):
            uow.connection.execute(_ORGANIZATION, {**row, "slug": preferred_slug})
            return preferred_slug
    # A random suffix; the next number would reveal the number of accounts, and collide under concurrency.
    slug = f"{preferred_slug[: _SLUG_MAX - 9].rstrip('-')}-{secrets.token_hex(4)}"
    uow.connection.execute(_ORGANIZATION, {**row, "slug": slug})
    return slug


def slugify(text: str) -> str:
    """Return a text as a slug: ``Jane Doe`` → ``jane-doe``; empty if fewer than 2 characters remain."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    slug = re.sub("[^a-z0-9]+", "-", plain)[:_SLUG_MAX].strip("-")
    return slug if len(slug) >= 2 else ""
