"""Checks of a declaration by itself: names are unique, and references point to declared items."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from stellary.client.calling.nearest import nearest
from stellary.client.project_setup.declaration import Card, Declaration, Field, Scope
from stellary.client.project_setup.problems import ProblemCollector
from stellary.client.project_setup.reading import are_readable
from stellary.client.project_setup.references import references
from stellary.contract import field_values
from stellary.contract.custom_fields import FIELDS_MAX, FieldType
from stellary.contract.wire import UNSET, Unset, utc

CARD_KEY = re.compile(r"[A-Z]{2,6}-[1-9][0-9]{0,9}")
RELATIONS = ("parent", "blocks", "related_to", "duplicates")
"""The fields of a declared card that refer to other cards: to one parent, and to lists of others."""
# They return a name for comparison: exactly, or regardless of case.
exact, fold_case = str, str.casefold


def check(declaration: Declaration, problems: ProblemCollector) -> Declaration:
    """Check a declaration by itself, and return it.

    Args:
        declaration: The declaration to check.
        problems: Collects the problems.
    """
    problems.begin_pass()
    checker = _Checker(declaration, problems)
    checker.check_scopes()
    checker.check_labels_and_fields()
    checker.check_cards()
    checker.check_automations()
    checker.check_members()
    return declaration


class _Checker:
    """The checks, one method per kind of item.

    Attributes:
        columns: The names and ids of the declared columns of each scope, by the scope's name and by its id; those of
            the default scope also by None.
    """

    def __init__(self, declaration: Declaration, problems: ProblemCollector) -> None:
        self.declaration = declaration
        self.note = problems.note
        self.columns: dict[str | None, list[str]] = {}

    def _check_unique(
        self,
        items: Sequence[Any] | Unset,
        path: str,
        kind: str,
        key: Callable[[str], str] = exact,
        id: str | None = "id",
        name: str = "name",
    ) -> None:
        """Note items with the same id, with the same name unless ids tell them apart, or with another item's old name."""
        items = items or ()
        first_by_name: dict[str, int] = {}
        ids: set[Any] = set()
        for index, item in enumerate(items):
            item_id = getattr(item, id, UNSET) if id else UNSET
            if item_id is not UNSET and item_id in ids:
                self.note(f"{path}[{index}].{id}", f"{item_id} is listed twice")
            ids.add(item_id)
            first = first_by_name.setdefault(key(getattr(item, name)), index)
            have_ids = id and item_id and getattr(items[first], id)
            if first != index and not have_ids:
                hint = f"; use {id!r} to distinguish them" if id else ""
                item_name = getattr(item, name)
                self.note(
                    f"{path}[{index}]",
                    f'the {kind} "{item_name}" is already declared at {path}[{first}]{hint}',
                )
        for index, item in enumerate(items):
            if item.was is not UNSET and first_by_name.get(key(item.was), index) != index:
                self.note(f"{path}[{index}].was", f'the {kind} "{item.was}" is also declared')

    def check_scopes(self) -> None:
        """Check scopes, their columns and dates, and the default scope."""
        scopes = self.declaration.scopes or []
        self._check_unique(self.declaration.scopes, "scopes", "scope")
        defaults = [index for index, scope in enumerate(scopes) if scope.default]
        for index in defaults[1:]:
            self.note(f"scopes[{index}].default", f"is already set for scopes[{defaults[0]}]")
        names = [scope.name for scope in scopes]
        for index, scope in enumerate(scopes):
            self._check_dates(scope, f"scopes[{index}]")
            # If several scopes have the same name, the name does not identify the columns.
            keys: list[Any] = [scope.id, scope.name] if names.count(scope.name) == 1 else [scope.id]
            keys += [None] if index in defaults[:1] else []
            self._check_columns(scope.columns, f"scopes[{index}].columns", keys)
        for index in defaults:
            if self.declaration.columns is not UNSET and scopes[index].columns is not UNSET:
                self.note("columns", f"are those of scopes[{index}], which declares its own")
        default_names = [scopes[index].name for index in defaults[:1] if names.count(scopes[index].name) == 1]
        self._check_columns(self.declaration.columns, "columns", [None, *default_names])

    def _check_columns(self, columns: Any, path: str, scopes: Iterable[Any]) -> None:
        """Check the columns of a scope, and remember them under each of the scope's names and ids."""
        if columns is not UNSET:
            self._check_unique(columns, path, "column")
            names = [column.name for column in columns] + [column.id for column in columns if column.id]
            self.columns |= {scope: names for scope in scopes if scope is not UNSET}

    def _check_dates(self, item: Scope | Card, path: str) -> None:
        start, due = item.start_date, item.due_date
        if start and due and utc(start) > utc(due):
            self.note(f"{path}.start_date", "must not be after due_date")

    def check_labels_and_fields(self) -> None:
        """Check labels and custom fields."""
        self._check_unique(self.declaration.labels, "labels", "label", fold_case, None)
        self._check_unique(self.declaration.fields, "fields", "field", fold_case, None)
        if len(self.declaration.fields or ()) > FIELDS_MAX:
            self.note("fields", f"must have at most {FIELDS_MAX} items")
        for index, field in enumerate(self.declaration.fields or ()):
            if are_readable([field.name]):
                self._check_options(field, f"fields[{index}]")

    def _check_options(self, field: Field, path: str) -> None:
        if field.type not in ("select", "multi-select"):
            if field.options:
                self.note(f"{path}.options", f"is not allowed for the type {field.type}")
        elif not field.options:
            self.note(path, f"'options' is missing: it is required for the type {field.type}")
        elif len(set(field.options)) < len(field.options):
            self.note(f"{path}.options", "must be unique")

    def check_cards(self) -> None:
        """Check cards, and the items that they refer to."""
        self._check_unique(self.declaration.cards, "cards", "card", id="key", name="title")
        for index, card in enumerate(self.declaration.cards or ()):
            path = f"cards[{index}]"
            self._check_dates(card, path)
            self._check_column(card, path)
            self._check_labels(card, path)
            self._check_field_values(card, path)
            self._check_related_cards(card, path)

    def _check_column(self, card: Card, path: str) -> None:
        scopes = self.declaration.scopes
        scope = None if card.scope is UNSET else card.scope
        if scope is not None and scopes is not UNSET:
            names = [declared.name for declared in scopes]
            names += [declared.id for declared in scopes if declared.id]
            self._check_declared(scope, names, f"{path}.scope", "scope")
        if card.column is not UNSET and scope in self.columns:
            self._check_declared(card.column, self.columns[scope], f"{path}.column", "column")
            if self.columns[scope].count(card.column) > 1:
                self.note(f"{path}.column", f'there are several columns "{card.column}"; use its id')

    def _check_labels(self, card: Card, path: str) -> None:
        seen: set[str] = set()
        for index, name in enumerate(card.labels or ()):
            if self.declaration.labels is not UNSET:
                names = [label.name for label in self.declaration.labels]
                self._check_declared(name, names, f"{path}.labels[{index}]", "label", fold_case)
            if fold_case(name) in seen:
                self.note(f"{path}.labels[{index}]", f'the label "{name}" is listed twice')
            seen.add(fold_case(name))

    def _check_field_values(self, card: Card, path: str) -> None:
        seen: set[str] = set()
        for name, value in (card.fields or {}).items():
            if fold_case(name) in seen:
                self.note(f"{path}.fields.{name}", "is listed twice")
            seen.add(fold_case(name))
            fields = self.declaration.fields
            if fields is UNSET:
                continue
            field = next((field for field in fields if fold_case(field.name) == fold_case(name)), None)
            if field is None:
                names = [declared.name for declared in fields]
                self._check_declared(name, names, f"{path}.fields.{name}", "field", fold_case)
                continue
            try:
                to_stored(field.type, field.options or (), value)
            except ValueError as error:
                self.note(f"{path}.fields.{name}", str(error))

    def _check_related_cards(self, card: Card, path: str) -> None:
        titles = [other.title for other in self.declaration.cards or ()]
        for relation_path, title in related_cards(card):
            if title in (card.title, card.key):
                self.note(f"{path}.{relation_path}", "must be another card")
            elif titles.count(title) > 1:
                self.note(f"{path}.{relation_path}", f'there are several cards "{title}"; use its key')
            elif not CARD_KEY.fullmatch(title):
                self._check_declared(title, titles, f"{path}.{relation_path}", "card")

    def check_automations(self) -> None:
        """Check automations, and the items that they refer to."""
        self._check_unique(self.declaration.automations, "automations", "automation")
        names_by_kind: dict[str, list[str]] = {
            kind: [item.name for item in items or ()]
            for kind, items in (
                ("label", self.declaration.labels),
                ("field", self.declaration.fields),
                ("scope", self.declaration.scopes),
            )
            if items is not UNSET
        }
        for index, rule in enumerate(self.declaration.automations or ()):
            if (rule.action is UNSET) == (rule.actions is UNSET):
                self.note(f"automations[{index}]", "must have either action or actions")
            for attribute, data in rule.parts:
                for kind, name, scope, path in references(data, f"automations[{index}].{attribute}"):
                    if kind == "column" and scope in self.columns:
                        self._check_declared(name, self.columns[scope], path, kind)
                    elif (names := names_by_kind.get(kind)) is not None:
                        key = fold_case if kind in ("label", "field") else exact
                        self._check_declared(name, names, path, kind, key)

    def check_members(self) -> None:
        """Check that no member is listed twice."""
        seen: set[str] = set()
        for index, email in enumerate(member.email for member in self.declaration.list_members()):
            if fold_case(email) in seen:
                self.note(f"members[{index}]", f"{email} is listed twice")
            seen.add(fold_case(email))

    def _check_declared(
        self, name: str, names: Iterable[str], path: str, kind: str, key: Callable[[str], str] = exact
    ) -> None:
        names = list(names)
        if key(name) not in map(key, names) and are_readable(names):
            self.note(path, f'the {kind} "{name}" is not declared{nearest(name, names)}')


def related_cards(card: Card) -> Iterator[tuple[str, str]]:
    """Yield the path within the card, and the title or key, of each card that it refers to."""
    if card.parent:
        yield "parent", card.parent
    for attribute in RELATIONS[1:]:
        for index, title in enumerate(getattr(card, attribute) or ()):
            yield f"{attribute}[{index}]", title


def to_stored(kind: FieldType, options: Sequence[str], value: Any) -> Any:
    """Return a value in the form in which the API stores it; None if it clears the field.

    Args:
        kind: The type of the field.
        options: The options of a ``select`` or ``multi-select``.
        value: The declared value.

    Raises:
        ValueError: The value does not fit the field's type; the message is a clause that follows the path.
    """
    if field_values.clears(kind, value):
        return None
    stored = field_values.read(kind, options, value)
    if stored is None:
        raise ValueError(field_values.MESSAGES[kind])
    return stored
