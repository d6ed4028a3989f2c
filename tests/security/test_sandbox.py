"""What the other tests here rely on: that nothing stays of what is thrown away, and that what has changed is seen."""

from __future__ import annotations

import pytest

from tests.security.asking import place_of, send
from tests.security.stage import Stage
from tests.security.table import SERVED

WRITTEN = {
    "labels.create": "stellary_labels",
    "labels.update": "stellary_labels",
    "labels.delete": "stellary_labels",
    "projects.delete": "stellary_projects",
}


def asked(stage: Stage, operation: str) -> int:
    row = next(row for row in SERVED if row.operation == operation)
    return send(stage, row, "OO", place_of(stage, row, "OO")).status


@pytest.mark.parametrize("operation", WRITTEN)
def test_what_was_done_is_seen_and_can_be_thrown_away(stage: Stage, operation: str):
    for _ in range(2):
        with stage.sandbox.thrown_away():
            assert asked(stage, operation) in (200, 201, 204)
            assert WRITTEN[operation] in stage.sandbox.changed()
        assert stage.sandbox.changed() == []


def test_what_goes_with_what_is_deleted_is_seen(stage: Stage):
    assert asked(stage, "projects.delete") in (200, 204)
    assert {"stellary_projects", "stellary_columns", "stellary_cards"} <= {*stage.sandbox.changed()}


def test_what_was_only_read_is_no_change(stage: Stage):
    assert asked(stage, "cards.list") == 200
    assert stage.sandbox.changed() == []


def test_a_unit_that_fails_is_undone_and_what_was_done_before_stays(stage: Stage):
    def fail() -> None:
        with stage.sandbox.writing() as connection:
            connection.exec_driver_sql("UPDATE stellary_labels SET name = 'other'")
            raise LookupError

    assert asked(stage, "labels.create") == 201
    before = stage.sandbox.changed()
    with pytest.raises(LookupError):
        fail()
    assert stage.sandbox.changed() == before
    names = stage.sandbox.connection.exec_driver_sql("SELECT name FROM stellary_labels").scalars()
    assert "other" not in set(names)


def test_parts_of_parts_are_undone_alone(stage: Stage):
    def change(name: str) -> None:
        with stage.sandbox.writing() as connection:
            connection.exec_driver_sql(f"UPDATE stellary_labels SET name = '{name}'")

    def names() -> set[str]:
        return set(stage.sandbox.connection.exec_driver_sql("SELECT name FROM stellary_labels").scalars())

    first = names()
    with stage.sandbox.thrown_away():
        with stage.sandbox.thrown_away():
            change("inner")
        assert names() == first
        change("outer")
        with stage.sandbox.thrown_away():
            change("inner")
        assert names() == {"outer"}
    assert names() == first
