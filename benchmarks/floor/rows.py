"""The parts of the floor that both databases share: ids, cards as JSON, and the rows of the project."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

SCHEMA = (Path(__file__).parent / "schema.sql").read_text()
GAP = 2**32


def new_id() -> str:
    """Return an id of 24 hex digits: the time and random digits."""
    return f"{int(time.time()):08x}{secrets.token_hex(8)}"


def card_json(
    row: Mapping[str, Any],
    key: str,
    order: int,
    labels: list[str],
    checklist: list[dict[str, Any]],
    counts: tuple[int, int],
) -> dict[str, Any]:
    """Return a card in the format of the API.

    Args:
        row: The row of the table of cards.
        key: The key of the project.
        order: The position in the column, from 0.
        labels: The ids of the labels.
        checklist: The checklist in the format of the API.
        counts: The numbers of comments and attachments.
    """
    return {
        "id": row["id"],
        "key": f"{key}-{row['number']}",
        "number": row["number"],
        "title": row["title"],
        "description": row["description"],
        "projectId": row["project_id"],
        "scopeId": row["scope_id"],
        "columnId": row["column_id"],
        "order": order,
        "archived": bool(row["archived"]),
        "status": row["status"],
        "priority": row["priority"],
        "startDate": row["start_date"],
        "dueDate": row["due_date"],
        "completedAt": row["completed_at"],
        "assigneeId": row["assignee_id"],
        "createdById": row["created_by_id"],
        "labelIds": labels,
        "customFields": {},
        "checklist": checklist,
        "checklistProgress": {"done": sum(item["done"] for item in checklist), "total": len(checklist)},
        "commentCount": counts[0],
        "attachmentCount": counts[1],
        "version": row["version"],
        "createdAt": row["created_at"],
        "updatedAt": row["updated_at"],
    }


def items(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of a checklist in the format of the API."""
    return [
        {"_id": row["id"], "title": row["title"], "done": bool(row["done"]), "order": row["position"]}
        for row in rows
    ]


def position_between(neighbours: list[Any]) -> int:
    """Return a position between two rows, or after a single one."""
    if len(neighbours) == 2:
        return int((neighbours[0]["position"] + neighbours[1]["position"]) // 2)
    return int(neighbours[0]["position"]) + GAP if neighbours else 0


def insert(table: str, row: Mapping[str, Any]) -> str:
    """Return the statement that inserts a row, with a question mark for each value."""
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"


def rows_of(site: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the rows of the project, in an order that satisfies the foreign keys."""
    _, _, organization, _, workspace = site["workspace"].split("/")
    for number, user in enumerate(site["users"]):
        yield "users", {"id": user, "email": f"user{number}@example.com", "name": f"user {number}"}
    yield "organizations", {"id": site["organization_id"], "slug": organization}
    belongs = {"organization_id": site["organization_id"], "slug": workspace}
    yield "workspaces", {"id": site["workspace_id"], **belongs}
    for user in site["users"]:
        yield (
            "workspace_members",
            {"workspace_id": site["workspace_id"], "user_id": user, "role": "member"},
        )
    for project in (site["project"], site["growing"]):
        row = {"id": project["id"], "workspace_id": site["workspace_id"], "key": project["key"]}
        yield "projects", {**row, "last_number": len(site["cards"])}
    for column in (*site["columns"], *site["growing_columns"]):
        yield (
            "columns",
            {
                "id": column["id"],
                "project_id": column["projectId"],
                "scope_id": column["scopeId"],
                "name": column["name"],
                "card_status": column["cardStatus"],
            },
        )
    for label in (*site["labels"], *site["growing_labels"]):
        yield "labels", {"id": label["id"], "project_id": label["projectId"], "name": label["name"]}
    for card in site["cards"]:
        yield from _rows_of_card(card)


def _rows_of_card(card: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield (
        "cards",
        {
            "id": card["id"],
            "project_id": card["projectId"],
            "scope_id": card["scopeId"],
            "column_id": card["columnId"],
            "number": card["number"],
            "title": card["title"],
            "description": card["description"],
            "status": card["status"],
            "priority": card["priority"],
            "start_date": card["startDate"],
            "due_date": card["dueDate"],
            "completed_at": card["completedAt"],
            "assignee_id": card["assigneeId"],
            "created_by_id": card["createdById"],
            "position": card["order"] * GAP,
            "archived": card["archived"],
            "version": card["version"],
            "created_at": card["createdAt"],
            "updated_at": card["updatedAt"],
        },
    )
    for label in card["labelIds"]:
        yield "card_labels", {"card_id": card["id"], "label_id": label}
    for item in card["checklist"]:
        row = {"id": item["_id"], "card_id": card["id"], "title": item["title"], "done": item["done"]}
        yield "checklist_items", {**row, "position": item["order"]}
