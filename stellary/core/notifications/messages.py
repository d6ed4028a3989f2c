"""The kinds of notifications, and the texts of messages with them, by project and card. Pure functions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from typing import Final

import attrs

from stellary.contract.activities import Activity, FieldChange
from stellary.contract.notifications import Notification, NotificationKind
from stellary.core.accounts.emails import build_page, clean_name
from stellary.core.kernel import events
from stellary.core.notifications.undo import name_field, name_value

ITEMS_MAX: Final = 50
LINES_MAX: Final = 20
"""The number of changes of an item that a message lists, and of fields of a change. The number of the others follows."""
SUBJECT_MAX: Final = 150
_PHRASES: Final[Mapping[NotificationKind, str]] = {
    "mention": "mentioned you",
    "assignment": "assigned the card to you",
    "invitation": "added you",
    "review": "asked for a review",
}
_KINDS_OF_ITEMS: Final[Mapping[str, NotificationKind]] = {
    "automation": "automation",
    "webhook": "webhook",
    # An import that was not completed.
    "project": "notice",
    # What waits for a person.
    **dict.fromkeys(("document", "action", "proposal"), "reminder"),
}
"""The kinds of notifications about items, by the kind of the item; others are about members."""
_FOOTER: Final = "Nobody reads replies to this message."


def find_kind(event: events.Event, user_id: str, mentioned: Collection[str]) -> NotificationKind:
    """Return the kind of a notification: the reason for which a user is notified of an event.

    Args:
        event: The event.
        user_id: The user who is notified.
        mentioned: The ids of the users that the event newly mentions.
    """
    if user_id in mentioned:
        return "mention"
    match event:
        case events.CardAssigned() | events.CardCreated() if event.card.assignee_id == user_id:
            return "assignment"
        case events.NoticeGiven():
            return "reminder" if event.is_reminder else "notice"
        case events.CardEvent():
            return "card"
        case events.DocumentSubmitted():
            return "review"
        case events.DocumentEvent():
            return "document"
        case events.PilotageChanged():
            return "approval" if user_id == event.concerned_id else "review"
        case events.ItemChanged() | events.ItemNoticeGiven():
            return _KINDS_OF_ITEMS.get(event.kind, "invitation")
        case events.ProjectMemberAdded() if event.user_id == user_id:
            return "invitation"
        case _:
            return "project"


@attrs.frozen
class Line:
    """A notification to list in a message, with the name of the project or workspace."""

    notification: Notification
    kind: NotificationKind | None
    place: str


@attrs.frozen
class MessageText:
    """The subject of a message, and its text in both forms."""

    subject: str
    text: str
    html: str


def render_text(lines: Sequence[Line], link: str, unsubscribe_url: str) -> MessageText:
    """Return the text of a message.

    Args:
        lines: The notifications, oldest first; at least one.
        link: The URL that leads to the items.
        unsubscribe_url: The URL that ends the messages.
    """
    places: dict[str, dict[str, list[Line]]] = defaultdict(lambda: defaultdict(list))
    for line in lines:
        activity = line.notification.activity
        places[clean_name(line.place)][activity.card_id or activity.entity_id or activity.id].append(line)
    count = sum(len(items) for items in places.values())
    html: list[str] = []
    text: list[str] = []
    listed_count = 0
    for place, items in places.items():
        visible = list(items.values())[: max(0, ITEMS_MAX - listed_count)]
        listed_count += len(visible)
        if visible:
            html.append(f"<h2>{escape(place)}</h2>")
            text.append(place)
        for of_item in visible:
            title = name_item(of_item[-1].notification.activity)
            sentences = [_describe(line) for line in of_item[:LINES_MAX]]
            if len(of_item) > LINES_MAX:
                sentences.append(f"and {_count(len(of_item) - LINES_MAX, 'more change')}")
            bullets = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
            html.append(f"<h3>{escape(title)}</h3>\n<ul>{bullets}</ul>")
            text.append("\n".join([f"* {title}", *(f"  - {sentence}" for sentence in sentences)]))
    if listed_count < count:
        text.append(f"There are changes of {_count(count - listed_count, 'more item')}.")
        html.append(f"<p>{text[-1]}</p>")
    subject = name_item(lines[-1].notification.activity)
    if count > 1:
        subject = f"{len(lines)} changes of {count} items"
    where = next(iter(places)) if len(places) == 1 else f"{len(places)} projects"
    subject = f"{subject[:SUBJECT_MAX]} ({where})"
    page = build_page(
        subject,
        "\n".join(html),
        "Open",
        link,
        f'<p>{_FOOTER} <a href="{escape(unsubscribe_url)}">Unsubscribe</a></p>',
    )
    tail = f"Open: {link}\n\n{_FOOTER} Unsubscribe: {unsubscribe_url}\n"
    return MessageText(subject, "\n\n".join([*text, tail]), page)


def name_item(activity: Activity) -> str:
    """Return the name of the item that an activity is about, on one line.

    Args:
        activity: The activity.
    """
    meta = activity.meta
    if "cardTitle" in meta:
        name = f"{meta.get('cardKey', '')} {meta['cardTitle']}"
    else:
        names = (meta.get(key) for key in ("documentTitle", "title", "project", "name"))
        name = next((str(name) for name in names if name), activity.entity.replace("_", " "))
    return " ".join(name.split())


def _describe(line: Line) -> str:
    """Return a change in one sentence, with the values of its fields before and after it."""
    activity = line.notification.activity
    words = activity.type.replace("_", " ").rpartition(" ")
    phrase = _PHRASES.get(line.kind or "card", f"{words[2]} the {words[0]}")
    if activity.type == "notice_given":
        message = str(activity.meta.get("message", ""))
        if line.kind != "notice":
            return " ".join(message.split())
        phrase = f"wrote: {message}"
    fields = ""
    if words[2] in ("updated", "moved", "assigned"):
        fields = "; ".join(_describe_changes(activity.changes))
    sentence = f"{clean_name(activity.actor_name or 'A former user')} {phrase}"
    return " ".join((f"{sentence}: {fields}" if fields else sentence).split())


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _describe_changes(changes: Sequence[FieldChange]) -> Iterable[str]:
    for change in changes[:LINES_MAX]:
        name = name_field(change.field, change.names)
        if change.diff is not None:
            yield name
        else:
            before, after = name_value(change.from_, change.names), name_value(change.to, change.names)
            yield f"{name} from {before} to {after}"
    if len(changes) > LINES_MAX:
        yield f"and {_count(len(changes) - LINES_MAX, 'more field')}"
