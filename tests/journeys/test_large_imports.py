"""Files of more than 500 cards are imported in parts, by both clients; an interrupted import is continued or deleted."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from stellary import AsyncStellary, Invalid, Stellary
from stellary.contract.errors import ServerError
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.project_imports import ImportedCard, ImportedColumn, ImportedProject, ImportProject
from stellary.core import Core
from tests.core.board.project_files import normalize
from tests.support.colours import create_workspace
from tests.support.tables import count_rows, imports, projects

CARDS = 1_203


class InterruptedPort:
    """A port that fails at some of the requests that add a part."""

    def __init__(self, port: Any, failing: set[int]) -> None:
        self.port = port
        self.failing = failing
        self.added = 0
        self.paths: list[str] = []

    def send(self, request: RawRequest, /) -> RawResponse:
        self.paths.append(request.path)
        if request.path.endswith("/parts"):
            self.added += 1
            if self.added in self.failing:
                raise ServerError("the machine has gone")
        return self.port.send(request)


def large_file() -> dict[str, Any]:
    """Return a file whose last cards refer to the first ones, with numbers on some cards only."""
    cards: list[dict[str, Any]] = [
        {"id": str(index), "title": f"Card {index}", "columnIndex": index % 60} for index in range(CARDS)
    ]
    cards[-1] |= {"relations": [{"type": "blocks", "targetCardId": "0"}], "number": 5_000}
    return {
        "project": {"name": "Large", "lastNumber": 10},
        "columns": [{"name": f"Column {index}"} for index in range(60)],
        "cards": cards,
    }


def port_of(core: Core, failing: set[int] | None = None) -> InterruptedPort:
    return InterruptedPort(
        core.port(core.user(external_id="jane", email="jane@example.com")), failing or set()
    )


@pytest.fixture
def workspace(core: Core) -> Any:
    return create_workspace(Stellary.embedded(port_of(core)))


def build_interrupted(core: Core, failing: set[int]) -> tuple[InterruptedPort, Any]:
    port = port_of(core, failing)
    return port, Stellary.embedded(port).workspace("acme", "eng")


@pytest.mark.slow("imports a large project")
def test_large_file_becomes_one_project(core: Core, workspace: Any, tmp_path: Path):
    seen: list[tuple[int, int]] = []
    imported = workspace.projects.import_file(large_file(), progress=lambda *numbers: seen.append(numbers))
    assert seen == [(500, CARDS), (1_000, CARDS), (CARDS, CARDS)]
    assert (len(imported.card_ids), len(imported.column_ids)) == (CARDS, 60)
    board = workspace.project(imported)
    first, last = board.card(imported.card_ids[0]).get(), board.card(imported.card_ids[-1]).get()
    # As in one request: cards without a number come after the highest number of the whole file.
    assert (first.number, last.number) == (5_001, 5_000)
    assert [relation.card.id for relation in board.card(first).relations.list()] == [last.id]
    path = board.export_to(tmp_path / "large.json")
    again = workspace.project(workspace.projects.import_file(path)).export_to(tmp_path / "again.json")
    assert normalize(orjson.loads(again.read_bytes())) == normalize(orjson.loads(path.read_bytes()))


async def test_async_client_imports_a_large_file(core: Core, workspace: Any, tmp_path: Path):
    projects_handle = AsyncStellary.embedded(port_of(core)).workspace("acme", "eng").projects
    assert len((await projects_handle.import_file(large_file())).card_ids) == CARDS


@pytest.mark.slow("imports a large project")
def test_archive_of_a_large_project_includes_its_files(core: Core, workspace: Any, tmp_path: Path):
    imported = workspace.projects.import_file(large_file())
    board = workspace.project(imported)
    board.card(imported.card_ids[-1]).attachments.upload(b"Hello.", name="notes.txt")
    again = workspace.projects.import_archive(board.export_archive(tmp_path / "large.zip"))
    (card,) = [card for card in workspace.project(again).cards.list() if card.attachment_count]
    assert card.title == f"Card {CARDS - 1}"
    handle = workspace.project(again).card(card).attachments
    (attachment,) = handle.list()
    assert handle.download(attachment) == b"Hello."


def test_interrupted_import_continues_with_the_same_key(core: Core, workspace: Any):
    port, handle = build_interrupted(core, {3})
    keyed = handle.projects.with_options(idempotency_key="nightly")
    with pytest.raises(ServerError):
        keyed.import_file(large_file())
    assert workspace.projects.list() == []
    imported = keyed.import_file(large_file())
    # The two parts that had arrived are not sent again.
    assert port.added == 4
    assert keyed.import_file(large_file()) == imported
    assert [project.id for project in workspace.projects.list()] == [imported.id]
    assert len(workspace.project(imported).cards.list()) == CARDS


def test_interrupted_import_without_a_key_is_deleted(core: Core, workspace: Any):
    _, handle = build_interrupted(core, {2})
    with pytest.raises(ServerError):
        handle.projects.import_file(large_file())
    assert count_rows(core, imports) == 0
    core.work.run_due()
    assert count_rows(core, projects) == 0


def test_error_names_the_card_among_all_cards(core: Core, workspace: Any):
    file = large_file()
    file["cards"][1_100]["columnIndex"] = 60
    with pytest.raises(
        Invalid, match=r"cards\[1100\]\.columnIndex\) must be the index of one of the file's 60"
    ):
        workspace.projects.import_file(file)
    assert workspace.projects.list() == []


def test_file_that_was_built_in_python_is_sent_in_parts(core: Core, workspace: Any):
    cards = [ImportedCard(title=f"Card {index}", column_index=0) for index in range(501)]
    columns = [ImportedColumn(name="To Do")]
    file = ImportProject(project=ImportedProject(name="Built"), columns=columns, cards=cards)
    assert len(workspace.projects.import_file(file).card_ids) == 501


def test_import_resource_has_each_step(workspace: Any):
    started = workspace.imports.create(
        project=ImportedProject(name="Steps"), columns=[ImportedColumn(name="To Do")]
    )
    handle = workspace.imports(started)
    handle.add_part(part=0, cards=[ImportedCard(title="First", column_index=0)])
    assert (handle.get().parts, handle.get().status) == (1, "open")
    assert len(handle.complete().card_ids) == 1
    assert handle.get().status == "completed"
    handle.delete()
    assert [project.name for project in workspace.projects.list()] == ["Steps"]
