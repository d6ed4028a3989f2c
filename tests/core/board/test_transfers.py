"""Transfers of cards to other projects: what follows the card, what is mapped by name, and who may do it."""

import functools
from typing import Any

import attrs
import orjson
import pytest

from tests.support.statements import record_statements
from tests.support.tables import metadata, read_rows
from tests.support.world import Person, Project, World, at_once

FIELDS = {
    "Effort": {"type": "number"},
    "Stage": {"type": "select", "options": ["new", "old"]},
    "Areas": {"type": "multi-select", "options": ["web", "app"]},
}


@attrs.define
class Desk:
    """Two projects of a workspace, APP and OPS, and calls on behalf of their owner."""

    world: World
    ann: Person
    app: Project
    ops: Project

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        return self.world.ask(self.ann, method, path, body)

    def transfer(self, card: Any, to: Project | None = None, column: int = 0, **body: Any) -> Any:
        source = self.app if card["projectId"] == self.app.id else self.ops
        to = to or (self.ops if source is self.app else self.app)
        path = f"{source.path}/cards/{card['id']}/transfer"
        return self.ask("POST", path, {"columnId": to.column_ids[column], **body})

    def refusal(self, card: Any, who: Any = None, **body: Any) -> tuple[int, str]:
        path = f"{self.app.path}/cards/{card['id']}/transfer"
        return self.world.error(who or self.ann, "POST", path, {"columnId": self.ops.column_ids[0], **body})

    def add_structure(self, project: Project, labels: tuple[str, ...] = ("bug", "urgent")) -> None:
        for name in labels:
            self.ask("POST", f"{project.path}/labels", {"name": name})
        for name, fields in FIELDS.items():
            self.ask("POST", f"{project.path}/custom-fields", {"name": name, **fields})

    def ids(self, project: Project, kind: str) -> dict[str, str]:
        return {item["name"]: item["id"] for item in self.ask("GET", f"{project.path}/{kind}")}

    def add_mission(self, card: Any) -> str:
        """Create an agent with a mission on a card; return the path of the mission."""
        flat = self.app.workspace.path
        agent = self.ask("POST", f"{flat}/agents", {"name": "Scribe", "tools": ["board.read"]})
        body = {"cardId": card["id"], "prompt": "Read it."}
        mission = self.ask("POST", f"{flat}/agents/{agent['id']}/missions", body)
        return f"{flat}/missions/{mission['id']}"

    def full_card(self) -> Any:
        """Create a card in APP with labels, values, an assignee, a checklist, a comment and a relation."""
        self.add_structure(self.app)
        fields, labels = self.ids(self.app, "custom-fields"), self.ids(self.app, "labels")
        card = self.world.card(
            self.ann,
            self.app,
            "Fix it",
            labelIds=[labels["bug"], labels["urgent"]],
            customFields={fields["Effort"]: 3, fields["Stage"]: "new", fields["Areas"]: ["web", "app"]},
            checklist=[{"title": "one"}, {"title": "two", "done": True}],
            assigneeId=self.ann.id,
            dueDate="2026-05-01",
        )
        other = self.world.card(self.ann, self.app, "Other")
        path = f"{self.app.path}/cards/{card['id']}"
        self.ask("POST", f"{path}/comments", {"content": "Well."})
        self.ask("POST", f"{path}/relations", {"targetCardId": other["id"], "type": "blocks"})
        return self.ask("GET", path)


@pytest.fixture
def desk(world: World) -> Desk:
    ann = world.person()
    workspace = world.workspace(ann)
    app, ops = (world.project(ann, workspace, key, key=key.upper()) for key in ("app", "ops"))
    return Desk(world, ann, app, ops)


CHANGED = {"key", "number", "projectId", "scopeId", "columnId", "order", "version", "updatedAt"}


def test_card_keeps_what_it_has_and_matches_labels_and_fields_by_name(desk: Desk):
    card = desk.full_card()
    desk.add_structure(desk.ops, ("urgent", "bug"))
    moved = desk.transfer(card)
    same_fields = card.keys() - CHANGED - {"labelIds", "customFields"}
    assert {name: moved[name] for name in same_fields} == {name: card[name] for name in same_fields}
    assert (moved["key"], moved["dropped"], moved["columnId"]) == ("OPS-1", [], desk.ops.column_ids[0])
    labels, fields = desk.ids(desk.ops, "labels"), desk.ids(desk.ops, "custom-fields")
    assert moved["labelIds"] == [labels["bug"], labels["urgent"]]
    expected = {fields["Effort"]: 3, fields["Stage"]: "new", fields["Areas"]: ["web", "app"]}
    assert moved["customFields"] == expected
    path = f"{desk.ops.path}/cards/{card['id']}"
    del moved["dropped"]
    (hit,) = desk.ask("GET", f"{desk.ops.workspace.path}/search?q=OPS-1")
    assert (hit["cardKey"], hit["projectId"]) == ("OPS-1", desk.ops.id)
    assert desk.ask("GET", path) == moved
    assert [comment["content"] for comment in desk.ask("GET", f"{path}/comments")] == ["Well."]
    assert [relation["card"]["title"] for relation in desk.ask("GET", f"{path}/relations")] == ["Other"]
    history = desk.ask("GET", f"{desk.ops.path}/activity?cardId={card['id']}")
    assert history[0]["type"] == "card_transferred"
    assert {"card_created", "comment_added", "relation_added"} <= {item["type"] for item in history}


def test_no_table_has_the_former_project_of_a_card(desk: Desk):
    card = desk.full_card()
    desk.add_mission(card)
    desk.transfer(card, missing="create")
    rows = read_rows(desk.world.core)
    stale = {
        name
        for name, table in metadata.tables.items()
        if {"card_id", "project_id"} <= {*table.c.keys()}
        for row in rows[name]
        if row.card_id == card["id"] and row.project_id == desk.app.id
    }
    assert stale == {"stellary_former_card_keys"}
    for name in ("activities", "agent_missions", "search_entries"):
        assert {row.project_id for row in rows[f"stellary_{name}"] if row.card_id} >= {desk.ops.id}


@pytest.mark.parametrize("missing", ["create", "drop"])
def test_there_and_back_leaves_the_card_equal(desk: Desk, missing: str):
    card = desk.full_card()
    if missing == "drop":
        desk.add_structure(desk.ops)
    back = desk.transfer(desk.transfer(card, missing=missing), column=0, missing=missing)
    back.pop("dropped")
    # The other card is before it now.
    assert {name for name in card if card[name] != back[name]} == {"order", "version", "updatedAt"}
    assert back["key"] == "APP-1"


def test_missing_items_are_refused_created_or_dropped(desk: Desk):
    card = desk.full_card()
    desk.ask(
        "POST", f"{desk.ops.path}/custom-fields", {"name": "Stage", "type": "select", "options": ["old"]}
    )
    desk.ask("POST", f"{desk.ops.path}/labels", {"name": "bug"})
    status, message = desk.refusal(card)
    assert status == 409
    assert all(name in message for name in ("label 'urgent'", "option 'new'", "custom field 'Effort'"))
    assert desk.ask("GET", f"{desk.app.path}/cards/{card['id']}") == card
    moved = desk.transfer(card, missing="drop")
    expected = [("label", "urgent"), ("custom_field", "Effort"), ("option", "new"), ("custom_field", "Areas")]
    assert [(item["kind"], item["name"]) for item in moved["dropped"]] == expected
    assert moved["labelIds"] == [desk.ids(desk.ops, "labels")["bug"]]
    assert moved["customFields"] == {}


def test_estimate_in_another_unit_is_refused_or_dropped(desk: Desk):
    card = desk.world.card(desk.ann, desk.app, estimate=8)
    desk.ask("PATCH", desk.ops.path, {"estimateUnit": "hours"})
    for missing in ("refuse", "create"):
        assert desk.refusal(card, missing=missing)[0] == 409
    moved = desk.transfer(card, missing="drop")
    assert (moved["estimate"], moved["dropped"]) == (None, [{"kind": "estimate", "name": "points"}])
    (activity, *_) = desk.ask("GET", f"{desk.ops.path}/activity?cardId={card['id']}")
    assert desk.ask("POST", f"{desk.ops.path}/activity/{activity['id']}/undo")["estimate"] == 8


def test_required_field_of_the_other_project_may_stay_empty(desk: Desk):
    card = desk.world.card(desk.ann, desk.app)
    desk.ask("POST", f"{desk.ops.path}/custom-fields", {"name": "Size", "type": "number", "required": True})
    assert desk.transfer(card)["customFields"] == {}


def test_options_are_added_to_an_existing_field(desk: Desk):
    card = desk.full_card()
    desk.ask(
        "POST", f"{desk.ops.path}/custom-fields", {"name": "Stage", "type": "select", "options": ["old"]}
    )
    moved = desk.transfer(card, missing="create")
    fields = {field["name"]: field for field in desk.ask("GET", f"{desk.ops.path}/custom-fields")}
    assert fields["Stage"]["options"] == ["old", "new"]
    assert moved["customFields"][fields["Stage"]["id"]] == "new"
    assert moved["dropped"] == []


def test_undo_returns_labels_values_key_and_place(desk: Desk):
    card = desk.full_card()
    moved = desk.transfer(card, missing="drop")
    (activity, *_) = desk.ask("GET", f"{desk.ops.path}/activity?cardId={card['id']}")
    back = desk.ask("POST", f"{desk.ops.path}/activity/{activity['id']}/undo")
    assert {name for name in card if card[name] != back[name]} == {"version", "updatedAt"}
    assert moved["dropped"]
    assert [card["key"] for card in desk.ask("GET", f"{desk.app.path}/cards")] == ["APP-1", "APP-2"]


def test_undo_returns_the_column_of_the_series(desk: Desk):
    series = {"rule": "FREQ=WEEKLY;BYDAY=MO", "columnId": desk.app.column_ids[2]}
    card = desk.world.card(desk.ann, desk.app, recurrence=series)
    moved = desk.transfer(card)
    assert moved["recurrence"] == card["recurrence"] | {"columnId": moved["columnId"]}
    (activity, *_) = desk.ask("GET", f"{desk.ops.path}/activity?cardId={card['id']}")
    back = desk.ask("POST", f"{desk.ops.path}/activity/{activity['id']}/undo")
    assert back["recurrence"] == card["recurrence"]


def test_former_keys_lead_to_the_card(desk: Desk):
    card = desk.world.card(desk.ann, desk.app)
    other = desk.world.project(desk.ann, desk.app.workspace, "web", key="WEB")
    desk.transfer(card)
    last = desk.ask("POST", f"{desk.ops.path}/cards/OPS-1/transfer", {"columnId": other.column_ids[0]})
    assert last["key"] == "WEB-1"
    flat = desk.app.workspace.path
    for path in (
        f"{desk.app.path}/cards/APP-1",
        f"{desk.ops.path}/cards/ops-1",
        f"{other.path}/cards/APP-1",
        f"{other.path}/cards/WEB-1",
    ):
        assert desk.ask("GET", path)["key"] == "WEB-1"
    assert desk.ask("GET", f"{flat}/cards/APP-1/relations") == []
    desk.ask("POST", f"{desk.app.path}/cards/APP-1/comments", {"content": "By its former key."})
    assert desk.world.status(desk.ann, "GET", f"{desk.ops.path}/cards/APP-1") == 404
    assert desk.world.status(desk.ann, "GET", f"{desk.app.path}/cards/{card['id']}") == 404


def test_former_key_shows_nothing_to_people_who_do_not_see_the_card(desk: Desk, bob: Person):
    card = desk.world.card(desk.ann, desk.app)
    desk.world.join(bob, desk.app.workspace)
    desk.ask("PATCH", desk.ops.path, {"visibility": "private"})
    desk.transfer(card)
    unknown, former = (
        orjson.loads(desk.world.call(bob, "GET", f"{desk.app.path}/cards/APP-{n}").body) for n in (9, 1)
    )
    assert unknown["message"] == former["message"] == "Card not found"
    feed = desk.world.ask(bob, "GET", f"{desk.app.path}/activity")
    assert feed[0]["type"] == "card_transferred_out"
    assert (feed[0]["cardId"], feed[0]["changes"]) == (None, [])
    assert (feed[0]["entityId"], feed[0]["meta"]) == (card["id"], {"cardKey": "APP-1"})
    assert not any(activity["cardId"] for activity in feed)


def test_bulk_keeps_the_order_of_the_request_in_a_bounded_number_of_statements(desk: Desk):
    desk.add_structure(desk.app)
    label = desk.ids(desk.app, "labels")["bug"]
    target = f"{desk.ops.path}/columns/{desk.ops.column_ids[2]}"
    counts, former = [], 0
    for count in (4, 40):
        cards = [
            {"title": f"card {n}", "columnId": desk.app.column_ids[n % 2], "labelIds": [label]}
            for n in range(count)
        ]
        created_cards = desk.ask("POST", f"{desk.app.path}/cards/bulk", {"cards": cards})
        ids = [card["id"] for card in reversed(created_cards)]
        body = {"cardIds": ids, "columnId": desk.ops.column_ids[2], "missing": "drop"}
        path = f"{desk.app.path}/cards/bulk/transfer"
        desk.ask("PATCH", target, {"wipLimit": former + count - 1})
        assert desk.world.status(desk.ann, "POST", path, body) == 409
        desk.ask("PATCH", target, {"wipLimit": former + count})
        with record_statements() as statements:
            moved = desk.ask("POST", path, body)
        counts.append(len(statements))
        assert [card["order"] for card in moved] == [*range(former, former + count)]
        assert [card["id"] for card in moved] == ids
        former += count
    assert counts[0] == counts[1] < 60
    assert desk.ask("GET", f"{desk.app.path}/cards") == []
    assert len(desk.ask("GET", f"{desk.ops.path}/cards")) == 44


def test_bulk_takes_cards_of_the_project_once(desk: Desk):
    here, there = desk.world.card(desk.ann, desk.app), desk.world.card(desk.ann, desk.ops)
    path = f"{desk.app.path}/cards/bulk/transfer"
    for ids in ([here["id"], there["id"]], [here["id"], here["id"]], ["0" * 24], []):
        body = {"cardIds": ids, "columnId": desk.ops.column_ids[0]}
        assert desk.world.status(desk.ann, "POST", path, body) == 400
    assert desk.ask("GET", f"{desk.app.path}/cards/APP-1") == here


def test_roles_of_both_projects_decide(desk: Desk, bob: Person):
    card = desk.full_card()
    desk.world.join(bob, desk.app.workspace)
    for project in (desk.app, desk.ops):
        desk.ask("POST", f"{project.path}/members", {"email": bob.email, "role": "viewer"})
    for app_role, ops_role, status in (
        ("viewer", "editor", 403),
        ("editor", "viewer", 403),
        ("editor", "editor", 409),
    ):
        desk.ask("PATCH", f"{desk.app.path}/members/{bob.id}", {"role": app_role})
        desk.ask("PATCH", f"{desk.ops.path}/members/{bob.id}", {"role": ops_role})
        assert desk.refusal(card, bob)[0] == status
        if status == 403:
            assert desk.refusal(card, bob, missing="create")[0] == 403
            assert desk.ids(desk.ops, "labels").keys().isdisjoint({"bug", "urgent"})
            assert desk.ids(desk.ops, "custom-fields") == {}
    desk.ask("DELETE", f"{desk.ops.path}/members/{bob.id}")
    desk.ask("PATCH", desk.ops.path, {"visibility": "private"})
    unknown = (400, "columnId must be the id of an existing item")
    assert desk.refusal(card, bob) == desk.refusal(card, bob, columnId="0" * 24) == unknown
    assert desk.refusal(card, bob, columnId=desk.app.column_ids[1])[0] == 400


def test_token_of_one_project_transfers_no_card(desk: Desk):
    card = desk.world.card(desk.ann, desk.app)
    body = {"name": "x", "scopes": ["projects:write"], "projectIds": [desk.app.id]}
    token = desk.ask("POST", "/api-tokens", body)["token"]
    assert desk.refusal(card, token)[0] == 400


def test_assignee_who_does_not_see_the_project_is_removed(desk: Desk, bob: Person):
    desk.world.join(bob, desk.app.workspace)
    card = desk.world.card(desk.ann, desk.app, assigneeId=bob.id)
    desk.ask("PATCH", f"{desk.app.path}/cards/{card['id']}", {"title": "New"})
    assert desk.world.ask(bob, "GET", "/notifications/count")["count"] == 2
    desk.ask("PATCH", desk.ops.path, {"visibility": "private"})
    moved = desk.transfer(card)
    assert moved["assigneeId"] is None
    assert moved["dropped"] == [{"kind": "assignee", "name": "bob"}]
    assert desk.world.ask(bob, "GET", "/notifications/count")["count"] == 0
    assert desk.world.ask(bob, "GET", f"{desk.app.workspace.path}/search?q=New") == []


def test_card_enters_another_workspace_without_relations(desk: Desk, bob: Person):
    desk.world.join(bob, desk.app.workspace)
    card = desk.full_card()
    workspace = desk.world.workspace(desk.ann, desk.app.workspace.organization)
    far = desk.world.project(desk.ann, workspace, "far", key="FAR")
    path = f"{desk.app.path}/cards/{card['id']}"
    desk.ask("PATCH", path, {"assigneeId": bob.id})
    body = {"columnId": far.column_ids[0], "missing": "create"}
    assert desk.world.status(desk.ann, "POST", f"{path}/transfer", body) == 409
    (relation,) = desk.ask("GET", f"{path}/relations")
    desk.ask("DELETE", f"{desk.app.path}/relations/{relation['id']}")
    assert desk.world.status(bob, "POST", f"{path}/transfer", body) == 400
    mission = desk.add_mission(card)
    moved = desk.ask("POST", f"{path}/transfer", body)
    assert desk.ask("GET", mission)["status"] == "cancelled"
    assert (moved["key"], moved["dropped"]) == ("FAR-1", [{"kind": "assignee", "name": "bob"}])
    assert desk.ask("GET", f"{desk.app.path}/cards/APP-1")["key"] == "FAR-1"
    assert desk.world.ask(bob, "GET", "/notifications/count")["count"] == 0
    assert [hit["kind"] for hit in desk.ask("GET", f"{workspace.path}/search?q=Well")] == ["comment"]
    (activity, *_) = desk.ask("GET", f"{far.path}/activity?cardId={card['id']}")
    assert desk.ask("POST", f"{far.path}/activity/{activity['id']}/undo")["key"] == "APP-1"


def test_rule_of_the_former_workspace_lacks_the_card_until_it_returns(desk: Desk):
    card = desk.world.card(desk.ann, desk.ops, "Log")
    far = desk.world.project(desk.ann, desk.world.workspace(desk.ann, desk.app.workspace.organization), "far")
    action = {"type": "archive_card", "params": {"cardId": card["id"]}}
    desk.ask("POST", f"{desk.app.path}/automations", {"trigger": "task_moved", "action": action})
    problems, place = [], desk.ops
    for to in (desk.app, far, desk.ops):
        desk.ask("POST", f"{place.path}/cards/{card['id']}/transfer", {"columnId": to.column_ids[0]})
        (rule,) = desk.ask("GET", f"{desk.app.path}/automations")
        problems.append(rule["problem"])
        place = to
    assert problems == [None, "a hidden card is no longer in the workspace", None]


@pytest.mark.race
def test_crossing_transfers_lose_no_card(desk: Desk, rounds: int):
    for _ in range(rounds):
        cards = [desk.world.card(desk.ann, project) for project in (desk.app, desk.ops) for _ in range(4)]
        moved = at_once(*(functools.partial(desk.transfer, card) for card in cards))
        assert [card["projectId"] for card in moved] == [desk.ops.id] * 4 + [desk.app.id] * 4
    for project in (desk.app, desk.ops):
        cards = desk.ask("GET", f"{project.path}/cards")
        assert len({card["number"] for card in cards}) == len(cards) == 4 * rounds
        assert sorted(card["order"] for card in cards) == list(range(4 * rounds))


@pytest.mark.race
def test_change_at_once_happens_before_the_transfer_or_is_a_404(desk: Desk, rounds: int):
    for _ in range(rounds):
        path = f"{desk.app.path}/cards/{desk.world.card(desk.ann, desk.app)['id']}"
        requests = (
            ("POST", f"{path}/transfer", {"columnId": desk.ops.column_ids[0]}),
            ("POST", f"{path}/transfer", {"columnId": desk.ops.column_ids[1]}),
            ("POST", f"{path}/comments", {"content": "x"}),
            ("PATCH", path, {"title": "y"}),
            ("PATCH", path, {"columnId": desk.app.column_ids[1]}),
        )
        statuses = at_once(*(functools.partial(desk.world.status, desk.ann, *sent) for sent in requests))
        assert sorted(statuses[:2]) == [200, 404]
        assert {*statuses[2:]} <= {200, 201, 404}
        card_id = path.rpartition("/")[2]
        assert len(desk.ask("GET", f"{desk.ops.path}/cards/{card_id}/comments")) == (statuses[2] == 201)


def test_deleted_items_of_a_card_follow_it(desk: Desk):
    card = desk.full_card()
    path = f"{desk.app.path}/cards/{card['id']}"
    (comment,) = desk.ask("GET", f"{path}/comments")
    desk.ask("DELETE", f"{path}/comments/{comment['id']}")
    desk.transfer(card, missing="drop")
    (item,) = desk.ask("GET", f"{desk.app.workspace.path}/trash?projectId={desk.ops.id}")
    assert item["key"] == "OPS-1"
    desk.ask("POST", f"{desk.app.workspace.path}/trash/{item['id']}/restore")
    assert desk.ask("GET", f"{desk.ops.path}/cards/OPS-1/comments") == [comment]


def test_former_keys_survive_the_trash(desk: Desk):
    desk.transfer(desk.world.card(desk.ann, desk.app))
    trash = f"{desk.app.workspace.path}/trash"
    for path in (f"{desk.ops.path}/cards/OPS-1", desk.app.path):
        desk.ask("DELETE", path)
        assert desk.world.status(desk.ann, "GET", f"{desk.app.path}/cards/APP-1") == 404
        desk.ask("POST", f"{trash}/{desk.ask('GET', trash)[0]['id']}/restore")
        assert desk.ask("GET", f"{desk.app.path}/cards/APP-1")["key"] == "OPS-1"


def test_rules_and_webhooks_of_the_entered_project_react(desk: Desk):
    rule = {
        "name": "Welcome",
        "trigger": "task_added_to_board",
        "action": {"type": "set_priority", "params": {"priority": "high"}},
    }
    for project in (desk.app, desk.ops):
        desk.ask("POST", f"{project.path}/automations", rule)
    card = desk.world.card(desk.ann, desk.app)
    desk.ask("PATCH", f"{desk.app.path}/cards/{card['id']}", {"priority": None})
    moved = desk.transfer({**card, "version": 0})
    assert (moved["priority"], moved["dropped"]) == ("high", [])


def test_column_moves_with_its_cards(desk: Desk):
    card = desk.full_card()
    done = desk.world.card(desk.ann, desk.app, "Old")
    desk.ask("PATCH", f"{desk.app.path}/cards/{done['id']}", {"archived": True})
    column = desk.app.column_ids[0]
    rule = {"trigger": "task_moved", "action": {"type": "move_card", "params": {"targetColumn": column}}}
    desk.ask("POST", f"{desk.app.path}/automations", rule)
    former = desk.ask("PATCH", f"{desk.app.path}/columns/{column}", {"name": "Inbox", "cardStatus": None})
    scope = desk.ask("GET", f"{desk.ops.path}/scopes")[0]["id"]
    path, body = f"{desk.app.path}/columns/{column}/transfer", {"scopeId": scope}
    assert desk.world.status(desk.ann, "POST", path, body) == 409
    assert len(desk.ask("GET", f"{desk.ops.path}/columns")) == 3
    moved = desk.ask("POST", path, body | {"missing": "create"})
    fields = ("name", "cardStatus", "wipLimit", "cardCount")
    assert {name: moved[name] for name in fields} == {name: former[name] for name in fields}
    assert (moved["order"], moved["dropped"], len(moved["brokenAutomations"])) == (3, [], 1)
    cards = desk.ask("GET", f"{desk.ops.path}/cards?columnId={moved['id']}")
    expected = [("Fix it", False), ("Other", False), ("Old", True)]
    assert [(item["title"], item["archived"]) for item in cards] == expected
    (trashed,) = desk.ask("GET", f"{desk.app.workspace.path}/trash")
    assert (trashed["kind"], trashed["itemId"]) == ("column", column)
    # Each card can return once its column is restored.
    desk.ask("POST", f"{desk.app.workspace.path}/trash/{trashed['id']}/restore", {})
    (activity, *_) = desk.ask("GET", f"{desk.ops.path}/activity?cardId={card['id']}")
    back = desk.ask("POST", f"{desk.ops.path}/activity/{activity['id']}/undo")
    assert {name for name in card if card[name] != back[name]} == {"version", "updatedAt"}


def test_cards_of_a_column_keep_their_status_even_above_its_limit(desk: Desk):
    column = f"{desk.app.path}/columns/{desk.app.column_ids[0]}"
    desk.ask("PATCH", column, {"cardStatus": "in_progress"})
    cards = [desk.world.card(desk.ann, desk.app, status=status) for status in ("open", "done")]
    desk.ask("PATCH", column, {"wipLimit": 1})
    scope = desk.ask("GET", f"{desk.ops.path}/scopes")[0]["id"]
    moved = desk.ask("POST", f"{column}/transfer", {"scopeId": scope})
    assert (moved["cardStatus"], moved["wipLimit"], moved["cardCount"]) == ("in_progress", 1, 2)
    after = desk.ask("GET", f"{desk.ops.path}/cards?columnId={moved['id']}")
    fields = ("id", "status", "completedAt")
    assert [[card[name] for name in fields] for card in after] == [
        [card[name] for name in fields] for card in cards
    ]


def test_scope_of_the_same_project_is_refused(desk: Desk):
    column = f"{desk.app.path}/columns/{desk.app.column_ids[0]}"
    (scope,) = desk.ask("GET", f"{desk.app.path}/scopes")
    status = desk.world.status(desk.ann, "POST", f"{column}/transfer", {"scopeId": scope["id"]})
    assert status == 400
    assert desk.ask("GET", f"{desk.app.path}/columns")[0]["id"] == desk.app.column_ids[0]


def test_column_does_not_move_to_a_project_outside_of_the_token(desk: Desk):
    scope = desk.ask("GET", f"{desk.ops.path}/scopes")[0]["id"]
    column = f"{desk.app.path}/columns/{desk.app.column_ids[0]}"
    body = {"name": "CI", "scopes": ["projects:write"], "projectIds": [desk.app.id]}
    token = desk.ask("POST", "/api-tokens", body)["token"]
    answers = [
        desk.world.call(token, "POST", f"{column}/transfer", {"scopeId": id}) for id in (scope, "0" * 24)
    ]
    assert [(answer.status, b"scopeId must be" in answer.body) for answer in answers] == [(400, True)] * 2


@pytest.mark.race
def test_columns_that_cross_wait_for_each_other(desk: Desk, rounds: int):
    scopes = [desk.ask("GET", f"{project.path}/scopes")[0]["id"] for project in (desk.ops, desk.app)]
    for _ in range(rounds):
        paths = []
        for project in (desk.app, desk.ops):
            column = desk.ask("POST", f"{project.path}/columns", {"name": "Moving"})["id"]
            desk.ask("POST", f"{project.path}/columns/{column}/cards", {"title": "Card"})
            paths.append(f"{project.path}/columns/{column}/transfer")
        calls = [
            lambda path=path, scope=scope: desk.world.status(desk.ann, "POST", path, {"scopeId": scope})
            for path, scope in zip(paths, scopes, strict=True)
        ]
        assert at_once(*calls) == [200, 200]
