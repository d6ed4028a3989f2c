"""The example of MCP runs over HTTP, on both databases."""

import pytest

from stellary.core import Core
from tests.journeys.test_examples import example
from tests.server.running import WITHOUT_JOBS, running


def test_mcp(core: Core, capsys: pytest.CaptureFixture[str]):
    with running(core, WITHOUT_JOBS) as server:
        example("mcp_client").main(server.url)
    tools, problem, moved, hits = capsys.readouterr().out.splitlines()
    assert tools.endswith(" tools")
    assert "'Book hall' is neither; the most similar names are 'Book hall A' (" in problem
    assert "'Book hall B' (" in problem
    assert (moved, hits) == ("LAU-2 Book hall B is moved", "2 hits")
