"""Rows and values: the columns in which the fields of a value are stored."""

import types
from typing import TypedDict

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, insert, select

from stellary.contract.wire import Value
from stellary.core.db.row_fields import RowFields
from stellary.core.kernel.writes import StoredItems


class Task(Value):
    """A value with fields of several kinds."""

    id: str
    title: str
    order: int
    open_count: int


def _table(*names: str) -> Table:
    columns = [Column(name, Integer if name == "position" else String, nullable=False) for name in names]
    return Table("tasks", MetaData(), *columns)


TASKS = _table("id", "title", "position", "title_key")
FIELDS = RowFields(
    Task, TASKS, computed=("open_count",), renamed={"order": "position"}, internal=("title_key",)
)
TASK = Task(id="1", title="Write", order=2, open_count=5)


def test_value_survives_its_row():
    with create_engine("sqlite://").begin() as connection:
        TASKS.metadata.create_all(connection)
        connection.execute(insert(TASKS), FIELDS.to_row(TASK, title_key="write"))
        row = connection.execute(select(*FIELDS.columns)).one()
    assert FIELDS.to_value(row, open_count=5) == TASK


def test_row_has_the_names_of_the_columns():
    expected = {"id": "1", "title": "Write", "position": 2, "title_key": "write"}
    assert FIELDS.to_row(TASK, title_key="write") == expected


def test_changes_are_the_columns_that_differ():
    assert FIELDS.to_changes(TASK, Task(id="1", title="Write", order=0, open_count=6)) == {"position": 0}


def test_field_without_a_column_is_refused():
    with pytest.raises(TypeError, match=r"Task\.title is stored nowhere: add a column 'title' to tasks"):
        RowFields(Task, _table("id", "position"), renamed={"order": "position"}, computed=("open_count",))


def test_column_without_a_field_is_refused():
    with pytest.raises(TypeError, match=r"tasks\.title_key is never read: add a field 'title_key' to Task"):
        RowFields(Task, TASKS, renamed={"order": "position"}, computed=("open_count",))


def test_field_whose_column_alone_can_be_null_is_refused():
    tasks = Table("tasks", MetaData(), Column("id", String, nullable=False), Column("title", String))
    options = {"computed": ("order", "open_count")}
    with pytest.raises(TypeError, match=r"Task\.title or tasks\.title can be null, but not both"):
        RowFields(Task, tasks, **options)
    RowFields(Task, tasks, converted=("title",), **options)


class MisspeltColumns(TypedDict):
    """The columns of a new task that are not fields."""

    title_kye: str


def test_misspelt_column_of_an_insertion_is_refused():
    with pytest.raises(
        TypeError, match=r"Task\.title_kye is stored nowhere: add a column 'title_kye' to tasks"
    ):
        StoredItems(Task, TASKS, "Task", MisspeltColumns)


class Estimate(Value):
    """A value within another one."""

    least: int
    most: int


class Plan(Value):
    """A value with a nested value."""

    id: str
    estimate: Estimate


PLANS = Table(
    "plans", MetaData(), *(Column(name, Integer, nullable=False) for name in ("id", "least", "most_days"))
)
PLAN_FIELDS = RowFields(
    Plan,
    PLANS,
    nested={"estimate": RowFields(Estimate, PLANS, renamed={"most": "most_days"}, internal=PLANS.c.keys())},
    selected={"id": PLANS.c.id},
    internal=("id",),
)


def test_nested_value_survives_its_row():
    plan = Plan(id="1", estimate=Estimate(least=2, most=3))
    row = PLAN_FIELDS.to_row(plan, id="1")
    assert row == {"id": "1", "least": 2, "most_days": 3}
    assert PLAN_FIELDS.to_value(types.SimpleNamespace(**row)) == plan


def test_changes_of_a_nested_value_are_those_of_its_columns():
    before, after = (Plan(id="1", estimate=Estimate(least=2, most=most)) for most in (3, 4))
    assert PLAN_FIELDS.to_changes(before, after) == {"most_days": 4}


def test_selected_field_is_a_labelled_expression():
    assert [column.name for column in PLAN_FIELDS.columns] == ["least", "most_days", "id"]
