"""Views of a scope. Section Scope Views of the API reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, cast

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
from stellary.contract.wire import UNSET
from stellary.core.accounts import people
from stellary.core.board import access
from stellary.core.board.columns import scope_columns
from stellary.core.board.labels import load_labels
from stellary.core.board.listing import load_column_cards
from stellary.core.board.queries import card_counts
from stellary.core.board.queries.card_lists import CardList
from stellary.core.board.row_types import LoadedScopeRow
from stellary.core.board.scopes import views_of
from stellary.core.insights.rules import stats as stats_rules
from stellary.core.insights.rules import views as rules
from stellary.core.insights.rules.days import day_of, first_day
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.notifications.history import first_in_progress

_BEGAN = first_in_progress(card_counts.COMPLETED_IDS)


@serves(GET_VIEWS)
def get_views(uow: UnitOfWork, ref: ScopeRef, request: GetViews) -> ScopeViews:
    """Return the views of a scope, with the content of the requested one."""
    loaded = access.scope(uow, ref)
    if request.type is UNSET:
        return views_of(loaded.row, None)
    view = _BUILDERS[request.type](uow, loaded.row)
    return views_of(loaded.row, ViewData(**{request.type: view}))


def _load_kanban(uow: UnitOfWork, scope: LoadedScopeRow) -> KanbanView:
    columns = scope_columns(uow, scope.project_id, scope.id)
    return rules.build_kanban(columns, _load_cards(uow, scope).group_by("column_id", str))


def _load_list(uow: UnitOfWork, scope: LoadedScopeRow) -> ListView:
    return ListView(cards=cast("list[Card]", _load_cards(uow, scope)))


def _load_calendar(uow: UnitOfWork, scope: LoadedScopeRow) -> CalendarView:
    return rules.build_calendar(_load_cards(uow, scope).group_by("due_date", _day_or_none))


def _load_roadmap(uow: UnitOfWork, scope: LoadedScopeRow) -> RoadmapView:
    return rules.build_roadmap(
        card_counts.load_scope_progress(uow, scope.project_id), _load_cards(uow, scope)
    )


def _load_stats(uow: UnitOfWork, scope: LoadedScopeRow) -> StatsView:
    first = first_day(uow.now)
    counts = card_counts.load_card_counts(uow, scope.id)
    assignees = people.load_people(uow, {count.assignee_id for count in counts if count.assignee_id})
    parameters = {"_scope_id": scope.id, "_since": first}
    names = {id: person.name for id, person in assignees.items()}
    columns, labels = scope_columns(uow, scope.project_id, scope.id), load_labels(uow, scope.project_id)
    completions = card_counts.load_completions(uow, scope.id, first)
    began = {row.card_id: row.began_at for row in uow.connection.execute(_BEGAN, parameters)}
    return stats_rules.build_stats(counts, completions, began, columns, labels, names, uow.now)


_BUILDERS: Mapping[ViewType, Callable[[UnitOfWork, LoadedScopeRow], Any]] = {
    "kanban": _load_kanban,
    "list": _load_list,
    "calendar": _load_calendar,
    "roadmap": _load_roadmap,
    "stats": _load_stats,
}


def _load_cards(uow: UnitOfWork, scope: LoadedScopeRow) -> CardList:
    values = {"scope_id": scope.id, "archived": False}
    return load_column_cards(uow, values, scope.project_id, scope.project_key)


def _day_or_none(moment: datetime | None) -> str | None:
    return None if moment is None else day_of(moment)
