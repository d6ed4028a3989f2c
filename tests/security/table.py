"""The permission table: the decided answer of each endpoint to each persona, independent of the code.

``permissions.tsv`` has the published endpoints, ``permissions_beyond.tsv`` those that were added to them.
"""

import csv
import re
from collections.abc import Mapping
from pathlib import Path

import attrs

from tests.support.core_parts import SERVICES

HERE = Path(__file__).parent
PEOPLE = ("ANON", "OUT", "EX", "OM", "WM", "PM", "WA", "OA", "OO", "PV", "PR", "PO", "GV", "GE")
GUESTS = ("GV", "GE")
TOKENS = ("PATok", "PATno", "PATfull", "PATdead", "JWTold")
AGENTS = ("AGn", "AGs", "AGa", "AGx")
SEATS = {"SV": "viewer", "SC": "commenter", "SE": "editor", "SM": "manager", "SN": None}
"""The members of a workspace with a private project, with their role in it; None for one who is no member of it."""
USERS = (*PEOPLE[1:], *SEATS)
"""Personas that have an account."""
BOUND = "PATbound"
"""A token with all scopes that is bound to another project."""
PERSONAS = (*PEOPLE, *SEATS, *TOKENS, BOUND, *AGENTS)

# Cells that depend on the owner of the item: the answer for the persona's own item, and for another one.
OWN_AND_OTHER = {
    "2xx own / 404 other": ("2xx", "404"),
    "2xx own / 403 other": ("2xx", "403"),
    "2xx if invited e-mail else 403; 404 bad/expired/used token": ("2xx", "403"),
}
NOT_APPLICABLE = "n/a"

# Items of a project with a short path; the path below their project leads to the same item.
_SHORT_PATH = re.compile(
    "(/orgs/:orgSlug/workspaces/:wsSlug)(/(?:scopes|labels|custom-fields|relations|cards)/.+)"
)


@attrs.frozen
class Row:
    """One endpoint and its answer to each persona.

    Attributes:
        role, pat: The classes of endpoints that the table distinguishes.
        cells: The expected answer by persona, in the words of the table.
    """

    operation: str
    method: str
    path: str
    role: str
    pat: str
    cells: Mapping[str, str]

    @property
    def parameters(self) -> list[str]:
        """Return the names of the parameters in the path, in their order."""
        return re.findall(r":(\w+)", self.path)

    @property
    def is_in_project(self) -> bool:
        return (
            ":projectId" in self.path or self.nested_path is not None or self.operation.startswith("trash.")
        )

    @property
    def nested_path(self) -> str | None:
        """Return the path below the project, for items with a short path."""
        match = _SHORT_PATH.fullmatch(self.path)
        return match and f"{match[1]}/projects/:projectId{match[2]}"

    def expected_status(self, persona: str) -> int | None:
        """Return the status that an answer must have, 2 for any 2xx; None without a cell.

        If it depends on the owner of the item, the item is the persona's own.
        """
        cell = self.cells[persona]
        if cell == NOT_APPLICABLE:
            return None
        return 2 if cell.startswith("2xx") else int(cell)

    def is_refused_by_token(self, persona: str) -> bool:
        """Return whether the scope of the token refuses the request, before anything is looked up."""
        return self.cells[persona] == "403" and (
            persona == "PATno" or (persona in TOKENS and self.pat == "jwt")
        )

    def expected_status_of_unknown(self, persona: str, parameter: str) -> int | None:
        """Return the status that an answer must have if an item in the path is unknown.

        A missing container is reported before the role is checked. An item in it is looked up after that, unless the
        role depends on the item.
        """
        status = self.expected_status(persona)
        if status in (None, 401, 404) or self.role == "public":
            return status
        if status == 403 and self.is_refused_by_token(persona):
            return 403
        if self.cells[persona].endswith("403 other"):
            return 403 if parameter == "userId" else 404
        if status == 403 and parameter not in ("orgSlug", "wsSlug"):
            if persona in GUESTS and not self.is_in_project:
                # What is closed to guests is closed whatever exists.
                return 403
            if persona == "GV" and self.role == "ws_read":
                return 404 if parameter == self.parameters[2] else 403
            depends = {
                "author": True,
                "creator": True,
                "author_or_manager": True,
                "proj_manage": parameter == "projectId",
            }
            return 404 if depends.get(self.role) else 403
        return 404


def _read(name: str) -> list[Row]:
    with (HERE / name).open(newline="") as file:
        return [
            Row(
                line["operation"],
                line["method"],
                line["path"],
                line["role_class"],
                line["pat_class"],
                {persona: line[persona] for persona in PERSONAS},
            )
            for line in csv.DictReader(file, delimiter="\t")
        ]


PUBLISHED = _read("permissions.tsv")
BEYOND = _read("permissions_beyond.tsv")
ROWS = [*PUBLISHED, *BEYOND]
ROW_BY_OPERATION = {row.operation: row for row in ROWS}
SERVED = [row for row in ROWS if row.operation in SERVICES]
