"""Search: finds the items of a workspace that contain all terms, best hits first.

It reads parts of the index, its windows, one after the other. A window has at most ``SCAN_MAX`` items of the workspace, and
as many of its organization, so that a search costs the same in a large workspace. The windows of a prefix come first, then
those of all items, without the items that have the prefix.

Items without the prefixes of their current texts are part of the windows of each prefix.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, Final, TypeAlias

import attrs
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Text,
    TextClause,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
    union_all,
)

from stellary.contract.refs import WorkspaceRef
from stellary.contract.search import SEARCH, WORDS_MAX, FoundKind, Hit, Search
from stellary.contract.wire import UNSET, Listing, invalid
from stellary.core.accounts import access
from stellary.core.accounts.audience import is_reachable, is_visible
from stellary.core.accounts.row_types import WorkspaceRow
from stellary.core.board import search_entries
from stellary.core.board.queries.filters import check_in_workspace
from stellary.core.db.base import IdType, is_among, is_given
from stellary.core.db.row_types import Query, RowType
from stellary.core.kernel.paging import belongs_to, belongs_to_any, make_cursor, read_cursor
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.knowledge import search_entries as knowledge
from stellary.core.search import rules
from stellary.core.search.prefixes import Prefix, find_prefixes, number_prefix
from stellary.core.search.tables import IS_FRESH, IS_FRESH_IN_ORGANIZATION, entries, prefixes

Condition: TypeAlias = ColumnElement[bool] | TextClause

SCAN_MAX = 1_000
"""The maximum number of items of the workspace, and of its organization, that a page looks through."""
ALL: Final = 0
"""The number of the index that has all items. The prefixes of the query are numbered from 1."""
FRESH: Final = -1
"""The number of the index of the items without the prefixes of their current texts."""
BEFORE_ALL = (999_999, "")
"""The rank and the id before those of all hits."""
FIRST_ID, _AFTER_ALL_IDS = "0" * 24, "g" * 24
_CURSOR = re.compile(
    r"([0-9]{2})_([0-9]{2})_([0-9a-f]{24}|g{24})(?:_([0-9a-f]{24})_([0-9]{6})_([0-9a-f]{24}))?"
)


@attrs.frozen
class SearchWindow:
    """A part of an index, and the position of a page in it.

    Attributes:
        index: The number of the prefix whose items are in it, or ``ALL``.
        excluded: The number of the prefix whose items are left out, since earlier windows had them; 0 for none.
        before: The id before which its items were created.
        first_id: The first id of its items; empty until it is known.
        rank, id: The rank and the id of the last hit of the previous page.
    """

    index: int
    excluded: int = 0
    before: str = _AFTER_ALL_IDS
    first_id: str = ""
    rank: int = BEFORE_ALL[0]
    id: str = BEFORE_ALL[1]

    def make_cursor(self) -> str:
        """Return the cursor of the page that continues here."""
        begin = f"{self.index:02d}_{self.excluded:02d}_{self.before}"
        return make_cursor(f"{begin}_{self.first_id}_{self.rank:06d}_{self.id}" if self.id else begin)


def decode_window(cursor: str, prefix_count: int) -> SearchWindow:
    """Return the window in which a page continues.

    Args:
        cursor: The cursor of the request.
        prefix_count: The number of prefixes of the query.

    Raises:
        Invalid: The cursor is not one of this search.
    """
    match = _CURSOR.fullmatch(read_cursor(cursor))
    if match is None or max(int(match[1]), int(match[2])) > prefix_count:
        raise invalid(("cursor", "must be a cursor from a response of this list"))
    window = SearchWindow(int(match[1]), int(match[2]), match[3])
    return (
        window
        if match[4] is None
        else attrs.evolve(window, first_id=match[4], rank=int(match[5]), id=match[6])
    )


class _ExtentRow(RowType):
    """The extent of the newest items of an index."""

    index: int
    item_count: int
    first_id: str | None


@attrs.frozen
class Extent:
    """The extent of a window.

    Attributes:
        item_count: The number of items in it.
        first_id: The first of its ids.
        is_last: Whether there are no older items in its index.
    """

    item_count: int
    first_id: str
    is_last: bool


def number_prefixes(container_ids: Sequence[str], query_prefixes: Sequence[Prefix]) -> dict[str, int]:
    """Return the numbers of prefixes in the workspace and in the organization, as parameters.

    Args:
        container_ids: The id of the workspace, and of the organization.
        query_prefixes: The prefixes of the query.
    """
    return {
        f"_prefix_{number}_{container}": number_prefix(container_id, prefix.text)
        for container, container_id in enumerate(container_ids)
        for number, prefix in enumerate(query_prefixes, 1)
    }


def load_extents(
    uow: UnitOfWork,
    indexes: Sequence[int],
    parameters: Mapping[str, object],
    before: str,
    size: int,
) -> dict[int, Extent]:
    """Return the extents of the windows before an id, by the number of the index.

    Args:
        indexes: The numbers of the indexes.
        parameters: The parameters of the search.
        before: The id before which the items were created.
        size: The maximum number of items of the workspace, and of its organization.
    """
    query = _build_extents((*indexes,), in_project="_project_id" in parameters)
    rows = query.all(uow.connection, {**parameters, "_before": before, "_size": size})
    extents: dict[int, Extent] = {}
    for index in indexes:
        of_index = [row for row in rows if row.index == index or (index > ALL and row.index == FRESH)]
        first_ids = [row.first_id for row in of_index if row.item_count >= size and row.first_id]
        count = sum(row.item_count for row in of_index)
        extents[index] = Extent(count, max(first_ids, default=FIRST_ID), is_last=not first_ids)
    return extents


def choose_window(extents: Mapping[int, Extent], query_prefixes: Sequence[Prefix]) -> SearchWindow:
    """Return the first window of a search.

    Args:
        extents: The extents of the newest items by the number of the index.
        query_prefixes: The prefixes of the query, the longest first.
    """
    numbers = range(1, len(query_prefixes) + 1)
    if extents[ALL].is_last or not numbers or not extents[FRESH].is_last:
        return SearchWindow(ALL, first_id=extents[ALL].first_id)
    complete = [number for number in numbers if query_prefixes[number - 1].is_complete]
    # Few items have it: first of those that have all matches, and else of those that have some.
    for number in (*complete, *numbers):
        if extents[number].is_last and (extents[number].item_count or number in complete):
            return SearchWindow(number, first_id=extents[number].first_id)
    number = min(complete or numbers, key=lambda number: extents[number].first_id)
    return SearchWindow(number, first_id=extents[number].first_id)


def follow(window: SearchWindow, extent: Extent) -> SearchWindow | None:
    """Return the window after another one; None if that was the last one.

    Args:
        window: The window.
        extent: Its extent.
    """
    if not extent.is_last:
        return SearchWindow(window.index, window.excluded, before=extent.first_id)
    return None if window.index == ALL else SearchWindow(ALL, excluded=window.index)


@lru_cache(maxsize=64)
def _build_extents(indexes: tuple[int, ...], *, in_project: bool) -> Query[_ExtentRow]:
    parts = [
        select(
            literal_column(str(index), Integer).label("index"),
            func.count().label("item_count"),
            func.min(newest.c.id).label("first_id"),
        ).select_from(newest)
        for index in indexes
        for newest in _select_newest(index, in_project=in_project)
    ]
    return Query(_ExtentRow, union_all(*parts))


def _select_newest(index: int, *, in_project: bool) -> list[FromClause]:
    """Return subqueries for the ids of the newest items of an index: of the workspace, and of the organization."""
    if index > ALL:
        statements = [
            _select_before(
                prefixes.c.entry_id, prefixes.c.prefix, _has_number(f"_prefix_{index}_{container}")
            )
            for container in range(2)
        ]
    elif index == ALL and in_project:
        statements = [_select_entries_before(entries.c.project_id)]
    else:
        statements = [
            _select_entries_before(entries.c.workspace_id),
            _select_entries_before(entries.c.organization_id),
        ]
        if index == FRESH:
            conditions = (IS_FRESH, IS_FRESH_IN_ORGANIZATION)
            statements = [part.where(is_fresh) for part, is_fresh in zip(statements, conditions, strict=True)]
    size = bindparam("_size", type_=Integer)
    return [statement.limit(size).subquery() for statement in statements]


def _select_entries_before(container: ColumnElement[str]) -> Select[Any]:
    condition = belongs_to(container, bindparam(f"_{container.name}", type_=IdType))
    return _select_before(entries.c.id, container, condition)


def _select_before(
    id: ColumnElement[str], container: ColumnElement[Any], condition: ColumnElement[bool]
) -> Select[Any]:
    return (
        select(id.label("id"))
        .where(condition, id < bindparam("_before", type_=IdType))
        .order_by(container.desc(), id.desc())
    )


def _has_number(name: str) -> ColumnElement[bool]:
    # PostgreSQL takes a parameter in an array for a text.
    return belongs_to(prefixes.c.prefix, cast(bindparam(name, type_=BigInteger), BigInteger))


def build_conditions(has_prefix: bool, container: int) -> list[list[Condition]]:
    """Return the conditions for the entries of a window, a list for each index that is read.

    Args:
        has_prefix: Whether the window is one of a prefix; otherwise of all items.
        container: 0 for the items of the workspace, 1 for those of the organization.
    """
    first_id, before = bindparam("_first_id", type_=IdType), bindparam("_before", type_=IdType)
    in_window: list[Condition] = [entries.c.id >= first_id, entries.c.id < before]
    if not has_prefix:
        return [in_window]
    ids = (
        select(prefixes.c.entry_id)
        .where(
            _has_number(f"_prefix_{container}"), prefixes.c.entry_id >= first_id, prefixes.c.entry_id < before
        )
        .order_by(prefixes.c.prefix, prefixes.c.entry_id)
        .correlate(None)
    )
    matches = _matches("_prefix_pattern")
    is_fresh = IS_FRESH_IN_ORGANIZATION if container else IS_FRESH
    return [
        [belongs_to_any(entries.c.id, ids.scalar_subquery()), entries.c.is_indexed, matches],
        [is_fresh, *in_window, matches],
    ]


def was_in_prefix() -> ColumnElement[bool]:
    """Return the condition that an entry has the prefix of earlier windows."""
    return _matches("_excluded_pattern")


def _matches(name: str) -> ColumnElement[bool]:
    pattern = bindparam(name, type_=Text)
    return or_(entries.c.title.like(pattern), entries.c.body.like(pattern))


SOURCES = (*search_entries.SOURCES, *knowledge.SOURCES)
"""The kinds of items that can be found, from all areas."""


class _RankedRow(RowType):
    """An entry of the index that matches, with its rank."""

    kind: FoundKind
    id: str
    rank: int


@serves(SEARCH)
def search(uow: UnitOfWork, ref: WorkspaceRef, request: Search) -> Listing[Hit]:
    """Return a page of hits, best first. It looks through at most a thousand items, so it can be shorter than its limit."""
    loaded = access.workspace(uow, ref)
    workspace, sight = loaded.row, loaded.roles.sight
    filters: dict[str, object] = {
        "_organization_id": workspace.organization_id,
        "_workspace_id": workspace.id,
        "_kinds": _allowed_kinds(uow, request),
    }
    for name in ("project_id", "archived"):
        if (value := getattr(request, name)) is not UNSET:
            filters[f"_{name}"] = value
    if sight.is_limited:
        filters |= sight.parameters
    if not sight.sees_outside:
        filters["_is_bound"] = True
    terms = rules.parse_terms(request.q)
    if len(terms) > WORDS_MAX:
        raise invalid(("q", f"must be at most {WORDS_MAX} words"))
    query_prefixes = find_prefixes(terms)
    window = decode_window(request.cursor, len(query_prefixes)) if request.cursor else None
    if not terms:
        return Listing([])
    numbers = number_prefixes((workspace.id, workspace.organization_id), query_prefixes)
    query = _IndexQuery(filters, terms, query_prefixes, numbers)
    rows, following = _find_rows(uow, query, window, request.limit)
    if not rows and request.project_id is not UNSET:
        check_in_workspace(uow, loaded.roles, "projectId", request.project_id)
    hits_by_id = _load_hits(uow, workspace, rows, terms)
    hits = [hits_by_id[row.id] for row in rows if row.id in hits_by_id]
    return Listing(hits, following.make_cursor() if following else None)


@attrs.frozen
class _IndexQuery:
    """A query of the index.

    Attributes:
        filters: The parameters of the filters, and the containers.
        terms: The folded terms.
        prefixes: The prefixes of their words.
        numbers: The numbers of the prefixes, as parameters.
    """

    filters: Mapping[str, object]
    terms: list[str]
    prefixes: Sequence[Prefix]
    numbers: Mapping[str, int]


def _find_rows(
    uow: UnitOfWork, query: _IndexQuery, window: SearchWindow | None, limit: int
) -> tuple[list[_RankedRow], SearchWindow | None]:
    """Return the entries of a page, and the window in which the next page begins; None if it is the last."""
    parameters = {**query.filters, **query.numbers}
    remaining = SCAN_MAX
    extent: Extent | None = None
    if window is None:
        indexes = range(FRESH, len(query.prefixes) + 1)
        extents = load_extents(uow, indexes, parameters, SearchWindow(ALL).before, remaining)
        window = choose_window(extents, query.prefixes)
        extent = extents[window.index]
    elif window.id:
        # The previous page ended inside of the window.
        extent = Extent(remaining, window.first_id, is_last=window.first_id == FIRST_ID)
    rows: list[_RankedRow] = []
    while True:
        if extent is None:
            extents = load_extents(
                uow, (FRESH, window.index) if window.index else (ALL,), parameters, window.before, remaining
            )
            extent = extents[window.index]
            window = attrs.evolve(window, first_id=extent.first_id)
        rows += _read_window(uow, query, window, limit - len(rows) + 1)
        if len(rows) > limit:
            last = rows[limit - 1]
            return rows[:limit], attrs.evolve(window, rank=last.rank, id=last.id)
        following = follow(window, extent)
        remaining -= extent.item_count
        if following is None or len(rows) == limit or remaining <= 0:
            return rows, following
        window, extent = following, None


def _read_window(
    uow: UnitOfWork, query: _IndexQuery, window: SearchWindow, limit: int
) -> Sequence[_RankedRow]:
    """Return the next entries of a window that match, best first."""
    page = _build_page(len(query.terms), frozenset(query.filters), bool(window.index), bool(window.excluded))
    parameters = {
        **query.filters,
        **_build_patterns(query.terms),
        "_before": window.before,
        "_first_id": window.first_id,
        "_rank": window.rank,
        "_id": window.id,
        "_limit": limit,
    }
    if window.index:
        parameters |= {
            "_prefix_pattern": query.prefixes[window.index - 1].pattern,
            "_prefix_0": query.numbers[f"_prefix_{window.index}_0"],
            "_prefix_1": query.numbers[f"_prefix_{window.index}_1"],
        }
    if window.excluded:
        parameters["_excluded_pattern"] = query.prefixes[window.excluded - 1].pattern
    return page.all(uow.connection, parameters)


def _allowed_kinds(uow: UnitOfWork, request: Search) -> list[str]:
    """Return the requested kinds, or all that the token's scopes allow."""
    if request.kind is UNSET:
        return [source.kind for source in SOURCES if uow.actor.is_allowed(source.policy)]
    for source in SOURCES:
        if source.kind in request.kind:
            uow.actor.require(source.policy)
    return list(request.kind)


def _load_hits(
    uow: UnitOfWork, workspace: WorkspaceRow, entry_rows: Sequence[_RankedRow], terms: Sequence[str]
) -> dict[str, Hit]:
    """Load hits by id, with one statement for each kind."""
    by_kind: dict[str, list[str]] = defaultdict(list)
    for row in entry_rows:
        by_kind[row.kind].append(row.id)
    hits: dict[str, Hit] = {}
    for source in SOURCES:
        if source.kind in by_kind:
            snippet = partial(rules.make_snippet, search_terms=terms)
            hits |= source.show(uow, workspace.organization_id, workspace.id, by_kind[source.kind], snippet)
    return hits


# ---------------------------------------------------------------------------------------------- the statement


def _build_patterns(terms: list[str]) -> dict[str, str]:
    """Return the LIKE patterns of terms. A folded text has no special characters of LIKE."""
    patterns = {"_together": f"% {' '.join(terms)}%"}
    for number, term in enumerate(terms):
        patterns |= {
            f"_word_{number}": f"% {term} %",
            f"_begins_{number}": f"% {term}%",
            f"_inside_{number}": f"%{term}%",
        }
    return patterns


@lru_cache(maxsize=256)
def _build_page(terms: int, names: frozenset[str], has_prefix: bool, has_excluded: bool) -> Query[_RankedRow]:
    """Build the statement of a window, once for each number of terms, combination of filters and kind of window.

    The rank of a hit depends only on the hit and the query, so a page continues where the previous one ended, even if
    other items have changed in between.
    """
    workspace_id = bindparam("_workspace_id", type_=IdType)
    # Two SELECTs, since each uses an index of its own. The documents of an organization have no project.
    containers = [
        and_(
            entries.c.workspace_id == workspace_id,
            search_entries.in_visible_project(entries.c.project_id, workspace_id),
        )
    ]
    if "_member_id" in names:
        containers[0] = and_(containers[0], is_visible(entries.c.project_id))
    if "_project_id" not in names and "_is_bound" not in names:
        containers.append(
            and_(
                is_given(entries.c.organization_id),
                entries.c.workspace_id != workspace_id,
                is_reachable(entries.c.workspace_id),
            )
        )
    excluded = [~was_in_prefix()] if has_excluded else []
    parts = [
        _select_ranked(terms, names, [condition, *in_window, *excluded])
        for container, condition in enumerate(containers)
        for in_window in build_conditions(has_prefix, container)
    ]
    ranked = union_all(*parts).subquery("ranked")
    beyond = or_(
        ranked.c.rank < bindparam("_rank"),
        and_(is_given(ranked.c.rank), ranked.c.id < bindparam("_id")),
    )
    page = select(ranked).where(beyond).order_by(ranked.c.rank.desc(), ranked.c.id.desc())
    return Query(_RankedRow, page.limit(bindparam("_limit")))


def _select_ranked(terms: int, names: frozenset[str], where: Sequence[Condition]) -> Select[Any]:
    source: FromClause = entries
    conditions: list[Condition] = [
        *where,
        is_among(entries.c.kind),
        *(_contains(number) for number in range(terms)),
    ]
    if "_project_id" in names:
        conditions.append(is_given(entries.c.project_id))
    if "_archived" in names:
        source, archived = search_entries.join_archived(source, entries.c.project_id, entries.c.card_id)
        conditions.append(archived == bindparam("_archived"))
    return (
        select(entries.c.kind, entries.c.id, _rank(terms).label("rank"))
        .select_from(source)
        .where(*conditions)
    )


def _contains(number: int) -> ColumnElement[bool]:
    inside = _pattern(f"_inside_{number}")
    return or_(entries.c.title.like(inside), entries.c.body.like(inside))


def _rank(terms: int) -> ColumnElement[int]:
    forms = ("_word", "_begins", "_inside")
    total: ColumnElement[int] = literal_column("0", Integer)
    for number in range(terms):
        patterns = [_pattern(f"{form}_{number}") for form in forms]
        total = total + case(
            *(
                (entries.c.title.like(pattern), n)
                for pattern, n in zip(patterns, rules.IN_TITLE, strict=True)
            ),
            *((entries.c.body.like(pattern), n) for pattern, n in zip(patterns, rules.IN_BODY, strict=True)),
            else_=0,
        )
    if terms > 1:
        together = _pattern("_together")
        total = total + case(
            (entries.c.title.like(together), rules.TOGETHER_IN_TITLE),
            (entries.c.body.like(together), rules.TOGETHER_IN_BODY),
            else_=0,
        )
    return total


def _pattern(name: str) -> ColumnElement[str]:
    return bindparam(name, type_=Text)
