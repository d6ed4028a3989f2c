"""The tests of the help desk: ``pytest docs/examples/hosts/fastapi``, on SQLite or on ``DATABASE_URL``, an empty database."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from alembic import command
from fastapi import FastAPI
from fastapi.testclient import TestClient
from helpdesk import security
from helpdesk.main import create_app
from helpdesk.prestart import create_config, prepare
from helpdesk.promote import promote
from helpdesk.settings import Settings

SUPPORT = "/board/orgs/helpdesk/workspaces/support"


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("helpdesk")
    database_url = os.environ.get("DATABASE_URL", f"sqlite:///{folder}/helpdesk.db")
    settings = Settings(database_url, "a key for the tests, of 32 bytes or more", folder, runs_jobs=False)
    # Passwords of tests need not be safe.
    security.SCRYPT_N = 2
    prepare(settings)
    return settings


# --8<-- [start:client]
@pytest.fixture(scope="session")
def app(settings: Settings) -> FastAPI:
    return create_app(settings)


@pytest.fixture(scope="session")
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app) as client:
        yield client


# --8<-- [end:client]


@pytest.fixture(scope="session")
def staff(client: TestClient, settings: Settings) -> dict[str, str]:
    """The headers of a member of the staff, who may use the board."""
    headers = sign_up(client, "staff@example.com")
    assert asyncio.run(promote(settings, "Staff@example.com"))
    return headers


@pytest.fixture
def ann(client: TestClient, request: pytest.FixtureRequest) -> dict[str, str]:
    """The headers of a new customer of each test."""
    return sign_up(client, f"ann-{request.node.name}@example.com")


def sign_up(client: TestClient, email: str) -> dict[str, str]:
    """Create a user, and return the headers of the user's requests."""
    user = {"email": email, "name": "Ann", "password": "correct horse"}
    assert client.post("/users", json=user).status_code == 201
    response = client.post("/login", json={"email": email, "password": "correct horse"})
    return {"Authorization": f"Bearer {response.json()['token']}"}


def open_ticket(client: TestClient, headers: dict[str, str], subject: str) -> dict[str, Any]:
    response = client.post("/tickets", json={"subject": subject}, headers=headers)
    assert response.status_code == 201, response.text
    ticket: dict[str, Any] = response.json()
    return ticket


def find_board(client: TestClient, headers: dict[str, str]) -> str:
    """Return the path of the project of all tickets."""
    projects = client.get(f"{SUPPORT}/projects", headers=headers).json()
    (project,) = [project for project in projects if project["key"] == "HELP"]
    return f"{SUPPORT}/projects/{project['id']}"


def find_column(client: TestClient, headers: dict[str, str], name: str) -> str:
    columns = client.get(f"{find_board(client, headers)}/columns", headers=headers).json()
    (column_id,) = [column["id"] for column in columns if column["name"] == name]
    assert isinstance(column_id, str)
    return column_id


# --8<-- [start:together]
def test_ticket_and_card_are_created_together(
    client: TestClient, ann: dict[str, str], staff: dict[str, str]
) -> None:
    ticket = open_ticket(client, ann, "The printer burns")
    card = client.get(f"{find_board(client, staff)}/cards/{ticket['card_id']}", headers=staff).json()
    assert card["title"] == "The printer burns"


def test_ticket_that_fails_leaves_no_card(
    client: TestClient, ann: dict[str, str], staff: dict[str, str]
) -> None:
    open_ticket(client, ann, "Reported once")
    assert client.post("/tickets", json={"subject": "Reported once"}, headers=ann).status_code == 409
    cards = client.get(f"{find_board(client, staff)}/cards?q=Reported", headers=staff).json()
    assert len(cards) == 1


# --8<-- [end:together]


def test_card_that_fails_leaves_no_ticket(client: TestClient, ann: dict[str, str]) -> None:
    response = client.post("/tickets", json={"subject": " "}, headers=ann)
    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert client.get("/tickets", headers=ann).json() == []


def test_board_is_for_the_staff(client: TestClient, ann: dict[str, str], staff: dict[str, str]) -> None:
    ticket = open_ticket(client, ann, "Private")
    bob = sign_up(client, "bob@example.com")
    assert client.get(f"/tickets/{ticket['id']}", headers=bob).status_code == 404
    for path in (f"{SUPPORT}/projects", f"{SUPPORT}/search?q=Private", "/board/auth/me"):
        assert client.get(path, headers=bob).status_code == 403
        assert client.get(path, headers=staff).status_code == 200
    assert client.get(f"/tickets/{ticket['id']}", headers=staff).json()["subject"] == "Private"


def test_addresses_are_the_same_in_upper_and_lower_case(client: TestClient, ann: dict[str, str]) -> None:
    user = {"email": "Zoe@Example.com", "name": "Zoe", "password": "correct horse"}
    assert [client.post("/users", json=user).status_code for _ in range(2)] == [201, 409]
    assert client.post("/users", json=user | {"email": "zoe@example.com"}).status_code == 409
    assert client.post("/login", json=user).status_code == 200


def test_wrong_password_and_unknown_address_get_the_same_response(
    client: TestClient, ann: dict[str, str]
) -> None:
    sign_up(client, "kim@example.com")
    answers = [
        client.post("/login", json={"email": email, "password": "wrong horse"})
        for email in ("kim@example.com", "nobody@example.com")
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].json() == answers[1].json()


def test_tickets_are_in_their_project_beside_others(
    client: TestClient, ann: dict[str, str], staff: dict[str, str]
) -> None:
    plan = client.post(f"{SUPPORT}/projects", json={"name": "A plan", "key": "AAA"}, headers=staff)
    assert plan.status_code == 201
    ticket = open_ticket(client, ann, "In the right project")
    path = f"{find_board(client, staff)}/cards/{ticket['card_id']}"
    assert client.get(path, headers=staff).status_code == 200


def test_request_without_a_token_is_refused(client: TestClient) -> None:
    assert client.get("/tickets").status_code == 401
    response = client.get("/board/auth/me")
    assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")


def test_reply_is_a_comment_of_the_card(client: TestClient, ann: dict[str, str]) -> None:
    ticket = open_ticket(client, ann, "Replied")
    assert (
        client.post(f"/tickets/{ticket['id']}/replies", json={"text": "Try again"}, headers=ann).status_code
        == 201
    )
    ticket_now = client.get(f"/tickets/{ticket['id']}", headers=ann).json()
    assert ticket_now == {"subject": "Replied", "status": "open", "replies": ["Try again"]}


# --8<-- [start:move]
def test_move_closes_the_ticket_and_notifies_the_customer(
    client: TestClient,
    app: FastAPI,
    ann: dict[str, str],
    staff: dict[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "helpdesk")
    ticket = open_ticket(client, ann, "Closed")
    assert "we have received Closed" in caplog.text
    card, done = f"{find_board(client, staff)}/cards/{ticket['card_id']}", find_column(client, staff, "Done")
    assert client.patch(card, json={"columnId": done}, headers=staff).status_code == 200
    assert client.get("/tickets", headers=ann).json()[0]["is_closed"] is True
    app.state.core.work.run_due()
    assert "Closed is done" in caplog.text


# --8<-- [end:move]


def test_vetoed_move_changes_neither_card_nor_ticket(
    client: TestClient, ann: dict[str, str], staff: dict[str, str]
) -> None:
    ticket = open_ticket(client, ann, "Urgent")
    card, done = f"{find_board(client, staff)}/cards/{ticket['card_id']}", find_column(client, staff, "Done")
    client.patch(card, json={"priority": "high"}, headers=staff)
    response = client.patch(card, json={"columnId": done}, headers=staff)
    assert (response.status_code, response.json()["code"]) == (409, "unassigned")
    assert client.get(card, headers=staff).json()["columnId"] != done
    assert client.get("/tickets", headers=ann).json()[0]["is_closed"] is False


def test_card_of_a_ticket_is_in_use(client: TestClient, ann: dict[str, str], staff: dict[str, str]) -> None:
    ticket = open_ticket(client, ann, "Referred to")
    response = client.delete(f"{find_board(client, staff)}/cards/{ticket['card_id']}", headers=staff)
    assert (response.status_code, response.json()["code"]) == (409, "in_use")


def test_attachments_are_uploaded_and_downloaded(
    client: TestClient, ann: dict[str, str], staff: dict[str, str]
) -> None:
    ticket = open_ticket(client, ann, "With a picture")
    path = f"{find_board(client, staff)}/cards/{ticket['card_id']}/attachments"
    data = bytes(range(256)) * 2000
    attachment = client.post(path, files={"file": ("fire.bin", data)}, headers=staff).json()
    assert client.get(f"{path}/{attachment['id']}", headers=staff).content == data


def test_ai_client_acts_as_the_user(client: TestClient, staff: dict[str, str]) -> None:
    message: dict[str, object] = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    headers = {**staff, "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}
    answer = client.post("/board/mcp", json=message, headers=headers).json()
    assert "create_card" in {tool["name"] for tool in answer["result"]["tools"]}


def test_openapi_of_the_application_has_its_own_routes_only(client: TestClient) -> None:
    paths = set(client.get("/openapi.json").json()["paths"])
    assert paths == {
        "/users", "/login", "/me", "/tickets", "/tickets/{ticket_id}", "/tickets/{ticket_id}/replies",
    }  # fmt: skip
    board = client.get("/board/openapi.json").json()
    assert board["servers"] == [{"url": "/board"}]
    assert "/auth/login" not in board["paths"]


def test_deactivated_user_is_refused(
    client: TestClient, app: FastAPI, settings: Settings, ann: dict[str, str]
) -> None:
    user = client.get("/me", headers=ann).json()
    assert asyncio.run(promote(settings, user["email"]))
    assert client.get("/board/auth/me", headers=ann).status_code == 200
    assert app.state.core.deactivate(str(user["id"]))
    assert client.get(f"{SUPPORT}/projects", headers=ann).status_code == 403


# --8<-- [start:async]
async def send_together(app: FastAPI, headers: dict[str, str]) -> list[int]:
    """Open eight tickets at the same time, on one event loop."""
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://helpdesk") as client,
    ):
        responses = await asyncio.gather(
            *[
                client.post("/tickets", json={"subject": f"Fire {number}"}, headers=headers)
                for number in range(8)
            ]
        )
    return [response.status_code for response in responses]


# --8<-- [end:async]


def test_tickets_are_opened_at_the_same_time(
    settings: Settings, client: TestClient, ann: dict[str, str]
) -> None:
    assert asyncio.run(send_together(create_app(settings), ann)) == [201] * 8
    assert len(client.get("/tickets", headers=ann).json()) == 8


# --8<-- [start:autogenerate]
def test_models_and_migrations_agree(settings: Settings) -> None:
    """Check that ``alembic revision --autogenerate`` would find nothing to do."""
    command.check(create_config(settings))


# --8<-- [end:autogenerate]
