"""The feed of a project and of its cards: newest first, with names, and only for callers with access."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from stellary.core.notifications.feed import FIRST_ID
from tests.support.boards import Board
from tests.support.core_parts import paging, system_clock
from tests.support.forms import FORM, form
from tests.support.statements import count_statements
from tests.support.tables import activities


@pytest.fixture
def board(world, ann, bob):
    board = Board(world, ann)
    board.join(bob)
    return board


def feed(board, query="", who=None):
    return board.world.ask(who or board.owner, "GET", f"{board.path}/activity?{query}")


def types(board, query=""):
    """Return the types in the feed, oldest first."""
    return [activity["type"] for activity in reversed(feed(board, query))]


def change(field, before, after, names=None, diff=None):
    return {"field": field, "from": before, "to": after, "names": names or {}, "diff": diff}


def list_column_changes(column):
    """Return the changes of a new card without further fields."""
    column_change = change("columnId", None, column["id"], {column["id"]: column["name"]})
    return [column_change, change("status", None, "open")]


def test_activity_names_the_actor_the_change_and_the_card(board, ann, bob):
    card, column = board.card("Write", by=bob), board.columns[0]
    assert feed(board, who=ann)[0] == {
        "id": feed(board)[0]["id"],
        "type": "card_created",
        "actorId": bob.id,
        "actorName": "bob",
        "workspaceId": board.workspace.id,
        "projectId": board.project["id"],
        "cardId": card["id"],
        "entity": "card",
        "entityId": card["id"],
        "changes": [change("title", None, "Write"), *list_column_changes(column)],
        "via": None,
        "meta": {
            "cardKey": card["key"],
            "cardTitle": "Write",
            "toColumn": column["name"],
            "toColumnId": column["id"],
        },
        "createdAt": card["createdAt"],
    }


def test_feed_of_a_card_has_all_its_changes(board, bob):
    card, other = board.card(), board.card("Read")
    place, ask = board.of(card), board.world.ask
    comment = board.comment(card, "first")
    ask(bob, "PATCH", place, {"columnId": board.columns[1]["id"]})
    ask(bob, "PATCH", place, {"assigneeId": bob.id})
    ask(bob, "PATCH", place, {"title": "Rewrite"})
    ask(board.owner, "PATCH", f"{place}/comments/{comment['id']}", {"content": "corrected"})
    ask(board.owner, "DELETE", f"{place}/comments/{comment['id']}")
    file = ask(bob, "POST", f"{place}/attachments", form(b"1"), content_type=FORM)
    ask(bob, "DELETE", f"{place}/attachments/{file['id']}")
    related = {"targetCardId": other["id"], "type": "blocks"}
    relation = ask(bob, "POST", f"{board.flat_of(card)}/relations", related)
    ask(bob, "DELETE", f"{board.flat}/relations/{relation['id']}")
    ask(bob, "PATCH", place, {"archived": True})
    ask(bob, "DELETE", place)
    # What has happened to a card is told after it is gone.
    assert types(board, f"cardId={card['id']}") == [
        "card_created",
        "comment_added",
        "card_moved",
        "card_assigned",
        "card_updated",
        "comment_updated",
        "comment_deleted",
        "attachment_added",
        "attachment_removed",
        "relation_added",
        "relation_removed",
        "card_archived",
        "card_deleted",
    ]
    assert types(board, f"cardId={other['id']}") == ["card_created", "relation_added", "relation_removed"]


def test_feed_of_a_project_has_changes_of_the_project(board, ann, bob):
    board.world.ask(ann, "POST", f"{board.path}/members", {"email": bob.email})
    board.world.ask(bob, "PATCH", board.path, {"name": "Lift-off", "archived": True})
    board.world.ask(ann, "DELETE", f"{board.path}/members/{bob.id}")
    assert [(activity["type"], activity["meta"]) for activity in reversed(feed(board))] == [
        ("project_created", {"project": "Launch"}),
        ("member_added", {"member": "bob", "project": "Launch"}),
        ("project_updated", {"project": "Lift-off", "changed": ["name", "archived"]}),
        ("member_removed", {"member": "bob", "project": "Lift-off"}),
    ]


def test_update_without_changes_is_not_recorded(board, ann):
    card = board.card()
    comment = board.comment(card, "the same")
    before = feed(board)
    board.world.ask(ann, "PATCH", f"{board.of(card)}/comments/{comment['id']}", {"content": "the same"})
    board.world.ask(ann, "PATCH", board.path, {"name": "Launch"})
    board.world.ask(ann, "PATCH", board.of(card), {"title": card["title"]})
    assert feed(board) == before


def test_filters_are_combined(board, ann, bob):
    card = board.card(by=bob)
    board.comment(card, by=ann)
    board.comment(card, by=bob)
    board.comment(board.card("Read"), by=bob)
    of_card = f"cardId={card['id']}"
    assert types(board, f"{of_card}&type=comment_added") == ["comment_added"] * 2
    assert types(board, f"{of_card}&type=comment_added&actorId={bob.id}") == ["comment_added"]
    assert types(board, f"actorId={bob.id}") == ["card_created", "comment_added", "comment_added"]


def test_fifty_are_listed_if_nothing_else_is_asked_for(board):
    board.cards(60)
    assert [activity["meta"]["cardTitle"] for activity in feed(board)] == [
        str(59 - number) for number in range(50)
    ]
    assert len(feed(board, "limit=500")) == 61


def test_other_projects_have_feeds_of_their_own(board, ann):
    other = Board(board.world, ann, board.workspace)
    other.card()
    assert types(other) == ["project_created", "card_created"]
    assert types(board) == ["project_created"]


def test_number_of_statements_does_not_depend_on_the_length_of_the_feed(board):
    counts = []
    for _ in range(2):
        for _ in range(10):
            board.comment(board.card())
        counts.append(count_statements(feed, board, "limit=5"))
    assert counts[0] == counts[1]


def test_pages_look_through_a_bounded_number_of_activities(board, ann, bob, monkeypatch):
    card = board.card(by=ann)
    for _ in range(10):
        board.comment(card, by=bob)
    board.world.ask(bob, "PATCH", board.of(card), {"title": "Read"})
    queries = [
        f"actorId={bob.id}&type=card_updated",
        f"actorId={ann.id}&type=comment_added",
        f"entity=comment&actorId={bob.id}",
        f"cardId={card['id']}&entity=card&since=2020-01-01",
    ]
    whole = [[activity["id"] for activity in feed(board, query)] for query in queries]
    monkeypatch.setattr(paging, "SCAN_MAX", 4)
    walks = [board.walk(f"{board.path}/activity?{query}") for query in queries]
    assert [[activity["id"] for page in pages for activity in page] for pages in walks] == whole
    assert [list(map(len, pages)) for pages in walks[:3]] == [[1, 0, 0], [0], [4, 4, 2]]


def test_walk_of_a_workspace_feed_ends_before_the_time(board, monkeypatch, clock):
    clock.now = system_clock()
    for number in range(10):
        board.world.ask(board.owner, "PATCH", board.flat, {"name": f"Name {number}"})
    clock.advance(timedelta(hours=3))
    since = clock().isoformat().replace("+00:00", "Z")
    board.world.ask(board.owner, "PATCH", board.flat, {"name": "New"})
    monkeypatch.setattr(paging, "SCAN_MAX", 4)
    assert list(map(len, board.walk(f"{board.flat}/activity?since={since}"))) == [1]
    assert len(board.walk(f"{board.flat}/activity?actorId={board.owner.id}")) > 2


@pytest.mark.parametrize("since", ["0001-01-01", "0001-01-01T00:30:00Z", "2020-01-01"])
def test_feed_since_an_early_time_has_all_activities(board, since):
    board.card("Write the spec")
    assert feed(board, f"since={since}") == feed(board)
    assert feed(board) != []


def test_feed_since_a_time_reads_no_earlier_activities(board, clock):
    # The project was created before.
    clock.now = system_clock()
    # Of activities of the same time, any may be the last one in the index.
    for number in (50, 50, 30):
        board.cards(number)
        clock.advance(timedelta(seconds=1))
    clock.advance(timedelta(hours=3))
    since = clock().isoformat().replace("+00:00", "Z")
    board.cards(70)
    assert feed(board, f"since={since}") == feed(board)[:70]
    parameters = {"_container_id": board.project["id"], "_begun_since": clock() - timedelta(hours=1)}
    count = select(func.count()).where(
        activities.c.project_id == board.project["id"], activities.c.id >= FIRST_ID
    )
    with board.world.core.database.reading() as connection:
        # One activity in 64 is an entry of the index.
        assert 70 < connection.execute(count, parameters).scalar_one() <= 70 + 64


@pytest.mark.parametrize("entity", ["card", "comment", "project"])
def test_feed_of_an_entity_has_its_activities(board, entity):
    board.comment(board.card())
    expected = [activity for activity in feed(board) if activity["entity"] == entity]
    assert feed(board, f"entity={entity}") == expected
    assert len(expected) == 1
