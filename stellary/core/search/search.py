"""Search: finds the items of a workspace that contain all terms, best hits first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

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

from stellary.contract.paging import Listing
from stellary.contract.refs import WorkspaceRef
from stellary.contract.search import SEARCH, WORDS_MAX, FoundKind, Hit, Search
from stellary.contract.unset import UNSET
from stellary.contract.wire import invalid
from stellary.core.accounts import access
from stellary.core.accounts.audience import is_reachable
from stellary.core.accounts.row_types import WorkspaceRow
from stellary.core.board import search_entries
from stellary.core.board.queries.filters import check_in_workspace
from stellary.core.db.base import IdType
from stellary.core.db.row_types import Query, RowType
from stellary.core.kernel.paging import make_ranked_cursor, read_ranked_cursor
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.knowledge import search_entries as knowledge
from stellary.core.search import rules
from stellary.core.search.tables import entries

SOURCES = (*search_entries.SOURCES, *knowledge.SOURCES)
"""The kinds of items that can be found, from all areas."""


class _RankedRow(RowType):
    """An entry of the index that matches, with its rank."""

    kind: FoundKind
    id: str
    rank: int


_BEFORE_ALL = (999_999, "")


@serves(SEARCH)
def search(uow: UnitOfWork, ref: WorkspaceRef, request: Search) -> Listing[Hit]:
    """Return a page of hits, best first."""
    workspace = access.workspace(uow, ref).row
    filters: dict[str, object] = {
        "_organization_id": workspace.organization_id,
        "_workspace_id": workspace.id,
        "_kinds": _allowed_kinds(uow, request),
    }
    for name in ("project_id", "archived"):
        if (value := getattr(request, name)) is not UNSET:
            filters[f"_{name}"] = value
    rank, id = read_ranked_cursor(request.cursor) if request.cursor else _BEFORE_ALL
    terms = rules.parse_terms(request.q)
    if len(terms) > WORDS_MAX:
        raise invalid(("q", f"must be at most {WORDS_MAX} words"))
    if not terms:
        return Listing([])
    query = _build_page(len(terms), frozenset(filters))
    parameters = {**filters, **_build_patterns(terms), "_rank": rank, "_id": id, "_limit": request.limit + 1}
    rows = query.all(uow.connection, parameters)
    if not rows and request.project_id is not UNSET:
        check_in_workspace(uow, workspace.id, "projectId", request.project_id)
    page_rows, last = rows[: request.limit], rows[request.limit - 1 : request.limit]
    hits_by_id = _load_hits(uow, workspace, page_rows, terms)
    hits = [hits_by_id[row.id] for row in page_rows if row.id in hits_by_id]
    has_more = len(rows) > request.limit
    return Listing(hits, make_ranked_cursor(last[0].rank, last[0].id) if has_more else None)


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
def _build_page(terms: int, names: frozenset[str]) -> Query[_RankedRow]:
    """Build the statement of a page, once for each number of terms and combination of filters.

    The rank of a hit depends only on the hit and the query, so a page continues where the previous one ended, even if
    other items have changed in between.
    """
    workspace_id = bindparam("_workspace_id", type_=IdType)
    here = and_(
        entries.c.workspace_id == workspace_id,
        search_entries.in_visible_project(entries.c.project_id, workspace_id),
    )
    # Two SELECTs, since each uses an index of its own. The documents of an organization have no project.
    everywhere = and_(
        entries.c.organization_id == bindparam("_organization_id"),
        entries.c.workspace_id != workspace_id,
        is_reachable(entries.c.workspace_id),
    )
    ranked = union_all(_select_ranked(terms, names, here), _select_ranked(terms, names, everywhere)).subquery(
        "ranked"
    )
    beyond = or_(
        ranked.c.rank < bindparam("_rank"),
        and_(ranked.c.rank == bindparam("_rank"), ranked.c.id < bindparam("_id")),
    )
    page = select(ranked).where(beyond).order_by(ranked.c.rank.desc(), ranked.c.id.desc())
    return Query(_RankedRow, page.limit(bindparam("_limit")))


def _select_ranked(terms: int, names: frozenset[str], where: ColumnElement[bool]) -> Select[Any]:
    source: FromClause = entries
    conditions = [
        where,
        entries.c.kind.in_(bindparam("_kinds", expanding=True)),
        *(_contains(number) for number in range(terms)),
    ]
    if "_project_id" in names:
        conditions.append(entries.c.project_id == bindparam("_project_id"))
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
