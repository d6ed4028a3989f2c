"""References within a project file: its entries have ids, which only have a meaning inside of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

import attrs

from stellary.contract.wire import Unset, invalid
from stellary.core.db.base import IdSource

K = TypeVar("K", str, int)
T = TypeVar("T")


class EntryWithId(Protocol):
    """An entry of the file that other entries may refer to."""

    @property
    def id(self) -> str | Unset | None: ...


class ItemWithId(Protocol):
    """An item that is created from an entry of the file."""

    @property
    def id(self) -> str: ...


@attrs.frozen
class Importer:
    """The user who imports a file, and the new project.

    Attributes:
        name, email: The name and e-mail address of the importer, who is the author of comments without one.
        project_id: The id of the new project.
        assignees: The ids of people with access to the workspace, by e-mail address as in the file.
        new_id: Generates ids.
        now: The time of the import.
    """

    user_id: str
    name: str
    email: str
    project_id: str
    assignees: Mapping[str, str]
    new_id: IdSource
    now: datetime

    @property
    def principal_id(self) -> str:
        return self.user_id

    def ids(self, count: int) -> list[str]:
        return [self.new_id() for _ in range(count)]


def index_ids(entries: Sequence[EntryWithId], path: str) -> dict[str, int]:
    """Return the indexes of entries with an id, by that id.

    Args:
        entries: Entries of one list of the file.
        path: The path of that list.

    Raises:
        Invalid: Two entries have the same id.
    """
    return index_values((entry.id for entry in entries), path, "id")


def index_values(values: Iterable[K | Unset | None], path: str, field: str) -> dict[K, int]:
    """Return the indexes of values that each occur once, by value; without those that are empty.

    Args:
        values: The value of a field of each entry.
        path: The path of the list of the entries.
        field: The field.

    Raises:
        Invalid: Two entries have the same value.
    """
    indexes: dict[K, int] = {}
    for index, value in enumerate(values):
        if value and indexes.setdefault(value, index) != index:
            message = f"must not be that of {path}[{indexes[value]}] as well"
            raise invalid((f"{path}[{index}].{field}", message))
    return indexes


def resolve_reference(entries: Mapping[str, T], id: str, path: str, part: str) -> T:
    """Return the entry that a reference in the file names, or its index.

    Args:
        entries: The entries that can be named, or their indexes, by id.
        id: The id that the reference names.
        path: The path of the reference.
        part: The name of the list for the error, such as ``columns``.

    Raises:
        Invalid: There is no entry with that id.
    """
    entry = entries.get(id)
    if entry is None:
        raise invalid((path, f"must be the id of one of the file's {part}"))
    return entry
