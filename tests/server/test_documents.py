"""Documents over HTTP: hostile content neither stops the server nor is kept."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import update

from stellary.core.knowledge.tables import documents
from stellary.core.unit import NOBODY
from tests.world import World

SPACES = " " * 30_000


@pytest.fixture
def workspace(server, core):
    """The path of a workspace's documents, and the token of its owner."""
    world = World(core)
    ann = world.person()
    return f"{world.workspace(ann).path}/documents", world.bearer(ann).removeprefix("Bearer ")


def cpu_seconds(do):
    """Return the processor time of a call, the best of two, and its result."""
    spent = []
    for _ in range(2):
        start = time.process_time()
        result = do()
        spent.append(time.process_time() - start)
    return min(spent), result


def link(href):
    mark = {"type": "link", "attrs": {"href": href}}
    text = {"type": "text", "text": "a", "marks": [mark]}
    return {"type": "doc", "content": [{"type": "paragraph", "content": [text]}]}


def test_long_link_target_in_markdown_is_refused_quickly(server, workspace):
    path, token = workspace
    short = {"title": "Short", "contentFormat": "markdown", "content": "[a](<x>)"}
    usual, _ = cpu_seconds(lambda: server.ask("POST", path, short, token))
    hostile = {"title": "Hostile", "contentFormat": "markdown", "content": f"[a](<{SPACES}x>)"}
    spent, answer = cpu_seconds(lambda: server.ask("POST", path, hostile, token))
    assert (answer.status, answer.json["message"]) == (
        400,
        "content must have links whose href is at most 2,000 characters",
    )
    # By the square of the length it took seconds.
    assert spent < 20 * usual + 0.2


def test_long_link_target_in_tiptap_is_refused_everywhere(server, workspace):
    path, token = workspace
    projects = path.replace("/documents", "/projects")
    document = server.ask("POST", path, {"title": "A"}, token).json
    message = "content must have links whose href is at most 2,000 characters"
    for method, where, body in (
        ("POST", path, {"title": "B", "content": link("x" * 2_001)}),
        ("PATCH", f"{path}/{document['id']}", {"content": link("x" * 2_001)}),
    ):
        answer = server.ask(method, where, body, token)
        assert (answer.status, answer.json["message"]) == (400, message)
    file = server.ask(
        "GET",
        f"{projects}/{server.ask('POST', projects, {'name': 'P'}, token).json['id']}/export",
        None,
        token,
    ).json
    file["documents"] = [{"id": "1", "title": "D", "docType": "note", "content": link("x" * 2_001)}]
    answer = server.ask("POST", f"{projects}/import", file, token)
    assert (answer.status, answer.json["message"]) == (400, f"documents[0].{message}")
    assert server.ask("POST", path, {"title": "B", "content": link("x" * 2_000)}, token).status == 201


def test_long_link_target_that_is_stored_is_read_quickly(server, workspace, core):
    path, token = workspace
    document = server.ask("POST", path, {"title": "A", "content": link("x")}, token).json
    read = f"{path}/{document['id']}?contentFormat=markdown"
    usual, _ = cpu_seconds(lambda: server.ask("GET", read, None, token))
    with core.begin(NOBODY) as uow:
        uow.connection.execute(update(documents).values(content=link(f"{SPACES}x")))
    spent, answer = cpu_seconds(lambda: server.ask("GET", read, None, token))
    assert answer.status == 200
    assert spent < 20 * usual + 0.2
