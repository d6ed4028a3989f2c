"""An agency invites its client as a guest into one private project: over REST, with nothing but what both may do."""

import pytest

from stellary.contract.endpoints import ENDPOINTS
from tests.server.running import Running

WORKSPACE = "/orgs/agency/workspaces/studio"
SECRETS = ("Rebrand", "Payroll", "colleague@example.com", "Hire a designer", "Freelancers")
PARAMETERS = {":orgSlug": "agency", ":wsSlug": "studio"}


@pytest.mark.slow("registers three people and reads everything")
def test_client_of_an_agency_comments_and_finds_no_trace_of_anything_else(server: Running):
    boss, colleague, client = (server.register(name) for name in ("boss", "colleague", "client"))

    def ask(method, path, body=None, token=boss):
        reply = server.ask(method, path, body, token)
        assert reply.status < 300, reply
        return reply.json

    ask("POST", "/organizations", {"name": "Agency", "slug": "agency"})
    ask("POST", "/orgs/agency/workspaces", {"name": "Studio", "slug": "studio"})
    invite = f"{WORKSPACE}/members/invite"
    joined = ask("POST", invite, {"email": "colleague@example.com"})
    ask("POST", f"/invitations/{joined['token']}/accept", None, colleague)
    ask("POST", f"{WORKSPACE}/projects", {"name": "Rebrand"}, colleague)
    ask("POST", f"{WORKSPACE}/documents", {"title": "Payroll"})
    ask("POST", f"{WORKSPACE}/pilotage/missions", {"objective": "Hire a designer"})
    ask("PATCH", WORKSPACE, {"pilotageCycle": "Freelancers"})
    project = ask("POST", f"{WORKSPACE}/projects", {"name": "Site", "visibility": "private"})
    path = f"{WORKSPACE}/projects/{project['id']}"
    column = ask("GET", f"{path}/columns")[0]["id"]
    card = ask("POST", f"{path}/columns/{column}/cards", {"title": "Home", "checklist": [{"title": "Logo"}]})
    step = f"{WORKSPACE}/cards/{card['id']}/checklist/{card['checklist'][0]['_id']}"

    guest = {"role": "guest", "projectId": project["id"], "projectRole": "commenter"}
    invited = ask("POST", invite, {"email": "client@example.com", **guest})
    assert (
        ask("POST", f"/invitations/{invited['token']}/accept", None, client)["workspace"]["myRole"] == "guest"
    )

    ask("POST", f"{path}/cards/{card['id']}/comments", {"content": "Lovely, @boss and @colleague."}, client)
    added = ask("GET", f"{path}/activity?type=comment_added&limit=1", None, client)[0]["meta"]
    assert (added["mentioned"], added.get("notReached")) == (["boss"], None)
    assert {item["activity"]["type"] for item in ask("GET", "/notifications")} >= {"comment_added"}
    refused = server.ask("PATCH", step, {"done": True}, client)
    assert (refused.status, "the role editor" in refused.json["message"]) == (403, True)
    assert server.ask("GET", f"{WORKSPACE}/pilotage/state", token=client).status == 403

    place = {**PARAMETERS, ":projectId": project["id"], ":cardId": card["id"]}
    statuses = set()
    for endpoint in ENDPOINTS:
        parts = endpoint.path.split("/")
        if (
            endpoint.method != "GET"
            or endpoint.is_stream
            or not {p for p in parts if p[:1] == ":"} <= {*place}
        ):
            continue
        address = "/".join(place.get(part, part) for part in parts)
        reply = server.ask("GET", address, token=client)
        assert reply.status < 500, address
        statuses.add(reply.status)
        text = reply.body.decode(errors="replace").replace("@colleague", "")
        assert not [secret for secret in SECRETS if secret in text], (address, text)
    assert statuses >= {200, 403}
