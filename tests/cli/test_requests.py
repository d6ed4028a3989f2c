"""Any request, and events, at the command line."""

import json

PROJECT = "/orgs/{org}/workspaces/{workspace}/projects/{project}"


def test_request_prints_the_response(shell):
    assert json.loads(shell("api", "GET", "/auth/me"))["user"]["email"] == "jane@example.com"
    assert json.loads(shell("api", "get", "auth/me"))["user"]["name"] == "Jane Doe"
    assert json.loads(shell("api", "GET", PROJECT))["key"] == "LAUNCH"
    status, *lines = shell("api", "GET", "/auth/me", "--include").splitlines()
    assert status == "200"
    assert any(line.startswith("x-request-id: ") for line in lines)


def test_fields_are_the_body_or_the_query(shell, tmp_path):
    path = f"{PROJECT}/labels"
    created = json.loads(shell("api", "POST", path, "-f", "name=7", "-f", "color=#ef4444"))
    assert (created["name"], created["color"]) == ("7", "#ef4444")
    path = "/orgs/{org}/workspaces/{workspace}/labels/" + created["id"]
    (tmp_path / "body.json").write_text('{"name": "seven"}')
    assert json.loads(shell("api", "PATCH", path, "--input", "body.json"))["name"] == "seven"
    assert json.loads(shell("api", "PATCH", path, "--input", "-", input='{"name": "VII"}'))["name"] == "VII"
    assert json.loads(shell("api", "DELETE", path)) == {"ok": True, "brokenAutomations": []}
    cards = json.loads(shell("api", "GET", f"{PROJECT}/cards", "-F", "limit=1", "-F", "archived=false"))
    assert len(cards) == 1
    everything = json.loads(shell("api", "GET", f"{PROJECT}/cards", "-F", "limit=1", "--paginate"))
    assert len(everything) == len(json.loads(shell("api", "GET", f"{PROJECT}/cards"))) > 1


def test_request_errors_are_one_line(shell):
    assert shell.error("api", "GET", "/orgs/nowhere/workspaces/x").startswith("404 Not Found: ")
    assert shell.error("api", "POST", f"{PROJECT}/labels", "-F", "name=7").startswith(
        "400 Bad Request: name must be"
    )
    assert shell.error("api", "GET", "/a/../b").startswith("the path must begin with a slash")
    assert shell.error("api", "GET", "/auth/me", "-f", "x", code=2).startswith("'x' must be NAME=VALUE")
    words = ("api", "POST", "/x", "-f", "a=b", "--input", "-")
    assert shell.error(*words, code=2).startswith("pass fields or --input, not both")
    assert shell.error("api", "FETCH", "/x", code=2).endswith(
        "is not one of 'get', 'post', 'patch', 'delete', 'put'. (see stellary api --help)"
    )


def test_dry_run_sends_only_reading_requests(shell):
    assert shell("api", "DELETE", PROJECT, "--dry-run").startswith("DELETE /orgs/jane-doe/")
    assert shell.json("board")["project"]["key"] == "LAUNCH"


def test_headers_are_sent(shell):
    card = shell.json("board")["cards"][0]
    words = ("api", "PATCH", f"{PROJECT}/cards/{card['id']}", "-f", "title=A", "-H", 'If-Match: "9999"')
    assert shell.error(*words).startswith("412 Precondition Failed: ")


def test_watch_prints_events(shell):
    lines = shell("watch", "--from", "0", "--count", "3").splitlines()
    assert len(lines) == 3
    assert "project imported" in lines[0]
    assert "Jane Doe" in lines[0]
    words = ("watch", "--from", "0", "--count", "2", "--json=type,id,eventId")
    events = [json.loads(line) for line in shell(*words).splitlines()]
    assert [list(event) for event in events] == [["type", "id", "eventId"]] * 2
    after = json.loads(shell("watch", "--from", events[0]["eventId"], "--count", "1", "--json"))
    assert after["id"] == events[1]["id"]
