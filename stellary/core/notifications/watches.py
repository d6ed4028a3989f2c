"""Watched and muted cards and projects, and the job that notifies the people who watch a project.

They may be many, so that a change of a card adds one row if there are any. The job writes their notifications in batches, and
leaves out those who have muted the card, lost access or been notified for another reason.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import timedelta
from functools import partial
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    insert,
    literal_column,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from stellary.contract.endpoint import Ok
from stellary.contract.notifications import (
    GET_CARD_WATCH,
    GET_PROJECT_WATCH,
    UNWATCH_CARD,
    UNWATCH_PROJECT,
    WATCH_CARD,
    WATCH_PROJECT,
    NotificationKind,
    SetWatch,
    WatchState,
)
from stellary.contract.refs import CardRef, ProjectRef
from stellary.core.accounts.audience import with_access_flag
from stellary.core.accounts.project_sight import may_hide_projects
from stellary.core.accounts.subscribers import mark_watched
from stellary.core.board import access
from stellary.core.db.base import is_among, is_given
from stellary.core.db.direct_connection import ExecutedResult, queue_rows, queue_statement
from stellary.core.db.row_types import Query
from stellary.core.db.statement_plans import PlannedResult
from stellary.core.kernel import jobs
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.notifications import channels
from stellary.core.notifications.access import is_shown
from stellary.core.notifications.row_types import WatchRow
from stellary.core.notifications.tables import IS_MUTED, activities, watched_changes, watches

WHOLE_PROJECT = ""
"""The id of a card in the row of a project."""
IDS_MAX = 5_000
MENTIONED = "mentioned"
"""The level of a card in which the user was mentioned: watched, unless the project is muted."""
_WATCH: ColumnElement[str] = literal_column("'watch'")
_MUTE: ColumnElement[str] = literal_column("'mute'")
_DIALECTS = (("sqlite", sqlite), ("postgresql", postgresql))
_SET = {
    name: dialect.insert(watches).on_conflict_do_update(
        index_elements=[*watches.primary_key], set_={"level": literal_column("excluded.level")}
    )
    for name, dialect in _DIALECTS
}
_ADD = {name: dialect.insert(watches).on_conflict_do_nothing() for name, dialect in _DIALECTS}
_OWN = (is_given(watches.c.project_id), is_given(watches.c.card_id), is_given(watches.c.user_id))
_LEVEL = select(watches.c.level).where(*_OWN)
_DELETE = delete(watches).where(*_OWN)
_OF_PROJECTS = select(watches).where(is_among(watches.c.project_id))
_OF_CARDS = Query(
    WatchRow,
    union_all(
        _OF_PROJECTS.where(is_among(watches.c.card_id)),
        _OF_PROJECTS.where(watches.c.card_id == WHOLE_PROJECT, IS_MUTED),
    ),
)
NOTIFY: Final = "notifications.watchers"
PAUSE: Final = timedelta(seconds=20)
"""The time until the job looks for changes by itself. A signal of each change wakes it earlier."""
CHANGES_MAX: Final = 10
ROWS_MAX: Final = 400
"""The number of notifications that the job writes in a transaction for each of a few changes, which are of one unit each."""
_watching = watches.alias("watching")
_WATCHES_PROJECT = and_(
    _watching.c.card_id == WHOLE_PROJECT, is_given(_watching.c.project_id), _watching.c.level == _WATCH
)
_CHANGE = select(*(bindparam(column.name, type_=column.type) for column in watched_changes.c))
_ADD_CHANGE = insert(watched_changes).from_select(
    watched_changes.c.keys(), _CHANGE.where(exists().where(_WATCHES_PROJECT))
)
# The key of the job lets one process read them at a time.
_PENDING = select(watched_changes).order_by(watched_changes.c.id).limit(CHANGES_MAX)
_DELETE_CHANGE = delete(watched_changes).where(is_given(watched_changes.c.id))
_CONTINUE = update(watched_changes).where(is_given(watched_changes.c.id))
_NEXT_WATCHERS = (
    select(_watching.c.user_id)
    .where(_WATCHES_PROJECT, _watching.c.user_id > bindparam("_after"))
    .order_by(_watching.c.user_id)
    .limit(bindparam("_limit"))
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
    return _set(uow, loaded.roles.workspace_id, loaded.card.project_id, loaded.card.id, request)


@serves(UNWATCH_CARD)
def unwatch_card(uow: UnitOfWork, ref: CardRef) -> Ok:
    """Restore the default of a card for the caller."""
    card = access.card(uow, ref).card
    return _reset(uow, card.project_id, card.id)


@serves(WATCH_PROJECT)
def watch_project(uow: UnitOfWork, ref: ProjectRef, request: SetWatch) -> WatchState:
    """Watch or mute all cards of a project for the caller."""
    loaded = access.project(uow, ref)
    return _set(uow, loaded.roles.workspace_id, loaded.row.id, WHOLE_PROJECT, request)


@serves(UNWATCH_PROJECT)
def unwatch_project(uow: UnitOfWork, ref: ProjectRef) -> Ok:
    """Restore the default of a project for the caller."""
    return _reset(uow, access.project(uow, ref).row.id, WHOLE_PROJECT)


def select_watched_cards(user_id: ColumnElement[str]) -> Select[str]:
    """Return a statement for the ids of the cards that a user has chosen to watch."""
    return select(watches.c.card_id).where(
        watches.c.user_id == user_id, watches.c.card_id != WHOLE_PROJECT, watches.c.level == _WATCH
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

    def has_level(id: ColumnElement[str] | str, level: ColumnElement[str]) -> ColumnElement[bool]:
        this_row = (watches.c.project_id == project_id, watches.c.card_id == id, watches.c.user_id == user_id)
        return exists().where(*this_row, watches.c.level == level)

    of_project = and_(has_level(WHOLE_PROJECT, _MUTE), ~has_level(card_id, _WATCH))
    return or_(has_level(card_id, _MUTE), of_project)


_WATCHED = (
    select(activities.c.id.label("activity_id"), activities.c.workspace_id, _watching.c.user_id)
    .join_from(_watching, activities, _watching.c.user_id != activities.c.actor_id)
    .where(
        _WATCHES_PROJECT,
        is_among(_watching.c.user_id),
        is_among(activities.c.id, "activity_ids"),
        ~is_muted(_watching.c.user_id, activities.c.project_id, activities.c.card_id),
        or_(
            ~may_hide_projects(activities.c.workspace_id),
            is_shown(activities, _watching.c.user_id, activities.c.workspace_id),
        ),
    )
    .subquery()
)
_WATCHERS = with_access_flag(_WATCHED, _WATCHED.c.user_id, _WATCHED.c.workspace_id)


def add_changes(uow: UnitOfWork, project_id: str, notified: Mapping[str, Collection[str]]) -> None:
    """Add activities of cards whose watchers are to be notified, if there are any. The watchers are not read.

    Args:
        project_id: The project of the cards.
        notified: The people by activity whom the unit has notified.
    """
    items = list(notified.items())
    for start in range(0, len(items), ROWS_MAX):
        batch = dict(items[start : start + ROWS_MAX])
        row = {"id": uow.new_id(), "project_id": project_id, "notified": batch, "after": ""}
        added = queue_statement(uow.connection, _ADD_CHANGE, {**row, "_project_id": project_id})
        uow.after_commit.append(partial(_call_job, uow, added))


def _call_job(uow: UnitOfWork, added: PlannedResult | ExecutedResult) -> None:
    """Let the runner look for changes, unless nobody watches the project."""
    if added.row_count:
        uow.env.signals.send(NOTIFY)


def notify_watchers(uow: UnitOfWork, _: object) -> None:
    """Notify the next people who watch projects of changes, and schedule the next run. Changes take turns."""
    changes = uow.connection.execute(_PENDING).all()
    are_done = [_notify(uow, *change) for change in changes]
    is_last = all(are_done) and len(changes) < CHANGES_MAX
    jobs.enqueue(uow, NOTIFY, {}, due_at=uow.now + PAUSE if is_last else uow.now, key=NOTIFY)


def _notify(
    uow: UnitOfWork, id: str, project_id: str, notified: Mapping[str, Collection[str]], after: str
) -> bool:
    """Notify the next people of a change, and return whether they were the last. The others wait for the next turn."""
    limit = ROWS_MAX // len(notified)
    key = {"_project_id": project_id, "_after": after, "_limit": limit}
    user_ids = uow.connection.execute(_NEXT_WATCHERS, key).scalars().all()
    parameters = {"_project_id": project_id, "_user_ids": user_ids, "_activity_ids": list(notified)}
    recipients: list[tuple[str, str, str, NotificationKind]] = sorted(
        (row.activity_id, row.workspace_id, row.user_id, "card")
        for row in uow.connection.execute(_WATCHERS, parameters)
        if row.sees and row.user_id not in notified[row.activity_id]
    )
    channels.notify(uow, recipients)
    if len(user_ids) < limit:
        uow.connection.execute(_DELETE_CHANGE, {"_id": id})
        return True
    uow.connection.execute(_CONTINUE, {"_id": id, "id": uow.new_id(), "after": user_ids[-1]})
    return False


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
    """Return the levels of the users who watch or mute cards, or mute their projects, by card and user.

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
        project_ids = sorted({project_id for project_id, _ in cards})
        parameters = {"_project_ids": project_ids, "_card_ids": ids[start : start + IDS_MAX]}
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
