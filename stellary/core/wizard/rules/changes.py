"""Changes: what can be done to a plan. Each raises ``NotMeant`` where it does not find what it is about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal

from stellary.contract.project_imports import COLUMNS_MAX
from stellary.core.wizard.rules.findings import entries, listed
from stellary.core.wizard.rules.fitting import shortened
from stellary.core.wizard.rules.matching import NotMeant, bare, group, target
from stellary.core.wizard.rules.messages import format_message
from stellary.core.wizard.rules.plans import NAME, Group, Item, Plan, name_of, nearest
from stellary.core.wizard.rules.words import KINDS, content_words, folded, kind_of

TITLE = 120
PACE_MIN, PACE_MAX = 0.05, 20.0

_BEFORE = frozenset(("before", "avant"))
_FRONT = ("first", "front", "top", "start", "beginning", "debut", "premier")


def _place(plan: Plan, wanted: Group) -> int:
    """Where a phase stands; another one may be equal to it."""
    return next(place for place, each in enumerate(plan.groups) if each is wanted)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _item(title: str) -> Item:
    return Item(title=shortened(_capital(title), TITLE), priority="medium", kind=kind_of(title))


def add_phase(plan: Plan, said: str, side: str | None, where: str | None, edge: str | None) -> None:
    """Add a phase, with what of the plan is about the same in it; where nothing is said, where its kind belongs."""
    name, _ = bare(said)
    if not name:
        raise NotMeant(format_message(plan.language, "not_understood"))
    made = Group(shortened(_capital(name), NAME))
    if where:
        near = _place(plan, group(plan, where))
        place = near if folded(side or "") in _BEFORE else near + 1
    elif edge:
        place = 0 if any(word in folded(edge) for word in _FRONT) else len(plan.groups)
    else:
        place = _place_of_kind(plan, name)
    _take_over(plan, made)
    if not made.items:
        made.items = [_item(name)]
    plan.groups.insert(place, made)
    plan.groups = [each for each in plan.groups if each.items]


def _place_of_kind(plan: Plan, name: str) -> int:
    """Behind the last phase that comes before such work by its nature; at the end, if that cannot be told."""
    kind = kind_of(name)
    if kind is None:
        return len(plan.groups)
    rank = KINDS.index(kind)
    ranks = [_rank(each) for each in plan.groups]
    return max((place + 1 for place, other in enumerate(ranks) if other <= rank), default=0)


def _rank(made: Group) -> int:
    return KINDS.index(made.kind)


def _take_over(plan: Plan, made: Group) -> None:
    """What says that it is about the same goes into the new phase."""
    wanted = set(content_words(made.name))
    for other in plan.groups:
        fitting = [
            item for item in other.items if wanted and wanted & item.words and item.kind == kind_of(made.name)
        ]
        if len(fitting) < len(other.items):
            made.items += fitting
            moved = {id(item) for item in fitting}
            other.items = [item for item in other.items if id(item) not in moved]


def add_item(plan: Plan, said: str, where: str | None) -> None:
    """Add a deliverable to the phase that is named, or to the one that is most about the same."""
    name, kind = bare(said)
    if not name or kind == "phase":
        raise NotMeant(format_message(plan.language, "not_understood"))
    made = _item(name)
    if where is None:
        place = nearest(made.words, plan.groups)
        if place is None:
            ranks = [abs(_rank(each) - KINDS.index(made.kind or "build")) for each in plan.groups]
            place = plan.groups[ranks.index(min(ranks))]
    else:
        place = group(plan, where)
    place.items.append(made)


def add_step(plan: Plan, said: str, where: str) -> None:
    """Add steps to the checklist of a deliverable."""
    found = target(plan, where, "item").item
    assert found is not None
    found.checklist += [shortened(each, TITLE) for each in entries(said)]


def remove(plan: Plan, said: str) -> None:
    """Remove phases with what is in them, or deliverables: all that are named."""
    try:
        found = [target(plan, said)]
    except NotMeant:
        names = listed(said)
        if len(names) < 2:
            raise
        found = [target(plan, name) for name in names]
    gone = {id(each.group if each.item is None else each.item) for each in found}
    for each in plan.groups:
        if id(each) not in gone:
            each.items = [item for item in each.items if id(item) not in gone]
    left = [each for each in plan.groups if each.items and id(each) not in gone]
    if not left:
        raise NotMeant(format_message(plan.language, "last_phase"))
    plan.groups = left


def rename(plan: Plan, said: str, name: str) -> None:
    """Call a phase or a deliverable otherwise."""
    found = target(plan, said)
    if found.item is None:
        found.group.name = shortened(_capital(name), NAME)
    else:
        found.item.title = shortened(_capital(name), TITLE)


def merge(plan: Plan, said: str, other: str, name: str | None) -> None:
    """Make one phase of two; or one deliverable of two, whose steps they become."""
    one, two = target(plan, said), target(plan, other)
    if one.item is None or two.item is None:
        first, second = group(plan, said), group(plan, other)
        if first is second:
            raise NotMeant(format_message(plan.language, "same"))
        if _place(plan, first) > _place(plan, second):
            first, second = second, first
        _join(plan, first, second)
        if name:
            first.name = shortened(_capital(name), NAME)
        return
    if one.item is two.item:
        raise NotMeant(format_message(plan.language, "same"))
    kept, gone = one.item, two.item
    kept.checklist = [*(kept.checklist or [kept.title]), *(gone.checklist or [gone.title])]
    kept.title = shortened(_capital(name), TITLE) if name else shortened(f"{kept.title}; {gone.title}", TITLE)
    two.group.items = [each for each in two.group.items if each is not gone]
    plan.groups = [each for each in plan.groups if each.items]


def _join(plan: Plan, first: Group, second: Group) -> None:
    first.items += second.items
    if first.days is not None and second.days is not None:
        first.days += second.days
    else:
        first.days = None
    joined = f"{first.name}, {second.name[:1].lower() + second.name[1:] if second.name[1:2].islower() else second.name}"
    first.name = joined if len(joined) <= NAME else first.name
    plan.groups = [each for each in plan.groups if each is not second]


def split(plan: Plan, said: str, into: str | None) -> None:
    """Make several phases of one: those that are named, each with what is about it, or two of equal size."""
    found = target(plan, said, "phase").group
    names = entries(into.replace(" and ", ", ").replace(" et ", ", ")) if into else []
    if len(names) == 1 and "," in names[0]:
        names = [each.strip() for each in names[0].split(",") if each.strip()]
    if len(plan.groups) + max(2, len(names)) - 1 > COLUMNS_MAX:
        raise NotMeant(format_message(plan.language, "full", most=COLUMNS_MAX))
    made = _named(found, names) if len(names) > 1 else _halves(found)
    if made is None:
        raise NotMeant(format_message(plan.language, "too_short"))
    place = _place(plan, found)
    plan.groups[place : place + 1] = made


def _named(found: Group, names: Sequence[str]) -> list[Group]:
    made = [Group(shortened(_capital(name), NAME)) for name in names]
    per_part = -(-len(found.items) // len(made))
    for place, item in enumerate(found.items):
        part = nearest(item.words, made) or made[place // per_part]
        part.items.append(item)
    for part in made:
        part.items = part.items or [_item(part.name)]
    return made


def _halves(found: Group) -> list[Group] | None:
    if len(found.items) < 2:
        return None
    half = -(-len(found.items) // 2)
    return [Group(name_of(part), part) for part in (found.items[:half], found.items[half:])]


def move(plan: Plan, said: str, side: str, where: str) -> None:
    """Put a phase before or after another one, or a deliverable before or after another one, or into the phase there."""
    what = target(plan, said)
    if what.item is None:
        near = group(plan, where)
        if near is what.group:
            raise NotMeant(format_message(plan.language, "same"))
        plan.groups = [each for each in plan.groups if each is not what.group]
        place = _place(plan, near)
        plan.groups.insert(place if folded(side) in _BEFORE else place + 1, what.group)
        return
    beside = target(plan, where)
    if beside.item is what.item:
        raise NotMeant(format_message(plan.language, "same"))
    _take_out(plan, what.group, what.item)
    if beside.item is None:
        beside.group.items.append(what.item)
    else:
        place = next(at for at, each in enumerate(beside.group.items) if each is beside.item)
        beside.group.items.insert(place if folded(side) in _BEFORE else place + 1, what.item)


def swap(plan: Plan, said: str, other: str) -> None:
    """Let two phases change places."""
    one, two = group(plan, said), group(plan, other)
    if one is two:
        raise NotMeant(format_message(plan.language, "same"))
    first, second = (next(at for at, each in enumerate(plan.groups) if each is found) for found in (one, two))
    plan.groups[first], plan.groups[second] = two, one


def _take_out(plan: Plan, found: Group, item: Item) -> None:
    found.items = [each for each in found.items if each is not item]


def move_to_edge(plan: Plan, said: str, edge: str) -> None:
    """Put a phase, or a deliverable within its phase, first or last."""
    what = target(plan, said)
    front = any(word in folded(edge) for word in _FRONT)
    if what.item is None:
        rest = [each for each in plan.groups if each is not what.group]
        plan.groups = [what.group, *rest] if front else [*rest, what.group]
    else:
        others = [each for each in what.group.items if each is not what.item]
        what.group.items = [what.item, *others] if front else [*others, what.item]


def move_into(plan: Plan, said: str, where: str) -> None:
    """Put a deliverable into a phase; a phase into another one is a merger."""
    what, place = target(plan, said), group(plan, where)
    if what.item is None:
        if what.group is place:
            raise NotMeant(format_message(plan.language, "same"))
        _join(plan, place, what.group)
        return
    _take_out(plan, what.group, what.item)
    place.items.append(what.item)
    plan.groups = [each for each in plan.groups if each.items]


def weigh(plan: Plan, said: str, priority: Literal["low", "high"]) -> None:
    """Say how important a deliverable is, or all of a phase."""
    found = target(plan, said)
    for item in found.group.items if found.item is None else [found.item]:
        item.priority = priority


def last(plan: Plan, said: str, days: int) -> None:
    """Say how long a phase or a deliverable takes."""
    found = target(plan, said)
    if found.item is None:
        found.group.days = days
    else:
        found.item.days = days


def due(plan: Plan, said: str, day: date) -> None:
    """Say by when a deliverable is to be there, or what is last in a phase."""
    found = target(plan, said)
    (found.item or found.group.items[-1]).due = day


def hurry(plan: Plan, factor: float) -> None:
    """Make everything quicker, or slower; a deadline is kept, and what was said to be its length is not."""
    plan.pace = min(PACE_MAX, max(PACE_MIN, plan.pace * factor))
    for each in plan.groups:
        each.days = None if each.days is None else max(1, round(each.days * factor))
    if plan.days is not None:
        plan.days = max(1, round(plan.days * factor))
    elif plan.deadline is not None and plan.start is not None and plan.deadline > plan.start:
        span = (plan.deadline - plan.start).days + 1
        plan.days = max(1, round(span * factor)) if factor < 1 else None


def reduce(plan: Plan, most: int) -> None:
    """Merge neighbours until there are so few phases: those two first that have the least in them."""
    while len(plan.groups) > most:
        sizes = [
            len(one.items) + len(two.items) for one, two in zip(plan.groups, plan.groups[1:], strict=False)
        ]
        place = sizes.index(min(sizes))
        _join(plan, plan.groups[place], plan.groups[place + 1])
