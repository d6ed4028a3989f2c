"""The board of the workshop: its members, and the changes that it refuses."""

from __future__ import annotations

from sqlalchemy import Connection

from repairs.models import User
from stellary import Board, Stellary
from stellary.contract.errors import Conflict
from stellary.core import Actor, Core, Membership, UnitOfWork
from stellary.core.kernel.events import CardMoved

PROJECT_KEY = "REP"
"""The key of the project of all repairs. The staff may create others beside it."""


# --8<-- [start:membership]
def provision(core: Core, user: User, connection: Connection) -> Actor:
    """Return the actor of a user. The first call creates the account, and a change of the role updates it.

    The cards of customers have their names, although only the staff may use the API.
    """
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


def set_up(core: Core) -> None:
    """Create the workspace and its project if they do not exist. Their owner is an account without a log-in."""
    owner = core.provision("owner", Membership("workshop", "repairs", role="admin"), name="Workshop")
    with Stellary.embedded(core.port(owner)) as stellary:
        if find_board(stellary) is None:
            stellary.workspace("workshop", "repairs").projects.create(name="Repairs", key=PROJECT_KEY)


def find_board(stellary: Stellary) -> Board | None:
    """Return the board of all repairs; None before it is set up."""
    workspace = stellary.workspace("workshop", "repairs")
    projects = [project for project in workspace.projects.list() if project.key == PROJECT_KEY]
    return workspace.project(projects[0]) if projects else None


def require_board(stellary: Stellary) -> Board:
    """Return the board of all repairs."""
    board = find_board(stellary)
    assert board is not None, "run the command migrate first"
    return board


def create_card(stellary: Stellary, bicycle: str) -> str:
    """Create the card of a repair, and return its id."""
    board = require_board(stellary)
    to_do = board.columns.list()[0]
    return board.column(to_do).cards.create(title=f"Repair {bicycle}").id
