"""Access checks of notifications: users see their own, as long as they see the workspace."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, and_, bindparam, exists, func, or_, select

from stellary.contract.refs import ActivityRef, NotificationRef
from stellary.core.accounts.access_checks import AccessByRef, AccessCheck, Link
from stellary.core.accounts.audience import is_reachable, leads, seen_by
from stellary.core.accounts.project_sight import (
    may_hide_projects,
    sees_all_projects,
    sees_named,
    sees_project,
)
from stellary.core.board.access import IN_PROJECT, PROJECT, require_row
from stellary.core.db.base import IdType, is_given, json_text
from stellary.core.db.row_types import Query
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.notifications.row_types import NotificationRow, UndoableActivityRow
from stellary.core.notifications.rows import ACTIVITY
from stellary.core.notifications.tables import activities, notifications
from stellary.core.notifications.visibility import names_visible_card

_USER_ID = bindparam("_user_id", type_=IdType)
_shown = activities.alias("shown")


def is_shown(
    activity: FromClause, user_id: ColumnElement[str], workspace_id: ColumnElement[str]
) -> ColumnElement[bool]:
    """Return the condition that a user who sees a workspace also sees the projects that an activity names.

    Args:
        activity: The table of activities, or an alias.
        user_id: The column or parameter with the id of the user.
        workspace_id: The column with the id of the workspace.
    """

    def sees(project_id: ColumnElement[Any]) -> ColumnElement[bool]:
        return sees_project(user_id, project_id, workspace_id)

    # No project is like one that is not private.
    return and_(sees(activity.c.project_id), names_visible_card(activity, sees))


_IS_SHOWN = and_(
    is_shown(_shown, _USER_ID, notifications.c.workspace_id),
    # An action to review may name items of any project, and so may a reminder of it.
    or_(
        _shown.c.entity != "action",
        func.coalesce(notifications.c.kind, "").not_in(("review", "reminder")),
        sees_all_projects(_USER_ID, notifications.c.workspace_id),
    ),
    or_(
        _shown.c.entity != "proposal",
        sees_named(_USER_ID, json_text(_shown.c.meta, "namedProjects"), notifications.c.workspace_id),
    ),
)
# Checked at each read: a former organization admin has not left the workspaces, but sees fewer of them.
OWN = (
    notifications.c.user_id == _USER_ID,
    notifications.c.workspace_id.in_(seen_by(_USER_ID)),
    is_reachable(notifications.c.workspace_id),
    or_(notifications.c.kind.is_distinct_from("webhook"), leads(_USER_ID, notifications.c.workspace_id)),
    or_(
        ~may_hide_projects(notifications.c.workspace_id),
        exists().where(_shown.c.id == notifications.c.activity_id, _IS_SHOWN),
    ),
)
"""The conditions for the caller's notifications, without those of workspaces and projects that the caller no longer sees."""

OWN_ROWS: Select[Any] = (
    select(
        notifications.c.id,
        notifications.c.user_id,
        notifications.c.read_at,
        notifications.c.kind,
        activities.c.id.label("activity_id"),
        *ACTIVITY,
    )
    .join_from(notifications, activities)
    .where(*OWN)
)
_NOTIFICATION = Query(NotificationRow, OWN_ROWS.where(is_given(notifications.c.id, "notification_id")))


activity = AccessCheck(
    ActivityRef,
    UndoableActivityRow,
    PROJECT,
    Link("Activity", activities, "activity_id", activities.c.project_id == IN_PROJECT),
    columns=activities.c,
)
"""The access check for an activity of a project."""


def notification(uow: UnitOfWork, ref: NotificationRef) -> NotificationRow:
    """Load a notification of the caller with its activity, with access checks.

    Args:
        ref: The notification.

    Raises:
        NotFound: The caller has no such notification, or has lost access to its workspace.
    """
    parameters = {"_user_id": uow.user_id, "_notification_id": ref.id}
    row = require_row(_NOTIFICATION.first(uow.connection, parameters), "Notification")
    uow.mark_authorized()
    return row


ACCESS_BY_REF: AccessByRef = {NotificationRef: notification, ActivityRef: activity}
