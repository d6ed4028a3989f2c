"""The examples of the docs run with both clients, over HTTP and in process, on both databases."""

import gc
import importlib.util
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from stellary import AsyncStellary, Stellary
from stellary.contract.projects import Board
from stellary.core import Core
from tests.server.running import running
from tests.support.colours import create_workspace, resolve
from tests.support.each_case import for_each
from tests.support.server_parts import HttpWebhookSender

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def example(name: str) -> ModuleType:
    return load_module(EXAMPLES / f"{name}.py")


def load_module(path: Path) -> ModuleType:
    """Import a program of the docs as a module."""
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def assert_is_the_quickstarts(board: Board) -> None:
    _, to_do, doing, _, done = board.columns
    assert [column.card_count for column in board.columns] == [13, 5, 1, 0, 1]
    by_column = {
        column.id: [card.title for card in board.cards if card.column_id == column.id]
        for column in board.columns
    }
    assert by_column[to_do.id] == [
        "Build search",
        "Document search",
        "Sketch search",
        "Announce billing",
        "Document billing",
    ]
    assert by_column[done.id] == ["Sketch billing"]
    worked_on = next(card for card in board.cards if card.column_id == doing.id)
    assert (worked_on.comment_count, worked_on.checklist_progress.done, worked_on.due_date) == (1, 1, None)
    assert [label.name for label in board.labels][-1] == "customer waits"


@pytest.mark.parametrize(
    ("name", "client_class"), [("quickstart", Stellary), ("quickstart_async", AsyncStellary)]
)
async def test_quickstart_runs_in_process(core: Core, name: str, client_class: Any):
    client = client_class.embedded(core.port(core.user(external_id="jane", email="jane@example.com")))
    assert_is_the_quickstarts(await resolve(example(name).quickstart(client, "acme")))


def test_quickstart_runs_over_http(core: Core, capsys: pytest.CaptureFixture[str]):
    with running(core) as server:
        example("quickstart").main(f"http://127.0.0.1:{server.port}")

    out = capsys.readouterr().out
    assert out.startswith("Q1 Launch (QL)\n")
    assert "Done: 1\n  QL-1 " in out


async def test_async_quickstart_runs_over_http(core: Core, capsys: pytest.CaptureFixture[str]):
    with running(core) as server:
        await example("quickstart_async").main(f"http://127.0.0.1:{server.port}")

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 20
    assert lines[-1].split() == ["QL-1", "Sketch", "billing", "done"]


def test_ten_tasks_run(core: Core, capsys: pytest.CaptureFixture[str]):
    with running(core) as server:
        example("ten_tasks").main(f"http://127.0.0.1:{server.port}")

    assert capsys.readouterr().out == "WEB-1 Login fails\n"


def test_code_of_the_readme_runs_twice_in_a_row(core: Core, capsys: pytest.CaptureFixture[str]):
    (lines,) = re.findall(r"```python\n(.*?)```", (EXAMPLES.parents[1] / "README.md").read_text(), re.DOTALL)
    assert lines == (EXAMPLES / "first_board.py").read_text()  # the home page of the documentation shows it
    assert "http://localhost:3001" in lines
    scope: dict[str, Any] = {}
    with running(core) as server:
        for _ in range(2):
            exec(lines.replace("http://localhost:3001", f"http://127.0.0.1:{server.port}"), scope)
            scope["client"].close()

    out = capsys.readouterr().out
    assert out.startswith("Q1 Launch\nQL  1 card  1 done\n")
    assert out.count("QL  1 card  1 done") == 2
    assert "Write the spec" in out


@pytest.mark.slow("runs each example")
def test_embedding_example_runs(database_url: str, capsys: pytest.CaptureFixture[str]):
    example("embedding").main(database_url)

    # Collect garbage now, so that a warning about an unclosed resource appears in this test.
    gc.collect()
    assert "QL-1 Deliver order 7" in capsys.readouterr().out


def test_core_parts_example_runs(capsys: pytest.CaptureFixture[str]):
    example("core_parts").main()
    assert capsys.readouterr().out.splitlines() == ["['Week 1']", "0 files, 0 lost"]


def test_file_store_of_a_host_runs(capsys: pytest.CaptureFixture[str]):
    example("own_blobs").main()
    assert capsys.readouterr().out == "Draft.\n"


def test_host_extends_the_core(database_url, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["extending.py", database_url])
    example("extending")
    assert capsys.readouterr().out.splitlines() == [
        "assign the card before you move it",
        "Invoice over 900",
        "high",
        "new card 'Write the spec'",
        "report for eng",
        "['Done']",
    ]


async def test_asynchronous_example_uses_each_way(database_url: str, capsys: pytest.CaptureFixture[str]):
    await example("embedding_async").main(database_url)
    assert capsys.readouterr().out == "LAU-1 Write the spec high\n"


def test_tests_of_a_host_pass():
    command = [sys.executable, "-m", "pytest", "-q", "--override-ini", "addopts=", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, EXAMPLES / "testing_a_host.py"], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stdout.splitlines()[-1].startswith("6 passed"), done.stdout


def test_look_around_example_lists_the_account(core: Core, capsys: pytest.CaptureFixture[str]):
    account = ("jane@example.com", "a-long-password")
    with running(core) as server:
        with Stellary.register(server.url, *account) as client:
            create_workspace(client).projects.create(name="Launch")
        example("look_around").main(server.url, *account)
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["jane owner", "  jane []", "acme owner", "  eng ['Launch']"]


PROGRAMS = [path for path in sorted(EXAMPLES.glob("*.py")) if "def main(" in path.read_text()]
UNTIL_STOPPED = {"webhook_receiver"}
"""The programs that receive requests until they are stopped, which have a test of their own."""


@pytest.mark.slow("runs each example")
@for_each("path", [path for path in PROGRAMS if path.stem not in UNTIL_STOPPED])
def test_program_of_an_example_runs(path: Path, example_server: str, tmp_path: Path, monkeypatch):
    arguments = {"url": example_server, "email": "ann@example.com", "password": "a-long-password"}
    arguments["database_url"] = f"sqlite:///{tmp_path / path.stem}.db"
    (names,) = re.findall(r"^(?:async )?def main\((.*?)\)", path.read_text(), re.MULTILINE)
    values = [arguments[name] for name in re.findall(r"(\w+): ", names)]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [str(path), *values])
    runpy.run_path(str(path), run_name="__main__")


@pytest.fixture
def example_server(sqlite_url: str, capsys: pytest.CaptureFixture[str]) -> Iterator[str]:
    """Yield the URL of a server with the account of Ann, without printing what the programs print."""
    core = Core(sqlite_url, bcrypt_rounds=4, webhook_sender=HttpWebhookSender())
    core.env.private_webhooks = True
    with closing(core), running(core) as server:
        Stellary.register(server.url, "ann@example.com", "a-long-password").close()
        yield server.url
