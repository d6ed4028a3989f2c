"""Long operations report their progress to a function or with a bar, with both clients and on both databases."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stellary import Invalid, NotFound, Stellary
from stellary.client.methods.projects import ProjectHandle
from stellary.contract.cards import CardInColumn
from stellary.contract.project_imports import ImportedProject, ImportProject
from tests.support.colours import COLOURS, resolve

SIZE = 200_000
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def project(client: Stellary) -> ProjectHandle:
    ws = client.workspace("acme", "eng")
    return ws.project(ws.projects.create(name="Q1 Launch", key="LAU"))


def cards(project: ProjectHandle, number: int) -> list[CardInColumn]:
    column = project.columns.list()[0].id
    return [CardInColumn(column_id=column, title=f"Card {at}") for at in range(number)]


def test_create_all_creates_any_number_of_cards_in_order(project: ProjectHandle):
    reports: list[tuple[int, int]] = []
    created = project.cards.create_all(iter(cards(project, 230)), progress=lambda *how: reports.append(how))
    assert reports == [(100, 230), (200, 230), (230, 230)]
    assert [card.title for card in created] == [f"Card {at}" for at in range(230)]
    assert [card.id for card in project.cards.list()] == [card.id for card in created]


def test_failed_create_all_keeps_earlier_cards_and_reports_them(project: ProjectHandle):
    new_cards = cards(project, 150)
    new_cards[120] = CardInColumn(column_id="0" * 24, title="Nowhere")
    with pytest.raises((NotFound, Invalid)) as failed:
        project.cards.create_all(new_cards)
    assert failed.value.__notes__ == [
        "100 of 150 cards were created before that and still exist (error.created)"
    ]
    assert [card.id for card in failed.value.created] == [card.id for card in project.cards.list()]
    assert len(failed.value.created) == 100
    assert [problem.field for problem in failed.value.details] == ["cards[120].columnId"]
    assert "cards[120].columnId" in str(failed.value)
    assert "cards[20]" not in str(failed.value)
    with pytest.raises((NotFound, Invalid)) as failed:
        project.cards.create_all(new_cards[100:])
    assert not hasattr(failed.value, "__notes__")
    assert failed.value.created == ()


def test_create_all_with_the_same_key_creates_cards_once(project: ProjectHandle):
    new_cards = cards(project, 150)
    at = project.cards.with_options(idempotency_key="rows-of-april")
    assert [card.id for card in at.create_all(new_cards)] == [card.id for card in at.create_all(new_cards)]
    assert len(project.cards.list()) == 150


def test_import_all_imports_projects(client: Stellary):
    reports: list[tuple[int, int]] = []
    files = [
        ImportProject(project=ImportedProject(name=name), columns=[], cards=[]) for name in ("One", "Two")
    ]
    projects = client.workspace("acme", "eng").projects
    imported = projects.import_all(files, progress=lambda *how: reports.append(how))
    assert reports == [(1, 2), (2, 2)]
    assert [project.id for project in imported] == [project.id for project in projects.list()]


@pytest.mark.parametrize("colour", COLOURS)
async def test_progress_true_draws_a_bar_for_each_method(core, project, colour, tmp_path, capsys):
    client = colour.embedded(core.port(core.user(external_id="jane", email="jane@example.com")))
    ws = client.workspace("acme", "eng")
    at = ws.project(project.id)
    created = await resolve(at.cards.create_all(cards(project, 101), progress=True))
    assert (len(created), "cards: 100%" in capsys.readouterr().err) == (101, True)
    files = at.card(created[0]).attachments
    attachment = await resolve(files.upload(b"x" * SIZE, name="x.bin", progress=True))
    err = capsys.readouterr().err
    assert "upload: 100%" in err
    assert "195k/195k" in err
    path = await resolve(files.download_to(attachment, tmp_path / "x.bin", progress=True))
    assert (path.stat().st_size, "download: 100%" in capsys.readouterr().err) == (SIZE, True)
    archive = await resolve(at.export_archive(tmp_path / "x.zip", progress=True))
    assert "export: 100%" in capsys.readouterr().err
    await resolve(ws.projects.import_archive(archive, progress=True))
    assert "import: 100%" in capsys.readouterr().err


def test_create_all_without_cards_draws_no_bar(project: ProjectHandle, capsys: Capture):
    assert project.cards.create_all([], progress=True) == []
    assert capsys.readouterr().err == ""


def test_download_reports_progress_to_a_function(project: ProjectHandle, tmp_path: Path):
    (card,) = project.cards.create_all(cards(project, 1))
    files = project.card(card).attachments
    attachment = files.upload(b"x" * SIZE, name="x.bin")
    reports: list[tuple[int, int]] = []
    files.download_to(attachment, tmp_path / "x", progress=lambda *how: reports.append(how))
    assert reports == [(SIZE, SIZE)]


def test_progress_true_without_tqdm_sends_nothing(project: ProjectHandle, monkeypatch: pytest.MonkeyPatch):
    new_cards = cards(project, 1)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "stellary\[notebook\]"'):
        project.cards.create_all(new_cards, progress=True)
    assert project.cards.list() == []
    assert len(project.cards.create_all(new_cards, progress=False)) == 1


# ---------------------------------------------------------------------------------------------- missions


class Notebook:
    """A stand-in for an IPython kernel, with the objects that it displayed."""

    kernel = "ipykernel"

    def __init__(self) -> None:
        self.displayed: list[Any] = []

    def display(self, *objects: Any, display_id: bool = False) -> Notebook:
        self.displayed += objects
        return self

    def update(self, object: Any) -> None:
        self.displayed.append(object)


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Notebook:
    import IPython.display

    kernel = Notebook()
    monkeypatch.setattr(IPython, "get_ipython", lambda: kernel)
    monkeypatch.setattr(IPython.display, "display", kernel.display)
    return kernel


@pytest.fixture
def mission(client: Stellary, project: ProjectHandle) -> Callable[[], Any]:
    """Return a function that starts a mission and returns its handle."""
    ws = client.workspace("acme", "eng")
    agent = ws.agents.create(name="Helper", autonomy_mode="autonomous", tools=["board.read", "board.write"])

    def start_mission() -> Any:
        (card,) = project.cards.create_all(cards(project, 1))
        return ws.mission(ws.agents(agent).missions.create(card_id=card.id, prompt="set priority low"))

    return start_mission


@pytest.mark.usefixtures("working")
def test_mission_log_prints_a_line_per_entry(mission: Callable[[], Any], capsys: Capture):
    assert mission().wait(progress=True).status == "completed"
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[1:] == ["status", "queued"]
    assert "set_priority" in "".join(lines)
    assert lines[-1].split()[1:3] == ["done", "completed"]
    mission().show()
    assert "Asked  set priority low" in capsys.readouterr().out


@pytest.mark.usefixtures("working")
def test_mission_log_grows_in_a_notebook(mission: Callable[[], Any], notebook: Notebook):
    mission().show()
    *logs, end = notebook.displayed
    assert [len(log.parts[0].entries) for log in logs] == list(range(1, len(logs) + 1))
    assert len(logs) > 5
    assert end.kind == "Mission"


def test_show_displays_in_a_notebook(project: ProjectHandle, notebook: Notebook):
    project.show()
    assert [view.title for view in notebook.displayed] == ["Q1 Launch"]
