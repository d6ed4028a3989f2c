"""The removal of the address and the name of an account from the records of changes."""

import pytest
from sqlalchemy import func, insert, select, update

from stellary.core import NOBODY
from tests.support.boards import Board
from tests.support.core_parts import erasure
from tests.support.plans import explain, sent_statements, steps_that_read_much, update_statistics
from tests.support.tables import activities, metadata, organization_activities
from tests.support.tables import webhook_deliveries as deliveries
from tests.support.world import PASSWORD

NAME = "Robert Unmistakable"
KEPT_FOR_A_TIME = {"stellary_idempotency_keys"}
"""The table of responses, whose rows a retention rule deletes."""


@pytest.fixture
def people(world):
    """Return ann, and bob, whose account is deleted."""
    ann, bob = world.people("ann bob")
    world.ask(bob, "PATCH", "/auth/me", {"name": NAME})
    return ann, bob


@pytest.fixture
def board(world, people):
    """Return a board of ann in a workspace that bob has joined by an invitation, and bob's path as its member."""
    ann, bob = people
    board = Board(world, ann)
    invite = f"{board.workspace.path}/members/invite"
    token = world.ask(ann, "POST", invite, {"email": bob.email.upper()})["token"]
    world.ask(ann, "POST", invite, {"email": "other@example.com"})
    world.ask(bob, "POST", f"/invitations/{token}/accept")
    world.ask(ann, "PATCH", f"{board.workspace.path}/members/{bob.id}", {"role": "admin"})
    world.ask(ann, "POST", f"{board.path}/members", {"email": bob.email})
    return board


def delete_account(world, person):
    world.ask(world.bearer(person), "POST", "/auth/delete-account", {"currentPassword": PASSWORD})


def erase(world, person):
    delete_account(world, person)
    world.core.work.run_due()


def find_text(world, *texts):
    """Return the tables that contain one of some texts, without regard to case."""
    with world.core.view(NOBODY) as uow:
        return {
            table.name
            for table in metadata.tables.values()
            for row in uow.connection.execute(select(table))
            if any(text.casefold() in str(tuple(row)).casefold() for text in texts)
        }


def write_each_kind_of_record(world, ann, bob, board):
    """Change items so that the records of the changes contain the name of bob."""
    world.ask(
        ann, "POST", f"{board.workspace.path}/webhooks", {"url": "https://example.com/all", "events": []}
    )
    world.ask(ann, "POST", f"{board.workspace.path}/members/invite", {"email": bob.email.replace("@", "+2@")})
    card = board.of(board.card(assigneeId=bob.id))
    world.ask(ann, "POST", f"{card}/comments", {"content": f"@{bob.email.partition('@')[0]} please"})
    world.ask(ann, "PATCH", card, {"assigneeId": None})
    world.ask(ann, "PATCH", card, {"assigneeId": bob.id})
    world.ask(ann, "DELETE", board.of(board.card(assigneeId=bob.id)))
    context = {"contextType": "project", "contextId": board.project["id"]}
    documents = f"{board.workspace.path}/documents"
    document = world.ask(bob, "POST", documents, {"title": "Notes", **context})
    world.ask(bob, "PATCH", f"{documents}/{document['id']}", {"title": "More notes"})
    world.ask(bob, "POST", f"{board.workspace.path}/webhooks", {"url": "https://example.com/hook"})
    world.organization(bob, "solo")


def test_no_table_contains_the_name_or_the_address_afterwards(world, people, board):
    ann, bob = people
    write_each_kind_of_record(world, ann, bob, board)
    tables = find_text(world, NAME)
    assert {"stellary_activities", "stellary_organization_activities", "stellary_users"} <= tables
    assert "stellary_webhook_deliveries" in tables
    with world.core.begin(NOBODY) as uow:
        first_id = select(func.min(deliveries.c.id)).scalar_subquery()
        uow.connection.execute(update(deliveries).where(deliveries.c.id == first_id).values(payload=""))
    erase(world, bob)
    assert find_text(world, NAME, bob.email) <= KEPT_FOR_A_TIME


def test_records_of_cards_name_a_former_member(world, people, board):
    ann, bob = people
    card = board.card(assigneeId=bob.id)
    world.ask(ann, "PATCH", board.of(card), {"assigneeId": ann.id})
    world.ask(ann, "POST", f"{board.of(card)}/comments", {"content": "@bob @ann please"})
    erase(world, bob)
    commented, assigned, created = world.ask(ann, "GET", f"{board.path}/activity?cardId={card['id']}")
    assert commented["meta"]["mentioned"] == ["former member", "ann"]
    assert (assigned["meta"]["formerAssignee"], assigned["meta"]["assignee"]) == ("former member", "ann")
    (change,) = assigned["changes"]
    assert (change["from"], change["to"]) == (bob.id, ann.id)
    assert change["names"] == {bob.id: "former member", ann.id: "ann"}
    assert {bob.id: "former member"} in [change["names"] for change in created["changes"]]


def test_records_keep_the_names_of_others_and_of_namesakes(world, people, board):
    ann, bob = people
    world.ask(ann, "PATCH", "/auth/me", {"name": NAME})
    card = board.card(assigneeId=ann.id)
    erase(world, bob)
    (created,) = world.ask(ann, "GET", f"{board.path}/activity?cardId={card['id']}")
    assert {ann.id: NAME} in [change["names"] for change in created["changes"]]


def test_former_name_is_removed_as_well(world, people, board):
    _, bob = people
    board.card(assigneeId=bob.id)
    world.ask(bob, "PATCH", "/auth/me", {"name": "Bob Other"})
    erase(world, bob)
    assert find_text(world, NAME, "Bob Other") <= KEPT_FOR_A_TIME


def test_records_of_a_workspace_that_was_left_before_lose_the_name(world, people, board):
    _, bob = people
    board.card(assigneeId=bob.id)
    world.ask(bob, "POST", f"{board.workspace.organization.path}/leave")
    erase(world, bob)
    assert find_text(world, NAME, bob.email) <= KEPT_FOR_A_TIME


def test_records_of_invitations_and_memberships_lose_the_address(world, people, board):
    ann, bob = people
    assert "stellary_activities" in find_text(world, bob.email)
    erase(world, bob)
    assert find_text(world, bob.email) == set()
    path = f"{board.workspace.path}/activity?type=invitation_created"
    names = [activity["meta"]["name"] for activity in world.ask(ann, "GET", path)]
    assert names == ["other@example.com", "former address"]
    path = f"{board.path}/activity?type=member_added"
    assert [row["meta"]["member"] for row in world.ask(ann, "GET", path)] == ["former member"]


def test_records_lose_the_address_of_a_user_whom_the_host_gives_another_one(world, ann):
    workspace = world.workspace(ann)
    world.core.user(external_id="bob", email="bob@example.com")
    invitation = world.ask(ann, "POST", f"{workspace.path}/members/invite", {"email": "bob@example.com"})
    world.ask(ann, "DELETE", f"{workspace.path}/invitations/{invitation['id']}")
    world.core.user(external_id="bob", name="Robert")
    world.core.work.run_due()
    assert "stellary_activities" in find_text(world, "bob@example.com")
    world.core.user(external_id="bob", email="robert@example.com")
    world.core.work.run_due()
    assert find_text(world, "bob@example.com") == set()


# ---------------------------------------------------------------------------------------------- cost


def write_records(world, board, person, count):
    """Write so many records of invitations, memberships and assignments of a person."""
    with world.core.begin(NOBODY) as uow:
        shared = {
            "workspace_id": board.workspace.id,
            "project_id": board.project["id"],
            "actor_id": person.id,
            "created_at": uow.now,
        }
        kinds = [
            ("invitation_created", "invitation", uow.new_id(), {"name": person.email}, None),
            ("workspace_member_updated", "workspace_member", person.id, {"name": NAME}, None),
            (
                "card_assigned",
                "card",
                uow.new_id(),
                {"assignee": NAME},
                [{"field": "assigneeId", "names": {person.id: NAME}}],
            ),
        ]
        for type, entity, entity_id, meta, changes in kinds:
            digest = erasure.digest_address(person.email) if entity == "invitation" else None
            fields = {
                "type": type,
                "entity": entity,
                "entity_id": entity_id,
                "meta": meta,
                "changes": changes,
            }
            rows = [{**shared, **fields, "id": uow.new_id(), "address_digest": digest} for _ in range(count)]
            uow.connection.execute(insert(activities), rows)
        record = {
            "organization_id": board.workspace.organization.id,
            "type": "organization_member_updated",
            "entity": "organization_member",
            "entity_id": person.id,
            "meta": {"name": NAME},
        }
        rows = [
            {**record, "id": uow.new_id(), "actor_id": person.id, "created_at": uow.now} for _ in range(count)
        ]
        uow.connection.execute(insert(organization_activities), rows)


@pytest.mark.slow("makes many records")
def test_all_batches_of_records_are_changed(world, people, board):
    _, bob = people
    write_records(world, board, bob, erasure.BATCH_MAX * 2 + 10)
    erase(world, bob)
    assert find_text(world, NAME, bob.email) == set()
    assert world.core.work.jobs() == []


def test_deletion_takes_as_many_statements_however_many_records_there_are(world, people, board, statements):
    _, bob = people
    joe = board.member("joe")
    counts = []
    for person in (bob, joe):
        write_records(world, board, person, 3 if person is bob else 30)
        token = world.bearer(person)
        with statements() as sent:
            world.ask(token, "POST", "/auth/delete-account", {"currentPassword": PASSWORD})
        counts.append(len(sent))
        assert not any("stellary_activities" in sql for sql in sent if sql.startswith(("SELECT", "UPDATE")))
    assert counts[1] <= counts[0]


def test_erasure_reads_only_the_records_of_an_index(world, people, board):
    ann, bob = people
    write_records(world, board, bob, 3)
    write_records(world, Board(world, ann), ann, 300)
    update_statistics(world.core)
    delete_account(world, bob)
    with sent_statements() as sent:
        world.core.work.run_due()
    of_records = [statement for statement in sent if "activities" in statement[0]]
    assert len(of_records) == 9
    plans = [(sql, explain(world.core, (sql, parameters))) for sql, parameters in of_records]
    # The records of one person and the workspaces of a few organizations may be sorted.
    assert [
        (sql, step) for sql, plan in plans for step in steps_that_read_much(plan) if "activities" in step
    ] == []
