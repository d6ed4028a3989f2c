"""Matching: pairing declared items with existing ones, and looking up both by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from typing import Any, Generic, TypeVar

import attrs

from stellary.client.calling.method import HasId
from stellary.client.calling.nearest import nearest
from stellary.client.project_setup.checking import exact, fold_case
from stellary.client.project_setup.declaration import Card, Column, Declaration, Scope
from stellary.client.project_setup.problems import ProblemCollector
from stellary.client.project_setup.reading import are_readable
from stellary.client.project_setup.state import Person, ProjectState
from stellary.contract import cards as wire_cards
from stellary.contract import scopes as wire
from stellary.contract.spellings import find_named
from stellary.contract.wire import UNSET, Unset

D = TypeVar("D")
E = TypeVar("E", bound=HasId)


@attrs.frozen
class Pairs(Generic[D, E]):
    """The declared and existing items of one kind.

    Attributes:
        pairs: The declared items in their order, each with the existing item (None for a new one) and its path in the
            declaration.
        unmatched: The existing items that are not declared.
    """

    pairs: list[tuple[D, E | None, str]]
    unmatched: list[E]

    def list_items(self) -> list[tuple[str, D | E]]:
        """Return the declared items, then the others, each with its id, which is empty for a new one."""
        declared = [(existing.id if existing else "", item) for item, existing, _ in self.pairs]
        return [*declared, *((item.id, item) for item in self.unmatched)]


def pair(
    declared: Sequence[Any] | Unset,
    existing: Sequence[Any],
    path: str,
    problems: ProblemCollector,
    *,
    key: Callable[[str], str] = exact,
    id: str | None = "id",
    name: str = "name",
    rank: Callable[[Any, Any], Any] = lambda _, item: item.id,
) -> Pairs[Any, Any]:
    """Pair declared items with existing ones: by the declared id, else by name, else by the previous name.

    Args:
        declared: The declared items; UNSET counts as none.
        existing: The existing items.
        path: The path of the declared list.
        problems: Collects declared ids that do not exist.
        key: Normalizes names before they are compared.
        id: The attribute that identifies an item; None if the kind has none.
        name: The attribute that names an item.
        rank: Of several existing items with the name, the one with the lowest rank is taken. The rank must
            not depend on anything that a plan changes; otherwise another item would be paired after the plan
            is applied.
    """
    items = list(declared or ())
    matches: dict[int, Any] = {}
    free = {item.id for item in existing}

    def match(declared_attribute: str, attribute: str, normalize: Callable[[str], str]) -> None:
        """Pair the items whose attributes are equal."""
        by_value: dict[str, list[Any]] = {}
        for item in existing:
            by_value.setdefault(normalize(getattr(item, attribute)), []).append(item)
        for index, item in enumerate(items):
            value = getattr(item, declared_attribute)
            if index not in matches and value is not UNSET:
                candidates = [
                    candidate for candidate in by_value.get(normalize(value), ()) if candidate.id in free
                ]
                if candidates:
                    best = min(candidates, key=partial(rank, item))
                    free.remove(best.id)
                    matches[index] = best

    if id is not None:
        match(id, id, exact)
        for index, item in enumerate(items):
            if getattr(item, id) and index not in matches:
                message = f"the project has no such item: {getattr(item, id)}"
                problems.note(f"{path}[{index}].{id}", message)
    match(name, name, key)
    match("was", name, key)
    pairs = [(item, matches.get(index), f"{path}[{index}]") for index, item in enumerate(items)]
    return Pairs(pairs, [item for item in existing if item.id in free])


def _scope_rank(_: Scope, existing: wire.Scope) -> tuple[bool, str]:
    """Prefer the default scope among scopes with the same name."""
    return not existing.is_default, existing.id


def _card_rank(declared: Card, existing: wire_cards.Card) -> tuple[bool, bool, int]:
    """Prefer the card that recurs among cards with the same title, if that is declared; then an unarchived one, or else an archived one."""
    is_other = bool(declared.recurrence) and existing.recurrence is None
    return is_other, existing.archived != bool(declared.archived), existing.number


@attrs.frozen
class Frame:
    """A declared or existing scope with its columns.

    Attributes:
        scope: The declared scope; None if it is not declared.
        existing: The existing scope; None for a new one.
        path: Its path in the declaration; empty if it is not declared.
        is_default: Whether it is the default scope of the project.
        columns: The columns.
        declares_columns: Whether columns are declared for it.
    """

    scope: Scope | None
    existing: wire.Scope | None
    path: str
    is_default: bool
    columns: Pairs[Column, Any]
    declares_columns: bool

    @property
    def name(self) -> str:
        """The name of the scope after the plan."""
        if self.scope is not None:
            return self.scope.name
        return self.existing.name if self.existing else ""


class Matched:
    """The declared and the existing items of a project, paired, with lookups by name.

    Args:
        declaration: The declaration to match.
        state: The current state of the project.
        problems: Collects the names that cannot be found; lookups note them and do not raise.
    """

    def __init__(self, declaration: Declaration, state: ProjectState, problems: ProblemCollector) -> None:
        self.declaration = declaration
        self.state = state
        self.problems = problems
        self.scopes = pair(declaration.scopes, state.scopes, "scopes", problems, rank=_scope_rank)
        self.labels = pair(declaration.labels, state.labels, "labels", problems, key=fold_case, id=None)
        self.fields = pair(declaration.fields, state.fields, "fields", problems, key=fold_case, id=None)
        self.cards = pair(
            declaration.cards, state.cards, "cards", problems, id="key", name="title", rank=_card_rank
        )
        self.automations = pair(declaration.automations, state.automations, "automations", problems)
        self.frames = self._build_frames()

    def _build_frames(self) -> list[Frame]:
        """Return all declared and existing scopes; one of them is the default one."""
        default = next((scope for scope in self.state.scopes if scope.is_default), None)
        self._pair_default(default)
        unmatched = [(None, existing, "") for existing in self.scopes.unmatched]
        scopes: list[tuple[Scope | None, wire.Scope | None, str]] = [*self.scopes.pairs, *unmatched]
        scopes = scopes or [(None, None, "")]
        # In a new project, the default scope is the one that is declared as default, or else the first.
        first = next((index for index, (scope, *_) in enumerate(scopes) if scope and scope.default), 0)
        frames = []
        for index, (scope, existing, path) in enumerate(scopes):
            is_default = index == first if default is None else existing is default
            columns = UNSET if scope is None else scope.columns
            columns_path = "columns" if columns is UNSET else f"{path}.columns"
            if is_default and UNSET not in (columns, self.declaration.columns):
                self.problems.note("columns", f"are those of {path}, which declares its own")
            if is_default and columns is UNSET:
                columns = self.declaration.columns
            pairs = pair(columns, existing.columns if existing else [], columns_path, self.problems)
            frames.append(Frame(scope, existing, path, is_default, pairs, columns is not UNSET))
        return frames

    def _pair_default(self, default: wire.Scope | None) -> None:
        """Pair the scope declared as default with the existing default one."""
        pairs = self.scopes.pairs
        for index, (scope, existing, path) in enumerate(pairs):
            if not scope.default or default is None or existing is default:
                continue
            if existing is not None or default not in self.scopes.unmatched:
                message = (
                    f'the default scope of this project is "{default.name}", and no other scope can become it'
                )
                self.problems.note(f"{path}.default", message)
            else:
                self.scopes.unmatched.remove(default)
                pairs[index] = (scope, default, path)

    # ------------------------------------------------------------------------------------------ lookups by name

    def find_frame(self, name: str | Unset | None, path: str) -> Frame | None:
        """Return the scope with a name or id, or the default one if no name is given; note a problem if there is none.

        Args:
            name: The name or id.
            path: The path at which a problem is noted.
        """
        if not isinstance(name, str):
            return next(frame for frame in self.frames if frame.is_default)
        by_name = {frame.name: frame for frame in reversed(self.frames)}
        by_name |= {frame.existing.id: frame for frame in self.frames if frame.existing}
        return by_name.get(name) or self._note_missing("scope", name, by_name, path)

    def find_column(self, frame: Frame, name: str, path: str) -> tuple[str, str] | None:
        """Return the id and name of a column of a scope; the id is empty for a new column.

        Args:
            frame: The scope.
            name: The name or id of the column.
            path: The path at which a problem is noted.
        """
        columns = [(id, column.name) for id, column in frame.columns.list_items()]
        by_name = {column[1]: column for column in reversed(columns)}
        by_id = {column[0]: column for column in columns if column[0]}
        is_declared = any(column.name == name for column, _, _ in frame.columns.pairs)
        unmatched_names = [column.name for column in frame.columns.unmatched]
        if name not in by_id and not is_declared and unmatched_names.count(name) > 1:
            self.problems.note(path, f'there are several columns "{name}"; use its id')
            return None
        return by_id.get(name) or by_name.get(name) or self._note_missing("column", name, by_name, path)

    def find_id(self, kind: str, name: str, path: str) -> str | None:
        """Return the id of a label or a custom field, or an empty string if it is to be created; note an unknown name.

        Args:
            kind: ``label`` or ``field``.
            name: The name, regardless of case.
            path: The place in the declaration, such as ``cards[0].labels[1]``.
        """
        items = (self.labels if kind == "label" else self.fields).list_items()
        ids = {fold_case(item.name): id for id, item in reversed(items)}
        if fold_case(name) not in ids:
            self._note_missing(kind, name, [item.name for _, item in items], path)
        return ids.get(fold_case(name))

    @cached_property
    def _card_ids(self) -> dict[str, str | None]:
        """The ids of cards by key and title, None if several have it. Titles win over keys, and declared cards over others."""
        counts = Counter(card.title for card in self.cards.unmatched)
        ids: dict[str, str | None] = {card.key: card.id for card in self.state.cards}
        ids |= {card.title: card.id if counts[card.title] == 1 else None for card in self.cards.unmatched}
        return ids | {card.title: existing.id if existing else "" for card, existing, _ in self.cards.pairs}

    def find_card(self, name: str, path: str) -> str | None:
        """Return the id of a card by title or key, or an empty string if it is to be created. An unknown name is added to the problems.

        Args:
            name: The title or the key.
            path: The place in the declaration, such as ``cards[0].parent``.
        """
        if name in self._card_ids:
            if self._card_ids[name] is None:
                self.problems.note(path, f'there are several cards "{name}"; use its key')
            return self._card_ids[name]
        self._note_missing("card", name, [card.title for card, _, _ in self.cards.pairs], path)
        return None

    def find_person(self, name: str, path: str) -> Person | None:
        """Return a person by e-mail address or unambiguous name. An unknown name is added to the problems.

        Args:
            name: The address or name, regardless of case, blanks and accents.
            path: The place in the declaration, such as ``cards[0].assignee``.
        """
        people = self.state.people
        matches = find_named(name, people, lambda person: (person.email, person.name))
        if len(matches) == 1:
            return matches[0]
        if matches:
            self.problems.note(path, f'several people are called "{name}"; use an e-mail address')
            return None
        names = [person.email for person in people] + [person.name for person in people]
        self.problems.note(path, f'the workspace has no person "{name}"{nearest(name, names)}')
        return None

    def find_reference(self, kind: str, name: str, scope: str | None, path: str) -> str | None:
        """Return the id of the item that a rule refers to; empty for a new one.

        Args:
            kind: The kind of item, one of ``references.KINDS``.
            name: Its name.
            scope: The name of the column's scope; None for the default one, and for other kinds.
            path: The path at which a problem is noted if there is no such item.
        """
        if kind == "column":
            frame = self.find_frame(scope, path)
            column = self.find_column(frame, name, path) if frame else None
            return column[0] if column else None
        if kind == "scope":
            frame = self.find_frame(name, path)
            return None if frame is None else frame.existing.id if frame.existing else ""
        if kind == "member":
            person = self.find_person(name, path)
            return person.id if person else None
        return self.find_card(name, path) if kind == "card" else self.find_id(kind, name, path)

    def _note_missing(self, kind: str, name: str, candidates: Iterable[str], path: str) -> Any:
        """Note that no item has the name, and return None."""
        names = list(candidates)
        if are_readable(names):
            self.problems.note(path, f'the project has no {kind} "{name}"{nearest(name, names)}')
        return None
