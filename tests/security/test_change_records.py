"""Each endpoint that writes records a change with its values, which streams and webhooks send, or is named with the reason."""

from collections.abc import Mapping
from typing import Final

import orjson
import pytest
from sqlalchemy import bindparam, func, insert, select, update

from tests.security.each_row import each_row
from tests.security.good_requests import make_path_params, send
from tests.security.permission_world import PermissionWorld
from tests.security.table import PEOPLE, SERVED, Row
from tests.support.tables import activities, organization_activities, webhooks, workspaces
from tests.support.tables import webhook_deliveries as deliveries

_ACCOUNT = "belongs to one person, and to no workspace"
_ATTEMPT = "sends a message again; its deliveries are a log of their own"
_DRAFT = "a draft is its author's; the project that it becomes is recorded"
_KEY = "a key is a secret; the usage names the providers that have one"
_SAVED = "a way to list cards, which changes none, and is often private"
_TEMPLATE = "a template changes no project"
_PARTS = "a part of an import; the import is recorded once it is complete"

NOT_RECORDED: Final[Mapping[str, str]] = {
    "automations.test": "changes nothing",
    "auth.register": _ACCOUNT,
    "auth.login": _ACCOUNT,
    "auth.update_me": _ACCOUNT,
    "auth.change_password": _ACCOUNT,
    "auth.forgot_password": _ACCOUNT,
    "auth.reset_password": _ACCOUNT,
    "auth.logout": _ACCOUNT,
    "auth.revoke_session": _ACCOUNT,
    "auth.unlink_identity": _ACCOUNT,
    "auth.change_email": _ACCOUNT,
    "auth.confirm_email": _ACCOUNT,
    "auth.enroll_second_factor": _ACCOUNT,
    "auth.confirm_second_factor": _ACCOUNT,
    "auth.disable_second_factor": _ACCOUNT,
    "notifications.read_all": _ACCOUNT,
    "notifications.read": _ACCOUNT,
    "notifications.update_preferences": _ACCOUNT,
    "cards.watch": _ACCOUNT,
    "cards.unwatch": _ACCOUNT,
    "projects.watch": _ACCOUNT,
    "projects.unwatch": _ACCOUNT,
    "api_tokens.create": _ACCOUNT,
    "api_tokens.delete": _ACCOUNT,
    "project_drafts.create": _DRAFT,
    "project_drafts.refine": _DRAFT,
    "project_drafts.generate_roadmap": _DRAFT,
    "project_drafts.edit_roadmap": _DRAFT,
    "project_drafts.delete": _DRAFT,
    "model_usage.set_key": _KEY,
    "saved_filters.create": _SAVED,
    "saved_filters.update": _SAVED,
    "saved_filters.delete": _SAVED,
    "projects.save_template": _TEMPLATE,
    "projects.update_template": _TEMPLATE,
    "projects.delete_template": _TEMPLATE,
    "webhooks.redeliver": _ATTEMPT,
    "imports.create": _PARTS,
    "imports.add_part": _PARTS,
    "imports.delete": _PARTS,
}
"""Operations that write without a record, with the reason."""

_TEXT = "the text of comments must not remain after their deletion"
_IMPORT = "one record stands for all contents of the project; the number of cards per column is in the meta"
_RESTORED = "the item is in the meta, and its fields do not change"

WITHOUT_VALUES: Final[Mapping[str, str]] = {
    "projects.import": _IMPORT,
    "projects.duplicate": _IMPORT,
    "comments.create": _TEXT,
    "comments.delete": _TEXT,
    "comments.update": _TEXT,
    "document_comments.create": _TEXT,
    "document_comments.delete": _TEXT,
    "document_comments.update": _TEXT,
    "project_drafts.execute": _IMPORT,
    "trash.restore": _RESTORED,
    "trash.delete": _RESTORED,
    "deleted_containers.restore": _RESTORED,
    "deleted_containers.delete": _RESTORED,
    "imports.complete": _IMPORT,
}
"""Operations whose record has no values, with the reason."""

_OF_ORGANIZATION = (
    "a stream or a webhook belongs to a workspace, whose members need not be admins of the organization"
)

NOT_SENT: Final[Mapping[str, str]] = dict.fromkeys(
    (
        "organizations.create",
        "organizations.update",
        "organizations.delete",
        "organizations.update_member",
        "workspaces.create",
        "workspaces.delete",
        "deleted_containers.restore",
        "deleted_containers.delete",
    ),
    _OF_ORGANIZATION,
)
"""Operations that are recorded only in the activity of the organization, with the reason."""

WRITING = [
    row
    for row in SERVED
    # All personas have a password, for which no link is sent: tests/core/accounts/test_confirmations.py.
    if row.method != "GET" and row.operation != "auth.send_confirmation"
]
_HOOK = {
    "url": "https://hooks.example.com/all",
    "events": [],
    "active": True,
    "secret": "whsec_c2VjcmV0",
    "failures": 0,
}
_ACTIVATE = update(webhooks).values(active=True)
_MARK_SUBSCRIBED = update(workspaces).values(has_listeners=True)
_LAST = select(func.coalesce(func.max(activities.c.seq), 0))
_OF_ORGANIZATIONS_IDS = select(organization_activities.c.id)
_RECORDED = select(activities).where(activities.c.seq > bindparam("_last")).order_by(activities.c.seq)
_MESSAGES = select(deliveries.c.payload).where(deliveries.c.webhook_id.in_(bindparam("_ids", expanding=True)))


def find_caller(row: Row) -> str:
    """Return a person who may call an endpoint."""
    return next(persona for persona in reversed(PEOPLE) if row.cells[persona].startswith("2xx"))


def subscribe_to_everything(permission_world: PermissionWorld) -> list[str]:
    """Create a webhook for all activities in each workspace, and return their ids."""
    connection, now = permission_world.sandbox.connection, permission_world.core.env.clock()
    connection.execute(_MARK_SUBSCRIBED)
    connection.execute(_ACTIVATE)
    shared = {
        **_HOOK,
        "created_by_id": permission_world.people["OO"].id,
        "created_at": now,
        "updated_at": now,
    }
    rows = [
        {**shared, "id": f"{number:024x}", "workspace_id": workspace_id}
        for number, workspace_id in enumerate(connection.execute(select(workspaces.c.id)).scalars())
    ]
    connection.execute(insert(webhooks), rows)
    return [row["id"] for row in rows]


@pytest.mark.slow("sends each write")
@each_row(WRITING)
def test_each_write_is_recorded_with_its_values_and_sent(permission_world: PermissionWorld, row: Row):
    caller = find_caller(row)
    with permission_world.sandbox.discard_changes():
        connection = permission_world.sandbox.connection
        hook_ids = subscribe_to_everything(permission_world)
        last = connection.execute(_LAST).scalar_one()
        recorded_before = set(connection.execute(_OF_ORGANIZATIONS_IDS).scalars())
        owner = None if row.cells[caller] == "2xx" else "own"
        response = send(permission_world, row, caller, make_path_params(permission_world, row, caller, owner))
        assert response.status < 300
        recorded = connection.execute(_RECORDED, {"_last": last}).fetchall()
        of_organizations = [
            activity
            for activity in connection.execute(select(organization_activities))
            if activity.id not in recorded_before
        ]
        messages = connection.execute(_MESSAGES, {"_ids": hook_ids}).scalars().all()
    if row.operation in NOT_RECORDED:
        assert not [*recorded, *of_organizations], "remove it from NOT_RECORDED"
        return
    assert [*recorded, *of_organizations], "name it in NOT_RECORDED, or record it"
    sent_ids = {orjson.loads(payload)["data"]["id"] for payload in messages}
    assert {activity.id for activity in recorded} <= sent_ids
    assert bool(recorded) != (row.operation in NOT_SENT), "NOT_SENT is out of date"
    has_values = any(activity.changes for activity in [*recorded, *of_organizations])
    assert has_values != (row.operation in WITHOUT_VALUES), "WITHOUT_VALUES is out of date"
