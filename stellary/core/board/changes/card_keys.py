"""Card keys in paths: ``LAUNCH-12`` can replace the id of a card."""

from __future__ import annotations

from typing import Any, TypeVar

import attrs
from sqlalchemy import and_, bindparam

from stellary.contract.addressing import NOWHERE
from stellary.contract.refs import Ref, WorkspaceRef
from stellary.core.accounts.access_checks import WORKSPACE_ID, Link, select_links
from stellary.core.board.tables import cards, projects
from stellary.core.kernel.unit import UnitOfWork

R = TypeVar("R", bound=Ref)
_NUMBER_MAX = 2**31 - 1


_CARD_BY_KEY = select_links(
    (
        Link(
            None,
            projects,
            within=and_(projects.c.workspace_id == WORKSPACE_ID, projects.c.key == bindparam("_key")),
        ),
        Link(
            None,
            cards,
            within=and_(cards.c.project_id == projects.c.id, cards.c.number == bindparam("_number")),
        ),
    ),
    [cards.c.id.label("card_id")],
)


def resolve_card_key(uow: UnitOfWork, ref: R) -> R:
    """Return the ref with a card's id in place of its key.

    This checks no access: the service does so by the id. An unknown key becomes an id that no card has.

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
    changes: dict[str, Any] = {"card_id": NOWHERE if row is None else row.card_id or NOWHERE}
    return attrs.evolve(ref, **changes)
