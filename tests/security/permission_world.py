"""The world of the permission tests: all callers and all items that requests name, in one database.

Organization ``acme`` has the workspace ``eng``, in which the personas have their roles, and the workspaces ``ops`` and
``vault``, in whose private project the personas of ``SEATS`` have theirs; ``abroad`` belongs to another tenant. Every persona is a member of ``lobby`` and owns something there.
"""

from __future__ import annotations

import pickle
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import jwt
from sqlalchemy import bindparam, insert, select

from stellary.contract.endpoint import TOKEN_SCOPES
from stellary.core import NOBODY, Core, DeliveryResult, OutgoingRequest
from tests.security.sandbox import Sandbox
from tests.security.table import AGENTS, BOUND, GUESTS, SEATS, USERS, Row
from tests.support.core_parts import (
    Identity,
    WebhookWorker,
    create_email_token,
    create_reset_link,
    digest,
    link_identity,
    start_session,
)
from tests.support.databases import Postgres, Sqlite
from tests.support.forms import FORM, form
from tests.support.shared_run import Run
from tests.support.tables import agent_audit, agents, recovery_codes, second_factors, timers, workspaces
from tests.support.world import PASSWORD, Workspace, World

PathParams = dict[str, str]
"""Path parameters: an id or a slug by the name of its parameter."""

PERSONS = (*USERS, "PAT", "OLD")
"""Personas that have an account, and the owners of the tokens."""

EVERY_TOOL = [
    "board.read",
    "board.write",
    "documents.read",
    "documents.write",
    "pilotage.read",
    "pilotage.write",
]
PILOTAGE = {"PR": "reviewer", "PO": "owner", "PAT": "owner"}
NEW_PASSWORD = "another battery staple"
FACTOR_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
RECOVERY_CODE = "abcd-efgh-2345-6789"
"""The second factor of each persona, which only OUT has confirmed, and the recovery code of OUT."""
JWT_SECRET = "a key for the logins of the permission tests"

_AUDIT = (
    select(agent_audit.c.tool, agent_audit.c.outcome)
    .join_from(agent_audit, agents, agents.c.id == agent_audit.c.agent_id)
    .join(workspaces, workspaces.c.id == agents.c.workspace_id)
    .where(workspaces.c.slug == bindparam("_slug"), agent_audit.c.mission_id.is_(None))
    .order_by(agent_audit.c.id)
)


class PermissionWorld:
    """The callers and the items that their requests name.

    Attributes:
        people: The users by persona, and some more.
        here: Path parameters of the project in which the personas have their roles.
        beside: The same in another project of that workspace.
        next_door: The same in another workspace of that organization.
        vault: The same in a private project of a third one; and a column of another project there, and an address of a member.
        abroad: The same in another organization.
        gone: The same, deleted.
        reset_token: The token of a link with which OO can reset the password.
        email_token: The token of a link with which OO can confirm a new address.
        own: The ids of each persona's own items: ``userId``, ``token``, ``apiTokenId``, ``containerTrashId``, ``notificationId``,
            ``sessionId``, ``identityId``.
    """

    def __init__(self, core: Core, sandbox: Sandbox) -> None:
        self.core = core
        self.sandbox = sandbox
        self.world = world = World(core)
        names = (*PERSONS, "BOSS", "VICTIM", "CLERK", "HOST", "STRANGER", "NEW")
        self.people = {name: world.person(name.lower()) for name in names}
        self._bearers = {name: world.bearer(person) for name, person in self.people.items()}
        self._bearers |= self._create_tokens()
        self._create_workspaces()
        self._open_lobby()
        self._create_second_factors()
        self.own_items = {name: self._create_own_items(name) for name in PERSONS}
        link = core.run(NOBODY, lambda uow: create_reset_link(uow, self.people["OO"].email))
        self.reset_token = (link or "").rpartition("/")[2]
        self.email_token = core.run(
            NOBODY,
            lambda uow: create_email_token(
                uow, self.people["OO"].id, "change_email", timedelta(hours=1), "changed@example.com"
            ),
        )

    # ------------------------------------------------------------------------------------------ callers

    def _create_tokens(self) -> dict[str, str]:
        """Return new tokens by the table's name for them and the scope of the endpoints they call."""
        user, world = self.people["PAT"], self.world
        tokens = {}
        for scope in TOKEN_SCOPES:
            tokens[f"PATok {scope}"] = world.api_token(user, [scope])
            tokens[f"PATno {scope}"] = world.api_token(
                user, [other for other in TOKEN_SCOPES if other != scope]
            )
        tokens["PATno any"] = world.api_token(user, ["account:read"])
        tokens["PATno full"] = world.api_token(user, TOKEN_SCOPES[:-1])
        tokens["PATfull"] = world.api_token(user)
        tokens["PATdead"] = world.api_token(user)
        dead = next(
            token
            for token in self.ask("PAT", "GET", "/api-tokens")
            if tokens["PATdead"][:10] == token["prefix"]
        )
        self.ask("PAT", "DELETE", f"/api-tokens/{dead['id']}")
        passwords = {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}
        self.ask("OLD", "POST", "/auth/change-password", passwords)
        tokens["JWTold"] = self._bearers["OLD"]
        return tokens

    def _create_second_factors(self) -> None:
        """Store a second factor of each persona, which waits for its confirmation, and a confirmed one of OUT."""
        with self.core.begin(NOBODY) as uow:
            for name in PERSONS:
                row = {
                    "user_id": self.people[name].id,
                    "secret": FACTOR_SECRET,
                    "last_step": 0,
                    "confirmed_at": uow.now if name == "OUT" else None,
                    "created_at": uow.now,
                }
                uow.connection.execute(insert(second_factors), row)
            code = {
                "user_id": self.people["OUT"].id,
                "code_digest": digest(RECOVERY_CODE.replace("-", "")),
            }
            uow.connection.execute(insert(recovery_codes), code)

    def to_state(self) -> dict[str, Any]:
        """Return what another process needs to know about the database, as data that can be pickled."""
        return {name: value for name, value in vars(self).items() if name not in ("core", "sandbox", "world")}

    @classmethod
    def from_state(cls, core: Core, sandbox: Sandbox, state: dict[str, Any]) -> PermissionWorld:
        """Return the world on a copy of the database that the state is about."""
        world = cls.__new__(cls)
        world.core, world.sandbox, world.world = core, sandbox, World(core)
        vars(world).update(state)
        return world

    def bearer(self, persona: str, row: Row) -> str | None:
        """Return the token that a persona sends to an endpoint; None without one."""
        if persona == "ANON":
            return None
        if persona in ("PATok", "PATno"):
            name = f"{persona} {row.pat}"
            return self._bearers.get(name) or self._bearers["PATno full" if persona == "PATno" else "PATfull"]
        return self._bearers[persona]

    def find_person(self, token: str | None) -> str | None:
        """Return the name of the person whose login a token is; None for other tokens."""
        return next((name for name in USERS if self._bearers[name] == token), None)

    def enter(self, persona: str) -> PermissionWorld:
        """Return the world whose ``here`` and ``beside`` are those of a persona."""
        if persona not in SEATS:
            return self
        world = copy(self)
        world.here = self.vault
        world.beside = {name: self.vault[f"other {name}"] for name in ("projectId", "columnId", "scopeId")}
        return world

    def person_of(self, persona: str) -> str:
        """Return the name of the user behind a persona; for an anonymous caller, that of a member."""
        if persona.startswith("PAT"):
            return "PAT"
        # An agent acts within the rights of the user that created its token.
        return {"JWTold": "OLD", "ANON": "WM"}.get(persona, "OO" if persona in AGENTS else persona)

    def ask(self, name: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request as a person, and return the answer; the request has to succeed."""
        return self.world.ask(self._bearers[name], method, path, body, **headers)

    def audit(self, workspace: str) -> list[tuple[str, str]]:
        """Return the tools that agents of a workspace called with their tokens, and the outcomes."""
        rows = self.sandbox.connection.execute(_AUDIT, {"_slug": workspace})
        return [(row.tool, row.outcome) for row in rows]

    # ------------------------------------------------------------------------------------------ items

    def _create_workspaces(self) -> None:
        world, people = self.world, self.people
        acme = world.organization(people["OO"], "acme")
        world.join_organization(people["OA"], acme, "admin")
        world.join_organization(people["OM"], acme)
        eng = world.workspace(people["BOSS"], acme, "eng")
        for name in ("EX", "WM", "PM", "PV", "PR", "PO", "PAT", "OLD", "VICTIM"):
            world.join(people[name], eng, pilotage_role=PILOTAGE.get(name, "viewer"))
        world.join(people["WA"], eng, role="admin")
        for name in GUESTS:
            world.join(people[name], eng, role="guest")
        self.here = self._create_items("BOSS", eng)
        for name in ("PM", "PAT", "EX"):
            self.ask("BOSS", "POST", f"{_project(self.here)}/members", {"email": people[name].email})
        for name, role in zip(GUESTS, ("viewer", "editor"), strict=True):
            self.ask(
                "BOSS", "POST", f"{_project(self.here)}/members", {"email": people[name].email, "role": role}
            )
        self.gone = self._create_deleted_items(eng)
        self.ask("OO", "DELETE", f"/organizations/acme/members/{people['EX'].id}")
        self.beside = self._create_items("BOSS", eng) | {"userId": people["WM"].id}
        # A manager of one project is not a manager of another.
        self.ask("BOSS", "POST", f"{_project(self.beside)}/members", {"email": people["WM"].email})
        ops = world.workspace(people["BOSS"], acme, "ops")
        self.next_door = self._create_items("BOSS", ops)
        self.vault = self._create_private_items(world.workspace(people["BOSS"], acme, "vault"))
        self._bearers |= {
            BOUND: self.ask(
                "PAT", "POST", "/api-tokens", {"name": "b", "projectIds": [self.beside["projectId"]]}
            )["token"],
            "AGn": self._create_agent_token(eng, "OO", "supervised", ["missions"]),
            "AGs": self._create_agent_token(eng, "OO", "supervised", EVERY_TOOL),
            "AGa": self._create_agent_token(eng, "OO", "autonomous", EVERY_TOOL),
            "AGx": self._create_agent_token(ops, "OO", "autonomous", EVERY_TOOL),
        }
        abroad = world.workspace(people["STRANGER"], world.organization(people["STRANGER"], "abroad"), "lab")
        self.abroad = self._create_items("STRANGER", abroad, member="HOST") | {
            "userId": people["STRANGER"].id
        }
        world.organization(people["OUT"], "rival")

    def _create_private_items(self, vault: Workspace) -> PathParams:
        """Create a private project with one item of each kind, its members, and a member of the workspace who is none."""
        items = self._create_items("BOSS", vault, member="CLERK")
        for name, role in SEATS.items():
            self.world.join(self.people[name], vault)
            if role is not None:
                member = {"email": self.people[name].email, "role": role}
                self.ask("BOSS", "POST", f"{_project(items)}/members", member)
        self.ask("BOSS", "PATCH", _project(items), {"visibility": "private"})
        other = self.ask("BOSS", "POST", f"{vault.path}/projects", {"name": "Second"})["id"]
        scope = self.ask("BOSS", "POST", f"{vault.path}/projects/{other}/scopes", {"name": "Next"})
        beside = {"other columnId": scope["columns"][0]["id"], "other scopeId": scope["id"]}
        beside["other projectId"] = other
        return items | beside | {"newcomer": self.people["SN"].email}

    def _create_agent_token(self, workspace: Workspace, owner: str, mode: str, tools: list[str]) -> str:
        """Create an agent, and return a token of it."""
        agents, limit = f"{workspace.path}/agents", {"maxActions": 10_000, "windowSeconds": 60}
        body = {"name": f"{mode} {len(tools)}", "autonomyMode": mode, "tools": tools, "rateLimit": limit}
        agent = self.ask(owner, "POST", agents, body)
        return self.ask(owner, "POST", f"{agents}/{agent['id']}/tokens", {"name": "own"})["token"]

    def _create_items(self, owner: str, workspace: Workspace, member: str = "VICTIM") -> PathParams:
        """Create a project with one item of each kind, and return their path parameters."""
        people = self.people
        if workspace.slug != "eng":
            self.world.join(people[member], workspace)
        params = {
            "orgSlug": workspace.organization.slug,
            "wsSlug": workspace.slug,
            "userId": people[member].id,
        }
        project = self.ask(owner, "POST", f"{workspace.path}/projects", {"name": "Launch"})
        params["projectId"] = project["id"]
        base = _project(params)
        self.ask(owner, "POST", f"{base}/members", {"email": people[member].email})
        params["fullColumnId"] = self.ask(owner, "GET", f"{base}/columns")[0]["id"]
        params["columnId"] = self.ask(owner, "POST", f"{base}/columns", {"name": "Spare"})["id"]
        scope = self.ask(owner, "POST", f"{base}/scopes", {"name": "Phase 2"})
        params["scopeId"] = scope["id"]
        later = f"{base}/columns/{scope['columns'][0]['id']}/cards"
        self.ask(owner, "POST", later, {"title": "Later", "status": "done", "assigneeId": people[owner].id})
        cards = f"{base}/columns/{params['fullColumnId']}/cards"
        card = self.ask(owner, "POST", cards, {"title": "First", "checklist": [{"title": "Step"}]})
        params |= {"cardId": card["id"], "itemId": card["checklist"][0]["_id"]}
        params["otherCardId"] = self.ask(owner, "POST", cards, {"title": "Second"})["id"]
        params["thirdCardId"] = self.ask(owner, "POST", cards, {"title": "Third"})["id"]
        params["labelId"] = self.ask(owner, "POST", f"{base}/labels", {"name": "new"})["id"]
        params["hungLabelId"] = self.ask(owner, "POST", f"{base}/labels", {"name": "hung"})["id"]
        self.ask(owner, "POST", f"{workspace.path}/cards/{params['cardId']}/labels/{params['hungLabelId']}")
        field = {"name": "Weight", "type": "text"}
        params["fieldId"] = self.ask(owner, "POST", f"{base}/custom-fields", field)["id"]
        rule = {"trigger": "task_assigned", "action": {"type": "set_status", "params": {"status": "done"}}}
        params["ruleId"] = self.ask(owner, "POST", f"{base}/automations", rule)["id"]
        drafts = f"{workspace.path}/project-drafts"
        params["draftId"] = self.ask(owner, "POST", drafts, {"name": "Web shop"})["id"]
        params["plannedDraftId"] = self.ask(owner, "POST", drafts, {"name": "Web shop"})["id"]
        self.ask(owner, "POST", f"{drafts}/{params['plannedDraftId']}/generate-roadmap")
        saved = {"name": "Mine", "filter": "assignee = me", "projectId": project["id"], "shared": True}
        params["savedFilterId"] = self.ask(owner, "POST", f"{workspace.path}/saved-filters", saved)["id"]
        template = self.ask(owner, "POST", f"{base}/template", {"name": f"Like {params['plannedDraftId']}"})
        params["templateId"] = template["id"]
        params |= self._create_webhook(owner, workspace, base)
        # What only its creator reaches belongs to a persona.
        creator = "OO" if workspace.organization.slug == "acme" else owner
        header = {"project": {"name": "Copy"}, "columns": [{"name": "To Do"}]}
        params["importId"] = self.ask(creator, "POST", f"{workspace.path}/imports", header)["id"]
        agents = f"{workspace.path}/agents"
        agent = {"name": f"Helper {project['id']}", "tools": ["board.read", "board.write"]}
        params["agentId"] = self.ask(owner, "POST", agents, agent)["id"]
        token = self.ask(owner, "POST", f"{agents}/{params['agentId']}/tokens", {"name": "laptop"})
        params["tokenId"] = token["id"]
        documents = f"{workspace.path}/documents"
        params["documentId"] = self.ask(owner, "POST", documents, {"title": "Plan"})["id"]
        remarks = f"{documents}/{params['documentId']}/comments"
        params["documentCommentId"] = self.ask(owner, "POST", remarks, {"content": "Well."})["id"]
        params["pendingDocumentId"] = self.ask(owner, "POST", documents, {"title": "Decision"})["id"]
        pending = f"{documents}/{params['pendingDocumentId']}"
        self.ask(owner, "POST", f"{pending}/submit-review")
        params["versionId"] = self.ask(owner, "GET", f"{pending}/versions")[0]["id"]
        mission = {"cardId": card["id"], "prompt": "set priority high"}
        params["agentMissionId"] = self.ask(owner, "POST", f"{agents}/{params['agentId']}/missions", mission)[
            "id"
        ]
        self.core.work.run_due()
        proposed = f"{workspace.path}/missions/{params['agentMissionId']}/proposals"
        params["proposalId"] = self.ask(owner, "GET", proposed)[0]["id"]
        related = {"targetCardId": params["otherCardId"], "type": "related_to"}
        relations = f"{workspace.path}/cards/{params['cardId']}/relations"
        params["relationId"] = self.ask(owner, "POST", relations, related)["id"]
        comments = f"{base}/cards/{params['cardId']}/comments"
        params["commentId"] = self.ask(owner, "POST", comments, {"content": "Well."})["id"]
        time = f"{base}/cards/{params['cardId']}/time-entries"
        params["entryId"] = self.ask(owner, "POST", time, {"minutes": 30})["id"]
        file = form(b"Hello.")
        attachments = f"{base}/cards/{params['cardId']}/attachments"
        params["attachmentId"] = self.ask(owner, "POST", attachments, file, content_type=FORM)["id"]
        self.ask(owner, "PATCH", f"{base}/cards/{params['thirdCardId']}", {"priority": "low"})
        params["activityId"] = self.ask(owner, "GET", f"{base}/activity?type=card_updated&limit=1")[0]["id"]
        params |= self._create_pilotage(owner, workspace)
        params["trashId"] = self._create_trashed_card(owner, workspace, base, cards)
        guest = {"email": f"guest-{project['id']}@example.com"}
        params["invitationId"] = self.ask(owner, "POST", f"{workspace.path}/members/invite", guest)["id"]
        return params

    def _create_trashed_card(self, owner: str, workspace: Workspace, project: str, cards: str) -> str:
        """Create a card, delete it, and return the id of its entry in the trash."""
        card = self.ask(owner, "POST", cards, {"title": "Trashed"})
        self.ask(owner, "DELETE", f"{project}/cards/{card['id']}")
        return self.ask(owner, "GET", f"{workspace.path}/trash?limit=1")[0]["id"]

    def _create_pilotage(self, owner: str, workspace: Workspace) -> PathParams:
        """Create one item of each kind of the workspace's pilotage, and return their ids."""
        base = f"{workspace.path}/pilotage"
        move = {"actionType": "archive_card", "explanation": "All done", "payload": {"cardId": "First"}}
        bodies = {
            "missionId": ("missions", {"objective": "Implement billing", "module": "billing"}),
            "priorityId": ("priorities", {"label": "Ship it"}),
            "todoId": ("todos", {"label": "Write tests"}),
            "decisionId": ("decisions", {"title": "Use Stripe"}),
            "docId": ("docs", {"title": "Spec"}),
            "proposedId": ("actions/propose", move),
            "approvedId": (
                "actions/propose",
                {**move, "actionType": "create_todo", "payload": {"label": "Next"}},
            ),
        }
        # Ids are counted in each workspace. More items elsewhere make their ids differ.
        times = 1 if workspace.slug == "eng" else 9
        ids = {
            name: [self.ask(owner, "POST", f"{base}/{tail}", body)["id"] for _ in range(times)][-1]
            for name, (tail, body) in bodies.items()
        }
        self.ask(owner, "POST", f"{base}/actions/{ids['approvedId']}/review", {"approved": True})
        return ids

    def _create_webhook(self, owner: str, workspace: Workspace, project: str) -> PathParams:
        """Create an inactive webhook with a failed delivery, and return their ids."""
        hooks = f"{workspace.path}/webhooks"
        hook = {"url": "https://hooks.example.com/stellary", "events": ["project_updated"]}
        id = self.ask(owner, "POST", hooks, hook)["id"]
        self.ask(owner, "PATCH", project, {"description": "Sent to the webhook."})
        self.ask(owner, "PATCH", f"{hooks}/{id}", {"active": False})
        # Nothing is sent: the webhook is inactive.
        self.core.env.webhook_sender = _refuse_to_send
        WebhookWorker(self.core.units, self.core.claims).run_due()
        self.core.env.webhook_sender = None
        delivery = self.ask(owner, "GET", f"{hooks}/{id}/deliveries?status=failed")[0]
        return {"webhookId": id, "deliveryId": delivery["id"]}

    def _create_deleted_items(self, workspace: Workspace) -> PathParams:
        """Create one item of each kind, delete all of them, and return their path parameters."""
        params, base = self._create_items("BOSS", workspace), workspace.path
        project = _project(params)
        here = self.here | {"userId": self.people["EX"].id}
        card, inner = f"{project}/cards/{params['cardId']}", f"{base}/cards/{params['cardId']}"
        for path in (
            f"{base}/invitations/{params['invitationId']}",
            f"{base}/agents/{params['agentId']}/tokens/{params['tokenId']}",
            f"{base}/agents/{params['agentId']}",
            f"{card}/comments/{params['commentId']}",
            f"{card}/attachments/{params['attachmentId']}",
            f"{card}/time-entries/{params['entryId']}",
            f"{inner}/checklist/{params['itemId']}",
            f"{base}/scopes/{params['scopeId']}",
            f"{base}/labels/{params['labelId']}",
            f"{base}/custom-fields/{params['fieldId']}",
            f"{base}/relations/{params['relationId']}",
            f"{project}/automations/{params['ruleId']}",
            f"{base}/pilotage/missions/{params['missionId']}",
            f"{base}/pilotage/priorities/{params['priorityId']}",
            f"{base}/pilotage/todos/{params['todoId']}",
            f"{base}/pilotage/docs/{params['docId']}",
            f"{base}/project-drafts/{params['draftId']}",
            f"{base}/webhooks/{params['webhookId']}",
            f"{base}/project-drafts/{params['plannedDraftId']}",
            f"{base}/documents/{params['documentId']}/comments/{params['documentCommentId']}",
            f"{base}/documents/{params['documentId']}",
            f"{base}/documents/{params['pendingDocumentId']}",
            f"{project}/columns/{params['columnId']}",
            f"{base}/projects/templates/{params['templateId']}",
            f"{base}/imports/{params['importId']}",
            card,
            project,
        ):
            self.ask("OO", "DELETE", path)
        for item in self.ask("BOSS", "GET", f"{base}/trash?kind=project"):
            self.ask("BOSS", "DELETE", f"{base}/trash/{item['id']}")
        params["userId"] = here["userId"]
        # Proposed actions cannot be deleted.
        params |= {"proposedId": "act-099", "approvedId": "act-099"}
        boss = self.people["BOSS"]
        closed = self.world.workspace(boss, self.world.organization(boss, "closed"), "shut")
        self.world.workspace(boss, workspace.organization, "shut")
        self.ask("BOSS", "DELETE", "/orgs/acme/workspaces/shut")
        self.ask("BOSS", "DELETE", closed.organization.path)
        return params | {"orgSlug": "closed", "wsSlug": "shut"}

    def _open_lobby(self) -> None:
        """Create a workspace that has every person as a member, and one that invites them."""
        host = self.people["HOST"]
        organization = self.world.organization(host, "hosts")
        self.world.workspace(host, organization, "guests")
        lobby = self.world.workspace(host, organization, "lobby")
        for name in PERSONS:
            self.world.join(self.people[name], lobby)
        self.lobby = self._create_items("HOST", lobby, member="NEW")

    def _create_own_items(self, name: str) -> PathParams:
        """Create an API token, an invitation and a notification for a person, and return their ids."""
        person = self.people[name]
        bearer = self.world.bearer(person)
        card = {"title": "Yours", "assigneeId": person.id}
        self.ask("HOST", "POST", f"{_project(self.lobby)}/columns/{self.lobby['columnId']}/cards", card)
        invite = "/orgs/hosts/workspaces/guests/members/invite"
        notifications = self.world.ask(bearer, "GET", "/notifications")
        token = self.world.ask(bearer, "POST", "/api-tokens", {"name": "own", "scopes": ["account:read"]})
        timer = {"user_id": person.id, "card_id": self.enter(name).here["cardId"]}
        with self.core.begin(NOBODY) as uow:
            uow.connection.execute(insert(timers), {**timer, "started_at": uow.now})
        generation = 1 if name == "OLD" else 0
        session = self.core.run(NOBODY, lambda uow: start_session(uow, person.id, generation, "Phone"))
        identity = Identity("https://login.example.com", person.id, person.email, name)
        link_identity(self.core.units, identity, person.id)
        return {
            "userId": person.id,
            "token": self.ask("HOST", "POST", invite, {"email": person.email})["token"],
            "apiTokenId": token["id"],
            "containerTrashId": self._create_trashed_organization(bearer, person.id),
            "notificationId": notifications[0]["id"],
            "identityId": self.world.ask(bearer, "GET", "/auth/identities")[0]["id"],
            "sessionId": jwt.decode(session, options={"verify_signature": False})["jti"],
        }

    def _create_trashed_organization(self, bearer: str, person_id: str) -> str:
        """Create an organization of a person, delete it, and return the id of its entry in the trash."""
        slug = f"gone-{person_id}"
        self.world.ask(bearer, "POST", "/organizations", {"name": "Gone", "slug": slug})
        self.world.ask(bearer, "DELETE", f"/organizations/{slug}")
        return self.world.ask(bearer, "GET", "/trash")[0]["id"]


@attrs.frozen
class WorldCopy:
    """A copy of the database and the files of a permission world.

    Attributes:
        url: The URL of the database.
        files: The folder of the files.
        state: The file with the state of the world.
    """

    url: str
    files: Path
    state: Path

    @contextmanager
    def open(self) -> Iterator[PermissionWorld]:
        """Yield the world on this copy."""
        with open_sandboxed_core(self.url, self.files) as core:
            yield PermissionWorld.from_state(core, core.units.database, pickle.loads(self.state.read_bytes()))


@contextmanager
def open_permission_world(kind: type[Sqlite | Postgres], run: Run) -> Iterator[PermissionWorld]:
    """Yield a permission world on a database of its own.

    The first process of the run that needs one of that kind builds it; all others copy it.
    """
    with copy_permission_world(kind, run) as copy, copy.open() as permission_world:
        yield permission_world


@contextmanager
def copy_permission_world(kind: type[Sqlite | Postgres], run: Run) -> Iterator[WorldCopy]:
    """Yield a copy of the permission world, which another process may open."""
    databases = kind(run)
    state = run.directory / f"permission-world-{kind.__name__}"

    def build(url: str) -> None:
        with open_sandboxed_core(url, state / "files") as core:
            (state / "world").write_bytes(pickle.dumps(PermissionWorld(core, core.units.database).to_state()))

    template = databases.fill("permission-world", build)
    with databases.copy_of(template) as url, tempfile.TemporaryDirectory(dir=run.directory) as directory:
        yield WorldCopy(url, shutil.copytree(state / "files", Path(directory) / "files"), state / "world")


@contextmanager
def open_sandboxed_core(url: str, files: Path) -> Iterator[Core]:
    """Yield a core on a sandbox, with its files in a folder."""
    files.mkdir(parents=True, exist_ok=True)
    core = Core(url, bcrypt_rounds=4, jwt_secret=JWT_SECRET, blobs=files, agent_models=["openai:gpt-5"])
    core.close()
    core.units.database = Sandbox(url)
    # Their threads would use the sandbox's one connection beside the test.
    core.relay.start = lambda: None
    core.sweep = lambda: 0
    core.delete_expired = dict
    # The first unit that writes reads the newest ids: not a statement of an endpoint.
    with core.begin(NOBODY):
        pass
    try:
        yield core
    finally:
        core.close()


def _project(params: PathParams) -> str:
    return f"/orgs/{params['orgSlug']}/workspaces/{params['wsSlug']}/projects/{params['projectId']}"


def _refuse_to_send(request: OutgoingRequest) -> DeliveryResult:
    raise AssertionError(f"{request.url} is called")
