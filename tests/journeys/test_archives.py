"""A project comes back with its files, byte by byte: as large as may be in process, and over HTTP in both colours."""

from __future__ import annotations

import random
from collections.abc import Iterator
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
from tests.support.world import World

NAMES = [
    "spec.pdf",
    'say "hi".txt',
    "naïve 日本.txt",
    "100%.txt",
    "a%22b%0A.txt",
    "x; filename*=utf-8''y.txt",
    "x" * 251 + ".txt",
    "..txt",
    "\N{SNOWMAN}",
    "no extension",
]


@pytest.fixture
def core(database_url: str, tmp_path: Path) -> Iterator[Core]:
    core = Core(database_url, bcrypt_rounds=4, blobs=tmp_path / "files")
    try:
        yield core
    finally:
        core.close()


def files_on(board: Any) -> list[list[tuple[str, str, int, bytes]]]:
    """Of each card, in the order of the export: what its files are called, their types and their bytes."""
    return [
        [
            (each.original_name, each.mime_type, each.size, board.card(card.id).attachments.download(each.id))
            for each in card.attachments
        ]
        for card in board.export().cards
    ]


def told(board: Any) -> Any:
    """The export as it can be compared, but for what is new of a file: its id and its date."""
    file = orjson.loads(dump(board.export()))
    for card in file["cards"]:
        for each in card["attachments"]:
            del each["id"], each["createdAt"]
    return normalize(file)


def test_a_project_as_large_as_may_be_comes_back_with_its_files(core: Core, tmp_path: Path):
    world = World(core)
    ann, bob = world.people("ann bob")
    there = world.workspace(ann)
    world.join(bob, there)
    ws = Stellary.embedded(core.port(ann.actor)).workspace(there.organization.slug, there.slug)
    chance = random.Random(7)
    made = ws.projects.import_file(large(500, 50))
    board = ws.project(made)
    for number in range(20):
        # On 15 cards, archived ones among them; one is as large as may be.
        size = SIZE_MAX if number == 7 else [0, 1, 70_000, 1_048_577][number % 4]
        card = board.card(made.card_ids[number % 15])
        name = NAMES[number % len(NAMES)]
        card.attachments.upload(chance.randbytes(size), name=name, mime_type=None if number % 2 else "x/y")
    path = board.export_archive(tmp_path / "large.zip")
    again = ws.projects.import_archive(path)
    assert [(each.kind, each.name) for each in again.not_carried] == [("key", "LARGE")]
    assert again.ignored == []
    assert told(ws.project(again)) == told(board)
    assert (carried := files_on(ws.project(again))) == files_on(board)
    assert sum(map(len, carried)) == 20
    # Once more, without the first one: what came by an archive goes by one.
    board.delete()
    third = ws.projects.import_archive(ws.project(again).export_archive(path))
    assert files_on(ws.project(third)) == carried


async def test_files_are_carried_over_http_in_both_colours(core: Core, tmp_path: Path):
    with (
        running(core) as server,
        Stellary.register(server.url, "jane@example.com", "a-long-password") as client,
    ):
        client.organizations.create(name="Acme", slug="acme")
        client.organization("acme").workspaces.create(name="Engineering", slug="eng")
        ws = client.workspace("acme", "eng")
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


def test_an_upload_that_is_refused_undoes_the_import(
    core: Core, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
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
    kept, put = [], core.env.blobs.put

    def full(*given: Any) -> Any:
        if len(kept) == 2:
            raise StorageFull("no room is left")
        kept.append(given)
        return put(*given)

    monkeypatch.setattr(core.env.blobs, "put", full)
    with pytest.raises(
        NotImported, match=r"2\.txt could not be uploaded, and the project was deleted again: 507"
    ):
        ws.projects.import_archive(path)
    assert [each.id for each in ws.projects.list()] == [board.get().id]
