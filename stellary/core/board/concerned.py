"""Who is concerned by what happens on a board, as parts that other areas' statements are built of."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, bindparam, select

from stellary.core.board.tables import comments, project_members, projects
from stellary.core.unit import UnitOfWork

_COMMENTERS = select(comments.c.author_id).where(comments.c.card_id == bindparam("_card_id")).distinct()


def commenters(card_ids: ColumnElement[Any]) -> Select[Any]:
    """Who has commented on which of the cards: author_id, card_id.

    Args:
        card_ids: An expanding parameter.
    """
    return select(comments.c.author_id, comments.c.card_id).where(comments.c.card_id.in_(card_ids))


def project_people(project_id: ColumnElement[Any]) -> Select[Any]:
    """The ids of a project's members."""
    return select(project_members.c.user_id).where(project_members.c.project_id == project_id)


def project_name(project_id: ColumnElement[Any]) -> ScalarSelect[str]:
    """What a project is called."""
    return select(projects.c.name).where(projects.c.id == project_id).scalar_subquery()


def commenter_ids(uow: UnitOfWork, card_id: str) -> tuple[str, ...]:
    """Who has commented on a card, to be read before it is deleted."""
    return tuple(uow.connection.execute(_COMMENTERS, {"_card_id": card_id}).scalars())
