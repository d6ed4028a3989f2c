"""The labels and custom fields of an imported project. Names are unique without regard to case, and their number is limited."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from stellary.client.importers.reading import NAME_MAX as FIELD_NAME_MAX
from stellary.client.importers.reading import LossReport, text_of
from stellary.contract.custom_fields import FIELDS_MAX, OPTIONS_MAX, TEXT_MAX, FieldType
from stellary.contract.labels import NAME_MAX
from stellary.contract.project_imports import LABELS_MAX, ImportedCustomField, ImportedLabel
from stellary.contract.wire import UNSET

OPTION_MAX = 100


@attrs.define
class LabelCollection:
    """The labels of an imported project, by their key in the file. Labels with the same name are merged."""

    report: LossReport
    imported: list[ImportedLabel] = attrs.field(factory=list)
    _by_key: dict[str, str] = attrs.field(factory=dict)
    _by_name: dict[str, str] = attrs.field(factory=dict)

    def add(self, key: str, name: Any, color: str) -> None:
        """Add the label that has this key in the file.

        Args:
            key: The id of the label in the file, or its name if the file has no ids.
            name: The name; truncated if it is too long, with a note.
            color: The colour as ``#rrggbb``.
        """
        if key in self._by_key:
            return
        label_name = self.report.shorten(name, NAME_MAX, "label.name", f"label {text_of(name)[:NAME_MAX]!r}")
        existing_id = self._by_name.get(label_name.casefold())
        if existing_id is not None:
            self.report.note(
                "label", "another label has the same name: they are merged", f"label {label_name!r}"
            )
            self._by_key[key] = existing_id
        elif len(self.imported) < LABELS_MAX:
            # The key in the file may be longer than an id can be.
            id = self._by_key[key] = self._by_name[label_name.casefold()] = f"label-{len(self.imported)}"
            self.imported.append(ImportedLabel(id=id, name=label_name, color=color))
        else:
            self.report.note("label", f"a project can have at most {LABELS_MAX}", f"label {label_name!r}")

    def ids(self, keys: Sequence[str], where: str) -> list[str]:
        """Return the ids of a card's labels.

        Args:
            keys: The keys of the labels in the file; unknown ones are noted.
            where: The card, for the notes.

        Returns:
            At most 100 different ids.
        """
        for key in keys:
            if key not in self._by_key:
                self.report.note("card.label", "the file does not contain this label", where)
        return list(dict.fromkeys(self._by_key[key] for key in keys if key in self._by_key))[:100]


@attrs.define
class FieldCollection:
    """The custom fields of an imported project, by their key in the file, with the functions that convert their values."""

    report: LossReport
    imported: list[ImportedCustomField] = attrs.field(factory=list)
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
        """Add a field. If its name is taken, a number is appended.

        Args:
            id: The key of the field in the file.
            name: The name of the field in the file.
            type: The type of the custom field.
            read: Converts a value of the file; returns None for an invalid one.
            options: The options of a ``select``.
        """
        where = f"field {text_of(name)[:FIELD_NAME_MAX]!r}"
        if len(self.imported) == FIELDS_MAX:
            self.report.note("customField", f"a project can have at most {FIELDS_MAX}", where)
            return
        base_name = unique_name = self.report.shorten(name, FIELD_NAME_MAX, "customField.name", where)
        number = 1
        while unique_name.casefold() in self._names:
            number += 1
            unique_name = f"{base_name[: FIELD_NAME_MAX - 10]} {number}"
        if unique_name != base_name:
            self.report.note(
                "customField.name", f"another field has the same name: renamed to {unique_name!r}", where
            )
        self._names.add(unique_name.casefold())
        self.imported.append(
            ImportedCustomField(id=id, name=unique_name, type=type, options=list(options) or UNSET)
        )
        self._readers[id] = read

    def choice(
        self, id: str, name: Any, options: Sequence[Any], read: Callable[[Any], str] = text_of
    ) -> None:
        """Add a ``select`` field with these options, or a ``text`` field if they are too many or too long.

        Args:
            id: The id of the field.
            name: The name of the field.
            options: The values of the options in the file.
            read: Converts a value of the file to the text of an option.
        """
        texts = list(dict.fromkeys(filter(None, (text_of(option).strip() for option in options))))
        if texts and len(texts) <= OPTIONS_MAX and max(map(len, texts)) <= OPTION_MAX:
            self.add(id, name, "select", lambda value: read(value).strip(), texts)
        else:
            self.add(id, name, "text", read)

    def values(self, file_values: Mapping[str, Any], where: str) -> dict[str, Any]:
        """Return the custom field values of a card.

        Args:
            file_values: The values in the file, by field id; those that cannot be converted are noted.
            where: The card, for the notes.

        Returns:
            The converted values, by field id.
        """
        values: dict[str, Any] = {}
        for id, file_value in file_values.items():
            read = self._readers.get(id)
            value = None if read is None else read(file_value)
            if value is None or value == "":
                self.report.note(
                    "card.customField", "the file does not define the field or this value", where
                )
            elif isinstance(value, str) and len(value) > TEXT_MAX:
                self.report.note(
                    "card.customField", f"it is longer than {TEXT_MAX} characters and was cut", where
                )
                values[id] = value[: TEXT_MAX - 1] + "…"
            else:
                values[id] = value
        return values
