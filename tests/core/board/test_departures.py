"""Cards and projects of a user who leaves a workspace: what is recorded, and who is notified."""

from tests.support.boards import Board


def test_departure_records_each_card_and_project(world, ann, bob, board):
    board.join(bob)
    world.ask(ann, "POST", f"{board.path}/members", {"email": bob.email})
    card = board.card(by=bob, assigneeId=bob.id)
    archived = board.card(assigneeId=bob.id)
    world.ask(ann, "PATCH", board.of(archived), {"archived": True})
    world.ask(ann, "DELETE", f"{board.flat}/members/{bob.id}")
    recorded = world.ask(ann, "GET", f"{board.path}/activity?limit=3")
    expected = [("member_removed", bob.id), ("card_assigned", archived["id"]), ("card_assigned", card["id"])]
    assert [(activity["type"], activity["entityId"]) for activity in recorded] == expected
    (change,) = recorded[2]["changes"]
    assert (change["field"], change["from"], change["to"]) == ("assigneeId", bob.id, None)
    assert change["names"] == {bob.id: "bob"}
    assert board.read(card)["assigneeId"] is None


def test_departure_notifies_no_one_of_its_consequences(world):
    ann, bob, cid = world.people("ann bob cid")
    board = Board(world, ann)
    board.join(bob, cid)
    for person in (bob, cid):
        world.ask(ann, "POST", f"{board.path}/members", {"email": person.email})
    board.comment(board.card(by=cid, assigneeId=bob.id), by=cid)
    before = world.ask(cid, "GET", "/notifications")
    world.ask(ann, "DELETE", f"{board.flat}/members/{bob.id}")
    assert world.ask(cid, "GET", "/notifications") == before


def test_rules_do_not_react_to_a_departure(world, ann, bob, board):
    board.join(bob)
    card = board.card(assigneeId=bob.id)
    rule = {"trigger": "task_assigned", "action": {"type": "set_status", "params": {"status": "done"}}}
    world.ask(ann, "POST", f"{board.path}/automations", rule)
    world.ask(ann, "DELETE", f"{board.flat}/members/{bob.id}")
    assert board.read(card)["status"] == "open"
