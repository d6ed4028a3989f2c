"""A command line, and the server that it talks to."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner, Result

from stellary.cli.app import cli
from stellary.core import Core
from tests.conftest import RUN
from tests.server.running import running
from tests.support.databases import Sqlite

PASSWORD = "a-long-password"
LAUNCH = Path(__file__).parents[2] / "docs" / "examples" / "launch.yaml"


@attrs.frozen
class Shell:
    """A shell in which a user runs commands.

    Attributes:
        url: The URL of the server.
        config: The configuration file, with the login.
    """

    url: str
    config: Path

    def run(self, *words: str, input: str | None = None, code: int = 0, **environment: str) -> Result:
        """Run a command, and check its exit code."""
        variables = {"STELLARY_URL": self.url, "STELLARY_CONFIG": str(self.config), "COLUMNS": "120"}
        variables |= environment
        result = CliRunner().invoke(cli, list(words), input=input, env=variables, prog_name="stellary")
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result

    def __call__(self, *words: str, input: str | None = None) -> str:
        """Run a command that succeeds, and return its output."""
        return self.run(*words, input=input).stdout

    def json(self, *words: str) -> Any:
        """Run a command that succeeds, and return its JSON output."""
        return json.loads(self(*words, "--json"))

    def error(self, *words: str, code: int = 1, **environment: str) -> str:
        """Run a command that fails, and return its error line."""
        result = self.run(*words, code=code, **environment)
        assert result.stdout == ""
        (line,) = result.stderr.splitlines()
        return line.removeprefix("stellary: ")


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the URL of a server that many tests share."""
    with (
        Sqlite(request.config.stash[RUN]).database() as url,
        closing(Core(url, bcrypt_rounds=4)) as core,
        running(core) as server,
    ):
        yield server.url


@pytest.fixture
def new_shell(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Return a command line without a login, in its own directory."""
    monkeypatch.chdir(tmp_path)
    return Shell(server, tmp_path / "config" / "config.json")


@pytest.fixture(scope="module")
def jane(server: str, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Return a command line that is logged in, with a workspace and the project of the guide."""
    shell = Shell(server, tmp_path_factory.mktemp("jane") / "config.json")
    shell("register", "--email", "jane@example.com", "--name", "Jane Doe", input=PASSWORD)
    shell("setup", "apply", str(LAUNCH), "--yes")
    shell("use", "--project", "LAUNCH")
    return shell


@pytest.fixture
def shell(jane: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Return the same login, in its own directory and with its own configuration file."""
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "config.json"
    config.write_bytes(jane.config.read_bytes())
    return Shell(jane.url, config)
