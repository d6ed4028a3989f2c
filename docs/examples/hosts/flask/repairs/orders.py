"""The repairs that customers order."""

from __future__ import annotations

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from repairs.board import create_card, provision, require_board
from repairs.login import require_user
from repairs.models import BICYCLE_MAX, Repair
from repairs.services import get_services
from stellary import Stellary
from stellary.contract.errors import Conflict, Invalid

blueprint = Blueprint("orders", __name__)
REPAIRS_MAX = 50


# --8<-- [start:order]
@blueprint.post("/repairs")
def order_repair() -> ResponseReturnValue:
    """Create a repair and its card: both, or neither if anything fails."""
    bicycle = read_bicycle()
    services = get_services()

    def work(session: Session) -> dict[str, object]:
        user = require_user(session)
        connection = session.connection()
        actor = provision(services.core, user, connection)
        with Stellary.embedded(services.core.port(actor, connection=connection)) as stellary:
            card_id = create_card(stellary, bicycle)
        repair = Repair(bicycle=bicycle, customer=user, card_id=card_id)
        session.add(repair)
        session.flush()
        return {"id": repair.id, "card": card_id}

    try:
        return services.transact(work), 201
    except IntegrityError:
        raise Conflict(f"{bicycle} is being repaired already") from None


# --8<-- [end:order]


@blueprint.get("/repairs")
def list_repairs() -> ResponseReturnValue:
    """Return the newest repairs of the user, with the status of their cards."""
    services = get_services()
    with services.sessions() as session:
        user = require_user(session)
        repairs = list(
            session.scalars(
                select(Repair)
                .where(Repair.customer_id == user.id)
                .order_by(Repair.id.desc())
                .limit(REPAIRS_MAX)
            )
        )
        connection = session.connection()
        actor = provision(services.core, user, connection)
        with Stellary.embedded(services.core.port(actor, connection=connection)) as stellary:
            board = require_board(stellary)
            return [
                {
                    "id": repair.id,
                    "bicycle": repair.bicycle,
                    "status": board.card(repair.card_id).get().status,
                }
                for repair in repairs
            ]


def read_bicycle() -> str:
    """Return the bicycle in the form of the request."""
    bicycle = request.form.get("bicycle", "").strip()
    if not 1 <= len(bicycle) <= BICYCLE_MAX:
        raise Invalid(f"bicycle must have 1-{BICYCLE_MAX} characters")
    return bicycle
