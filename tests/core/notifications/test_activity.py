"""Activity: recorded changes, notified people, and the number of statements."""

import pytest
from sqlalchemy import func, select

from stellary.contract.comments import CreateComment
from stellary.contract.refs import CardRef
from stellary.core import NOBODY
from stellary.core.notifications import activity
from tests.support.boards import Board, ask
from tests.support.core_parts import comments
from tests.support.forms import FORM, form
from tests.support.tables import activities, notifications


@pytest.fixture
def cid(world):
    return world.person("cid")


@pytest.fixture
def board(world, ann, bob, cid):
    """Return a board with three members."""
    board = Board(world, ann)
    board.join(bob, cid)
    return board


def pop_notifications(board, person):
    """Return and delete the notifications of a person, oldest first, as pairs of type and meta."""
    items = board.world.ask(person, "GET", "/notifications?limit=500")
    with board.world.core.begin(NOBODY) as uow:
        uow.connection.execute(notifications.delete().where(notifications.c.user_id == person.id))
    return [
        (notification["activity"]["type"], notification["activity"]["meta"])
        for notification in reversed(items)
    ]


def pop_types(board, person):
    return [type for type, _ in pop_notifications(board, person)]


def load_activities(board):
    """Return all activities, oldest first."""
    with board.world.core.view(NOBODY) as uow:
        return uow.connection.execute(select(activities).order_by(activities.c.id)).fetchall()


def entering(column):
    return {"toColumn": column["name"], "toColumnId": column["id"]}


def change(board, person, card, **fields):
    return board.world.ask(person, "PATCH", board.of(card), fields)


# ------------------------------------------------------------------------------------------------- the nine types


def test_changes_of_a_card_notify_its_creator_and_assignee(board, ann, bob, cid):
    card = board.card("Write", assigneeId=bob.id)
    about = {"cardKey": card["key"], "cardTitle": "Write"}
    to_do, in_progress, _ = board.columns
    assert pop_notifications(board, bob) == [("card_created", about | entering(to_do))]
    change(board, bob, card, columnId=in_progress["id"])
    moved = about | {
        "fromColumn": to_do["name"],
        "fromColumnId": to_do["id"],
        **entering(in_progress),
        "toOrder": 0,
        "fromStatus": "open",
        "toStatus": "in_progress",
    }
    assert pop_notifications(board, ann) == [("card_moved", moved)]
    change(board, cid, card, priority="high", dueDate="2026-05-01")
    updated = ("card_updated", about | {"changed": ["priority", "dueDate"]})
    assert pop_notifications(board, ann) == [updated]
    assert pop_notifications(board, bob) == [updated]
    assert pop_notifications(board, cid) == []
    change(board, bob, card, assigneeId=cid.id)
    assigned = ("card_assigned", about | {"assignee": "cid", "formerAssignee": "bob"})
    assert pop_notifications(board, ann) == [assigned]
    assert pop_notifications(board, bob) == []
    assert pop_notifications(board, cid) == [assigned]
    change(board, ann, card, archived=True)
    assert (pop_types(board, cid), pop_types(board, bob)) == (["card_archived"], [])
    board.world.ask(cid, "DELETE", board.of(card))
    column = {"fromColumnId": in_progress["id"], "archived": True}
    assert pop_notifications(board, ann) == [("card_deleted", about | column)]


def test_comment_notifies_earlier_commenters(board, ann, bob, cid):
    card = board.card()
    board.comment(card, "first", by=bob)
    comment = board.comment(card, "second", by=cid)
    about = {"cardKey": card["key"], "cardTitle": card["title"], "commentId": comment["id"]}
    assert pop_notifications(board, ann)[1:] == [("comment_added", about)]
    assert pop_notifications(board, bob) == [("comment_added", about)]
    assert pop_notifications(board, cid) == []
    change(board, ann, card, title="Read")
    assert (pop_types(board, bob), pop_types(board, cid)) == (["card_updated"], ["card_updated"])
    ask(board, "DELETE", board.of(card))
    assert (pop_types(board, bob), pop_types(board, cid)) == (["card_deleted"], ["card_deleted"])


def test_mention_notifies_the_mentioned_person_once(board, ann, bob, cid):
    card = board.card(assigneeId=bob.id)
    pop_notifications(board, bob)
    board.comment(card, "@bob and @cid, and @cid again; @nobody")
    assert pop_types(board, bob) == ["comment_added"]
    assert pop_types(board, cid) == ["comment_added"]
    board.comment(card, "@ann", by=ann)
    assert pop_types(board, ann) == []


def test_new_member_of_an_organization_or_a_workspace_is_notified(board, ann, bob):
    dan = board.world.person("dan")
    organization = board.workspace.organization
    ask(board, "POST", f"{organization.path}/members", {"email": dan.email, "role": "member"})
    added = {"id": organization.id, "name": organization.slug, "userId": dan.id, "role": "member"}
    assert pop_notifications(board, dan) == [("organization_member_added", added)]
    # Whoever accepts an invitation knows about it.
    invite = f"{board.workspace.path}/members/invite"
    token = ask(board, "POST", invite, {"email": dan.email, "role": "admin"})["token"]
    board.world.ask(dan, "POST", f"/invitations/{token}/accept")
    assert pop_types(board, dan) == []
    # The workspaces of a member who leaves get the owner of the organization as a member.
    eve = board.world.person("eve")
    board.world.join_organization(eve, organization)
    board.world.workspace(eve, organization, "hers")
    ask(board, "DELETE", f"{organization.path}/members/{eve.id}")
    assert pop_types(board, ann) == []
    board.world.join_organization(eve, organization, "admin")
    board.world.workspace(dan, organization, "his")
    board.world.ask(eve, "DELETE", f"{organization.path}/members/{dan.id}")
    assert pop_types(board, ann) == ["workspace_member_added"]


def test_unique_first_name_mentions_a_person(board, ann, bob, cid):
    for person, name in ((ann, "Ann Lee"), (bob, "Rob Ray"), (cid, "Rob Roy")):
        board.world.ask(person, "PATCH", "/auth/me", {"name": name})
    card = board.card(by=cid)
    board.comment(card, "@Rob: @Ann is asked.", by=bob)
    assert [meta.get("mentioned") for _, meta in pop_notifications(board, ann)] == [["Ann Lee"]]
    board.comment(card, "@Lee?", by=bob)
    assert all("mentioned" not in meta for _, meta in pop_notifications(board, ann))
    # Between two people nothing is guessed.
    board.comment(card, "@rob?", by=ann)
    assert all("mentioned" not in meta for _, meta in pop_notifications(board, bob))


def test_edited_comment_notifies_only_newly_mentioned_people(board, ann, bob, cid):
    card = board.card(assigneeId=bob.id)
    comment = board.comment(card, "@bob", by=ann)
    pop_notifications(board, bob)
    path = f"{board.of(card)}/comments/{comment['id']}"
    ask(board, "PATCH", path, {"content": "@bob @cid"})
    about = {"cardKey": card["key"], "cardTitle": card["title"], "commentId": comment["id"]}
    assert pop_notifications(board, cid) == [("comment_updated", about | {"mentioned": ["cid"]})]
    assert pop_notifications(board, bob) == []
    ask(board, "PATCH", path, {"content": "@cid and @bob"})
    assert (pop_types(board, bob), pop_types(board, cid)) == ([], [])


def test_mention_in_a_description_notifies_once_and_then_of_changes(board, ann, bob, cid):
    card = board.card(description="@bob knows")
    about = {"cardKey": card["key"], "cardTitle": card["title"]}
    assert pop_notifications(board, bob) == [
        ("card_created", about | entering(board.columns[0]) | {"mentioned": ["bob"]})
    ]
    change(board, ann, card, description="@bob knows, @cid too")
    expected = [("card_updated", about | {"changed": ["description"], "mentioned": ["cid"]})]
    assert (pop_notifications(board, bob), pop_notifications(board, cid)) == (expected, expected)
    change(board, ann, card, title="Read", description="@bob knows, @cid too")
    renamed = [("card_updated", about | {"cardTitle": "Read", "changed": ["title"]})]
    assert (pop_notifications(board, bob), pop_notifications(board, cid)) == (renamed, renamed)


def test_files_and_relations_notify_recipients_of_the_card(board, bob, cid):
    card, other = board.card("Write", assigneeId=bob.id), board.card("Read", by=cid)
    pop_notifications(board, bob)
    file = ask(board, "POST", f"{board.of(card)}/attachments", form(b"1"), content_type=FORM)
    ask(board, "DELETE", f"{board.of(card)}/attachments/{file['id']}")
    related = {"targetCardId": other["id"], "type": "blocks"}
    relation = ask(board, "POST", f"{board.flat_of(card)}/relations", related)
    ask(board, "DELETE", f"{board.flat}/relations/{relation['id']}")
    expected = ["attachment_added", "attachment_removed", "relation_added", "relation_removed"]
    assert pop_types(board, bob) == expected
    assert [
        (type, meta["relation"], meta["otherCardKey"]) for type, meta in pop_notifications(board, cid)
    ] == [
        ("relation_added", "blocked_by", card["key"]),
        ("relation_removed", "blocked_by", card["key"]),
    ]


def test_mention_does_not_notify_people_without_access(board):
    dan, eve = board.world.people("dan eve")
    board.world.join_organization(dan, board.workspace.organization)
    board.world.join_organization(eve, board.workspace.organization, "admin")
    board.comment(board.card(), "@dan @eve")
    assert pop_types(board, dan) == []
    assert pop_types(board, eve) == ["comment_added"]


def test_joining_a_project_notifies_its_members(board, ann, bob, cid):
    for person in (bob, cid):
        ask(board, "POST", f"{board.path}/members", {"email": person.email})
    added = [("member_added", {"member": name, "project": "Launch"}) for name in ("bob", "cid")]
    assert pop_notifications(board, bob) == added
    assert pop_notifications(board, cid) == added[1:]
    assert pop_notifications(board, ann) == []
    ask(board, "DELETE", f"{board.path}/members/{cid.id}")
    removed = ("member_removed", {"member": "cid", "project": "Launch"})
    assert (pop_notifications(board, bob), pop_notifications(board, cid)) == ([removed], [removed])


def test_own_assignment_notifies_no_one(board, ann):
    card = board.card(assigneeId=ann.id)
    change(board, ann, card, assigneeId=None)
    change(board, ann, card, assigneeId=ann.id)
    assert pop_notifications(board, ann) == []
    assert load_activities(board)[-1].meta["assignee"] == "ann"


# ------------------------------------------------------------------------------------------------- what is recorded


def test_activity_without_recipients_is_recorded(board, ann):
    card = board.card()
    (activity,) = [activity for activity in load_activities(board) if activity.card_id]
    assert activity.type == "card_created"
    assert activity.actor_id == ann.id
    assert activity.workspace_id == board.workspace.id
    assert (activity.project_id, activity.card_id) == (board.project["id"], card["id"])


def test_a_steps_completion_is_an_update_of_its_card(board):
    card = board.card(checklist=[{"title": "a"}])
    ask(board, "PATCH", f"{board.flat_of(card)}/checklist/{card['checklist'][0]['_id']}", {"done": True})
    assert [activity.meta.get("changed") for activity in load_activities(board)][-1] == ["checklist"]


def test_rolled_back_change_is_not_recorded(board, bob, core):
    card = board.card(assigneeId=bob.id)
    before = load_activities(board)
    ref = board.workspace.ref.child(CardRef, board.project["id"], card["id"])
    with core.database.writing() as connection:
        with core.begin(board.owner.actor, connection) as uow:
            comments.create_comment(uow, ref, CreateComment(content="@bob"))
        assert connection.execute(select(func.count()).select_from(activities)).scalar() == len(before) + 1
        connection.rollback()
    assert load_activities(board) == before
    assert pop_types(board, bob) == ["card_created"]


def test_activity_contains_no_text_of_comments(board, bob):
    card = board.card("Write", assigneeId=bob.id)
    comment = board.comment(card, "s3cret")
    ask(board, "PATCH", f"{board.of(card)}/comments/{comment['id']}", {"content": "s3cret too"})
    assert len(pop_notifications(board, bob)) == 2
    assert "s3cret" not in repr(load_activities(board))


# ------------------------------------------------------------------------------------------------- who has left


def test_former_member_is_not_notified(board, ann, bob):
    card = board.card(assigneeId=bob.id)
    board.comment(card, by=bob)
    ask(board, "DELETE", f"{board.flat}/members/{bob.id}")
    board.comment(card, "@bob")
    change(board, ann, card, title="Read")
    assert pop_notifications(board, bob) == []
    with board.world.core.view(NOBODY) as uow:
        notification_count = (
            select(func.count()).select_from(notifications).where(notifications.c.user_id == bob.id)
        )
        assert uow.connection.execute(notification_count).scalar() == 0


def test_leaving_a_workspace_keeps_notifications_of_others(board, ann, bob):
    other = Board(board.world, ann)
    other.join(bob)
    for place in (board, other):
        place.card(place.workspace.slug, assigneeId=bob.id)
    ask(board, "DELETE", f"{board.flat}/members/{bob.id}")
    assert [meta["cardTitle"] for _, meta in pop_notifications(board, bob)] == [other.workspace.slug]


# ------------------------------------------------------------------------------------------------- how few statements


def count_inserts(sent_statements, table):
    return sum(statement.startswith(f"INSERT INTO {table.name}") for statement in sent_statements)


def test_many_cards_take_as_many_statements_as_one(board, bob, statements):
    counts = []
    for number in (1, 30):
        with statements() as sent_statements:
            board.cards(number, assigneeId=bob.id)
        assert (
            count_inserts(sent_statements, activities) == count_inserts(sent_statements, notifications) == 1
        )
        counts.append(len(sent_statements))
    assert counts[0] == counts[1]
    assert pop_types(board, bob) == ["card_created"] * 31


def test_recipients_of_a_move_take_no_query(board, bob, statements):
    alone, shared = board.card(), board.card(assigneeId=bob.id)
    statements_by_move = {}
    for name, card in (("alone", alone), ("shared", shared)):
        with statements() as statements_by_move[name]:
            change(board, board.owner, card, columnId=board.columns[1]["id"])
    assert len(statements_by_move["shared"]) == len(statements_by_move["alone"]) + 1
    counts = [count_inserts(sent, notifications) for sent in statements_by_move.values()]
    assert counts == [0, 1]


def test_more_people_and_cards_than_a_statement_takes_are_looked_up_in_several(board, bob, cid, monkeypatch):
    monkeypatch.setattr(activity, "IDS_MAX", 1)
    for card in [board.card(str(number), by=bob) for number in range(3)]:
        board.comment(card, by=cid)
    pop_notifications(board, bob)
    first, second, *_ = board.columns
    ask(board, "DELETE", f"{board.path}/columns/{first['id']}?moveCardsTo={second['id']}")
    assert pop_types(board, bob) == pop_types(board, cid) == ["card_moved"] * 3
