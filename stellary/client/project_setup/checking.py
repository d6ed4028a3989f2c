"""What must hold within a declaration: nothing stands twice, and what is referred to is declared."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from stellary.client.calling.nearest import nearest
from stellary.client.project_setup import values
from stellary.client.project_setup.declaration import Card, Declaration, Field, Scope
from stellary.client.project_setup.problems import Problems
from stellary.client.project_setup.reading import are_known
from stellary.client.project_setup.references import references
from stellary.contract.custom_fields import FIELDS_MAX
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import utc

CARD_KEY = re.compile(r"[A-Z]{2,6}-[1-9][0-9]{0,9}")


def check(declaration: Declaration, problems: Problems) -> Declaration:
    """Return the declaration, and note what makes no sense in itself."""
    problems.begin_pass()
    checker = _Checker(declaration, problems)
    checker.scopes()
    checker.labels_and_fields()
    checker.cards()
    checker.automations()
    checker.members()
    return declaration


def folded(name: str) -> str:
    """A name without regard to case."""
    return name.casefold()


def exact(name: str) -> str:
    """A name as it is."""
    return name


class _Checker:
    """Looks at one kind of thing after the other.

    Attributes:
        columns: The names and ids of the columns of each scope that says which it has, by its name and its id; that of
            None is the default one.
    """

    def __init__(self, declaration: Declaration, problems: Problems) -> None:
        self.all = declaration
        self.note = problems.note
        self.columns: dict[str | None, list[str]] = {}

    def _unlike(
        self,
        things: Sequence[Any] | Unset,
        path: str,
        what: str,
        key: Callable[[str], str] = exact,
        id: str | None = "id",
        name: str = "name",
    ) -> None:
        """No two have the same name, unless they say by an id which one they are; none was what another one is."""
        seen: dict[str, int] = {}
        ids: set[Any] = set()
        for at, each in enumerate(things or ()):
            own = getattr(each, id, UNSET) if id else UNSET
            if own is not UNSET and own in ids:
                self.note(f"{path}[{at}].{id}", f"{own} stands here twice")
            ids.add(own)
            first = seen.setdefault(key(getattr(each, name)), at)
            told = id and own and getattr((things or ())[first], id)
            if first != at and not told:
                which = f"; say by {id!r} which is which" if id else ""
                shown = getattr(each, name)
                self.note(f"{path}[{at}]", f'the {what} "{shown}" stands at {path}[{first}] already{which}')
        for at, each in enumerate(things or ()):
            if each.was is not UNSET and seen.get(key(each.was), at) != at:
                self.note(f"{path}[{at}].was", f'the {what} "{each.was}" is declared as well')

    def scopes(self) -> None:
        """Scopes and their columns, dates and the default one."""
        scopes = self.all.scopes or []
        self._unlike(self.all.scopes, "scopes", "scope")
        defaults = [at for at, each in enumerate(scopes) if each.default]
        for at in defaults[1:]:
            self.note(f"scopes[{at}].default", f"is true of scopes[{defaults[0]}] already")
        names = [each.name for each in scopes]
        for at, scope in enumerate(scopes):
            self._dates(scope, f"scopes[{at}]")
            # A name that several have says nothing of which columns there are.
            called: list[Any] = [scope.id, scope.name] if names.count(scope.name) == 1 else [scope.id]
            called += [None] if at in defaults[:1] else []
            self._columns(scope.columns, f"scopes[{at}].columns", called)
        for at in defaults:
            if self.all.columns is not UNSET and scopes[at].columns is not UNSET:
                self.note("columns", f"are those of scopes[{at}], which names its own")
        own = [scopes[at].name for at in defaults[:1] if names.count(scopes[at].name) == 1]
        self._columns(self.all.columns, "columns", [None, *own])

    def _columns(self, columns: Any, path: str, scopes: Iterable[Any]) -> None:
        """Columns of a scope, which is called by each of these."""
        if columns is not UNSET:
            self._unlike(columns, path, "column")
            known = [each.name for each in columns] + [each.id for each in columns if each.id]
            self.columns |= {scope: known for scope in scopes if scope is not UNSET}

    def _dates(self, found: Scope | Card, path: str) -> None:
        start, due = found.start_date, found.due_date
        if start and due and utc(start) > utc(due):
            self.note(f"{path}.start_date", "must not be after due_date")

    def labels_and_fields(self) -> None:
        """Labels and custom fields."""
        self._unlike(self.all.labels, "labels", "label", folded, None)
        self._unlike(self.all.fields, "fields", "field", folded, None)
        if len(self.all.fields or ()) > FIELDS_MAX:
            self.note("fields", f"must have at most {FIELDS_MAX} items")
        for at, field in enumerate(self.all.fields or ()):
            if are_known([field.name]):
                self._options(field, f"fields[{at}]")

    def _options(self, field: Field, path: str) -> None:
        if field.type not in ("select", "multi-select"):
            if field.options:
                self.note(f"{path}.options", f"must not be given: a field of the type {field.type} has none")
        elif not field.options:
            self.note(path, f"'options' is missing: a field of the type {field.type} has some")
        elif len(set(field.options)) < len(field.options):
            self.note(f"{path}.options", "must be different from each other")

    def cards(self) -> None:
        """Cards, and what they refer to."""
        self._unlike(self.all.cards, "cards", "card", id="key", name="title")
        for at, card in enumerate(self.all.cards or ()):
            path = f"cards[{at}]"
            self._dates(card, path)
            self._place(card, path)
            self._labels(card, path)
            self._values(card, path)
            self._others(card, path)

    def _place(self, card: Card, path: str) -> None:
        scope = None if card.scope is UNSET else card.scope
        if scope is not None and self.all.scopes is not UNSET:
            known = [each.name for each in self.all.scopes] + [each.id for each in self.all.scopes if each.id]
            self._declared(scope, known, f"{path}.scope", "scope")
        if card.column is not UNSET and scope in self.columns:
            self._declared(card.column, self.columns[scope], f"{path}.column", "column")
            if self.columns[scope].count(card.column) > 1:
                self.note(f"{path}.column", f'there are several columns "{card.column}"; say by its id which')

    def _labels(self, card: Card, path: str) -> None:
        seen: set[str] = set()
        for at, name in enumerate(card.labels or ()):
            if self.all.labels is not UNSET:
                known = [each.name for each in self.all.labels]
                self._declared(name, known, f"{path}.labels[{at}]", "label", folded)
            if folded(name) in seen:
                self.note(f"{path}.labels[{at}]", f'the label "{name}" stands here twice')
            seen.add(folded(name))

    def _values(self, card: Card, path: str) -> None:
        seen: set[str] = set()
        for name, found in (card.fields or {}).items():
            if folded(name) in seen:
                self.note(f"{path}.fields.{name}", "stands here twice")
            seen.add(folded(name))
            if self.all.fields is UNSET:
                continue
            field = next((each for each in self.all.fields if folded(each.name) == folded(name)), None)
            if field is None:
                known = [each.name for each in self.all.fields]
                self._declared(name, known, f"{path}.fields.{name}", "field", folded)
                continue
            try:
                values.kept(field.type, field.options or (), found)
            except ValueError as error:
                self.note(f"{path}.fields.{name}", str(error))

    def _others(self, card: Card, path: str) -> None:
        titles = [each.title for each in self.all.cards or ()]
        own = {card.title, card.key}
        for place, title in related(card):
            if title in own:
                self.note(f"{path}.{place}", "must be another card")
            elif titles.count(title) > 1:
                self.note(f"{path}.{place}", f'there are several cards "{title}"; say by its key which')
            elif not CARD_KEY.fullmatch(title):
                self._declared(title, titles, f"{path}.{place}", "card")

    def automations(self) -> None:
        """Rules, and what they refer to."""
        self._unlike(self.all.automations, "automations", "automation")
        known: dict[str, list[str]] = {
            kind: [each.name for each in declared or ()]
            for kind, declared in (
                ("label", self.all.labels),
                ("field", self.all.fields),
                ("scope", self.all.scopes),
            )
            if declared is not UNSET
        }
        for at, rule in enumerate(self.all.automations or ()):
            for where, said in (("conditions", rule.conditions), ("action.params", rule.action.params)):
                for path, kind, name, scope in references(said, f"automations[{at}].{where}"):
                    if kind == "column" and scope in self.columns:
                        self._declared(name, self.columns[scope], path, kind)
                    elif (found := known.get(kind)) is not None:
                        key = folded if kind in ("label", "field") else exact
                        self._declared(name, found, path, kind, key)

    def members(self) -> None:
        """Members stand once."""
        seen: set[str] = set()
        for at, email in enumerate(self.all.members or ()):
            if folded(email) in seen:
                self.note(f"members[{at}]", f"{email} stands here twice")
            seen.add(folded(email))

    def _declared(
        self, name: str, known: Iterable[str], path: str, what: str, key: Callable[[str], str] = exact
    ) -> None:
        known = list(known)
        if key(name) not in map(key, known) and are_known(known):
            self.note(path, f'the {what} "{name}" is not declared{nearest(name, known)}')


def related(card: Card) -> Iterator[tuple[str, str]]:
    """The cards that one refers to, each with its place in it."""
    if card.parent:
        yield "parent", card.parent
    for place in ("blocks", "related_to", "duplicates"):
        for at, title in enumerate(getattr(card, place) or ()):
            yield f"{place}[{at}]", title
