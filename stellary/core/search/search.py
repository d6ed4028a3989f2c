"""Search: finds the items of a workspace that contain all terms, best hits first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import attrs
from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    case,
    literal_column,
    or_,
    select,
    union_all,
)

from stellary.contract.refs import WorkspaceRef
from stellary.contract.search import SEARCH, WORDS_MAX, FoundKind, Hit, Search
from stellary.contract.wire import UNSET, Listing, invalid
from stellary.core.accounts import access
from stellary.core.accounts.audience import is_reachable
from stellary.core.accounts.project_sight import is_visible
from stellary.core.accounts.row_types import WorkspaceRow
from stellary.core.board import search_entries
from stellary.core.board.queries.filters import check_in_workspace
from stellary.core.db.base import IdType, is_among, is_given
from stellary.core.db.row_types import Query, RowType
from stellary.core.kernel.grouping import group
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.knowledge import search_entries as knowledge
from stellary.core.search import rules, windows
from stellary.core.search.prefixes import Prefix, find_prefixes
from stellary.core.search.tables import entries
from stellary.core.search.windows import ALL, FIRST_ID, FRESH, Condition, Extent, SearchWindow

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
    window = windows.read_window(request.cursor, len(query_prefixes)) if request.cursor else None
    if not terms:
        return Listing([])
    numbers = windows.number_prefixes((workspace.id, workspace.organization_id), query_prefixes)
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
    remaining = windows.SCAN_MAX
    extent: Extent | None = None
    if window is None:
        indexes = range(FRESH, len(query.prefixes) + 1)
        extents = windows.load_extents(uow, indexes, parameters, SearchWindow(ALL).before, remaining)
        window = windows.choose_window(extents, query.prefixes)
        extent = extents[window.index]
    elif window.id:
        # The previous page ended inside of the window.
        extent = Extent(remaining, window.first_id, is_last=window.first_id == FIRST_ID)
    rows: list[_RankedRow] = []
    while True:
        if extent is None:
            extents = windows.load_extents(
                uow, (FRESH, window.index) if window.index else (ALL,), parameters, window.before, remaining
            )
            extent = extents[window.index]
            window = attrs.evolve(window, first_id=extent.first_id)
        rows += _read_window(uow, query, window, limit - len(rows) + 1)
        if len(rows) > limit:
            last = rows[limit - 1]
            return rows[:limit], attrs.evolve(window, rank=last.rank, id=last.id)
        following = windows.follow(window, extent)
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
    by_kind: Mapping[str, list[str]] = group((row.kind, row.id) for row in entry_rows)
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
    excluded = [~windows.matches("_excluded_pattern")] if has_excluded else []
    parts = [
        _select_ranked(terms, names, [condition, *in_window, *excluded])
        for container, condition in enumerate(containers)
        for in_window in windows.build_conditions(has_prefix, container)
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
        *(windows.matches(f"_inside_{number}") for number in range(terms)),
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
