"""Rules of templates: what the template of a workspace keeps of a project, and the dates of a project that is created from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

from stellary.contract.wire import JsonObject, invalid

_STRUCTURE: Final = ("scopes", "columns", "labels", "customFields")
_KEPT: Final[Mapping[str, tuple[str, ...]]] = {
    "cards": (
        *("id", "title", "description", "columnId", "priority", "startDate", "dueDate", "estimate"),
        *("labelIds", "customFields", "checklist", "relations", "recurrence"),
    ),
    "documents": ("id", "title", "docType", "scopeId", "parentId", "tags", "content"),
    "automations": ("name", "trigger", "conditions", "actions", "schedule", "enabled"),
}
"""What is kept of the entries of the other parts of a project file: nothing about the people who have worked on them."""


def build_file(file: JsonObject) -> JsonObject:
    """Return the file of a template: no checklist item is done, and all relations are between its cards.

    Args:
        file: The file of a project, as JSON.
    """
    contents: JsonObject = {
        part: [{name: entry[name] for name in names} for entry in file[part]] for part, names in _KEPT.items()
    }
    ids = {card["id"] for card in contents["cards"]}
    for card in contents["cards"]:
        card["checklist"] = [{"title": item["title"]} for item in card["checklist"]]
        card["relations"] = [
            {"type": relation["type"], "targetCardId": relation["targetCardId"]}
            for relation in card["relations"]
            if relation["targetCardId"] in ids
        ]
        if card["recurrence"]:
            del card["recurrence"]["later"]
    names = ("name", "description", "estimateUnit")
    structure = {part: file[part] for part in _STRUCTURE}
    return {"project": {name: file["project"][name] for name in names}, **structure, **contents}


def move_dates(file: JsonObject, start: date) -> None:
    """Move all start and due dates of a file, and the ends of recurrences, so that the earliest of the dates is on a day.

    Args:
        file: The file of a template, which is changed.
        start: The day.

    Raises:
        Invalid: A date would be too late.
    """
    entries = [*file["scopes"], *file["cards"]]
    dates = [(entry, name) for entry in entries for name in ("startDate", "dueDate") if entry[name]]
    if not dates:
        return
    offset = start - min(datetime.fromisoformat(entry[name]) for entry, name in dates).date()
    series = [card["recurrence"] for card in file["cards"] if card["recurrence"]]
    ends = [(recurrence, "until") for recurrence in series if recurrence["until"]]
    try:
        for values, name in (*dates, *ends):
            values[name] = (datetime.fromisoformat(values[name]) + offset).isoformat()
    except OverflowError:
        raise invalid(("startDate", "moves dates of the template too far")) from None
