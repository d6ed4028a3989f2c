"""The routes of the help desk."""

from __future__ import annotations

import asyncio
import logging
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends, HTTPException, Request
from pydantic import AfterValidator, BaseModel, Field
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from helpdesk.board import add_reply, create_ticket, get_actor
from helpdesk.database import SessionDep
from helpdesk.models import Ticket, User
from helpdesk.security import UserDep, create_token, hash_password, is_password_of
from stellary import AsyncStellary
from stellary.core import Core

log = logging.getLogger("helpdesk")
router = APIRouter()


def get_core(request: Request) -> Core:
    core: Core = request.app.state.core
    return core


CoreDep = Annotated[Core, Depends(get_core)]


class Credentials(BaseModel):
    """The address and the password of a user. Upper and lower case are the same in addresses."""

    email: Annotated[str, Field(max_length=254, pattern="@"), AfterValidator(str.casefold)]
    password: str = Field(min_length=8, max_length=100)


class SignUp(Credentials):
    """A new user."""

    name: str = Field(min_length=1, max_length=100)


class NewTicket(BaseModel):
    """A new ticket."""

    subject: str
    text: str | None = None


class Reply(BaseModel):
    """A reply to a ticket."""

    text: str


class TicketOut(BaseModel):
    """A ticket, as it is shown to its customer."""

    id: int
    subject: str
    is_closed: bool
    card_id: str


@router.post("/users", status_code=201)
async def sign_up(body: SignUp, session: SessionDep) -> dict[str, int]:
    password_hash = await asyncio.to_thread(hash_password, body.password)
    user = User(email=body.email, name=body.name, password_hash=password_hash)
    session.add(user)
    try:
        await session.flush()
    except IntegrityError as error:
        raise HTTPException(409, "There is a user with this address") from error
    return {"id": user.id}


@router.post("/login")
async def log_in(body: Credentials, session: SessionDep, request: Request) -> dict[str, str]:
    user = await session.scalar(select(User).where(User.email == body.email))
    is_right = await asyncio.to_thread(is_password_of, user, body.password)
    if user is None or not user.is_active or not is_right:
        raise HTTPException(401, "The address or the password is wrong")
    return {"token": create_token(user, request.app.state.settings.secret)}


@router.get("/me")
async def show_user(user: UserDep) -> dict[str, int | str]:
    return {"id": user.id, "email": user.email, "name": user.name}


# --8<-- [start:open_ticket]
@router.post("/tickets", status_code=201)
async def open_ticket(
    body: NewTicket, user: UserDep, session: SessionDep, core: CoreDep, background: BackgroundTasks
) -> TicketOut:
    try:
        ticket = await session.run_sync(create_ticket, core, user, body.subject, body.text)
    except IntegrityError as error:
        raise HTTPException(409, "You have reported this already") from error
    background.add_task(log.info, "to %s: we have received %s", user.email, body.subject)
    return TicketOut.model_validate(ticket, from_attributes=True)


# --8<-- [end:open_ticket]


@router.get("/tickets")
async def list_tickets(user: UserDep, session: SessionDep) -> list[TicketOut]:
    tickets = await session.scalars(select(Ticket).where(Ticket.customer_id == user.id).order_by(Ticket.id))
    return [TicketOut.model_validate(ticket, from_attributes=True) for ticket in tickets]


async def load_ticket(ticket_id: int, user: UserDep, session: SessionDep) -> Ticket:
    """Return a ticket of the user, or any ticket for the staff."""
    ticket = await session.get(Ticket, ticket_id)
    if ticket is None or (ticket.customer_id != user.id and not user.is_staff):
        raise HTTPException(404, "There is no such ticket")
    return ticket


TicketDep = Annotated[Ticket, Depends(load_ticket)]


@router.post("/tickets/{ticket_id}/replies", status_code=201)
async def reply(
    body: Reply, ticket: TicketDep, user: UserDep, session: SessionDep, core: CoreDep
) -> dict[str, str]:
    return {"id": await session.run_sync(add_reply, core, user, ticket, body.text)}


# --8<-- [start:show_ticket]
@router.get("/tickets/{ticket_id}")
async def show_ticket(ticket: TicketDep, user: UserDep, core: CoreDep) -> dict[str, object]:
    actor = await asyncio.to_thread(get_actor, core, user)
    board = (
        AsyncStellary.embedded(core.port(actor)).workspace("helpdesk", "support").project(ticket.project_id)
    )
    card = await board.card(ticket.card_id).get()
    replies = await board.card(ticket.card_id).comments.list()
    return {"subject": ticket.subject, "status": card.status, "replies": [reply.content for reply in replies]}


# --8<-- [end:show_ticket]
