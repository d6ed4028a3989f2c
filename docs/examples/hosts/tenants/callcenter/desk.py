"""The additions of the call center to the core: an action, a trigger, a channel, a job, an audit, and rules of its own."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from callcenter.accounts import WORKSPACE
from callcenter.models import AuditEntry, Member, Page, Report, Tenant, build_owner_id
from stellary.contract.actions import CardParams
from stellary.contract.cards import UPDATE_CARD, Card, ListCards, UpdateCard
from stellary.contract.comments import CreateComment
from stellary.contract.errors import Conflict, Forbidden
from stellary.contract.refs import CardRef, OrganizationRef, ProjectRef, Ref, WorkspaceRef
from stellary.contract.router import AnyEndpoint
from stellary.core import Core, UnitOfWork
from stellary.core.automations.triggers import Trigger
from stellary.core.board import cards, comments, listing, resolve_names
from stellary.core.kernel.actions import Action
from stellary.core.kernel.events import CardEvent, CardMoved
from stellary.core.notifications.channels import Channel, NotificationDelivery

REPORT = "report"
REPORT_INTERVAL = timedelta(days=7)


# --8<-- [start:action]
class EscalateParams(CardParams):
    """A ticket, and why it is urgent."""

    reason: str


def escalate(uow: UnitOfWork, ref: WorkspaceRef, params: EscalateParams) -> Card:
    """Raise the priority of a ticket, and say why in a comment."""
    card = resolve_names.resolve_card(uow, ref, params.card_id, params.project_id)
    comments.create_comment(uow, card.ref, CreateComment(content=f"Escalated: {params.reason}"))
    return cards.update_card(uow, card.ref, UpdateCard(priority="high"))


ESCALATE = Action(
    name="escalate",
    summary="Make a ticket urgent.",
    takes=EscalateParams,
    endpoint=UPDATE_CARD,
    category="board.write",
    do=escalate,
)
CUSTOMER_REPLIED = Trigger(
    name="customer_replied",
    summary="The customer has replied to the ticket.",
    fields={"text": "text", "isAngry": "flag"},
)
# --8<-- [end:action]


class Desk:
    """The handlers of the call center.

    Args:
        sessions: Creates sessions of its database.
    """

    def __init__(self, sessions: sessionmaker[Session]) -> None:
        self._sessions = sessions

    def create_core(self, engine: Engine, files: str) -> Core:
        """Return a core with everything that the call center adds."""
        pager = Channel("pager", self.send_page)
        core = Core(
            engine,
            blobs=files,
            registration="closed",
            actions=[ESCALATE],
            triggers=[CUSTOMER_REPLIED],
            channels=[pager],
        )
        core.on(CardEvent, record_change)
        core.on(CardMoved, keep_trainees_from_closing)
        core.restrict(refuse_changes_of_suspended_tenants)

        def report(uow: UnitOfWork, payload: dict[str, int]) -> None:
            write_report(core, uow, payload["tenant"])

        core.add_job(REPORT, report)
        return core

    # --8<-- [start:channel]
    def send_page(self, delivery: NotificationDelivery) -> None:
        """Send a notification to the pager of a member whose preferences ask for it.

        The page is recorded first, under the id of the notification, so that a repeated delivery sends nothing. If the
        process ends between the two, the page is lost; no page is sent twice.
        """
        activity = delivery.notification.activity
        with self._sessions() as session:
            member = session.scalar(select(Member).where(Member.user_id == delivery.recipient.id))
            if member is None or not member.pager or activity.type not in member.page_types.split():
                return
            text = f"{member.pager}: {activity.type} by {activity.actor_name}"
            session.add(Page(notification_id=delivery.notification.id, member_id=member.id, text=text))
            try:
                session.commit()
            except IntegrityError:
                return
        # Here the provider of the pagers is called.

    # --8<-- [end:channel]


# --8<-- [start:audit]
def record_change(uow: UnitOfWork, event: CardEvent) -> None:
    """Write an entry of the audit in the transaction of the change: neither is stored without the other."""
    tenant_id = uow.connection.scalar(select(Tenant.id).where(Tenant.workspace_id == event.workspace_id))
    member_id = uow.connection.scalar(select(Member.id).where(Member.user_id == uow.actor.user_id))
    entry = {
        "tenant_id": tenant_id,
        "member_id": member_id,
        "event": type(event).__name__,
        "card_id": event.card.id,
        "at": uow.now,
    }
    uow.connection.execute(insert(AuditEntry), entry)


# --8<-- [end:audit]


# --8<-- [start:veto]
def keep_trainees_from_closing(uow: UnitOfWork, event: CardMoved) -> None:
    """Refuse to let a trainee move a ticket to a column of completed ones, whatever its name."""
    role = uow.connection.scalar(select(Member.role).where(Member.user_id == uow.actor.user_id))
    if role == "trainee" and event.card.status == "done":
        raise Conflict("a trainee must not close tickets", code="trainee")


def refuse_changes_of_suspended_tenants(uow: UnitOfWork, endpoint: AnyEndpoint, ref: Ref) -> None:
    """Refuse all changes in the organization of a tenant that is suspended."""
    if endpoint.method == "GET" or not isinstance(ref, OrganizationRef | WorkspaceRef):
        return
    if uow.connection.scalar(select(Tenant.is_suspended).where(Tenant.slug == ref.org_slug)):
        raise Forbidden("the tenant is suspended", code="suspended")


# --8<-- [end:veto]


# --8<-- [start:job]
def write_report(core: Core, uow: UnitOfWork, tenant_id: int) -> None:
    """Count the open tickets of a tenant with the rights of its own account, and schedule the next report."""
    tenant = uow.connection.execute(
        select(Tenant.slug, Tenant.project_id).where(Tenant.id == tenant_id)
    ).first()
    if tenant is None:
        return
    owner = core.user(external_id=build_owner_id(tenant_id), connection=uow.connection)
    with uow.caused_by(None, owner):
        ref = ProjectRef(tenant.slug, WORKSPACE, tenant.project_id)
        tickets = listing.list_cards(uow, ref, ListCards(archived=False))
    count = sum(ticket.status != "done" for ticket in tickets.items)
    uow.connection.execute(insert(Report), {"tenant_id": tenant_id, "open_tickets": count})
    core.enqueue(uow, REPORT, {"tenant": tenant_id}, due_at=uow.now + REPORT_INTERVAL, key=str(tenant_id))


# --8<-- [end:job]


def fire_reply(core: Core, uow: UnitOfWork, ref: CardRef, text: str, *, is_angry: bool) -> None:
    """Add the reply of a customer to a ticket, and fire the trigger for rules."""
    comments.create_comment(uow, ref, CreateComment(content=text))
    core.fire(uow, CUSTOMER_REPLIED.name, ref, {"text": text, "isAngry": is_angry})
