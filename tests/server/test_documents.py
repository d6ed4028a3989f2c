"""Documents over HTTP: hostile content neither blocks the server nor is stored."""

import time

import orjson
import pytest
from sqlalchemy import update

from stellary.core import NOBODY
from tests.support.each_case import for_each
from tests.support.tables import document_versions as versions
from tests.support.tables import documents
from tests.support.world import World

SPACES = " " * 30_000
PLACE = "content[0].content[0].marks[0].attrs.href"
SCHEMES = "ftp, ftps, http, https, mailto, sms, tel, xmpp"


@pytest.fixture
def workspace(server, core):
    """Return the path of a workspace's documents, and the token of its owner."""
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
    text = {"type": "text", "text": "a", "marks": [{"type": "link", "attrs": {"href": href}}]}
    return {"type": "doc", "content": [{"type": "paragraph", "content": [text]}]}


def test_long_link_target_in_markdown_is_refused_quickly(server, workspace):
    path, token = workspace
    short = {"title": "Short", "contentFormat": "markdown", "content": "[a](<x>)"}
    usual, _ = cpu_seconds(lambda: server.ask("POST", path, short, token))
    hostile = {"title": "Hostile", "contentFormat": "markdown", "content": f"[a](<{SPACES}x>)"}
    spent, answer = cpu_seconds(lambda: server.ask("POST", path, hostile, token))
    problem = f"content must have links whose href is at most 2,000 characters: see {PLACE}"
    assert (answer.status, answer.json["message"]) == (400, problem)
    # With quadratic time it took seconds.
    assert spent < 20 * usual + 0.2


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


# ---------------------------------------------------------------------------------------------- content that runs


def block(kind, /, **attributes):
    return {"type": "doc", "content": [{"type": "paragraph"}, {"type": kind, "attrs": attributes}]}


UNSAFE = {
    f"must have links whose href is relative or begins with one of {SCHEMES}: see {PLACE}": link(
        " java\nscript:alert(1)"
    ),
    f"must have links whose src is relative or begins with one of {SCHEMES}: see content[1].attrs.src": block(
        "image", src="data:text/html,<script>"
    ),
    f"must have links whose href is at most 2,000 characters: see {PLACE}": link("x" * 2_001),
    "must not have nodes of type script: see content[1]": block("script"),
    "must not have nodes of type IFRAME: see content[1]": block("IFRAME", src="https://a.example"),
    "must not have attributes such as onError: see content[1].attrs.onError": block(
        "image", src="/a", onError="x()"
    ),
    "must not have attributes such as onclick: see content[1].attrs.html.onclick": block(
        "callout", html={"onclick": "x()"}
    ),
    "must not have attributes such as srcdoc: see content[1].attrs.srcdoc": block("callout", srcdoc="<b>"),
    "must not have marks of type style: see content[0].content[0].marks[0]": {
        "type": "doc",
        "content": [
            {"type": "paragraph", "content": [{"type": "text", "text": "a", "marks": [{"type": "style"}]}]}
        ],
    },
}


@for_each("problem", UNSAFE)
def test_content_that_runs_is_rejected_by_every_endpoint(server, workspace, problem):
    path, token = workspace
    content = UNSAFE[problem]
    document = server.ask("POST", path, {"title": "A"}, token).json
    projects = path.replace("/documents", "/projects")
    project = server.ask("POST", projects, {"name": "P"}, token).json
    file = server.ask("GET", f"{projects}/{project['id']}/export", None, token).json
    file["documents"] = [{"id": "1", "title": "D", "docType": "note", "content": content}]
    as_markdown = f"```tiptap\n{orjson.dumps(content).decode()}\n```"
    for method, where, body, field in (
        ("POST", path, {"title": "B", "content": content}, "content"),
        ("PATCH", f"{path}/{document['id']}", {"content": content}, "content"),
        (
            "PATCH",
            f"{path}/{document['id']}",
            {"content": as_markdown, "contentFormat": "markdown"},
            "content",
        ),
        ("POST", f"{projects}/import", file, "documents[0].content"),
    ):
        answer = server.ask(method, where, body, token)
        assert (answer.status, answer.json["message"]) == (400, f"{field} {problem}")
    assert server.ask("GET", f"{path}/{document['id']}", None, token).json["version"] == 1


@for_each(
    "content",
    [
        *(
            link("https://a.example"),
            link("x" * 2_000),
            link("mailto:a@b.example"),
            link("tel:+1"),
            link("#part"),
        ),
        *(link("/a?b=c:d"), link(None), block("image", src="a.png")),
        block("youtube", src="https://www.youtube.com/watch?v=a"),
        *(block("callout", online=True, once=None, kind="javascript:"), block("scripture")),
    ],
)
def test_unusual_harmless_content_is_stored(server, workspace, content):
    path, token = workspace
    answer = server.ask("POST", path, {"title": "A", "content": content}, token)
    assert (answer.status, answer.json["content"]) == (201, content)


def test_unsafe_content_that_is_stored_is_made_safe_on_read(server, workspace, core):
    path, token = workspace
    projects = path.replace("/documents", "/projects")
    project = server.ask("POST", projects, {"name": "P"}, token).json
    body = {"title": "A", "contextType": "project", "contextId": project["id"]}
    document = server.ask("POST", path, body, token).json
    server.ask("POST", f"{path}/{document['id']}/submit-review", None, token)
    text = {"type": "text", "text": "a", "marks": [{"type": "bold"}]}
    bad = {"type": "link", "attrs": {"href": "javascript:x()"}}
    stored = {
        "type": "doc",
        "content": [
            {"type": "paragraph", "content": [{**text, "marks": [bad, *text["marks"]]}]},
            {"type": "blockquote", "content": [{"type": "script"}, {"type": "paragraph"}]},
            {"type": "image", "attrs": {"src": "data:a", "alt": "b", "onload": "x()"}},
        ],
    }
    safe = [
        {"type": "paragraph", "content": [text]},
        {"type": "blockquote", "content": [{"type": "paragraph"}]},
        {"type": "image", "attrs": {"alt": "b"}},
    ]
    with core.begin(NOBODY) as uow:
        uow.connection.execute(update(documents).values(content=stored))
        uow.connection.execute(update(versions).values(content=stored))
    version = server.ask("GET", f"{path}/{document['id']}/versions", None, token).json[0]["id"]
    for where in (document["id"], f"{document['id']}/versions/{version}"):
        assert server.ask("GET", f"{path}/{where}", None, token).json["content"]["content"] == safe
        markdown = server.ask("GET", f"{path}/{where}?contentFormat=markdown", None, token).json["content"]
        assert "javascript" not in markdown
        assert "script" not in markdown
    file = server.ask("GET", f"{projects}/{project['id']}/export", None, token).json
    assert file["documents"][0]["content"]["content"] == safe
