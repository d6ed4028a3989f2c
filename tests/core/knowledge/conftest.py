"""Fixtures of the document tests."""

from collections.abc import Iterator

import pytest

from stellary.core import Core
from tests.core.knowledge.document_api import DocumentApi
from tests.support.world import World


@pytest.fixture
def postgres_document_api(postgres_url: str) -> Iterator[DocumentApi]:
    """Return the API on PostgreSQL alone, where two writers run concurrently."""
    core = Core(postgres_url, bcrypt_rounds=4)
    yield DocumentApi(World(core))
    core.close()


@pytest.fixture
def api(world: World) -> DocumentApi:
    """Return the API of a workspace without documents."""
    return DocumentApi(world)
