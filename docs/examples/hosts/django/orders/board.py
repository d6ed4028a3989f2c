"""The board of the shop: who works on it, and which changes it refuses."""

from __future__ import annotations

from orders.models import User
from stellary import Stellary
from stellary.contract.errors import Conflict
from stellary.core import Core, Membership, UnitOfWork
from stellary.core.kernel.events import CardDeleted

PROJECT_KEY = "DEL"


# --8<-- [start:membership]
def find_membership(user: User) -> Membership:
    """Return the membership of a user. Accounts are created with it at their first request."""
    return Membership("shop", "orders", role="admin" if user.is_superuser else "member")


# --8<-- [end:membership]


# --8<-- [start:configure]
def configure(core: Core) -> None:
    """Register handlers with a new core."""
    core.on(CardDeleted, refuse_deletion)


def refuse_deletion(uow: UnitOfWork, event: CardDeleted) -> None:
    """Refuse the deletion of cards of high priority."""
    if event.card.priority == "high":
        raise Conflict("a delivery of high priority must not be deleted")


# --8<-- [end:configure]


# --8<-- [start:client]
def create_delivery(stellary: Stellary, product: str) -> str:
    """Create the card of a delivery, and return its id. The first one also creates the project."""
    workspace = stellary.workspace("shop", "orders")
    project = next((project for project in workspace.projects.list() if project.key == PROJECT_KEY), None)
    if project is None:
        # Keys are unique: if two first orders arrive at the same time, one of them gets a 409.
        project = workspace.projects.create(name="Deliveries", key=PROJECT_KEY)
    board = workspace.project(project)
    to_do = board.columns.list()[0]
    return board.column(to_do).cards.create(title=f"Deliver {product}").id


# --8<-- [end:client]
