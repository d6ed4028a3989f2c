"""Queries for the people and cards that an event on a board concerns, and subqueries for other areas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, FromClause, ScalarSelect, Select, and_, bindparam, or_, select, union

from stellary.contract.cards import Card
from stellary.core.accounts.audience import is_reachable, sees
from stellary.core.accounts.project_sight import sees_project
from stellary.core.board.row_types import DatedCardRow
from stellary.core.board.rows import card_rows
from stellary.core.board.tables import (
    IS_DUE,
    IS_TO_START,
    PROJECT_WORKSPACE_ID,
    cards,
    comments,
    project_members,
    projects,
)
from stellary.core.db.base import is_given
from stellary.core.kernel.unit import UnitOfWork

_LAST_NUMBER = select(projects.c.last_number).where(is_given(projects.c.id, "project_id"))
_DATED_CARDS: Select[Any] = select(PROJECT_WORKSPACE_ID, projects.c.key, *card_rows.STORED).join_from(
    cards, projects, projects.c.id == cards.c.project_id
)
_COMMENTERS = select(comments.c.author_id).where(is_given(comments.c.card_id)).distinct()


def select_commenters(card_ids: ColumnElement[Any]) -> Select[Any]:
    """Return a statement for the commenters of some cards: author_id, card_id.

    Args:
        card_ids: An expanding parameter, or a subquery.
    """
    return select(comments.c.author_id, comments.c.card_id).where(comments.c.card_id.in_(card_ids))


def select_project_members(project_id: ColumnElement[Any]) -> Select[Any]:
    """Return a statement for the user ids of a project's members."""
    return select(project_members.c.user_id).where(project_members.c.project_id == project_id)


def select_project_name(project_id: ColumnElement[Any]) -> ScalarSelect[str]:
    """Return a subquery for a project's name."""
    return select(projects.c.name).where(projects.c.id == project_id).scalar_subquery()


def select_project_of_card(
    card_id: ColumnElement[str], sees: Callable[[ColumnElement[Any]], ColumnElement[bool]]
) -> Select[Any]:
    """Return a statement for a card, if the caller sees its project.

    Args:
        card_id: The expression with the id of the card.
        sees: Returns the condition that the caller sees a project.
    """
    return select(cards.c.id).where(cards.c.id == card_id, sees(cards.c.project_id)).correlate_except(cards)


def load_commenter_ids(uow: UnitOfWork, card_id: str) -> tuple[str, ...]:
    """Return the user ids of a card's commenters; read them before the card is deleted.

    Args:
        card_id: The card.
    """
    return tuple(uow.connection.execute(_COMMENTERS, {"_card_id": card_id}).scalars())


def select_project_ids(workspace_id: ColumnElement[Any]) -> Select[Any]:
    """Return a statement for the ids of a workspace's projects."""
    return select(projects.c.id).where(projects.c.workspace_id == workspace_id)


def select_workspace_id(project_id: ColumnElement[Any]) -> ScalarSelect[str]:
    """Return a subquery for the workspace of a project."""
    return select(projects.c.workspace_id).where(projects.c.id == project_id).scalar_subquery()


def load_last_number(uow: UnitOfWork, project_id: str) -> int:
    """Return the greatest number that a card of a project has had.

    Args:
        project_id: The project.
    """
    number: int = uow.connection.execute(_LAST_NUMBER, {"_project_id": project_id}).scalar_one()
    return number


def select_dated_cards(armed: FromClause) -> Select[Any]:
    """Return a statement for the cards of projects that are due after a time; ``build_dated_card`` reads its rows.

    Args:
        armed: A subquery with the projects (``project_id``), each with a time (``since``).
    """
    is_armed = armed.c.project_id == cards.c.project_id
    return _DATED_CARDS.join(armed, is_armed).where(~cards.c.archived, cards.c.due_date > armed.c.since)


def select_reminded_cards(
    user_id: ColumnElement[str],
    watched: Select[str],
    is_muted: Callable[[ColumnElement[Any], ColumnElement[Any]], ColumnElement[bool]],
) -> Select[Any]:
    """Return a statement for the open cards that a user is assigned to or watches, sees, and has not muted.

    Cards of archived projects are left out. Their start date or their due date is from ``_from`` to ``_until``, exclusively. ``build_dated_card`` reads its rows.

    Args:
        user_id: The parameter with the id of the user.
        watched: A statement for the ids of the cards that the user watches.
        is_muted: Returns the condition that the user has muted the card of a project.
    """
    is_due, starts = (
        and_(condition, column >= bindparam("_from"), column < bindparam("_until"))
        for condition, column in ((IS_DUE, cards.c.due_date), (IS_TO_START, cards.c.start_date))
    )
    is_assigned = cards.c.assignee_id == user_id
    ids = union(
        select(cards.c.id).where(is_assigned, is_due),
        select(cards.c.id).where(is_assigned, starts),
        select(cards.c.id).where(cards.c.id.in_(watched), or_(is_due, starts)),
    )
    return _DATED_CARDS.where(
        cards.c.id.in_(ids),
        ~projects.c.archived,
        is_reachable(projects.c.workspace_id),
        sees(user_id, projects.c.workspace_id),
        sees_project(user_id, cards.c.project_id, projects.c.workspace_id),
        ~is_muted(cards.c.project_id, cards.c.id),
    ).order_by(cards.c.id)


def build_dated_card(row: DatedCardRow) -> Card:
    """Return the card in a row of ``select_dated_cards`` or ``select_reminded_cards``; its order is None."""
    return card_rows.card(row[2:], row.key, None)
