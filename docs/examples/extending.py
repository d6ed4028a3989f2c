"""Extending an embedded core: veto a change, react to it before or after its commit, add what rules, agents and notifications use, and run jobs.

Run it: ``python docs/examples/extending.py [DATABASE_URL]``.
"""

from __future__ import annotations

import sys
from datetime import timedelta

from stellary import Stellary
from stellary.contract.actions import CardParams
from stellary.contract.automations import ActionToRun
from stellary.contract.cards import UPDATE_CARD, Card, UpdateCard
from stellary.contract.errors import Conflict, Forbidden
from stellary.contract.refs import CardRef, Ref, WorkspaceRef
from stellary.contract.router import AnyEndpoint
from stellary.core import Core, UnitOfWork
from stellary.core.agents.brains import Task, ToolCall, Turn
from stellary.core.automations.triggers import Trigger
from stellary.core.board import cards, resolve_names
from stellary.core.kernel.actions import Action
from stellary.core.kernel.event_handlers import EventDelivery
from stellary.core.kernel.events import CardCreated, CardMoved
from stellary.core.kernel.unit import NOBODY
from stellary.core.notifications.channels import Channel, Message, NotificationDelivery


# --8<-- [start:veto]
def require_assignee(uow: UnitOfWork, event: CardMoved) -> None:
    """Refuse to move a card that is nobody's."""
    if event.card.assignee_id is None:
        raise Conflict("assign the card before you move it", code="unassigned")


# --8<-- [end:veto]


OWNER_IDS: set[str] = set()


# --8<-- [start:restrict]
def keep_projects(uow: UnitOfWork, endpoint: AnyEndpoint, ref: Ref) -> None:
    """Refuse to delete projects to everyone but the user 42."""
    if endpoint.operation == "projects.delete" and uow.actor != core.user(
        external_id="42", connection=uow.connection
    ):
        raise Forbidden("your role may not delete projects")


# --8<-- [end:restrict]


# --8<-- [start:after]
def notify_crm(delivery: EventDelivery[CardCreated]) -> None:
    """Send a new card to another system. An exception makes the core call again later."""
    print(
        f"new card {delivery.event.card.title!r}"
    )  # an HTTP request, with delivery.id as its idempotency key


# --8<-- [end:after]


# --8<-- [start:job]
def send_report(uow: UnitOfWork, payload: dict[str, str]) -> None:
    """Print a report, and schedule the next one."""
    print(f"report for {payload['team']}")
    core.enqueue(uow, "report", payload, due_at=uow.now + timedelta(days=7))


# --8<-- [end:job]


# --8<-- [start:action]
class InvoiceParams(CardParams):
    """A card, and the amount to invoice for it."""

    amount: int


def create_invoice(uow: UnitOfWork, ref: WorkspaceRef, params: InvoiceParams) -> Card:
    """Write the invoice into the description of the card."""
    card = resolve_names.resolve_card(uow, ref, params.card_id, params.project_id)
    return cards.update_card(uow, card.ref, UpdateCard(description=f"Invoice over {params.amount}"))


CREATE_INVOICE = Action(
    name="create_invoice",
    summary="Create the invoice of a card.",
    takes=InvoiceParams,
    endpoint=UPDATE_CARD,  # whose policy applies
    category="board.write",
    do=create_invoice,
)
# --8<-- [end:action]

# --8<-- [start:trigger]
INVOICE_PAID = Trigger(
    name="invoice_paid",
    summary="A customer has paid the invoice of the card.",
    fields={"amount": "number", "customer": "text"},
)
# --8<-- [end:trigger]


# --8<-- [start:brain]
class Reviewer:
    """A runtime of agents: it moves the card of each mission to the column that its prompt names."""

    def think(self, task: Task, /) -> Turn:
        if task.answers:
            return Turn(result=f"The card is in {task.prompt}.")
        params = {"cardId": task.card.id, "targetColumn": task.prompt}
        return Turn(history={}, calls=[ToolCall("move", "move_card", params)])


BRAINS = {"reviewer": Reviewer()}
# --8<-- [end:brain]

SMS_NUMBERS = {"42": "+1 555 0100"}


# --8<-- [start:channel]
def send_sms(delivery: NotificationDelivery) -> None:
    """Send a notification to users who have chosen SMS in their preferences."""
    number = SMS_NUMBERS.get(delivery.recipient.external_id or "")
    if number is not None:
        activity = delivery.notification.activity
        print(f"SMS to {number}: {activity.type} by {activity.actor_name}")


SMS = Channel("sms", send_sms, delay=timedelta(minutes=2))
# --8<-- [end:channel]


# --8<-- [start:messages]
class Letters:
    """A channel that takes messages: ``subject``, ``text``, ``html`` and a URL that ends them."""

    name = "letters"

    def send(self, message: Message) -> None:
        """Send a message; an exception makes it wait for another attempt, with the same ``id``."""
        print(f"To {message.recipient.name}: {message.subject}")


# --8<-- [end:messages]

database_url = sys.argv[1] if len(sys.argv) > 1 else "sqlite://"
# --8<-- [start:register]
core = Core(
    database_url, actions=[CREATE_INVOICE], triggers=[INVOICE_PAID], channels=[SMS, Letters()], brains=BRAINS
)
core.on(CardMoved, require_assignee)
core.after(CardCreated, notify_crm, name="crm")
core.add_job("report", send_report)
core.restrict(keep_projects)
core.migrate()
# --8<-- [end:register]

actor = core.user(external_id="42", email="jane@example.com", name="Jane Doe")
client = Stellary.embedded(core.port(actor))
client.organizations.create(name="Acme", slug="acme")
client.organization("acme").workspaces.create(name="Engineering", slug="eng")
ws = client.workspace("acme", "eng")
board = ws.project(ws.projects.create(name="Q1 Launch"))
to_do, doing, *_ = board.columns.list()
card = board.column(to_do).cards.create(title="Write the spec")
try:
    board.cards.update(card, column_id=doing.id)
except Conflict as error:
    print(error.message)
board.cards.update(card, assignee_id=actor.user_id)
# --8<-- [start:use_action]
board.automations.create(
    trigger="task_moved", action=ActionToRun(type="create_invoice", params={"amount": 900})
)
# --8<-- [end:use_action]
print(board.cards.update(card, column_id=doing.id).description)

# --8<-- [start:use_trigger]
assert "invoice_paid" in [trigger.name for trigger in board.automations.triggers()]
board.automations.create(
    trigger="invoice_paid",
    conditions={"all": [{"field": "data.amount", "op": "gte", "value": 500}]},
    action=ActionToRun(type="set_priority", params={"priority": "high"}),
)
# --8<-- [end:use_trigger]
card_ref = CardRef("acme", "eng", card.project_id, card.id)
# --8<-- [start:fire]
with core.begin(actor) as uow:
    core.fire(uow, "invoice_paid", card_ref, {"amount": 900, "customer": "Globex"})
# --8<-- [end:fire]
print(board.card(card).get().priority)

agent = ws.agents.create(name="Rita", runtime="reviewer", tools=["move_card"], autonomy_mode="autonomous")
ws.agents(agent).missions.create(card_id=card.id, prompt="Done")

# --8<-- [start:enqueue]
with core.begin(NOBODY) as uow:
    core.enqueue(uow, "report", {"team": "eng"}, key="eng")
# --8<-- [end:enqueue]
core.work.run_due()  # the server calls core.work.start() instead
print([column.name for column in board.columns.list() if column.id == board.card(card).get().column_id])
core.close()
