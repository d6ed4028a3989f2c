"""The request of each method over HTTP, with both clients: one table."""

import inspect
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import attrs
import httpx
import orjson
import pytest
import respx

from stellary import AsyncStellary, Stellary
from stellary.client.testing import example
from stellary.contract import ENDPOINTS
from stellary.contract.agents import SetRateLimit
from stellary.contract.automations import ActionToRun
from stellary.contract.cards import CardChange, CardInColumn
from stellary.contract.endpoint import Ok
from stellary.contract.project_imports import ImportedCard, ImportedColumn, ImportedProject
from stellary.contract.wire import dump
from stellary.contract.wizard import GivenDocument
from tests.client.simulation import find_endpoint
from tests.support.each_case import for_each

WORKSPACE = "/orgs/acme/workspaces/eng"
PROJECT = f"{WORKSPACE}/projects/p1"
PILOTAGE = f"{WORKSPACE}/pilotage"
NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)


@attrs.frozen
class Row:
    """A call, and the request that it sends."""

    operation: str
    call: Callable[[Any], Any]
    request: str
    body: Any = None
    name: str = ""

    def __str__(self) -> str:
        return self.name or self.operation


def workspace(client):
    return client.workspace("acme", "eng")


def board(client):
    return workspace(client).project("p1")


def pilotage(client):
    return workspace(client).pilotage


def agent(client):
    return workspace(client).agents("a1")


def mission(client):
    return workspace(client).mission("m1")


def card(client):
    return board(client).card("c1")


TABLE = [
    Row(
        "auth.register",
        lambda c: c.auth.register(email="a@b.c", password="long enough", name="A"),
        "POST /auth/register",
        {"email": "a@b.c", "password": "long enough", "name": "A"},
    ),
    Row(
        "auth.login",
        lambda c: c.auth.login(email="a@b.c", password="long enough"),
        "POST /auth/login",
        {"email": "a@b.c", "password": "long enough"},
    ),
    Row(
        "documents.create",
        lambda c: workspace(c).documents.create(
            title="Plan",
            doc_type="spec",
            content="# Plan",
            content_format="markdown",
            context_type="project",
            context_id="p1",
            parent_id="d0",
            tags=["api"],
        ),
        f"POST {WORKSPACE}/documents",
        {
            "title": "Plan",
            "docType": "spec",
            "content": "# Plan",
            "contentFormat": "markdown",
            "contextType": "project",
            "contextId": "p1",
            "parentId": "d0",
            "tags": ["api"],
        },
    ),
    Row(
        "documents.list",
        lambda c: workspace(c).documents.list(doc_type="adr", top_level=True, tag="api"),
        f"GET {WORKSPACE}/documents?docType=adr&topLevel=true&tag=api",
    ),
    Row(
        "documents.get",
        lambda c: workspace(c).documents.get("d1", content_format="markdown"),
        f"GET {WORKSPACE}/documents/d1?contentFormat=markdown",
    ),
    Row(
        "documents.update",
        lambda c: workspace(c).documents.update("d1", title="Plans", parent_id=None),
        f"PATCH {WORKSPACE}/documents/d1",
        {"title": "Plans", "parentId": None, "contentFormat": "tiptap"},
    ),
    Row(
        "documents.delete",
        lambda c: workspace(c).document("d1").delete(),
        f"DELETE {WORKSPACE}/documents/d1",
    ),
    Row("trash.list", lambda c: workspace(c).trash.list(kind="card"), f"GET {WORKSPACE}/trash?kind=card"),
    Row(
        "trash.restore",
        lambda c: workspace(c).trash.restore("t1", name="defect"),
        f"POST {WORKSPACE}/trash/t1/restore",
        {"name": "defect"},
    ),
    Row("trash.delete", lambda c: workspace(c).trash.delete("t1"), f"DELETE {WORKSPACE}/trash/t1"),
    Row(
        "documents.submit_review",
        lambda c: workspace(c).document("d1").submit_review(),
        f"POST {WORKSPACE}/documents/d1/submit-review",
    ),
    Row(
        "documents.review",
        lambda c: workspace(c).documents.review("d1", status="changes_requested", notes="Why?"),
        f"POST {WORKSPACE}/documents/d1/review",
        {"status": "changes_requested", "notes": "Why?"},
    ),
    Row(
        "documents.versions",
        lambda c: workspace(c).documents.versions("d1", limit=5),
        f"GET {WORKSPACE}/documents/d1/versions?limit=5",
    ),
    Row(
        "documents.get_version",
        lambda c: workspace(c).documents.get_version("d1", "v1"),
        f"GET {WORKSPACE}/documents/d1/versions/v1?contentFormat=tiptap",
    ),
    Row(
        "document_comments.list",
        lambda c: workspace(c).document("d1").comments.list(),
        f"GET {WORKSPACE}/documents/d1/comments",
    ),
    Row(
        "document_comments.create",
        lambda c: workspace(c).documents("d1").comments.create(content="Fine"),
        f"POST {WORKSPACE}/documents/d1/comments",
        {"content": "Fine"},
    ),
    Row(
        "document_comments.update",
        lambda c: workspace(c).document("d1").comments.update("m1", content="Good"),
        f"PATCH {WORKSPACE}/documents/d1/comments/m1",
        {"content": "Good"},
    ),
    Row(
        "document_comments.delete",
        lambda c: workspace(c).document("d1").comments.delete("m1"),
        f"DELETE {WORKSPACE}/documents/d1/comments/m1",
    ),
    Row("auth.me", lambda c: c.auth.me(), "GET /auth/me"),
    Row("auth.update_me", lambda c: c.auth.update_me(name="B"), "PATCH /auth/me", {"name": "B"}),
    Row(
        "auth.change_password",
        lambda c: c.auth.change_password(current_password="old", new_password="new enough"),
        "POST /auth/change-password",
        {"currentPassword": "old", "newPassword": "new enough"},
    ),
    Row(
        "auth.change_email",
        lambda c: c.auth.change_email(email="b@b.c", current_password="old"),
        "POST /auth/change-email",
        {"email": "b@b.c", "currentPassword": "old"},
    ),
    Row(
        "auth.confirm_email",
        lambda c: c.auth.confirm_email(token="t"),
        "POST /auth/confirm-email",
        {"token": "t"},
    ),
    Row(
        "auth.send_confirmation",
        lambda c: c.auth.send_confirmation(action="delete_account"),
        "POST /auth/send-confirmation",
        {"action": "delete_account"},
    ),
    Row(
        "auth.delete_account",
        lambda c: c.auth.delete_account(current_password="old"),
        "POST /auth/delete-account",
        {"currentPassword": "old"},
    ),
    Row("auth.logout", lambda c: c.auth.logout(), "POST /auth/logout"),
    Row("auth.list_sessions", lambda c: c.auth.list_sessions(limit=5), "GET /auth/sessions?limit=5"),
    Row("auth.revoke_session", lambda c: c.auth.revoke_session("s1"), "DELETE /auth/sessions/s1"),
    Row("auth.list_identities", lambda c: c.auth.list_identities(limit=5), "GET /auth/identities?limit=5"),
    Row("auth.unlink_identity", lambda c: c.auth.unlink_identity("i1"), "DELETE /auth/identities/i1"),
    Row("auth.get_second_factor", lambda c: c.auth.get_second_factor(), "GET /auth/second-factor"),
    Row(
        "auth.enroll_second_factor",
        lambda c: c.auth.enroll_second_factor(current_password="old"),
        "POST /auth/second-factor",
        {"currentPassword": "old"},
    ),
    Row(
        "auth.confirm_second_factor",
        lambda c: c.auth.confirm_second_factor(code="123456"),
        "POST /auth/second-factor/confirm",
        {"code": "123456"},
    ),
    Row(
        "auth.disable_second_factor",
        lambda c: c.auth.disable_second_factor(current_password="old", code="123456"),
        "POST /auth/second-factor/disable",
        {"currentPassword": "old", "code": "123456"},
    ),
    Row(
        "auth.forgot_password",
        lambda c: c.auth.forgot_password(email="a@b.c"),
        "POST /auth/forgot-password",
        {"email": "a@b.c"},
    ),
    Row(
        "auth.reset_password",
        lambda c: c.auth.reset_password(token="t", new_password="new enough", revoke_tokens=True),
        "POST /auth/reset-password",
        {"token": "t", "newPassword": "new enough", "revokeTokens": True},
    ),
    Row("api_tokens.list", lambda c: c.api_tokens.list(), "GET /api-tokens"),
    Row(
        "api_tokens.create",
        lambda c: c.api_tokens.create(name="ci", scopes=["projects:read"], expires_at=NOON),
        "POST /api-tokens",
        {"name": "ci", "scopes": ["projects:read"], "expiresAt": "2026-04-01T12:00:00Z"},
    ),
    Row("deleted_containers.list", lambda c: c.trash.list(), "GET /trash", name="container_trash.list"),
    Row(
        "deleted_containers.restore",
        lambda c: c.trash.restore("t1", slug="acme-2"),
        "POST /trash/t1/restore",
        {"slug": "acme-2"},
        name="container_trash.restore",
    ),
    Row(
        "deleted_containers.delete",
        lambda c: c.trash.delete("t1"),
        "DELETE /trash/t1",
        name="container_trash.delete",
    ),
    Row("api_tokens.delete", lambda c: c.api_tokens.delete("t1"), "DELETE /api-tokens/t1"),
    Row(
        "notifications.list",
        lambda c: c.notifications.list(unread_only=True),
        "GET /notifications?limit=50&unreadOnly=true",
    ),
    Row("notifications.count", lambda c: c.notifications.count(), "GET /notifications/count"),
    Row("notifications.read", lambda c: c.notifications.read("n1"), "PATCH /notifications/n1/read"),
    Row("notifications.read_all", lambda c: c.notifications.read_all(), "PATCH /notifications/read-all"),
    Row("organizations.list", lambda c: c.organizations.list(limit=5), "GET /organizations?limit=5"),
    Row(
        "organizations.create",
        lambda c: c.organizations.create(name="Acme", slug="acme"),
        "POST /organizations",
        {"name": "Acme", "slug": "acme"},
    ),
    Row("organizations.get", lambda c: c.organizations.get("acme"), "GET /organizations/acme"),
    Row(
        "organizations.get",
        lambda c: c.organization("acme").get(),
        "GET /organizations/acme",
        name="organization.get",
    ),
    Row(
        "organizations.update",
        lambda c: c.organizations.update("acme", name="A"),
        "PATCH /organizations/acme",
        {"name": "A"},
    ),
    Row(
        "organizations.update",
        lambda c: c.organization("acme").update(name="A"),
        "PATCH /organizations/acme",
        {"name": "A"},
        name="organization.update",
    ),
    Row("organizations.delete", lambda c: c.organizations.delete("acme"), "DELETE /organizations/acme"),
    Row(
        "organizations.delete",
        lambda c: c.organizations("acme").delete(),
        "DELETE /organizations/acme",
        name="organization.delete",
    ),
    Row("organizations.leave", lambda c: c.organizations.leave("acme"), "POST /organizations/acme/leave"),
    Row(
        "organizations.leave",
        lambda c: c.organization("acme").leave(),
        "POST /organizations/acme/leave",
        name="organization.leave",
    ),
    Row(
        "organizations.list_members",
        lambda c: c.organization("acme").members.list(),
        "GET /organizations/acme/members",
    ),
    Row(
        "organizations.add_member",
        lambda c: c.organization("acme").members.add(email="a@b.c", role="admin"),
        "POST /organizations/acme/members",
        {"email": "a@b.c", "role": "admin"},
    ),
    Row(
        "organizations.update_member",
        lambda c: c.organization("acme").members.update("u1", role="member"),
        "PATCH /organizations/acme/members/u1",
        {"role": "member"},
    ),
    Row(
        "organizations.remove_member",
        lambda c: c.organization("acme").members.remove("u1"),
        "DELETE /organizations/acme/members/u1",
    ),
    Row("workspaces.list", lambda c: c.organization("acme").workspaces.list(), "GET /orgs/acme/workspaces"),
    Row(
        "workspaces.create",
        lambda c: c.organization("acme").workspaces.create(name="Eng", slug="eng"),
        "POST /orgs/acme/workspaces",
        {"name": "Eng", "slug": "eng"},
    ),
    Row("workspaces.get", lambda c: c.organization("acme").workspaces.get("eng"), f"GET {WORKSPACE}"),
    Row("workspaces.get", lambda c: workspace(c).get(), f"GET {WORKSPACE}", name="workspace.get"),
    Row("workspaces.update", lambda c: workspace(c).update(name="E"), f"PATCH {WORKSPACE}", {"name": "E"}),
    Row("workspaces.delete", lambda c: workspace(c).delete(), f"DELETE {WORKSPACE}"),
    Row("workspaces.list_members", lambda c: workspace(c).members.list(), f"GET {WORKSPACE}/members"),
    Row(
        "workspaces.invite",
        lambda c: workspace(c).members.invite(email="a@b.c"),
        f"POST {WORKSPACE}/members/invite",
        {"email": "a@b.c", "role": "member"},
    ),
    Row(
        "workspaces.update_member",
        lambda c: workspace(c).members.update("u1", pilotage_role="reviewer"),
        f"PATCH {WORKSPACE}/members/u1",
        {"pilotageRole": "reviewer"},
    ),
    Row(
        "workspaces.remove_member",
        lambda c: workspace(c).members.remove("u1"),
        f"DELETE {WORKSPACE}/members/u1",
    ),
    Row("invitations.list", lambda c: workspace(c).invitations.list(), f"GET {WORKSPACE}/invitations"),
    Row(
        "invitations.revoke",
        lambda c: workspace(c).invitations.revoke("i1"),
        f"DELETE {WORKSPACE}/invitations/i1",
    ),
    Row("invitations.accept", lambda c: c.invitations.accept("secret"), "POST /invitations/secret/accept"),
    Row(
        "projects.list",
        lambda c: workspace(c).projects.list(archived=False),
        f"GET {WORKSPACE}/projects?archived=false",
    ),
    Row(
        "projects.create",
        lambda c: workspace(c).projects.create(name="Q1 Launch", template_id="development"),
        f"POST {WORKSPACE}/projects",
        {"name": "Q1 Launch", "templateId": "development"},
    ),
    Row(
        "projects.templates",
        lambda c: workspace(c).projects.templates(),
        f"GET {WORKSPACE}/projects/templates",
    ),
    Row(
        "projects.portfolio",
        lambda c: workspace(c).projects.portfolio(archived=False),
        f"GET {WORKSPACE}/projects/portfolio?archived=false",
    ),
    Row(
        "search.query",
        lambda c: workspace(c).search(q="blue sky", kind=["card", "comment"], limit=5),
        f"GET {WORKSPACE}/search?limit=5&q=blue+sky&kind=card&kind=comment",
    ),
    Row("projects.get", lambda c: workspace(c).projects.get("p1"), f"GET {PROJECT}"),
    Row("projects.get", lambda c: board(c).get(), f"GET {PROJECT}", name="project.get"),
    Row(
        "projects.update",
        lambda c: board(c).update(description=None, archived=True),
        f"PATCH {PROJECT}",
        {"description": None, "archived": True},
    ),
    Row("projects.delete", lambda c: board(c).delete(), f"DELETE {PROJECT}"),
    Row("projects.board", lambda c: board(c).board(), f"GET {PROJECT}/board"),
    Row(
        "projects.activity",
        lambda c: board(c).activity.list(card_id="c1", type="comment_added"),
        f"GET {PROJECT}/activity?limit=50&type=comment_added&cardId=c1",
    ),
    Row(
        "workspaces.activity",
        lambda c: workspace(c).activity.list(entity="workspace_member"),
        f"GET {WORKSPACE}/activity?limit=50&entity=workspace_member",
    ),
    Row(
        "organizations.activity",
        lambda c: c.organization("acme").activity.list(type="workspace_deleted"),
        "GET /organizations/acme/activity?limit=50&type=workspace_deleted",
    ),
    Row("activity.undo", lambda c: board(c).undo("v1"), f"POST {PROJECT}/activity/v1/undo"),
    Row("activity.undo", lambda c: board(c).activity.undo("v1"), f"POST {PROJECT}/activity/v1/undo"),
    Row("projects.export", lambda c: workspace(c).projects.export("p1"), f"GET {PROJECT}/export"),
    Row("projects.export", lambda c: board(c).export(), f"GET {PROJECT}/export", name="project.export"),
    Row(
        "projects.import",
        lambda c: workspace(c).projects.import_(
            project=ImportedProject(name="A"),
            columns=[ImportedColumn(name="To Do")],
            cards=[ImportedCard(title="B", column_index=0)],
        ),
        f"POST {WORKSPACE}/projects/import",
        {
            "project": {"name": "A", "archived": False, "lastNumber": 0},
            "columns": [{"name": "To Do"}],
            "cards": [{"title": "B", "columnIndex": 0, "archived": False}],
        },
    ),
    Row(
        "projects.import",
        lambda c: workspace(c).projects.import_file(b'{"project": {"name": "A", "new": [1]}}'),
        f"POST {WORKSPACE}/projects/import",
        {"project": {"name": "A", "new": [1]}},
        name="projects.import_file",
    ),
    Row("projects.list_members", lambda c: board(c).members.list(), f"GET {PROJECT}/members"),
    Row(
        "projects.add_member",
        lambda c: board(c).members.add(email="a@b.c"),
        f"POST {PROJECT}/members",
        {"email": "a@b.c"},
    ),
    Row("projects.remove_member", lambda c: board(c).members.remove("u1"), f"DELETE {PROJECT}/members/u1"),
    Row("columns.list", lambda c: board(c).columns.list(scope_id="s1"), f"GET {PROJECT}/columns?scopeId=s1"),
    Row(
        "columns.create",
        lambda c: board(c).columns.create(name="Doing", wip_limit=3),
        f"POST {PROJECT}/columns",
        {"name": "Doing", "wipLimit": 3},
    ),
    Row(
        "columns.update",
        lambda c: board(c).columns.update("k1", order=0),
        f"PATCH {PROJECT}/columns/k1",
        {"order": 0},
    ),
    Row(
        "columns.delete",
        lambda c: board(c).column("k1").delete(move_cards_to="k2"),
        f"DELETE {PROJECT}/columns/k1?moveCardsTo=k2",
    ),
    Row(
        "cards.list",
        lambda c: board(c).cards.list(column_id="k1", due_before=date(2026, 4, 1), limit=2),
        f"GET {PROJECT}/cards?limit=2&columnId=k1&dueBefore=2026-04-01",
    ),
    Row(
        "cards.list",
        lambda c: board(c).cards.list(custom_field=["f1:high", "f2:a b"]),
        f"GET {PROJECT}/cards?customField=f1%3Ahigh&customField=f2%3Aa+b",
        name="cards.list by custom fields",
    ),
    Row(
        "cards.create",
        lambda c: board(c).columns("k1").cards.create(title="Write the spec", due_date=date(2026, 4, 1)),
        f"POST {PROJECT}/columns/k1/cards",
        {"title": "Write the spec", "dueDate": "2026-04-01"},
    ),
    Row(
        "cards.create",
        lambda c: board(c).cards.create("k1", title="Write the spec", priority="high"),
        f"POST {PROJECT}/columns/k1/cards",
        {"title": "Write the spec", "priority": "high"},
        name="cards.create in a column",
    ),
    Row("cards.get", lambda c: board(c).cards.get("c1"), f"GET {PROJECT}/cards/c1"),
    Row(
        "cards.update",
        lambda c: board(c).cards.update("c1", column_id="k2", order=0, due_date=None),
        f"PATCH {PROJECT}/cards/c1",
        {"columnId": "k2", "order": 0, "dueDate": None},
    ),
    Row("cards.update", lambda c: card(c).update(), f"PATCH {PROJECT}/cards/c1", {}, name="card.update"),
    Row("cards.delete", lambda c: card(c).delete(), f"DELETE {PROJECT}/cards/c1"),
    Row(
        "cards.create_many",
        lambda c: board(c).cards.create_many(cards=[CardInColumn(column_id="k1", title="A")]),
        f"POST {PROJECT}/cards/bulk",
        {"cards": [{"columnId": "k1", "title": "A"}]},
    ),
    Row(
        "cards.update_many",
        lambda c: board(c).cards.update_many(cards=[CardChange(id="c1", archived=True)]),
        f"PATCH {PROJECT}/cards/bulk",
        {"cards": [{"id": "c1", "archived": True}]},
    ),
    Row("comments.list", lambda c: card(c).comments.list(), f"GET {PROJECT}/cards/c1/comments"),
    Row(
        "comments.create",
        lambda c: card(c).comments.create(content="Fine"),
        f"POST {PROJECT}/cards/c1/comments",
        {"content": "Fine"},
    ),
    Row(
        "comments.update",
        lambda c: card(c).comments.update("m1", content="Good"),
        f"PATCH {PROJECT}/cards/c1/comments/m1",
        {"content": "Good"},
    ),
    Row("comments.delete", lambda c: card(c).comments.delete("m1"), f"DELETE {PROJECT}/cards/c1/comments/m1"),
    Row("checklist.list", lambda c: card(c).checklist.list(), f"GET {WORKSPACE}/cards/c1/checklist"),
    Row(
        "checklist.add",
        lambda c: card(c).checklist.add(title="Ask"),
        f"POST {WORKSPACE}/cards/c1/checklist",
        {"title": "Ask", "done": False},
    ),
    Row(
        "checklist.update",
        lambda c: card(c).checklist.update("i1", done=True),
        f"PATCH {WORKSPACE}/cards/c1/checklist/i1",
        {"done": True},
    ),
    Row(
        "checklist.delete",
        lambda c: card(c).checklist.delete("i1"),
        f"DELETE {WORKSPACE}/cards/c1/checklist/i1",
    ),
    Row("custom_fields.list", lambda c: board(c).custom_fields.list(), f"GET {PROJECT}/custom-fields"),
    Row(
        "custom_fields.create",
        lambda c: board(c).custom_fields.create(name="Severity", type="select", options=["high"]),
        f"POST {PROJECT}/custom-fields",
        {"name": "Severity", "type": "select", "options": ["high"], "required": False},
    ),
    Row(
        "custom_fields.update",
        lambda c: board(c).custom_fields.update("f1", required=True),
        f"PATCH {WORKSPACE}/custom-fields/f1",
        {"required": True},
    ),
    Row(
        "custom_fields.delete",
        lambda c: board(c).custom_fields.delete("f1"),
        f"DELETE {WORKSPACE}/custom-fields/f1",
    ),
    Row(
        "custom_fields.set_values",
        lambda c: card(c).custom_fields.set(values={"f1": "high", "f2": None, "f3": date(2026, 4, 1)}),
        f"PATCH {WORKSPACE}/cards/c1/custom-fields",
        {"f1": "high", "f2": None, "f3": "2026-04-01"},
    ),
    Row("automations.list", lambda c: board(c).automations.list(), f"GET {PROJECT}/automations"),
    Row(
        "automations.triggers",
        lambda c: board(c).automations.triggers(),
        f"GET {PROJECT}/automations/triggers",
    ),
    Row(
        "automations.create",
        lambda c: board(c).automations.create(
            trigger="task_moved",
            conditions={"all": [{"field": "toColumn", "op": "eq", "value": "Done"}]},
            action=ActionToRun(type="add_comment", params={"content": "Well done."}),
        ),
        f"POST {PROJECT}/automations",
        {
            "trigger": "task_moved",
            "conditions": {"all": [{"field": "toColumn", "op": "eq", "value": "Done"}]},
            "action": {"type": "add_comment", "params": {"content": "Well done."}},
            "enabled": True,
        },
    ),
    Row("automations.get", lambda c: board(c).automations.get("a1"), f"GET {PROJECT}/automations/a1"),
    Row(
        "automations.update",
        lambda c: board(c).automations.update("a1", conditions=None),
        f"PATCH {PROJECT}/automations/a1",
        {"conditions": None},
    ),
    Row(
        "automations.delete",
        lambda c: board(c).automations.delete("a1"),
        f"DELETE {PROJECT}/automations/a1",
    ),
    Row(
        "automations.toggle",
        lambda c: board(c).automations.toggle("a1"),
        f"PATCH {PROJECT}/automations/a1/toggle",
        {},
    ),
    Row(
        "automations.traces",
        lambda c: board(c).automations.traces("a1", limit=2),
        f"GET {PROJECT}/automations/a1/traces?limit=2",
    ),
    Row(
        "pilotage.state",
        lambda c: pilotage(c).state(profile="revue", intent="weekly_review", detail_level="detailed"),
        f"GET {PILOTAGE}/state?profile=revue&intent=weekly_review&detailLevel=detailed",
    ),
    Row(
        "pilotage.create_mission",
        lambda c: pilotage(c).create_mission(objective="Implement billing", module="billing"),
        f"POST {PILOTAGE}/missions",
        {"objective": "Implement billing", "module": "billing"},
    ),
    Row(
        "pilotage.list_missions",
        lambda c: pilotage(c).list_missions(status="blocked"),
        f"GET {PILOTAGE}/missions?status=blocked",
    ),
    Row(
        "pilotage.update_mission",
        lambda c: pilotage(c).update_mission("m-001", status="in_progress", blocked_reason=None),
        f"PATCH {PILOTAGE}/missions/m-001",
        {"status": "in_progress", "blockedReason": None},
    ),
    Row(
        "pilotage.delete_mission",
        lambda c: pilotage(c).delete_mission("m-001"),
        f"DELETE {PILOTAGE}/missions/m-001",
    ),
    Row(
        "pilotage.create_priority",
        lambda c: pilotage(c).create_priority(label="Ship it"),
        f"POST {PILOTAGE}/priorities",
        {"label": "Ship it"},
    ),
    Row("pilotage.list_priorities", lambda c: pilotage(c).list_priorities(), f"GET {PILOTAGE}/priorities"),
    Row(
        "pilotage.update_priority",
        lambda c: pilotage(c).update_priority("p-001", status="done"),
        f"PATCH {PILOTAGE}/priorities/p-001",
        {"status": "done"},
    ),
    Row(
        "pilotage.delete_priority",
        lambda c: pilotage(c).delete_priority("p-001"),
        f"DELETE {PILOTAGE}/priorities/p-001",
    ),
    Row(
        "pilotage.create_todo",
        lambda c: pilotage(c).create_todo(label="Write tests", mission_id="m-001", priority_id="p-001"),
        f"POST {PILOTAGE}/todos",
        {"label": "Write tests", "missionId": "m-001", "priorityId": "p-001"},
    ),
    Row("pilotage.list_todos", lambda c: pilotage(c).list_todos(limit=2), f"GET {PILOTAGE}/todos?limit=2"),
    Row(
        "pilotage.update_todo",
        lambda c: pilotage(c).update_todo("t-001", status="done", mission_id=None),
        f"PATCH {PILOTAGE}/todos/t-001",
        {"status": "done", "missionId": None},
    ),
    Row("pilotage.delete_todo", lambda c: pilotage(c).delete_todo("t-001"), f"DELETE {PILOTAGE}/todos/t-001"),
    Row(
        "pilotage.create_decision",
        lambda c: pilotage(c).create_decision(title="Use Stripe", impact="Saves three weeks"),
        f"POST {PILOTAGE}/decisions",
        {"title": "Use Stripe", "impact": "Saves three weeks"},
    ),
    Row("pilotage.list_decisions", lambda c: pilotage(c).list_decisions(), f"GET {PILOTAGE}/decisions"),
    Row(
        "pilotage.create_doc",
        lambda c: pilotage(c).create_doc(title="Spec", owner="Jane Doe", source_type="tech"),
        f"POST {PILOTAGE}/docs",
        {"title": "Spec", "owner": "Jane Doe", "sourceType": "tech"},
    ),
    Row("pilotage.list_docs", lambda c: pilotage(c).list_docs(), f"GET {PILOTAGE}/docs"),
    Row(
        "pilotage.update_doc",
        lambda c: pilotage(c).update_doc("doc-001", owner=None),
        f"PATCH {PILOTAGE}/docs/doc-001",
        {"owner": None},
    ),
    Row(
        "pilotage.delete_doc", lambda c: pilotage(c).delete_doc("doc-001"), f"DELETE {PILOTAGE}/docs/doc-001"
    ),
    Row(
        "pilotage.propose_action",
        lambda c: pilotage(c).propose_action(
            action_type="move_card", explanation="All done", payload={"cardId": "c1", "targetColumn": "Done"}
        ),
        f"POST {PILOTAGE}/actions/propose",
        {
            "actionType": "move_card",
            "explanation": "All done",
            "payload": {"cardId": "c1", "targetColumn": "Done"},
        },
    ),
    Row(
        "pilotage.list_actions",
        lambda c: pilotage(c).list_actions(status="suggested"),
        f"GET {PILOTAGE}/actions?status=suggested",
    ),
    Row(
        "pilotage.get_action", lambda c: pilotage(c).get_action("act-001"), f"GET {PILOTAGE}/actions/act-001"
    ),
    Row(
        "pilotage.review_action",
        lambda c: pilotage(c).review_action("act-001", approved=True, reason="Looks correct"),
        f"POST {PILOTAGE}/actions/act-001/review",
        {"approved": True, "reason": "Looks correct"},
    ),
    Row(
        "pilotage.apply_action",
        lambda c: pilotage(c).apply_action("act-001"),
        f"POST {PILOTAGE}/actions/act-001/apply",
    ),
    Row("webhooks.list", lambda c: workspace(c).webhooks.list(), f"GET {WORKSPACE}/webhooks"),
    Row(
        "webhooks.create",
        lambda c: workspace(c).webhooks.create(url="https://x.example", events=["card_moved"]),
        f"POST {WORKSPACE}/webhooks",
        {"url": "https://x.example", "events": ["card_moved"], "active": True},
    ),
    Row(
        "webhooks.update",
        lambda c: workspace(c).webhooks.update("h1", active=False),
        f"PATCH {WORKSPACE}/webhooks/h1",
        {"active": False},
    ),
    Row(
        "webhooks.delete",
        lambda c: workspace(c).webhooks.delete("h1"),
        f"DELETE {WORKSPACE}/webhooks/h1",
    ),
    Row(
        "webhooks.deliveries",
        lambda c: workspace(c).webhooks.deliveries("h1", status="failed", limit=2),
        f"GET {WORKSPACE}/webhooks/h1/deliveries?limit=2&status=failed",
    ),
    Row(
        "webhooks.redeliver",
        lambda c: workspace(c).webhooks("h1").redeliver("d1"),
        f"POST {WORKSPACE}/webhooks/h1/deliveries/d1/redeliver",
    ),
    Row(
        "project_drafts.list",
        lambda c: workspace(c).project_drafts.list(limit=2),
        f"GET {WORKSPACE}/project-drafts?limit=2",
    ),
    Row(
        "project_drafts.create",
        lambda c: workspace(c).project_drafts.create(
            name="Shop", description="Sell", context_documents=[GivenDocument(content="- Build")]
        ),
        f"POST {WORKSPACE}/project-drafts",
        {"name": "Shop", "description": "Sell", "contextDocuments": [{"content": "- Build"}]},
    ),
    Row(
        "project_drafts.get",
        lambda c: workspace(c).project_drafts.get("d1"),
        f"GET {WORKSPACE}/project-drafts/d1",
    ),
    Row(
        "project_drafts.refine",
        lambda c: workspace(c).project_drafts("d1").refine(answers={"people": 3}),
        f"POST {WORKSPACE}/project-drafts/d1/refine",
        {"answers": {"people": 3}},
    ),
    Row(
        "project_drafts.generate_roadmap",
        lambda c: workspace(c).project_drafts.generate_roadmap("d1", feedback="shorter"),
        f"POST {WORKSPACE}/project-drafts/d1/generate-roadmap",
        {"feedback": "shorter"},
    ),
    Row(
        "project_drafts.execute",
        lambda c: workspace(c).project_drafts("d1").execute(start_date=date(2026, 5, 1)),
        f"POST {WORKSPACE}/project-drafts/d1/execute",
        {"startDate": "2026-05-01"},
    ),
    Row(
        "project_drafts.delete",
        lambda c: workspace(c).project_drafts.delete("d1"),
        f"DELETE {WORKSPACE}/project-drafts/d1",
    ),
    Row("agents.list", lambda c: workspace(c).agents.list(), f"GET {WORKSPACE}/agents"),
    Row(
        "agents.create",
        lambda c: workspace(c).agents.create(
            name="Scribe", tools=["board.write"], rate_limit=SetRateLimit(max_actions=5, window_seconds=60)
        ),
        f"POST {WORKSPACE}/agents",
        {
            "name": "Scribe",
            "description": None,
            "autonomyMode": "supervised",
            "tools": ["board.write"],
            "projectIds": None,
            "rateLimit": {"maxActions": 5, "windowSeconds": 60},
            "runtime": "built_in",
            "model": None,
        },
    ),
    Row("agents.get", lambda c: agent(c).get(), f"GET {WORKSPACE}/agents/a1"),
    Row(
        "agents.update",
        lambda c: agent(c).update(status="suspended"),
        f"PATCH {WORKSPACE}/agents/a1",
        {"status": "suspended"},
    ),
    Row("agents.delete", lambda c: agent(c).delete(), f"DELETE {WORKSPACE}/agents/a1"),
    Row("agents.audit", lambda c: agent(c).audit(limit=2), f"GET {WORKSPACE}/agents/a1/audit?limit=2"),
    Row(
        "agents.create_token",
        lambda c: agent(c).tokens.create(name="laptop"),
        f"POST {WORKSPACE}/agents/a1/tokens",
        {"name": "laptop"},
    ),
    Row("agents.list_tokens", lambda c: agent(c).tokens.list(), f"GET {WORKSPACE}/agents/a1/tokens"),
    Row(
        "agents.revoke_token",
        lambda c: agent(c).tokens.revoke("t1"),
        f"DELETE {WORKSPACE}/agents/a1/tokens/t1",
    ),
    Row(
        "agent_missions.create",
        lambda c: agent(c).missions.create(card_id="c1", prompt="move to Done"),
        f"POST {WORKSPACE}/agents/a1/missions",
        {"cardId": "c1", "prompt": "move to Done"},
    ),
    Row(
        "agent_missions.list",
        lambda c: agent(c).missions.list(status="running"),
        f"GET {WORKSPACE}/agents/a1/missions?status=running",
    ),
    Row("agent_missions.get", lambda c: mission(c).get(), f"GET {WORKSPACE}/missions/m1"),
    Row("agent_missions.cancel", lambda c: mission(c).cancel(), f"POST {WORKSPACE}/missions/m1/cancel"),
    Row(
        "agent_missions.list_proposals",
        lambda c: mission(c).proposals(),
        f"GET {WORKSPACE}/missions/m1/proposals",
    ),
    Row(
        "agent_missions.approve_all",
        lambda c: mission(c).approve_all(),
        f"POST {WORKSPACE}/missions/m1/proposals/approve",
    ),
    Row(
        "agent_missions.reject_all",
        lambda c: mission(c).reject_all(reason="Not now"),
        f"POST {WORKSPACE}/missions/m1/proposals/reject",
        {"reason": "Not now"},
    ),
    Row(
        "proposals.list",
        lambda c: workspace(c).proposals.list(status="pending"),
        f"GET {WORKSPACE}/proposals?status=pending",
    ),
    Row(
        "proposals.approve",
        lambda c: workspace(c).proposals.approve("p1"),
        f"POST {WORKSPACE}/proposals/p1/approve",
    ),
    Row(
        "proposals.reject",
        lambda c: workspace(c).proposals.reject("p1", reason="Too chatty"),
        f"POST {WORKSPACE}/proposals/p1/reject",
        {"reason": "Too chatty"},
    ),
    Row("relations.list", lambda c: card(c).relations.list(), f"GET {WORKSPACE}/cards/c1/relations"),
    Row(
        "relations.create",
        lambda c: card(c).relations.create(target_card_id="c2", type="blocks"),
        f"POST {WORKSPACE}/cards/c1/relations",
        {"targetCardId": "c2", "type": "blocks"},
    ),
    Row("relations.delete", lambda c: card(c).relations.delete("r1"), f"DELETE {WORKSPACE}/relations/r1"),
    Row("scopes.list", lambda c: board(c).scopes.list(), f"GET {PROJECT}/scopes"),
    Row(
        "scopes.create",
        lambda c: board(c).scopes.create(name="Phase 2", due_date=date(2026, 4, 1)),
        f"POST {PROJECT}/scopes",
        {"name": "Phase 2", "dueDate": "2026-04-01"},
    ),
    Row("scopes.get", lambda c: board(c).scopes.get("s1"), f"GET {WORKSPACE}/scopes/s1"),
    Row(
        "scopes.get",
        lambda c: workspace(c).scopes("s1").get(),
        f"GET {WORKSPACE}/scopes/s1",
        name="scope.get",
    ),
    Row(
        "scopes.update",
        lambda c: board(c).scope("s1").update(order=0, due_date=None),
        f"PATCH {WORKSPACE}/scopes/s1",
        {"order": 0, "dueDate": None},
    ),
    Row(
        "scopes.delete",
        lambda c: workspace(c).scopes.delete("s1", move_cards_to="k2"),
        f"DELETE {WORKSPACE}/scopes/s1?moveCardsTo=k2",
    ),
    Row(
        "scopes.views",
        lambda c: board(c).scope("s1").views(type="stats"),
        f"GET {WORKSPACE}/scopes/s1/views?type=stats",
    ),
    Row(
        "scopes.set_view",
        lambda c: board(c).scopes.set_view("s1", active_view="list", settings={"sortBy": "dueDate"}),
        f"PATCH {WORKSPACE}/scopes/s1/views",
        {"activeView": "list", "settings": {"sortBy": "dueDate"}},
    ),
    Row("labels.list", lambda c: board(c).labels.list(), f"GET {PROJECT}/labels"),
    Row(
        "labels.create",
        lambda c: board(c).labels.create(name="bug", color="#22c55e"),
        f"POST {PROJECT}/labels",
        {"name": "bug", "color": "#22c55e"},
    ),
    Row(
        "labels.update",
        lambda c: board(c).labels.update("l1", name="defect"),
        f"PATCH {WORKSPACE}/labels/l1",
        {"name": "defect"},
    ),
    Row(
        "imports.create",
        lambda c: workspace(c).imports.create(project=ImportedProject(name="Big")),
        f"POST {WORKSPACE}/imports",
        {"project": {"name": "Big", "archived": False, "lastNumber": 0}},
    ),
    Row("imports.get", lambda c: workspace(c).imports.get("i1"), f"GET {WORKSPACE}/imports/i1"),
    Row(
        "imports.add_part",
        lambda c: (
            workspace(c).imports("i1").add_part(part=0, cards=[ImportedCard(column_id="k1", title="x")])
        ),
        f"POST {WORKSPACE}/imports/i1/parts",
        {"part": 0, "cards": [{"columnId": "k1", "title": "x", "archived": False}]},
    ),
    Row(
        "imports.complete",
        lambda c: workspace(c).imports("i1").complete(),
        f"POST {WORKSPACE}/imports/i1/complete",
    ),
    Row("imports.delete", lambda c: workspace(c).imports.delete("i1"), f"DELETE {WORKSPACE}/imports/i1"),
    Row("labels.delete", lambda c: board(c).labels.delete("l1"), f"DELETE {WORKSPACE}/labels/l1"),
    Row("labels.add_to_card", lambda c: card(c).labels.add("l1"), f"POST {WORKSPACE}/cards/c1/labels/l1"),
    Row(
        "labels.add_to_card",
        lambda c: board(c).labels.add_to_card("c1", "l1"),
        f"POST {WORKSPACE}/cards/c1/labels/l1",
        name="labels.add_to_card by two ids",
    ),
    Row(
        "labels.remove_from_card",
        lambda c: card(c).labels.remove("l1"),
        f"DELETE {WORKSPACE}/cards/c1/labels/l1",
    ),
]


def mock_router() -> respx.MockRouter:
    return respx.mock(base_url="http://pm.test/pm", assert_all_called=False)


def build_answer(row: Row) -> tuple[Any, httpx.Response]:
    called_endpoint = find_endpoint(row.operation)
    value = example(called_endpoint)
    return value, httpx.Response(called_endpoint.status, content=dump(value))


def assert_sent(router: respx.Router, row: Row) -> None:
    (sent,) = [call.request for call in router.calls]
    path = sent.url.raw_path.decode().removeprefix("/pm")
    assert f"{sent.method} {path}" == row.request
    assert (orjson.loads(sent.content) if sent.content else None) == row.body
    assert sent.headers["authorization"] == "Bearer synth_x"
    assert sent.headers["accept"] == "application/json"
    assert sent.headers["user-agent"].startswith("stellary-python/")
    assert sent.headers.get("content-type") == (None if row.body is None else "application/json")


@pytest.mark.slow("calls each method of the client")
@for_each("row", TABLE)
def test_method_sends_request_and_returns_value(row):
    value, response = build_answer(row)
    with mock_router() as router, Stellary("http://pm.test/pm/", token="synth_x") as client:
        router.route().mock(return_value=response)
        assert row.call(client) == value
        assert_sent(router, row)


@pytest.mark.slow("calls each method of the client")
@for_each("row", TABLE)
async def test_async_method_sends_request_and_returns_value(row):
    value, response = build_answer(row)
    with mock_router() as router:
        async with AsyncStellary("http://pm.test/pm/", token="synth_x") as client:
            router.route().mock(return_value=response)
            called = row.call(client)
            assert inspect.iscoroutine(called)
            assert await called == value
        assert_sent(router, row)


def test_the_table_has_every_operation_of_the_client():
    # Methods that transfer files have tests of their own; the system operations have no methods.
    elsewhere = {
        endpoint.operation for endpoint in ENDPOINTS if endpoint.resource in ("attachments", "mcp", "system")
    }
    elsewhere |= {endpoint.operation for endpoint in ENDPOINTS if endpoint.is_stream}
    assert {row.operation for row in TABLE} == {endpoint.operation for endpoint in ENDPOINTS} - elsewhere


# ------------------------------------------------------------------------------------------------- what help() shows


def test_method_has_name_signature_and_docstring_of_its_endpoint():
    client = Stellary("http://a")
    create = client.workspace("acme", "eng").projects.create
    assert (create.__name__, create.__qualname__) == ("create", "ProjectsMethods.create")
    assert create.__module__ == "stellary.client.methods.projects"
    assert create.__doc__.startswith(find_endpoint("projects.create").summary)
    assert "name: 1-100 characters." in create.__doc__
    assert "POST /orgs/:orgSlug/workspaces/:wsSlug/projects" in create.__doc__
    assert list(inspect.signature(create).parameters) == ["name", "description", "key", "template_id"]
    update = client.workspace("acme", "eng").project("p").cards.update
    assert "card: The id of the card, its key, or a value or a handle of one." in update.__doc__
    assert "NotFound: The item does not exist" in update.__doc__
    permission = "everyone with access to the workspace; API tokens need the scope ``projects:write``."
    assert f"Permitted for {permission}" in update.__doc__


def test_a_signature_shows_types_without_limits():
    signature = inspect.signature(Stellary("http://a").workspace("acme", "eng").project("p").cards.update)
    annotations = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    assert annotations["card"] == "IdLike"
    assert annotations["order"] == "int | Unset"
    assert annotations["label_ids"] == "Sequence[IdLike] | Unset"
    assert annotations["due_date"] == "date | Unset | None"


@pytest.mark.parametrize(
    ("name", "annotation"),
    [
        ("list", "Page[Organization] | Awaitable[AsyncPage[Organization]]"),
        ("iterate", "Iterator[Organization] | AsyncIterator[Organization]"),
        ("get", "Organization | Awaitable[Organization]"),
    ],
)
def test_signature_has_return_type(name, annotation):
    for client in (Stellary("http://a"), AsyncStellary("http://a")):
        assert inspect.signature(getattr(client.organizations, name)).return_annotation == annotation


def test_method_can_be_inspected_on_its_class():
    from stellary.client.methods.labels import Labels

    assert inspect.isfunction(Labels.create)
    assert list(inspect.signature(Labels.create).parameters) == ["self", "name", "color"]
    assert Labels.delete.__doc__ != Ok.__doc__


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda c: c.organizations.get(),
            r"OrganizationsMethods\.get\(\) missing 1 required positional argument: 'organization'",
        ),
        (
            lambda c: c.organizations.list("a"),
            r"OrganizationsMethods\.list\(\) takes 1 positional argument but 2 were given",
        ),
        (
            lambda c: board(c).labels.add_to_card("c1"),
            r"Labels\.add_to_card\(\) missing 1 required positional argument: 'label'",
        ),
        (
            lambda c: board(c).labels.create(),
            r"Labels\.create\(\) missing 1 required keyword-only argument: 'name'",
        ),
    ],
    ids=["none", "too many", "one of two", "keyword"],
)
def test_missing_argument_raises_with_its_name(call, message):
    with pytest.raises(TypeError, match=message):
        call(Stellary("http://a"))


def test_repr_of_a_handle_shows_its_ids():
    text = repr(board(Stellary("http://a")))
    assert text == "ProjectHandle(org_slug='acme', ws_slug='eng', project_id='p1')"
