"""Deleted and restored items leave the project's export equal: each kind, and under interleaved changes."""

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.core.trash.conftest import TrashApi
from tests.core.trash.test_conflicts import restore_problem
from tests.support.card_terms import find_wrong_terms
from tests.support.search_prefixes import find_wrong_prefixes

KINDS = (
    "card",
    "comment",
    "attachment",
    "document",
    "document_comment",
    "label",
    "custom_field",
    "column",
    "scope",
    "scope with cards",
    "project",
)


@attrs.frozen
class Items:
    """The items of a project, each by its kind, with the path and the query that delete it."""

    paths: dict[str, str]
    ids: dict[str, str]


def fill(api: TrashApi) -> Items:
    """Fill a project with items of each kind that refer to each other."""
    workspace = api.project.workspace.path
    label = api.ask("POST", "/labels", {"name": "urgent"})
    labels = [api.ask("POST", "/labels", {"name": name})["id"] for name in ("first", "last")]
    field = api.ask("POST", "/custom-fields", {"name": "Points", "type": "number"})
    kind = api.ask("POST", "/custom-fields", {"name": "Sort", "type": "select", "options": ["a", "b"]})
    scope = api.ask("POST", "/scopes", {"name": "Phase 2", "order": 0})
    emptied = api.ask("POST", "/scopes", {"name": "Phase 3"})
    column = api.ask("POST", "/columns", {"name": "Waiting", "order": 1})
    cards = []
    for number, column_id in enumerate(
        [column["id"], column["id"], *api.project.column_ids, *(c["id"] for c in scope["columns"])] * 2
    ):
        card = {
            "title": f"card {number}",
            "labelIds": [labels[0], label["id"], labels[1]],
            "customFields": {field["id"]: number / 2, kind["id"]: "b"},
            "assigneeId": api.person.id,
            "checklist": [{"title": "step"}, {"title": "two", "done": True}],
            "description": 'Ends Ünïcode quotes "and" \\ lines\n.',
            "priority": "high",
            "startDate": "2026-04-01",
            "dueDate": "2026-05-01T12:00:00.123Z",
        }
        cards.append(api.ask("POST", f"/columns/{column_id}/cards", card))
    moved = emptied["columns"][0]["id"]
    cards.append(api.ask("POST", f"/columns/{moved}/cards", {"title": "moved", "status": "in_progress"}))
    api.ask("PATCH", f"/cards/{cards[1]['id']}", {"archived": True})
    card = cards[0]
    for target, relation in ((2, "blocks"), (3, "parent_of"), (4, "related_to"), (-2, "duplicates")):
        related = {"targetCardId": cards[target]["id"], "type": relation}
        api.ask("POST", f"/cards/{card['id']}/relations", related)
    comments = [
        api.ask("POST", f"/cards/{card['id']}/comments", {"content": text}) for text in ("One.", "Two.")
    ]
    attachment = api.attach(card)
    project = {"contextType": "project", "contextId": api.project.id}
    top = api.ask("POST", f"{workspace}/documents", {"title": "Top", **project})
    document = api.ask(
        "POST", f"{workspace}/documents", {"title": "Plan", "parentId": top["id"], "tags": ["x"]}
    )
    comments += [
        api.ask("POST", f"{workspace}/documents/{document['id']}/comments", {"content": text})
        for text in ("Three.", "Four.")
    ]
    api.ask("POST", f"{workspace}/documents", {"title": "Part", "parentId": document["id"]})
    of_scope = {"contextType": "scope", "contextId": scope["id"]}
    api.ask("POST", f"{workspace}/documents", {"title": "Notes", **of_scope})
    api.ask("POST", f"{workspace}/documents/{document['id']}/submit-review")
    rule = {"trigger": "task_assigned", "action": {"type": "set_status", "params": {"status": "done"}}}
    api.ask("POST", "/automations", rule)
    done = api.project.column_ids[-1]
    ids = {
        "card": card["id"],
        "comment": comments[0]["id"],
        "attachment": attachment["id"],
        "document": document["id"],
        "document_comment": comments[2]["id"],
        "label": label["id"],
        "custom_field": field["id"],
        "column": column["id"],
        "scope": emptied["id"],
        "scope with cards": scope["id"],
        "project": api.project.id,
    }
    paths = {
        "card": f"/cards/{card['id']}",
        "comment": f"/cards/{card['id']}/comments/{comments[0]['id']}",
        "attachment": f"/cards/{card['id']}/attachments/{attachment['id']}",
        "document": f"{workspace}/documents/{document['id']}",
        "document_comment": f"{workspace}/documents/{document['id']}/comments/{comments[2]['id']}",
        "label": f"{workspace}/labels/{label['id']}",
        "custom_field": f"{workspace}/custom-fields/{field['id']}",
        "column": f"/columns/{column['id']}?moveCardsTo={done}",
        "scope": f"{workspace}/scopes/{emptied['id']}?moveCardsTo={done}",
        "scope with cards": f"{workspace}/scopes/{scope['id']}",
        "project": "",
    }
    return Items(paths, ids)


def read_all(api: TrashApi) -> dict[str, object]:
    """Return the export, the board and the counts of the cards, without what each change increases; check the terms of cards and of search."""
    assert find_wrong_terms(api.world.core) == set()
    assert find_wrong_prefixes(api.world.core) == set()
    export = api.export()
    for document in export["documents"]:
        del document["updatedAt"]
    columns = [(column["id"], column["order"], column["cardCount"]) for column in api.ask("GET", "/columns")]
    cards = [
        (card["id"], card["order"], card["commentCount"], card["attachmentCount"], card["columnId"])
        for card in api.ask("GET", "/cards")
    ]
    return {"export": export, "columns": columns, "cards": sorted(cards)}


@pytest.mark.slow("compares all rows many times")
@pytest.mark.parametrize("kind", KINDS)
def test_deleted_and_restored_item_leaves_everything_equal(trash_api: TrashApi, kind: str):
    items = fill(trash_api)
    before = read_all(trash_api)
    trash_api.ask("DELETE", items.paths[kind])
    if kind != "project":
        assert read_all(trash_api) != before
    assert trash_api.status("GET", items.paths[kind].partition("?")[0]) in (404, 405)
    trash_api.restore(items.ids[kind])
    assert read_all(trash_api) == before
    assert trash_api.items() == []


def restore_if_possible(api: TrashApi, item_id: str) -> bool:
    """Restore an item; return False if what it belongs to is in the trash itself."""
    response = api.world.call(api.person, "POST", f"{api.trash}/{api.entry(item_id)}/restore")
    assert response.status in (200, 409), response
    return response.status == 200


@pytest.mark.slow("compares all rows many times")
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_items_deleted_and_restored_in_any_order_leave_everything_equal(world, data: st.DataObject):
    person = _get_person(world)
    api = TrashApi(world, person, world.project(person, _get_workspace(world, person)))
    items = fill(api)
    before = read_all(api)
    order = data.draw(st.permutations(KINDS))
    deleted = [kind for kind in order if api.status("DELETE", items.paths[kind]) == 200]
    waiting = list(data.draw(st.permutations(deleted)))
    # Items of what is in the trash itself have to wait for it: for the project, and then for the card.
    for _ in range(3):
        waiting = [kind for kind in waiting if not restore_if_possible(api, items.ids[kind])]
    assert waiting == [], [restore_problem(api, items.ids[kind]) for kind in waiting]
    assert read_all(api) == before


class Change:
    """A change of other items than the deleted one, which can be taken back."""

    def __init__(self, api: TrashApi) -> None:
        self.api = api
        column_id = api.project.column_ids[0]
        self.card = next(card for card in api.ask("GET", "/cards") if card["columnId"] == column_id)
        self.path = f"/cards/{self.card['id']}"

    def rename_card(self):
        self.api.ask("PATCH", self.path, {"title": "renamed", "description": "changed"})
        yield
        self.api.ask("PATCH", self.path, {name: self.card[name] for name in ("title", "description")})

    def move_card(self):
        self.api.ask("PATCH", self.path, {"columnId": self.api.project.column_ids[1], "order": 0})
        yield
        self.api.ask("PATCH", self.path, {name: self.card[name] for name in ("columnId", "order", "status")})

    def archive_card(self):
        self.api.ask("PATCH", self.path, {"archived": True})
        yield
        self.api.ask("PATCH", self.path, {"archived": False, "order": self.card["order"]})

    def add_card(self):
        card = self.api.ask("POST", f"/columns/{self.card['columnId']}/cards", {"title": "new"})
        yield
        self.api.ask("DELETE", f"/cards/{card['id']}")

    def add_comment(self):
        comment = self.api.ask("POST", f"{self.path}/comments", {"content": "New."})
        yield
        self.api.ask("DELETE", f"{self.path}/comments/{comment['id']}")

    def add_column(self):
        column = self.api.ask("POST", "/columns", {"name": "New"})
        yield
        self.api.ask("DELETE", f"/columns/{column['id']}")

    def add_label(self):
        label = self.api.ask("POST", "/labels", {"name": "new"})
        # The deleted item may be one of the card's labels.
        label_ids = self.api.ask("GET", self.path)["labelIds"]
        self.api.ask("PATCH", self.path, {"labelIds": [*label_ids, label["id"]]})
        yield
        self.api.ask("DELETE", f"{self.api.project.workspace.path}/labels/{label['id']}")


CHANGES = sorted(name for name in vars(Change) if "_" in name.strip("_"))


@pytest.mark.slow("compares all rows many times")
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([kind for kind in KINDS if kind != "project"]), st.permutations(CHANGES))
def test_item_deleted_and_restored_under_other_changes_leaves_everything_equal(world, kind, order):
    person = _get_person(world)
    api = TrashApi(world, person, world.project(person, _get_workspace(world, person)))
    items = fill(api)
    before = read_all(api)
    change = Change(api)
    first, second = (getattr(change, name)() for name in order[:2])
    next(first)
    api.ask("DELETE", items.paths[kind])
    next(second)
    api.restore(items.ids[kind])
    for step in (second, first):
        next(step, None)
    after = read_all(api)
    # Numbers of cards are never reused.
    del before["export"]["project"]["lastNumber"], after["export"]["project"]["lastNumber"]
    assert after == before


def _get_person(world):
    """Return the one person of the world, who is created once."""
    if not hasattr(world, "trash_person"):
        world.trash_person = world.person()
    return world.trash_person


def _get_workspace(world, person):
    """Return the one workspace of the world, which is created once."""
    if not hasattr(world, "trash_workspace"):
        world.trash_workspace = world.workspace(person)
    return world.trash_workspace
