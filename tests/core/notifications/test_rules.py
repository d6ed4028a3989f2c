"""The rules of notifications: the details of activities, their recipients, and mentions in comments."""

import time
from typing import get_args, get_type_hints

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellary.client.testing import _make_value
from stellary.contract.activities import ActivityType
from stellary.contract.attachments import Attachment
from stellary.contract.comments import Comment
from stellary.core import events
from stellary.core.notifications import rules
from tests.core.board.card_api import CARD as NEW_CARD
from tests.core.board.card_api import NOW
from tests.support.core_parts import ITEM_CLASSES
from tests.support.each_case import for_each

CARD = attrs.evolve(
    NEW_CARD,
    id="card",
    key="LAUNCH-12",
    title="Write",
    description="secret",
    column_id="column",
    assignee_id="bob",
    created_by_id="ann",
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


FILE = Attachment(
    id="file",
    card_id="card",
    uploaded_by="ann",
    original_name="plan.pdf",
    mime_type="application/pdf",
    size=1,
    created_at=NOW,
)
OTHER = card(id="other", key="LAUNCH-13", title="Read")
CORRECTED = events.CommentUpdated(**PLACE, card=card(comment_count=2), comment=comment("@ann"), before="@bob")
RETRACTED = events.CommentDeleted(**PLACE, card=card(comment_count=2), comment_id="comment", author_id="ann")


# ------------------------------------------------------------------------------------------------- what is told


def test_each_published_type_has_its_event():
    of_items = {
        f"{item_class.kind}_{verb}" for item_class in ITEM_CLASSES.values() for verb in item_class.verbs
    }
    published = set(get_args(ActivityType))
    assert set(rules.TYPES.values()) <= published <= {*rules.TYPES.values(), *rules.OF_PILOTAGE, *of_items}


def make_event(event_type):
    hints = get_type_hints(event_type)
    required = [field for field in attrs.fields(event_type) if field.default is attrs.NOTHING]
    return event_type(**{field.name: _make_value(field.name, hints[field.name]) for field in required})


@for_each("event_type", [kind for kind in rules.TYPES if issubclass(kind, events.CardEvent)])
def test_each_event_of_a_card_has_its_meta_and_its_recipients(event_type):
    event = make_event(event_type)
    assert rules.card_meta(event, NAMES)["cardKey"] == event.card.key
    assert rules.find_card_recipients(event) <= {event.card.created_by_id}


@for_each("event_type", [kind for kind in rules.TYPES if issubclass(kind, events.DocumentEvent)])
def test_each_event_of_a_document_has_its_meta_and_its_recipients(event_type):
    event = make_event(event_type)
    assert rules.document_meta(event)["documentId"] == event.document.id
    assert len(rules.find_document_recipients(event)) <= 2


def report_move(before=CARD, to="Done", **changes):
    """Return the move of a card from To Do to another column."""
    after = {"column_id": to.casefold(), **changes}
    return events.CardMoved(**PLACE, card=card(**after), before=before, from_column="To Do", to_column=to)


def report_update(*changed, before=CARD, **changes):
    return events.CardUpdated(**PLACE, card=card(**changes), before=before, changed=changed)


def report_creation(column, **changes):
    return events.CardCreated(**PLACE, card=card(**changes), column=column)


TO_DONE = {"fromColumn": "To Do", "toColumn": "Done", "fromColumnId": "column", "toColumnId": "done"}
TO_DOING = {**TO_DONE, "toColumn": "Doing", "toColumnId": "doing"}
STARTED = {"fromStatus": "open", "toStatus": "in_progress"}
THE_FILE = {"attachmentId": "file", "fileName": "plan.pdf"}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (report_creation("To Do"), {"toColumn": "To Do", "toColumnId": "column"}),
        (events.CardArchived(**PLACE, card=card(archived=True), before=CARD), {"fromColumnId": "column"}),
        (events.CardDeleted(**PLACE, card=CARD), {"fromColumnId": "column"}),
        (
            events.CardDeleted(**PLACE, card=card(archived=True)),
            {"fromColumnId": "column", "archived": True},
        ),
        (report_move(), {**TO_DONE, "toOrder": 0}),
        (report_move(card(archived=True), archived=True), {**TO_DONE, "archived": True}),
        (
            report_update("archived", "order", before=card(archived=True)),
            {"changed": ["archived", "order"], "toColumnId": "column"},
        ),
        (report_update("title", "dueDate"), {"changed": ["title", "dueDate"]}),
        (report_move(to="Doing", status="in_progress"), {**TO_DOING, "toOrder": 0, **STARTED}),
        (
            report_update("status", status="done"),
            {"changed": ["status"], "fromStatus": "open", "toStatus": "done"},
        ),
        # The move that came with it tells of the status.
        (report_update("title", status="done"), {"changed": ["title"]}),
        (
            report_creation("Doing", status="in_progress"),
            {"toColumn": "Doing", "toColumnId": "column", **STARTED},
        ),
        (
            events.CardAssigned(**PLACE, card=card(assignee_id=None), before=CARD),
            {"assignee": None, "formerAssignee": "Bob"},
        ),
        (
            events.CardAssigned(**PLACE, card=CARD, before=card(assignee_id=None)),
            {"assignee": "Bob", "formerAssignee": None},
        ),
        (events.CommentCreated(**PLACE, card=CARD, comment=comment("secret")), {"commentId": "comment"}),
        (CORRECTED, {"commentId": "comment"}),
        (RETRACTED, {"commentId": "comment"}),
        (events.AttachmentAdded(**PLACE, card=CARD, attachment=FILE), THE_FILE),
        (events.AttachmentRemoved(**PLACE, card=CARD, attachment=FILE), THE_FILE),
        (
            events.RelationAdded(**PLACE, card=CARD, type="blocks", other=OTHER, relation_id="relation"),
            {
                "relation": "blocks",
                "otherCardId": "other",
                "otherCardKey": "LAUNCH-13",
                "otherCardTitle": "Read",
            },
        ),
    ],
    ids=lambda case: type(case).__name__ if isinstance(case, events.CardEvent) else repr(case),
)
def test_details_of_a_card_event_have_names(event, expected):
    assert rules.card_meta(event, NAMES) == {"cardKey": "LAUNCH-12", "cardTitle": "Write", **expected}


# ------------------------------------------------------------------------------------------------- whom it concerns


def test_being_no_longer_the_assignee_concerns_the_former_one():
    event = events.CardAssigned(**PLACE, card=card(assignee_id="cid"), before=CARD)
    assert rules.find_card_recipients(event) == {"ann", "bob", "cid"}


def test_recipients_of_a_deleted_card_include_its_commenters():
    event = events.CardDeleted(**PLACE, card=card(comment_count=1), commenter_ids=("cid",))
    assert rules.find_card_recipients(event) == {"ann", "bob", "cid"}
    assert not rules.has_commenters(event)


@pytest.mark.parametrize("event", [CORRECTED, RETRACTED])
def test_edited_or_deleted_comment_has_no_recipients(event):
    assert rules.find_card_recipients(event) == set()
    assert not rules.has_commenters(event)


@pytest.mark.parametrize(("count", "expected"), [(0, False), (1, True)])
def test_commenters_are_queried_only_if_there_are_comments(count, expected):
    event = events.CardArchived(**PLACE, card=card(comment_count=count), before=CARD)
    assert rules.has_commenters(event) is expected


@pytest.mark.parametrize(("count", "expected"), [(1, False), (2, True)])
def test_a_first_comment_has_no_commenters_before_it(count, expected):
    event = events.CommentCreated(**PLACE, card=card(comment_count=count), comment=comment("x"))
    assert rules.has_commenters(event) is expected


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


@for_each(
    "text, expected",
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
def test_mention_is_a_name_or_the_local_part_of_an_address(text, expected):
    assert rules.find_mentions(text, PEOPLE) == expected
    if expected:
        assert rules.may_mention(events.CommentCreated(**PLACE, card=CARD, comment=comment(text)))


def test_mention_reaches_everyone_with_the_name():
    assert rules.find_mentions("@ann", {"ann": {"one", "two"}}) == {"one", "two"}


MENTIONING = {
    "a comment": (events.CommentCreated(**PLACE, card=CARD, comment=comment("@ann")), {"ann"}),
    "a corrected comment": (CORRECTED, {"ann"}),
    "a comment that mentions the same people": (attrs.evolve(CORRECTED, before="ask @ann"), set()),
    "a new card's description": (report_creation("To Do", description="@ann"), {"ann"}),
    "a description": (
        report_update("description", description="@ann @jane", before=card(description="@jane")),
        {"ann"},
    ),
    "a description that was empty": (
        report_update("description", description="@ann", before=card(description=None)),
        {"ann"},
    ),
    "a description that stays": (
        report_update("title", description="@ann", before=card(description="@ann")),
        set(),
    ),
    "a title": (report_creation("To Do", title="@ann", description=None), set()),
    "an address": (events.CommentCreated(**PLACE, card=CARD, comment=comment("a@ann")), set()),
    "a deleted comment": (RETRACTED, set()),
}


@pytest.mark.parametrize(("event", "expected"), MENTIONING.values(), ids=MENTIONING)
def test_only_new_text_mentions(event, expected):
    assert rules.find_new_mentions(event, PEOPLE) == expected
    if expected:
        assert rules.may_mention(event)


def test_people_are_not_queried_without_a_possible_mention():
    for content in ("nobody", "a@b", "@ b"):
        assert not rules.may_mention(events.CommentCreated(**PLACE, card=CARD, comment=comment(content)))


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
        started_at = time.thread_time()
        rules.find_mentions(text, PEOPLE)
        times.append(time.thread_time() - started_at)
    assert min(times) < 0.05


@given(before=st.text(), after=st.text())
def test_mention_on_its_own_line_is_found_in_any_text(before, after):
    assert "ann" in rules.find_mentions(f"{before}\n@ann\n{after}", PEOPLE)
