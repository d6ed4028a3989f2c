"""``python -m reference_server usage``: rows and bytes by table and by organization."""

import json

import pytest

from stellary import Stellary
from stellary.core import Core
from tests.support.core_parts import usage
from tests.support.server_parts import main
from tests.support.tables import metadata


@pytest.fixture
def place(database_url, tmp_path):
    """Return the options of a database with two organizations, one of which has a card with a file."""
    core = Core(database_url, bcrypt_rounds=4, blobs=tmp_path / "files")
    core.migrate()
    client = Stellary.embedded(core.port(core.user(external_id="1", email="ann@example.com")))
    for slug in ("acme", "small"):
        client.organizations.create(name=slug, slug=slug)
        client.organization(slug).workspaces.create(name="Eng", slug="eng")
    board = client.workspace("acme", "eng").projects.create(name="Launch")
    project = client.workspace("acme", "eng").project(board.id)
    column = project.columns.list()[0]
    cards = [project.column(column).cards.create(title=f"Card {number}") for number in range(3)]
    project.card(cards[0]).attachments.upload(b"12345", name="a.txt")
    core.close()
    return ["--database-url", database_url, "--data-dir", str(tmp_path)]


def read_usage(place, capsys):
    assert main(["usage", "--json", *place]) == 0
    return json.loads(capsys.readouterr().out)


def test_rows_are_counted_by_table_and_organization(place, capsys):
    sizes = read_usage(place, capsys)
    rows = {table["name"]: table["rows"] for table in sizes["tables"]}
    assert rows.keys() == set(metadata.tables)
    assert (rows["stellary_cards"], rows["stellary_workspaces"]) == (3, 3)
    organizations = {item["slug"]: item for item in sizes["organizations"]}
    assert len(organizations) == 4
    assert sum(item["rows"] for item in organizations.values()) == sum(rows.values())
    assert organizations["acme"]["rows"] > organizations["small"]["rows"] + 6
    shared = rows["stellary_users"] + rows["stellary_idempotency_keys"] + rows["stellary_card_log"]
    assert organizations[None]["rows"] == shared > 1
    assert next(item["slug"] for item in sizes["organizations"]) == "acme"
    assert (organizations["acme"]["file_bytes"], organizations["small"]["file_bytes"]) == (5, 0)


def test_bytes_are_those_of_the_database(place, capsys):
    sizes = read_usage(place, capsys)
    by_table = {table["name"]: table["bytes"] for table in sizes["tables"]}
    assert all(size > 0 for size in by_table.values())
    total = sum(item["bytes"] for item in sizes["organizations"])
    counted = sum(table["bytes"] for table in sizes["tables"] if table["rows"])
    assert counted - len(by_table) * 4 <= total <= counted


def test_bytes_are_unknown_without_dbstat(sqlite_url, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(usage, "_SQLITE_BYTES", usage.text("SELECT * FROM no_dbstat"))
    core = Core(sqlite_url)
    core.migrate()
    core.close()
    place = ["--database-url", sqlite_url, "--data-dir", str(tmp_path)]
    assert {table["bytes"] for table in read_usage(place, capsys)["tables"]} == {None}
    assert main(["usage", *place]) == 0
    assert ["stellary_cards", "0", "-"] in [line.split() for line in capsys.readouterr().out.splitlines()]


def test_tables_are_readable(place, capsys):
    assert main(["usage", *place]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["table", "rows", "bytes"]
    assert len({len(line) for line in lines[: len(metadata.tables) + 1]}) == 1
    assert lines[-1].startswith("(none)")
