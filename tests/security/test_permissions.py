"""Every cell of the permission table on SQLite, and a sixth on PostgreSQL; `dev.py permissions` tries all on both."""

import orjson
import pytest

from tests.security.cells import find_wrong_cells, list_cells
from tests.security.each_row import each_row
from tests.security.good_requests import GOOD_REQUESTS, make_path_params, send
from tests.security.permission_world import PermissionWorld
from tests.security.sampling import sample
from tests.security.table import ROW_BY_OPERATION, ROWS, SERVED, Row
from tests.support.core_parts import SERVICES

AUTHORED = [
    row.operation
    for row in SERVED
    # What is in the trash has an author only if it had one before.
    if row.role in ("author", "creator") and row.operation != "trash.delete"
]
CREATIONS = {"attachments": "attachments.upload", "projects": "projects.save_template"}
"""By resource: the operation that creates an item, if it is not called ``create``."""

NOT_READY = {
    "project_drafts.refine": 400,
    "project_drafts.edit_roadmap": 409,
    "project_drafts.execute": 409,
}
"""What a new item answers that is not ready for an operation."""


@pytest.mark.slow("tries each cell of the permission table")
@each_row(SERVED)
def test_each_persona_gets_the_answer_of_the_table(permission_world: PermissionWorld, row: Row):
    wrong = find_wrong_cells(permission_world, sample(permission_world, row, list_cells(row)))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("operation", AUTHORED)
def test_author_may_do_what_other_members_may_not(permission_world: PermissionWorld, operation: str):
    row, resource = ROW_BY_OPERATION[operation], operation.partition(".")[0]
    is_tried = any(cell.startswith("2xx") for cell in row.cells.values())
    assert is_tried, "let a persona create the item, in permission_world.py"
    creation = ROW_BY_OPERATION[CREATIONS.get(resource, f"{resource}.create")]
    params = make_path_params(permission_world, creation, "WM")
    item = orjson.loads(send(permission_world, creation, "WM", params).body)
    params = make_path_params(permission_world, row, "WM") | {row.parameters[-1]: item["id"]}
    assert send(permission_world, row, "PM", params).status == 403
    assert send(permission_world, row, "WM", params).status in (200, 201, NOT_READY.get(operation))


def test_each_operation_is_in_the_table():
    missing = set(SERVICES) - {row.operation for row in ROWS}
    assert missing == set(), "decide in permissions_beyond.tsv who may call them"


def test_each_operation_has_a_good_request():
    assert set(SERVICES) - set(GOOD_REQUESTS) == set(), "add their requests to good_requests.py"
