"""Matching: which of the things that there are is meant by which of those declared, and what has which name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from typing import Any, Generic, TypeVar

import attrs

from stellary.client.calling.nearest import nearest
from stellary.client.project_setup.checking import exact, folded
from stellary.client.project_setup.declaration import Card, Column, Declaration, Scope
from stellary.client.project_setup.problems import Problems
from stellary.client.project_setup.reading import are_known
from stellary.client.project_setup.state import Person, State
from stellary.contract import cards as wire_cards
from stellary.contract import scopes as wire
from stellary.contract.unset import UNSET, Unset

D = TypeVar("D")
E = TypeVar("E")


@attrs.frozen
class Pairs(Generic[D, E]):
    """Things of one kind.

    Attributes:
        pairs: What is declared, in that order, each with what there is of it, and its path in the declaration.
        left: What there is beside.
    """

    pairs: list[tuple[D, E | None, str]]
    left: list[E]


def pair(
    declared: Sequence[Any] | Unset,
    existing: Sequence[Any],
    path: str,
    problems: Problems,
    *,
    key: Callable[[str], str] = exact,
    id: str | None = "id",
    name: str = "name",
    rank: Callable[[Any, Any], Any] = lambda _, each: each.id,
) -> Pairs[Any, Any]:
    """Find what there is of what is declared: by the id that it names, else by its name, else by what it was called.

    Of several of one name the one is meant that ``rank`` puts first, of what is declared and what there is. It must not
    hang on what a plan changes, or another one would be meant once that is applied.
    """
    things = list(declared or ())
    found: dict[int, Any] = {}
    free = {each.id for each in existing}

    def take(word: str, attribute: str, alike: Callable[[str], str]) -> None:
        """Take those whose ``attribute`` is what ``word`` of a declared thing says."""
        there: dict[str, list[Any]] = {}
        for each in existing:
            there.setdefault(alike(getattr(each, attribute)), []).append(each)
        for at, each in enumerate(things):
            said = getattr(each, word)
            if at not in found and said is not UNSET:
                alikes = [one for one in there.get(alike(said), ()) if one.id in free]
                if alikes:
                    match = min(alikes, key=partial(rank, each))
                    free.remove(match.id)
                    found[at] = match

    if id is not None:
        take(id, id, exact)
        for at, each in enumerate(things):
            if getattr(each, id) and at not in found:
                said = f"the project has nothing of this kind that is {getattr(each, id)}"
                problems.note(f"{path}[{at}].{id}", said)
    take(name, name, key)
    take("was", name, key)
    pairs = [(each, found.get(at), f"{path}[{at}]") for at, each in enumerate(things)]
    return Pairs(pairs, [each for each in existing if each.id in free])


def _scope_rank(_: Scope, there: wire.Scope) -> tuple[bool, str]:
    """Among scopes of one name the default one is meant."""
    return not there.is_default, there.id


def _card_rank(wanted: Card, there: wire_cards.Card) -> tuple[bool, int]:
    """Among cards of one title, one that stands on the board; one that does not, if it shall be archived."""
    return there.archived != bool(wanted.archived), there.number


@attrs.frozen
class Frame:
    """A scope with its columns.

    Attributes:
        scope: What is declared of it; None if nothing is.
        existing: None of one that is to be made.
        path: Where it stands in the declaration.
        columns: None if nothing is declared of them.
    """

    scope: Scope | None
    existing: wire.Scope | None
    path: str
    is_default: bool
    columns: Pairs[Column, Any] | None

    @property
    def name(self) -> str:
        """What it is called in the end."""
        if self.scope is not None:
            return self.scope.name
        return self.existing.name if self.existing else ""


class Matched:
    """All that is declared of a project beside what there is, and the names of both.

    Args:
        declaration: What shall be.
        state: What there is.
        problems: Is told of names that mean nothing; they are gathered, and not raised.
    """

    def __init__(self, declaration: Declaration, state: State, problems: Problems) -> None:
        self.declaration = declaration
        self.state = state
        self.problems = problems
        self.scopes = pair(declaration.scopes, state.scopes, "scopes", problems, rank=_scope_rank)
        self.labels = pair(declaration.labels, state.labels, "labels", problems, key=folded, id=None)
        self.fields = pair(declaration.fields, state.fields, "fields", problems, key=folded, id=None)
        self.cards = pair(
            declaration.cards, state.cards, "cards", problems, id="key", name="title", rank=_card_rank
        )
        self.automations = pair(declaration.automations, state.automations, "automations", problems)
        self.frames = self._frames()

    def _frames(self) -> list[Frame]:
        """The scopes that are declared or that there are, the default one among them."""
        default = next((each for each in self.state.scopes if each.is_default), None)
        pairs = self._with_default(default)
        chosen = self._default_of(pairs, default)
        frames = []
        for at, (scope, existing, path) in enumerate(pairs):
            own = self.declaration.columns if at == chosen and scope.columns is UNSET else scope.columns
            if at == chosen and UNSET not in (scope.columns, self.declaration.columns):
                self.problems.note("columns", f"are those of {path}, which names its own")
            where = f"{path}.columns" if scope.columns is not UNSET else "columns"
            frames.append(self._frame(scope, existing, path, at == chosen, own, where))
        for existing in self.scopes.left:
            own = self.declaration.columns if existing.is_default else UNSET
            frames.append(self._frame(None, existing, "", existing.is_default, own, "columns"))
        if not any(frame.is_default for frame in frames):
            frames.insert(0, self._frame(None, None, "", True, self.declaration.columns, "columns"))
        return frames

    def _with_default(self, default: wire.Scope | None) -> list[tuple[Any, Any, str]]:
        """The pairs, after the one that says of itself that it is the default one has been given that."""
        pairs = self.scopes.pairs
        for at, (scope, existing, path) in enumerate(pairs):
            if not scope.default or default is None or existing is default:
                continue
            if existing is not None or default not in self.scopes.left:
                said = (
                    f'the default scope of this project is "{default.name}", and another one cannot become it'
                )
                self.problems.note(f"{path}.default", said)
            else:
                self.scopes.left.remove(default)
                pairs[at] = (scope, default, path)
        return pairs

    def _default_of(self, pairs: list[tuple[Any, Any, str]], default: wire.Scope | None) -> int | None:
        if default is not None:
            return next((at for at, (_, existing, _) in enumerate(pairs) if existing is default), None)
        said = [at for at, (scope, _, _) in enumerate(pairs) if scope.default]
        return said[0] if said else (0 if pairs else None)

    def _frame(
        self, scope: Any, existing: Any, path: str, is_default: bool, own: list[Column] | Unset, where: str
    ) -> Frame:
        there = existing.columns if existing else []
        columns = None if own is UNSET else pair(own, there, where, self.problems)
        return Frame(scope, existing, path, is_default, columns)

    # ------------------------------------------------------------------------------------------ what has which name

    def frame(self, name: str | Unset | None, path: str) -> Frame | None:
        """The scope of that name, or the default one; None, and a problem, if there is none."""
        if not isinstance(name, str):
            return next(frame for frame in self.frames if frame.is_default)
        named = {frame.name: frame for frame in reversed(self.frames)}
        named |= {frame.existing.id: frame for frame in self.frames if frame.existing}
        return named.get(name) or self._missing("scope", name, named, path)

    def column(self, frame: Frame, name: str, path: str) -> tuple[str, str] | None:
        """The column of that name or id in a scope: its id, empty if it is still to be made, and its name."""
        declared = {
            each.name: (found.id if found else "", each.name) for each, found, _ in reversed(_of(frame))
        }
        there = frame.columns.left if frame.columns else (frame.existing.columns if frame.existing else [])
        known = {each.name: (each.id, each.name) for each in reversed(there)} | declared
        ids = {each.id: (each.id, each.name) for each in there}
        ids |= {found.id: (found.id, each.name) for each, found, _ in _of(frame) if found}
        return ids.get(name) or known.get(name) or self._missing("column", name, known, path)

    def label(self, name: str, path: str) -> str | None:
        """The id of a label, empty if it is still to be made."""
        return self._by_name("label", self.labels, name, path)

    def field(self, name: str, path: str) -> str | None:
        """The id of a custom field, empty if it is still to be made."""
        return self._by_name("field", self.fields, name, path)

    def _by_name(self, what: str, pairs: Pairs[Any, Any], name: str, path: str) -> str | None:
        known: dict[str, str] = {folded(each.name): each.id for each in pairs.left}
        known |= {folded(each.name): found.id if found else "" for each, found, _ in pairs.pairs}
        if folded(name) in known:
            return known[folded(name)]
        names = [each.name for each in pairs.left] + [each.name for each, _, _ in pairs.pairs]
        self._missing(what, name, names, path)
        return None

    @cached_property
    def _card_ids(self) -> dict[str, str]:
        """The ids of cards by their keys and their titles; a title beats a key, and one that is declared any other."""
        ids: dict[str, str] = {each.key: each.id for each in self.state.cards}
        # Of several of one title the first that was made, wherever it stands by now.
        left = sorted(self.cards.left, key=lambda each: each.number, reverse=True)
        ids |= {each.title: each.id for each in left}
        return ids | {each.title: found.id if found else "" for each, found, _ in self.cards.pairs}

    def card(self, name: str, path: str) -> str | None:
        """The id of a card by its title or its key, empty if it is still to be made."""
        if name in self._card_ids:
            return self._card_ids[name]
        self._missing("card", name, [each.title for each, _, _ in self.cards.pairs], path)
        return None

    def person(self, name: str, path: str) -> Person | None:
        """Somebody by e-mail address, or by a name that only one has."""
        people = self.state.people
        for same in (
            [each for each in people if folded(each.email) == folded(name)],
            [each for each in people if folded(each.name) == folded(name)],
        ):
            if len(same) == 1:
                return same[0]
            if same:
                self.problems.note(path, f'several people are called "{name}"; use an e-mail address')
                return None
        known = [each.email for each in people] + [each.name for each in people]
        self.problems.note(path, f'nobody in the workspace is "{name}"{nearest(name, known)}')
        return None

    def find(self, kind: str, name: str, scope: str | None, path: str) -> str | None:
        """The id of what a rule refers to; empty if it is still to be made, None and a problem if it is not there."""
        if kind == "column":
            frame = self.frame(scope, path)
            found = self.column(frame, name, path) if frame else None
            return found[0] if found else None
        if kind == "scope":
            frame = self.frame(name, path)
            return None if frame is None else frame.existing.id if frame.existing else ""
        if kind == "member":
            person = self.person(name, path)
            return person.id if person else None
        return {"label": self.label, "field": self.field, "card": self.card}[kind](name, path)

    def _missing(self, what: str, name: str, known: Iterable[str], path: str) -> Any:
        """None, since nothing has that name; it is noted."""
        names = list(known)
        if are_known(names):
            self.problems.note(path, f'the project has no {what} "{name}"{nearest(name, names)}')
        return None


def _of(frame: Frame) -> list[Any]:
    return frame.columns.pairs if frame.columns else []
