"""Actions of the board: the same services by name, with the same checks."""

from __future__ import annotations

import attrs
import pytest

from stellary.contract.cards import UpdateCard
from stellary.contract.errors import ApiError, Forbidden, Invalid, NotFound, PreconditionFailed
from stellary.contract.refs import CardRef
from stellary.core.api import dispatch
from stellary.core.board import cards
from stellary.core.board.actions import ACTIONS
from stellary.core.kernel import actions
from stellary.core.kernel.unit import Actor
from tests.support.boards import Board


@pytest.fixture
def board(world):
    return Board(world, world.person("ann"))


@pytest.fixture
def card(board):
    return board.card("Write the spec", checklist=[{"title": "outline"}, {"title": "draft"}])


def run(board, name, by=None, actor=None, **params):
    actor = actor or (by or board.owner).actor
    with board.world.core.begin(actor) as uow:
        return actions.run(uow, board.workspace.ref, name, params)


def problem(board, name, **params):
    with pytest.raises(ApiError) as error:
        run(board, name, **params)
    return error.value.message


# ------------------------------------------------------------------------------------------------- the table


def test_each_action_says_what_it_stands_for():
    for action in dispatch.ACTIONS.values():
        assert action.summary.endswith(".")
        # What is about missions is one category, and most of it not for agents.
        if action.category != "missions":
            assert action.category.endswith(f".{action.kind}")
            assert action.kind == ("read" if action.policy.agent == "r" else "write")


def test_no_two_actions_share_a_name():
    lent = list(dispatch.ACTIONS.values())
    with pytest.raises(ValueError, match="two actions are called 'list_projects'"):
        actions.build_table(lent, lent)


def test_an_unknown_action_is_told_with_those_that_are_known(board):
    assert problem(board, "delete_card").startswith("action must be one of list_projects, ")


# ------------------------------------------------------------------------------------------------- reading


def test_projects_are_listed(board):
    assert [each.name for each in run(board, "list_projects").items] == ["Launch"]


def test_a_project_is_told_with_what_it_is_made_of(board):
    found = run(board, "get_project_details", projectId="launch")
    assert found.project.id == board.project["id"]
    assert [column.name for column in found.columns] == ["To Do", "In Progress", "Done"]
    assert [member.name for member in found.members] == ["ann"]


def test_cards_are_listed_by_the_name_of_their_column(board, card):
    board.card("Ship", column=2)
    found = run(board, "list_cards", projectId=board.project["key"], column="todo", status="open")
    assert [each.title for each in found.items] == [card["title"]]
    assert len(run(board, "list_cards", projectId="Launch").items) == 2


@pytest.mark.parametrize("said", ["id", "key", "title", "Write teh spec"])
def test_a_card_is_found_by_whatever_it_is_called(board, card, said):
    assert run(board, "get_card_details", cardId=card.get(said, said)).id == card["id"]


def test_a_title_is_looked_for_in_the_project_that_is_named(board, card):
    elsewhere = Board(board.world, board.owner, board.workspace)
    twin = elsewhere.card(card["title"])
    assert problem(board, "get_card_details", cardId=card["title"]).startswith(
        "cardId 'Write the spec' could"
    )
    here = {"projectId": elsewhere.project["id"]}
    assert run(board, "get_card_details", cardId=card["title"], **here).id == twin["id"]
    assert problem(board, "get_card_details", cardId=card["id"], **here).startswith("cardId must be the id")


def test_a_title_that_looks_like_an_id_or_a_key_is_a_title(board):
    for title in ("a" * 24, "GATE-7"):
        assert run(board, "get_card_details", cardId=board.card(title)["id"]).title == title
        assert run(board, "get_card_details", cardId=title).title == title


def test_comments_are_read(board, card):
    board.comment(card, "Well.")
    found = run(board, "get_card_comments", cardId=card["id"], limit=1)
    assert [each.content for each in found.items] == ["Well."]


# ------------------------------------------------------------------------------------------------- writing


def test_a_card_is_made_in_the_first_column_unless_another_is_named(board):
    made = run(board, "create_card", projectId="Launch", title="a")
    assert made.column_id == board.columns[0]["id"]
    made = run(board, "create_card", projectId="Launch", title="b", column="In Progress", priority="high")
    assert (made.column_id, made.priority) == (board.columns[1]["id"], "high")


def test_cards_are_made_in_bulk_each_where_it_says(board):
    asked = [{"title": "a"}, {"title": "b", "column": "in progress"}]
    made = run(board, "create_cards_bulk", projectId="Launch", column="Done", cards=asked)
    assert [each.column_id for each in made] == [board.columns[2]["id"], board.columns[1]["id"]]
    asked[1]["column"] = "nowhere"
    assert problem(board, "create_cards_bulk", projectId="Launch", cards=asked).startswith("cards[1].column ")


def test_no_card_is_made_in_a_project_without_columns(board):
    for column in board.columns:
        board.world.ask(board.owner, "DELETE", f"{board.path}/columns/{column['id']}")
    assert problem(board, "create_card", projectId="Launch", title="a").startswith("column must be")


def test_a_card_is_moved_to_the_column_of_a_name(board, card):
    moved = run(board, "move_card", cardId=card["id"], targetColumn="Done")
    assert (moved.column_id, moved.status) == (board.columns[2]["id"], "done")


def test_a_move_between_two_near_matches_is_not_guessed(board, card):
    for name in ("Review A", "Review B"):
        board.world.ask(board.owner, "POST", f"{board.path}/columns", {"name": name})
    assert "could be 'Review A' (" in problem(board, "move_card", cardId=card["id"], targetColumn="Review")
    assert board.read(card)["columnId"] == card["columnId"]


@pytest.mark.parametrize(
    ("name", "params", "changed"),
    [
        ("update_card", {"title": "new", "dueDate": None}, {"title": "new"}),
        ("set_status", {"status": "done"}, {"status": "done"}),
        ("set_priority", {"priority": "high"}, {"priority": "high"}),
        ("set_priority", {"priority": None}, {"priority": None}),
        ("archive_card", {}, {"archived": True}),
        ("archive_card", {"archived": False}, {"archived": False}),
    ],
)
def test_a_card_is_changed(board, card, name, params, changed):
    run(board, name, cardId=card["id"], **params)
    assert changed.items() <= board.read(card).items()


@pytest.mark.parametrize("said", ["bob", "BOB@example.com"])
def test_a_card_is_given_to_somebody(board, card, said):
    bob = board.world.person("bob")
    board.join(bob)
    assert run(board, "assign_card", cardId=card["id"], assigneeId=said).assignee_id == bob.id
    assert run(board, "assign_card", cardId=card["id"], assigneeId=None).assignee_id is None


def test_card_is_assigned_by_a_first_name(board, card):
    jane, rob, roy = people = board.world.people("jane rob roy")
    board.join(*people)
    for person, name in ((jane, "Jane Doe"), (rob, "Rob Ray"), (roy, "Rob Roy")):
        board.world.ask(person, "PATCH", "/auth/me", {"name": name})
    assert run(board, "assign_card", cardId=card["id"], assigneeId="Jane").assignee_id == jane.id
    message = problem(board, "assign_card", cardId=card["id"], assigneeId="Rob")
    assert f"could be 'Rob Ray' ({rob.id}), 'Rob Roy' ({roy.id})" in message
    message = problem(board, "assign_card", cardId=card["id"], assigneeId="Eve")
    assert message.startswith(
        "assigneeId must be the id of something that is there, or its name; 'Eve' is neither"
    )
    assert f"'Jane Doe' ({jane.id})" in message


def test_a_card_is_given_to_nobody_who_does_not_reach_the_workspace(board, card):
    bob = board.world.person("bob")
    assert problem(board, "assign_card", cardId=card["id"], assigneeId=bob.id).startswith("assigneeId must")


def test_a_label_is_put_on_and_taken_off(board, card):
    label = board.label("urgent")
    assert run(board, "add_label", cardId=card["id"], label="Urgent").label_ids == [label["id"]]
    assert run(board, "remove_label", cardId=card["id"], label=label["id"]).label_ids == []


def test_a_card_is_commented(board, card):
    made = run(board, "add_comment", cardId=card["key"], content="Well.")
    assert (made.content, made.author_id) == ("Well.", board.owner.id)


def notified(board, person):
    found = board.world.ask(person, "GET", "/notifications")
    return [
        each["activity"]["meta"]["message"] for each in found if each["activity"]["type"] == "notice_given"
    ]


@pytest.mark.parametrize(
    ("to", "told"),
    [
        ({}, "ann bob"),
        ({"to": ["assignee"]}, "bob"),
        ({"to": ["creator"]}, "ann"),
        ({"to": ["cid@example.com", "Bob", "bob"]}, "bob cid"),
    ],
)
def test_people_are_told_something_about_a_card(board, to, told):
    people = dict(zip(["bob", "cid"], board.world.people("bob cid"), strict=True))
    board.join(*people.values())
    card = board.card("Ship", assigneeId=people["bob"].id)
    run(board, "notify", cardId=card["id"], message="It is late.", **to)
    found = [name for name, who in {"ann": board.owner, **people}.items() if notified(board, who)]
    assert found == told.split()
    (noted,) = board.world.ask(board.owner, "GET", f"{board.path}/activity?type=notice_given")
    assert noted["meta"] == {"cardKey": card["key"], "cardTitle": "Ship", "message": "It is late."}


def test_nobody_is_told_of_a_card_that_is_nobodys(board):
    run(board, "notify", cardId=board.card()["id"], message="Who?", to=["assignee"])
    assert notified(board, board.owner) == []


def test_nobody_is_told_who_does_not_reach_the_workspace(board, card):
    board.world.person("eve")
    message = problem(board, "notify", cardId=card["id"], message="x", to=["creator", "eve"])
    assert message.startswith(
        "to[1] must be the id of something that is there, or its name; 'eve' is neither"
    )
    assert message.endswith(f"the nearest are 'ann' ({board.owner.id})")
    assert notified(board, board.owner) == []


def test_a_step_is_added_and_checked_off_by_its_title(board, card):
    assert run(board, "add_checklist_item", cardId=card["id"], title="review").order == 2
    assert run(board, "toggle_checklist_item", cardId=card["id"], itemId="Review").done
    assert not run(board, "toggle_checklist_item", cardId=card["id"], itemId="review").done
    assert not run(board, "toggle_checklist_item", cardId=card["id"], itemId="draft", done=False).done


# ------------------------------------------------------------------------------------------------- checks


@pytest.mark.parametrize(
    ("name", "params", "said"),
    [
        ("move_card", {}, "cardId is required; targetColumn is required"),
        ("move_card", {"cardId": "a", "targetColumn": "b", "to": "c"}, "to is not a field of this request"),
        ("set_status", {"cardId": "a", "status": "late"}, "status must be one of open, in_progress, done"),
    ],
)
def test_params_are_read_strictly(board, name, params, said):
    assert problem(board, name, **params) == said


def test_params_have_to_be_an_object(board):
    with board.world.core.begin(board.owner.actor) as uow, pytest.raises(Invalid, match="must be an object"):
        actions.run(uow, board.workspace.ref, "move_card", ["a"])


@pytest.mark.parametrize("name", [each.name for each in ACTIONS if each.name != "list_projects"])
def test_who_does_not_see_the_workspace_is_told_that_it_is_not_there(board, card, name):
    params = {"cardId": card["id"], "projectId": board.project["id"]}
    more = {
        "create_card": {"title": "a"},
        "create_cards_bulk": {"cards": [{"title": "a"}]},
        "move_card": {"targetColumn": "Done"},
        "assign_card": {"assigneeId": None},
        "set_status": {"status": "done"},
        "set_priority": {"priority": None},
        "add_label": {"label": "bug"},
        "remove_label": {"label": "bug"},
        "add_comment": {"content": "a"},
        "add_checklist_item": {"title": "a"},
        "notify": {"message": "a"},
        "toggle_checklist_item": {"itemId": "a"},
    }
    takes = {field.name for field in attrs.fields(dispatch.ACTIONS[name].takes)}
    asked = {key: said for key, said in params.items() if key.replace("Id", "_id") in takes}
    with pytest.raises(NotFound, match="Workspace not found"):
        run(board, name, by=board.world.person("eve"), **asked, **more.get(name, {}))


@pytest.mark.parametrize(
    ("scope", "name", "params"),
    [
        ("projects:read", "add_comment", {"content": "a"}),
        ("projects:write", "get_card_details", {}),
    ],
)
def test_a_token_reaches_no_further_by_an_action(board, card, scope, name, params):
    actor = Actor(board.owner.id, frozenset({scope}), "token")
    with pytest.raises(Forbidden, match="the API token lacks the scope"):
        run(board, name, actor=actor, cardId=card["id"], **params)


def test_what_writes_needs_no_scope_to_read(board, card):
    actor = Actor(board.owner.id, frozenset({"projects:write"}), "token")
    board.label("urgent")
    run(board, "add_label", actor=actor, cardId=card["title"], label="urgent")
    run(board, "toggle_checklist_item", actor=actor, cardId=card["id"], itemId="draft")
    assert board.read(card)["checklistProgress"]["done"] == 1


def test_the_versions_that_the_caller_accepts_say_nothing_about_what_is_done_by_proxy(board, card):
    with board.world.core.begin(board.owner.actor) as uow:
        uow.if_match = frozenset({"7"})
        actions.run(uow, board.workspace.ref, "set_status", {"cardId": card["id"], "status": "done"})
        ref = board.workspace.ref.child(CardRef, board.project["id"], card["id"])
        with pytest.raises(PreconditionFailed):
            cards.update_card(uow, ref, UpdateCard(title="new"))
