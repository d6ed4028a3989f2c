"""Notifications: activity that concerns the caller. Section Notifications of the API reference."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from stellary.contract.activities import Activity
from stellary.contract.endpoint import acts, deletes, lists, reads, updates
from stellary.contract.limits import Range
from stellary.contract.policies import ACCOUNT_FULL, BOARD_WATCH, NOTIFICATIONS, OWN_NOTIFICATION
from stellary.contract.refs import CardRef, NotificationRef, ProjectRef, Ref
from stellary.contract.wire import UNSET, Paged, PageLimit, Request, Unset, Value


class Notification(Value):
    """An activity, as a notification for one user.

    Attributes:
        read_at: When the notification was marked as read; None while it is unread.
    """

    id: str
    user_id: str
    read_at: datetime | None
    activity: Activity


class NotificationCount(Value):
    """The number of unread notifications."""

    count: int


class ListNotifications(Paged):
    """Filters for the caller's notifications. The newest notification comes first.

    Attributes:
        limit: 1 to 500. Default: 50; unlike other lists, this one is always paged.
        unread_only: ``true`` or ``1`` for unread notifications only.
    """

    limit: PageLimit = 50
    unread_only: bool | Unset = UNSET


NotificationKind = Literal[
    "assignment",
    "mention",
    "review",
    "approval",
    "invitation",
    "notice",
    "automation",
    "webhook",
    "reminder",
    "card",
    "document",
    "project",
]
"""The reasons for which a user is notified."""
DeliveryTime = Literal["immediate", "digest", "never"]
"""When a channel delivers notifications: within a minute or five minutes after the last message, in the next digest, or not at all."""
DigestPeriod = Literal["hour", "day", "week"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class NotificationPreferences(Value):
    """The times at which the channels of the server, such as ``mail``, deliver the caller's notifications.

    Attributes:
        time_zone: The time zone of the digest, as an IANA name.
        digest: How often there is a digest: every hour, every day or every week.
        digest_hour: The local hour of the digest, unless it is sent every hour.
        digest_weekday: The day of a weekly digest.
        channels: For each channel, and each kind of notification, ``immediate``, ``digest`` or ``never``. Empty if the server
            has no channel.
    """

    time_zone: str
    digest: DigestPeriod
    digest_hour: int
    digest_weekday: Weekday
    channels: dict[str, dict[str, DeliveryTime]]


class UpdateNotificationPreferences(Request):
    """The preferences to change. Fields that are left out stay as they are.

    Attributes:
        time_zone: An IANA name such as ``Europe/Berlin``; None for that of the server.
        digest: ``hour``, ``day`` or ``week``.
        digest_hour: 0 to 23.
        digest_weekday: The day of a weekly digest.
        channels: Channels with the kinds to change: ``{"mail": {"card": "never"}}``. None for a kind restores the default.
    """

    time_zone: str | Unset | None = UNSET
    digest: DigestPeriod | Unset = UNSET
    digest_hour: Annotated[int, Range(0, 23)] | Unset = UNSET
    digest_weekday: Weekday | Unset = UNSET
    channels: dict[str, dict[str, DeliveryTime | None]] | Unset = UNSET


WatchLevel = Literal["watch", "mute"]


class WatchState(Value):
    """The level at which the caller follows a card or a project; ``default`` if the caller has chosen none."""

    level: Literal["watch", "mute", "default"]


class SetWatch(Request):
    """The level at which the caller wants to follow a card, or all cards of a project.

    Attributes:
        level: ``watch`` notifies the caller of each change; ``mute`` of none, except mentions and assignments.
    """

    level: WatchLevel = "watch"


LIST_NOTIFICATIONS = lists(
    "notifications.list",
    Ref,
    "notifications",
    summary="List the caller's notifications, newest first.",
    takes=ListNotifications,
    item=Notification,
    policy=NOTIFICATIONS,
)
COUNT_NOTIFICATIONS = reads(
    "notifications.count",
    Ref,
    "notifications/count",
    summary="Get the number of the caller's unread notifications.",
    returns=NotificationCount,
    policy=NOTIFICATIONS,
)
READ_ALL_NOTIFICATIONS = updates(
    "notifications.read_all",
    Ref,
    "notifications/read-all",
    summary="Mark all of the caller's notifications as read.",
    policy=NOTIFICATIONS,
)
READ_NOTIFICATION = updates(
    "notifications.read",
    NotificationRef,
    "read",
    summary="Mark a notification as read. Has no effect if it is read already.",
    returns=Notification,
    policy=OWN_NOTIFICATION,
)

GET_PREFERENCES = reads(
    "notifications.preferences",
    Ref,
    "notifications/preferences",
    summary="Get when the channels of the server deliver the caller's notifications.",
    returns=NotificationPreferences,
    policy=NOTIFICATIONS,
)
UPDATE_PREFERENCES = updates(
    "notifications.update_preferences",
    Ref,
    "notifications/preferences",
    summary="Change when the channels of the server deliver the caller's notifications.",
    takes=UpdateNotificationPreferences,
    returns=NotificationPreferences,
    policy=ACCOUNT_FULL,
)

GET_CARD_WATCH = reads(
    "cards.get_watch",
    CardRef,
    "watch",
    summary="Get whether the caller watches or mutes a card.",
    returns=WatchState,
    policy=BOARD_WATCH,
)
WATCH_CARD = acts(
    "cards.watch",
    CardRef,
    "watch",
    summary="Watch or mute a card for the caller.",
    takes=SetWatch,
    returns=WatchState,
    policy=BOARD_WATCH,
)
UNWATCH_CARD = deletes(
    "cards.unwatch",
    CardRef,
    "watch",
    summary="Follow a card again as by default: its creator, its assignee, and who comments on it or is mentioned watch it.",
    policy=BOARD_WATCH,
)
GET_PROJECT_WATCH = reads(
    "projects.get_watch",
    ProjectRef,
    "watch",
    summary="Get whether the caller watches or mutes all cards of a project.",
    returns=WatchState,
    policy=BOARD_WATCH,
)
WATCH_PROJECT = acts(
    "projects.watch",
    ProjectRef,
    "watch",
    summary="Watch or mute all cards of a project for the caller. What is chosen for a card takes precedence.",
    takes=SetWatch,
    returns=WatchState,
    policy=BOARD_WATCH,
)
UNWATCH_PROJECT = deletes(
    "projects.unwatch",
    ProjectRef,
    "watch",
    summary="Follow the cards of a project again as by default.",
    policy=BOARD_WATCH,
)
