"""The board of the workshop: who works on it, and which changes it refuses."""

from __future__ import annotations

from sqlalchemy import Connection

from repairs.models import User
from stellary import Stellary
from stellary.contract.errors import Conflict
from stellary.core import Actor, Core, Membership, UnitOfWork
from stellary.core.kernel.events import CardMoved


# --8<-- [start:membership]
def provision(core: Core, user: User, connection: Connection) -> Actor:
    """Return the actor of a user. The first call creates the account, and a change of the role updates it."""
    membership = Membership("workshop", "repairs", role="admin" if user.is_staff else "member")
    return core.provision(str(user.id), membership, email=user.email, connection=connection)


# --8<-- [end:membership]


def configure(core: Core) -> None:
    """Register handlers with a new core."""
    core.on(CardMoved, require_assignee)


def require_assignee(uow: UnitOfWork, event: CardMoved) -> None:
    """Refuse to move a repair that nobody works on."""
    if event.card.assignee_id is None:
        raise Conflict("assign the repair before you move it", code="unassigned")


def create_card(stellary: Stellary, bicycle: str) -> str:
    """Create the card of a repair, and return its id. The first repair creates the project."""
    workspace = stellary.workspace("workshop", "repairs")
    project = next(iter(workspace.projects.list()), None) or workspace.projects.create(name="Repairs")
    board = workspace.project(project)
    to_do = next(iter(board.columns.list()))
    return board.column(to_do).cards.create(title=f"Repair {bicycle}").id
