"""The multi-tenant host of the examples: its tenants, its roles, what it adds to the core, and that tenants see nothing of each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from flask import Flask

from tests.conftest import RUN
from tests.support.databases import KINDS
from tests.support.flask_hosts import import_host

pytestmark = [pytest.mark.slow("starts a whole host"), pytest.mark.wide(when="hosts")]

OPERATOR_KEY = "the key of the operator"
OPERATOR = {"X-Operator-Key": OPERATOR_KEY}
PATH_OF_WORKSPACE = "/board/orgs/{}/workspaces/desk"


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def app(request: pytest.FixtureRequest) -> Iterator[Flask]:
    """Yield the application on a database of each kind."""
    module = import_host("tenants", "callcenter.services")
    with KINDS[request.param](request.config.stash[RUN]).empty_database() as url:
        settings = module.Settings(url, OPERATOR_KEY, jobs=False)
        app = import_host("tenants", "callcenter").create_app(settings)
        services = app.extensions["callcenter"]
        module.migrate(services)
        yield app
        module.close_services(services)


@attrs.frozen
class Client:
    """A client with the key of a member."""

    app: Flask
    tenant: str
    id: int
    key: str

    def ask(self, method: str, path: str, json: Any = None, **fields: str) -> Any:
        return self.app.test_client().open(
            path,
            method=method,
            data=fields or None,
            json=json,
            headers={"X-Api-Key": self.key, "X-Request-Id": "the-same"},
        )

    def add(self, name: str, role: str) -> Client:
        """Add a member to the tenant."""
        created = self.ask("POST", "/members", email=f"{name}@example.com", role=role)
        assert created.status_code == 201, created.text
        return Client(self.app, self.tenant, created.json["id"], created.json["key"])

    @property
    def project(self) -> str:
        """The path of the only project of the workspace in the API."""
        projects = PATH_OF_WORKSPACE.format(self.tenant) + "/projects"
        (project,) = self.ask("GET", projects).json
        return f"{projects}/{project['id']}"

    def open_ticket(self, title: str = "It burns") -> str:
        created = self.ask("POST", "/tickets", title=title)
        assert created.status_code == 201, created.text
        return created.json["id"]


def create_tenant(app: Flask, slug: str) -> Client:
    """Create a tenant, and return its lead."""
    fields = {"slug": slug, "email": "lead@example.com"}
    created = app.test_client().post("/tenants", data=fields, headers=OPERATOR)
    assert created.status_code == 201, created.text
    return Client(app, slug, created.json["lead"], created.json["key"])


@pytest.fixture
def lead(app: Flask) -> Iterator[Client]:
    """Yield the lead of a tenant, which is deleted after the test."""
    yield create_tenant(app, "acme")
    assert app.test_client().delete("/tenants/acme", headers=OPERATOR).status_code == 204


@pytest.fixture
def stranger(app: Flask) -> Iterator[Client]:
    """Yield the lead of another tenant."""
    yield create_tenant(app, "rival")
    assert app.test_client().delete("/tenants/rival", headers=OPERATOR).status_code == 204


def read_members(client: Client) -> dict[str, Any]:
    """Return the members of the workspace in the core by name."""
    members = client.ask("GET", PATH_OF_WORKSPACE.format(client.tenant) + "/members").json
    return {member["name"]: member for member in members}


def test_roles_of_the_host_become_roles_of_the_core(lead: Client):
    trainee = lead.add("tim", "trainee")
    assert (read_members(lead)["lead"]["role"], read_members(lead)["tim"]["role"]) == ("admin", "member")
    assert trainee.ask("POST", "/members", email="x@example.com", role="lead").status_code == 403
    assert lead.ask("PATCH", f"/members/{trainee.id}", role="lead").json["role"] == "lead"
    assert read_members(lead)["tim"]["role"] == "admin"
    assert trainee.ask("PATCH", f"/members/{lead.id}", role="agent").json["role"] == "agent"
    assert read_members(trainee)["lead"]["role"] == "member"
    assert lead.ask("GET", "/audit").status_code == 403


def test_same_person_may_work_for_two_tenants(lead: Client, stranger: Client):
    assert lead.add("zoe", "agent").ask("GET", "/tickets").json == []
    assert stranger.add("zoe", "agent").ask("GET", "/tickets").json == []
    assert lead.ask("POST", "/members", email="zoe@example.com", role="agent").status_code == 409


def test_locked_member_has_no_rights_until_unlocked(lead: Client):
    agent = lead.add("amy", "agent")
    card = agent.open_ticket()
    assert lead.ask("PUT", f"/tickets/{card}/assignee", member=str(agent.id)).status_code == 200
    assert lead.ask("PUT", f"/members/{agent.id}/lock").json["locked"] is True
    for path in ("/tickets", "/board/auth/me", PATH_OF_WORKSPACE.format("acme")):
        assert agent.ask("GET", path).status_code == 401
    assert read_members(lead)["amy"]["deactivatedAt"] is not None
    assert lead.ask("DELETE", f"/members/{agent.id}/lock").json["locked"] is False
    assert agent.ask("GET", f"/tickets/{card}").status_code == 200


def test_removed_member_is_erased(lead: Client):
    agent = lead.add("amy", "agent")
    card = agent.open_ticket()
    assert lead.ask("DELETE", f"/members/{agent.id}").status_code == 204
    assert "amy" not in read_members(lead)
    assert agent.ask("GET", "/tickets").status_code == 401
    assert lead.ask("GET", f"/tickets/{card}").status_code == 200
    activities = lead.ask("GET", f"{lead.project}/activity").json
    (creator,) = {entry["actorName"] for entry in activities if entry["type"] == "card_created"}
    assert creator == "former member"


def test_trainee_may_not_close_tickets(lead: Client):
    trainee = lead.add("tim", "trainee")
    card = trainee.open_ticket()
    assert trainee.ask("PUT", f"/tickets/{card}/column", column="In Progress").status_code == 200
    refused = trainee.ask("PUT", f"/tickets/{card}/column", column="Done")
    assert (refused.status_code, refused.json["code"]) == (409, "trainee")
    assert trainee.ask("GET", f"/tickets/{card}").json["status"] == "in_progress"
    assert [entry["event"] for entry in lead.ask("GET", "/audit").json].count("CardMoved") == 1
    assert lead.ask("PUT", f"/tickets/{card}/column", column="Done").status_code == 200


def test_trainee_may_not_close_tickets_over_the_api(lead: Client):
    trainee = lead.add("tim", "trainee")
    card = trainee.open_ticket()
    done = trainee.ask("GET", f"{trainee.project}/columns").json[-1]
    refused = trainee.ask("PATCH", f"{trainee.project}/cards/{card}", {"columnId": done["id"]})
    assert (done["name"], refused.status_code, refused.json["code"]) == ("Done", 409, "trainee")


def test_suspended_tenant_may_only_read(app: Flask, lead: Client):
    card = lead.open_ticket()
    client = app.test_client()
    assert client.patch("/tenants/acme", data={"suspended": "yes"}, headers=OPERATOR).status_code == 200
    refused = lead.ask("POST", "/tickets", title="More")
    assert (refused.status_code, refused.json["code"]) == (403, "suspended")
    assert (
        lead.ask("POST", PATH_OF_WORKSPACE.format("acme") + "/projects", {"name": "More"}).status_code == 403
    )
    assert lead.ask("GET", f"/tickets/{card}").status_code == 200
    assert client.patch("/tenants/acme", data={"suspended": "no"}, headers=OPERATOR).status_code == 200
    assert lead.ask("POST", "/tickets", title="More").status_code == 201


def test_reply_fires_the_trigger_whose_rule_runs_the_action(lead: Client):
    card = lead.open_ticket()
    assert lead.ask("POST", f"/tickets/{card}/replies", text="Thanks", angry="no").status_code == 204
    assert lead.ask("GET", f"/tickets/{card}").json["priority"] is None
    assert lead.ask("POST", f"/tickets/{card}/replies", text="Now!", angry="yes").status_code == 204
    assert lead.ask("GET", f"/tickets/{card}").json["priority"] == "high"
    comments = lead.ask("GET", f"{lead.project}/cards/{card}/comments").json
    assert {comment["content"] for comment in comments} == {
        "Thanks",
        "Now!",
        "Escalated: the customer is angry",
    }


def test_action_of_the_host_is_a_tool(lead: Client):
    card = lead.open_ticket()
    params = {"name": "escalate", "arguments": {"cardId": card, "reason": "because"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    headers = {"X-Api-Key": lead.key, "Accept": "application/json, text/event-stream"}
    answer = lead.app.test_client().post("/board/mcp", json=message, headers=headers)
    assert answer.status_code == 200, answer.text
    assert lead.ask("GET", f"/tickets/{card}").json["priority"] == "high"


def test_pager_is_called_as_the_preferences_say(app: Flask, lead: Client):
    core = app.extensions["callcenter"].core
    paged, unpaged = lead.add("amy", "agent"), lead.add("bob", "agent")
    preferences = paged.ask("PUT", "/preferences", pager="+1 555 0100", types="card_assigned")
    assert preferences.json == {"pager": "+1 555 0100", "types": ["card_assigned"]}
    for member in (paged, unpaged):
        card = lead.open_ticket()
        lead.ask("PUT", f"/tickets/{card}/assignee", member=str(member.id))
    core.work.run_due()
    assert paged.ask("GET", "/pages").json == ["+1 555 0100: card_assigned by lead"]
    assert unpaged.ask("GET", "/pages").json == []
    paged.ask("PUT", "/preferences", pager="+1 555 0100", types="card_moved")
    lead.ask("PUT", f"/tickets/{lead.open_ticket()}/assignee", member=str(paged.id))
    core.work.run_due()
    assert len(paged.ask("GET", "/pages").json) == 1


def test_report_is_written_by_a_job(app: Flask, lead: Client, stranger: Client):
    done, _ = lead.open_ticket(), lead.open_ticket()
    lead.ask("PUT", f"/tickets/{done}/column", column="Done")
    assert lead.ask("POST", "/reports").status_code == 202
    assert lead.ask("GET", "/reports").json == []
    core = app.extensions["callcenter"].core
    core.work.run_due()
    assert [job for job in core.work.jobs() if job.error] == []
    assert lead.ask("GET", "/reports").json == [1]
    assert stranger.ask("GET", "/reports").json == []


def test_audit_is_written_with_the_change_or_not_at_all(lead: Client):
    card = lead.open_ticket()
    entry = {"event": "CardCreated", "member": lead.id, "card": card}
    assert lead.ask("GET", "/audit").json == [entry]
    assert lead.ask("PUT", f"/tickets/{card}/assignee", member="0").status_code == 404
    assert lead.ask("GET", "/audit").json == [entry]


def test_bad_fields_are_refused(app: Flask, lead: Client):
    card = lead.open_ticket()
    for path, fields in {
        "/members": {"email": "nobody", "role": "agent"},
        "/members/": {"email": "@example.com", "role": "agent"},
        f"/tickets/{card}/column": {"column": "Nowhere"},
        "/preferences": {"pager": "1" * 41},
    }.items():
        method = "POST" if "members" in path else "PUT"
        assert lead.ask(method, path.rstrip("/"), **fields).status_code == 400, fields
    for slug in ("x" * 41, "Not a slug"):
        fields = {"slug": slug, "email": "lead@example.com"}
        assert app.test_client().post("/tenants", data=fields, headers=OPERATOR).status_code == 400, slug
    assert app.test_client().post("/tenants", data={"slug": "acme2"}).status_code == 403


def test_operator_needs_a_key():
    settings = import_host("tenants", "callcenter.services").Settings
    for key in ("", "too short"):
        with pytest.raises(ValueError, match="at least 16 characters"):
            settings("sqlite://", key)


# ------------------------------------------------------------------------------------------------- isolation


ENDPOINTS: dict[str, tuple[str, dict[str, str], int]] = {
    "GET /members": ("/members", {}, 200),
    "POST /members": ("/members", {"email": "new@example.com", "role": "agent"}, 201),
    "PATCH /members/<int:member_id>": ("/members/{member}", {"role": "trainee"}, 404),
    "DELETE /members/<int:member_id>": ("/members/{member}", {}, 404),
    "PUT /members/<int:member_id>/lock": ("/members/{member}/lock", {}, 404),
    "DELETE /members/<int:member_id>/lock": ("/members/{member}/lock", {}, 404),
    "GET /audit": ("/audit", {}, 200),
    "PUT /preferences": ("/preferences", {"pager": "1"}, 200),
    "GET /pages": ("/pages", {}, 200),
    "GET /tickets": ("/tickets", {}, 200),
    "POST /tickets": ("/tickets", {"title": "Theirs"}, 201),
    "GET /tickets/<card_id>": ("/tickets/{card}", {}, 404),
    "PUT /tickets/<card_id>/assignee": ("/tickets/{card}/assignee", {"member": "{own_member}"}, 404),
    "PUT /tickets/<card_id>/column": ("/tickets/{card}/column", {"column": "Done"}, 404),
    "POST /tickets/<card_id>/replies": ("/tickets/{card}/replies", {"text": "Hello"}, 404),
    "GET /reports": ("/reports", {}, 200),
    "POST /reports": ("/reports", {}, 202),
}
"""By endpoint of the call center: the path and the fields of a request that names items of another tenant, and its status."""
OF_THE_OPERATOR = {"POST /tenants", "PATCH /tenants/<slug>", "DELETE /tenants/<slug>"}


def list_endpoints(app: Flask) -> set[str]:
    """Return the endpoints of the call center, without those of the API."""
    return {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        if not rule.rule.startswith(("/static", "/board"))
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }


def test_no_endpoint_shows_or_changes_anything_of_another_tenant(app: Flask, lead: Client, stranger: Client):
    assert list_endpoints(app) == set(ENDPOINTS) | OF_THE_OPERATOR
    agent, card = lead.add("secretagent", "agent"), lead.open_ticket("Secret ticket")
    lead.ask("PUT", "/preferences", pager="+1 secret", types="card_assigned")
    agent.ask("PUT", "/preferences", pager="+1 secret", types="card_assigned")
    lead.ask("PUT", f"/tickets/{card}/assignee", member=str(agent.id))
    lead.ask("POST", "/reports")
    app.extensions["callcenter"].core.work.run_due()
    before = read_everything(lead, agent)
    names = {"member": str(agent.id), "card": card, "own_member": str(stranger.id)}
    for endpoint, (path, fields, status) in ENDPOINTS.items():
        method = endpoint.partition(" ")[0]
        sent = {name: text.format(**names) for name, text in fields.items()}
        answer = stranger.ask(method, path.format(**names), **sent)
        assert answer.status_code == status, (endpoint, answer.text)
        assert "ecret" not in answer.text, endpoint
        assert card not in answer.text, endpoint
    assert read_everything(lead, agent) == before
    foreign = lead.ask("PUT", f"/tickets/{card}/assignee", member=str(stranger.id))
    assert (foreign.status_code, foreign.json["message"]) == (404, "Member not found")


def read_everything(*clients: Client) -> list[str]:
    """Return the responses to all reads of members."""
    paths = [path for path, _, _ in ENDPOINTS.values() if "{" not in path]
    return [
        client.ask("GET", path).text for client in clients for path in sorted(set(paths) - {"/preferences"})
    ]


def test_no_endpoint_answers_without_a_key(app: Flask, lead: Client):
    client = app.test_client()
    for endpoint, (path, fields, _) in ENDPOINTS.items():
        data = {"role": "lead", **dict.fromkeys(fields, "1")} if fields else None
        filled = path.format(member=lead.id, card="0" * 24)
        answer = client.open(filled, method=endpoint.partition(" ")[0], data=data)
        assert answer.status_code == 401, (endpoint, answer.text)
    for endpoint in OF_THE_OPERATOR:
        method, _, path = endpoint.partition(" ")
        fields = {"slug": "other", "email": "x@example.com", "suspended": "yes"}
        answer = lead.app.test_client().open(
            path.replace("<slug>", "acme"), method=method, data=fields, headers={"X-Api-Key": lead.key}
        )
        assert answer.status_code == 403, endpoint


def test_api_hides_the_organization_of_another_tenant(lead: Client, stranger: Client):
    card = lead.open_ticket()
    for path in ("/board/organizations/acme", PATH_OF_WORKSPACE.format("acme"), f"/board/search?q={card}"):
        assert stranger.ask("GET", path).status_code == 404
    assert {item["slug"] for item in stranger.ask("GET", "/board/organizations").json} == {"rival"}


def test_deleted_tenant_leaves_nothing_behind(app: Flask):
    services = app.extensions["callcenter"]
    models = import_host("tenants", "callcenter.models")

    def count_rows() -> dict[str, int]:
        with services.engine.connect() as connection:
            return {
                name: connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one()
                for name in (
                    *models.Base.metadata.tables,
                    "stellary_organizations",
                    "stellary_cards",
                    "stellary_users",
                )
            }

    before = count_rows()
    lead = create_tenant(app, "short")
    lead.add("amy", "agent").open_ticket()
    assert count_rows() != before
    assert app.test_client().delete("/tenants/short", headers=OPERATOR).status_code == 204
    after = count_rows()
    # Erased accounts keep a row without personal data.
    assert after.pop("stellary_users") >= before.pop("stellary_users")
    assert after == before
    assert lead.ask("GET", "/tickets").status_code == 401


def test_report_of_a_deleted_tenant_does_not_delay_that_of_the_next_one(app: Flask):
    core = app.extensions["callcenter"].core
    for slug in ("former", "next"):
        lead = create_tenant(app, slug)
        lead.open_ticket()
        assert lead.ask("POST", "/reports").status_code == 202
        core.work.run_due()
        assert lead.ask("GET", "/reports").json == [1]
        assert app.test_client().delete(f"/tenants/{slug}", headers=OPERATOR).status_code == 204


def test_tenant_that_fails_leaves_nothing_behind(app: Flask, lead: Client):
    again = app.test_client().post(
        "/tenants", data={"slug": "acme", "email": "other@example.com"}, headers=OPERATOR
    )
    assert again.status_code == 409
    bad = app.test_client().post(
        "/tenants", data={"slug": "No Slug", "email": "x@example.com"}, headers=OPERATOR
    )
    assert bad.status_code == 400
    assert app.test_client().delete("/tenants/No Slug", headers=OPERATOR).status_code == 404


# ------------------------------------------------------------------------------------------------- schemas


@pytest.fixture
def empty_postgres_url(request: pytest.FixtureRequest) -> Iterator[str]:
    with KINDS["postgresql"](request.config.stash[RUN]).empty_database() as url:
        yield url


@pytest.mark.postgres
def test_schema_per_tenant_isolates_cores(empty_postgres_url: str):
    cores = import_host("tenants", "schemas").TenantCores(empty_postgres_url, cores_max=1)
    try:
        for tenant in ("one", "two"):
            cores.create(tenant)
            cores.find(tenant).user(external_id="42", name=f"Ann of {tenant}")
        with pytest.raises(ValueError, match="is not a valid slug"):
            cores.create("x; DROP SCHEMA tenant_one")
        cores.work(["one", "two"])
        cores.drop("one")
        cores.create("one")
        assert cores.find("one").deactivate("42") is False
        assert cores.find("two").deactivate("42") is True
    finally:
        cores.close()


@pytest.mark.postgres
def test_costs_of_schemas_are_measured(empty_postgres_url: str):
    lines = import_host("tenants", "schemas").measure(empty_postgres_url, 1)
    assert [line.partition(":")[0] for line in lines] == [
        "creation",
        "first request after a start",
        "request that takes the connection of another tenant",
    ]
