"""The API behind the helpers for frameworks: each passes the same checks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stellary import Stellary
from stellary.core import Core
from tests.server.listening import listening
from tests.server.processes import run_script
from tests.server.running import Reachable
from tests.shells.test_contrib import serving_fastapi, serving_flask
from tests.support.api_checks import REQUESTS_MAX, check_api
from tests.support.boards import Board
from tests.support.core_parts import Limits, RateLimit
from tests.support.in_process import CALLERS, PREFIX

LIMITS = Limits(requests=RateLimit(REQUESTS_MAX, 3600))


@pytest.mark.slow("calls the API over each shell")
@pytest.mark.parametrize("helper", ["fastapi", "flask"])
def test_api_behind_a_helper_passes_all_checks(core: Core, board: Board, helper: str):
    with CALLERS[helper](core, limits=LIMITS) as call_api:
        check_api(call_api, board, PREFIX)


def test_api_behind_django_passes_all_checks(database_url: str, tmp_path: Path):
    script = Path(__file__).with_name("django_checks.py")
    code, output, errors = run_script(script, str(tmp_path), database_url)
    assert (code, output) == (0, "wsgi asgi"), errors


@pytest.fixture(params=[serving_fastapi, serving_flask])
def host(request: pytest.FixtureRequest, core: Core) -> Iterator[Reachable]:
    with request.param(core) as server:
        yield server


def test_stream_through_a_host_delivers_events(host: Reachable, board: Board):
    with listening(host, f"{PREFIX}{board.flat}/events", board.bearer) as client:
        assert client.block() == {"retry": "1000"}
        board.card("First")
        event = client.event()
        assert event["meta"]["cardTitle"] == "First"
    with listening(host, f"{PREFIX}{board.flat}/events", board.bearer, last_event_id=event["id"]) as client:
        board.card("Second")
        assert client.event()["meta"]["cardTitle"] == "Second"


def test_sdk_works_through_a_host(host: Reachable, board: Board):
    with Stellary(f"{host.url}{PREFIX}", token=board.bearer) as client:
        workspace = client.workspace(board.workspace.organization.slug, board.workspace.slug)
        project = workspace.project(board.project["id"])
        to_do, *_ = project.columns.list()
        card = project.cards.create(to_do.id, title="From the SDK")
        assert [listed.id for listed in project.cards.list()] == [card.id]
