"""Edits: typed changes of a roadmap by the ids of its parts, and the step that undoes a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count

import attrs
import orjson

from stellary.contract.cards import TITLE_MAX, Priority
from stellary.contract.checklists import CHECKLIST_MAX
from stellary.contract.project_imports import CARDS_MAX, COLUMNS_MAX
from stellary.contract.unset import Unset
from stellary.contract.wire import invalid, wire_fields
from stellary.contract.wizard import (
    DAYS_MAX,
    Deliverable,
    Phase,
    Roadmap,
    RoadmapOperation,
    RoadmapOperationType,
)
from stellary.core.wizard.rules.fitting import NAME_MAX
from stellary.core.wizard.rules.planning import PHASE_DAYS

STEPS_MAX = 50
STEPS_SIZE_MAX = 1_000_000
"""The maximum number of steps that can be undone, and of their bytes as JSON."""
ROOT = ""
PHASE, DELIVERABLE, ITEM = 1, 2, 3
"""The levels of parts below the roadmap."""
_KINDS = ("the roadmap", "a phase", "a deliverable", "a checklist item")
_MOST = {
    PHASE: (COLUMNS_MAX, "phases"),
    DELIVERABLE: (CARDS_MAX, "deliverables"),
    ITEM: (CHECKLIST_MAX, "checklist items"),
}
_OPERATION_FIELDS: Mapping[RoadmapOperationType, tuple[set[str], set[str]]] = {
    "add": ({"name"}, {"parent_id", "position"}),
    "rename": ({"id", "name"}, set()),
    "move": ({"id"}, {"parent_id", "position"}),
    "remove": ({"id"}, set()),
    "split": ({"id", "name", "part_ids"}, set()),
    "set_dates": ({"id"}, {"start_day", "end_day"}),
    "undo": (set(), set()),
}
"""The fields that each operation requires, and those that it allows."""
OPERATION_NAMES = ", ".join(_OPERATION_FIELDS)


@attrs.frozen
class RoadmapPart:
    """A phase, a deliverable, a checklist item, or the whole roadmap, with the ids of the parts in it."""

    level: int
    name: str
    part_ids: list[str]
    start_day: int = 0
    end_day: int = 0
    description: str | None = None
    priority: Priority | None = None


EditStep = Mapping[str, Sequence[object] | None]
"""The parts that a request has changed, by id, as they were before; None for added ones."""


def assign_ids(roadmap: Roadmap, version: int) -> Roadmap:
    """Return a roadmap with new ids, which no other version of the draft contains.

    Args:
        roadmap: The roadmap of a planner.
        version: The version of the draft that will contain it.
    """
    numbers = count(1)

    def next_id() -> str:
        return f"{version}-{next(numbers)}"

    return attrs.evolve(
        roadmap,
        phases=[
            attrs.evolve(
                phase,
                id=next_id(),
                deliverables=[
                    attrs.evolve(item, id=next_id(), checklist_ids=[next_id() for _ in item.checklist])
                    for item in phase.deliverables
                ],
            )
            for phase in roadmap.phases
        ],
    )


def edit_roadmap(
    roadmap: Roadmap, operations: Sequence[RoadmapOperation], version: int
) -> tuple[Roadmap, EditStep]:
    """Return the changed roadmap, and the step that undoes the operations.

    Args:
        roadmap: The roadmap.
        operations: The changes, in order.
        version: The version of the draft that the changes lead to; the ids of new parts begin with it.

    Raises:
        Invalid: An operation is not possible; the message names it and its field.
    """
    tree = _PartTree(roadmap, version)
    for place, operation in enumerate(operations):
        tree.apply(operation, f"operations[{place}]")
    step = {id: None if part is None else attrs.astuple(part) for id, part in tree.before.items()}
    return tree.build_roadmap(), step


def fit_steps(steps: Sequence[Mapping[str, object]]) -> list[Mapping[str, object]]:
    """Return the newest steps within the limits; at least the last one."""
    kept, size = [steps[-1]], len(orjson.dumps(steps[-1]))
    for step in reversed(steps[-STEPS_MAX:-1]):
        size += len(orjson.dumps(step))
        if size > STEPS_SIZE_MAX:
            break
        kept.insert(0, step)
    return kept


def undo_step(roadmap: Roadmap, step: EditStep) -> Roadmap:
    """Return the roadmap before a step.

    Args:
        roadmap: The roadmap after the step.
        step: The parts that it has changed.
    """
    tree = _PartTree(roadmap, 0)
    for id, values in step.items():
        tree.set(id, None if values is None else RoadmapPart(*values))  # type: ignore[arg-type]
    return tree.build_roadmap()


class _PartTree:
    """The parts of a roadmap by their ids. It is changed part by part, and records each as it was before.

    Args:
        roadmap: The roadmap.
        version: The version whose number begins the ids of new parts.
    """

    def __init__(self, roadmap: Roadmap, version: int) -> None:
        self._roadmap, self._version, self._added = roadmap, version, count(1)
        self.before: dict[str, RoadmapPart | None] = {}
        self._parts = {ROOT: RoadmapPart(0, "", [phase.id for phase in roadmap.phases])}
        for phase in roadmap.phases:
            ids = [item.id for item in phase.deliverables]
            days = phase.start_day, phase.end_day
            self._parts[phase.id] = RoadmapPart(PHASE, phase.name, ids, *days, phase.description)
            for item in phase.deliverables:
                days = item.start_day, item.end_day
                self._parts[item.id] = RoadmapPart(
                    DELIVERABLE, item.title, item.checklist_ids, *days, item.description, item.priority
                )
                for id, title in zip(item.checklist_ids, item.checklist, strict=True):
                    self._parts[id] = RoadmapPart(ITEM, title, [])
        self._parents = {child: id for id, part in self._parts.items() for child in part.part_ids}

    def set(self, id: str, part: RoadmapPart | None) -> None:
        """Replace a part, or remove it with None. Before its first change, it is recorded."""
        self.before.setdefault(id, self._parts.pop(id, None))
        if part is not None:
            self._parts[id] = part
            self._parents |= dict.fromkeys(part.part_ids, id)

    def build_roadmap(self) -> Roadmap:
        """Return the roadmap of the parts."""
        phases = []
        for id in self._parts[ROOT].part_ids:
            part = self._parts[id]
            items = [self._build_deliverable(child) for child in part.part_ids]
            phases.append(
                Phase(
                    id=id,
                    name=part.name,
                    description=part.description,
                    start_day=part.start_day,
                    end_day=part.end_day,
                    deliverables=items,
                )
            )
        return attrs.evolve(self._roadmap, phases=phases, days=max(phase.end_day for phase in phases) + 1)

    def _build_deliverable(self, id: str) -> Deliverable:
        part = self._parts[id]
        return Deliverable(
            id=id,
            title=part.name,
            description=part.description,
            priority=part.priority,
            checklist=[self._parts[child].name for child in part.part_ids],
            checklist_ids=part.part_ids,
            start_day=part.start_day,
            end_day=part.end_day,
        )

    # ------------------------------------------------------------------------------------------ operations

    def apply(self, operation: RoadmapOperation, path: str) -> None:
        """Make one change.

        Raises:
            Invalid: The change is not possible.
        """
        _check_fields(operation, path)
        if operation.type == "undo":
            raise invalid((f"{path}.type", "must be the only operation if it is undo"))
        if operation.type == "add":
            self._add(operation, path)
        else:
            id, part = self._find(operation.id, f"{path}.id")
            getattr(self, f"_{operation.type}")(id, part, operation, path)

    def _find(self, id: object, path: str) -> tuple[str, RoadmapPart]:
        part = self._parts.get(str(id)) if id else None
        if part is None:
            raise invalid((path, "must be the id of a phase, deliverable or checklist item of this roadmap"))
        return str(id), part

    def _find_parent(self, operation: RoadmapOperation, path: str, default: str) -> tuple[str, RoadmapPart]:
        if isinstance(operation.parent_id, Unset):
            return default, self._parts[default]
        return self._find(operation.parent_id, f"{path}.parentId")

    def _check_name(
        self, operation: RoadmapOperation, level: int, parent: str, path: str, own_id: str = ""
    ) -> str:
        """Return the name in an operation, if it fits the level and no other part of the parent has it."""
        name = " ".join(str(operation.name).split())
        most = NAME_MAX if level == PHASE else TITLE_MAX
        if not 1 <= len(name) <= most:
            raise invalid((f"{path}.name", f"must be 1 to {most} characters for {_KINDS[level]}"))
        self._check_different(name, parent, f"{path}.name", own_id)
        return name

    def _check_different(self, name: str, parent: str, path: str, own_id: str) -> None:
        siblings = (self._parts[id].name for id in self._parts[parent].part_ids if id != own_id)
        if name.casefold() in map(str.casefold, siblings):
            kind = _KINDS[self._parts[parent].level]
            raise invalid((path, f"must not give {kind} two parts named “{name[:100]}”"))

    def _insert(self, id: str, level: int, parent: str, operation: RoadmapOperation, path: str) -> None:
        """Put a part into its parent, which must have room for it."""
        around = self._parts[parent]
        most, kinds = _MOST[level]
        beside = self._parts[ROOT].part_ids if level == DELIVERABLE else [parent]
        if sum(len(self._parts[container].part_ids) for container in beside) >= most:
            place = _KINDS[around.level if level == ITEM else 0]
            raise invalid((path, f"must not give {place} more than {most} {kinds}"))
        end = len(around.part_ids)
        place_in = end if isinstance(operation.position, Unset) else operation.position
        if place_in > end:
            raise invalid((f"{path}.position", f"must be at most {end}"))
        self.set(
            parent,
            attrs.evolve(around, part_ids=[*around.part_ids[:place_in], id, *around.part_ids[place_in:]]),
        )

    def _take_out(self, id: str) -> None:
        parent = self._parents[id]
        around = self._parts[parent]
        self.set(parent, attrs.evolve(around, part_ids=[child for child in around.part_ids if child != id]))

    def _remove(self, id: str, part: RoadmapPart, operation: RoadmapOperation, path: str) -> None:
        if part.level == PHASE and len(self._parts[ROOT].part_ids) == 1:
            raise invalid((f"{path}.id", "must not be the last phase"))
        self._take_out(id)
        self._remove_all(id)

    def _remove_all(self, id: str) -> None:
        for child in self._parts[id].part_ids:
            self._remove_all(child)
        self.set(id, None)

    def _rename(self, id: str, part: RoadmapPart, operation: RoadmapOperation, path: str) -> None:
        name = self._check_name(operation, part.level, self._parents[id], path, id)
        self.set(id, attrs.evolve(part, name=name))

    def _add(self, operation: RoadmapOperation, path: str) -> None:
        parent, around = self._find_parent(operation, path, ROOT)
        level = around.level + 1
        if level > ITEM:
            raise invalid((f"{path}.parentId", "must not be a checklist item, which has no parts"))
        name = self._check_name(operation, level, parent, path)
        first, last = around.start_day, around.end_day
        if level == PHASE:
            first = min(max(self._parts[id].end_day for id in around.part_ids) + 1, DAYS_MAX)
            last = min(first + PHASE_DAYS - 1, DAYS_MAX)
        id = f"{self._version}-{next(self._added)}"
        self.set(
            id, RoadmapPart(level, name, [], first, last, None, "medium" if level == DELIVERABLE else None)
        )
        self._insert(id, level, parent, operation, path)

    def _move(self, id: str, part: RoadmapPart, operation: RoadmapOperation, path: str) -> None:
        parent, around = self._find_parent(operation, path, self._parents[id])
        if around.level != part.level - 1:
            kind = (
                "left out for a phase"
                if part.level == PHASE
                else f"{_KINDS[part.level - 1]} for {_KINDS[part.level]}"
            )
            raise invalid((f"{path}.parentId", f"must be {kind}"))
        self._check_different(part.name, parent, f"{path}.parentId", id)
        is_elsewhere = parent != self._parents[id]
        self._take_out(id)
        self._insert(id, part.level, parent, operation, path)
        if is_elsewhere and part.level == DELIVERABLE:
            self.set(id, attrs.evolve(part, start_day=around.start_day, end_day=around.end_day))

    def _split(self, id: str, part: RoadmapPart, operation: RoadmapOperation, path: str) -> None:
        assert not isinstance(operation.part_ids, Unset)
        chosen = set(operation.part_ids)
        if not chosen <= set(part.part_ids):
            raise invalid((f"{path}.partIds", f"must be ids of parts of {_KINDS[part.level]} with this id"))
        parent = self._parents[id]
        name = self._check_name(operation, part.level, parent, path)
        position = self._parts[parent].part_ids.index(id) + 1
        new_id = f"{self._version}-{next(self._added)}"
        moved = [child for child in part.part_ids if child in chosen]
        remaining = [child for child in part.part_ids if child not in chosen]
        self.set(id, attrs.evolve(part, part_ids=remaining))
        self.set(new_id, attrs.evolve(part, name=name, part_ids=moved, description=None))
        self._insert(new_id, part.level, parent, attrs.evolve(operation, position=position), path)

    def _set_dates(self, id: str, part: RoadmapPart, operation: RoadmapOperation, path: str) -> None:
        if part.level == ITEM:
            raise invalid((f"{path}.id", "must not be a checklist item, which has no dates"))
        first = part.start_day if isinstance(operation.start_day, Unset) else operation.start_day
        last = part.end_day if isinstance(operation.end_day, Unset) else operation.end_day
        if first > last:
            raise invalid((f"{path}.endDay", f"must be {first} or later, the first day"))
        self.set(id, attrs.evolve(part, start_day=first, end_day=last))
        if part.level == PHASE:
            shift = first - part.start_day
            for child in part.part_ids:
                item = self._parts[child]
                start, end = (min(max(day + shift, first), last) for day in (item.start_day, item.end_day))
                self.set(child, attrs.evolve(item, start_day=start, end_day=end))
        else:
            phase = self._parts[self._parents[id]]
            days = min(first, phase.start_day), max(last, phase.end_day)
            self.set(self._parents[id], attrs.evolve(phase, start_day=days[0], end_day=days[1]))


def _check_fields(operation: RoadmapOperation, path: str) -> None:
    """Check that an operation has the fields that it needs, and no others."""
    required, allowed = _OPERATION_FIELDS[operation.type]
    for wire_name, field in wire_fields(RoadmapOperation).items():
        is_missing = isinstance(getattr(operation, field.name), Unset)
        if is_missing and field.name in required:
            raise invalid((f"{path}.{wire_name}", f"is required for {operation.type}"))
        if not is_missing and field.name not in {"type"} | required | allowed:
            raise invalid((f"{path}.{wire_name}", f"is not for {operation.type}"))
