"""The rows in the trash are those that a deletion removes, for each kind of item."""

import pytest
from sqlalchemy import select

from stellary.core import NOBODY
from tests.core.trash.test_round_trips import KINDS, fill
from tests.support.core_parts import LEFT_OUT, paging
from tests.support.tables import metadata, trash
from tests.support.tables import trash_rows as rows


def read_keys(core):
    """Return the primary keys of all rows of the database, by table, without the trash."""
    with core.view(NOBODY) as uow:
        return {
            table.name: {tuple(row) for row in uow.connection.execute(select(*table.primary_key.columns))}
            for table in metadata.sorted_tables
            if table not in (trash, rows)
        }


@pytest.mark.slow("compares all rows many times")
@pytest.mark.parametrize("kind", KINDS)
def test_each_row_that_a_deletion_removes_is_in_the_trash(trash_api, core, kind):
    items = fill(trash_api)
    before = read_keys(core)
    trash_api.ask("DELETE", items.paths[kind])
    after = read_keys(core)
    with core.view(NOBODY) as uow:
        stored = {tuple(row) for row in uow.connection.execute(select(rows.c.table_name, rows.c.key))}
    missing = {
        (name, key)
        for name, keys in before.items()
        for key in keys - after[name]
        if (name, " ".join(map(str, key))) not in stored and name not in LEFT_OUT
    }
    # The entry of a comment is indexed again when the comment is restored; triggers keep the terms of cards and the prefixes.
    derived = {"stellary_card_terms", "stellary_search_prefixes"} | (
        {"stellary_search_entries"} if "comment" in kind else set()
    )
    assert {name for name, _ in missing} <= derived


def test_each_table_that_is_left_out_exists():
    assert LEFT_OUT.keys() <= metadata.tables.keys()


def test_size_of_an_item_includes_its_files(trash_api):
    card = trash_api.card("with a file")
    trash_api.attach(card, b"x" * 10_000)
    trash_api.ask("DELETE", f"/cards/{card['id']}")
    (item,) = trash_api.items()
    assert 10_000 < item["size"] < 12_000
    assert item["rowCount"] == 3


def test_pages_by_kind_look_through_a_bounded_number_of_items(trash_api, monkeypatch):
    label = trash_api.ask("POST", "/labels", {"name": "urgent"})
    for number in range(10):
        card = trash_api.card(f"card {number}")
        if number == 5:
            trash_api.ask("DELETE", f"{trash_api.project.workspace.path}/labels/{label['id']}")
        trash_api.ask("DELETE", f"/cards/{card['id']}")
    monkeypatch.setattr(paging, "SCAN_MAX", 4)
    walk = trash_api.world.walk(trash_api.person, f"{trash_api.trash}?kind=label&limit=3")
    assert sorted([[item["kind"] for item in page] for page in walk], key=len) == [[], [], ["label"]]
