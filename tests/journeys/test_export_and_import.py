"""The example of export and import runs on both databases."""

from pathlib import Path

from stellary import AsyncStellary, Stellary
from stellary.core import Core
from tests.journeys.test_examples import example

LEFT = "its content is not in the file: download it from the source, and upload it to the card"


def test_project_is_copied_to_another_workspace(core, tmp_path, capsys):
    client = Stellary.embedded(core.port(core.user(external_id="jane", email="jane@example.com")))
    client.organizations.create(name="Acme", slug="acme")
    for slug in ("eng", "ops"):
        client.organization("acme").workspaces.create(name=slug.title(), slug=slug)
    lines = example("export_and_import").export_and_import(client, "acme", tmp_path)
    assert lines == ["QL Q1 Launch", "QLA Q1 Launch", "QLAU Q1 Launch", "IMP Imported"]
    assert capsys.readouterr().out.splitlines() == [
        f"cards[0].attachments[0] spec.pdf: {LEFT}",
        "cards[0].columnId must be the id of one of the file's columns",
    ]
    ops = client.workspace("acme", "ops")
    cards = [ops.project(project).cards.list()[0] for project in ops.projects.list()[:2]]
    counts = [(card.title, card.comment_count, card.attachment_count) for card in cards]
    assert counts == [("Write the spec", 1, 0), ("Write the spec", 1, 1)]


async def test_async_client_copies_a_project(core: Core, tmp_path: Path):
    client = AsyncStellary.embedded(core.port(core.user(external_id="jane", email="jane@example.com")))
    await client.organizations.create(name="Acme", slug="acme")
    await client.organization("acme").workspaces.create(name="Engineering", slug="eng")
    ws = client.workspace("acme", "eng")
    path = await ws.project(await ws.projects.create(name="Launch")).export_to(tmp_path / "launch.json")
    imported = await ws.projects.import_file(path)
    assert (imported.name, len(imported.column_ids), imported.ignored) == ("Launch", 3, [])
