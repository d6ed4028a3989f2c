"""Records of changes: fields with their values before and after, names as of that time, and the means of the change."""

from datetime import UTC, datetime, timedelta

import orjson
from hypothesis import given
from hypothesis import strategies as st

from stellary.contract.labels import Label
from stellary.contract.wire import Follow
from stellary.core import NOBODY
from stellary.core.notifications.changes import TEXT_MAX, diff_texts, merge_changes, revert_diff, split_lines
from tests.core.agents.agent_api import AgentApi
from tests.core.automations.automation_api import AutomationApi
from tests.core.pilotage.pilotage_api import PilotageApi
from tests.support.boards import Board, ask, status
from tests.support.core_parts import authenticate, stream_events, system_clock
from tests.support.cpu_time import measure_cpu_time
from tests.support.each_case import for_each
from tests.support.forms import FORM, form

FORTNIGHT = timedelta(days=14)


def feed(board, query=""):
    """Return the activities of the project, newest first."""
    return ask(board, "GET", f"{board.path}/activity?{query}")


def changes_of(activity):
    """Return the changes of an activity: field, old and new value, and names."""
    return [
        (change["field"], change["from"], change["to"], change["names"]) for change in activity["changes"]
    ]


def update(board, card, **fields):
    """Update a card, and return the activities of the update."""
    before = len(feed(board))
    ask(board, "PATCH", board.of(card), fields)
    activities = feed(board)
    return activities[: len(activities) - before]


def test_update_records_values_before_and_after(board):
    card = board.card("Write", dueDate="2026-05-01")
    (activity,) = update(board, card, title="Read", dueDate="2026-06-01", priority="high")
    assert changes_of(activity) == [
        ("title", "Write", "Read", {}),
        ("priority", None, "high", {}),
        ("dueDate", "2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z", {}),
    ]
    assert (activity["entity"], activity["entityId"]) == ("card", card["id"])


def test_move_records_columns_with_their_names_at_that_time(board):
    to_do, doing, _ = board.columns
    board.card("First", column=1)
    (activity,) = update(board, board.card(), columnId=doing["id"])
    ask(board, "PATCH", f"{board.path}/columns/{doing['id']}", {"name": "Renamed"})
    names = {column["id"]: column["name"] for column in (to_do, doing)}
    (listed,) = feed(board, "type=card_moved")
    assert listed == activity
    assert changes_of(listed) == [
        ("columnId", to_do["id"], doing["id"], names),
        ("order", 0, 1, {}),
        ("status", "open", "in_progress", {}),
    ]


def test_move_to_the_same_order_in_another_column_shows_no_order(board):
    hook = {"url": "https://example.com/hook", "events": ["card_moved"]}
    hook_id = ask(board, "POST", f"{board.flat}/webhooks", hook)["id"]
    (activity,) = update(board, board.card(), columnId=board.columns[1]["id"])
    assert [change["field"] for change in activity["changes"]] == ["columnId", "status"]
    (delivery,) = ask(board, "GET", f"{board.flat}/webhooks/{hook_id}/deliveries")
    assert orjson.loads(delivery["payload"])["data"]["changes"] == activity["changes"]


def test_deleted_card_records_its_last_values(board, ann):
    label = board.label("bug")
    long_text = "A long text.\n" * 300
    card = board.card(description=long_text, assigneeId=ann.id, labelIds=[label["id"]])
    ask(board, "DELETE", board.of(card))
    (activity,) = feed(board, "type=card_deleted")
    assert [change for change in changes_of(activity) if change[0] != "description"] == [
        ("title", "Write", None, {}),
        ("status", "open", None, {}),
        ("assigneeId", ann.id, None, {ann.id: "ann"}),
        ("labelIds", [label["id"]], None, {label["id"]: "bug"}),
    ]
    (diff,) = [change["diff"] for change in activity["changes"] if change["field"] == "description"]
    assert revert_diff("", diff) == long_text


def test_files_relations_and_project_members_record_their_values(board, ann, world, bob):
    board.join(bob)
    card, other = board.card(), board.card("Other")
    path = f"{board.of(card)}/attachments"
    file = world.ask(ann, "POST", path, form(b"Hello."), content_type=FORM)
    world.ask(ann, "DELETE", f"{path}/{file['id']}")
    body = {"targetCardId": other["id"], "type": "blocks"}
    relation = world.ask(ann, "POST", f"{board.flat_of(card)}/relations", body)
    world.ask(ann, "DELETE", f"{board.flat}/relations/{relation['id']}")
    world.ask(ann, "POST", f"{board.path}/members", {"email": bob.email})
    world.ask(ann, "DELETE", f"{board.path}/members/{bob.id}")
    recorded = {
        activity["type"]: changes_of(activity)
        for activity in feed(board)
        if activity["cardId"] in (card["id"], None)
    }
    assert recorded["attachment_added"] == [
        ("originalName", None, file["originalName"], {}),
        ("mimeType", None, file["mimeType"], {}),
        ("size", None, 6, {}),
    ]
    assert recorded["attachment_removed"][2] == ("size", 6, None, {})
    target = ("targetCardId", None, other["id"], {other["id"]: other["key"]})
    assert recorded["relation_added"] == [("type", None, "blocks", {}), target]
    assert recorded["relation_removed"][0] == ("type", "blocks", None, {})
    assert recorded["member_added"] == [("userId", None, bob.id, {bob.id: "bob"})]
    assert recorded["member_removed"] == [("userId", bob.id, None, {bob.id: "bob"})]


def test_history_of_a_card_is_found_by_its_key_also_after_its_deletion(board):
    card = board.card()
    assert [activity["cardId"] for activity in feed(board, f"cardId={card['key'].lower()}")] == [card["id"]]
    ask(board, "DELETE", board.of(card))
    expected = ["card_deleted", "card_created"]
    assert [activity["type"] for activity in feed(board, f"cardId={card['key']}")] == expected
    for unknown in ("LAU-99", "LAU-9999999999", "NONE-1", "a-b"):
        assert status(board, "GET", f"{board.path}/activity?cardId={unknown}") == 400


def test_labels_and_custom_fields_are_recorded_with_names(board):
    label = board.label("bug")
    field = ask(board, "POST", f"{board.path}/custom-fields", {"name": "Estimate", "type": "number"})
    (activity,) = update(board, board.card(), labelIds=[label["id"]], customFields={field["id"]: 3})
    assert changes_of(activity) == [
        ("labelIds", [], [label["id"]], {label["id"]: "bug"}),
        (f"customFields.{field['id']}", None, 3, {field["id"]: "Estimate"}),
    ]


def test_new_card_records_its_fields(board, ann):
    label = board.label("bug")
    card = board.card("Write", column=1, assigneeId=ann.id, labelIds=[label["id"]])
    (activity,) = feed(board, "type=card_created")
    doing = board.columns[1]
    assert changes_of(activity) == [
        ("title", None, "Write", {}),
        ("columnId", None, doing["id"], {doing["id"]: doing["name"]}),
        ("status", None, card["status"], {}),
        ("assigneeId", None, ann.id, {ann.id: "ann"}),
        ("labelIds", None, [label["id"]], {label["id"]: "bug"}),
    ]


def test_checklist_records_only_changed_items(board):
    path = f"{board.flat_of(card := board.card())}/checklist"
    first, second = (ask(board, "POST", path, {"title": title}) for title in ("One", "Two"))
    ask(board, "PATCH", f"{path}/{second['_id']}", {"done": True})
    ask(board, "PATCH", f"{path}/{second['_id']}", {"order": 0})
    ask(board, "DELETE", f"{path}/{first['_id']}")
    deleted, moved, checked, *_ = (changes_of(activity) for activity in feed(board, f"cardId={card['id']}"))
    done = {"title": "Two", "done": True, "order": 1}
    assert checked == [(f"checklist.{second['_id']}", {**done, "done": False}, done, {})]
    assert moved == [("checklist", [first["_id"], second["_id"]], [second["_id"], first["_id"]], {})]
    assert deleted == [(f"checklist.{first['_id']}", {"title": "One", "done": False, "order": 1}, None, {})]


def test_archiving_and_assigning_record_their_fields(board, ann):
    archived, assigned = update(board, board.card(), assigneeId=ann.id, archived=True)
    if archived["type"] != "card_archived":
        archived, assigned = assigned, archived
    assert changes_of(archived) == [("archived", False, True, {}), ("order", 0, None, {})]
    assert changes_of(assigned) == [("assigneeId", None, ann.id, {ann.id: "ann"})]


def test_long_text_is_recorded_as_a_diff(board):
    lines = [f"Line {number} of a long description" for number in range(100)]
    card = board.card(description="\n".join(lines))
    lines[50] = "Changed"
    (activity,) = update(board, card, description="\n".join(lines))
    (change,) = activity["changes"]
    assert (change["from"], change["to"]) == (None, None)
    assert "-Line 50 of a long description\n+Changed\n" in change["diff"]
    assert len(change["diff"]) < TEXT_MAX


texts = st.text(st.sampled_from("ab\n\r"), max_size=60)


@given(texts, texts, st.sampled_from([0, 150, 500]))
def test_diff_leads_back_to_the_old_text(old, new, count):
    block = "".join(f"{number}\n" for number in range(count))
    old, new = old + block, new + block + old
    assert revert_diff(new, diff_texts(old, new)) == old


BLANK_BETWEEN = "".join(f"{number}\n\n" for number in range(100))
SHORT_LINES = "".join(f"{number % 1000:03}\n" for number in range(100_000))
LONG_CHANGES = {
    "a paragraph in front of short lines": (SHORT_LINES, "A new paragraph.\n" + SHORT_LINES),
    "a change at both ends": (SHORT_LINES, f"First.\n{SHORT_LINES}Last.\n"),
    "no line is kept": (SHORT_LINES, SHORT_LINES.replace("\n", ".\n")),
    "a word of one line": ("x" * 400_000, "x" * 200_000 + "y" + "x" * 200_000),
    "few lines, mostly the same one": ("a\nb\n" * 100, "a\n" * 200),
    "every second line is kept": (BLANK_BETWEEN, BLANK_BETWEEN.replace("\n\n", ".\n\n")),
}


@for_each("change", LONG_CHANGES)
def test_diff_takes_little_time_in_a_transaction(change: str):
    old, new = LONG_CHANGES[change]
    assert measure_cpu_time(lambda: diff_texts(old, new), enough=0.01) < 0.01


def test_diff_of_a_long_text_contains_only_what_has_changed():
    equal, block = "ab\n" * 1_000, "x\n" * 500
    context = " ab\n" * 3
    assert diff_texts(SHORT_LINES, f"First.\n{SHORT_LINES}Last.\n") == ""
    assert diff_texts(equal + equal, equal + "New.\n" + equal) == (
        f"@@ -998,6 +998,7 @@\n{context}+New.\n{context}"
    )
    removed = "-x\n" * 500
    assert diff_texts(equal + block + equal, equal + equal) == (
        f"@@ -998,506 +998,6 @@\n{context}{removed}{context}"
    )


@for_each("text", ["a", "a\n", "\n", "a\nb", "a\n\nb\n", ""])
def test_diff_with_an_empty_text_has_all_lines(text: str):
    lines = len(split_lines(text))
    removed, added = diff_texts(text, ""), diff_texts("", text)
    assert (removed.split("\n")[0], added.split("\n")[0]) == (
        (f"@@ -1,{lines} +0,0 @@", f"@@ -0,0 +1,{lines} @@") if text else ("", "")
    )
    assert (revert_diff("", removed), revert_diff(text, added)) == (text, "")


def test_changes_after_one_without_a_recorded_diff_have_none_either():
    moment = datetime(2026, 4, 1, tzinfo=UTC)
    before, after = (
        Label(id="a", project_id="b", name=name, color="#ffffff", created_at=moment, updated_at=moment)
        for name in ("bug", "defect")
    )
    unknown = [{"field": "name", "diff": ""}]
    assert merge_changes(unknown, before, after) == unknown


def test_diff_of_another_text_cannot_be_reverted():
    assert revert_diff("a\nx\nc\n", diff_texts("a\nb\nc\n", "a\nB\nc\n")) is None


# ---------------------------------------------------------------------------------------------- via


def test_direct_change_after_a_login_has_no_means(board):
    board.card()
    assert [activity["via"] for activity in feed(board)] == [None, None]


def test_change_by_an_api_token_names_the_token(board, ann):
    board.world.ask(board.world.api_token(ann), "PATCH", board.of(board.card()), {"title": "Read"})
    via = feed(board)[0]["via"]
    (listed,) = ask(board, "GET", "/api-tokens")
    assert via["token"] == {"id": listed["id"], "name": listed["name"]}
    assert via["rule"] is via["agent"] is via["import"] is None


def test_change_by_a_rule_names_the_rule(world, ann):
    automation_api = AutomationApi(world, ann)
    rule = automation_api.rule("task_moved", "set_priority", priority="high")
    automation_api.move(automation_api.card(), 1)
    updated = feed(automation_api, "type=card_updated")[0]
    assert updated["via"]["rule"] == {"id": rule["id"], "name": rule["name"]}
    assert feed(automation_api, "type=card_moved")[0]["via"] is None


def test_change_by_a_rule_of_another_project_does_not_name_the_rule(world, ann):
    automation_api = AutomationApi(world, ann)
    other = AutomationApi(world, ann, automation_api.workspace)
    rule = automation_api.rule("task_moved", "set_priority", cardId=other.card()["id"], priority="high")
    automation_api.move(automation_api.card(), 1)
    assert feed(other, "type=card_updated")[0]["via"]["rule"] == {"id": rule["id"], "name": None}


def test_approved_proposal_names_the_agent_its_mission_and_the_approver(world, ann):
    agent_api = AgentApi(world, ann)
    agent = agent_api.agent("supervised")
    mission = agent_api.start(agent, "set priority high")
    (proposal,) = agent_api.proposals(mission)
    bob = world.member("bob", agent_api.workspace)
    assert agent_api.decide(proposal, by=bob).status == 200
    activity = feed(agent_api, "type=card_updated")[0]
    assert (activity["actorId"], activity["actorName"]) == (agent["id"], "Scribe")
    expected = {"id": agent["id"], "name": "Scribe", "mission": mission["id"], "principalId": bob.id}
    assert activity["via"]["agent"] == expected


def test_change_by_an_agent_token_names_agent_and_token(world, ann):
    agent_api = AgentApi(world, ann)
    agent = agent_api.agent()
    card = agent_api.card()
    world.ask(agent_api.token(agent), "PATCH", agent_api.of(card), {"title": "Read"})
    via = feed(agent_api)[0]["via"]
    assert via["agent"]["id"] == agent["id"]
    assert via["agent"]["mission"] is None
    assert via["agent"]["principalId"] == ann.id
    assert via["token"]["name"] == "laptop"


def test_applied_action_names_the_action(world, ann):
    pilotage_api = PilotageApi(world, ann)
    payload = {"cardId": pilotage_api.card()["id"], "priority": "high"}
    body = {"actionType": "set_priority", "payload": payload, "explanation": "Because"}
    action = pilotage_api.ask("POST", "actions/propose", body)
    pilotage_api.ask("POST", f"actions/{action['id']}/review", {"approved": True})
    pilotage_api.ask("POST", f"actions/{action['id']}/apply")
    via = feed(pilotage_api, "type=card_updated")[0]["via"]
    assert via["action"] == {"id": action["id"], "name": "set_priority"}


def test_import_names_the_project_and_counts_its_cards(board):
    board.card()
    update(board, board.card(), archived=True)
    imported = ask(board, "POST", f"{board.flat}/projects/import", ask(board, "GET", f"{board.path}/export"))
    (activity,) = ask(board, "GET", f"{board.flat}/projects/{imported['id']}/activity")
    assert activity["via"]["import"] == {"id": imported["id"], "name": board.project["name"]}
    counts = [(column["name"], column["cards"]) for column in activity["meta"]["columnCards"]]
    assert counts == [(column["name"], int(column == board.columns[0])) for column in board.columns]


# ---------------------------------------------------------------------------------------------- filters


def test_feed_is_filtered_by_kind_and_time(world, board, clock):
    # The project was created before.
    clock.now = system_clock()
    card = board.card()
    clock.advance(FORTNIGHT)
    since = clock.now.isoformat().replace("+00:00", "Z")
    board.comment(card)
    ask(board, "PATCH", board.path, {"name": "Lift-off"})
    expected = ["project_updated", "comment_added"]
    assert [activity["type"] for activity in feed(board, f"since={since}")] == expected
    assert [activity["type"] for activity in feed(board, f"since={since}&entity=comment")] == [
        "comment_added"
    ]
    assert [activity["type"] for activity in feed(board, "entity=card")] == ["card_created"]
    assert status(board, "GET", f"{board.path}/activity?entity=nonsense") == 400


# ---------------------------------------------------------------------------------------------- other items


def test_columns_record_their_values(board):
    column = ask(board, "POST", f"{board.path}/columns", {"name": "Review", "wipLimit": 3})
    path = f"{board.path}/columns/{column['id']}"
    ask(board, "PATCH", path, {"name": "Check"})
    ask(board, "PATCH", path, {"name": "Check"})
    ask(board, "DELETE", path)
    deleted, updated, created = feed(board, "entity=column")
    assert {activity["entityId"] for activity in (deleted, updated, created)} == {column["id"]}
    expected = ["column_created", "column_updated", "column_deleted"]
    assert [activity["type"] for activity in (created, updated, deleted)] == expected
    assert ("wipLimit", None, 3, {}) in changes_of(created)
    assert changes_of(updated)[0] == ("name", "Review", "Check", {})
    assert ("name", "Check", None, {}) in changes_of(deleted)


def test_labels_fields_and_scopes_record_their_values(board):
    label = board.label("bug")
    field = ask(board, "POST", f"{board.path}/custom-fields", {"name": "Size", "type": "text"})
    scope = ask(board, "POST", f"{board.path}/scopes", {"name": "Phase 2", "columns": []})
    for kind, item, change in (
        ("labels", label, {"name": "defect"}),
        ("custom-fields", field, {"name": "Points"}),
        ("scopes", scope, {"name": "Phase 3"}),
        ("scopes", scope, {"order": 0}),
    ):
        ask(board, "PATCH", f"{board.flat}/{kind}/{item['id']}", change)
    ask(board, "PATCH", f"{board.flat}/scopes/{scope['id']}/views", {"activeView": "list"})
    recorded = [
        (activity["type"], *changes_of(activity)[0][:3])
        for activity in reversed(feed(board))
        if activity["type"].endswith("_updated")
    ]
    assert recorded == [
        ("label_updated", "name", "bug", "defect"),
        ("custom_field_updated", "name", "Size", "Points"),
        ("scope_updated", "name", "Phase 2", "Phase 3"),
        ("scope_updated", "order", 1, 0),
        ("scope_updated", "activeView", "kanban", "list"),
    ]


def test_values_that_change_with_their_field_are_recorded(board):
    field = ask(board, "POST", f"{board.path}/custom-fields", {"name": "Size", "type": "number"})
    card = board.card(customFields={field["id"]: 3})
    ask(board, "PATCH", f"{board.flat}/custom-fields/{field['id']}", {"type": "text"})
    (activity,) = feed(board, "type=custom_field_updated")
    assert activity["meta"]["cardCount"] == 1
    assert activity["meta"]["values"] == [{"cardId": card["id"], "from": 3, "to": "3", "version": 2}]


def test_project_records_its_values_and_its_deletion(board):
    ask(board, "PATCH", board.path, {"name": "Lift-off"})
    assert changes_of(feed(board, "type=project_updated")[0]) == [("name", "Launch", "Lift-off", {})]
    hook_id = ask(board, "POST", f"{board.flat}/webhooks", {"url": "https://example.com/hook"})["id"]
    ask(board, "DELETE", board.path)
    (delivery,) = ask(board, "GET", f"{board.flat}/webhooks/{hook_id}/deliveries")
    message = orjson.loads(delivery["payload"])["data"]
    assert (message["type"], message["entityId"]) == ("project_deleted", board.project["id"])
    assert message["item"]["name"] == "Lift-off"
    assert ("name", "Lift-off", None, {}) in changes_of(message)


def test_webhook_messages_contain_the_card_after_the_change(board, ann):
    card = board.card()
    hook_id = ask(board, "POST", f"{board.flat}/webhooks", {"url": "https://example.com/hook"})["id"]
    changed = ask(board, "PATCH", board.of(card), {"title": "Read"})
    ask(board, "DELETE", board.of(card))
    (entry,) = ask(board, "GET", f"{board.flat}/trash")
    ask(board, "POST", f"{board.flat}/trash/{entry['id']}/restore")
    assigned = ask(board, "PATCH", board.of(card), {"assigneeId": ann.id})
    deliveries = ask(board, "GET", f"{board.flat}/webhooks/{hook_id}/deliveries")
    messages = [orjson.loads(delivery["payload"])["data"] for delivery in reversed(deliveries)]
    updated, deleted, restored, assignment = messages
    assert updated["card"] == changed
    assert deleted["card"]["title"] == "Read"
    assert restored["card"] == {**changed, "version": 3, "updatedAt": restored["createdAt"]}
    assert assignment["card"] == assigned
    assert assignment["assignee"] == {"userId": ann.id, "email": ann.email, "name": "ann"}
    assert restored["assignee"] is None


def test_agent_follows_only_the_projects_that_it_reaches(world, ann):
    agent_api = AgentApi(world, ann)
    other = Board(world, ann, agent_api.workspace)
    token = agent_api.token(agent_api.agent(projectIds=[agent_api.project["id"]]))
    with world.core.view(NOBODY) as uow:
        actor = authenticate(uow.connection, token, uow.now)
    with world.core.view(actor) as uow:
        record = stream_events(uow, agent_api.workspace.ref, Follow(last_event_id="0"))
    other.card("Secret")
    agent_api.card("Open")
    frames = record.read(world.core, 0).frames
    assert b"Open" in frames
    assert b"Secret" not in frames
