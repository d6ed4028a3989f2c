"""Fields that classes share: copied, collected from requests, compared."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from stellary.contract.fields import (
    build_value,
    convert,
    find_changed_fields,
    get_set_fields,
    replace_fields,
    shared_names,
    update_value,
)
from stellary.contract.wire import UNSET, Request, Unset, Value


class Task(Value):
    """A value with fields of several kinds."""

    id: str
    title: str
    note: str | None
    due: datetime | None


class FileTask(Value):
    """Another value that shares some of its fields."""

    title: str
    note: str | None
    owner: str


class UpdateTask(Request):
    """A request that may set fields of the value."""

    title: str | Unset = UNSET
    note: str | Unset | None = UNSET
    due: date | Unset | None = UNSET
    order: int | Unset = UNSET


class CreateTask(UpdateTask):
    """A request that must set one of them."""

    title: str


TASK = Task(id="1", title="Write", note="soon", due=None)


def test_shared_names_have_the_order_of_the_first_class():
    assert shared_names(Task, FileTask) == ("title", "note")
    assert shared_names(FileTask, Task) == ("title", "note")


def test_convert_copies_shared_fields_and_takes_the_others():
    assert convert(FileTask, TASK, owner="ann") == FileTask(title="Write", note="soon", owner="ann")


def test_convert_prefers_the_value_that_is_given():
    assert convert(FileTask, TASK, owner="ann", note=None).note is None


class Step(Value):
    """A value with another one in it."""

    task: Task | None
    others: list[Task]


class FileStep(Value):
    """Another value, in which the same fields have another class."""

    task: FileNote | None
    others: list[FileNote]


class FileNote(Value):
    """A value that shares fields with a task."""

    title: str
    note: str | None


def test_convert_converts_nested_values():
    note = FileNote(title="Write", note="soon")
    assert convert(FileStep, Step(task=TASK, others=[TASK])) == FileStep(task=note, others=[note])
    assert convert(FileStep, Step(task=None, others=[])) == FileStep(task=None, others=[])


def test_convert_raises_for_a_missing_field():
    with pytest.raises(TypeError, match="owner"):
        convert(FileTask, TASK)


def test_set_fields_are_those_of_the_value_that_a_request_sets():
    update = UpdateTask(note=None, due=date(2026, 4, 1), order=3)
    assert get_set_fields(update, Task) == {"note": None, "due": datetime(2026, 4, 1, tzinfo=UTC)}


def test_build_value_leaves_omitted_nullable_fields_empty():
    assert build_value(Task, CreateTask(title="Read"), id="2") == Task(
        id="2", title="Read", note=None, due=None
    )


def test_build_value_raises_for_an_omitted_field_that_is_not_nullable():
    with pytest.raises(TypeError, match="title"):
        build_value(Task, UpdateTask(), id="2")


def test_replace_fields_returns_a_copy():
    assert replace_fields(TASK, note=None) == Task(id="1", title="Write", note=None, due=None)
    assert TASK.note == "soon"


class Note(Value):
    """A value with the time of its last update."""

    text: str
    size: int
    updated_at: datetime


class UpdateNote(Request):
    """A request that may set a field of the value."""

    text: str | Unset = UNSET


NOTE = Note(text="Milk", size=4, updated_at=datetime(2026, 4, 1, tzinfo=UTC))
NOW = datetime(2026, 4, 2, tzinfo=UTC)


def test_update_value_sets_fields_of_the_request_and_the_time():
    assert update_value(NOTE, UpdateNote(text="Bread"), NOW, size=5) == Note(
        text="Bread", size=5, updated_at=NOW
    )


def test_update_value_returns_the_value_itself_if_nothing_changes():
    assert update_value(NOTE, UpdateNote(text="Milk"), NOW, size=4) is NOTE


def test_changed_fields_are_those_that_differ():
    assert find_changed_fields(TASK, replace_fields(TASK, note=None, title="Write")) == ["note"]


def test_redeclared_field_keeps_its_position():
    assert shared_names(CreateTask, UpdateTask) == ("title", "note", "due", "order")
