"""Card counts of scopes and projects, computed by the database in a fixed number of statements."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs
from sqlalchemy import (
    Column,
    ColumnElement,
    Integer,
    Select,
    String,
    TextClause,
    and_,
    bindparam,
    case,
    false,
    func,
    literal_column,
    or_,
    select,
    union_all,
)

from stellary.contract.columns import ColumnCount
from stellary.contract.projects import ProjectMember
from stellary.core.accounts import people
from stellary.core.board.project_members import member_value
from stellary.core.board.row_types import CardInProgressRow, ProjectMemberRow
from stellary.core.board.rules.card_counts import (
    CardCount,
    CardState,
    Completion,
    ProjectCardCount,
    ScopeProgress,
    Since,
)
from stellary.core.board.tables import (
    IS_COUNTED,
    IS_DUE,
    IS_ESTIMATED,
    cards,
    columns,
    project_members,
    projects,
    scopes,
)
from stellary.core.db.base import is_among, is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.paging import equals_unindexed
from stellary.core.kernel.unit import UnitOfWork

_IN_COLUMNS = cards.join(columns)
_OF_SCOPE = is_given(columns.c.scope_id)
_IS_UNARCHIVED = cards.c.archived == false()

_CARD_COUNTS: Select[Any] = (
    select(
        cards.c.column_id,
        cards.c.status,
        cards.c.priority,
        cards.c.assignee_id,
        cards.c.label_ids,
        func.count(),
        func.sum(cards.c.estimate),
    )
    .select_from(_IN_COLUMNS)
    .where(_OF_SCOPE, _IS_UNARCHIVED)
    .group_by(cards.c.column_id, cards.c.status, cards.c.priority, cards.c.assignee_id, cards.c.label_ids)
)
_IS_COMPLETED = and_(_OF_SCOPE, cards.c.completed_at >= bindparam("_since", type_=cards.c.completed_at.type))
COMPLETED_IDS = select(cards.c.id).select_from(_IN_COLUMNS).where(_IS_COMPLETED)
"""The ids of the cards that ``load_completions`` returns, by ``_scope_id`` and ``_since``, for statements of other areas."""
_COMPLETIONS = COMPLETED_IDS.add_columns(cards.c.created_at, cards.c.completed_at)

_IN_PROJECT = is_given(cards.c.project_id)
_IS_IN_PROGRESS = cards.c.status == "in_progress"
MEASURED_IDS = select(cards.c.id).where(
    _IN_PROJECT,
    or_(cards.c.completed_at >= bindparam("_since", type_=cards.c.completed_at.type), _IS_IN_PROGRESS),
)
"""The ids of the cards of ``_project_id`` that were completed since ``_since``, or are in progress."""
_IS_DONE = (cards.c.status == "done").label("is_done")
CARD_STATES = (
    select(cards.c.id, cards.c.column_id, _IS_DONE, cards.c.archived, cards.c.estimate, cards.c.created_at)
    .where(equals_unindexed(cards.c.project_id, bindparam("_project_id")))
    .subquery("card_states")
)
"""The cards of ``_project_id``, to be joined by id in statements of other areas."""
_STATES = (
    select(cards.c.column_id, _IS_DONE, cards.c.archived, func.count(), func.sum(cards.c.estimate))
    .where(_IN_PROJECT)
    .group_by(cards.c.column_id, _IS_DONE, cards.c.archived)
)
_IN_PROGRESS = Query(
    CardInProgressRow,
    select(cards.c.id, cards.c.number, cards.c.title, cards.c.column_id, cards.c.created_at).where(
        _IN_PROJECT, _IS_IN_PROGRESS, _IS_UNARCHIVED
    ),
)


def _count_where(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))


_PROGRESS: Select[Any] = (
    select(
        scopes.c.id,
        scopes.c.name,
        scopes.c.start_date,
        scopes.c.due_date,
        func.count(cards.c.id),
        _count_where(cards.c.status == "done"),
        func.min(func.coalesce(cards.c.start_date, cards.c.due_date)),
        func.max(func.coalesce(cards.c.due_date, cards.c.start_date)),
        func.sum(cards.c.estimate),
    )
    .select_from(
        scopes.outerjoin(columns, columns.c.scope_id == scopes.c.id).outerjoin(
            cards, and_(cards.c.column_id == columns.c.id, _IS_UNARCHIVED)
        )
    )
    .where(is_given(scopes.c.project_id))
    .group_by(scopes.c.id)
    .order_by(scopes.c.position, scopes.c.id)
)


def _bind_time(name: str) -> ColumnElement[datetime]:
    return bindparam(name, type_=cards.c.due_date.type)


_NO_COLUMN, _OPEN, _DONE = (literal_column(text, String) for text in ("''", "'open'", "'done'"))
_NO_COUNTS: Mapping[str, ColumnElement[Any]] = {
    **dict.fromkeys(("cards", "overdue", "due_soon", "week", "month"), literal_column("0", Integer)),
    "estimate": literal_column("CAST(NULL AS BIGINT)", cards.c.estimate.type),
}
"""What each part of the counts of projects has for the fields that it does not count, in their order."""


def _count_cards(
    column_id: ColumnElement[str],
    status: ColumnElement[str],
    *conditions: ColumnElement[bool] | TextClause,
    **counts: ColumnElement[Any],
) -> Select[Any]:
    """Return a part of the counts of projects, by their columns and by status as far as these are read from cards."""
    group = (cards.c.project_id, column_id, status)
    return (
        select(*group, *{**_NO_COUNTS, **counts}.values())
        .where(is_among(cards.c.project_id, "ids"), *conditions)
        .group_by(*(part for part in group if isinstance(part, Column)))
    )


# Each part reads an index that has all of its columns, and only the cards that it counts.
_OF_PROJECTS = union_all(
    _count_cards(cards.c.column_id, cards.c.status, IS_COUNTED, cards=func.count()),
    _count_cards(
        _NO_COLUMN,
        _OPEN,
        IS_DUE,
        cards.c.due_date < _bind_time("soon"),
        overdue=_count_where(cards.c.due_date < _bind_time("today")),
        due_soon=_count_where(cards.c.due_date >= _bind_time("today")),
    ),
    _count_cards(
        _NO_COLUMN,
        _DONE,
        cards.c.completed_at >= _bind_time("month"),
        week=_count_where(cards.c.completed_at >= _bind_time("week")),
        month=func.count(),
    ),
    _count_cards(cards.c.column_id, _OPEN, IS_ESTIMATED, estimate=func.sum(cards.c.estimate)),
)
_COLUMNS: Select[Any] = (
    select(columns.c.project_id, columns.c.id, columns.c.scope_id, columns.c.name)
    .join_from(columns, scopes)
    .where(is_among(columns.c.project_id, "ids"))
    .order_by(scopes.c.position, scopes.c.id, columns.c.position, columns.c.id)
)
_MEMBERS = Query(
    ProjectMemberRow,
    select(*(column for column in project_members.c))
    .where(is_among(project_members.c.project_id, "ids"))
    .order_by(project_members.c.user_id),
)


PROJECT_ID: ColumnElement[str] = projects.c.id
"""The id of the project in a statement of ``select_projects``."""


def select_projects(*columns: ColumnElement[Any]) -> Select[Any]:
    """Return a statement that selects the id and other columns of each project whose id is in ``_ids``."""
    return select(projects.c.id, *columns).where(is_among(projects.c.id))


def load_card_counts(uow: UnitOfWork, scope_id: str) -> list[CardCount]:
    """Return the counts of the unarchived cards of a scope.

    Args:
        scope_id: The scope.
    """
    return [CardCount(*row) for row in uow.connection.execute(_CARD_COUNTS, {"_scope_id": scope_id})]


def load_completions(uow: UnitOfWork, scope_id: str, since: datetime) -> list[Completion]:
    """Return the cards of a scope that were completed since a time and are still completed.

    Args:
        scope_id: The scope.
        since: The time from which completions count.
    """
    parameters = {"_scope_id": scope_id, "_since": since}
    return [Completion(*row) for row in uow.connection.execute(_COMPLETIONS, parameters)]


def load_states(uow: UnitOfWork, project_id: str) -> list[tuple[CardState, int, float | None]]:
    """Return the states of the cards of a project, each with the number of cards and the sum of their estimates.

    Args:
        project_id: The project.
    """
    rows = uow.connection.execute(_STATES, {"_project_id": project_id})
    return [(CardState(*state), number, estimate) for *state, number, estimate in rows]


def load_in_progress(uow: UnitOfWork, project_id: str) -> Sequence[CardInProgressRow]:
    """Return the unarchived cards of a project that are in progress.

    Args:
        project_id: The project.
    """
    return _IN_PROGRESS.all(uow.connection, {"_project_id": project_id})


def load_scope_progress(uow: UnitOfWork, project_id: str) -> list[ScopeProgress]:
    """Return the progress of the scopes of a project, by position.

    Args:
        project_id: The project.
    """
    return [ScopeProgress(*row) for row in uow.connection.execute(_PROGRESS, {"_project_id": project_id})]


def load_project_card_counts(uow: UnitOfWork, ids: Collection[str], since: Since) -> list[ProjectCardCount]:
    """Return the card counts of projects, by column and status; those by time have no column.

    Args:
        ids: The ids of the projects.
        since: The boundaries of the periods in which cards are counted.
    """
    parameters = {"_ids": list(ids), **attrs.asdict(since)}
    return [ProjectCardCount(*row) for row in uow.connection.execute(_OF_PROJECTS, parameters)]


def load_columns(uow: UnitOfWork, ids: Collection[str]) -> list[tuple[str, ColumnCount]]:
    """Return the columns of projects by scope and position, each with the id of its project and a count of 0.

    Args:
        ids: The ids of the projects.
    """
    rows = uow.connection.execute(_COLUMNS, {"_ids": list(ids)})
    return [
        (row.project_id, ColumnCount(column_id=row.id, scope_id=row.scope_id, name=row.name, cards=0))
        for row in rows
    ]


def load_members(uow: UnitOfWork, ids: Collection[str]) -> list[tuple[str, ProjectMember]]:
    """Return the members of projects, each with the id of the project.

    Args:
        ids: The ids of the projects.
    """
    rows = _MEMBERS.all(uow.connection, {"_ids": list(ids)})
    people_by_id = people.load_people(uow, {row.user_id for row in rows})
    return [(row.project_id, member_value(people_by_id[row.user_id], row)) for row in rows]
