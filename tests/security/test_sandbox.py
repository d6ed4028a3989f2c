"""The sandbox of the permission tests: discarded changes leave nothing behind, and changes are seen."""

import pytest

from tests.security.good_requests import make_path_params, send
from tests.security.permission_world import PermissionWorld
from tests.security.table import ROW_BY_OPERATION

WRITTEN_TABLES = {
    "labels.create": "stellary_labels",
    "labels.update": "stellary_labels",
    "labels.delete": "stellary_labels",
    "projects.delete": "stellary_projects",
}


def call(permission_world: PermissionWorld, operation: str) -> int:
    row = ROW_BY_OPERATION[operation]
    return send(permission_world, row, "OO", make_path_params(permission_world, row, "OO")).status


@pytest.mark.slow("compares all rows many times")
@pytest.mark.parametrize("operation", WRITTEN_TABLES)
def test_change_is_seen_and_can_be_discarded(permission_world: PermissionWorld, operation: str):
    for _ in range(2):
        with permission_world.sandbox.discard_changes():
            assert call(permission_world, operation) in (200, 201, 204)
            assert WRITTEN_TABLES[operation] in permission_world.sandbox.find_changes()
        assert permission_world.sandbox.find_changes() == []


@pytest.mark.slow("compares all rows many times")
def test_rows_that_a_deletion_cascades_to_are_seen(permission_world: PermissionWorld):
    assert call(permission_world, "projects.delete") in (200, 204)
    assert {"stellary_projects", "stellary_columns", "stellary_cards"} <= {
        *permission_world.sandbox.find_changes()
    }


def test_read_is_no_change(permission_world: PermissionWorld):
    assert call(permission_world, "cards.list") == 200
    assert permission_world.sandbox.find_changes() == []


def test_unit_that_fails_is_undone_and_earlier_changes_stay(permission_world: PermissionWorld):
    def fail() -> None:
        with permission_world.sandbox.writing() as connection:
            connection.exec_driver_sql("UPDATE stellary_labels SET name = 'other'")
            raise LookupError

    assert call(permission_world, "labels.create") == 201
    before = permission_world.sandbox.find_changes()
    with pytest.raises(LookupError):
        fail()
    assert permission_world.sandbox.find_changes() == before
    names = permission_world.sandbox.connection.exec_driver_sql("SELECT name FROM stellary_labels").scalars()
    assert "other" not in set(names)


def test_nested_changes_are_discarded_separately(permission_world: PermissionWorld):
    def change(name: str) -> None:
        with permission_world.sandbox.writing() as connection:
            connection.exec_driver_sql(f"UPDATE stellary_labels SET name = '{name}'")

    def read_names() -> set[str]:
        return set(
            permission_world.sandbox.connection.exec_driver_sql("SELECT name FROM stellary_labels").scalars()
        )

    first = read_names()
    with permission_world.sandbox.discard_changes():
        with permission_world.sandbox.discard_changes():
            change("inner")
        assert read_names() == first
        change("outer")
        with permission_world.sandbox.discard_changes():
            change("inner")
        assert read_names() == {"outer"}
    assert read_names() == first
