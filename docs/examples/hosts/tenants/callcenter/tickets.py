"""The tickets of a tenant, which are cards."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from callcenter import desk
from callcenter.accounts import WORKSPACE
from callcenter.members import ROWS_MAX, load_member, require_field
from callcenter.models import Report
from callcenter.services import Caller, check_key, get_services, require_lead
from stellary import Stellary
from stellary.contract.cards import Card
from stellary.contract.errors import Invalid
from stellary.contract.refs import CardRef
from stellary.core import UnitOfWork

T = TypeVar("T")
blueprint = Blueprint("tickets", __name__)
blueprint.before_request(check_key)


def with_client(work: Callable[[Stellary, Caller, Session], T]) -> T:
    """Call a function with a client of the core, which works in the transaction of the request."""
    services = get_services()

    def run(session: Session, caller: Caller) -> T:
        port = services.core.port(caller.actor, connection=session.connection())
        with Stellary.embedded(port) as stellary:
            return work(stellary, caller, session)

    return services.transact_as_caller(run)


def describe(card: Card) -> dict[str, object]:
    """Return a ticket for a response."""
    return {"id": card.id, "title": card.title, "status": card.status, "priority": card.priority}


@blueprint.get("/tickets")
def list_tickets() -> ResponseReturnValue:
    """Return the tickets of the tenant."""

    def work(stellary: Stellary, caller: Caller, _: Session) -> list[dict[str, object]]:
        board = stellary.workspace(caller.tenant.slug, WORKSPACE).project(caller.tenant.project_id)
        return [describe(card) for card in board.cards.list()]

    return with_client(work)


@blueprint.post("/tickets")
def create_ticket() -> ResponseReturnValue:
    """Create a ticket."""
    title = require_field("title")

    def work(stellary: Stellary, caller: Caller, _: Session) -> dict[str, object]:
        board = stellary.workspace(caller.tenant.slug, WORKSPACE).project(caller.tenant.project_id)
        to_do = next(iter(board.columns.list()))
        return describe(board.column(to_do).cards.create(title=title))

    return with_client(work), 201


@blueprint.get("/tickets/<card_id>")
def get_ticket(card_id: str) -> ResponseReturnValue:
    """Return a ticket."""

    def work(stellary: Stellary, caller: Caller, _: Session) -> dict[str, object]:
        board = stellary.workspace(caller.tenant.slug, WORKSPACE).project(caller.tenant.project_id)
        return describe(board.card(card_id).get())

    return with_client(work)


@blueprint.put("/tickets/<card_id>/assignee")
def assign_ticket(card_id: str) -> ResponseReturnValue:
    """Assign a ticket to a member."""
    member_id = request.form.get("member", type=int)

    def work(stellary: Stellary, caller: Caller, session: Session) -> dict[str, object]:
        member = load_member(session, caller, member_id or 0)
        board = stellary.workspace(caller.tenant.slug, WORKSPACE).project(caller.tenant.project_id)
        return describe(board.cards.update(card_id, assignee_id=member.user_id))

    return with_client(work)


@blueprint.put("/tickets/<card_id>/column")
def move_ticket(card_id: str) -> ResponseReturnValue:
    """Move a ticket to the column with a name."""
    name = require_field("column")

    def work(stellary: Stellary, caller: Caller, _: Session) -> dict[str, object]:
        board = stellary.workspace(caller.tenant.slug, WORKSPACE).project(caller.tenant.project_id)
        columns = [column for column in board.columns.list() if column.name == name]
        if not columns:
            raise Invalid(f"there is no column {name}")
        return describe(board.cards.update(card_id, column_id=columns[0].id))

    return with_client(work)


# --8<-- [start:reply]
@blueprint.post("/tickets/<card_id>/replies")
def add_reply(card_id: str) -> ResponseReturnValue:
    """Store the reply of a customer. The rules of the tenant may react, before the transaction is committed."""
    text, is_angry = require_field("text"), request.form.get("angry") == "yes"
    services = get_services()

    def work(session: Session, caller: Caller) -> None:
        ref = CardRef(caller.tenant.slug, WORKSPACE, caller.tenant.project_id, card_id)

        def fire(uow: UnitOfWork) -> None:
            desk.fire_reply(services.core, uow, ref, text, is_angry=is_angry)

        services.core.run(caller.actor, fire, session.connection())

    services.transact_as_caller(work)
    return "", 204


# --8<-- [end:reply]


@blueprint.get("/reports")
def list_reports() -> ResponseReturnValue:
    """Return the numbers of open tickets in the newest reports of the tenant."""

    def work(session: Session, caller: Caller) -> list[int]:
        statement = select(Report.open_tickets).where(Report.tenant_id == caller.tenant.id)
        return list(session.scalars(statement.order_by(Report.id.desc()).limit(ROWS_MAX)))

    return get_services().transact_as_caller(work)


@blueprint.post("/reports")
def start_reports() -> ResponseReturnValue:
    """Write a report soon, and then one each week."""
    core = get_services().core

    def work(session: Session, caller: Caller) -> None:
        require_lead(caller)

        def enqueue(uow: UnitOfWork) -> None:
            core.enqueue(uow, desk.REPORT, {"tenant": caller.tenant.id}, key=str(caller.tenant.id))

        core.run(caller.actor, enqueue, session.connection())

    get_services().transact_as_caller(work)
    return "", 202
