"""The names in filters of cards: people, labels, columns, scopes and projects, which match exactly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Select, Table, or_, select

from stellary.contract.wire import invalid
from stellary.core.accounts import people
from stellary.core.board.queries import searching
from stellary.core.board.queries.filters import check_person
from stellary.core.board.resolve_names import list_assignees
from stellary.core.board.rules.card_conditions import (
    Combination,
    Comparison,
    Condition,
    SortKey,
    flatten,
    read_order,
    resolve_condition,
)
from stellary.core.board.rules.name_matching import Candidate, build_no_match_error, find_matches, resolve_one
from stellary.core.board.rules.references import unknown
from stellary.core.board.tables import columns, labels, projects, scopes
from stellary.core.kernel.unit import UnitOfWork

_SUGGESTED_MAX = 1_000


_TABLES: Mapping[str, Table] = {"label": labels, "column": columns, "scope": scopes, "project": projects}


class FilterNames:
    """The items that the names in a filter can refer to.

    Args:
        uow: The unit of work, which has checked the access to the projects.
        project_ids: The statement for the ids of the projects.
        workspace_id: The workspace of the projects; None for projects of several workspaces.
    """

    def __init__(self, uow: UnitOfWork, project_ids: Select[str], workspace_id: str | None) -> None:
        self._uow, self._project_ids, self._workspace_id = uow, project_ids, workspace_id
        self._texts: dict[str, set[str]] = defaultdict(set)
        self._candidates: dict[str, list[Candidate]] = {}

    def read_filter(
        self, comparisons: Sequence[Comparison], text: str = "", sort: str = ""
    ) -> tuple[list[Condition], Sequence[SortKey]]:
        """Return the conditions of a request that must all match, with resolved names, and its order.

        Args:
            comparisons: The conditions of its parameters.
            text: The parameter ``filter``; empty without one.
            sort: The parameter ``sort``; empty without one.

        Raises:
            Invalid: A parameter is not valid, or a name matches no item, or several people.
        """
        conditions: list[Condition] = [*comparisons]
        order: list[SortKey] = []
        if text:
            from stellary.core.board.rules.filter_language import parse_filter

            condition, order = parse_filter(text)
            conditions += flatten(condition)
        self._collect_texts(conditions)
        searching.prepare(self._uow)
        resolved = [resolve_condition(condition, self._uow.now, self._resolve) for condition in conditions]
        return resolved, read_order(sort, order)

    def check_ids(self, field: str, ids: Collection[str], parameter: str) -> None:
        """Check the ids in a parameter of an empty list.

        Args:
            field: The field.
            ids: The ids.
            parameter: The wire name of the parameter.

        Raises:
            Invalid: The caller sees no such item.
        """
        if field == "assignee" and self._workspace_id is not None:
            for id in ids:
                check_person(self._uow, self._workspace_id, parameter, id)
        elif ids:
            self._texts[field] = {*ids}
            found = {candidate.id for candidate in self._load_candidates(field)}
            if not found.issuperset(ids):
                raise unknown(parameter)

    def _collect_texts(self, conditions: Sequence[Condition]) -> None:
        """Collect the names of each field, since one statement finds all of them."""
        for condition in conditions:
            if isinstance(condition, Combination):
                self._collect_texts(condition.parts)
            elif isinstance(condition, Comparison):
                for text in filter(None, map(str, condition.values)):
                    self._texts[condition.field] |= {text, text.lower(), text.casefold()}

    def _resolve(self, field: str, text: str, parameter: str) -> list[str]:
        if parameter != "filter":
            # Lists check these ids only when they are empty.
            return [text]
        if field not in self._candidates:
            self._candidates[field] = self._load_candidates(field)
        matches = find_matches(text, self._candidates[field])
        if field in ("assignee", "project") and matches:
            return [resolve_one(text, matches, parameter)]
        if not matches and field == "assignee" and self._workspace_id is None:
            raise invalid(
                (parameter, f"must name people of several workspaces by id or address, not {text!r:.50}")
            )
        if not matches:
            suggested = self._candidates[field] if field == "assignee" else self._load_names(field, ())
            raise build_no_match_error(parameter, text, suggested)
        return [match.id for match in matches]

    def _load_candidates(self, field: str) -> list[Candidate]:
        if field != "assignee":
            return self._load_names(field, self._texts[field])
        if self._workspace_id is not None:
            return list_assignees(self._uow, self._workspace_id)
        colleagues = people.load_colleagues(self._uow, self._texts[field])
        return [Candidate(person.id, (person.email,)) for person in colleagues]

    def _load_names(self, field: str, texts: Collection[str]) -> list[Candidate]:
        """Return the items that have one of some names or ids; without any, those that a message suggests."""
        table = _TABLES[field]
        names = [table.c.name, *([table.c.key] if field == "project" else [])]
        rows = select(table.c.id, *names).where(
            (table.c.id if field == "project" else table.c.project_id).in_(self._project_ids)
        )
        if texts:
            rows = rows.where(
                or_(table.c.id.in_(texts), *(searching.folded(name).in_(texts) for name in names))
            )
        else:
            rows = rows.limit(_SUGGESTED_MAX)
        return [Candidate(row[0], tuple(row[1:])) for row in self._uow.connection.execute(rows)]
