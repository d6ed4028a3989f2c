"""The table of permissions: what each persona is answered by each endpoint, as it was decided, not as the code has it.

``permissions.tsv`` has the published endpoints, ``permissions_beyond.tsv`` those that were added to them.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path

import attrs

from stellary.core.api.dispatch import SERVICES

HERE = Path(__file__).parent
PEOPLE = ("ANON", "OUT", "EX", "OM", "WM", "PM", "WA", "OA", "OO", "PV", "PR", "PO")
TOKENS = ("PATok", "PATno", "PATfull", "PATdead", "JWTold")
AGENTS = ("AGn", "AGs", "AGa", "AGx")
PERSONAS = (*PEOPLE, *TOKENS, *AGENTS)

# Cells that depend on whose thing it is: the answer for one's own, and for somebody else's.
BOTH = {
    "2xx own / 404 other": ("2xx", "404"),
    "2xx own / 403 other": ("2xx", "403"),
    "2xx if invited e-mail else 403; 404 bad/expired/used token": ("2xx", "403"),
}
NOT_APPLICABLE = "n/a"

# Things of a project that have a flat path: the path below their project leads to the same.
_FLAT = re.compile("(/orgs/:orgSlug/workspaces/:wsSlug)(/(?:scopes|labels|custom-fields|relations|cards)/.+)")


@attrs.frozen
class Row:
    """One endpoint: who is answered what.

    Attributes:
        role, pat: The classes that the table sorts endpoints into.
        cells: The expected answer by persona, in the table's own words.
    """

    operation: str
    method: str
    path: str
    role: str
    pat: str
    cells: Mapping[str, str]

    @property
    def parameters(self) -> list[str]:
        """The names of the parameters in the path, in their order."""
        return re.findall(r":(\w+)", self.path)

    @property
    def below_project(self) -> str | None:
        """The second path of what has a flat one."""
        found = _FLAT.fullmatch(self.path)
        return found and f"{found[1]}/projects/:projectId{found[2]}"

    def expected(self, persona: str) -> int | None:
        """The class of status (2 for 2xx) or the status that an answer must have; None where there is no cell.

        Cells that depend on whose thing it is read as if it were the persona's own.
        """
        cell = self.cells[persona]
        if cell == NOT_APPLICABLE:
            return None
        return 2 if cell.startswith("2xx") else int(cell)

    def by_token(self, persona: str) -> bool:
        """Whether a refusal comes from what the token reaches, before anything is looked up."""
        return self.cells[persona] == "403" and (
            persona == "PATno" or (persona in TOKENS and self.pat == "jwt")
        )

    def expected_of_unknown(self, persona: str, parameter: str) -> int | None:
        """The same where something in the path is not there: a container is missed before the role is asked, what
        stands in it after that, unless the role depends on it.
        """
        known = self.expected(persona)
        if known in (None, 401, 404) or self.role == "public":
            return known
        if known == 403 and self.by_token(persona):
            return 403
        if self.cells[persona].endswith("403 other"):
            return 403 if parameter == "userId" else 404
        if known == 403 and parameter not in ("orgSlug", "wsSlug"):
            depends = {"author": True, "proj_manage": parameter == "projectId"}
            return 404 if depends.get(self.role) else 403
        return 404


def _read(name: str) -> list[Row]:
    with (HERE / name).open(newline="") as file:
        return [
            Row(
                found["operation"],
                found["method"],
                found["path"],
                found["role_class"],
                found["pat_class"],
                {persona: found[persona] for persona in PERSONAS},
            )
            for found in csv.DictReader(file, delimiter="\t")
        ]


PUBLISHED = _read("permissions.tsv")
BEYOND = _read("permissions_beyond.tsv")
ROWS = [*PUBLISHED, *BEYOND]
SERVED = [row for row in ROWS if row.operation in SERVICES]
