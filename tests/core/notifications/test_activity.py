"""Activity: what is recorded, who is notified, and how few statements that takes."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from stellary.contract.comments import CreateComment
from stellary.contract.refs import CardRef
from stellary.core.board import comments
from stellary.core.kernel.unit import NOBODY
from stellary.core.notifications import activity
from stellary.core.notifications.tables import activities, notifications
from tests.support.boards import Board
from tests.support.forms import FORM, form


@pytest.fixture
def ann(world):
    return world.person("ann")


@pytest.fixture
def bob(world):
    return world.person("bob")


@pytest.fixture
def cid(world):
    return world.person("cid")


@pytest.fixture
def board(world, ann, bob, cid):
    """A board with three people who may see it."""
    board = Board(world, ann)
    board.join(bob, cid)
    return board


def told(board, person):
    """Type and meta of all that somebody was told, the oldest first; and forget it."""
    found = board.world.ask(person, "GET", "/notifications?limit=500")
    with board.world.core.begin(NOBODY) as uow:
        uow.connection.execute(notifications.delete().where(notifications.c.user_id == person.id))
    return [(each["activity"]["type"], each["activity"]["meta"]) for each in reversed(found)]


def types(board, person):
    return [type for type, _ in told(board, person)]


def recorded(board):
    """All activities, the oldest first."""
    with board.world.core.view(NOBODY) as uow:
        return uow.connection.execute(select(activities).order_by(activities.c.id)).fetchall()


def change(board, person, card, **fields):
    return board.world.ask(person, "PATCH", board.of(card), fields)


# ------------------------------------------------------------------------------------------------- the nine types


def test_what_happens_to_a_card_is_told_to_its_creator_and_its_assignee(board, ann, bob, cid):
    card = board.card("Write", assigneeId=bob.id)
    about = {"cardKey": card["key"], "cardTitle": "Write"}
    assert told(board, bob) == [("card_created", about)]
    to_do, in_progress, _ = board.columns
    change(board, bob, card, columnId=in_progress["id"])
    statuses = {"fromStatus": "open", "toStatus": "in_progress"}
    moved = about | {"fromColumn": to_do["name"], "toColumn": in_progress["name"], **statuses}
    assert told(board, ann) == [("card_moved", moved)]
    change(board, cid, card, priority="high", dueDate="2026-05-01")
    updated = ("card_updated", about | {"changed": ["priority", "dueDate"]})
    assert (told(board, ann), told(board, bob), told(board, cid)) == ([updated], [updated], [])
    change(board, bob, card, assigneeId=cid.id)
    assigned = ("card_assigned", about | {"assignee": "cid", "formerAssignee": "bob"})
    assert (told(board, ann), told(board, bob), told(board, cid)) == ([assigned], [], [assigned])
    change(board, ann, card, archived=True)
    assert (types(board, cid), types(board, bob)) == (["card_archived"], [])
    board.world.ask(cid, "DELETE", board.of(card))
    assert told(board, ann) == [("card_deleted", about)]


def test_a_comment_is_told_to_those_who_had_commented_before(board, ann, bob, cid):
    card = board.card()
    board.comment(card, "first", by=bob)
    comment = board.comment(card, "second", by=cid)
    about = {"cardKey": card["key"], "cardTitle": card["title"], "commentId": comment["id"]}
    assert told(board, ann)[1:] == [("comment_added", about)]
    assert told(board, bob) == [("comment_added", about)]
    assert told(board, cid) == []
    change(board, ann, card, title="Read")
    assert (types(board, bob), types(board, cid)) == (["card_updated"], ["card_updated"])
    board.world.ask(ann, "DELETE", board.of(card))
    assert (types(board, bob), types(board, cid)) == (["card_deleted"], ["card_deleted"])


def test_a_mention_is_told_once_to_whom_it_means(board, ann, bob, cid):
    card = board.card(assigneeId=bob.id)
    told(board, bob)
    board.comment(card, "@bob and @cid, and @cid again; @nobody")
    assert types(board, bob) == ["comment_added"]
    assert types(board, cid) == ["comment_added"]
    board.comment(card, "@ann", by=ann)
    assert types(board, ann) == []


def test_unique_first_name_mentions_a_person(board, ann, bob, cid):
    for person, name in ((ann, "Ann Lee"), (bob, "Rob Ray"), (cid, "Rob Roy")):
        board.world.ask(person, "PATCH", "/auth/me", {"name": name})
    card = board.card(by=cid)
    board.comment(card, "@Rob: @Ann is asked.", by=bob)
    mentioned = [meta.get("mentioned") for _, meta in told(board, ann)]
    assert mentioned == [["Ann Lee"]]
    # Between two people nothing is guessed.
    board.comment(card, "@rob?", by=ann)
    assert all("mentioned" not in meta for _, meta in told(board, bob))


def test_a_corrected_comment_tells_those_whom_it_mentions_newly_and_nobody_else(board, ann, bob, cid):
    card = board.card(assigneeId=bob.id)
    comment = board.comment(card, "@bob", by=ann)
    told(board, bob)
    path = f"{board.of(card)}/comments/{comment['id']}"
    board.world.ask(ann, "PATCH", path, {"content": "@bob @cid"})
    about = {"cardKey": card["key"], "cardTitle": card["title"], "commentId": comment["id"]}
    assert told(board, cid) == [("comment_updated", about | {"mentioned": ["cid"]})]
    assert told(board, bob) == []
    board.world.ask(ann, "PATCH", path, {"content": "@cid and @bob"})
    assert (types(board, bob), types(board, cid)) == ([], [])


def test_who_is_mentioned_in_a_description_is_told_once(board, ann, bob, cid):
    card = board.card(description="@bob knows")
    about = {"cardKey": card["key"], "cardTitle": card["title"]}
    assert told(board, bob) == [("card_created", about | {"mentioned": ["bob"]})]
    change(board, ann, card, description="@bob knows, @cid too")
    change(board, ann, card, title="Read", description="@bob knows, @cid too")
    updated = about | {"changed": ["description"], "mentioned": ["cid"]}
    assert (told(board, bob), told(board, cid)) == ([], [("card_updated", updated)])


def test_files_and_relations_are_told_to_whom_the_card_concerns(board, ann, bob, cid):
    card, other = board.card("Write", assigneeId=bob.id), board.card("Read", by=cid)
    told(board, bob)
    file = board.world.ask(ann, "POST", f"{board.of(card)}/attachments", form(b"1"), content_type=FORM)
    board.world.ask(ann, "DELETE", f"{board.of(card)}/attachments/{file['id']}")
    related = {"targetCardId": other["id"], "type": "blocks"}
    relation = board.world.ask(ann, "POST", f"{board.flat_of(card)}/relations", related)
    board.world.ask(ann, "DELETE", f"{board.flat}/relations/{relation['id']}")
    assert types(board, bob) == [
        "attachment_added",
        "attachment_removed",
        "relation_added",
        "relation_removed",
    ]
    assert [(type, meta["relation"], meta["otherCardKey"]) for type, meta in told(board, cid)] == [
        ("relation_added", "blocked_by", card["key"]),
        ("relation_removed", "blocked_by", card["key"]),
    ]


def test_a_mention_reaches_nobody_who_does_not_see_the_board(board):
    dan, eve = board.world.people("dan eve")
    board.world.join_organization(dan, board.workspace.organization)
    board.world.join_organization(eve, board.workspace.organization, "admin")
    board.comment(board.card(), "@dan @eve")
    assert types(board, dan) == []
    assert types(board, eve) == ["comment_added"]


def test_who_joins_a_project_is_told_and_so_are_its_members(board, ann, bob, cid):
    for person in (bob, cid):
        board.world.ask(ann, "POST", f"{board.path}/members", {"email": person.email})
    added = [("member_added", {"member": name, "project": "Launch"}) for name in ("bob", "cid")]
    assert told(board, bob) == added
    assert told(board, cid) == added[1:]
    assert told(board, ann) == []
    board.world.ask(ann, "DELETE", f"{board.path}/members/{cid.id}")
    removed = ("member_removed", {"member": "cid", "project": "Launch"})
    assert (told(board, bob), told(board, cid)) == ([removed], [removed])


def test_somebody_who_is_assigned_by_nobody_else_is_told_nothing(board, ann):
    card = board.card(assigneeId=ann.id)
    change(board, ann, card, assigneeId=None)
    change(board, ann, card, assigneeId=ann.id)
    assert told(board, ann) == []
    assert recorded(board)[-1].meta["assignee"] == "ann"


# ------------------------------------------------------------------------------------------------- what is recorded


def test_an_activity_is_recorded_though_it_concerns_nobody_else(board, ann):
    card = board.card()
    (found,) = [each for each in recorded(board) if each.card_id]
    assert (found.type, found.actor_id, found.workspace_id) == ("card_created", ann.id, board.workspace.id)
    assert (found.project_id, found.card_id) == (board.project["id"], card["id"])


def test_a_steps_completion_is_an_update_of_its_card(board):
    card = board.card(checklist=[{"title": "a"}])
    path = f"{board.flat_of(card)}/checklist/{card['checklist'][0]['_id']}"
    board.world.ask(board.owner, "PATCH", path, {"done": True})
    assert [each.meta.get("changed") for each in recorded(board)][-1] == ["checklist"]


def test_what_was_undone_is_not_recorded(board, bob):
    card = board.card(assigneeId=bob.id)
    before = recorded(board)
    ref = board.workspace.ref.child(CardRef, board.project["id"], card["id"])
    core = board.world.core
    with core.database.writing() as connection:
        with core.begin(board.owner.actor, connection) as uow:
            comments.create_comment(uow, ref, CreateComment(content="@bob"))
        found = connection.execute(select(func.count()).select_from(activities)).scalar()
        assert found == len(before) + 1
        connection.rollback()
    assert recorded(board) == before
    assert types(board, bob) == ["card_created"]


def test_nothing_secret_is_told(board, bob):
    card = board.card("Write", description="s3cret", assigneeId=bob.id)
    board.comment(card, "s3cret")
    change(board, board.owner, card, description="s3cret too")
    assert len(told(board, bob)) == 3
    assert "s3cret" not in repr(recorded(board))


# ------------------------------------------------------------------------------------------------- who has left


def test_who_has_left_the_workspace_is_told_nothing_any_more(board, ann, bob):
    card = board.card(assigneeId=bob.id)
    board.comment(card, by=bob)
    board.world.ask(ann, "DELETE", f"{board.flat}/members/{bob.id}")
    board.comment(card, "@bob")
    change(board, ann, card, title="Read")
    assert told(board, bob) == []
    with board.world.core.view(NOBODY) as uow:
        kept = select(func.count()).select_from(notifications).where(notifications.c.user_id == bob.id)
        assert uow.connection.execute(kept).scalar() == 0


def test_what_is_told_of_another_workspace_stays_when_somebody_leaves_one(board, ann, bob):
    other = Board(board.world, ann)
    other.join(bob)
    for place in (board, other):
        place.card(place.workspace.slug, assigneeId=bob.id)
    board.world.ask(ann, "DELETE", f"{board.flat}/members/{bob.id}")
    assert [meta["cardTitle"] for _, meta in told(board, bob)] == [other.workspace.slug]


# ------------------------------------------------------------------------------------------------- how few statements


def inserts(sent, table):
    return sum(statement.startswith(f"INSERT INTO {table.name}") for statement in sent)


def test_many_cards_at_once_are_recorded_in_as_many_statements_as_one(board, bob, statements):
    counts = []
    for number in (1, 30):
        card = {"title": "a", "columnId": board.columns[0]["id"], "assigneeId": bob.id}
        with statements() as sent:
            board.world.ask(board.owner, "POST", f"{board.path}/cards/bulk", {"cards": [card] * number})
        assert inserts(sent, activities) == inserts(sent, notifications) == 1
        counts.append(len(sent))
    assert counts[0] == counts[1]
    assert types(board, bob) == ["card_created"] * 31


def test_a_move_that_concerns_nobody_else_asks_for_nobody(board, bob, statements):
    alone, shared = board.card(), board.card(assigneeId=bob.id)
    sent = {}
    for name, card in (("alone", alone), ("shared", shared)):
        with statements() as sent[name]:
            change(board, board.owner, card, columnId=board.columns[1]["id"])
    assert len(sent["shared"]) == len(sent["alone"]) + 2
    assert inserts(sent["alone"], notifications) == 0


def test_more_people_and_cards_than_a_statement_takes_are_looked_up_in_several(board, bob, cid, monkeypatch):
    monkeypatch.setattr(activity, "IDS_MAX", 1)
    cards = [board.card(str(number), by=bob) for number in range(3)]
    for card in cards:
        board.comment(card, by=cid)
    told(board, bob)
    first, second, *_ = board.columns
    board.world.ask(board.owner, "DELETE", f"{board.path}/columns/{first['id']}?moveCardsTo={second['id']}")
    assert types(board, bob) == types(board, cid) == ["card_moved"] * 3
