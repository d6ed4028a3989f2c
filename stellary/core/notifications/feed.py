"""The activity feeds of projects, workspaces and organizations, newest first. Section Activity Types of the API reference."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, bindparam, func, literal_column, select

from stellary.contract.activities import (
    LIST_ACTIVITY,
    LIST_ORGANIZATION_ACTIVITY,
    LIST_WORKSPACE_ACTIVITY,
    Activity,
    ActivityFilters,
    ListActivity,
)
from stellary.contract.limits import CARD_KEY_PATTERN
from stellary.contract.refs import CardRef, OrganizationRef, ProjectRef, WorkspaceRef
from stellary.contract.wire import UNSET, Listing, utc
from stellary.core.accounts import access as accounts_access
from stellary.core.accounts import people
from stellary.core.accounts.agent_users import is_agent_user
from stellary.core.board import access
from stellary.core.board.changes.card_keys import resolve_card_key
from stellary.core.board.queries.filters import is_in_project
from stellary.core.board.rules.references import unknown
from stellary.core.db.base import IdType, is_given
from stellary.core.kernel.paging import Pages, belongs_to, equals_unindexed
from stellary.core.kernel.trash import trash
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.notifications.row_types import ActivityRow
from stellary.core.notifications.rows import ACTIVITY, ORGANIZATION_ACTIVITY, activity_of
from stellary.core.notifications.tables import (
    APART_FROM_CARDS,
    IS_SAMPLED,
    NOT_OF_CARDS,
    activities,
    organization_activities,
)
from stellary.core.notifications.visibility import IS_SEEN, list_hidden_kinds

TRANSACTION_MAX = timedelta(hours=1)
"""The longest transaction: an activity has the time at which its transaction began, and an id from its end."""
EARLIEST = datetime.min.replace(tzinfo=UTC)

CONTAINER_ID = bindparam("_container_id", type_=IdType)
"""The id of the container whose activities a statement reads."""
_BEGUN_SINCE = bindparam("_begun_since", type_=activities.c.created_at.type)
_earlier = activities.alias("earlier")
FIRST_ID = func.coalesce(
    select(_earlier.c.id)
    .where(
        _earlier.c.project_id == CONTAINER_ID,
        _earlier.c.created_at < _BEGUN_SINCE,
        IS_SAMPLED,
    )
    .order_by(_earlier.c.created_at.desc())
    .limit(1)
    .scalar_subquery(),
    "",
)
"""The last sampled activity before ``_begun_since``: no activity of the container before it is read."""


Conditions = Mapping[str, ColumnElement[bool]]
Equals = Callable[[ColumnElement[Any], ColumnElement[Any]], ColumnElement[bool]]


def _build_filters(table: Table, equals: Equals) -> Conditions:
    """Build the conditions of the filters that all feeds have, by name.

    Args:
        table: The table of the activities.
        equals: Compares a column with a value.
    """
    filters = {name: equals(table.c[name], bindparam(name)) for name in ("actor_id", "type", "entity")}
    return {**filters, "since": table.c.created_at >= bindparam("since")}


_INDEXED = _build_filters(activities, operator.eq)
_RESIDUAL = _build_filters(activities, equals_unindexed)


class Feed:
    """The activities of a kind of container, with statements that are built once for each combination of filters.

    Args:
        container: The column with the id of the container.
        rows: The statement of the activities, without their container, filters and order.
        indexed: The conditions of the filters that an index of the container answers, by name, the best one first. A page reads
            the index of one of them.
        residual: The conditions of filters for the rows of that index, by name.
        ends: The conditions by name for activities that are at one end of the feed.
        visible: The conditions for the activities that the caller may read.
    """

    def __init__(
        self,
        container: ColumnElement[str],
        rows: Select[Any],
        residual: Conditions,
        *,
        indexed: Conditions | None = None,
        ends: Conditions | None = None,
        visible: Sequence[ColumnElement[bool]] = (),
    ) -> None:
        self._indexed = indexed or {}
        self._residual = residual
        self._ends = ends or {}
        self._visible = visible
        self.filters = {*residual, *self._indexed, *self._ends}
        self._container = container
        self._time = rows.selected_columns.created_at
        self._rows = rows
        self._pages: dict[frozenset[str], Pages[ActivityRow]] = {}
        by_actor = {**residual, **self._indexed}["actor_id"]
        of_actor = rows.with_only_columns(container).where(container == CONTAINER_ID, by_actor, *visible)
        self._of_actor = of_actor.limit(1)

    def pages(self, names: frozenset[str]) -> Pages[ActivityRow]:
        """Return the pages with a combination of filters."""
        if names not in self._pages:
            index = next((name for name in self._indexed if name in names), "")
            conditions = [self._ends[name] for name in sorted(names & self._ends.keys())]
            if index:
                conditions.append(self._indexed[index])
            remaining = sorted(names - {index} - self._ends.keys())
            self._pages[names] = Pages(
                ActivityRow,
                self._rows.where(belongs_to(self._container, CONTAINER_ID), *conditions),
                self._rows.selected_columns.id,
                newest_first=True,
                container=self._container,
                residual=[*(self._residual[name] for name in remaining), *self._visible],
                until=(self._time, _BEGUN_SINCE) if "since" in remaining else None,
            )
        return self._pages[names]

    def fetch(
        self, uow: UnitOfWork, request: ActivityFilters, container_id: str, **parameters: object
    ) -> Listing[Activity]:
        """Return the activities that a request asks for.

        Args:
            request: The filters.
            container_id: The id of the container.
            **parameters: Further parameters of the statement, and values of filters that replace those of the request.
        """
        requested = self.filters - {"of_cards"} - parameters.keys()
        filters = {name: value for name in requested if (value := getattr(request, name)) is not UNSET}
        filters |= {name: value for name, value in parameters.items() if value is not UNSET}
        if request.entity == "card" and "of_cards" in self.filters:
            filters["of_cards"] = filters.pop("entity")
        if request.since is not UNSET:
            since = utc(request.since)
            filters |= {"since": since, "_begun_since": since - min(TRANSACTION_MAX, since - EARLIEST)}
        pages = self.pages(frozenset(self.filters & filters.keys()))
        return pages.fetch(uow, request, _activity, **filters, _container_id=container_id)

    def has_actor(self, uow: UnitOfWork, container_id: str, actor_id: str, **parameters: object) -> bool:
        """Return whether an activity of the container has this actor.

        Args:
            container_id: The id of the container.
            actor_id: The id of the actor.
            **parameters: Further parameters of the statement.
        """
        parameters |= {"_container_id": container_id, "actor_id": actor_id}
        return uow.connection.execute(self._of_actor, parameters).first() is not None


def _activity(row: ActivityRow) -> Activity:
    return activity_of(row, row.id)


_ACTIVITIES: Select[Any] = select(activities.c.id, *ACTIVITY)
_VISIBLE = activities.c.entity.not_in(bindparam("_hidden_kinds", expanding=True))
OF_PROJECT, LIMITED_OF_PROJECT = (
    Feed(
        activities.c.project_id,
        _ACTIVITIES,
        {
            **_RESIDUAL,
            # Most activities are about cards, so these are read from the index of the project.
            "of_cards": activities.c.entity == literal_column("'card'"),
        },
        indexed={
            "card_id": activities.c.card_id == bindparam("card_id"),
            "entity": and_(_INDEXED["entity"], NOT_OF_CARDS),
            "actor_id": _INDEXED["actor_id"],
            "type": _INDEXED["type"],
        },
        ends={"since": and_(activities.c.id >= FIRST_ID, _INDEXED["since"])},
        visible=visible,
    )
    for visible in ((), (_VISIBLE, IS_SEEN))
)
"""The feed of a project, for people who see the whole workspace, and for other callers."""
OF_WORKSPACE, LIMITED_OF_WORKSPACE = (
    Feed(activities.c.workspace_id, _ACTIVITIES.where(APART_FROM_CARDS), _RESIDUAL, visible=visible)
    for visible in ([_VISIBLE], [_VISIBLE, IS_SEEN])
)
"""The feed of a workspace, without the activities of cards, which are in the feeds of their projects."""
OF_ORGANIZATION = Feed(
    organization_activities.c.organization_id,
    select(organization_activities.c.id, *ORGANIZATION_ACTIVITY),
    _build_filters(organization_activities, equals_unindexed),
)
"""The feed of an organization."""
_OF_CARD = (
    select(activities.c.id)
    .where(activities.c.project_id == CONTAINER_ID, activities.c.card_id == bindparam("card_id"))
    .limit(1)
)


_IS_KEY = re.compile(CARD_KEY_PATTERN).fullmatch
_DELETED_CARD = (
    select(trash.c.item_id)
    .where(is_given(trash.c.workspace_id), trash.c.kind == "card", is_given(trash.c.key))
    .limit(1)
)


def _find_card(uow: UnitOfWork, ref: ProjectRef, workspace_id: str, key: str) -> str:
    """Return the id of the card that has a key, or had it before it was deleted; an empty string if there is none."""
    card_id = resolve_card_key(uow, ref.child(CardRef, key)).card_id
    if not card_id:
        parameters = {"_workspace_id": workspace_id, "_key": key.upper()}
        card_id = uow.connection.execute(_DELETED_CARD, parameters).scalar() or ""
    return card_id


@serves(LIST_ACTIVITY)
def list_activity(uow: UnitOfWork, ref: ProjectRef, request: ListActivity) -> Listing[Activity]:
    """Return the activities of a project; users who see the board see all of them, agents those of items that they may read.

    Raises:
        Invalid: A card or an actor does not exist, and no activity refers to it.
    """
    loaded = access.project_with_sight(uow, ref)
    project, feed, parameters = loaded.row, OF_PROJECT, dict[str, object]()
    if uow.actor.agent_limits is not None or loaded.roles.sight.is_limited:
        feed = LIMITED_OF_PROJECT
        parameters["_hidden_kinds"] = list_hidden_kinds(uow.actor, loaded.roles)
        parameters |= loaded.roles.sight.parameters
    card_id = request.card_id
    if card_id is not UNSET and _IS_KEY(card_id):
        card_id = _find_card(uow, ref, project.workspace_id, card_id)
    listing = feed.fetch(uow, request, project.id, card_id=card_id, **parameters)
    if not listing.items:
        if card_id is not UNSET and not (
            is_in_project(uow, project.workspace_id, project.id, "cardId", card_id)
            or uow.connection.execute(_OF_CARD, {"_container_id": project.id, "card_id": card_id}).first()
        ):
            raise unknown("cardId")
        _check_actor(uow, project.workspace_id, request, feed, project.id, **parameters)
    return listing


@serves(LIST_WORKSPACE_ACTIVITY)
def list_workspace_activity(
    uow: UnitOfWork, ref: WorkspaceRef, request: ActivityFilters
) -> Listing[Activity]:
    """Return the activities of a workspace that are not about cards, as far as the caller may read their items.

    Raises:
        Invalid: The actor does not exist, and no activity refers to it.
    """
    loaded = accounts_access.workspace(uow, ref)
    parameters: dict[str, object] = {"_hidden_kinds": list_hidden_kinds(uow.actor, loaded.roles)}
    feed = OF_WORKSPACE
    if loaded.roles.sight.is_limited:
        feed, parameters = LIMITED_OF_WORKSPACE, parameters | loaded.roles.sight.parameters
    listing = feed.fetch(uow, request, loaded.row.id, **parameters)
    if not listing.items:
        _check_actor(uow, loaded.row.id, request, feed, loaded.row.id, **parameters)
    return listing


@serves(LIST_ORGANIZATION_ACTIVITY)
def list_organization_activity(
    uow: UnitOfWork, ref: OrganizationRef, request: ActivityFilters
) -> Listing[Activity]:
    """Return the activities of an organization: changes of its members, its workspaces and itself.

    Raises:
        Invalid: The actor is not a member, and no activity refers to it.
    """
    organization_id = accounts_access.organization(uow, ref).row.id
    listing = OF_ORGANIZATION.fetch(uow, request, organization_id)
    if not listing.items and request.actor_id is not UNSET:
        actor_id = request.actor_id
        if not (
            people.is_in_organization(uow, organization_id, actor_id)
            or OF_ORGANIZATION.has_actor(uow, organization_id, actor_id)
        ):
            raise unknown("actorId")
    return listing


def _check_actor(
    uow: UnitOfWork,
    workspace_id: str,
    request: ActivityFilters,
    feed: Feed,
    container_id: str,
    **parameters: object,
) -> None:
    """Check the actor of a request without results. An actor who has left is accepted if activities refer to them."""
    if request.actor_id is not UNSET and not (
        people.reaches(uow, workspace_id, request.actor_id)
        or is_agent_user(uow, workspace_id, request.actor_id)
        or feed.has_actor(uow, container_id, request.actor_id, **parameters)
    ):
        raise unknown("actorId")
