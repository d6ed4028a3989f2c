"""Watched and muted cards and projects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from sqlalchemy import ColumnElement, Select, and_, bindparam, delete, exists, literal_column, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from stellary.contract.endpoint import Ok
from stellary.contract.notifications import (
    GET_CARD_WATCH,
    GET_PROJECT_WATCH,
    UNWATCH_CARD,
    UNWATCH_PROJECT,
    WATCH_CARD,
    WATCH_PROJECT,
    SetWatch,
    WatchState,
)
from stellary.contract.refs import CardRef, ProjectRef
from stellary.core.accounts.subscribers import mark_watched
from stellary.core.board import access
from stellary.core.db.direct_connection import queue_rows
from stellary.core.db.row_types import Query
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.notifications.row_types import WatchRow
from stellary.core.notifications.tables import watches

WHOLE_PROJECT = ""
"""The id of a card in the row of a project."""
IDS_MAX = 5_000
MENTIONED = "mentioned"
"""The level of a card in which the user was mentioned: watched, unless the project is muted."""
_DIALECTS = (("sqlite", sqlite), ("postgresql", postgresql))
_SET = {
    name: dialect.insert(watches).on_conflict_do_update(
        index_elements=[*watches.primary_key], set_={"level": literal_column("excluded.level")}
    )
    for name, dialect in _DIALECTS
}
_ADD = {name: dialect.insert(watches).on_conflict_do_nothing() for name, dialect in _DIALECTS}
_OWN = (
    watches.c.project_id == bindparam("_project_id"),
    watches.c.card_id == bindparam("_card_id"),
    watches.c.user_id == bindparam("_user_id"),
)
_LEVEL = select(watches.c.level).where(*_OWN)
_DELETE = delete(watches).where(*_OWN)
_OF_CARDS = Query(
    WatchRow,
    select(watches).where(
        watches.c.project_id.in_(bindparam("_project_ids", expanding=True)),
        watches.c.card_id.in_(bindparam("_card_ids", expanding=True)),
    ),
)


@serves(GET_CARD_WATCH)
def get_card_watch(uow: UnitOfWork, ref: CardRef) -> WatchState:
    """Return the level that the caller has chosen for a card."""
    card = access.card(uow, ref).card
    return _get(uow, card.project_id, card.id)


@serves(GET_PROJECT_WATCH)
def get_project_watch(uow: UnitOfWork, ref: ProjectRef) -> WatchState:
    """Return the level that the caller has chosen for a project."""
    return _get(uow, access.project(uow, ref).row.id, WHOLE_PROJECT)


@serves(WATCH_CARD)
def watch_card(uow: UnitOfWork, ref: CardRef, request: SetWatch) -> WatchState:
    """Watch or mute a card for the caller."""
    loaded = access.card(uow, ref)
    return _set(uow, loaded.roles.workspace_id or "", loaded.card.project_id, loaded.card.id, request)


@serves(UNWATCH_CARD)
def unwatch_card(uow: UnitOfWork, ref: CardRef) -> Ok:
    """Restore the default of a card for the caller."""
    card = access.card(uow, ref).card
    return _reset(uow, card.project_id, card.id)


@serves(WATCH_PROJECT)
def watch_project(uow: UnitOfWork, ref: ProjectRef, request: SetWatch) -> WatchState:
    """Watch or mute all cards of a project for the caller."""
    loaded = access.project(uow, ref)
    return _set(uow, loaded.roles.workspace_id or "", loaded.row.id, WHOLE_PROJECT, request)


@serves(UNWATCH_PROJECT)
def unwatch_project(uow: UnitOfWork, ref: ProjectRef) -> Ok:
    """Restore the default of a project for the caller."""
    return _reset(uow, access.project(uow, ref).row.id, WHOLE_PROJECT)


def select_watched_cards(user_id: ColumnElement[str]) -> Select[str]:
    """Return a statement for the ids of the cards that a user has chosen to watch."""
    return select(watches.c.card_id).where(
        watches.c.user_id == user_id, watches.c.card_id != WHOLE_PROJECT, watches.c.level == "watch"
    )


def is_muted(
    user_id: ColumnElement[str], project_id: ColumnElement[str], card_id: ColumnElement[str]
) -> ColumnElement[bool]:
    """Return the condition that a user has muted a card, or its project without watching the card.

    Args:
        user_id: The parameter with the id of the user.
        project_id: The column with the id of the project.
        card_id: The column with the id of the card.
    """

    def has_level(id: ColumnElement[str] | str, level: str) -> ColumnElement[bool]:
        this_row = (watches.c.project_id == project_id, watches.c.card_id == id, watches.c.user_id == user_id)
        return exists().where(*this_row, watches.c.level == level)

    of_project = and_(has_level(WHOLE_PROJECT, "mute"), ~has_level(card_id, "watch"))
    return or_(has_level(card_id, "mute"), of_project)


def _get(uow: UnitOfWork, project_id: str, card_id: str) -> WatchState:
    key = {"_project_id": project_id, "_card_id": card_id, "_user_id": uow.user_id}
    level = uow.connection.execute(_LEVEL, key).scalar()
    return WatchState(level="default" if level in (None, MENTIONED) else level)


def _set(uow: UnitOfWork, workspace_id: str, project_id: str, card_id: str, request: SetWatch) -> WatchState:
    row = {"project_id": project_id, "card_id": card_id, "user_id": uow.user_id, "level": request.level}
    uow.connection.execute(_SET[uow.connection.dialect.name], row)
    mark_watched(uow, workspace_id)
    return WatchState(level=request.level)


def _reset(uow: UnitOfWork, project_id: str, card_id: str) -> Ok:
    key = {"_project_id": project_id, "_card_id": card_id, "_user_id": uow.user_id}
    uow.connection.execute(_DELETE, key)
    return Ok()


def add_mentioned(uow: UnitOfWork, workspace_id: str, mentions: Collection[tuple[str, str, str]]) -> None:
    """Let users watch the cards in which they are mentioned, unless they have chosen something else.

    Args:
        workspace_id: The workspace of the cards.
        mentions: The project, the card and the user of each mention.
    """
    if mentions:
        names = ("project_id", "card_id", "user_id")
        added = [
            {**dict(zip(names, mention, strict=True)), "level": MENTIONED} for mention in sorted(mentions)
        ]
        queue_rows(uow.connection, _ADD[uow.connection.dialect.name], added)
        mark_watched(uow, workspace_id)


def load_levels(
    uow: UnitOfWork, workspace_id: str, cards: Collection[tuple[str, str]]
) -> Mapping[str, Mapping[str, str]]:
    """Return the levels of the users who watch or mute cards, by card and user.

    Args:
        workspace_id: The workspace of the cards. If nothing in it was ever watched, no row is read.
        cards: The project and the id of each card.
    """
    by_card: dict[str, dict[str, str]] = defaultdict(dict)
    if not cards or workspace_id in uow.workspaces_without_watches:
        return by_card
    ids = sorted({card_id for _, card_id in cards})
    of_projects: dict[str, dict[str, str]] = defaultdict(dict)
    for start in range(0, len(ids), IDS_MAX):
        card_ids = [WHOLE_PROJECT, *ids[start : start + IDS_MAX]]
        parameters = {"_project_ids": sorted({project_id for project_id, _ in cards}), "_card_ids": card_ids}
        for row in _OF_CARDS.all(uow.connection, parameters):
            levels = of_projects[row.project_id] if row.card_id == WHOLE_PROJECT else by_card[row.card_id]
            levels[row.user_id] = row.level
    for project_id, card_id in cards:
        of_project = of_projects[project_id]
        of_card = {
            user_id: level
            for user_id, level in by_card[card_id].items()
            if level != MENTIONED or user_id not in of_project
        }
        by_card[card_id] = {**of_project, **of_card}
    return by_card
