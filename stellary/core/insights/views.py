"""Views: what a scope looks like in each of them. Section Scope Views of the API reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Row

from stellary.contract.cards import Card
from stellary.contract.refs import ScopeRef
from stellary.contract.scope_views import (
    GET_VIEWS,
    CalendarView,
    GetViews,
    KanbanView,
    ListView,
    RoadmapView,
    ScopeViews,
    StatsView,
    ViewData,
)
from stellary.contract.scopes import ViewType
from stellary.contract.unset import UNSET
from stellary.core.accounts import people
from stellary.core.board import card_counts, scope_access
from stellary.core.board.card_lists import CardList
from stellary.core.board.columns import scope_columns
from stellary.core.board.labels import project_labels
from stellary.core.board.listing import scope_cards
from stellary.core.board.scopes import views_of
from stellary.core.insights.rules import stats as stats_rules
from stellary.core.insights.rules import views as rules
from stellary.core.insights.rules.days import day_of, first_day
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.notifications.history import first_in_progress

_BEGAN = first_in_progress(card_counts.COMPLETED_IDS)


@serves(GET_VIEWS)
def get_views(uow: UnitOfWork, ref: ScopeRef, request: GetViews) -> ScopeViews:
    """The views of a scope, and what the one shows that is asked for."""
    at = scope_access.scope(uow, ref)
    if request.type is UNSET:
        return views_of(at.row, None)
    shown = _SHOWN[request.type](uow, at.row)
    return views_of(at.row, ViewData(**{request.type: shown}))


def _kanban(uow: UnitOfWork, scope: Row[Any]) -> KanbanView:
    columns = scope_columns(uow, scope.project_id, scope.id)
    return rules.kanban(columns, _cards(uow, scope).group_by("column_id", str))


def _list(uow: UnitOfWork, scope: Row[Any]) -> ListView:
    return ListView(cards=cast("list[Card]", _cards(uow, scope)))


def _calendar(uow: UnitOfWork, scope: Row[Any]) -> CalendarView:
    return rules.calendar(_cards(uow, scope).group_by("due_date", _day_or_none))


def _roadmap(uow: UnitOfWork, scope: Row[Any]) -> RoadmapView:
    return rules.roadmap(card_counts.load_scope_progress(uow, scope.project_id), _cards(uow, scope))


def _stats(uow: UnitOfWork, scope: Row[Any]) -> StatsView:
    first = first_day(uow.now)
    counted = card_counts.load_card_counts(uow, scope.id)
    assignees = people.known(uow, {each.assignee_id for each in counted if each.assignee_id})
    asked = {"_scope_id": scope.id, "_since": first}
    known = stats_rules.Known(
        columns=scope_columns(uow, scope.project_id, scope.id),
        labels=project_labels(uow, scope.project_id),
        names={id: person.name for id, person in assignees.items()},
    )
    completed = card_counts.load_completions(uow, scope.id, first)
    began = {row.card_id: row.began_at for row in uow.connection.execute(_BEGAN, asked)}
    return stats_rules.stats(counted, completed, began, known, uow.now)


_SHOWN: Mapping[ViewType, Callable[[UnitOfWork, Row[Any]], Any]] = {
    "kanban": _kanban,
    "list": _list,
    "calendar": _calendar,
    "roadmap": _roadmap,
    "stats": _stats,
}


def _cards(uow: UnitOfWork, scope: Row[Any]) -> CardList:
    return scope_cards(uow, scope.project_id, scope.project_key, scope.id)


def _day_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else day_of(moment)
