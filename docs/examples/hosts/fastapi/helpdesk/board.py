"""The board of the help desk: its core, its members, and how cards and tickets change together."""

from __future__ import annotations

import logging

from sqlalchemy import Connection, select, update
from sqlalchemy.orm import Session

from helpdesk.models import Ticket, User
from helpdesk.settings import Settings
from stellary import Stellary
from stellary.contract.comments import CreateComment
from stellary.contract.errors import Conflict
from stellary.contract.projects import Project
from stellary.contract.refs import CardRef
from stellary.core import Actor, Core, Membership, UnitOfWork
from stellary.core.board import comments
from stellary.core.kernel.event_handlers import EventDelivery
from stellary.core.kernel.events import CardMoved
from stellary.core.kernel.unit import NOBODY

log = logging.getLogger("helpdesk")
PROJECT_KEY = "HELP"
"""The key of the project of all tickets. The staff may create others beside it."""


# --8<-- [start:core]
def create_core(settings: Settings) -> Core:
    """Create the core, which has connections of its own to the database of the help desk."""
    core = Core(settings.database_url, blobs=settings.data_dir / "attachments")

    def notify_customer(delivery: EventDelivery[CardMoved]) -> None:
        """Tell the customer of a closed ticket, after the commit of the move."""
        if delivery.event.card.status == "done":
            email = core.run(NOBODY, lambda uow: find_customer(uow, delivery.event.card.id), read_only=True)
            log.info("to %s: %s is done", email, delivery.event.card.title)

    core.on(CardMoved, close_ticket)
    core.after(CardMoved, notify_customer, name="notify_customer")
    return core


def close_ticket(uow: UnitOfWork, event: CardMoved) -> None:
    """Close or reopen the ticket of a card in the transaction of the move. An urgent one must be assigned first."""
    is_closed = event.card.status == "done"
    if is_closed and event.card.priority == "high" and event.card.assignee_id is None:
        raise Conflict("assign the card before you close the ticket", code="unassigned")
    ticket = update(Ticket).where(Ticket.card_id == event.card.id)
    uow.connection.execute(ticket.values(is_closed=is_closed))


# --8<-- [end:core]


def find_customer(uow: UnitOfWork, card_id: str) -> str | None:
    """Return the address of the customer whose ticket a card is."""
    customer = select(User.email).join(Ticket, Ticket.customer_id == User.id)
    return uow.connection.scalar(customer.where(Ticket.card_id == card_id))


# --8<-- [start:actor]
def get_actor(core: Core, user: User, connection: Connection | None = None) -> Actor:
    """Return the actor of a user, who becomes a member of the workspace with the first call.

    The cards and comments of customers have their names, although only the staff may use the API.
    """
    membership = Membership("helpdesk", "support", role="admin" if user.is_staff else "member")
    return core.provision(str(user.id), membership, email=user.email, name=user.name, connection=connection)


# --8<-- [end:actor]


# --8<-- [start:set_up]
def set_up(core: Core) -> None:
    """Create the workspace and its project if they do not exist. Their owner is an account without a log-in."""
    owner = core.provision("owner", Membership("helpdesk", "support", role="admin"), name="Help desk")
    stellary = Stellary.embedded(core.port(owner))
    if find_project(stellary) is None:
        stellary.workspace("helpdesk", "support").projects.create(name="Tickets", key=PROJECT_KEY)


def find_project(stellary: Stellary) -> Project | None:
    """Return the project of all tickets; None before it is set up."""
    projects = stellary.workspace("helpdesk", "support").projects.list()
    return next((project for project in projects if project.key == PROJECT_KEY), None)


# --8<-- [end:set_up]


# --8<-- [start:client]
def create_ticket(session: Session, core: Core, user: User, subject: str, text: str | None) -> Ticket:
    """Create a ticket and its card in the transaction of a session: both, or neither if anything fails."""
    connection = session.connection()
    stellary = Stellary.embedded(core.port(get_actor(core, user, connection), connection))
    project = find_project(stellary)
    assert project is not None, "run helpdesk.prestart first"
    board = stellary.workspace("helpdesk", "support").project(project)
    to_do = board.columns.list()[0]
    card = board.column(to_do).cards.create(title=subject, description=text)
    ticket = Ticket(customer_id=user.id, subject=subject, project_id=project.id, card_id=card.id)
    session.add(ticket)
    session.flush()
    return ticket


# --8<-- [end:client]


# --8<-- [start:service]
def add_reply(session: Session, core: Core, user: User, ticket: Ticket, text: str) -> str:
    """Comment on the card of a ticket in the transaction of a session, and return the id of the comment."""
    connection = session.connection()
    actor = get_actor(core, user, connection)
    card = CardRef("helpdesk", "support", ticket.project_id, ticket.card_id)
    request = CreateComment(content=text)
    return core.run(actor, lambda uow: comments.create_comment(uow, card, request), connection).id


# --8<-- [end:service]
