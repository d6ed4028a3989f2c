"""A version of SQLAlchemy or psycopg that this release does not know: the same results on a slower path."""

import logging
from contextlib import closing
from functools import partial
from importlib.metadata import version

import pytest

from stellary import Stellary
from stellary.contract.errors import Conflict, ServerError
from stellary.contract.organizations import CreateOrganization
from stellary.contract.refs import Ref
from stellary.core import Core, Membership
from stellary.core.db import internals
from stellary.core.db.direct_connection import DirectConnection
from tests.support.core_parts import create_organization
from tests.support.world import at_once

pytestmark = pytest.mark.slow("starts cores with other versions")


@pytest.fixture(params=["sqlalchemy", "psycopg"])
def unknown(request, monkeypatch):
    monkeypatch.setitem(internals.KNOWN, request.param, "9.9.")
    internals.are_known.cache_clear()
    yield request.param
    internals.are_known.cache_clear()


def create_two(uow, slug):
    create_organization(uow, Ref(), CreateOrganization(name="Beta", slug="beta"))
    create_organization(uow, Ref(), CreateOrganization(name="Other", slug=slug))


def test_unknown_version_is_slower_with_the_same_results(database_url, unknown, caplog):
    is_sqlite = database_url.startswith("sqlite")
    # The other library may be unknown by itself: the tests also run with old versions.
    is_direct = is_sqlite and version("sqlalchemy").startswith(internals.KNOWN["sqlalchemy"])
    with caplog.at_level(logging.WARNING, "stellary.core"), closing(Core(database_url)) as core:
        actor = core.provision("1", Membership("acme", "eng"), email="ann@example.com")
        workspace = Stellary.embedded(core.port(actor)).workspace("acme", "eng")
        board = workspace.project(workspace.projects.create(name="Launch"))
        column = board.column(board.columns.list()[0])
        for number in range(60):
            column.cards.create(title=f"Card {number}")
        assert [card.title for card in board.cards.list()][-1] == "Card 59"
        assert board.card(board.cards.list()[0]).get().title == "Card 0"
        for slug in ("beta", "acme"):
            with pytest.raises(Conflict):
                core.run(actor, partial(create_two, slug=slug))
        with pytest.raises(ServerError):
            core.run(actor, partial(create_two, slug="other"), read_only=True)
        assert [item.slug for item in Stellary.embedded(core.port(actor)).organizations.list()] == ["acme"]
        with core.database.writing() as connection:
            assert isinstance(connection, DirectConnection) == is_direct
        at_once(*[partial(column.cards.create, title="x")] * 6)
        assert len([*board.cards.list()]) == 66
    warnings = [record.getMessage() for record in caplog.records if "internals" in record.getMessage()]
    assert len(warnings) == (not is_direct)
    assert all(("sqlalchemy " if is_sqlite else f"{unknown} ") in warning for warning in warnings)
