"""Deleted items of a person whose account was deleted afterwards: no personal data is stored, and they can be restored."""

import pytest
from sqlalchemy import select

from stellary.core import NOBODY
from tests.core.trash.test_round_trips import fill
from tests.support.tables import trash
from tests.support.tables import trash_rows as rows
from tests.support.world import PASSWORD

NAME = "bartholomew"


@pytest.fixture
def bart(world, trash_api):
    """Return a member of the project who has written and been given something of each kind."""
    bart = world.member(NAME, trash_api.project.workspace)
    trash_api.ask("POST", "/members", {"email": bart.email})
    card = f"{trash_api.project.path}/cards/{fill(trash_api).ids['card']}"
    trash_api.ask("PATCH", card, {"assigneeId": bart.id})
    world.ask(bart, "POST", f"{card}/comments", {"content": "Well."})
    context = {"contextType": "project", "contextId": trash_api.project.id}
    workspace = trash_api.project.workspace.path
    world.ask(bart, "POST", f"{workspace}/documents", {"title": "Notes of mine", **context})
    return bart


def erase(world, person):
    world.ask(world.bearer(person), "POST", "/auth/delete-account", {"currentPassword": PASSWORD})


def read_trash(world):
    """Return everything that the trash stores, as text."""
    with world.core.view(NOBODY) as uow:
        return "\n".join(
            str(tuple(row)) for table in (trash, rows) for row in uow.connection.execute(select(table))
        )


def test_trash_stores_no_name_and_address_of_an_erased_account(world, trash_api, bart):
    trash_api.ask("DELETE", "")
    assert bart.id in read_trash(world)
    erase(world, bart)
    assert NAME not in read_trash(world).casefold()


def test_restored_project_names_an_erased_account_former_member(world, trash_api, bart):
    trash_api.ask("DELETE", "")
    erase(world, bart)
    trash_api.restore(trash_api.project.id)
    assert bart.id not in {member["userId"] for member in trash_api.ask("GET", "/members")}
    cards = trash_api.ask("GET", "/cards")
    assert bart.id not in {card["assigneeId"] for card in cards}
    (card,) = [card for card in cards if card["commentCount"] == 3]
    assert trash_api.ask("GET", f"/cards/{card['id']}/comments")[-1]["authorName"] == "former member"
    documents = trash_api.ask("GET", f"{trash_api.project.workspace.path}/documents")
    assert {document["authorName"] for document in documents if document["authorId"] == bart.id} == {
        "former member"
    }
    assert NAME not in str(trash_api.export()).casefold()


def test_items_that_an_erased_account_has_deleted_can_be_restored(world, trash_api, bart):
    card = trash_api.card()
    world.ask(bart, "DELETE", f"{trash_api.project.path}/cards/{card['id']}")
    erase(world, bart)
    (item,) = trash_api.items()
    assert item["deletedByName"] == "former member"
    trash_api.restore(card["id"])
    assert trash_api.status("GET", f"/cards/{card['id']}") == 200


def test_trash_of_an_erased_account_is_purged_with_its_organizations(world, trash_api, bart):
    home = world.home(bart)
    board = world.ask(bart, "POST", f"{home.path}/projects", {"name": "Private"})
    world.ask(bart, "DELETE", f"{home.path}/projects/{board['id']}")
    assert "Private" in read_trash(world)
    erase(world, bart)
    world.core.work.begin()
    world.core.work.run_due()
    assert "Private" not in read_trash(world)
