"""The cells of the permission table: what each persona gets from each endpoint, and what a refusal has changed."""

import zlib
from collections.abc import Callable

import attrs
import orjson
from hypothesis import settings

from tests.security.good_requests import Answer, make_path_params, send
from tests.security.permission_world import PermissionWorld
from tests.security.table import AGENTS, NOT_APPLICABLE, OWN_AND_OTHER, PERSONAS, Row

AGENT_RECORDS = {
    "stellary_agents",
    "stellary_agent_tokens",
    "stellary_agent_audit",
    "stellary_agent_proposals",
}
"""Tables that may change when an agent's request is refused: they record the attempt, and what it proposed."""
PROPOSAL_RECORDS = AGENT_RECORDS | {"stellary_activities"}
"""Tables that may change when an agent's request becomes a proposal, whose creation is an activity."""
OUTCOMES = {"2xx": "allowed", "proposal": "proposed", "403": "refused", "404": "refused"}
SHELL_STEP = 10
POSTGRES_STEP = 60
COMPLETE_SHELL = "asgi"


@attrs.frozen
class Cell:
    """A cell of the table, or one of the two answers of a cell that depends on the owner of the item.

    Attributes:
        owner: The owner of the item: ``own`` or ``other``; None if the cell does not depend on it.
        expected: The answer in the words of the table.
    """

    row: Row
    persona: str
    owner: str | None
    expected: str

    @property
    def name(self) -> str:
        return " ".join(filter(None, [self.row.operation, self.persona, self.owner]))


def list_cells(row: Row) -> list[Cell]:
    """Return the cells of an endpoint."""
    cells = []
    for persona in PERSONAS:
        cell = row.cells[persona]
        if cell in OWN_AND_OTHER:
            answers = zip(("own", "other"), OWN_AND_OTHER[cell], strict=True)
            cells += [Cell(row, persona, owner, answer) for owner, answer in answers]
        elif cell != NOT_APPLICABLE or persona in AGENTS:
            cells.append(Cell(row, persona, None, cell))
    return cells


def sample_cells(row: Row, shell: str, *, is_sqlite: bool) -> list[Cell]:
    """Return the cells of an endpoint that are tried over a shell.

    On SQLite, these are all cells over one shell, and a tenth of them over each other one; on PostgreSQL, a sixtieth. The
    sample is the same in each run, and differs between shells. The profile ``long`` tries everything.

    Args:
        row: The endpoint.
        shell: The name of the shell.
        is_sqlite: Whether the database is SQLite.
    """
    step = (1 if shell == COMPLETE_SHELL else SHELL_STEP) if is_sqlite else POSTGRES_STEP
    if settings.get_current_profile_name() == "long":
        step = 1
    return [cell for cell in list_cells(row) if zlib.crc32(f"{shell} {cell.name}".encode()) % step == 0]


def find_wrong_cells(
    permission_world: PermissionWorld, cells: list[Cell], call: Callable[..., Answer] | None = None
) -> list[str]:
    """Return a description of each cell that gets another answer than that of the table.

    Args:
        permission_world: The world that receives the requests.
        cells: The cells.
        call: A function that sends a request as ``World.call`` does, which is the default.
    """
    answers = [(cell, answer_cell(permission_world, cell, call)) for cell in cells]
    return [
        f"{cell.name}: {answer}, not {cell.expected}" for cell, answer in answers if answer != cell.expected
    ]


def answer_cell(
    permission_world: PermissionWorld, cell: Cell, call: Callable[..., Answer] | None = None
) -> str:
    """Return the answer to the good request of a cell in the words of the table, with unexpected changes."""
    row, persona = cell.row, cell.persona
    permission_world = permission_world.enter(persona)
    params = make_path_params(permission_world, row, persona, cell.owner)
    with permission_world.sandbox.discard_changes():
        answer = send(permission_world, row, persona, params, call=call)
        if persona in AGENTS:
            return _describe_answer_to_agent(permission_world, cell, answer)
        if answer.status < 300:
            return "2xx"
        assert orjson.loads(answer.body)["statusCode"] == answer.status
        return " and changed ".join([str(answer.status), *permission_world.sandbox.find_changes()])


def _describe_answer_to_agent(permission_world: PermissionWorld, cell: Cell, answer: Answer) -> str:
    """Return the answer to an agent, with unexpected changes and an unexpected audit."""
    word = "proposal" if answer.status == 202 else "2xx" if answer.status < 300 else str(answer.status)
    records = PROPOSAL_RECORDS if word == "proposal" else AGENT_RECORDS
    changes = set(permission_world.sandbox.find_changes()) - records
    if word != "2xx" and changes:
        return f"{word} and changed {changes}"
    audit = permission_world.audit("ops" if cell.persona == "AGx" else "eng")
    expected = [] if cell.row.role == "public" else [(cell.row.operation, OUTCOMES[word])]
    return word if audit == expected else f"{word} and recorded {audit}"
