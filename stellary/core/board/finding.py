"""Lists of the cards of several projects, and the names in their filters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import cast

from sqlalchemy import ColumnElement, Select, Table, and_, literal, or_, select, true

from stellary.contract.cards import LIST_ALL_CARDS, LIST_WORKSPACE_CARDS, Card, CardFilters, FindCards
from stellary.contract.errors import Invalid
from stellary.contract.refs import Ref, WorkspaceRef
from stellary.contract.wire import Listing, invalid
from stellary.core.accounts import access as accounts_access
from stellary.core.accounts import people
from stellary.core.accounts.audience import is_guest, is_reachable, seen_by
from stellary.core.accounts.project_sight import find_sight
from stellary.core.board.order.listed_orders import ListedPosition, load_orders
from stellary.core.board.queries import searching
from stellary.core.board.queries.card_lists import CardList, LeanCards, LoadedCards, load_cards_by_ids
from stellary.core.board.queries.card_windows import CardQuery, find_card_ids
from stellary.core.board.resolve_names import list_assignees
from stellary.core.board.row_types import SavedFilterRow
from stellary.core.board.rules.card_conditions import (
    NAMED,
    Combination,
    Comparison,
    Condition,
    SortKey,
    Test,
    flatten,
    read_fields,
    read_order,
    read_parameters,
    read_word,
    resolve_comparison,
    resolve_condition,
)
from stellary.core.board.rules.name_matching import Candidate, build_no_match_error, find_matches, resolve_one
from stellary.core.board.rules.references import unknown
from stellary.core.board.tables import IS_DUE, cards, columns, labels, projects, saved_filters, scopes
from stellary.core.board.visibility import select_seen_projects
from stellary.core.db.base import IdType
from stellary.core.db.row_types import Query
from stellary.core.kernel.paging import belongs_to, belongs_to_any
from stellary.core.kernel.unit import UnitOfWork, serves

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
        searching.prepare(uow.connection)

    def read_conditions(
        self, request: CardFilters, saved: SavedFilterRow | None = None
    ) -> tuple[list[Condition], Sequence[SortKey]]:
        """Return the conditions of a request that must all match, with resolved names, and its order.

        Args:
            request: The request.
            saved: The saved filter that it names, whose order holds unless the request has one; None without one.

        Raises:
            Invalid: A parameter is not valid, or a name matches no item, or several people.
        """
        conditions: list[Condition] = [*read_parameters(request).values()]
        order: list[SortKey] = []
        if request.filter:
            from stellary.core.board.rules.filter_language import parse_filter

            condition, order = parse_filter(request.filter)
            conditions += flatten(condition)
        self._collect_texts(conditions)
        resolved = [resolve_condition(condition, self._uow.now, self._resolve) for condition in conditions]
        keys = read_order(request.sort or "", order)
        if saved is None:
            return resolved, keys
        names = FilterNames(self._uow, self._project_ids, self._workspace_id)
        try:
            saved_conditions, saved_keys = names.read_conditions(FindCards(filter=saved.filter))
        except Invalid as error:
            raise invalid(("saved", f"names a filter that is no longer valid: {error.message}")) from None
        return [*saved_conditions, *resolved], keys or saved_keys

    def check_ids(self, request: CardFilters, page: Sequence[Card]) -> None:
        """Check the ids in the parameters of a list: a card of it proves that they exist, unless one has several values.

        Args:
            request: The request.
            page: The cards of the page.

        Raises:
            Invalid: The caller sees no such item.
        """
        for comparison in read_parameters(request).values():
            field = comparison.field
            if field in NAMED and (not page or len(comparison.values) > 1):
                values = resolve_comparison(comparison, self._uow.now, self._resolve).values
                ids = {id for id in values if isinstance(id, str)} - {self._uow.user_id}
                if ids and not ids.issubset(self._load_ids(field, ids)):
                    raise unknown(comparison.parameter)

    def _load_ids(self, field: str, ids: Collection[str]) -> set[str]:
        """Return the ids that exist, those of deleted agents included."""
        if field == "assignee":
            return {person.id for person in people.load_colleagues(self._uow, ids, self._workspace_id)}
        return {candidate.id for candidate in self._load_names(field, ids)}

    def _collect_texts(self, conditions: Sequence[Condition]) -> None:
        """Collect the names of each field, since one statement finds all of them."""
        for condition in conditions:
            if isinstance(condition, Combination):
                self._collect_texts(condition.parts)
            elif isinstance(condition, Comparison):
                for text in filter(None, map(str, condition.values)):
                    self._texts[condition.field] |= {text, text.lower(), text.casefold()}

    def _resolve(self, field: str, text: str, parameter: str) -> list[str]:
        if field == "assignee" and read_word(text, parameter) == "me":
            return [self._uow.user_id]
        if parameter != "filter":
            # See check_ids.
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


@serves(LIST_WORKSPACE_CARDS)
def list_workspace_cards(uow: UnitOfWork, ref: WorkspaceRef, request: FindCards) -> Listing[Card]:
    """Return the cards of the workspace that match all filters."""
    return _find_cards(uow, request, accounts_access.workspace(uow, ref).row.id)


@serves(LIST_ALL_CARDS)
def list_all_cards(uow: UnitOfWork, ref: Ref, request: FindCards) -> Listing[Card]:
    """Return the cards of all workspaces that match all filters."""
    limits = uow.actor.agent_limits
    return _find_cards(uow, request, None if limits is None else limits.workspace_id)


def _find_cards(uow: UnitOfWork, request: FindCards, workspace_id: str | None) -> Listing[Card]:
    """Return a page of the cards of the projects that the caller sees.

    Args:
        request: The filters and the page.
        workspace_id: The only workspace whose cards are returned; None for all workspaces.
    """
    fields = read_fields(request.fields or "")
    saved = find_saved(uow, workspace_id, None, request.saved) if request.saved else None
    if saved is not None:
        workspace_id = saved.workspace_id
    only = None if saved is None or saved.project_id is None else [saved.project_id]
    project_ids = select_seen_projects(uow, workspace_id, only)
    names = FilterNames(uow, project_ids, workspace_id)
    conditions, keys = names.read_conditions(request, saved)
    tests = [test for test in conditions if isinstance(test, Test) and test.field == "project"]
    if tests and not tests[0].negated:
        # Narrowing the projects makes the indexes smaller.
        conditions.remove(tests[0])
        project_ids = project_ids.where(projects.c.id.in_([str(id) for id in tests[0].values]))
    page = load_page(uow, CardQuery(project_ids, conditions, keys), request, request.limit)
    names.check_ids(request, page.items)
    return select_fields(page, fields)


def find_saved(
    uow: UnitOfWork, workspace_id: str | None, project_id: str | None, text: str
) -> SavedFilterRow:
    """Return the saved filter that an id or a name refers to, among the caller's own and the shared ones.

    Args:
        workspace_id: The only workspace whose filters are considered; None for all workspaces.
        project_id: The only project whose filters are considered, besides those of no project; None for all projects.
        text: The id or the name.

    Raises:
        Invalid: No filter has the name, or several have it.
    """
    in_project: ColumnElement[bool] = saved_filters.c.project_id.in_(
        select_seen_projects(uow, workspace_id, project_id and [project_id], with_archived=True)
    )
    of_workspace, user_id = saved_filters.c.workspace_id, literal(uow.principal_id, IdType)
    if find_sight(uow.actor).sees_outside:
        in_project |= and_(saved_filters.c.project_id.is_(None), ~is_guest(user_id, of_workspace))
    in_workspace: ColumnElement[bool] = of_workspace == workspace_id
    if workspace_id is None:
        in_workspace = and_(of_workspace.in_(seen_by(user_id)), is_reachable(of_workspace))
    is_own = saved_filters.c.created_by_id == uow.user_id
    visible = select(saved_filters).where(in_workspace, in_project, or_(saved_filters.c.shared, is_own))
    is_named = or_(saved_filters.c.id == text, saved_filters.c.name_key == text.casefold())
    for condition in (is_named, true()):
        rows = Query(SavedFilterRow, visible.where(condition).limit(_SUGGESTED_MAX)).all(uow.connection, {})
        if rows:
            id = resolve_one(text, [Candidate(row.id, (row.name,)) for row in rows], "saved")
            return next(row for row in rows if row.id == id)
    raise unknown("saved")


def check_filter(uow: UnitOfWork, workspace_id: str, project_id: str | None, text: str) -> Sequence[SortKey]:
    """Check that a text is a filter of cards, and return its order.

    Args:
        workspace_id: The workspace, to which the caller has access.
        project_id: The project whose cards it selects; None for all projects that the caller sees.
        text: The text.

    Raises:
        Invalid: It is malformed, or names an item that does not exist.
    """
    ids = select_seen_projects(uow, workspace_id, project_id and [project_id], with_archived=True)
    return FilterNames(uow, ids, workspace_id).read_conditions(FindCards(filter=text))[1]


def load_page(uow: UnitOfWork, query: CardQuery, request: CardFilters, limit: int) -> Listing[Card]:
    """Return a page of cards, with a fixed number of statements.

    Args:
        query: The list.
        request: The request, with the cursor of the page.
        limit: The maximum number of cards.

    Raises:
        Invalid: The cursor is not one of this list, or the list cannot be sorted.
    """
    ids, cursor = find_card_ids(uow, query, request.cursor or "", limit)
    return Listing(with_orders(uow, None, load_cards_by_ids(uow, ids)), cursor)


def with_orders(uow: UnitOfWork, project_id: str | None, loaded: LoadedCards) -> CardList:
    """Return loaded cards with their orders in their columns.

    Args:
        project_id: The project; None for cards of several projects.
        loaded: The cards.
    """
    positions = [
        ListedPosition(card.column_id, position, card.id)
        for position, card in zip(loaded.positions, loaded.listed, strict=True)
        if not card.archived
    ]
    orders = load_orders(uow, project_id, positions)
    return CardList(loaded.listed, [orders.get(card.id) for card in loaded.listed])


def select_fields(page: Listing[Card], names: Sequence[str]) -> Listing[Card]:
    """Return a list whose cards have only some fields.

    Args:
        page: The list.
        names: The wire names of the fields; empty for all.
    """
    return Listing(LeanCards(cast("CardList", page.items), names), page.next) if names else page


def load_due_cards(uow: UnitOfWork, before: datetime, limit: int) -> CardList:
    """Return the caller's open cards by due date, of all projects that the caller sees.

    Args:
        before: The time before which they are due.
        limit: The maximum number of cards.
    """
    in_projects = belongs_to_any(cards.c.project_id, select_seen_projects(uow).scalar_subquery())
    is_assigned = belongs_to(cards.c.assignee_id, literal(uow.user_id, IdType))
    ids = (
        select(cards.c.id)
        .where(is_assigned, in_projects, IS_DUE, cards.c.due_date < before)
        .order_by(cards.c.assignee_id, cards.c.due_date)
        .limit(limit)
    )
    return with_orders(uow, None, load_cards_by_ids(uow, list(uow.connection.execute(ids).scalars())))
