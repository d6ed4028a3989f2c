"""A copied installation answers every read of the contract like the original, to every caller."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from stellary.core import FolderBlobs
from tests.conftest import RUN
from tests.security.good_requests import make_path_params, send
from tests.security.permission_world import PermissionWorld, open_sandboxed_core
from tests.security.table import PERSONAS, ROWS
from tests.support.core_parts import Database, copy_database
from tests.support.databases import KINDS

OTHER_KIND = {"sqlite": "postgresql", "postgresql": "sqlite"}
OF_THE_PROCESS = {
    "system.metrics",
    "system.health",
    "system.ready",
    "workspace_events.stream",
    "agent_missions.events",
}
"""Operations that answer for the process, or whose answer does not end."""

EXPORT_TIME = re.compile(rb'"exportedAt":"[^"]*"')


@pytest.fixture(scope="module")
def copied_world(
    shared_permission_world: PermissionWorld,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[PermissionWorld]:
    """Yield a copy of the permission world in a database of the other kind."""
    core = shared_permission_world.core
    kind = OTHER_KIND[core.database.engine.dialect.name]
    files: Path = tmp_path_factory.mktemp("files")
    with KINDS[kind](request.config.stash[RUN]).empty_database() as url:
        target = Database(url)
        copy = copy_database(core.database, target, core.list_files, (core.env.blobs, FolderBlobs(files)))
        target.close()
        assert copy.files
        assert copy.lost == []
        assert copy.rows["stellary_cards"]
        with open_sandboxed_core(url, files) as copied_core:
            sandbox = copied_core.units.database
            yield PermissionWorld.from_state(copied_core, sandbox, shared_permission_world.to_state())


@pytest.mark.slow("calls each endpoint twice")
@pytest.mark.wide(when="operations")
def test_copy_answers_every_read_like_the_original(permission_world, copied_world):
    differences = []
    with copied_world.sandbox.transaction():
        for row in ROWS:
            if row.method != "GET" or row.operation in OF_THE_PROCESS:
                continue
            for persona in PERSONAS:
                answers = []
                for world in (permission_world.enter(persona), copied_world.enter(persona)):
                    with world.sandbox.discard_changes():
                        answer = send(world, row, persona, make_path_params(world, row, persona))
                        body = answer.body or b"".join(answer.blocks or ())
                        answers.append((answer.status, EXPORT_TIME.sub(b"", body)))
                if answers[0] != answers[1]:
                    differences.append((row.operation, persona, answers))
    assert differences == []
