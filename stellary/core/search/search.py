"""Search: what of a workspace says all that is asked for, the best first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Row,
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
from stellary.contract.search import SEARCH, WORDS_MAX, Hit, Search
from stellary.contract.unset import UNSET
from stellary.contract.wire import invalid
from stellary.core.accounts import access
from stellary.core.board import search_entries
from stellary.core.board.filters import check_in_workspace
from stellary.core.kernel.paging import make_ranked_cursor, read_ranked_cursor
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.knowledge import findable as knowledge
from stellary.core.search import rules
from stellary.core.search.tables import entries

SOURCES = (*search_entries.SOURCES, *knowledge.SOURCES)
"""What is found, as the areas lend it."""

_BEFORE_ALL = (999_999, "")


@serves(SEARCH)
def search(uow: UnitOfWork, ref: WorkspaceRef, request: Search) -> Listing[Hit]:
    """The hits, or the page of them that the request names."""
    at = access.workspace(uow, ref).row
    place: dict[str, Any] = {
        "_organization_id": at.organization_id,
        "_workspace_id": at.id,
        "_kinds": _kinds(uow, request),
    }
    for name in ("project_id", "archived"):
        if (asked := getattr(request, name)) is not UNSET:
            place[f"_{name}"] = asked
    rank, id = read_ranked_cursor(request.cursor) if request.cursor else _BEFORE_ALL
    terms = rules.terms(request.q)
    if len(terms) > WORDS_MAX:
        raise invalid(("q", f"must be at most {WORDS_MAX} words"))
    if not terms:
        return Listing([])
    statement = _page(len(terms), frozenset(place))
    page = {**place, **_patterns(terms), "_rank": rank, "_id": id, "_limit": request.limit + 1}
    rows = uow.connection.execute(statement, page).fetchall()
    if not rows and request.project_id is not UNSET:
        check_in_workspace(uow, at.id, "projectId", request.project_id)
    here, last = rows[: request.limit], rows[request.limit - 1 : request.limit]
    shown = _shown(uow, at, here, terms)
    hits = [shown[row.id] for row in here if row.id in shown]
    more = len(rows) > request.limit
    return Listing(hits, make_ranked_cursor(last[0].rank, last[0].id) if more else None)


def _kinds(uow: UnitOfWork, request: Search) -> list[str]:
    """What is looked for: what is named, or all that the token reaches."""
    if request.kind is UNSET:
        return [source.kind for source in SOURCES if uow.actor.is_allowed(source.policy)]
    for source in SOURCES:
        if source.kind in request.kind:
            uow.actor.require(source.policy)
    return list(request.kind)


def _shown(uow: UnitOfWork, at: Row[Any], found: Sequence[Row[Any]], terms: Sequence[str]) -> dict[str, Hit]:
    """The hits by their ids: a statement for each kind, however many they are."""
    by_kind: dict[str, list[str]] = defaultdict(list)
    for row in found:
        by_kind[row.kind].append(row.id)
    shown: dict[str, Hit] = {}
    for source in SOURCES:
        if source.kind in by_kind:
            cut = partial(rules.snippet, wanted=terms)
            shown |= source.show(uow, at.organization_id, at.id, by_kind[source.kind], cut)
    return shown


# ---------------------------------------------------------------------------------------------- the statement


def _patterns(terms: list[str]) -> dict[str, str]:
    """The patterns of LIKE. A folded text has no signs in it that mean something there."""
    found = {"_together": f"% {' '.join(terms)}%"}
    for number, term in enumerate(terms):
        found |= {
            f"_word_{number}": f"% {term} %",
            f"_begins_{number}": f"% {term}%",
            f"_inside_{number}": f"%{term}%",
        }
    return found


@lru_cache(maxsize=256)
def _page(terms: int, names: frozenset[str]) -> Select[Any]:
    """The statement of a page, built once for each number of terms and each combination of filters.

    The rank of a hit depends on itself and the query alone, never on what else there is: so that a page goes on where
    the one before it ended, whatever is written in between.
    """
    here = entries.c.workspace_id == bindparam("_workspace_id")
    # Apart, since either is found by an index of its own.
    everywhere = and_(
        entries.c.organization_id == bindparam("_organization_id"),
        entries.c.workspace_id != bindparam("_workspace_id"),
    )
    ranked = union_all(_ranked(terms, names, here), _ranked(terms, names, everywhere)).subquery("ranked")
    beyond = or_(
        ranked.c.rank < bindparam("_rank"),
        and_(ranked.c.rank == bindparam("_rank"), ranked.c.id < bindparam("_id")),
    )
    return (
        select(ranked)
        .where(beyond)
        .order_by(ranked.c.rank.desc(), ranked.c.id.desc())
        .limit(bindparam("_limit"))
    )


def _ranked(terms: int, names: frozenset[str], where: ColumnElement[bool]) -> Select[Any]:
    source: FromClause = entries
    conditions = [
        where,
        entries.c.kind.in_(bindparam("_kinds", expanding=True)),
        *(_says(number) for number in range(terms)),
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


def _says(number: int) -> ColumnElement[bool]:
    inside = _pattern(f"_inside_{number}")
    return or_(entries.c.title.like(inside), entries.c.body.like(inside))


def _rank(terms: int) -> ColumnElement[int]:
    forms = ("_word", "_begins", "_inside")
    found: ColumnElement[int] = literal_column("0", Integer)
    for number in range(terms):
        patterns = [_pattern(f"{form}_{number}") for form in forms]
        found = found + case(
            *((entries.c.title.like(each), n) for each, n in zip(patterns, rules.IN_TITLE, strict=True)),
            *((entries.c.body.like(each), n) for each, n in zip(patterns, rules.IN_BODY, strict=True)),
            else_=0,
        )
    if terms > 1:
        together = _pattern("_together")
        found = found + case(
            (entries.c.title.like(together), rules.TOGETHER_IN_TITLE),
            (entries.c.body.like(together), rules.TOGETHER_IN_BODY),
            else_=0,
        )
    return found


def _pattern(name: str) -> ColumnElement[str]:
    return bindparam(name, type_=Text)
