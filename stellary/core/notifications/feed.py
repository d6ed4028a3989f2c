"""The activity feed of a project, newest first. Section Activity Types of the API reference."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, and_, bindparam, func, literal_column, select

from stellary.contract.activities import LIST_ACTIVITY, Activity, ListActivity
from stellary.contract.paging import Listing
from stellary.contract.refs import ProjectRef
from stellary.contract.unset import UNSET
from stellary.contract.wire import utc
from stellary.core.accounts import people
from stellary.core.accounts.agent_users import is_agent_user
from stellary.core.board import access
from stellary.core.board.queries.filters import is_in_project
from stellary.core.board.rules.references import unknown
from stellary.core.db.base import IdType
from stellary.core.kernel.paging import Pages, belongs_to
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.notifications.row_types import ActivityRow
from stellary.core.notifications.rows import ACTIVITY, activity_of
from stellary.core.notifications.tables import IS_SAMPLED, NOT_OF_CARDS, activities

TRANSACTION_MAX = timedelta(hours=1)
"""The longest transaction: an activity has the time at which its transaction began, and an id from its end."""
EARLIEST = datetime.min.replace(tzinfo=UTC)

_earlier = activities.alias("earlier")
# The last sampled activity that is too early: no activity before it is read.
_first_id = func.coalesce(
    select(_earlier.c.id)
    .where(
        _earlier.c.project_id == bindparam("_project_id", type_=IdType),
        _earlier.c.created_at < bindparam("_begun_since"),
        IS_SAMPLED,
    )
    .order_by(_earlier.c.created_at.desc())
    .limit(1)
    .scalar_subquery(),
    "",
)
_FILTERS: Mapping[str, ColumnElement[bool]] = {
    "card_id": activities.c.card_id == bindparam("card_id"),
    "actor_id": activities.c.actor_id == bindparam("actor_id"),
    "type": activities.c.type == bindparam("type"),
    "entity": and_(activities.c.entity == bindparam("entity"), NOT_OF_CARDS),
    # Most activities are about cards, so these are read from the index of the project.
    "of_cards": activities.c.entity == literal_column("'card'"),
    "since": and_(activities.c.id >= _first_id, activities.c.created_at >= bindparam("since")),
}
_REQUESTED = tuple(_FILTERS.keys() - {"of_cards"})

_HERE = select(activities.c.id).where(activities.c.project_id == bindparam("_project_id")).limit(1)
_OF_CARD, _OF_ACTOR = (_HERE.where(_FILTERS[name]) for name in ("card_id", "actor_id"))


@serves(LIST_ACTIVITY)
def list_activity(uow: UnitOfWork, ref: ProjectRef, request: ListActivity) -> Listing[Activity]:
    """Return the activities of a project; users who see the board see all of them."""
    project = access.project(uow, ref).row
    filters = {name: value for name in _REQUESTED if (value := getattr(request, name)) is not UNSET}
    if request.entity == "card":
        filters["of_cards"] = filters.pop("entity")
    if request.since is not UNSET:
        since = utc(request.since)
        filters |= {"since": since, "_begun_since": since - min(TRANSACTION_MAX, since - EARLIEST)}
    listing = _pages(frozenset(_FILTERS.keys() & filters)).fetch(
        uow, request, _activity, _project_id=project.id, **filters
    )
    if not listing.items:
        _check_ids(uow, project.workspace_id, project.id, request)
    return listing


def _check_ids(uow: UnitOfWork, workspace_id: str, project_id: str, request: ListActivity) -> None:
    """Check the ids of a request without results. Ids of deleted items are accepted if activities refer to them.

    Raises:
        Invalid: An id does not exist.
    """
    parameters = {"_project_id": project_id}
    if request.card_id is not UNSET and not (
        is_in_project(uow, workspace_id, project_id, "cardId", request.card_id)
        or uow.connection.execute(_OF_CARD, {**parameters, "card_id": request.card_id}).first()
    ):
        raise unknown("cardId")
    if request.actor_id is not UNSET and not (
        people.reaches(uow, workspace_id, request.actor_id)
        or is_agent_user(uow, workspace_id, request.actor_id)
        or uow.connection.execute(_OF_ACTOR, {**parameters, "actor_id": request.actor_id}).first()
    ):
        raise unknown("actorId")


@functools.cache
def _pages(names: frozenset[str]) -> Pages[ActivityRow]:
    """Build the statements of the feed, once for each combination of filters."""
    conditions = [_FILTERS[name] for name in sorted(names)]
    rows = select(activities.c.id, *ACTIVITY).where(
        belongs_to(activities.c.project_id, bindparam("_project_id", type_=IdType)), *conditions
    )
    return Pages(ActivityRow, rows, activities.c.id, newest_first=True, container=activities.c.project_id)


def _activity(row: ActivityRow) -> Activity:
    return activity_of(row, row.id)
