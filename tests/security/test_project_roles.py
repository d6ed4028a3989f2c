"""The least role in a project that the policy row of each endpoint names, on both databases; roles of members are in the permission table."""

import orjson
import pytest
from sqlalchemy import delete, insert, update

from stellary.contract.roles import PROJECT_ROLES
from tests.security.each_row import each_row
from tests.security.good_requests import make_path_params, send
from tests.security.permission_world import PermissionWorld
from tests.security.table import SERVED, Row
from tests.support.core_parts import SERVICES
from tests.support.each_case import for_each
from tests.support.tables import project_members, projects

pytestmark = pytest.mark.slow("creates the world of the permission table")

MEMBER, OTHER = "PM", "WM"
"""A member of the project, and a member of the workspace who is none."""


def _policy(row: Row):
    return SERVICES[row.operation].endpoint.policy


IN_PROJECT = [
    row
    for row in SERVED
    if _policy(row).project is not None
    and not row.path.endswith(("/projects/templates", "/events"))
    and (":projectId" in row.path or row.nested_path)
]
"""The endpoints of items in a project."""


def _set_role(permission_world: PermissionWorld, persona: str, role: str | None) -> None:
    """Give a person a role in the project; None ends the membership."""
    key = {
        "project_id": permission_world.here["projectId"],
        "user_id": permission_world.people[persona].id,
    }
    is_member = [column == key[column.name] for column in project_members.primary_key]
    execute = permission_world.sandbox.connection.execute
    created_at = permission_world.core.env.clock()
    execute(delete(project_members).where(*is_member))
    if role is not None:
        execute(insert(project_members), {**key, "role": role, "created_at": created_at})


def _set_others_role(permission_world: PermissionWorld, role: str) -> None:
    this = projects.c.id == permission_world.here["projectId"]
    permission_world.sandbox.connection.execute(update(projects).where(this).values(member_role=role))


def _describe(permission_world: PermissionWorld, row: Row, persona: str) -> str:
    """Return the answer to a good request, with the role that it names."""
    params = make_path_params(permission_world, row, persona)
    before = {name: permission_world.sandbox._dump([name]) for name in ("stellary_cards",)}
    answer = send(permission_world, row, persona, params)
    if answer.status < 300:
        return "2xx"
    assert before == {name: permission_world.sandbox._dump([name]) for name in before}
    message = orjson.loads(answer.body)["message"]
    roles = [role for role in PROJECT_ROLES if f"the role {role} " in message]
    return " ".join([str(answer.status), *roles])


def _expect(row: Row, role: str, cell: str) -> str:
    """Return the answer to a role in the project, if the table has a cell for a role that is enough."""
    needed = _policy(row).project
    if PROJECT_ROLES.index(role) < PROJECT_ROLES.index(needed):
        return f"403 {needed}"
    if row.role == "author_or_manager" and role != "manager":
        return "403"
    return "2xx" if cell.startswith("2xx") else cell


@each_row(IN_PROJECT)
def test_each_role_of_others_gets_what_the_policy_row_says(permission_world: PermissionWorld, row: Row):
    answers, expected = {}, {}
    for role in PROJECT_ROLES[:-1]:
        with permission_world.sandbox.discard_changes():
            _set_others_role(permission_world, role)
            answers[role] = _describe(permission_world, row, OTHER)
        expected[role] = _expect(row, role, row.cells[OTHER])
    assert answers == expected


@each_row(IN_PROJECT)
def test_admins_are_managers_whatever_their_role(permission_world: PermissionWorld, row: Row):
    _set_others_role(permission_world, "viewer")
    _set_role(permission_world, "WA", "viewer")
    for persona in ("WA", "OA"):
        with permission_world.sandbox.discard_changes():
            answer = _describe(permission_world, row, persona)
        assert answer == _expect(row, "manager", row.cells[persona]), persona


@for_each(
    "operation, role",
    [
        ("projects.board", "viewer"),
        ("automations.list", "viewer"),
        ("comments.create", "commenter"),
        ("document_comments.create", "commenter"),
        ("cards.update", "editor"),
        ("checklist.update", "editor"),
        ("columns.delete", "editor"),
        ("attachments.delete", "editor"),
        ("documents.update", "editor"),
        ("activity.undo", "editor"),
        ("projects.delete", "manager"),
        ("projects.add_member", "manager"),
        ("automations.create", "manager"),
    ],
)
def test_least_roles(operation, role):
    assert SERVICES[operation].endpoint.policy.project == role


def _ask(permission_world: PermissionWorld, persona: str, method: str, tail: str, body=None):
    here = permission_world.here
    path = f"/orgs/acme/workspaces/eng/{tail.format(**here)}"
    answer = permission_world.world.call(permission_world._bearers[persona], method, path, body)
    return answer.status, orjson.loads(answer.body)


@for_each(
    "method, tail, body",
    [
        ("PATCH", "projects/{projectId}", {"memberRole": "viewer"}),
        ("POST", "documents", {"title": "Mine", "contextType": "project", "contextId": "{projectId}"}),
        ("POST", "documents", {"title": "Mine", "contextType": "scope", "contextId": "{scopeId}"}),
    ],
)
def test_fields_that_need_a_role(permission_world: PermissionWorld, method, tail, body):
    body = {name: value.format(**permission_world.here) for name, value in body.items()}
    _set_role(permission_world, OTHER, "commenter")
    assert _ask(permission_world, OTHER, method, tail, body)[0] == 403
    _set_role(permission_world, OTHER, "manager")
    assert _ask(permission_world, OTHER, method, tail, body)[0] < 300


def test_documents_of_a_project_follow_its_roles(permission_world: PermissionWorld):
    place = {"contextType": "project", "contextId": permission_world.here["projectId"]}
    plan = _ask(permission_world, "BOSS", "POST", "documents", {"title": "Plan", **place})[1]["id"]
    path = f"documents/{plan}"
    for role, expected in {
        "viewer": [403, 403, 403],
        "commenter": [403, 403, 201],
        "editor": [200, 201, 201],
    }.items():
        with permission_world.sandbox.discard_changes():
            _set_role(permission_world, OTHER, role)
            assert _ask(permission_world, OTHER, "GET", path)[0] == 200
            statuses = [
                _ask(permission_world, OTHER, "PATCH", path, {"title": "Plans"})[0],
                _ask(permission_world, OTHER, "POST", "documents", {"title": "Part", "parentId": plan})[0],
                _ask(permission_world, OTHER, "POST", f"{path}/comments", {"content": "Well."})[0],
            ]
            assert statuses == expected, role


def test_deleted_items_follow_the_roles_of_their_project(permission_world: PermissionWorld):
    restore = "trash/{trashId}/restore"
    _set_role(permission_world, OTHER, "viewer")
    assert _ask(permission_world, OTHER, "POST", restore, {})[0] == 403
    _set_role(permission_world, OTHER, "editor")
    assert _ask(permission_world, OTHER, "POST", restore, {})[0] == 200


def test_change_of_a_role_is_recorded(permission_world: PermissionWorld):
    member = permission_world.people[MEMBER].id
    path = f"projects/{{projectId}}/members/{member}"
    status, changed = _ask(permission_world, "BOSS", "PATCH", path, {"role": "viewer"})
    assert (status, changed["role"]) == (200, "viewer")
    activity = _ask(permission_world, "BOSS", "GET", "projects/{projectId}/activity?limit=1")[1][0]
    assert activity == activity | {"type": "member_updated", "entity": "member", "entityId": member}
    expected = [("role", "manager", "viewer")]
    assert [(change["field"], change["from"], change["to"]) for change in activity["changes"]] == expected


def test_export_and_import_keep_roles(permission_world: PermissionWorld):
    _set_role(permission_world, MEMBER, "commenter")
    _set_others_role(permission_world, "viewer")
    file = _ask(permission_world, "BOSS", "GET", "projects/{projectId}/export")[1]
    copy = _ask(permission_world, "BOSS", "POST", "projects/import", file)[1]
    members = _ask(permission_world, "BOSS", "GET", f"projects/{copy['id']}/members")[1]
    roles = {member["email"]: member["role"] for member in members}
    assert (roles["pm@example.com"], roles["boss@example.com"]) == ("commenter", "manager")
    assert _ask(permission_world, "BOSS", "GET", f"projects/{copy['id']}")[1]["memberRole"] == "viewer"
