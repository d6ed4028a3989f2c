"""Labels and fields of other tools: names are unique here without regard to case, and there are so many at most."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from stellary.client.importers.reading import NAME_MAX as FIELD_NAME_MAX
from stellary.client.importers.reading import Report
from stellary.client.importers.texts import short, text_of
from stellary.contract.custom_fields import FIELDS_MAX, OPTIONS_MAX, TEXT_MAX, FieldType
from stellary.contract.labels import NAME_MAX
from stellary.contract.project_imports import LABELS_MAX, ImportedCustomField, ImportedLabel
from stellary.contract.unset import UNSET

OPTION_MAX = 100


@attrs.define
class Labels:
    """The labels of a project to be, by what the file calls them; those of one name are one."""

    report: Report
    made: list[ImportedLabel] = attrs.field(factory=list)
    _by_key: dict[str, str] = attrs.field(factory=dict)
    _by_name: dict[str, str] = attrs.field(factory=dict)

    def add(self, key: str, name: Any, color: str) -> None:
        """A label that the file calls by that key."""
        if key in self._by_key:
            return
        said = short(name, NAME_MAX, "label.name", f"label {text_of(name)[:NAME_MAX]!r}", self.report)
        same = self._by_name.get(said.casefold())
        if same is not None:
            self.report.note(
                "label", "another one has the same name: the two are one here", f"label {said!r}"
            )
            self._by_key[key] = same
        elif len(self.made) < LABELS_MAX:
            # What the file calls it may be longer than an id can be.
            id = self._by_key[key] = self._by_name[said.casefold()] = f"label-{len(self.made)}"
            self.made.append(ImportedLabel(id=id, name=said, color=color))
        else:
            self.report.note("label", f"a project takes {LABELS_MAX}", f"label {said!r}")

    def ids(self, keys: Sequence[str], where: str) -> list[str]:
        """The ids of a card's labels."""
        for key in keys:
            if key not in self._by_key:
                self.report.note("card.label", "the file does not say which label that is", where)
        return list(dict.fromkeys(self._by_key[key] for key in keys if key in self._by_key))[:100]


@attrs.define
class Fields:
    """The custom fields of a project to be, by what the file calls them, and how a value of each is read."""

    report: Report
    made: list[ImportedCustomField] = attrs.field(factory=list)
    _names: set[str] = attrs.field(factory=set)
    _readers: dict[str, Callable[[Any], Any]] = attrs.field(factory=dict)

    def add(
        self,
        id: str,
        name: Any,
        type: FieldType,
        read: Callable[[Any], Any],
        options: Sequence[str] = (),
    ) -> None:
        """A field, under a name that is free.

        Args:
            id: What the file calls it.
            name: What people call it.
            type: What it takes here.
            read: Makes the value here of the file's; of what cannot be one it makes None.
            options: Of a ``select``.
        """
        where = f"field {text_of(name)[:FIELD_NAME_MAX]!r}"
        if len(self.made) == FIELDS_MAX:
            self.report.note("customField", f"a project takes {FIELDS_MAX}", where)
            return
        said = free = short(name, FIELD_NAME_MAX, "customField.name", where, self.report)
        number = 1
        while free.casefold() in self._names:
            number += 1
            free = f"{said[: FIELD_NAME_MAX - 10]} {number}"
        if free != said:
            self.report.note("customField.name", f"another one has the same name: it is {free!r} here", where)
        self._names.add(free.casefold())
        self.made.append(ImportedCustomField(id=id, name=free, type=type, options=list(options) or UNSET))
        self._readers[id] = read

    def choice(
        self, id: str, name: Any, options: Sequence[Any], read: Callable[[Any], str] = text_of
    ) -> None:
        """A field of which each card has one of some texts, or just a text where there are too many to choose from."""
        texts = list(dict.fromkeys(filter(None, (text_of(each).strip() for each in options))))
        if texts and len(texts) <= OPTIONS_MAX and max(map(len, texts)) <= OPTION_MAX:
            self.add(id, name, "select", lambda said: read(said).strip(), texts)
        else:
            self.add(id, name, "text", read)

    def values(self, found: Mapping[str, Any], where: str) -> dict[str, Any]:
        """The values of a card, as the fields take them."""
        values: dict[str, Any] = {}
        for id, said in found.items():
            read = self._readers.get(id)
            value = None if read is None else read(said)
            if value is None or value == "":
                self.report.note("card.customField", "there is no such field, or no such value of it", where)
            elif isinstance(value, str) and len(value) > TEXT_MAX:
                self.report.note(
                    "card.customField", f"it is longer than {TEXT_MAX} characters and was cut", where
                )
                values[id] = value[: TEXT_MAX - 1] + "…"
            else:
                values[id] = value
        return values
