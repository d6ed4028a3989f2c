"""What the other tests here rely on: that nothing stays of what is thrown away, and that what has changed is seen."""

from __future__ import annotations

import pytest

from tests.security.asking import place_of, send
from tests.security.permission_world import PermissionWorld
from tests.security.table import SERVED

WRITTEN = {
    "labels.create": "stellary_labels",
    "labels.update": "stellary_labels",
    "labels.delete": "stellary_labels",
    "projects.delete": "stellary_projects",
}


def asked(permission_world: PermissionWorld, operation: str) -> int:
    row = next(row for row in SERVED if row.operation == operation)
    return send(permission_world, row, "OO", place_of(permission_world, row, "OO")).status


@pytest.mark.parametrize("operation", WRITTEN)
def test_what_was_done_is_seen_and_can_be_thrown_away(permission_world: PermissionWorld, operation: str):
    for _ in range(2):
        with permission_world.sandbox.thrown_away():
            assert asked(permission_world, operation) in (200, 201, 204)
            assert WRITTEN[operation] in permission_world.sandbox.changed()
        assert permission_world.sandbox.changed() == []


def test_what_goes_with_what_is_deleted_is_seen(permission_world: PermissionWorld):
    assert asked(permission_world, "projects.delete") in (200, 204)
    assert {"stellary_projects", "stellary_columns", "stellary_cards"} <= {
        *permission_world.sandbox.changed()
    }


def test_what_was_only_read_is_no_change(permission_world: PermissionWorld):
    assert asked(permission_world, "cards.list") == 200
    assert permission_world.sandbox.changed() == []


def test_a_unit_that_fails_is_undone_and_what_was_done_before_stays(permission_world: PermissionWorld):
    def fail() -> None:
        with permission_world.sandbox.writing() as connection:
            connection.exec_driver_sql("UPDATE stellary_labels SET name = 'other'")
            raise LookupError

    assert asked(permission_world, "labels.create") == 201
    before = permission_world.sandbox.changed()
    with pytest.raises(LookupError):
        fail()
    assert permission_world.sandbox.changed() == before
    names = permission_world.sandbox.connection.exec_driver_sql("SELECT name FROM stellary_labels").scalars()
    assert "other" not in set(names)


def test_parts_of_parts_are_undone_alone(permission_world: PermissionWorld):
    def change(name: str) -> None:
        with permission_world.sandbox.writing() as connection:
            connection.exec_driver_sql(f"UPDATE stellary_labels SET name = '{name}'")

    def names() -> set[str]:
        return set(
            permission_world.sandbox.connection.exec_driver_sql("SELECT name FROM stellary_labels").scalars()
        )

    first = names()
    with permission_world.sandbox.thrown_away():
        with permission_world.sandbox.thrown_away():
            change("inner")
        assert names() == first
        change("outer")
        with permission_world.sandbox.thrown_away():
            change("inner")
        assert names() == {"outer"}
    assert names() == first
