"""Type checkers agree with the types in ``sdk.py`` and its neighbours, and editors explain the methods of the client."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import jedi
import pytest

from stellary import AsyncStellary, Stellary
from stellary.client.testing import RecordingPort
from tests.support.language_server import LanguageServer

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FILES = sorted(path for path in HERE.glob("*.py") if path.name != Path(__file__).name)
EVERYDAY_TASKS = ROOT / "docs" / "examples" / "ten_tasks.py"
"""A program of everyday tasks, which five type checkers accept."""
TOOLS = Path(sys.executable).parent
OTHER_SERVERS = (("basedpyright-langserver", "--stdio"), ("ty", "server"))
"""Language servers beside pyright's: a program and its argument."""

SETUP = """\
from stellary import AsyncStellary, Stellary

client = Stellary("http://a")
ws = client.workspace("acme", "eng")
board = ws.project("p")
async_board = AsyncStellary("http://a").workspace("acme", "eng").project("p")
"""
METHODS = (
    "async_board.card('c').labels.add",
    "async_board.cards.create",
    "async_board.cards.create_all",
    "async_board.cards.iterate",
    "async_board.export_to",
    "board.automations.traces",
    "board.board",
    "board.card('c').attachments.upload",
    "board.card('c').checklist.add",
    "board.card('c').comments.create",
    "board.card('c').relations.create",
    "board.cards.create",
    "board.cards.create_all",
    "board.cards.delete",
    "board.cards.list",
    "board.cards.update",
    "board.columns.delete",
    "board.custom_fields.create",
    "board.labels.add_to_card",
    "client.api_tokens.create",
    "client.auth.me",
    "client.organization('acme').members.update",
    "client.organizations.create",
    "client.request",
    "client.workspace",
    "ws.agents('a').missions.create",
    "ws.document('d').review",
    "ws.members.invite",
    "ws.mission('m').wait",
    "ws.pilotage.create_mission",
    "ws.project_drafts.refine",
    "ws.projects.create",
    "ws.projects.import_file",
    "ws.projects.iterate",
    "ws.search",
    "ws.webhooks.deliveries",
)
"""Methods about which an editor is asked."""
HANDLES = ("async_board.cards", "board", "board.cards", "client", "ws", "ws.documents")
"""Handles whose names an editor completes."""
SAMPLE = SETUP + "".join(f"{method}\n{method}()\n" for method in METHODS)
SAMPLE += "".join(f"{handle}.x\n" for handle in HANDLES)

SHOWN_AS_PROBLEM = (1, 2)
"""The severities of errors and warnings in the protocol."""

Ask = Callable[[int, int], str]
"""Asks an editor about a position: a line and a column, both from 0."""


def test_mypy_reports_no_error():
    command = [TOOLS / "mypy", "--strict", "--warn-unused-ignores", "--cache-dir", ".mypy_cache/typing"]
    process = subprocess.run([*command, *FILES, EVERYDAY_TASKS], cwd=ROOT, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout


def test_pyright_reports_no_error_and_explains_methods():
    # One process for everything, since starting it costs most.
    with LanguageServer([TOOLS / "pyright-langserver", "--stdio"], HERE) as server:
        assert list_problems(server, *FILES, EVERYDAY_TASKS) == []

        sample = server.open(HERE / "sample.py", SAMPLE)
        assert find_unexplained_by(server, sample) == []
        places = server.ask_at("textDocument/definition", sample, *find_method("board.cards.create"))
        assert "stellary/client/resources/cards.py" in " ".join(place["uri"] for place in places)


@pytest.mark.parametrize("command", OTHER_SERVERS, ids=lambda command: command[0])
def test_other_editors_explain_methods(command: tuple[str, str]):
    program, argument = command
    # ty completes a name where nothing follows the dot yet.
    text = SAMPLE.replace(".x\n", ".\n") if program == "ty" else SAMPLE
    with LanguageServer([TOOLS / program, argument], ROOT) as server:
        assert find_unexplained_by(server, server.open(HERE / "sample.py", text)) == []
        assert list_problems(server, EVERYDAY_TASKS) == []


def test_pyrefly_accepts_everyday_tasks():
    command = [TOOLS / "pyrefly", "check", "--python-interpreter-path", sys.executable, EVERYDAY_TASKS]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout + process.stderr


def test_everyday_tasks_take_at_most_twenty_lines():
    _, _, tasks = EVERYDAY_TASKS.read_text().partition("[start:tasks]\n")
    lines = tasks.partition("# --8<-- [end:tasks]")[0].splitlines()
    assert [number for number in range(1, 11) if f"# {number}. " not in "\n".join(lines)] == []
    assert len([line for line in lines if line.strip()]) <= 20


def list_problems(server: LanguageServer, *paths: Path) -> list[str]:
    """Return the errors and warnings that a language server reports about files, each with its place."""
    uris = {path.name: server.open(path, path.read_text()) for path in paths}
    return [
        f"{name}:{problem['range']['start']['line'] + 1}: {problem['message']}"
        for name, uri in uris.items()
        for problem in server.wait_for_diagnostics(uri)
        if problem["severity"] in SHOWN_AS_PROBLEM
    ]


def find_unexplained_by(server: LanguageServer, sample: str) -> list[str]:
    """Return what a language server does not show of the sample.

    Args:
        server: The server.
        sample: The URI of the sample.
    """

    def hover(line: int, column: int) -> str:
        response = server.ask_at("textDocument/hover", sample, line, column)
        return response["contents"]["value"] if response else ""

    def show_signature(line: int, column: int) -> str:
        response = server.ask_at("textDocument/signatureHelp", sample, line, column)
        return "\n".join(signature["label"] for signature in response["signatures"]) if response else ""

    def complete(line: int, column: int) -> str:
        response = server.ask_at("textDocument/completion", sample, line, column)
        items = response["items"] if isinstance(response, dict) else response or []
        return "\n".join(item["label"] for item in items)

    return list(find_unexplained(hover, show_signature, complete))


@pytest.mark.slow("asks an editor about each method")
def test_jedi_shows_signatures_and_names():
    # jedi shows no documentation of endpoints: it looks for the docstring of a stub's function under the same name in the
    # module beside the stub (StubNameMixin.py__doc__), and there an endpoint is an assignment without one.
    project = jedi.Project(ROOT)
    # A process of its own, since measuring the coverage changes how this one imports modules.
    environment = jedi.create_environment(sys.executable, safe=False)
    script = jedi.Script(SAMPLE, path=HERE / "sample.py", project=project, environment=environment)

    def show_signature(line: int, column: int) -> str:
        return "\n".join(signature.to_string() for signature in script.get_signatures(line + 1, column))

    def complete(line: int, column: int) -> str:
        return "\n".join(name.name for name in script.complete(line + 1, column))

    assert list(find_unexplained(None, show_signature, complete)) == []


def find_method(method: str) -> tuple[int, int]:
    """Return the position of the last name of a method in the sample."""
    return SAMPLE.splitlines().index(method), method.rindex(".") + 1


def find_unexplained(hover: Ask | None, show_signature: Ask, complete: Ask) -> Iterator[str]:
    """Yield what an editor does not show: documentation and parameters of methods, and names of handles.

    Args:
        hover: Returns what the editor shows about a name; None to look at the rest only.
        show_signature: Returns the signatures that it shows between parentheses.
        complete: Returns the names that it offers, one per line.
    """
    lines = SAMPLE.splitlines()
    for method in METHODS:
        function = evaluate(method)
        if hover is not None:
            response = " ".join(hover(*find_method(method)).split())
            if " ".join((inspect.getdoc(function) or "?").split()) not in response:
                yield f"{method}: no documentation in {response!r}"
        call = lines.index(f"{method}()")
        signatures = show_signature(call, len(method) + 1)
        parameters = [name for name in inspect.signature(function).parameters if name != "arguments"]
        if missing := [name for name in parameters if name not in signatures]:
            yield f"{method}: no {', '.join(missing)} in {signatures!r}"
    for handle in HANDLES:
        offered = complete(lines.index(f"{handle}.x"), len(handle) + 1).splitlines()
        names = {name for name in dir(evaluate(handle)) if not name.startswith("_")}
        if missing := sorted(names - set(offered)):
            yield f"{handle}: no {', '.join(missing)} offered"


def evaluate(expression: str) -> object:
    """Return the value of an expression of the sample, with clients that send nothing."""
    client = Stellary.embedded(RecordingPort())
    ws = client.workspace("acme", "eng")
    async_ws = AsyncStellary.embedded(RecordingPort()).workspace("acme", "eng")
    names = {
        "client": client,
        "ws": ws,
        "board": ws.project("p"),
        "async_board": async_ws.project("p"),
    }
    value: object = eval(expression, names)  # an expression of this module
    return value
