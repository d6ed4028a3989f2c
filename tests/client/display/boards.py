"""Boards and cards for views, built from values without any request."""

from datetime import UTC, datetime, timedelta
from typing import Any

from stellary.client.testing import make
from stellary.contract.cards import Card
from stellary.contract.checklists import ChecklistProgress
from stellary.contract.columns import Column
from stellary.contract.labels import Label
from stellary.contract.projects import Board, BoardMember, Project
from stellary.contract.scopes import Scope

NOW = datetime(2026, 4, 15, 12, tzinfo=UTC)


def in_days(days: int) -> datetime:
    """Return midnight UTC of the day that many days after NOW."""
    return datetime(2026, 4, 15, tzinfo=UTC) + timedelta(days=days)


def card(number: int, title: str = "Write", **fields: Any) -> Card:
    defaults: dict[str, Any] = {
        "priority": None,
        "due_date": None,
        "start_date": None,
        "completed_at": None,
        "assignee_id": None,
        "label_ids": [],
        "checklist": [],
        "checklist_progress": ChecklistProgress(done=0, total=0, percent=0),
        "comment_count": 0,
        "attachment_count": 0,
        "status": "open",
        "column_id": "todo",
        "scope_id": "main",
        "archived": False,
        "custom_fields": {},
    }
    identity = {"id": f"c{number}", "key": f"LAU-{number}", "number": number, "title": title}
    return make(Card, **{**defaults, **identity, **fields})


def column(id: str, name: str, **fields: Any) -> Column:
    defaults = {"scope_id": "main", "wip_limit": None, "card_count": 0, "card_status": None}
    return make(Column, id=id, name=name, **{**defaults, **fields})


def board(*cards: Card, **fields: Any) -> Board:
    """Return a board of two columns, with a label and a member."""
    defaults: dict[str, Any] = {
        "project": make(Project, name="Q1 Launch", key="LAU"),
        "scopes": [make(Scope, id="main", name="Main", columns=[], views=[])],
        "columns": [column("todo", "To Do"), column("done", "Done")],
        "cards": list(cards),
        "labels": [make(Label, id="bug", name="bug", color="#EF4444")],
        "members": [make(BoardMember, user_id="jane", name="Jane Doe")],
        "custom_fields": [],
    }
    return make(Board, **{**defaults, **fields})
