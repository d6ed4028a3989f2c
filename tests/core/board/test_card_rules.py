"""Rules of cards without a database: events between two states, and target positions."""

from datetime import UTC, datetime

from stellary.contract.cards import UpdateCard
from stellary.contract.checklists import ChecklistItem
from stellary.core.board.rules.cards import (
    build_events,
    changes_position,
    increment_version,
    replace_fields,
)
from tests.core.board.card_api import CARD, NOW
from tests.support.each_case import for_each


def event_kinds(**changes):
    """Return the kinds of the events of a change, each with the fields that it lists."""
    events = build_events(CARD, replace_fields(CARD, **changes), "w", "From", "To")
    return [(type(event).__name__, *getattr(event, "changed", ())) for event in events]


@for_each(
    "changes, expected",
    [
        ({}, []),
        ({"version": 2, "updated_at": datetime(2026, 5, 1, tzinfo=UTC)}, []),
        ({"comment_count": 1, "attachment_count": 1}, []),
        ({"title": "x", "due_date": NOW}, [("CardUpdated", "title", "dueDate")]),
        ({"status": "done", "completed_at": NOW}, [("CardUpdated", "status", "completedAt")]),
        ({"order": 3}, [("CardUpdated", "order")]),
        ({"column_id": "d", "order": 3, "status": "done", "completed_at": NOW}, [("CardMoved",)]),
        ({"column_id": "d", "title": "x"}, [("CardMoved",), ("CardUpdated", "title")]),
        ({"archived": True, "order": None}, [("CardArchived",)]),
        ({"assignee_id": "u"}, [("CardAssigned",)]),
        ({"assignee_id": "u", "label_ids": ["l"]}, [("CardAssigned",), ("CardUpdated", "labelIds")]),
        (
            {"column_id": "d", "archived": True, "order": None, "assignee_id": "u"},
            [("CardMoved",), ("CardArchived",), ("CardAssigned",)],
        ),
    ],
)
def test_events_of_a_change(changes, expected):
    assert event_kinds(**changes) == expected


def test_restored_card_is_updated():
    (event,) = build_events(replace_fields(CARD, archived=True, order=None), CARD, "w")
    assert event.changed == ("order", "archived")


def test_move_tells_both_columns_by_name():
    (event,) = build_events(CARD, replace_fields(CARD, column_id="d"), "w", "From", "To")
    assert (event.from_column, event.to_column) == ("From", "To")
    assert (event.workspace_id, event.project_id, event.before) == ("w", "p", CARD)


def checklist(*done):
    return [ChecklistItem(id=str(n), title="t", done=item_done, order=n) for n, item_done in enumerate(done)]


@for_each(
    "before, after, complete",
    [
        ([False], [True], True),
        ([True, False], [True, True], True),
        ([True, False], [True], True),
        ([], [True], True),
        ([True], [True, True], False),
        ([True], [], False),
        ([False], [], False),
        ([True], [False], False),
    ],
)
def test_checklist_is_completed_once(before, after, complete):
    old = replace_fields(CARD, checklist=checklist(*before))
    events = [
        type(event).__name__
        for event in build_events(old, replace_fields(CARD, checklist=checklist(*after)), "w")
    ]
    assert ("ChecklistCompleted" in events) == complete


def test_card_that_stays_the_same_is_the_same():
    assert increment_version(CARD, replace_fields(CARD), 0, NOW) is CARD


def test_card_that_changes_is_a_version_later():
    later = datetime(2026, 5, 1, tzinfo=UTC)
    after = increment_version(CARD, replace_fields(CARD, title="x"), 4, later)
    assert after == replace_fields(CARD, title="x", order=4, version=2, updated_at=later)


@for_each(
    "request_, expected",
    [
        (UpdateCard(title="x"), False),
        (UpdateCard(column_id="x"), True),
        (UpdateCard(order=0), True),
        (UpdateCard(before=""), True),
        (UpdateCard(after=""), True),
        (UpdateCard(archived=False), True),
    ],
)
def test_requests_about_a_place(request_, expected):
    assert changes_position(request_) == expected
