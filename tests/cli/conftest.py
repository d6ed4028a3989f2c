"""A command line, and a server that it talks to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner, Result

from stellary.cli.app import cli
from stellary.core import Core
from tests.conftest import RUN
from tests.databases import Sqlite
from tests.server.running import running

PASSWORD = "a-long-password"
LAUNCH = Path(__file__).parents[2] / "docs" / "examples" / "launch.yaml"


@attrs.frozen
class Shell:
    """Runs commands, as somebody at a terminal does.

    Attributes:
        url: Of the server.
        config: The file in which is remembered who logged in.
    """

    url: str
    config: Path

    def run(self, *words: str, input: str | None = None, code: int = 0, **environment: str) -> Result:
        """Run a command, which ends with that exit code."""
        variables = {"STELLARY_URL": self.url, "STELLARY_CONFIG": str(self.config), "COLUMNS": "120"}
        variables |= environment
        found = CliRunner().invoke(cli, list(words), input=input, env=variables, prog_name="stellary")
        assert found.exit_code == code, found.output
        assert "Traceback" not in found.output
        return found

    def __call__(self, *words: str, input: str | None = None) -> str:
        """What a command prints, which can be done."""
        return self.run(*words, input=input).stdout

    def json(self, *words: str) -> Any:
        """What it prints as JSON."""
        return json.loads(self(*words, "--json"))

    def refused(self, *words: str, code: int = 1, **environment: str) -> str:
        """What it says in one line where it cannot be done."""
        found = self.run(*words, code=code, **environment)
        assert found.stdout == ""
        (line,) = found.stderr.splitlines()
        return line.removeprefix("stellary: ")


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a server, for many tests."""
    with Sqlite(request.config.stash[RUN]).database() as url:
        core = Core(url, bcrypt_rounds=4)
        try:
            with running(core) as server:
                yield server.url
        finally:
            core.close()


@pytest.fixture
def nobody(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A command line of somebody who has not logged in, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    return Shell(server, tmp_path / "config" / "config.json")


@pytest.fixture(scope="module")
def known(server: str, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Of somebody who works in a workspace with the project of the guide."""
    shell = Shell(server, tmp_path_factory.mktemp("jane") / "config.json")
    shell("register", "--email", "jane@example.com", "--name", "Jane Doe", input=PASSWORD)
    shell("setup", "apply", str(LAUNCH), "--yes")
    shell("use", "--project", "LAUNCH")
    return shell


@pytest.fixture
def shell(known: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """The same, in a folder of its own and with a memory of its own."""
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "config.json"
    config.write_bytes(known.config.read_bytes())
    return Shell(known.url, config)
