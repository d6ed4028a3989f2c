"""The caller's preferences: when the channels of the server deliver notifications. Section Notifications of the API reference."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final, cast, get_args

import orjson
from sqlalchemy import literal_column, select, update
from sqlalchemy.dialects import postgresql, sqlite

from stellary.contract.errors import Invalid, NotFound
from stellary.contract.notifications import (
    GET_PREFERENCES,
    UPDATE_PREFERENCES,
    DeliveryTime,
    NotificationKind,
    NotificationPreferences,
    UpdateNotificationPreferences,
    Weekday,
)
from stellary.contract.refs import Ref
from stellary.contract.wire import UNSET, dump, invalid, read
from stellary.core.accounts.people import load_people
from stellary.core.board.rules.schedules import find_zone
from stellary.core.db.base import is_among, is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.environment import Environment
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.notifications.row_types import PreferencesRow
from stellary.core.notifications.tables import deliveries, preferences

KINDS: Final[tuple[str, ...]] = get_args(NotificationKind)
_IN_DIGEST: Final = ("card", "document", "project")
"""The kinds that are delivered in the digest unless the user chooses otherwise; all others are delivered immediately."""
_DEFAULTS: Final = {"digest": "day", "digestHour": 8, "digestWeekday": "monday"}
_PURPOSE: Final = "unsubscribe"

_OF_USERS = Query(PreferencesRow, select(preferences).where(is_among(preferences.c.user_id)))
# Inserts the row of a user, or locks the one that exists, and returns the latest choices.
_LOCK = {
    name: dialect.insert(preferences)
    .on_conflict_do_update(index_elements=[preferences.c.user_id], set_={"choices": preferences.c.choices})
    .returning(preferences.c.choices)
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}
_RECORD_REMINDERS = {
    name: dialect.insert(preferences).on_conflict_do_update(
        index_elements=[preferences.c.user_id],
        set_={column: literal_column(f"excluded.{column}") for column in ("reminded_on", "reminded_at")},
    )
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}
_UPDATE = update(preferences).where(is_given(preferences.c.user_id))
_RESCHEDULE = update(deliveries).where(is_given(deliveries.c.user_id), deliveries.c.is_digest)


def load_preferences(uow: UnitOfWork, user_ids: Collection[str]) -> dict[str, NotificationPreferences]:
    """Return the preferences of users, by id.

    Args:
        user_ids: The users.
    """
    rows = _OF_USERS.all(uow.connection, {"_user_ids": list(user_ids)})
    choices = {row.user_id: row.choices for row in rows}
    return {user_id: _build_preferences(uow.env, choices.get(user_id, {})) for user_id in user_ids}


def load_last_reminders(
    uow: UnitOfWork, user_ids: Collection[str]
) -> dict[str, tuple[tzinfo, str | None, datetime | None]]:
    """Return the time zones of users by id, with the local day and the time of their last reminders, if there were any.

    Args:
        user_ids: The users.
    """
    default = uow.env.time_zone
    rows = _OF_USERS.all(uow.connection, {"_user_ids": list(user_ids)})
    last = dict.fromkeys(user_ids, (_read_zone(default), None, None))
    return last | {
        row.user_id: (_read_zone(str(row.choices.get("timeZone", default))), row.reminded_on, row.reminded_at)
        for row in rows
    }


def record_reminders(uow: UnitOfWork, days: Mapping[str, date]) -> None:
    """Record that users were reminded now.

    Args:
        days: The local day of each user, by id; at least one.
    """
    rows = [
        {"user_id": user_id, "choices": {}, "reminded_on": day.isoformat(), "reminded_at": uow.now}
        for user_id, day in days.items()
    ]
    uow.connection.execute(_RECORD_REMINDERS[uow.connection.dialect.name], rows)


def _read_zone(name: str) -> tzinfo:
    """Return the time zone of a user; UTC if the server no longer knows it."""
    try:
        return find_zone(name, "timeZone")
    except Invalid:
        return UTC


def _build_preferences(env: Environment, choices: Mapping[str, object]) -> NotificationPreferences:
    """Return preferences, with the defaults for what the user has not chosen."""
    chosen = cast("Mapping[str, Mapping[str, str]]", choices.get("channels", {}))
    defaults = {kind: "digest" if kind in _IN_DIGEST else "immediate" for kind in KINDS}
    channels = {name: {**defaults, **chosen.get(name, {})} for name in env.message_channels}
    return read(
        NotificationPreferences, {"timeZone": env.time_zone, **_DEFAULTS, **choices, "channels": channels}
    )


@serves(GET_PREFERENCES)
def get_preferences(uow: UnitOfWork, ref: Ref) -> NotificationPreferences:
    """Return the caller's preferences."""
    return load_preferences(uow, [uow.user_id])[uow.user_id]


@serves(UPDATE_PREFERENCES)
def update_preferences(
    uow: UnitOfWork, ref: Ref, request: UpdateNotificationPreferences
) -> NotificationPreferences:
    """Change the caller's preferences, and the time of the next digest.

    Raises:
        Invalid: The time zone, or a channel or a kind in ``channels`` is unknown.
    """
    if isinstance(request.time_zone, str):
        find_zone(request.time_zone, "timeZone")
    for name, times in ({} if request.channels is UNSET else request.channels).items():
        if name not in uow.env.message_channels:
            available = ", ".join(uow.env.message_channels) or "none"
            raise invalid((f"channels.{name}", f"is not a channel of this server, which has: {available}"))
        for kind in times:
            if kind not in KINDS:
                raise invalid((f"channels.{name}.{kind}", f"must be one of {', '.join(KINDS)}"))
    return _change(uow, uow.user_id, request)


def _change(uow: UnitOfWork, user_id: str, request: UpdateNotificationPreferences) -> NotificationPreferences:
    parameters = {"user_id": user_id, "choices": {}}
    choices = uow.connection.execute(_LOCK[uow.connection.dialect.name], parameters).scalar_one()
    merged = _merge(choices, orjson.loads(dump(request)))
    uow.connection.execute(_UPDATE, {"_user_id": user_id, "choices": merged})
    chosen = _build_preferences(uow.env, merged)
    due_at = find_next_digest(chosen, uow.now)
    uow.connection.execute(_RESCHEDULE, {"_user_id": user_id, "due_at": due_at})
    return chosen


def _merge(choices: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    """Return choices with changes at every level. None restores a default."""
    merged = {**choices, **changes}
    for name, change in changes.items():
        if isinstance(change, dict):
            before = choices.get(name)
            merged[name] = _merge(before if isinstance(before, dict) else {}, change)
    return {name: choice for name, choice in merged.items() if choice is not None}


def find_next_digest(preferences: NotificationPreferences, now: datetime) -> datetime:
    """Return the time of the next digest after now, in UTC.

    Args:
        preferences: The preferences of its recipient.
        now: The current time.
    """
    if preferences.digest == "hour":
        return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    zone = _read_zone(preferences.time_zone)
    hour = preferences.digest_hour
    start = now.astimezone(zone).replace(tzinfo=None, hour=hour, minute=0, second=0, microsecond=0)
    days = [start + timedelta(days=count) for count in range(9)]
    if preferences.digest == "week":
        weekday = get_args(Weekday).index(preferences.digest_weekday)
        days = [day for day in days if day.weekday() == weekday]
    times = [day.replace(tzinfo=zone).astimezone(UTC) for day in days]
    return next(time for time in times if time > now)


def build_unsubscribe_url(env: Environment, user_id: str, channel: str) -> str:
    """Return the URL that ends the messages of a channel to a user, without a login. It does not expire.

    Args:
        env: The environment.
        user_id: The user.
        channel: The name of the channel.
    """
    token = f"{user_id}-{channel.encode().hex()}-{_sign(env, user_id, channel)}"
    return f"{env.public_url}/unsubscribe/{token}"


def read_unsubscribe_token(env: Environment, token: str) -> tuple[str, str]:
    """Return the user and the channel of a URL that ends messages.

    Args:
        env: The environment.
        token: The end of the URL.

    Raises:
        NotFound: The token is malformed or forged, or the server does not have the channel any more.
    """
    user_id, _, remainder = token.partition("-")
    name, _, signature = remainder.partition("-")
    for channel in env.message_channels:
        is_signed = hmac.compare_digest(signature.encode(), _sign(env, user_id, channel).encode())
        if is_signed and name == channel.encode().hex():
            return user_id, channel
    raise NotFound("This link is not valid")


def unsubscribe(uow: UnitOfWork, token: str) -> None:
    """End the messages of a channel to a user.

    Args:
        uow: A unit that may write.
        token: The end of the URL.

    Raises:
        NotFound: The token is malformed or forged, or the account or the channel does not exist any more.
    """
    user_id, channel = read_unsubscribe_token(uow.env, token)
    if not load_people(uow, [user_id]):
        raise NotFound("This link is not valid")
    never: DeliveryTime = "never"
    request = UpdateNotificationPreferences(channels={channel: dict.fromkeys(KINDS, never)})
    _change(uow, user_id, request)


def _sign(env: Environment, user_id: str, channel: str) -> str:
    return env.signer.derive(_PURPOSE, f"{user_id}:{channel}").hex()[:32]
