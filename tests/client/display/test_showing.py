"""Views of values, pages and handles. Only show() makes requests; the representation of a handle makes none."""

import asyncio
import io
import re
import subprocess
import sys

import pytest
from rich.console import Console

from stellary import AsyncStellary, Stellary
from stellary.client.calling.page import Page
from stellary.client.display import View, view
from stellary.client.display._sheet import put
from stellary.client.testing import RecordingPort, make
from stellary.contract import rendering
from stellary.contract.labels import Label
from stellary.contract.scopes import Scope
from tests.client.display.boards import board, card

BUG = make(Label, name="bug", color="#ef4444")


def port() -> RecordingPort:
    recording = RecordingPort()
    recording.answer("projects.board", board(card(1, "Write")))
    recording.answer("labels.list", [BUG])
    recording.answer("scopes.list", [make(Scope, id="6" * 24, is_default=True)])
    return recording


def in_terminal(renderable: object, width: int = 80, color: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=color, color_system="standard" if color else None)
    console.print(renderable)
    return out.getvalue()


@pytest.mark.parametrize("value", [BUG, Page([BUG]), board(card(1)), view(BUG)])
def test_values_pages_and_views_have_a_mime_bundle(value: object):
    bundle = value._repr_mimebundle_(include=None, exclude=None)
    assert bundle.keys() == {"text/html", "text/plain"}
    assert bundle["text/html"].startswith('<div class="sty"')
    # marimo takes nothing but plain strings.
    assert {type(text) for text in (*bundle.values(), view(BUG).html(), view(BUG).page())} == {str}


def test_headings_are_excluded_from_jupyterlab_contents():
    html = view(board(card(1))).html()
    headings = re.findall(r'<h[1-6] class="([^"]*)"', html)
    assert headings
    assert html.count("<h3") + html.count("<h4") == len(headings)
    assert all("jp-toc-ignore" in classes.split() for classes in headings)


def test_heading_number_does_not_move_its_title():
    html = view(board(card(1))).html()
    assert "justify-content:space-between" not in re.search(r"\.sty-lane \.sty-h\{[^}]*\}", html)[0]
    assert re.search(r"\.numbering-entry\{display:none\}", html)


class Marimo:
    """The parts of marimo that are used, as if a notebook were running."""

    def __init__(self) -> None:
        self.output = self
        self.shown: list[View] = []

    def running_in_notebook(self) -> bool:
        return True

    def append(self, view: View) -> None:
        self.shown.append(view)

    def replace_at_index(self, view: View, index: int) -> None:
        self.shown[index] = view


def test_show_draws_in_marimo(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    marimo = Marimo()
    monkeypatch.setitem(sys.modules, "marimo", marimo)
    Stellary.embedded(port()).workspace("acme", "eng").project("p1").show()
    put(view(BUG)).update(view(Page([BUG])))
    assert [shown_view.title for shown_view in marimo.shown] == ["Q1 Launch", "1 label"]
    assert capsys.readouterr().out == ""


def test_rich_renders_colors():
    urgent_board = board(card(1, "Write [red]this[/red]", priority="high"))
    assert "Write [red]this[/red]" in in_terminal(urgent_board)
    assert "\x1b[31m▲ high" in in_terminal(urgent_board, color=True)
    assert max(map(len, in_terminal(urgent_board, width=40).splitlines())) <= 40


def test_value_without_renderer_has_its_repr(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rendering, "_renderers", [])
    assert BUG._repr_mimebundle_() is None
    assert "Label(" in in_terminal(BUG, width=500)
    assert f"color='{BUG.color}'" in in_terminal(BUG, width=500)


def test_html_and_text_do_not_load_rich_or_ipython():
    code = (
        "import sys; from stellary.client.testing import make; from stellary.contract.labels import Label; "
        "from stellary.client.display import view; view(make(Label)).bundle(); "
        "sys.exit(bool({'rich', 'IPython', 'tqdm', 'httpx'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_handle_bundle_makes_no_request():
    recording = port()
    with Stellary.embedded(recording) as client:
        html = client.workspace("acme", "eng").project("6" * 24)._repr_mimebundle_()["text/html"]
    assert "show()" in html
    assert "acme" in html
    assert recording.requests == []


def test_handle_omits_empty_facts():
    with Stellary.embedded(port()) as client:
        root = view(client).text(200)
        leaf = view(client.workspace("acme", "eng").members).text(200)
        silent = view(client.invitations).text(200)
    assert "Place" not in root
    assert "api_tokens" in root
    assert "Holds" not in leaf
    assert "acme eng" in leaf
    assert "show()" in leaf
    assert "show()" not in silent


def test_show_of_a_project_requests_the_board(capsys: pytest.CaptureFixture[str]):
    recording = port()
    with Stellary.embedded(recording) as client:
        client.workspace("acme", "eng").project("6" * 24).show()
    assert [request.operation for request in recording.requests] == ["projects.board"]
    assert "Write" in capsys.readouterr().out


def test_show_of_an_async_handle_is_awaited(capsys: pytest.CaptureFixture[str]):
    async def show_list() -> None:
        async with AsyncStellary.embedded(port()) as client:
            await client.workspace("acme", "eng").project("6" * 24).show("list")

    asyncio.run(show_list())
    assert "Title" in capsys.readouterr().out


def test_show_of_a_list_and_of_single_objects(capsys: pytest.CaptureFixture[str]):
    with Stellary.embedded(port()) as client:
        client.workspace("acme", "eng").project("6" * 24).labels.show()
        client.organization("acme").show()
        client.auth.show()
    out = capsys.readouterr().out
    assert "1 label" in out
    assert "Organization" in out


def test_show_without_view_raises():
    with Stellary.embedded(port()) as client:
        project = client.workspace("acme", "eng").project("6" * 24)
        with pytest.raises(TypeError, match="ReceivedInvitations has nothing to show"):
            client.invitations.show()
        with pytest.raises(ValueError, match="Labels has no views"):
            project.labels.show("kanban")
        with pytest.raises(ValueError, match="no view 'gantt'; use kanban, list, calendar, roadmap, stats"):
            project.show("gantt")
        with pytest.raises(ValueError, match="a scope has no view 'gantt'"):
            project.scope("6" * 24).show("gantt")


def test_show_without_rich_prints_plain_text(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "rich.console", None)
    with Stellary.embedded(port()) as client:
        client.workspace("acme", "eng").project("6" * 24).labels.show()
    assert capsys.readouterr().out.splitlines()[0] == "1 label"


def test_view_renders_a_complete_page():
    rendered = view(BUG)
    assert isinstance(rendered, View)
    assert rendered.page().startswith('<!DOCTYPE html><html lang="en"><head>')
    assert 'data-theme="dark"' in rendered.page("dark")
    assert str(rendered) == rendered.text()
    assert view(rendered) is rendered
    assert "parts" not in repr(rendered)
