"""Conditional reads: a 304 only if the response would be the same."""

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stellary.core import Core
from stellary.core.http.conditional import TAGGED_MAX
from tests.server.running import Reply, Running, running
from tests.support.boards import Board, create_board


@attrs.frozen
class Served:
    """A server, and a board with a card."""

    server: Running
    board: Board
    token: str

    def get(self, path: str, tag: str | None = None, token: str | None = None, **headers: str) -> Reply:
        if tag is not None:
            headers["if_none_match"] = tag
        return self.server.ask("GET", path, token=token or self.token, **headers)

    def tag(self, path: str, **headers: str) -> str:
        return self.get(path, **headers).headers["etag"]


@pytest.fixture(name="served")
def serve_board(sqlite_core: Core):
    board = create_board(sqlite_core)
    board.card("first")
    with running(sqlite_core) as server:
        yield Served(server, board, board.bearer)


def test_tag_depends_on_the_query_and_on_the_caller(served: Served):
    path = f"{served.board.flat}/projects"
    tag = served.tag(path)
    assert served.get(f"{path}?archived=true", tag).status == 200
    world = served.board.world
    other = world.person("bob")
    token = world.bearer(other)
    # A caller without access gets no 304, which would confirm the tag of another caller.
    assert served.get(path, tag, token).status == 404
    served.board.join(other)
    assert served.get("/auth/me", served.tag("/auth/me"), token).status == 200


def test_lost_access_takes_precedence_over_a_tag(served: Served):
    world = served.board.world
    member = world.person("bob")
    served.board.join(member)
    token = world.bearer(member)
    path = f"{served.board.path}/cards"
    tag = served.tag(path)
    assert served.get(path, tag, token).status == 304
    members = f"{served.board.flat}/members/{member.id}"
    assert served.server.ask("DELETE", members, token=served.token).status == 200
    assert served.get(path, tag, token).status == 404


def test_new_next_page_ends_the_validity_of_a_tag(served: Served):
    path = f"{served.board.path}/cards?limit=1"
    page = served.get(path)
    served.board.card("second")
    again = served.get(path, page.headers["etag"])
    assert (again.status, again.body) == (200, page.body)
    assert "link" in again.headers
    assert "link" in served.get(path, again.headers["etag"]).headers


def test_version_of_a_card_is_not_a_tag_of_its_content(served: Served):
    card = served.board.read(served.board.card("second"))
    assert served.get(served.board.of(card), '"1"').status == 200
    assert served.get(served.board.of(card), "*").status == 200


def test_large_response_has_a_tag_only_if_it_is_compressed(served: Served):
    for _ in range(8):
        served.board.card("large", description="d" * (TAGGED_MAX // 8))
    path = f"{served.board.path}/cards"
    assert "etag" not in served.get(path).headers
    tag = served.tag(path, accept_encoding="gzip")
    again = served.get(path, tag, accept_encoding="gzip")
    assert (again.status, again.body, again.headers["vary"]) == (304, b"", "Accept-Encoding")
    assert "content-encoding" not in again.headers
    assert served.get(path, tag).status == 200


WRITES = ("create", "rename", "move", "archive", "comment", "label", "column", "delete", "nothing")


def write(board: Board, kind: str) -> None:
    """Change a board, if it has a card to change."""
    ask, owner = board.world.ask, board.owner
    cards = ask(owner, "GET", f"{board.path}/cards")
    if kind == "create" or not cards:
        board.card("another")
        return
    card = cards[len(cards) // 2]
    if kind == "rename":
        ask(owner, "PATCH", board.of(card), {"title": card["title"] + "!"})
    elif kind == "move":
        ask(owner, "PATCH", board.of(card), {"columnId": board.columns[-1]["id"], "order": 0})
    elif kind == "archive":
        ask(owner, "PATCH", board.of(card), {"archived": not card["archived"]})
    elif kind == "comment":
        board.comment(card)
    elif kind == "label":
        label = board.label(f"label {len(ask(owner, 'GET', f'{board.path}/labels'))}")
        ask(owner, "PATCH", board.of(card), {"labelIds": [label["id"]]})
    elif kind == "column":
        column = board.columns[0]
        ask(owner, "PATCH", f"{board.path}/columns/{column['id']}", {"name": card["title"]})
    elif kind == "delete":
        ask(owner, "DELETE", board.of(card))


@pytest.mark.slow("makes random writes")
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kinds=st.lists(st.sampled_from(WRITES), min_size=1, max_size=6))
def test_304_is_never_stale_after_random_writes(served: Served, kinds: list[str]):
    paths = [f"{served.board.path}{tail}" for tail in ("/cards", "/board", "/columns", "/labels", "")]
    replies = {path: served.get(path, accept_encoding="gzip") for path in paths}
    for kind in kinds:
        write(served.board, kind)
        for path, earlier in replies.items():
            current = served.get(path, accept_encoding="gzip")
            again = served.get(path, earlier.headers["etag"], accept_encoding="gzip")
            assert again.status == (304 if current.body == earlier.body else 200), (kind, path)
            replies[path] = current
