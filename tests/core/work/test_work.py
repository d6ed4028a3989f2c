"""The work of a person in all workspaces."""

from typing import Any

import pytest

from stellary import AsyncStellary, Stellary
from tests.support.boards import Board, Json, ask, day
from tests.support.plans import explain, sent_statements
from tests.support.world import Person


@pytest.fixture
def board(world) -> Board:
    return Board(world, world.person("ann"))


def read_work(board: Board, by: Person | None = None) -> Json:
    """Return the work of a person; by default, of the owner of a board."""
    return board.world.ask(by or board.owner, "GET", "/me/work")


def titles(work: Json) -> dict[str, Any]:
    """Return the titles of the cards and the waiting items, by section."""
    sections = ("overdue", "today", "thisWeek", "waiting")
    return {name: [item["title"] for item in work[name]] for name in sections if work[name]}


def test_open_cards_are_listed_by_due_date_over_all_projects(board: Board):
    other = Board(board.world, board.owner)
    mine = {"assigneeId": board.owner.id}
    board.card("in six days", dueDate=day(6), **mine)
    other.card("yesterday", dueDate=day(-1), **mine)
    board.card("last year", dueDate=day(-365), **mine)
    other.card("now", dueDate=day(0), **mine)
    board.card("tomorrow", dueDate=day(1), **mine)
    for title, fields in {
        "in a week": {"dueDate": day(7), **mine},
        "done": {"dueDate": day(0), "status": "done", **mine},
        "of nobody": {"dueDate": day(0)},
        "some day": mine,
    }.items():
        board.card(title, **fields)
    ask(board, "PATCH", board.of(board.card("archived", dueDate=day(0), **mine)), {"archived": True})
    work = read_work(board)
    assert titles(work) == {
        "overdue": ["last year", "yesterday"],
        "today": ["now"],
        "thisWeek": ["tomorrow", "in six days"],
    }
    assert work["isComplete"]
    assert work["today"][0] == ask(other, "GET", other.of(work["today"][0]))
    ask(other, "PATCH", other.path, {"archived": True})
    assert titles(read_work(board)) == {"overdue": ["last year"], "thisWeek": ["tomorrow", "in six days"]}


def test_work_has_what_waits_for_a_reviewer_and_for_who_started_a_mission(board: Board):
    world, ann = board.world, board.owner
    writer, reader = world.person("wim"), world.person("rod")
    board.join(writer, reader)
    document = world.ask(writer, "POST", f"{board.flat}/documents", {"title": "Plan"})
    world.ask(writer, "POST", f"{board.flat}/documents/{document['id']}/submit-review")
    context = {"contextType": "project", "contextId": board.project["id"]}
    brief = world.ask(writer, "POST", f"{board.flat}/documents", {"title": "Brief", **context})
    world.ask(writer, "POST", f"{board.flat}/documents/{brief['id']}/submit-review")
    of_ann = world.ask(ann, "POST", f"{board.flat}/documents", {"title": "Own"})
    world.ask(ann, "POST", f"{board.flat}/documents/{of_ann['id']}/submit-review")
    card = board.card("Write")
    action = {
        "actionType": "move_card",
        "explanation": "It is done",
        "payload": {"cardId": card["id"], "targetColumn": "Done"},
    }
    suggested = ask(board, "POST", f"{board.flat}/pilotage/actions/propose", action)
    body = {"name": "Scribe", "autonomyMode": "supervised", "tools": ["board.read", "board.write"]}
    agent = ask(board, "POST", f"{board.flat}/agents", body)
    path = f"{board.flat}/agents/{agent['id']}/missions"
    ask(board, "POST", path, {"cardId": card["id"], "prompt": "Move this card to Done"})
    world.core.work.run_due()
    waiting = read_work(board)["waiting"]
    expected = [("document", document["id"]), ("document", brief["id"]), ("action", suggested["id"])]
    assert [(item["kind"], item["id"]) for item in waiting[:3]] == expected
    assert [item["kind"] for item in waiting[3:]] == ["proposal"]
    assert {item["workspaceId"] for item in waiting} == {board.workspace.id}
    assert read_work(board, reader)["waiting"] == []
    for reviewed in (document, brief):
        path = f"{board.flat}/documents/{reviewed['id']}/review"
        world.ask(ann, "POST", path, {"status": "approved"})
    ask(board, "POST", f"{board.flat}/pilotage/actions/{suggested['id']}/review", {"approved": False})
    assert [item["kind"] for item in read_work(board)["waiting"]] == ["proposal"]
    ask(board, "DELETE", board.flat)
    assert titles(read_work(board)) == {}


def test_work_has_mentions_of_the_caller_only(board: Board, bob):
    board.join(bob)
    card = board.card("Write", assigneeId=bob.id)
    for text in ("Well done.", "@bob, please look."):
        ask(board, "POST", f"{board.of(card)}/comments", {"content": text})
    mentioned = read_work(board, bob)["mentioned"]
    assert [item["activity"]["meta"].get("mentioned") for item in mentioned] == [["bob"]]
    assert read_work(board)["mentioned"] == []


def test_work_of_another_person_is_not_listed(board: Board, bob):
    board.join(bob)
    board.card("his", dueDate=day(0), assigneeId=bob.id)
    assert titles(read_work(board)) == {}
    assert titles(read_work(board, bob)) == {"today": ["his"]}
    ask(board, "DELETE", f"{board.flat}/members/{bob.id}")
    assert titles(read_work(board, bob)) == {}


@pytest.mark.slow("creates 60 cards")
def test_number_of_statements_and_the_rows_read_do_not_grow(board: Board, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("stellary.core.work.work.CARDS_MAX", 10)
    counts = []
    for number in range(60):
        board.card(f"card {number}", dueDate=day(0), assigneeId=board.owner.id)
        if number in (5, 59):
            read_work(board)
            with sent_statements() as statements:
                work = read_work(board)
            counts.append(len(statements))
    assert counts[0] == counts[1] <= 9
    assert (len(work["today"]), work["isComplete"]) == (10, False)
    (due,) = (sent for sent in statements if "due_date <" in sent[0] or "due_date\n<" in sent[0])
    core = board.world.core
    plan = explain(core, due, () if core.database.is_sqlite else ("seqscan", "bitmapscan", "sort"))
    assert "ix_stellary_cards_assigned_due_date" in plan
    assert "TEMP B-TREE" not in plan


def test_sdk_returns_typed_work_in_one_request(board: Board):
    board.card("now", dueDate=day(0), assigneeId=board.owner.id)
    with Stellary.embedded(board.world.core.port(board.owner.actor)) as client:
        work = client.me.work()
        cards = client.cards.list(filter="assignee = me and due <= +7d order by due")
    assert [card.title for card in work.today] == [card.title for card in cards] == ["now"]
    assert work.today[0].due_date is not None


async def test_sdk_iterates_over_the_pages_of_the_lists_of_several_projects(board: Board):
    other = Board(board.world, board.owner, board.workspace)
    for number in range(3):
        board.card(f"here {number}")
        other.card(f"far {number}")
    place = (board.workspace.organization.slug, board.workspace.slug)
    port = board.world.core.port(board.owner.actor)
    client = Stellary.embedded(port)
    for cards in (client.cards, client.workspace(*place).cards):
        assert len({card.id for card in cards.iterate(limit=1)}) == 6
    async_client = AsyncStellary.embedded(port)
    for async_cards in (async_client.cards, async_client.workspace(*place).cards):
        titles = [card.title async for card in async_cards.iterate(limit=1, filter='text = "here"')]
        assert titles == ["here 0", "here 1", "here 2"]
