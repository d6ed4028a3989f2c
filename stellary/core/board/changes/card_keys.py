"""Card keys in paths: ``LAUNCH-12`` can replace the id of a card, also of one that has left the project of the key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import attrs
from sqlalchemy import and_, bindparam, select

from stellary.contract.addressing import NOWHERE
from stellary.contract.refs import Ref, WorkspaceRef
from stellary.core.accounts.access_checks import WORKSPACE_ID, Link, select_links
from stellary.core.accounts.places import workspace_ref
from stellary.core.accounts.project_sight import find_sight
from stellary.core.board.tables import cards, former_keys, projects
from stellary.core.board.visibility import sees_project
from stellary.core.db.base import IdType, is_given
from stellary.core.kernel.unit import UnitOfWork

R = TypeVar("R", bound=Ref)
_NUMBER_MAX = 2**31 - 1


_CARD_BY_KEY = select_links(
    (
        Link(None, projects, within=and_(projects.c.workspace_id == WORKSPACE_ID, is_given(projects.c.key))),
        Link(None, cards, within=and_(cards.c.project_id == projects.c.id, is_given(cards.c.number))),
    ),
    [cards.c.id.label("card_id"), WORKSPACE_ID.label("workspace_id")],
)
_former = projects.alias("former")
_HAD_NUMBER = and_(former_keys.c.project_id == _former.c.id, is_given(former_keys.c.number))
_CARD_BY_FORMER_KEY = (
    select(
        cards.c.id.label("card_id"),
        cards.c.project_id,
        projects.c.workspace_id,
        _former.c.id.label("former_project_id"),
    )
    .join_from(former_keys, _former, _HAD_NUMBER)
    .join(cards, cards.c.id == former_keys.c.card_id)
    .join(projects, projects.c.id == cards.c.project_id)
    .where(
        is_given(_former.c.workspace_id),
        is_given(_former.c.key),
        sees_project(bindparam("_user_id", type_=IdType)),
    )
)


def resolve_card_key(uow: UnitOfWork, ref: R) -> R:
    """Return the ref with a card's id in place of its key.

    This checks no access: the service does so by the id. An unknown key becomes an id that no card has. The former key of a card
    that the caller sees leads to the card: its project and workspace replace those of the ref.

    Args:
        uow: The unit of work, with its actor.
        ref: A ref of any endpoint. A ref without a card, or with the id of a card, costs no statement.
    """
    card_id = getattr(ref, "card_id", NOWHERE)
    if not isinstance(ref, WorkspaceRef) or "-" not in card_id:
        return ref
    key, _, digits = card_id.partition("-")
    parameters = {
        "_user_id": uow.principal_id,
        "_session_id": uow.pending_session_id,
        "_org_slug": ref.org_slug,
        "_ws_slug": ref.ws_slug,
        "_key": key.upper(),
        "_number": int(digits),
    }
    row = uow.connection.execute(_CARD_BY_KEY, parameters).first() if int(digits) <= _NUMBER_MAX else None
    changes: dict[str, Any] = {"card_id": NOWHERE if row is None else row.card_id}
    if row is not None and row.card_id is None:
        changes |= _find_former(uow, ref, {**parameters, "_workspace_id": row.workspace_id})
    return attrs.evolve(ref, **changes)


def _find_former(uow: UnitOfWork, ref: WorkspaceRef, parameters: Mapping[str, object]) -> dict[str, str]:
    """Return the parts of the ref of a card that had a key in a project that it has left, if the caller sees it now."""
    row = uow.connection.execute(_CARD_BY_FORMER_KEY, parameters).first()
    limits = uow.actor.agent_limits
    if (
        row is None
        or not find_sight(uow.actor).sees(row.project_id)
        or (limits is not None and limits.workspace_id != row.workspace_id)
    ):
        return {"card_id": NOWHERE}
    changes = {"card_id": row.card_id}
    if getattr(ref, "project_id", None) == row.former_project_id:
        changes["project_id"] = row.project_id
    if row.workspace_id != parameters["_workspace_id"]:
        changes["ws_slug"] = workspace_ref(uow, row.workspace_id).ws_slug
    return changes
