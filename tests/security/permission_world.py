"""The permission world: all personas and all objects that requests name, in one database.

Organization ``acme`` has the workspace ``eng``, in which the personas have their roles, and ``ops`` beside it;
``abroad`` is another tenant's. ``lobby`` has everybody in it, so that each persona has something of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import bindparam, select

from stellary.contract.endpoint import TOKEN_SCOPES
from stellary.core import Core
from stellary.core.accounts.tables import workspaces
from stellary.core.agents.tables import agents
from stellary.core.agents.tables import audit as agent_audit
from stellary.core.ports.webhook_sender import DeliveryResult, OutgoingRequest
from stellary.core.webhooks.worker import WebhookWorker
from tests.security.sandbox import Sandbox
from tests.security.table import AGENTS, PEOPLE, Row
from tests.support.databases import Postgres, Sqlite
from tests.support.forms import FORM, form
from tests.support.shared_run import Run
from tests.support.world import PASSWORD, Workspace, World

Place = dict[str, str]
"""What stands in paths: an id or a slug by the name of its parameter."""

PERSONS = (*PEOPLE[1:], "PAT", "OLD")
"""Personas that are somebody, and the users of the tokens."""

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

_AUDIT = (
    select(agent_audit.c.tool, agent_audit.c.outcome)
    .join_from(agent_audit, agents, agents.c.id == agent_audit.c.agent_id)
    .join(workspaces, workspaces.c.id == agents.c.workspace_id)
    .where(workspaces.c.slug == bindparam("_slug"), agent_audit.c.mission_id.is_(None))
    .order_by(agent_audit.c.id)
)


class PermissionWorld:
    """The personas that send requests, and the objects that the requests name.

    Attributes:
        people: By persona, and some more.
        here: All that the table's paths name, in the project in which the personas have their roles.
        beside: The same things in another project of that workspace.
        next_door: The same in another workspace of that organization.
        abroad: The same in another organization.
        gone: The same, deleted.
        own: What is each persona's own: ``userId``, ``token``, ``apiTokenId``, ``notificationId``.
    """

    def __init__(self, core: Core, sandbox: Sandbox) -> None:
        self.core = core
        self.sandbox = sandbox
        self.world = world = World(core)
        names = (*PERSONS, "BOSS", "VICTIM", "HOST", "STRANGER", "NEW")
        self.people = {name: world.person(name.lower()) for name in names}
        self._bearers = {name: world.bearer(person) for name, person in self.people.items()}
        self._bearers |= self._tokens()
        self._settle()
        self._open_lobby()
        self.own = {name: self._belongings(name) for name in PERSONS}

    # ------------------------------------------------------------------------------------------ who asks

    def _tokens(self) -> dict[str, str]:
        """Tokens by what the table calls them and which kind of endpoint they are meant for."""
        user, world = self.people["PAT"], self.world
        made = {}
        for scope in TOKEN_SCOPES:
            made[f"PATok {scope}"] = world.api_token(user, [scope])
            made[f"PATno {scope}"] = world.api_token(user, [each for each in TOKEN_SCOPES if each != scope])
        made["PATno any"] = world.api_token(user, ["account:read"])
        made["PATno full"] = world.api_token(user, TOKEN_SCOPES[:-1])
        made["PATfull"] = world.api_token(user)
        made["PATdead"] = world.api_token(user)
        dead = next(
            each for each in self.ask("PAT", "GET", "/api-tokens") if made["PATdead"][:10] == each["prefix"]
        )
        self.ask("PAT", "DELETE", f"/api-tokens/{dead['id']}")
        self.ask(
            "OLD",
            "POST",
            "/auth/change-password",
            {"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD},
        )
        made["JWTold"] = self._bearers["OLD"]
        return made

    def bearer(self, persona: str, row: Row) -> str | None:
        """The token with which a persona asks for an endpoint."""
        if persona == "ANON":
            return None
        if persona in ("PATok", "PATno"):
            name = f"{persona} {row.pat}"
            return self._bearers.get(name) or self._bearers["PATno full" if persona == "PATno" else "PATfull"]
        return self._bearers[persona]

    def person_of(self, persona: str) -> str:
        """The name of the user that asks; somebody's where nobody does."""
        if persona.startswith("PAT"):
            return "PAT"
        # An agent acts within the rights of who has given it the token.
        return {"JWTold": "OLD", "ANON": "WM"}.get(persona, "OO" if persona in AGENTS else persona)

    def ask(self, who: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The answer to what a person asks, which has to succeed."""
        return self.world.ask(self._bearers[who], method, path, body, **headers)

    def audit(self, workspace: str) -> list[tuple[str, str]]:
        """What agents of a workspace have tried with their tokens, and what came of it."""
        rows = self.sandbox.connection.execute(_AUDIT, {"_slug": workspace})
        return [(row.tool, row.outcome) for row in rows]

    # ------------------------------------------------------------------------------------------ what is asked about

    def _settle(self) -> None:
        world, people = self.world, self.people
        acme = world.organization(people["OO"], "acme")
        world.join_organization(people["OA"], acme, "admin")
        world.join_organization(people["OM"], acme)
        eng = world.workspace(people["BOSS"], acme, "eng")
        for name in ("EX", "WM", "PM", "PV", "PR", "PO", "PAT", "OLD", "VICTIM"):
            world.join(people[name], eng, pilotage_role=PILOTAGE.get(name, "viewer"))
        world.join(people["WA"], eng, role="admin")
        self.here = self._furnished("BOSS", eng)
        for name in ("PM", "PAT", "EX"):
            self.ask("BOSS", "POST", f"{_project(self.here)}/members", {"email": people[name].email})
        self.gone = self._deleted(eng)
        self.ask("OO", "DELETE", f"/organizations/acme/members/{people['EX'].id}")
        self.beside = self._furnished("BOSS", eng) | {"userId": people["WM"].id}
        # Who manages one project does not therefore manage another.
        self.ask("BOSS", "POST", f"{_project(self.beside)}/members", {"email": people["WM"].email})
        ops = world.workspace(people["BOSS"], acme, "ops")
        self.next_door = self._furnished("BOSS", ops)
        self._bearers |= {
            "AGn": self._agent(eng, "OO", "supervised", ["missions"]),
            "AGs": self._agent(eng, "OO", "supervised", EVERY_TOOL),
            "AGa": self._agent(eng, "OO", "autonomous", EVERY_TOOL),
            "AGx": self._agent(ops, "OO", "autonomous", EVERY_TOOL),
        }
        abroad = world.workspace(people["STRANGER"], world.organization(people["STRANGER"], "abroad"), "lab")
        self.abroad = self._furnished("STRANGER", abroad, member="HOST") | {"userId": people["STRANGER"].id}
        world.organization(people["OUT"], "rival")

    def _agent(self, workspace: Workspace, owner: str, mode: str, tools: list[str]) -> str:
        """The token of a new agent."""
        agents, limit = f"{workspace.path}/agents", {"maxActions": 10_000, "windowSeconds": 60}
        body = {"name": f"{mode} {len(tools)}", "autonomyMode": mode, "tools": tools, "rateLimit": limit}
        agent = self.ask(owner, "POST", agents, body)
        made: str = self.ask(owner, "POST", f"{agents}/{agent['id']}/tokens", {"name": "own"})["token"]
        return made

    def _furnished(self, owner: str, workspace: Workspace, member: str = "VICTIM") -> Place:
        """A new project with one thing of each kind."""
        people = self.people
        if workspace.slug != "eng":
            self.world.join(people[member], workspace)
        made = {"orgSlug": workspace.organization.slug, "wsSlug": workspace.slug, "userId": people[member].id}
        project = self.ask(owner, "POST", f"{workspace.path}/projects", {"name": "Launch"})
        made["projectId"] = project["id"]
        base = _project(made)
        self.ask(owner, "POST", f"{base}/members", {"email": people[member].email})
        made["fullColumnId"] = self.ask(owner, "GET", f"{base}/columns")[0]["id"]
        made["columnId"] = self.ask(owner, "POST", f"{base}/columns", {"name": "Spare"})["id"]
        scope = self.ask(owner, "POST", f"{base}/scopes", {"name": "Phase 2"})
        made["scopeId"] = scope["id"]
        later = f"{base}/columns/{scope['columns'][0]['id']}/cards"
        self.ask(owner, "POST", later, {"title": "Later", "status": "done", "assigneeId": people[owner].id})
        cards = f"{base}/columns/{made['fullColumnId']}/cards"
        card = self.ask(owner, "POST", cards, {"title": "First", "checklist": [{"title": "Step"}]})
        made |= {"cardId": card["id"], "itemId": card["checklist"][0]["_id"]}
        made["otherCardId"] = self.ask(owner, "POST", cards, {"title": "Second"})["id"]
        made["thirdCardId"] = self.ask(owner, "POST", cards, {"title": "Third"})["id"]
        made["labelId"] = self.ask(owner, "POST", f"{base}/labels", {"name": "new"})["id"]
        made["hungLabelId"] = self.ask(owner, "POST", f"{base}/labels", {"name": "hung"})["id"]
        self.ask(owner, "POST", f"{workspace.path}/cards/{made['cardId']}/labels/{made['hungLabelId']}")
        field = {"name": "Weight", "type": "text"}
        made["fieldId"] = self.ask(owner, "POST", f"{base}/custom-fields", field)["id"]
        rule = {"trigger": "task_assigned", "action": {"type": "set_status", "params": {"status": "done"}}}
        made["ruleId"] = self.ask(owner, "POST", f"{base}/automations", rule)["id"]
        drafts = f"{workspace.path}/project-drafts"
        made["draftId"] = self.ask(owner, "POST", drafts, {"name": "Web shop"})["id"]
        made["plannedDraftId"] = self.ask(owner, "POST", drafts, {"name": "Web shop"})["id"]
        self.ask(owner, "POST", f"{drafts}/{made['plannedDraftId']}/generate-roadmap")
        made |= self._hooked(owner, workspace, base)
        agents = f"{workspace.path}/agents"
        agent = {"name": f"Helper {project['id']}", "tools": ["board.read", "board.write"]}
        made["agentId"] = self.ask(owner, "POST", agents, agent)["id"]
        token = self.ask(owner, "POST", f"{agents}/{made['agentId']}/tokens", {"name": "laptop"})
        made["tokenId"] = token["id"]
        documents = f"{workspace.path}/documents"
        made["documentId"] = self.ask(owner, "POST", documents, {"title": "Plan"})["id"]
        made["pendingDocumentId"] = self.ask(owner, "POST", documents, {"title": "Decision"})["id"]
        pending = f"{documents}/{made['pendingDocumentId']}"
        self.ask(owner, "POST", f"{pending}/submit-review")
        made["versionId"] = self.ask(owner, "GET", f"{pending}/versions")[0]["id"]
        mission = {"cardId": card["id"], "prompt": "set priority high"}
        made["agentMissionId"] = self.ask(owner, "POST", f"{agents}/{made['agentId']}/missions", mission)[
            "id"
        ]
        self.core.work.run_due()
        proposed = f"{workspace.path}/missions/{made['agentMissionId']}/proposals"
        made["proposalId"] = self.ask(owner, "GET", proposed)[0]["id"]
        related = {"targetCardId": made["otherCardId"], "type": "related_to"}
        relations = f"{workspace.path}/cards/{made['cardId']}/relations"
        made["relationId"] = self.ask(owner, "POST", relations, related)["id"]
        comments = f"{base}/cards/{made['cardId']}/comments"
        made["commentId"] = self.ask(owner, "POST", comments, {"content": "Well."})["id"]
        file = form(b"Hello.")
        attachments = f"{base}/cards/{made['cardId']}/attachments"
        made["attachmentId"] = self.ask(owner, "POST", attachments, file, content_type=FORM)["id"]
        made |= self._piloted(owner, workspace)
        guest = {"email": f"guest-{project['id']}@example.com"}
        made["invitationId"] = self.ask(owner, "POST", f"{workspace.path}/members/invite", guest)["id"]
        return made

    def _piloted(self, owner: str, workspace: Workspace) -> Place:
        """A new thing of each kind of the workspace's pilotage."""
        base = f"{workspace.path}/pilotage"
        move = {"actionType": "archive_card", "explanation": "All done", "payload": {"cardId": "First"}}
        asked = {
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
        # Ids count in each workspace. Elsewhere they go further, so that they are different ones.
        times = 1 if workspace.slug == "eng" else 9
        made = {
            name: [self.ask(owner, "POST", f"{base}/{tail}", body)["id"] for _ in range(times)][-1]
            for name, (tail, body) in asked.items()
        }
        self.ask(owner, "POST", f"{base}/actions/{made['approvedId']}/review", {"approved": True})
        return made

    def _hooked(self, owner: str, workspace: Workspace, project: str) -> Place:
        """A webhook that is off, and a message of it that was given up."""
        hooks = f"{workspace.path}/webhooks"
        hook = {"url": "https://hooks.example.com/stellary", "events": ["project_updated"]}
        id = self.ask(owner, "POST", hooks, hook)["id"]
        self.ask(owner, "PATCH", project, {"description": "What is told."})
        self.ask(owner, "PATCH", f"{hooks}/{id}", {"active": False})
        # It is asked for nothing: the webhook is off.
        self.core.env.webhook_sender = _refuse_to_send
        WebhookWorker(self.core.units, self.core.claims).run_due()
        self.core.env.webhook_sender = None
        delivery = self.ask(owner, "GET", f"{hooks}/{id}/deliveries?status=failed")[0]
        return {"webhookId": id, "deliveryId": delivery["id"]}

    def _deleted(self, workspace: Workspace) -> Place:
        """One thing of each kind that was there."""
        was, base = self._furnished("BOSS", workspace), workspace.path
        project = _project(was)
        here = self.here | {"userId": self.people["EX"].id}
        card, inner = f"{project}/cards/{was['cardId']}", f"{base}/cards/{was['cardId']}"
        for path in (
            f"{base}/invitations/{was['invitationId']}",
            f"{base}/agents/{was['agentId']}/tokens/{was['tokenId']}",
            f"{base}/agents/{was['agentId']}",
            f"{card}/comments/{was['commentId']}",
            f"{card}/attachments/{was['attachmentId']}",
            f"{inner}/checklist/{was['itemId']}",
            f"{base}/scopes/{was['scopeId']}",
            f"{base}/labels/{was['labelId']}",
            f"{base}/custom-fields/{was['fieldId']}",
            f"{base}/relations/{was['relationId']}",
            f"{project}/automations/{was['ruleId']}",
            f"{base}/pilotage/missions/{was['missionId']}",
            f"{base}/pilotage/priorities/{was['priorityId']}",
            f"{base}/pilotage/todos/{was['todoId']}",
            f"{base}/pilotage/docs/{was['docId']}",
            f"{base}/project-drafts/{was['draftId']}",
            f"{base}/webhooks/{was['webhookId']}",
            f"{base}/project-drafts/{was['plannedDraftId']}",
            f"{base}/documents/{was['documentId']}",
            f"{base}/documents/{was['pendingDocumentId']}",
            f"{project}/columns/{was['columnId']}",
            card,
            project,
        ):
            self.ask("BOSS", "DELETE", path)
        was["userId"] = here["userId"]
        # What was proposed is never deleted.
        was |= {"proposedId": "act-099", "approvedId": "act-099"}
        boss = self.people["BOSS"]
        closed = self.world.workspace(boss, self.world.organization(boss, "closed"), "shut")
        self.world.workspace(boss, workspace.organization, "shut")
        self.ask("BOSS", "DELETE", "/orgs/acme/workspaces/shut")
        self.ask("BOSS", "DELETE", closed.organization.path)
        return was | {"orgSlug": "closed", "wsSlug": "shut"}

    def _open_lobby(self) -> None:
        """A workspace with everybody in it, and one to which everybody is invited."""
        host = self.people["HOST"]
        organization = self.world.organization(host, "hosts")
        self.world.workspace(host, organization, "guests")
        lobby = self.world.workspace(host, organization, "lobby")
        for name in PERSONS:
            self.world.join(self.people[name], lobby)
        self.lobby = self._furnished("HOST", lobby, member="NEW")

    def _belongings(self, name: str) -> Place:
        """An API token, an invitation and a notification of that person."""
        person = self.people[name]
        bearer = self.world.bearer(person)
        card = {"title": "Yours", "assigneeId": person.id}
        self.ask("HOST", "POST", f"{_project(self.lobby)}/columns/{self.lobby['columnId']}/cards", card)
        invite = "/orgs/hosts/workspaces/guests/members/invite"
        notifications = self.world.ask(bearer, "GET", "/notifications")
        token = self.world.ask(bearer, "POST", "/api-tokens", {"name": "own", "scopes": ["account:read"]})
        return {
            "userId": person.id,
            "token": self.ask("HOST", "POST", invite, {"email": person.email})["token"],
            "apiTokenId": token["id"],
            "notificationId": notifications[0]["id"],
        }


@contextmanager
def open_permission_world(kind: type[Sqlite | Postgres], run: Run) -> Iterator[PermissionWorld]:
    """Build a permission world on a temporary database of that kind."""
    with kind(run).database() as url:
        core = Core(url, bcrypt_rounds=4)
        core.close()
        core.units.database = sandbox = Sandbox(url)
        # Its threads would use the sandbox's one connection beside the test.
        core.relay.start = lambda: None
        try:
            yield PermissionWorld(core, sandbox)
        finally:
            core.close()


def _project(place: Place) -> str:
    return f"/orgs/{place['orgSlug']}/workspaces/{place['wsSlug']}/projects/{place['projectId']}"


def _refuse_to_send(request: OutgoingRequest) -> DeliveryResult:
    raise AssertionError(f"{request.url} is called")
