"""Actions of the board: the same services by name, with the same checks."""

import attrs
import pytest

from stellary.contract.cards import UpdateCard
from stellary.contract.errors import ApiError, Forbidden, Invalid, PreconditionFailed
from stellary.contract.refs import CardRef
from stellary.core import Actor
from tests.support.boards import Board, ask
from tests.support.core_parts import actions, cards, dispatch


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


def test_each_action_has_a_summary():
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


def test_error_for_an_unknown_action_lists_the_known_ones(board):
    assert problem(board, "delete_card").startswith("action must be one of list_projects, ")


# ------------------------------------------------------------------------------------------------- reading


def test_projects_are_listed(board):
    assert [project.name for project in run(board, "list_projects").items] == ["Launch"]


def test_project_details_have_columns_and_members(board):
    details = run(board, "get_project_details", projectId="launch")
    assert details.project.id == board.project["id"]
    assert [column.name for column in details.columns] == ["To Do", "In Progress", "Done"]
    assert [member.name for member in details.members] == ["ann"]


def test_cards_are_listed_by_the_name_of_their_column(board, card):
    board.card("Ship", column=2)
    cards = run(board, "list_cards", projectId=board.project["key"], column="to do", status="open")
    assert [card.title for card in cards.items] == [card["title"]]
    assert len(run(board, "list_cards", projectId="Launch").items) == 2


def test_cards_are_listed_by_a_filter_in_words(board, card):
    board.card("Ship", assigneeId=board.owner.id, priority="high")
    for text in (
        "assignee = ann",
        "assignee = me",
        "assignee = any and priority in (high, low) order by due",
    ):
        assert [card.title for card in run(board, "list_cards", projectId="Launch", filter=text).items] == [
            "Ship"
        ]
    assert "Bog" in problem(board, "list_cards", projectId="Launch", filter="label = Bog")


@pytest.mark.parametrize("name", ["id", "key", "title", " write  THE spec"])
def test_card_is_found_by_id_key_and_title(board, card, name):
    assert run(board, "get_card_details", cardId=card.get(name, name)).id == card["id"]


def test_title_is_searched_in_the_given_project(board, card):
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
    comments = run(board, "get_card_comments", cardId=card["id"], limit=1)
    assert [comment.content for comment in comments.items] == ["Well."]


# ------------------------------------------------------------------------------------------------- writing


def test_card_is_created_in_the_first_column_by_default(board):
    card = run(board, "create_card", projectId="Launch", title="a")
    assert card.column_id == board.columns[0]["id"]
    card = run(board, "create_card", projectId="Launch", title="b", column="In Progress", priority="high")
    assert (card.column_id, card.priority) == (board.columns[1]["id"], "high")


def test_bulk_creates_each_card_in_its_column(board):
    new_cards = [{"title": "a"}, {"title": "b", "column": "in progress"}]
    created = run(board, "create_cards_bulk", projectId="Launch", column="Done", cards=new_cards)
    assert [card.column_id for card in created] == [board.columns[2]["id"], board.columns[1]["id"]]
    new_cards[1]["column"] = "nowhere"
    assert problem(board, "create_cards_bulk", projectId="Launch", cards=new_cards).startswith(
        "cards[1].column "
    )


def test_no_card_is_made_in_a_project_without_columns(board):
    for column in board.columns:
        ask(board, "DELETE", f"{board.path}/columns/{column['id']}")
    assert problem(board, "create_card", projectId="Launch", title="a").startswith("column must be")


def test_a_card_is_moved_to_the_column_of_a_name(board, card):
    moved = run(board, "move_card", cardId=card["id"], targetColumn="Done")
    assert (moved.column_id, moved.status) == (board.columns[2]["id"], "done")


def test_a_card_is_not_moved_to_a_column_of_a_similar_name(board, card):
    for name in ("Doen", "Undone", "Done.", "Don", "D one"):
        message = problem(board, "move_card", cardId=card["id"], targetColumn=name)
        assert f"{name!r} is neither; the most similar names are 'Done' in 'Main' (" in message
    assert board.read(card)["columnId"] == card["columnId"]


def test_a_column_name_does_not_lead_a_card_into_another_scope(board, card):
    scope = ask(board, "POST", f"{board.path}/scopes", {"name": "Sprint 2"})
    columns = ask(board, "GET", f"{board.path}/columns?scopeId={scope['id']}")
    later = {column["name"]: column["id"] for column in columns}
    ask(board, "PATCH", f"{board.path}/columns/{later['To Do']}", {"name": "Released"})
    ask(board, "DELETE", f"{board.path}/columns/{board.columns[2]['id']}")
    for name, id in (("Done", later["Done"]), ("released", later["To Do"])):
        message = problem(board, "move_card", cardId=card["id"], targetColumn=name)
        assert message.endswith(f"in 'Sprint 2' ({id}): give an id")
    assert board.read(card)["columnId"] == card["columnId"]
    created = run(board, "create_card", projectId="Launch", title="a", column="Released")
    assert created.column_id == later["To Do"]
    assert run(board, "move_card", cardId=card["id"], targetColumn=later["Done"]).column_id == later["Done"]
    assert run(board, "create_card", projectId="Launch", title="b").column_id == board.columns[0]["id"]
    message = problem(board, "create_card", projectId="Launch", title="c", column="In Progress")
    assert message.startswith("column 'In Progress' could be 'In Progress' in 'Main' (")
    assert "'In Progress' in 'Sprint 2' (" in message


def test_accents_of_titles_may_differ_and_letters_may_not(board):
    for title in ("Übergröße", "Café", "Ρόδος", "Мой", "Sprint ²"):
        card = board.card(title)
        for text in {
            "Übergröße": ("ubergrosse", "  ÜBERGRÖSSE ", "U\u0308bergröße"),
            "Café": ("CAFE", "cafe\u0301", "Çafè"),
            "Ρόδος": ("ροδος", "ΡΟΔΟΣ"),
        }.get(title, (title.upper(),)):
            assert run(board, "get_card_details", cardId=text).id == card["id"]
    for text in ("Мои", "Sprint 2", "Cafés", "Ubergrose"):
        assert "is neither; the most similar names are" in problem(board, "get_card_details", cardId=text)
    board.card("Cafè")
    assert "could be 'Caf" in problem(board, "get_card_details", cardId="cafe")


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


@pytest.mark.parametrize("assignee", ["bob", "BOB@example.com"])
def test_card_is_assigned_and_unassigned(board, card, assignee, bob):
    board.join(bob)
    assert run(board, "assign_card", cardId=card["id"], assigneeId=assignee).assignee_id == bob.id
    assert run(board, "assign_card", cardId=card["id"], assigneeId=None).assignee_id is None


def test_display_name_that_is_an_address_names_nobody(board, card):
    jane, impostor = board.world.people("jane impostor")
    board.join(impostor)
    board.world.ask(impostor, "PATCH", "/auth/me", {"name": "jane@example.com"})
    message = problem(board, "assign_card", cardId=card["id"], assigneeId="jane@example.com")
    assert message.startswith("assigneeId must be the id or the name of an existing item")
    board.join(jane)
    assert run(board, "assign_card", cardId=card["id"], assigneeId="jane@example.com").assignee_id == jane.id


def test_card_is_assigned_by_a_first_name(board, card):
    jane, rob, roy = people = board.world.people("jane rob roy")
    board.join(*people)
    for person, name in ((jane, "Jane Doe"), (rob, "Rob Ray"), (roy, "Rob Roy")):
        board.world.ask(person, "PATCH", "/auth/me", {"name": name})
    assert run(board, "assign_card", cardId=card["id"], assigneeId="Jane").assignee_id == jane.id
    message = problem(board, "assign_card", cardId=card["id"], assigneeId="Rob")
    assert f"could be 'Rob Ray' ({rob.id}), 'Rob Roy' ({roy.id})" in message
    message = problem(board, "assign_card", cardId=card["id"], assigneeId="Eve")
    assert message.startswith("assigneeId must be the id or the name of an existing item; 'Eve' is neither")
    assert f"'Jane Doe' ({jane.id})" in message


def test_card_is_not_assigned_to_users_outside_the_workspace(board, card, bob):
    assert problem(board, "assign_card", cardId=card["id"], assigneeId=bob.id).startswith("assigneeId must")


def test_a_label_is_put_on_and_taken_off(board, card):
    label = board.label("urgent")
    assert run(board, "add_label", cardId=card["id"], label="Urgent").label_ids == [label["id"]]
    assert run(board, "remove_label", cardId=card["id"], label=label["id"]).label_ids == []


def test_a_card_is_commented(board, card):
    comment = run(board, "add_comment", cardId=card["key"], content="Well.")
    assert (comment.content, comment.author_id) == ("Well.", board.owner.id)


def read_notices(board, person):
    return [
        notification["activity"]["meta"]["message"]
        for notification in board.world.ask(person, "GET", "/notifications")
        if notification["activity"]["type"] == "notice_given"
    ]


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ({}, "ann bob"),
        ({"to": ["assignee"]}, "bob"),
        ({"to": ["creator"]}, "ann"),
        ({"to": ["cid@example.com", "Bob", "bob"]}, "bob cid"),
    ],
)
def test_notify_reaches_the_requested_people(board, to, expected):
    people = dict(zip(["bob", "cid"], board.world.people("bob cid"), strict=True))
    board.join(*people.values())
    card = board.card("Ship", assigneeId=people["bob"].id)
    run(board, "notify", cardId=card["id"], message="It is late.", **to)
    receivers = [name for name, who in {"ann": board.owner, **people}.items() if read_notices(board, who)]
    assert receivers == expected.split()
    (noted,) = ask(board, "GET", f"{board.path}/activity?type=notice_given")
    assert noted["meta"] == {"cardKey": card["key"], "cardTitle": "Ship", "message": "It is late."}


def test_notify_fails_for_a_card_without_assignee(board):
    run(board, "notify", cardId=board.card()["id"], message="Who?", to=["assignee"])
    assert read_notices(board, board.owner) == []


def test_notify_refuses_users_outside_the_workspace(board, card):
    board.world.person("eve")
    message = problem(board, "notify", cardId=card["id"], message="x", to=["creator", "eve"])
    assert message.startswith("to[1] must be the id or the name of an existing item; 'eve' is neither")
    assert message.endswith(f"the most similar names are 'ann' ({board.owner.id})")
    assert read_notices(board, board.owner) == []


def test_a_step_is_added_and_checked_off_by_its_title(board, card):
    assert run(board, "add_checklist_item", cardId=card["id"], title="review").order == 2
    assert run(board, "toggle_checklist_item", cardId=card["id"], itemId="Review").done
    assert not run(board, "toggle_checklist_item", cardId=card["id"], itemId="review").done
    assert not run(board, "toggle_checklist_item", cardId=card["id"], itemId="draft", done=False).done


def relations_of(board, card):
    listing = run(board, "get_card_relations", cardId=card["id"])
    return [(relation.type, relation.card.title) for relation in listing.items]


def test_card_is_related_by_key_or_title_and_unrelated(board, card):
    other = board.card("Print the invoices")
    relation = run(
        board, "add_relation", cardId=card["key"], targetCardId="print the invoices", type="blocked_by"
    )
    assert relation.card_id == card["id"]
    assert relation.target_card_id == other["id"]
    assert relation.type == "blocked_by"
    assert relations_of(board, other) == [("blocks", card["title"])]
    again = {"cardId": card["id"], "targetCardId": other["id"], "type": "blocked_by"}
    assert problem(board, "add_relation", **again) == "the cards already have this relation"
    itself = {"cardId": card["id"], "targetCardId": card["key"], "type": "blocks"}
    assert problem(board, "add_relation", **itself) == "targetCardId must be another card"
    assert run(board, "remove_relation", cardId=other["id"], targetCardId=card["key"]).ok
    assert relations_of(board, card) == []
    assert (
        problem(board, "remove_relation", cardId=other["id"], targetCardId=card["id"]) == "Relation not found"
    )


def test_token_that_cannot_read_removes_a_relation(board, card):
    ids = {"cardId": card["id"], "targetCardId": board.card("Print the invoices")["id"]}
    run(board, "add_relation", **ids, type="blocks")
    actor = attrs.evolve(board.owner.actor, scopes=frozenset({"projects:write"}))
    assert run(board, "remove_relation", actor=actor, **ids).ok
    assert relations_of(board, card) == []


def test_removing_one_of_several_relations_requires_its_type(board, card):
    ids = {"cardId": card["id"], "targetCardId": board.card("Print the invoices")["id"]}
    for type in ("blocks", "related_to"):
        run(board, "add_relation", **ids, type=type)
    message = "type is required: the cards are related by blocks, related_to"
    assert problem(board, "remove_relation", **ids) == message
    run(board, "remove_relation", **ids, type="blocks")
    assert relations_of(board, card) == [("related_to", "Print the invoices")]


def test_card_is_split_into_children_in_its_column(board):
    card = board.card("Write the spec", column=1)
    children = run(board, "split_card", cardId=card["id"], titles=["Outline", "Draft"])
    expected = [("Outline", card["columnId"]), ("Draft", card["columnId"])]
    assert [(child.title, child.column_id) for child in children] == expected
    assert relations_of(board, card) == [("parent_of", "Outline"), ("parent_of", "Draft")]
    (elsewhere,) = run(board, "split_card", cardId=card["id"], titles=["Review"], column="done")
    assert elsewhere.column_id == board.columns[2]["id"]
    assert problem(board, "split_card", cardId=card["id"], titles=[]).startswith("titles must have")


def test_split_that_exceeds_a_limit_creates_nothing(board, card):
    ask(board, "PATCH", f"{board.path}/columns/{card['columnId']}", {"wipLimit": 2})
    assert "full" in problem(board, "split_card", cardId=card["id"], titles=["Outline", "Draft"])
    assert len(ask(board, "GET", f"{board.path}/cards")) == 1


def test_card_is_copied_to_a_column(board, card):
    board.comment(card)
    copy = run(board, "duplicate_card", cardId=card["title"], title="Draft", column="done", comments=True)
    assert (copy.title, copy.column_id, copy.status) == ("Draft", board.columns[2]["id"], "done")
    assert copy.comment_count == 1
    twin = run(board, "duplicate_card", cardId=card["key"])
    assert (twin.title, twin.column_id, twin.comment_count) == (card["title"], card["columnId"], 0)
    assert [item.title for item in twin.checklist] == ["outline", "draft"]


@pytest.fixture
def archive(board):
    """Return a second project of the workspace, in which others may only look."""
    project = ask(board, "POST", f"{board.flat}/projects", {"name": "Archive"})
    return ask(board, "PATCH", f"{board.flat}/projects/{project['id']}", {"memberRole": "viewer"})


def test_card_is_transferred_to_a_project_and_column_by_name(board, card, archive):
    label = board.label("urgent")
    ask(board, "POST", f"{board.of(card)}/labels/{label['id']}")
    transfer = {"cardId": card["key"], "targetProjectId": "archive", "targetColumn": "done"}
    assert "urgent" in problem(board, "transfer_card", **transfer)
    moved = run(board, "transfer_card", missing="drop", **transfer)
    assert (moved.id, moved.project_id, moved.status) == (card["id"], archive["id"], "done")
    assert [item.name for item in moved.dropped] == ["urgent"]
    back = run(board, "transfer_card", cardId=moved.key, targetProjectId=board.project["key"])
    assert (back.column_id, back.key) == (board.columns[0]["id"], card["key"])
    transfer["targetProjectId"] = board.project["id"]
    assert problem(board, "transfer_card", **transfer) == "targetProjectId must be another project"


def test_transfer_needs_the_rights_in_both_projects(board, card, archive):
    bob = board.world.person("bob")
    board.join(bob)
    transfer = {"cardId": card["id"], "targetProjectId": archive["id"]}
    with pytest.raises(Forbidden, match="it requires the role editor in the project"):
        run(board, "transfer_card", by=bob, **transfer)
    # A token that is bound to one of the projects does not see the other one.
    for project in (board.project, archive):
        actor = Actor(board.owner.id, None, "token", token_project_ids=frozenset({project["id"]}))
        with pytest.raises(Invalid, match="must be the id"):
            run(board, "transfer_card", actor=actor, **transfer)
    assert board.read(card)["projectId"] == board.project["id"]


# ------------------------------------------------------------------------------------------------- checks


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("move_card", {}, "cardId is required; targetColumn is required"),
        ("move_card", {"cardId": "a", "targetColumn": "b", "to": "c"}, "to is not a field of this request"),
        ("set_status", {"cardId": "a", "status": "late"}, "status must be one of open, in_progress, done"),
    ],
)
def test_params_are_read_strictly(board, name, params, message):
    assert problem(board, name, **params) == message


def test_params_have_to_be_an_object(board):
    with board.world.core.begin(board.owner.actor) as uow, pytest.raises(Invalid, match="must be an object"):
        actions.run(uow, board.workspace.ref, "move_card", ["a"])


def test_writing_actions_need_no_read_scope(board, card):
    actor = Actor(board.owner.id, frozenset({"projects:write"}), "token")
    board.label("urgent")
    run(board, "add_label", actor=actor, cardId=card["title"], label="urgent")
    run(board, "toggle_checklist_item", actor=actor, cardId=card["id"], itemId="draft")
    assert board.read(card)["checklistProgress"]["done"] == 1


def test_if_match_of_the_caller_does_not_apply_to_actions(board, card):
    with board.world.core.begin(board.owner.actor) as uow:
        uow.if_match = frozenset({"7"})
        actions.run(uow, board.workspace.ref, "set_status", {"cardId": card["id"], "status": "done"})
        ref = board.workspace.ref.child(CardRef, board.project["id"], card["id"])
        with pytest.raises(PreconditionFailed):
            cards.update_card(uow, ref, UpdateCard(title="new"))
