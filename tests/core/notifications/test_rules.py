"""The rules of notifications: what is told, whom it concerns, whom a comment mentions."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import get_args

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellary.contract.cards import Card
from stellary.contract.checklists import ChecklistProgress
from stellary.contract.comments import Comment
from stellary.contract.notifications import ActivityType
from stellary.core.events import (
    CardArchived,
    CardAssigned,
    CardCreated,
    CardDeleted,
    CardEvent,
    CardMoved,
    CardUpdated,
    CommentAdded,
    ProjectMemberRemoved,
)
from stellary.core.notifications import rules

NOW = datetime(2026, 4, 1, tzinfo=UTC)
CARD = Card(
    id="card",
    key="LAUNCH-12",
    number=12,
    title="Write",
    description="secret",
    project_id="project",
    scope_id="scope",
    column_id="column",
    order=0,
    archived=False,
    status="open",
    priority=None,
    start_date=None,
    due_date=None,
    completed_at=None,
    assignee_id="bob",
    created_by_id="ann",
    label_ids=[],
    custom_fields={},
    checklist=[],
    checklist_progress=ChecklistProgress(done=0, total=0, percent=0),
    comment_count=0,
    attachment_count=0,
    version=1,
    created_at=NOW,
    updated_at=NOW,
)


def card(**changes):
    return attrs.evolve(CARD, **changes)


PLACE = {"workspace_id": "workspace", "project_id": "project"}
NAMES = {"ann": "Ann", "bob": "Bob"}


def comment(content):
    return Comment(
        id="comment",
        card_id="card",
        author_id="ann",
        author_name="Ann",
        content=content,
        created_at=NOW,
        updated_at=NOW,
    )


# ------------------------------------------------------------------------------------------------- what is told


def test_each_published_type_has_its_event():
    assert set(rules.TYPES.values()) == set(get_args(ActivityType))


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (CardCreated(**PLACE, card=CARD), {}),
        (CardArchived(**PLACE, card=CARD), {}),
        (CardDeleted(**PLACE, card=CARD), {}),
        (
            CardMoved(**PLACE, card=CARD, before=CARD, from_column="To Do", to_column="Done"),
            {"fromColumn": "To Do", "toColumn": "Done"},
        ),
        (
            CardUpdated(**PLACE, card=CARD, before=CARD, changed=("title", "dueDate")),
            {"changed": ["title", "dueDate"]},
        ),
        (
            CardAssigned(**PLACE, card=card(assignee_id=None), before=CARD),
            {"assignee": None, "formerAssignee": "Bob"},
        ),
        (
            CardAssigned(**PLACE, card=CARD, before=card(assignee_id=None)),
            {"assignee": "Bob", "formerAssignee": None},
        ),
        (CommentAdded(**PLACE, card=CARD, comment=comment("secret")), {"commentId": "comment"}),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, CardEvent) else repr(each),
)
def test_what_has_happened_to_a_card_is_told_by_name(event, expected):
    assert rules.card_meta(event, NAMES) == {"cardKey": "LAUNCH-12", "cardTitle": "Write", **expected}


def test_somebodys_leaving_a_project_is_told_by_name():
    event = ProjectMemberRemoved(**PLACE, user_id="bob")
    assert rules.member_meta(event, NAMES, "Launch") == {"member": "Bob", "project": "Launch"}


# ------------------------------------------------------------------------------------------------- whom it concerns


def test_a_card_concerns_its_assignee_and_its_creator():
    assert rules.concerned(CardArchived(**PLACE, card=CARD)) == {"ann", "bob"}
    assert rules.concerned(CardArchived(**PLACE, card=card(assignee_id=None))) == {"ann"}


def test_being_no_longer_the_assignee_concerns_the_former_one():
    event = CardAssigned(**PLACE, card=card(assignee_id="cid"), before=CARD)
    assert rules.concerned(event) == {"ann", "bob", "cid"}


def test_a_deleted_card_concerns_those_who_had_commented_on_it():
    event = CardDeleted(**PLACE, card=card(comment_count=1), commenter_ids=("cid",))
    assert rules.concerned(event) == {"ann", "bob", "cid"}
    assert not rules.has_commenters(event)


@pytest.mark.parametrize(("count", "expected"), [(0, False), (1, True)])
def test_commenters_are_looked_up_where_there_are_comments(count, expected):
    assert rules.has_commenters(CardArchived(**PLACE, card=card(comment_count=count))) is expected


@pytest.mark.parametrize(("count", "expected"), [(1, False), (2, True)])
def test_a_first_comment_has_no_commenters_before_it(count, expected):
    event = CommentAdded(**PLACE, card=card(comment_count=count), comment=comment("x"))
    assert rules.has_commenters(event) is expected


def test_nobody_is_notified_of_what_they_did_themselves():
    assert rules.recipients({"cid", "ann", "bob"}, "ann") == ["bob", "cid"]


# ------------------------------------------------------------------------------------------------- mentions

PEOPLE = {
    handle: {user_id}
    for user_id, name, email in (
        ("ann", "Ann", "ann@example.com"),
        ("jane", "Jane", "j@example.com"),
        ("doe", "Jane Doe", "jane.doe@example.com"),
        ("zoe", "Zoë Straße", "o'neill+pm@example.com"),
    )
    for handle in rules.handles(name, email)
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nobody", set()),
        ("@ann", {"ann"}),
        ("@ANN: look", {"ann"}),
        ("(@ann)", {"ann"}),
        ("thanks @ann.", {"ann"}),
        ("@ann's card", {"ann"}),
        ("@ann, @jane and @j", {"ann", "jane"}),
        ("@ann@jane", {"ann"}),
        ("@@ann", {"ann"}),
        ("@\nann", set()),
        ("@annabel", set()),
        ("@ann.bell", set()),
        ("@ann-marie", set()),
        ("@", set()),
        ("mail to jane@ann", set()),
        ("jane.@ann", set()),
        ("@jane doe", {"doe"}),
        ("@Jane Doe, hello", {"doe"}),
        ("@Jane Doering", {"jane"}),
        ("@jane.doe", {"doe"}),
        ("@zoe\u0308 STRASSE", {"zoe"}),
        ("\uff20ann", {"ann"}),
        ("@o'neill+pm", {"zoe"}),
    ],
)
def test_a_mention_is_a_name_or_what_stands_before_the_at_of_an_address(text, expected):
    assert rules.mentioned(text, PEOPLE) == expected
    if expected:
        assert rules.may_mention(CommentAdded(**PLACE, card=CARD, comment=comment(text)))


def test_all_who_bear_a_name_are_mentioned():
    assert rules.mentioned("@ann", {"ann": {"one", "two"}}) == {"one", "two"}


def test_only_a_comment_mentions():
    assert not rules.may_mention(CardCreated(**PLACE, card=card(title="@ann")))
    assert not rules.may_mention(CommentAdded(**PLACE, card=CARD, comment=comment("a@b")))


def test_a_name_of_nothing_is_no_handle():
    assert rules.handles("", "@example.com") == set()


LONG = {
    piece: (piece * 100_000)[:100_000]
    for piece in ("@", "@a", "@a ", "@a.", "a@", "é@ß", "@" + "a " * 40, "@" + "x" * 99, "@" + "-." * 50)
} | {"different ones": "".join(f"@{number:x} " for number in range(7_500))}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_a_long_text_is_read_in_no_time(text):
    # The fastest of five: the machine may be busy.
    times = []
    for _ in range(5):
        begun = time.thread_time()
        rules.mentioned(text, PEOPLE)
        times.append(time.thread_time() - begun)
    assert min(times) < 0.05


@given(before=st.text(), after=st.text())
def test_who_is_mentioned_on_a_line_of_its_own_is_found_in_any_text(before, after):
    assert "ann" in rules.mentioned(f"{before}\n@ann\n{after}", PEOPLE)
