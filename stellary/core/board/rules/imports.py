"""Imports: what a file makes. Whatever refers to something in the file is found before anything is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

import attrs

from stellary.contract.cards import Card, CreateCard
from stellary.contract.custom_fields import CustomField
from stellary.contract.labels import DEFAULT_COLOR
from stellary.contract.project_imports import (
    IN_ALL_MAX,
    ImportedCard,
    ImportedColumn,
    ImportedComment,
    ImportedPerson,
    ImportedScope,
    ImportProject,
    NotCarried,
)
from stellary.contract.scope_views import SetView
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import invalid, utc
from stellary.core.board.rules import cards as card_rules
from stellary.core.board.rules import custom_fields as field_rules
from stellary.core.board.rules.cards import LockedColumn
from stellary.core.board.rules.fields import check_dates, given, moment
from stellary.core.board.rules.import_losses import left_behind
from stellary.core.board.rules.import_relations import related
from stellary.core.board.rules.positions import GAP
from stellary.core.board.rules.scopes import Settings, viewed
from stellary.core.db.base import IdSource

T = TypeVar("T")
Row = dict[str, Any]
NAME_MAX = 100


class Called(Protocol):
    """Something of the file that other parts of it may refer to."""

    @property
    def id(self) -> str | Unset: ...


class Named(Protocol):
    """Something of the file whose name is to be its own."""

    @property
    def name(self) -> str: ...


@attrs.frozen
class Importer:
    """Whoever imports, and where to.

    Attributes:
        name, email: Of whoever imports: the author of comments that name none.
        project_id: Of the project that is made.
        assignees: The ids of people who reach the workspace, by e-mail address as the file writes it.
        new_id: Makes ids.
        now: The moment.
    """

    user_id: str
    name: str
    email: str
    project_id: str
    assignees: Mapping[str, str]
    new_id: IdSource
    now: datetime

    def ids(self, count: int) -> list[str]:
        return [self.new_id() for _ in range(count)]


@attrs.frozen
class Decided:
    """What an import makes, as rows; ``cards`` with the position of each."""

    scopes: Sequence[Row]
    columns: Sequence[Row]
    labels: Sequence[Row]
    custom_fields: Sequence[CustomField]
    cards: Sequence[tuple[Card, int]]
    comments: Sequence[Row]
    relations: Sequence[Row]
    last_number: int
    not_carried: Sequence[NotCarried]


def decided(file: ImportProject, by: Importer, default_scope: str) -> Decided:
    """What a file makes.

    Args:
        file: What is imported.
        by: Whoever imports it, and where to.
        default_scope: What the one scope of a file is called that names none.

    Raises:
        Invalid: It refers to what is not in it, contradicts itself, or has what this product does not.
    """
    scopes = _scopes(file.scopes or [ImportedScope(name=default_scope)], by)
    columns = _columns(file.columns or (), file.scopes or (), scopes, by)
    labels = _labels(file, by)
    fields = _fields(file, by)
    cards = file.cards or []
    card_ids = by.ids(len(cards))
    made = list(_cards(file, card_ids, columns, labels, fields, by))
    edges, outside = related(cards, places_of(cards, "cards"), card_ids)
    told = {"created_by_id": by.user_id, "created_at": by.now}
    return Decided(
        scopes=scopes,
        columns=columns,
        labels=labels,
        custom_fields=list(fields),
        cards=made,
        comments=list(_comments(cards, card_ids, by)),
        relations=[{"id": by.new_id(), **attrs.asdict(edge), **told} for edge in edges],
        last_number=max([file.project.last_number, *(card.number for card, _ in made)]),
        not_carried=[*outside, *left_behind(file, by.assignees, by.email)],
    )


# ---------------------------------------------------------------------------------------------- what others refer to


def places_of(entries: Sequence[Called], path: str) -> dict[str, int]:
    """The places of what has an id in the file.

    Raises:
        Invalid: Two have the same.
    """
    found: dict[str, int] = {}
    for place, each in enumerate(entries):
        if each.id and found.setdefault(each.id, place) != place:
            raise invalid((f"{path}[{place}].id", f"must not be that of {path}[{found[each.id]}] as well"))
    return found


def referred(places: Mapping[str, int], id: str, path: str, what: str) -> int:
    """The place of what another part of the file refers to.

    Raises:
        Invalid: The file has no such thing.
    """
    place = places.get(id)
    if place is None:
        raise invalid((path, f"must be the id of one of the file's {what}"))
    return place


def _check_names(entries: Sequence[Named], path: str) -> None:
    seen: dict[str, int] = {}
    for place, each in enumerate(entries):
        first = seen.setdefault(each.name.casefold(), place)
        if first != place:
            raise invalid((f"{path}[{place}].name", f"must not be that of {path}[{first}] as well"))


def _scopes(scopes: Sequence[ImportedScope], by: Importer) -> list[Row]:
    defaults = [place for place, each in enumerate(scopes) if each.is_default] or [0]
    if len(defaults) > 1:
        raise invalid((f"scopes[{defaults[1]}].isDefault", "must be true of one scope only"))
    rows: list[Row] = []
    for place, each in enumerate(scopes):
        start, due = moment(each.start_date, None), moment(each.due_date, None)
        check_dates(start, due, f"scopes[{place}].startDate")
        settings: Settings = {}
        for index, view in enumerate(each.views or ()):
            remembered = SetView(type=view.type, settings=view.settings)
            settings = viewed(each.active_view, settings, remembered, f"scopes[{place}].views[{index}].")[1]
        rows.append(
            {
                "id": by.new_id(),
                "project_id": by.project_id,
                "name": each.name,
                "description": given(each.description, None),
                "position": place,
                "is_default": place == defaults[0],
                "start_date": start,
                "due_date": due,
                "active_view": each.active_view,
                "view_settings": settings,
                "created_at": by.now,
                "updated_at": by.now,
            }
        )
    return rows


def _columns(
    columns: Sequence[ImportedColumn], scopes: Sequence[ImportedScope], made: Sequence[Row], by: Importer
) -> list[Row]:
    places = places_of(scopes, "scopes")
    default = next(row for row in made if row["is_default"])
    counts = Counter[str]()
    rows: list[Row] = []
    for place, each in enumerate(columns):
        scope = default
        if each.scope_id:
            scope = made[referred(places, each.scope_id, f"columns[{place}].scopeId", "scopes")]
        rows.append(
            {
                "id": by.new_id(),
                "project_id": by.project_id,
                "scope_id": scope["id"],
                "name": each.name,
                "position": counts[scope["id"]],
                "card_status": given(each.card_status, None),
                "wip_limit": given(each.wip_limit, None),
                "created_at": by.now,
                "updated_at": by.now,
            }
        )
        counts[scope["id"]] += 1
    return rows


def _labels(file: ImportProject, by: Importer) -> list[Row]:
    entries = file.labels or []
    _check_names(entries, "labels")
    return [
        {
            "id": by.new_id(),
            "project_id": by.project_id,
            "name": each.name,
            "name_key": each.name.casefold(),
            "color": each.color or DEFAULT_COLOR,
            "created_at": by.now,
            "updated_at": by.now,
        }
        for each in entries
    ]


def _fields(file: ImportProject, by: Importer) -> list[CustomField]:
    entries = file.custom_fields or []
    _check_names(entries, "customFields")
    return [
        field_rules.created(
            each, id=by.new_id(), project_id=by.project_id, now=by.now, path=f"customFields[{place}]."
        )
        for place, each in enumerate(entries)
    ]


# ---------------------------------------------------------------------------------------------- cards


def _cards(
    file: ImportProject,
    ids: Sequence[str],
    columns: Sequence[Row],
    labels: Sequence[Row],
    fields: Sequence[CustomField],
    by: Importer,
) -> Iterator[tuple[Card, int]]:
    cards = file.cards or []
    column_places = places_of(file.columns or (), "columns")
    label_places = places_of(file.labels or (), "labels")
    named = {id: fields[at] for id, at in places_of(file.custom_fields or (), "customFields").items()}
    numbers = _numbers(cards, file.project.last_number)
    standing, put = Counter[str](), Counter[str]()
    for place, each in enumerate(cards):
        path = f"cards[{place}]."
        row = columns[_column_of(each, column_places, len(columns), path)]
        for id in each.custom_fields or ():
            if id not in named:
                raise invalid(
                    (f"{path}customFields.{id[:100]}", "must be the id of one of the file's custom fields")
                )
        card = card_rules.created(
            CreateCard(
                title=each.title,
                description=each.description,
                priority=each.priority,
                status=each.status,
                start_date=each.start_date,
                due_date=each.due_date,
                assignee_id=by.assignees.get(each.assignee or ""),
                label_ids=[
                    labels[referred(label_places, id, f"{path}labelIds[{index}]", "labels")]["id"]
                    for index, id in enumerate(each.label_ids or ())
                ],
                custom_fields=each.custom_fields,
                checklist=list(each.checklist or ()),
            ),
            id=ids[place],
            number=numbers[place],
            project_id=by.project_id,
            # No row holds a card's key, and the project's is not known yet.
            project_key="",
            stage=LockedColumn(row["id"], row["name"], row["scope_id"], row["card_status"], row["wip_limit"]),
            order=standing[row["id"]],
            created_by_id=by.user_id,
            new_id=by.new_id,
            now=by.now,
            path=path,
            fields=named,
        )
        created_at, completed_at = _times(each, card, by.now, path)
        yield (
            card_rules.altered(
                card,
                archived=each.archived,
                custom_fields={named[id].id: value for id, value in card.custom_fields.items()},
                comment_count=len(each.comments or ()),
                created_at=created_at,
                completed_at=completed_at,
            ),
            GAP * put[row["id"]],
        )
        standing[row["id"]] += not each.archived
        put[row["id"]] += 1


def _column_of(card: ImportedCard, places: Mapping[str, int], count: int, path: str) -> int:
    if card.column_id:
        if card.column_index is not UNSET:
            raise invalid((f"{path}columnIndex", "must not be given together with columnId"))
        return referred(places, card.column_id, f"{path}columnId", "columns")
    if isinstance(card.column_index, Unset):
        raise invalid((f"{path}columnIndex", "is required, or columnId in its place"))
    if card.column_index >= count:
        raise invalid(
            (f"{path}columnIndex", f"must be the index of one of the file's {count} columns, from 0")
        )
    return card.column_index


def _numbers(cards: Sequence[ImportedCard], last: int) -> list[int]:
    """The number of each card: its own, or the next that none has had."""
    seen: dict[int, int] = {}
    for place, each in enumerate(cards):
        if each.number and seen.setdefault(each.number, place) != place:
            first = seen[each.number]
            raise invalid((f"cards[{place}].number", f"must not be that of cards[{first}] as well"))
    free = iter(range(max([last, *seen]) + 1, 2**31))
    return [each.number or next(free) for each in cards]


def _times(card: ImportedCard, made: Card, now: datetime, path: str) -> tuple[datetime, datetime | None]:
    """When the card was made and completed: what the file says, as far as it has been by now."""
    completed = moment(card.completed_at, None)
    if completed and made.status != "done":
        raise invalid((f"{path}completedAt", "must not be given unless status is done"))
    if completed and card.created_at and completed < utc(card.created_at):
        raise invalid((f"{path}completedAt", "must not be before createdAt"))
    completed_at = min(completed or now, now)
    created_at = min(moment(card.created_at, None) or completed_at, now)
    return created_at, completed_at if made.status == "done" else None


def _comments(cards: Sequence[ImportedCard], ids: Sequence[str], by: Importer) -> Iterator[Row]:
    if sum(len(each.comments or ()) for each in cards) > IN_ALL_MAX:
        raise invalid(("cards", f"must not have more than {IN_ALL_MAX} comments in all"))
    for card_id, card in zip(ids, cards, strict=True):
        for each in card.comments or ():
            yield _comment(each, card_id, by)


def _comment(comment: ImportedComment, card_id: str, by: Importer) -> Row:
    created_at = min(moment(comment.created_at, None) or by.now, by.now)
    updated_at = min(moment(comment.updated_at, None) or created_at, by.now)
    author = comment.author or ImportedPerson(name=by.name, email=by.email)
    email = given(author.email, None)
    return {
        "id": by.new_id(),
        "card_id": card_id,
        # Whoever imports answers for it, and nobody else: the file may say what it likes.
        "author_id": by.user_id,
        "imported_from": {"name": (author.name or email or by.name)[:NAME_MAX], "email": email},
        "content": comment.content,
        "created_at": created_at,
        "updated_at": max(created_at, updated_at),
    }
