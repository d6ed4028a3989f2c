"""The example of attachments runs over HTTP and in process, on both databases, with files in a folder."""

from pathlib import Path
from typing import Any

import pytest

from stellary import Stellary
from stellary.core import Core
from tests.journeys.test_examples import example
from tests.server.running import WITHOUT_JOBS, running
from tests.support.colours import create_workspace
from tests.support.core_parts import MARKER

LEFT = ["prices.csv: text/csv, 360000 bytes", "notes.txt: text/plain, 13 bytes"]
TOLD = """\
18%
36%
55%
73%
91%
100%
a file must not be larger than 10485760 bytes, and this one has 10485761
Nine is fine. 40000
"""


@pytest.fixture
def core_options(tmp_path: Path) -> dict[str, Any]:
    return {"blobs": tmp_path / "files"}


def run_through(client: Stellary, folder: Path) -> list[str]:
    create_workspace(client)
    lines: list[str] = example("attachments").attachments(client, "acme", "eng", folder)
    assert (folder / "prices from the card.csv").read_bytes() == (folder / "prices.csv").read_bytes()
    return lines


def count_files(folder: Path) -> int:
    """Return the number of files in the store, without its marker."""
    return len([path for path in (folder / "files").rglob("*") if path.is_file() and not path.match(MARKER)])


def test_example_runs_in_process(core: Core, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    client = Stellary.embedded(core.port(core.user(external_id="jane", email="jane@example.com")))
    assert run_through(client, tmp_path) == LEFT
    assert capsys.readouterr().out == TOLD


def test_example_runs_over_http(core: Core, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with (
        running(core, WITHOUT_JOBS) as server,
        Stellary.register(server.url, "jane@example.com", "a-long-password") as client,
    ):
        assert run_through(client, tmp_path) == LEFT
        trash = client.workspace("acme", "eng").trash
        (deleted,) = trash.list(kind="attachment")
        assert count_files(tmp_path) == len(LEFT) + 1
        trash.delete(deleted)
        core.work.run_due()
        assert count_files(tmp_path) == len(LEFT)
    assert capsys.readouterr().out == TOLD
