"""Edits: typed changes of a roadmap by the ids of its parts, and the step that undoes a request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import orjson

from stellary.contract.cards import TITLE_MAX
from stellary.contract.checklists import CHECKLIST_MAX
from stellary.contract.fields import replace_fields
from stellary.contract.project_imports import CARDS_MAX, COLUMNS_MAX
from stellary.contract.wire import Unset, dump, invalid, read, wire_fields
from stellary.contract.wizard import DAYS_MAX, Roadmap, RoadmapOperation, RoadmapOperationType
from stellary.core.wizard.rules.fitting import NAME_MAX
from stellary.core.wizard.rules.planning import PHASE_DAYS

STEPS_MAX = 50
STEPS_SIZE_MAX = 500_000
"""The maximum number of steps that can be undone, and of their bytes as JSON."""
PHASE, DELIVERABLE, ITEM = 1, 2, 3
"""The levels of parts below the roadmap."""
_KINDS = ("the roadmap", "a phase", "a deliverable", "a checklist item")
_PARTS = ("phases", "deliverables", "checklist")
_NAMES = ("", "name", "title", "title")
_NAME_MAX = (0, NAME_MAX, TITLE_MAX, TITLE_MAX)
_MOST = (COLUMNS_MAX, CARDS_MAX, CHECKLIST_MAX)
_FIELDS: Mapping[RoadmapOperationType, tuple[set[str], set[str]]] = {
    "add": ({"name"}, {"parent_id", "position"}),
    "rename": ({"id", "name"}, set()),
    "move": ({"id"}, {"parent_id", "position"}),
    "remove": ({"id"}, set()),
    "split": ({"id", "name", "part_ids"}, set()),
    "set_dates": ({"id"}, {"start_day", "end_day"}),
    "undo": (set(), set()),
}
"""The fields that each operation requires, and those that it allows."""
OPERATION_NAMES = ", ".join(_FIELDS)

Json = dict[str, Any]


def assign_ids(roadmap: Roadmap, version: int) -> Roadmap:
    """Return a roadmap with new ids, which no other version of the draft contains.

    Args:
        roadmap: The roadmap of a planner.
        version: The version of the draft that will contain it.
    """
    ids = (f"{version}-{number}" for number in count(1))
    phases = []
    for phase in roadmap.phases:
        id = next(ids)
        items = [
            replace_fields(item, id=next(ids), checklist_ids=[next(ids) for _ in item.checklist])
            for item in phase.deliverables
        ]
        phases.append(replace_fields(phase, id=id, deliverables=items))
    return replace_fields(roadmap, phases=phases)


def edit_roadmap(
    roadmap: Roadmap, operations: Sequence[RoadmapOperation], version: int
) -> tuple[Roadmap, Json]:
    """Return the changed roadmap, and the step that undoes the operations: the phases that they have changed.

    Args:
        roadmap: The roadmap.
        operations: The changes, in order.
        version: The version of the draft that the changes lead to; the ids of new parts begin with it.

    Raises:
        Invalid: An operation is not possible; the message names it and its field.
    """
    before = orjson.loads(dump(roadmap.phases))
    editor = _Editor(roadmap, version)
    for place, operation in enumerate(operations):
        editor.apply(operation, f"operations[{place}]")
    after = {phase["id"]: phase for phase in editor.close()}
    changed = [phase for phase in before if after.get(phase["id"]) != phase]
    step = {"order": [phase["id"] for phase in before], "changed": changed}
    return _replace_phases(roadmap, [*after.values()]), step


def undo_step(roadmap: Roadmap, step: Json) -> Roadmap:
    """Return the roadmap before a step.

    Args:
        roadmap: The roadmap after the step.
        step: The order of the phases before it, and those that it has changed.
    """
    phases = [*orjson.loads(dump(roadmap.phases)), *step["changed"]]
    by_id = {phase["id"]: phase for phase in phases}
    return _replace_phases(roadmap, [by_id[id] for id in step["order"]])


def _replace_phases(roadmap: Roadmap, phases: Sequence[Json]) -> Roadmap:
    whole = orjson.loads(dump(roadmap)) | {"phases": phases}
    return read(Roadmap, whole | {"days": max(phase["endDay"] for phase in phases) + 1})


def fit_steps(steps: Sequence[Json]) -> list[Json]:
    """Return the newest steps within the limits; at least the last one."""
    newest, size = [steps[-1]], len(orjson.dumps(steps[-1]))
    for step in reversed(steps[-STEPS_MAX:-1]):
        size += len(orjson.dumps(step))
        if size > STEPS_SIZE_MAX:
            break
        newest.insert(0, step)
    return newest


class _Editor:
    """The phases of a roadmap in wire format, and the level and the parent of each part.

    Args:
        roadmap: The roadmap.
        version: The version whose number begins the ids of new parts.
    """

    def __init__(self, roadmap: Roadmap, version: int) -> None:
        self._root: Json = {"phases": orjson.loads(dump(roadmap.phases))}
        self._ids = (f"{version}-{number}" for number in count(1))
        self._places: dict[str, tuple[int, Json]] = {}
        for phase in self._root["phases"]:
            self._places[phase["id"]] = PHASE, self._root
            for item in phase["deliverables"]:
                titles = zip(item.pop("checklistIds"), item["checklist"], strict=True)
                item["checklist"] = [{"id": id, "title": title} for id, title in titles]
                self._places[item["id"]] = DELIVERABLE, phase
                self._places |= {step["id"]: (ITEM, item) for step in item["checklist"]}

    def close(self) -> list[Json]:
        """Return the phases in wire format."""
        for item in (item for phase in self._root["phases"] for item in phase["deliverables"]):
            item["checklistIds"] = [step["id"] for step in item["checklist"]]
            item["checklist"] = [step["title"] for step in item["checklist"]]
        phases: list[Json] = self._root["phases"]
        return phases

    def apply(self, operation: RoadmapOperation, path: str) -> None:
        """Make one change.

        Raises:
            Invalid: The change is not possible.
        """
        required, allowed = _FIELDS[operation.type]
        for wire_name, field in wire_fields(RoadmapOperation).items():
            is_missing = isinstance(getattr(operation, field.name), Unset)
            if is_missing and field.name in required:
                raise invalid((f"{path}.{wire_name}", f"is required for {operation.type}"))
            if not is_missing and field.name not in {"type"} | required | allowed:
                raise invalid((f"{path}.{wire_name}", f"is not for {operation.type}"))
        if operation.type == "undo":
            raise invalid((f"{path}.type", "must be the only operation if it is undo"))
        part = (0, {}, {}) if operation.type == "add" else self._find(operation.id, f"{path}.id")
        getattr(self, f"_{operation.type}")(*part, operation, path)

    def _find(self, id: object, path: str) -> tuple[int, Json, Json]:
        """Return the level of a part, its parent and itself."""
        if id not in self._places:
            raise invalid((path, "must be the id of a phase, deliverable or checklist item of this roadmap"))
        level, parent = self._places[str(id)]
        return level, parent, next(part for part in parent[_PARTS[level - 1]] if part["id"] == id)

    def _set_name(self, name: object, level: int, parent: Json, part: Json, path: str) -> None:
        """Give a part a name that fits its level and that no other part of the parent has."""
        text = " ".join(str(name).split())
        if not 1 <= len(text) <= _NAME_MAX[level]:
            raise invalid((path, f"must be 1 to {_NAME_MAX[level]} characters for {_KINDS[level]}"))
        for sibling in parent[_PARTS[level - 1]]:
            if sibling is not part and sibling[_NAMES[level]].casefold() == text.casefold():
                kind = _KINDS[level - 1]
                raise invalid((path, f"must not give {kind} two parts named “{text[:100]}”"))
        part[_NAMES[level]] = text

    def _insert(self, level: int, parent: Json, part: Json, position: object, path: str) -> None:
        """Put a part into a parent, which must have room for it."""
        siblings, most, kinds = parent[_PARTS[level - 1]], _MOST[level - 1], _PARTS[level - 1]
        beside = self._root["phases"] if level == DELIVERABLE else [parent]
        if sum(len(around[kinds]) for around in beside) >= most:
            kinds = "checklist items" if level == ITEM else kinds
            raise invalid(
                (path, f"must not give {_KINDS[2 if level == ITEM else 0]} more than {most} {kinds}")
            )
        place = position if isinstance(position, int) else len(siblings)
        if place > len(siblings):
            raise invalid((f"{path}.position", f"must be at most {len(siblings)}"))
        siblings.insert(place, part)
        self._places[part["id"]] = level, parent

    def _add(self, level: int, parent: Json, part: Json, operation: RoadmapOperation, path: str) -> None:
        parent = self._root
        if not isinstance(operation.parent_id, Unset):
            level, _, parent = self._find(operation.parent_id, f"{path}.parentId")
        if level == ITEM:
            raise invalid((f"{path}.parentId", "must not be a checklist item, which has no parts"))
        part |= {"id": next(self._ids)}
        if level + 1 < ITEM:
            ends = [phase["endDay"] for phase in self._root["phases"]]
            first = parent["startDay"] if level else min(max(ends) + 1, DAYS_MAX)
            last = parent["endDay"] if level else min(first + PHASE_DAYS - 1, DAYS_MAX)
            part |= {"description": None, "startDay": first, "endDay": last, _PARTS[level + 1]: []}
            part |= {"priority": "medium"} if level else {}
        self._set_name(operation.name, level + 1, parent, part, f"{path}.name")
        self._insert(level + 1, parent, part, operation.position, path)

    def _rename(self, level: int, parent: Json, part: Json, operation: RoadmapOperation, path: str) -> None:
        self._set_name(operation.name, level, parent, part, f"{path}.name")

    def _move(self, level: int, parent: Json, part: Json, operation: RoadmapOperation, path: str) -> None:
        target_level, target = level - 1, parent
        if not isinstance(operation.parent_id, Unset):
            target_level, _, target = self._find(operation.parent_id, f"{path}.parentId")
        if target_level != level - 1:
            kind = "left out" if level == PHASE else _KINDS[level - 1]
            raise invalid((f"{path}.parentId", f"must be {kind} for {_KINDS[level]}"))
        if target is not parent:
            self._set_name(part[_NAMES[level]], level, target, part, f"{path}.parentId")
        parent[_PARTS[level - 1]].remove(part)
        self._insert(level, target, part, operation.position, path)
        if level == DELIVERABLE and target is not parent:
            part |= {"startDay": target["startDay"], "endDay": target["endDay"]}

    def _remove(self, level: int, parent: Json, part: Json, operation: RoadmapOperation, path: str) -> None:
        if level == PHASE and len(parent["phases"]) == 1:
            raise invalid((f"{path}.id", "must not be the last phase"))
        parent[_PARTS[level - 1]].remove(part)
        for id in _list_ids(level, part):
            del self._places[id]

    def _split(self, level: int, parent: Json, part: Json, operation: RoadmapOperation, path: str) -> None:
        assert not isinstance(operation.part_ids, Unset)
        chosen = set(operation.part_ids)
        parts = part[_PARTS[level]] if level < ITEM else []
        moved = [child for child in parts if child["id"] in chosen]
        if len(moved) < len(chosen):
            raise invalid((f"{path}.partIds", f"must be ids of parts of {_KINDS[level]} with this id"))
        new = part | {"id": next(self._ids), "description": None, _PARTS[level]: moved}
        self._set_name(operation.name, level, parent, new, f"{path}.name")
        self._insert(level, parent, new, parent[_PARTS[level - 1]].index(part) + 1, path)
        part[_PARTS[level]] = [child for child in parts if child["id"] not in chosen]
        self._places |= {child["id"]: (level + 1, new) for child in moved}

    def _set_dates(
        self, level: int, parent: Json, part: Json, operation: RoadmapOperation, path: str
    ) -> None:
        if level == ITEM:
            raise invalid((f"{path}.id", "must not be a checklist item, which has no dates"))
        first = part["startDay"] if isinstance(operation.start_day, Unset) else operation.start_day
        last = part["endDay"] if isinstance(operation.end_day, Unset) else operation.end_day
        if first > last:
            raise invalid((f"{path}.endDay", f"must be {first} or later, the first day"))
        shift = first - part["startDay"]
        part |= {"startDay": first, "endDay": last}
        if level == DELIVERABLE:
            parent |= {"startDay": min(first, parent["startDay"]), "endDay": max(last, parent["endDay"])}
            return
        for item in part["deliverables"]:
            for day in ("startDay", "endDay"):
                item[day] = min(max(item[day] + shift, first), last)


def _list_ids(level: int, part: Json) -> Iterator[str]:
    """Yield the ids of a part and of all parts in it."""
    yield part["id"]
    for child in part[_PARTS[level]] if level < ITEM else ():
        yield from _list_ids(level + 1, child)
