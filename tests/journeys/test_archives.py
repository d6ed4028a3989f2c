"""Archives restore a project with its files, byte by byte: at maximum size in process, and over HTTP with both clients."""

import random
from pathlib import Path
from typing import Any

import orjson
import pytest

from stellary import AsyncStellary, NotImported, Stellary
from stellary.contract.attachments import SIZE_MAX
from stellary.contract.errors import StorageFull
from stellary.contract.wire import dump
from stellary.core import Core
from tests.core.board.project_files import normalize
from tests.core.board.test_imports import large
from tests.server.running import running
from tests.support.colours import create_workspace
from tests.support.world import World

NAMES = [
    *("spec.pdf", 'say "hi".txt', "naïve 日本.txt", "100%.txt", "a%22b%0A.txt", "x; filename*=utf-8''y.txt"),
    *("x" * 251 + ".txt", "..txt", "\N{SNOWMAN}", "no extension"),
]


@pytest.fixture
def core_options(tmp_path: Path) -> dict[str, Any]:
    return {"blobs": tmp_path / "files"}


def files_on(board: Any) -> list[list[tuple[str, str, int, bytes]]]:
    """Return the name, type, size and bytes of the files of each card, in the order of the export."""
    return [
        [
            (
                attachment.original_name,
                attachment.mime_type,
                attachment.size,
                board.card(card.id).attachments.download(attachment.id),
            )
            for attachment in card.attachments
        ]
        for card in board.export().cards
    ]


def comparable_export(board: Any) -> Any:
    """Return the export without the ids and dates of its files, for comparison."""
    file = orjson.loads(dump(board.export()))
    for card in file["cards"]:
        for attachment in card["attachments"]:
            del attachment["id"], attachment["createdAt"]
    return normalize(file)


@pytest.mark.slow("writes and reads a project of maximum size")
def test_project_of_maximum_size_is_restored_with_its_files(core: Core, tmp_path: Path):
    world = World(core)
    ann, bob = world.people("ann bob")
    there = world.workspace(ann)
    world.join(bob, there)
    ws = Stellary.embedded(core.port(ann.actor)).workspace(there.organization.slug, there.slug)
    chance = random.Random(7)
    imported = ws.projects.import_file(large(500, 50))
    board = ws.project(imported)
    for number in range(20):
        # On 15 cards, archived ones among them; one is as large as may be.
        size = SIZE_MAX if number == 7 else [0, 1, 70_000, 1_048_577][number % 4]
        card = board.card(imported.card_ids[number % 15])
        name = NAMES[number % len(NAMES)]
        card.attachments.upload(chance.randbytes(size), name=name, mime_type=None if number % 2 else "x/y")
    path = board.export_archive(tmp_path / "large.zip")
    again = ws.projects.import_archive(path)
    assert [(item.kind, item.name) for item in again.not_carried] == [("key", "LARGE")]
    assert again.ignored == []
    assert comparable_export(ws.project(again)) == comparable_export(board)
    assert (carried := files_on(ws.project(again))) == files_on(board)
    assert sum(map(len, carried)) == 20
    # Once more, without the first one: what came by an archive goes by one.
    board.delete()
    assert files_on(ws.project(ws.projects.import_archive(ws.project(again).export_archive(path)))) == carried


@pytest.mark.slow("transfers files over HTTP")
async def test_sync_and_async_clients_transfer_files_over_http(core: Core, tmp_path: Path):
    with (
        running(core) as server,
        Stellary.register(server.url, "jane@example.com", "a-long-password") as client,
    ):
        ws = create_workspace(client)
        board = ws.project(ws.projects.create(name="Launch"))
        card = board.column(board.columns.list()[0]).cards.create(title="Write the spec")
        for name in NAMES[:4]:
            board.card(card).attachments.upload(name.encode() * 30_000, name=name)
        one = ws.project(ws.projects.import_archive(board.export_archive(tmp_path / "one.zip")))
        async with await AsyncStellary.login(server.url, "jane@example.com", "a-long-password") as awaiting:
            there = awaiting.workspace("acme", "eng")
            path = await there.project(one.get()).export_archive(tmp_path / "two.zip")
            two = await there.projects.import_archive(path)
        assert files_on(ws.project(two)) == files_on(one) == files_on(board)


def test_failed_upload_rolls_back_the_import(core: Core, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    world = World(core)
    ann = world.person("ann")
    there = world.workspace(ann)
    ws = Stellary.embedded(core.port(ann.actor)).workspace(there.organization.slug, there.slug)
    board = ws.project(ws.projects.create(name="Launch"))
    card = board.card(board.column(board.columns.list()[0]).cards.create(title="Write the spec"))
    for number in range(3):
        card.attachments.upload(b"Hello.", name=f"{number}.txt")
    path = board.export_archive(tmp_path / "launch.zip")
    card.delete()
    core.sweep()
    stored, put = [], core.env.blobs.put

    def put_until_full(*arguments: Any) -> Any:
        if len(stored) == 2:
            raise StorageFull("no room is left")
        stored.append(arguments)
        return put(*arguments)

    monkeypatch.setattr(core.env.blobs, "put", put_until_full)
    with pytest.raises(
        NotImported, match=r"2\.txt could not be uploaded, and the project was deleted again: 507"
    ):
        ws.projects.import_archive(path)
    assert [project.id for project in ws.projects.list()] == [board.get().id]
