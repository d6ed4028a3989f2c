"""Values made of the fields that classes share; what requests set and updates change shows in the API."""

from __future__ import annotations

import pytest

from stellary.contract.fields import build_value, convert
from stellary.contract.wire import UNSET, Request, Unset, Value


class Task(Value):
    """A value with fields of several kinds."""

    id: str
    title: str
    note: str | None


class FileTask(Value):
    """A value that shares fields with a task."""

    title: str
    note: str | None


class UpdateTask(Request):
    """A request that may set a field of the value."""

    title: str | Unset = UNSET


class Step(Value):
    """A value with another one in it."""

    task: Task | None
    others: list[Task]


class FileStep(Value):
    """Another value, in which the same fields have another class."""

    task: FileTask | None
    others: list[FileTask]


TASK, IN_FILE = Task(id="1", title="Write", note="soon"), FileTask(title="Write", note="soon")


def test_convert_converts_nested_values():
    assert convert(FileStep, Step(task=TASK, others=[TASK])) == FileStep(task=IN_FILE, others=[IN_FILE])
    assert convert(FileStep, Step(task=None, others=[])) == FileStep(task=None, others=[])


def test_field_that_is_missing_and_not_nullable_raises():
    with pytest.raises(TypeError, match="id"):
        convert(Task, IN_FILE)
    with pytest.raises(TypeError, match="title"):
        build_value(Task, UpdateTask(), id="2", note=None)
