"""Long work tells how far it is: to a function, or by a bar, in both colours and on both databases."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stellary import AsyncStellary, Invalid, NotFound, Stellary
from stellary.client.resources.projects import ProjectHandle
from stellary.contract.cards import CardInColumn
from stellary.contract.project_imports import ImportedProject, ImportProject
from stellary.core import Core

SIZE = 200_000
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def project(client: Stellary) -> ProjectHandle:
    ws = client.workspace("acme", "eng")
    return ws.project(ws.projects.create(name="Q1 Launch", key="LAU"))


def awaiting(core: Core, project: ProjectHandle) -> ProjectHandle:
    """The same project for callers that await."""
    client = AsyncStellary.embedded(core.port(core.user(external_id="jane", email="jane@example.com")))
    return client.workspace("acme", "eng").project(project._path_params["project_id"])


def cards(project: ProjectHandle, number: int) -> list[CardInColumn]:
    column = project.columns.list()[0].id
    return [CardInColumn(column_id=column, title=f"Card {at}") for at in range(number)]


def test_any_number_of_cards_is_created_in_order(project: ProjectHandle):
    told: list[tuple[int, int]] = []
    made = project.cards.create_all(iter(cards(project, 230)), progress=lambda *how: told.append(how))
    assert told == [(100, 230), (200, 230), (230, 230)]
    assert [card.title for card in made] == [f"Card {at}" for at in range(230)]
    assert [card.id for card in project.cards.list()] == [card.id for card in made]


def test_of_cards_that_cannot_be_created_those_before_stay_and_that_is_told(project: ProjectHandle):
    wanted = cards(project, 150)
    wanted[120] = CardInColumn(column_id="0" * 24, title="Nowhere")
    with pytest.raises((NotFound, Invalid)) as failed:
        project.cards.create_all(wanted)
    assert failed.value.__notes__ == ["100 of 150 cards were made before that, and stay (error.made)"]
    assert [card.id for card in failed.value.made] == [card.id for card in project.cards.list()]
    assert len(failed.value.made) == 100
    assert [problem.field for problem in failed.value.details] == ["cards[120].columnId"]
    assert "cards[120].columnId" in str(failed.value)
    assert "cards[20]" not in str(failed.value)
    with pytest.raises((NotFound, Invalid)) as failed:
        project.cards.create_all(wanted[100:])
    assert not hasattr(failed.value, "__notes__")
    assert failed.value.made == ()


def test_cards_that_are_created_again_with_the_same_key_are_there_once(project: ProjectHandle):
    wanted = cards(project, 150)
    at = project.cards.with_options(idempotency_key="rows-of-april")
    assert [card.id for card in at.create_all(wanted)] == [card.id for card in at.create_all(wanted)]
    assert len(project.cards.list()) == 150


def test_projects_are_made_of_files(client: Stellary):
    told: list[tuple[int, int]] = []
    files = [
        ImportProject(project=ImportedProject(name=name), columns=[], cards=[]) for name in ("One", "Two")
    ]
    projects = client.workspace("acme", "eng").projects
    made = projects.import_all(files, progress=lambda *how: told.append(how))
    assert told == [(1, 2), (2, 2)]
    assert [each.id for each in made] == [each.id for each in projects.list()]


def test_a_bar_is_drawn_of_each_kind_of_work(
    project: ProjectHandle, client: Stellary, tmp_path: Path, capsys: Capture
):
    (card,) = project.cards.create_all(cards(project, 1), progress=True)
    assert "cards: 100%" in capsys.readouterr().err
    files = project.card(card).attachments
    made = files.upload(b"x" * SIZE, name="x.bin", progress=True)
    err = capsys.readouterr().err
    assert "upload:" in err
    assert "195k/195k" in err
    assert files.download_to(made, tmp_path / "x.bin", progress=True).stat().st_size == SIZE
    assert "download: 100%" in capsys.readouterr().err
    archive = project.export_archive(tmp_path / "x.zip", progress=True)
    assert "export: 100%" in capsys.readouterr().err
    client.workspace("acme", "eng").projects.import_archive(archive, progress=True)
    assert "import: 100%" in capsys.readouterr().err


def test_a_bar_is_drawn_for_callers_that_await(
    core: Core, project: ProjectHandle, tmp_path: Path, capsys: Capture
):
    (card,) = project.cards.create_all(cards(project, 1))
    wanted = cards(project, 101)

    async def worked() -> None:
        at = awaiting(core, project)
        assert len(await at.cards.create_all(wanted, progress=True)) == 101
        files = at.card(card).attachments
        made = await files.upload(b"x" * SIZE, name="x.bin", progress=True)
        await files.download_to(made, tmp_path / "x.bin", progress=True)

    asyncio.run(worked())
    err = capsys.readouterr().err
    assert all(f"{each}: 100%" in err for each in ("cards", "upload", "download"))


def test_of_nothing_no_bar_is_drawn(project: ProjectHandle, capsys: Capture):
    assert project.cards.create_all([], progress=True) == []
    assert capsys.readouterr().err == ""


def test_a_download_tells_a_function(project: ProjectHandle, tmp_path: Path):
    (card,) = project.cards.create_all(cards(project, 1))
    files = project.card(card).attachments
    made = files.upload(b"x" * SIZE, name="x.bin")
    told: list[tuple[int, int]] = []
    files.download_to(made, tmp_path / "x", progress=lambda *how: told.append(how))
    assert told == [(SIZE, SIZE)]


def test_without_tqdm_nothing_is_begun(project: ProjectHandle, monkeypatch: pytest.MonkeyPatch):
    wanted = cards(project, 1)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "stellary\[notebook\]"'):
        project.cards.create_all(wanted, progress=True)
    assert project.cards.list() == []
    assert len(project.cards.create_all(wanted, progress=False)) == 1


# ---------------------------------------------------------------------------------------------- missions


@pytest.fixture
def working(core: Core) -> Iterator[None]:
    core.work.start()
    yield
    assert core.work.stop(30)


class Notebook:
    """A kernel, as IPython tells of it, and what it was asked to display."""

    kernel = "ipykernel"

    def __init__(self) -> None:
        self.displayed: list[Any] = []

    def display(self, *shown: Any, display_id: bool = False) -> Notebook:
        self.displayed += shown
        return self

    def update(self, shown: Any) -> None:
        self.displayed.append(shown)


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Notebook:
    import IPython.display

    made = Notebook()
    monkeypatch.setattr(IPython, "get_ipython", lambda: made)
    monkeypatch.setattr(IPython.display, "display", made.display)
    return made


@pytest.fixture
def mission(client: Stellary, project: ProjectHandle) -> Callable[[], Any]:
    """What begins a mission, and gives its handle."""
    ws = client.workspace("acme", "eng")
    agent = ws.agents.create(name="Helper", autonomy_mode="autonomous", tools=["board.read", "board.write"])

    def begun() -> Any:
        (card,) = project.cards.create_all(cards(project, 1))
        return ws.mission(ws.agents(agent).missions.create(card_id=card.id, prompt="set priority low"))

    return begun


@pytest.mark.usefixtures("working")
def test_the_log_of_a_mission_is_a_line_an_entry(mission: Callable[[], Any], capsys: Capture):
    done = mission().wait(progress=True)
    assert done.status == "completed"
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[1:] == ["status", "queued"]
    assert "set_priority" in "".join(lines)
    assert lines[-1].split()[1:3] == ["done", "completed"]
    mission().show()
    out = capsys.readouterr().out
    assert "Asked  set priority low" in out


@pytest.mark.usefixtures("working")
def test_the_log_of_a_mission_grows_in_a_notebook(mission: Callable[[], Any], notebook: Notebook):
    mission().show()
    *logs, end = notebook.displayed
    assert [len(each.parts[0].entries) for each in logs] == list(range(1, len(logs) + 1))
    assert len(logs) > 5
    assert end.kind == "Mission"


def test_show_displays_in_a_notebook(project: ProjectHandle, notebook: Notebook):
    project.show()
    assert [each.title for each in notebook.displayed] == ["Q1 Launch"]
