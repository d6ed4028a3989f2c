"""The example notebooks run from top to bottom against a server, and display what they describe."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nbmake.nb_run import NotebookRun

from stellary.core import Core
from tests.client.display.parsed import Element, parse_view
from tests.server.running import running

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


class Shown:
    """The output of a notebook, by the last line of each cell."""

    def __init__(self, cells: list[dict[str, Any]]) -> None:
        self._cells = [cell for cell in cells if cell["cell_type"] == "code"]

    def __iter__(self) -> Iterator[Element]:
        for cell in self._cells:
            yield from self._html(cell)

    def after(self, last: str) -> list[Element]:
        """Return the views that cells with this last line have displayed."""
        matching_cells = [cell for cell in self._cells if cell["source"].splitlines()[-1] == last]
        assert matching_cells, f"no cell ends with {last}"
        return [element for cell in matching_cells for element in self._html(cell)]

    def _html(self, cell: dict[str, Any]) -> Iterator[Element]:
        for output in cell["outputs"]:
            assert output["output_type"] != "error"
            data = output.get("data", {})
            if "text/html" in data:
                assert data["text/plain"]
                yield parse_view(data["text/html"])

    def streams(self) -> str:
        outputs = [output for cell in self._cells for output in cell["outputs"]]
        return "".join(output["text"] for output in outputs if output["output_type"] == "stream")

    def data(self, kind: str) -> list[str]:
        outputs = [output for cell in self._cells for output in cell["outputs"]]
        return [output["data"][kind] for output in outputs if kind in output.get("data", {})]


@pytest.fixture
def run(sqlite_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Yield a function that runs a notebook against a server that also runs jobs."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("PYTHONWARNINGS", "error::UserWarning")
    core = Core(sqlite_url, bcrypt_rounds=4)
    with running(core) as server:
        monkeypatch.setenv("STELLARY_URL", server.url)

        def ran(name: str) -> Shown:
            result = NotebookRun(EXAMPLES / name, 60).execute()
            assert result.error is None, result.error
            return Shown(result.nb["cells"])

        yield ran
    core.close()


@pytest.mark.slow("runs a notebook")
def test_notebook_sets_up_a_project(run):
    outputs = run("set_up_a_project.ipynb")
    before, after = (view for view in outputs.after("board.show()"))
    lanes = [lane.one("h4").text for lane in before.all(cls="lane")]
    assert lanes == ["Backlog 3", "To Do 2", "In Progress 2 / 3", "In Review 0", "Done 0"]
    spec = before.all(cls="lane")[2].all("li")[0]
    assert spec.text.startswith("LAUNCH-1 ▲ highWrite the spec")
    assert spec.texts(cls="chip") == ["customer waits"]
    assert spec.texts(cls="bad") == ["▲ high", spec.all(cls="bad")[-1].text]
    assert "1 comment" in spec.text
    assert after.all(cls="lane")[-1].texts(cls="name") == ["Write the spec"]

    (handle,) = outputs.after("board")
    assert "show()" in handle.text
    (roadmap,) = outputs.after('board.show("roadmap")')
    assert len(roadmap.all(cls="bar")) == 8
    (calendar,) = outputs.after('board.show("calendar")')
    assert sum(cell.text.count("LAUNCH-") for cell in calendar.all("td")) == 7
    (card,) = outputs.after("board.card(spec).show()")
    assert "I ask on Monday" in card.text
    log, mission = outputs.after("ws.mission(mission).wait(progress=True)")
    assert log.all(cls="log")[0].texts("li")[-1].startswith(tuple("0123456789"))
    assert "done completed" in log.text
    assert mission.one(cls="good").text == "completed"
    assert outputs.data("text/plain").count("'done'") == 1
    assert "cards: 100%" in outputs.streams()


@pytest.mark.slow("runs a notebook")
def test_notebook_reviews_a_week(run):
    outputs = run("review_a_week.ipynb")
    (portfolio,) = outputs.after("ws.show()")
    assert [row.texts("td")[1] for row in portfolio.all("tr")[1:]] == ["Web shop", "Handbook"]
    (stats,) = outputs.after('shop.show("stats")')
    figures = dict(zip(stats.texts("dt"), stats.texts("dd"), strict=True))
    assert figures["Cards"] == "7"
    assert figures["Completed in 30 days"] == "2"
    assert sum(": 2" in title for title in stats.texts("title")) == 1
    (late,) = outputs.after("view(late)  # view() renders your own lists")
    assert late.one("h3").text in ("0 rows", "1 card")
    (roadmap,) = outputs.after('shop.show("roadmap")')
    assert len(roadmap.all(cls="bar")) == 8
    before, after = outputs.after("ws.pilotage.show()")
    assert "suggested Nobody tests refunds" in before.text
    assert "Refunds are tested before the shop opens" in after.text
    assert "suggested" not in after.one(cls="grid").text
    (activity,) = outputs.after("shop.activity.list(limit=10)")
    assert activity.one("h3").text == "10+ activities"
    (review,) = outputs.data("text/markdown")
    assert "## In the way" in review
    assert outputs.streams() == ""


@pytest.mark.slow("runs a notebook")
def test_notebook_edits_a_board_as_a_frame(run):
    outputs = run("frames.ipynb")
    _, table, picture, _ = outputs.data("text/html")
    assert "Pay by invoice" in table
    assert "linear-gradient" in picture
    assert "20 h" in picture
    (board,) = outputs.after('board.show("list")')
    rows = {row.texts("td")[1]: row.texts("td")[2:] for row in board.all("tr")[1:]}
    assert rows["Pay by card"] == ["To Do", "open", "▲ high", "Jane Doe", "19 Mar 2027"]
    assert "low" in rows["Pay by invoice"][2]
    assert outputs.streams() == ""


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_is_stored_without_output(path: Path):
    """The output contains ids and dates. A test runs the notebooks, and the guide has screenshots."""
    notebook = json.loads(path.read_text())
    assert [cell for cell in notebook["cells"] if cell.get("outputs") or cell.get("execution_count")] == []
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"


def test_docs_have_three_notebooks():
    names = ["frames.ipynb", "review_a_week.ipynb", "set_up_a_project.ipynb"]
    assert [path.name for path in NOTEBOOKS] == names
