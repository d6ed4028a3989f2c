"""Type checkers agree with the types in ``sdk.py`` and its neighbours, and editors explain the methods of the client."""

from __future__ import annotations

import inspect
import pydoc
import subprocess
import sys
import typing
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

import attrs
import griffe
import jedi
import pytest
from IPython.core.oinspect import Inspector

from stellary import AsyncStellary, Stellary
from stellary.client.testing import RecordingPort
from tests.support.language_server import LanguageServer

pytestmark = pytest.mark.wide(when="typing")

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FILES = sorted(path for path in HERE.glob("*.py") if path.name != Path(__file__).name)
EVERYDAY_TASKS = ROOT / "docs" / "examples" / "ten_tasks.py"
"""A program of everyday tasks, which five type checkers accept."""
TOOLS = Path(sys.executable).parent
OTHER_SERVERS = (
    ("basedpyright-langserver", "--stdio"),
    ("jedi-language-server",),
    ("pylsp",),
    ("pyrefly", "lsp", "--indexing-mode", "none"),
    ("ty", "server"),
)
"""Language servers beside pyright's: a program and its arguments."""
CHECKERS = ("basedpyright-langserver", "ty")
"""Those that also report errors of types."""
WITHOUT_STYLE = {
    "pylsp": {
        "plugins": {name: {"enabled": False} for name in ("mccabe", "preload", "pycodestyle", "pyflakes")}
    }
}
"""Settings of pylsp, which otherwise also judges the style of the sample."""

SETUP = """\
from stellary import AsyncBoard, AsyncStellary, AsyncWorkspace, Board, Stellary, Workspace

client = Stellary("http://a")
ws: Workspace = client.workspace("acme", "eng")
board: Board = ws.project("p")
async_client = AsyncStellary("http://a")
async_ws: AsyncWorkspace = async_client.workspace("acme", "eng")
async_board: AsyncBoard = async_ws.project("p")
"""
"""The handles are annotated, since jedi infers each of them again for each question."""
METHODS = (
    "board.automations.traces",
    "board.board",
    "board.card('c').attachments.upload",
    "board.card('c').checklist.add",
    "board.card('c').comments.create",
    "board.card('c').labels.add",
    "board.card('c').relations.create",
    "board.cards.create",
    "board.cards.create_all",
    "board.cards.iterate",
    "board.cards.list",
    "board.cards.update",
    "board.custom_fields.create",
    "board.export_to",
    "board.labels.add_to_card",
    "client.api_tokens.create",
    "client.auth.me",
    "client.organization('acme').members.update",
    "client.organizations.create",
    "client.request",
    "client.workspace",
    "client.workspace('acme', 'eng').documents.list",
    "ws.agents('a').missions.create",
    "ws.document('d').review",
    "ws.members.invite",
    "ws.mission('m').wait",
    "ws.pilotage.create_mission",
    "ws.project_drafts.refine",
    "ws.projects.create",
    "ws.projects.import_file",
    "ws.search",
)
"""Methods about which a tool is asked, also those of ``AsyncStellary``."""
BOTH_COLORS = tuple(prefix + method for prefix in ("", "async_") for method in METHODS)
HANDLES = ("async_board.cards", "board", "board.cards", "client", "ws", "ws.documents")
"""Handles whose names an editor completes."""
SAMPLE = SETUP + "".join(f"{method}\n{method}()\n" for method in BOTH_COLORS)
SAMPLE += "".join(f"{handle}.x\n" for handle in HANDLES)

SHOWN_AS_PROBLEM = (1, 2)
"""The severities of errors and warnings in the protocol."""


@attrs.frozen
class Tool:
    """Functions that ask an editor or a viewer about a position of the sample: a line and a column, both from 0.

    Attributes:
        hover: Returns the documentation of a name.
        show_signature: Returns the signatures of a call.
        find_definitions: Returns the files and lines, from 1, that define a name.
        complete: Returns the names below a handle; None if the tool is not asked.
    """

    hover: Callable[[int, int], str]
    show_signature: Callable[[int, int], str]
    find_definitions: Callable[[int, int], Iterable[tuple[str, int]]]
    complete: Callable[[int, int], Iterable[str]] | None = None


def test_mypy_reports_no_error():
    command = [TOOLS / "mypy", "--strict", "--warn-unused-ignores", "--cache-dir", ".mypy_cache/typing"]
    process = subprocess.run([*command, *FILES, EVERYDAY_TASKS], cwd=ROOT, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout


def test_pyright_reports_no_error_and_explains_methods():
    # One process for everything, since starting it costs most.
    with LanguageServer([TOOLS / "pyright-langserver", "--stdio"], HERE) as server:
        assert list_problems(server, *FILES, EVERYDAY_TASKS) == []
        assert list(find_unexplained(make_tool(server, server.open(HERE / "sample.py", SAMPLE)))) == []


@pytest.mark.parametrize("command", OTHER_SERVERS, ids=lambda command: command[0])
def test_other_editors_explain_methods(command: tuple[str, ...]):
    program, *arguments = command
    # ty completes a name where nothing follows the dot yet.
    text = SAMPLE.replace(".x\n", ".\n") if program == "ty" else SAMPLE
    with LanguageServer([TOOLS / program, *arguments], ROOT, WITHOUT_STYLE) as server:
        tool = make_tool(server, server.open(HERE / "sample.py", text))
        if program not in CHECKERS:
            # They complete names as jedi does, and take seconds for each handle, or do so only where the name is unfinished.
            tool = attrs.evolve(tool, complete=None)
        assert list(find_unexplained(tool)) == []
        if program in CHECKERS:
            assert list_problems(server, EVERYDAY_TASKS) == []


@pytest.mark.slow("asks an editor about each method")
def test_jedi_explains_methods():
    # A process of its own, since measuring the coverage changes how this one imports modules.
    environment = jedi.create_environment(sys.executable, safe=False)
    make_script = partial(
        jedi.Script, SAMPLE, path=HERE / "sample.py", project=jedi.Project(ROOT), environment=environment
    )
    script = make_script()
    tool = Tool(
        lambda line, column: "\n".join(name.docstring() for name in script.help(line + 1, column)),
        lambda line, column: "\n".join(
            signature.to_string() for signature in script.get_signatures(line + 1, column)
        ),
        lambda line, column: [
            (str(name.module_path), name.line) for name in script.goto(line + 1, column, follow_imports=True)
        ],
        # jedi gives up after many steps with one script.
        lambda line, column: [name.name for name in make_script().complete(line + 1, column)],
    )
    assert list(find_unexplained(tool)) == []


@pytest.mark.slow("renders the help of each method")
def test_help_and_ipython_explain_methods():
    inspector = Inspector(theme_name="nocolor")
    wrong = []
    for method in BOTH_COLORS:
        function = evaluate(method)
        texts = {
            "help()": pydoc.plain(pydoc.render_doc(function)),
            "IPython": "\n".join(
                filter(None, map(inspector.info(function).get, ("definition", "docstring")))
            ),
        }
        for name, text in texts.items():
            words = [*list_parameters(function), _squeeze(inspect.getdoc(function) or "?")]
            wrong += [f"{name}: {method}: no {word}" for word in words if word not in _squeeze(text)]
    assert wrong == []


@pytest.mark.slow("parses the modules of all methods")
def test_griffe_reads_docstrings_and_their_parameters():
    wrong = []
    for method in METHODS:
        function = evaluate(method)
        path = Path(inspect.getsourcefile(inspect.unwrap(function)) or "")
        module = griffe.visit(function.__module__, path, path.read_text())
        documented = module[function.__qualname__]
        sections = documented.docstring.parse("google", warn_missing_types=False, warn_unknown_params=False)
        described = {
            entry.name
            for section in sections
            if section.kind.value == "parameters"
            for entry in section.value
        }
        missing = set(list_parameters(function)) - described - {"arguments"}
        missing |= set(list_parameters(function)) - {parameter.name for parameter in documented.parameters}
        wrong += [f"{method}: no {name}" for name in sorted(missing)]
    assert wrong == []


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


def make_tool(server: LanguageServer, sample: str) -> Tool:
    """Return the answers of a language server about the sample.

    Args:
        server: The server.
        sample: The URI of the sample.
    """

    def hover(line: int, column: int) -> str:
        response = server.ask_at("textDocument/hover", sample, line, column)
        contents = response["contents"] if response else ""
        return contents["value"] if isinstance(contents, dict) else str(contents)

    def show_signature(line: int, column: int) -> str:
        response = server.ask_at("textDocument/signatureHelp", sample, line, column)
        return "\n".join(signature["label"] for signature in response["signatures"]) if response else ""

    def find_definitions(line: int, column: int) -> Iterator[tuple[str, int]]:
        response = server.ask_at("textDocument/definition", sample, line, column) or []
        for place in response if isinstance(response, list) else [response]:
            yield unquote(urlsplit(place["uri"]).path), place["range"]["start"]["line"] + 1

    def complete(line: int, column: int) -> list[str]:
        response = server.ask_at("textDocument/completion", sample, line, column)
        items = response["items"] if isinstance(response, dict) else response or []
        return [item["label"] for item in items]

    return Tool(hover, show_signature, find_definitions, complete)


def find_unexplained(tool: Tool) -> Iterator[str]:
    """Yield what a tool does not show: documentation, parameters and definitions of methods, and names of handles."""
    lines = SAMPLE.splitlines()
    for method in BOTH_COLORS:
        function = evaluate(method)
        line, column = lines.index(method), method.rindex(".") + 1
        documentation = _squeeze(tool.hover(line, column))
        if _squeeze(inspect.getdoc(function) or "?") not in documentation:
            yield f"{method}: no documentation in {documentation!r}"
        signatures = tool.show_signature(lines.index(f"{method}()"), len(method) + 1)
        if missing := [name for name in list_parameters(function) if name not in signatures]:
            yield f"{method}: no {', '.join(missing)} in {signatures!r}"
        source, first, last = find_source(function)
        definitions = list(tool.find_definitions(line, column))
        if not any(path == source and first <= number <= last for path, number in definitions):
            yield f"{method}: not defined at {definitions}"
    for handle in HANDLES if tool.complete else ():
        offered = tool.complete(lines.index(f"{handle}.x"), len(handle) + 1)
        names = {name for name in dir(evaluate(handle)) if not name.startswith("_")}
        if missing := sorted(names - set(offered)):
            yield f"{handle}: no {', '.join(missing)} offered"


def list_parameters(function: Callable[..., object]) -> list[str]:
    """Return the names of the parameters of a method, without ``**arguments``, whose keys editors show in their place."""
    return [name for name in inspect.signature(function).parameters if name != "arguments"]


def find_source(function: Callable[..., object]) -> tuple[str, int, int]:
    """Return the file of a method, the line of its first overload, and the first one of its docstring."""
    overloads = [overload.__code__.co_firstlineno for overload in typing.get_overloads(function)]
    lines, start = inspect.getsourcelines(function)
    docstring = next(index for index, line in enumerate(lines) if '"""' in line)
    return inspect.getsourcefile(inspect.unwrap(function)) or "", min([start, *overloads]), start + docstring


def _squeeze(text: str) -> str:
    """Return a text without Markdown's escapes and with single spaces."""
    return " ".join(text.replace("&nbsp;", " ").replace("\\", "").split())


def evaluate(expression: str) -> Callable[..., object]:
    """Return the value of an expression of the sample, with clients that send nothing."""
    names: dict[str, object] = {}
    for prefix, client in (("", Stellary), ("async_", AsyncStellary)):
        root = client.embedded(RecordingPort())
        ws = root.workspace("acme", "eng")
        names |= {f"{prefix}client": root, f"{prefix}ws": ws, f"{prefix}board": ws.project("p")}
    value: Callable[..., object] = eval(expression, names)  # an expression of this module
    return value
