"""JWTs: the account is read in the access check's own statement, and a login that has ended gets no other answer than 401."""

import pytest
from sqlalchemy import delete

from stellary.core import NOBODY
from tests.support.boards import Board
from tests.support.tables import users
from tests.support.world import PASSWORD

READ_CARD = ("GET", "{card}", None)
REQUESTS = [
    READ_CARD,
    ("GET", "/auth/me", None),
    ("PATCH", "/auth/me", {"name": "New"}),
    ("GET", "/organizations", None),
    ("GET", "/organizations/unknown", None),
    ("GET", "/orgs/unknown/workspaces/unknown/projects", None),
    ("GET", "{org}", None),
    ("GET", "{project}/cards/unknown", None),
    ("GET", "{project}/cards?limit=none", None),
    ("POST", "{project}/columns/{column}/cards", {"title": "new"}),
    ("POST", "{project}/columns/{column}/cards", {"title": ""}),
    ("POST", "{project}/columns/{column}/cards", {"title": 1}),
    ("DELETE", "{workspace}", None),
    ("GET", "{workspace}/events", None),
    ("POST", "/api-tokens", {"name": "ci"}),
    ("POST", "/auth/change-password", {"currentPassword": PASSWORD, "newPassword": "a new password"}),
    ("POST", "/auth/logout", None),
    ("DELETE", "/auth/sessions/{session}", None),
]


@pytest.fixture
def board(world):
    return Board(world, world.person("bob"))


@pytest.fixture
def token(world, board):
    return world.bearer(board.member("ann"))


def fill_in(path, board, session="0" * 24):
    return path.format(
        session=session,
        card=board.of(board.card()),
        project=board.path,
        column=board.columns[0]["id"],
        workspace=board.flat,
        org=board.workspace.organization.path,
    )


def test_login_of_a_deleted_account_gets_401(world):
    token = world.bearer(world.person("ann"))
    with world.core.begin(NOBODY) as uow:
        for table in reversed(users.metadata.sorted_tables):
            uow.connection.execute(delete(table))
    assert world.call(token, "GET", "/auth/me").status == 401
    assert world.call(token, "GET", "/organizations").status == 401


@pytest.mark.parametrize(
    ("method", "path", "body", "count"),
    [
        (*READ_CARD, 1),
        ("GET", "/auth/me", None, 1),
        ("GET", "{org}", None, 1),
        # There is no row to read the account with.
        ("GET", "/organizations/unknown", None, 2),
        ("GET", "/organizations", None, 2),
    ],
)
def test_account_is_read_in_the_statement_of_the_access_check(
    world, board, token, statements, method, path, body, count
):
    path = fill_in(path, board)
    with statements() as sent:
        world.call(token, method, path, body)
    assert len(sent) == count
    assert any("token_generation" in sql for sql in sent)
