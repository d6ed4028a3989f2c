"""Generic views: any list as a table, any value as field names and contents."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from datetime import date, datetime
from importlib.resources import files
from typing import Any

import attrs

from stellary.client.display import _parts as p
from stellary.client.display import _words as w
from stellary.client.display._activity import summarize_change
from stellary.client.display._board import ROWS, build_card_table, describe_hidden
from stellary.client.display._markup import line
from stellary.client.display._sheet import View
from stellary.contract.activities import FieldChange

TEXT_MAX = 140
COLUMNS = 7

_COLUMNS = tomllib.loads(files(__package__).joinpath("columns.toml").read_text("utf-8"))
SHOWN: dict[str, str] = _COLUMNS["lists"]
_CODE = {"id", "key", "slug", "card_key", "trigger", "number", "mission_id", "priority_id", "action", "tool"}
# Flags that are rarely set, and shown only if they are.
_RARE = {"archived", "is_default", "is_personal", "required"}
_STATUS = {"status", "stage", "card_status", "outcome", "result_status"}


def build_table(values: Sequence[Any], options: p.RenderOptions, *, more: bool = False) -> View:
    """Render values of one kind as a table.

    Args:
        values: The values.
        options: The rendering options.
        more: Whether there are further pages.

    Returns:
        The view.
    """
    if not values:
        table = p.Table((), (), describe_hidden(0, more), "The list is empty.")
        return View(kind="Table", title="Nothing here", parts=(table,))
    kind = _humanize_class(type(values[0]).__name__).lower()
    is_card = kind == "card"
    table = build_card_table(values, options, p.Names(), more) if is_card else _table(values, options, more)
    count = f"{len(values):,}{'+' if more else ''} {w.pluralize(2 if more else len(values), kind)}"
    return View(kind="Table", title=count, parts=(table,))


def build_facts(value: Any, options: p.RenderOptions) -> View:
    """Render the fields of any single value."""
    fields = []
    for name in _COLUMNS["values"].get(type(value).__name__, "").split() or _fields(type(value)):
        content = format_field(value, name, options)
        if content:
            fields.append((w.humanize_title(name.rpartition(".")[2]), content))
    titled = getattr(value, "user", value)
    title = next(
        (str(getattr(titled, attribute)) for attribute in _TITLES if getattr(titled, attribute, None)), None
    )
    kind = _humanize_class(type(value).__name__)
    return View(
        kind=kind, title=title or kind, parts=(p.FactList(tuple(fields)),), facts=(p.Span(kind, "quiet"),)
    )


_TITLES = ("title", "name", "objective", "label", "key", "slug", "email", "id")


def _table(values: Sequence[Any], options: p.RenderOptions, more: bool) -> p.Table:
    visible = values[: options.limit(ROWS)]
    field_names = columns_of(type(values[0]))
    columns = [(name, [format_field(value, name, options) for value in visible]) for name in field_names]
    used_columns = [column for column in columns if any(column[1])]
    return p.Table(
        heads=tuple(_head(name, visible) for name, _ in used_columns),
        rows=tuple(zip(*(cells for _, cells in used_columns), strict=True)),
        note=describe_hidden(len(values) - len(visible), more),
    )


def columns_of(kind: type) -> list[str]:
    """Return the fields of a class that a list shows."""
    for base in kind.__mro__:
        if base.__name__ in SHOWN:
            return SHOWN[base.__name__].split()
    names = [name for name in _fields(kind) if name != "id" and not name.endswith("_id")]
    return names[:COLUMNS] or _fields(kind)


def _fields(kind: type) -> list[str]:
    return [field.name for field in attrs.fields(kind)] if attrs.has(kind) else []


def _head(name: str, values: Sequence[Any]) -> str:
    name = name.rpartition(".")[2]
    heading = w.humanize_title(name.removesuffix("_name").removesuffix("_at").removesuffix("_date"))
    heading = {"Id": "ID", "Url": "URL", "Mime type": "Type", "My role": "Your role"}.get(heading, heading)
    numbers = any(_is_number(getattr(value, name, None)) for value in values)
    return f"{heading}#" if numbers and name != "percent_done" else heading


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _humanize_class(name: str) -> str:
    """Return ``DocumentSummary`` as ``Document``, ``AgentMission`` as ``Agent mission``."""
    name = name.removesuffix("Summary").removesuffix("View")
    name = {"PortfolioProject": "Project", "PilotagePriority": "Priority", "Hit": "Hit"}.get(name, name)
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
    return words[:1].upper() + words[1:]


# ---------------------------------------------------------------------------------------------- one cell


def format_field(value: Any, name: str, options: p.RenderOptions) -> p.Cell:
    """Format a field of a value; an empty cell if the field is empty."""
    for part in name.split("."):
        value = getattr(value, part, None)
    content, name = value, name.rpartition(".")[2]
    if content is None or content == "" or content == [] or content == {}:
        return ()
    if name == "percent_done":
        return (p.Meter(content, 100, "percent", f"{content} %"),)
    if name in _STATUS:
        return p.to_cell(w.status_tag(content))
    if name == "priority":
        return p.to_cell(w.priority_mark(content))
    if name == "color":
        return (p.Chip(str(content), content),)
    if name == "size" and isinstance(content, int):
        return (p.Span(_format_bytes(content)),)
    return _format_value(content, name, options)


def _format_value(value: Any, name: str, options: p.RenderOptions) -> p.Cell:
    match value:
        case True:
            return (p.Span("yes", "good"),)
        case False:
            return () if name in _RARE else (p.Span("no", "quiet"),)
        case int() | float():
            tone: p.Tone = "bad" if name == "overdue" and value else "plain"
            return (p.Span(f"{value:,}", tone),)
        case datetime():
            return _format_moment(value, options)
        case date():
            return (p.Span(w.format_day(value, options.now), "quiet"),)
        case str():
            return _format_text(value, name)
        case list() | tuple():
            more = f" and {len(value) - 8} more" if len(value) > 8 else ""
            return (p.Span(line(", ".join(map(summarize, value[:8])), TEXT_MAX) + more),)
        case dict():
            pairs = [f"{key}: {summarize(item)}" for key, item in list(value.items())[:6]]
            return (p.Span(line(", ".join(pairs), TEXT_MAX)),)
    return (p.Span(line(summarize(value), TEXT_MAX)),)


def _format_moment(moment: datetime, options: p.RenderOptions) -> p.Cell:
    day = w.format_day(moment, options.now)
    exact = w.format_utc(moment)
    midnight = exact.endswith("00:00 UTC")
    return (p.Span(day if midnight else f"{day} {exact[11:16]}", "quiet", hint=exact),)


def _format_text(text: str, name: str) -> p.Cell:
    if name.endswith("_name"):
        return (p.Span(line(text, 60), kind="person"),)
    if name in ("type", "kind", "doc_type", "autonomy_mode", "role"):
        return (p.Span(line(w.humanize(text), 60)),)
    if name in _CODE:
        return (p.Span(line(text, 60), "quiet", "code"),)
    return (p.Span(line(text, TEXT_MAX)),)


def summarize(value: Any) -> str:
    """Return a nested value in a few words."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {summarize(item)}" for key, item in list(value.items())[:6])
    if isinstance(value, list | tuple):
        return ", ".join(summarize(item) for item in value[:6])
    if not attrs.has(type(value)):
        return "" if value is None else str(value)
    if isinstance(value, FieldChange):
        return summarize_change(value)
    for name in ("key", "name", "title", "label", "type", "tool"):
        if text := getattr(value, name, None):
            other = getattr(value, "title", None) if name == "key" else None
            return f"{text} {other}" if other else str(text)
    fields = [(name, getattr(value, name)) for name in _fields(type(value))]
    return ", ".join(f"{w.humanize(name)} {summarize(item)}" for name, item in fields if item is not None)


def _format_bytes(size: int) -> str:
    if size < 1024:
        return f"{size} B"
    return f"{size / 1024:.0f} kB" if size < 1024 * 1024 else f"{size / 1024 / 1024:.1f} MB"
