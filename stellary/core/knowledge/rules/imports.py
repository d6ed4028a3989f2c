"""Documents of a file: what refers to something in it is found before anything is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from stellary.contract.project_imports import ImportedDocument, ImportProject, NotCarried
from stellary.contract.unset import UNSET
from stellary.contract.wire import invalid, utc
from stellary.core.board.rules.import_losses import list_other_creators
from stellary.core.board.rules.imports import index_ids, resolve_reference
from stellary.core.knowledge.rules.documents import check_tags
from stellary.core.knowledge.rules.markdown_reading import EMPTY

Row = dict[str, Any]


def rows(file: ImportProject, ids: Sequence[str], scope_ids: Sequence[str], told: Row) -> list[Row]:
    """The documents of a file, each after the one above it.

    Args:
        file: What is imported.
        ids: Those that its documents shall have, in its order.
        scope_ids: Those that its scopes have here, in its order.
        told: What holds of all of them: where they are made, by whom, when.

    Raises:
        Invalid: One refers to what is not in the file, or stands below itself.
    """
    entries = file.documents or []
    scopes, places = index_ids(file.scopes or (), "scopes"), index_ids(entries, "documents")
    above: list[int | None] = []
    made: list[Row] = []
    for place, each in enumerate(entries):
        path = f"documents[{place}]"
        check_tags(each.tags or (), f"{path}.tags")
        scope_id, parent = None, None
        if each.scope_id:
            scope_id = scope_ids[resolve_reference(scopes, each.scope_id, f"{path}.scopeId", "scopes")]
        if each.parent_id:
            parent = resolve_reference(places, each.parent_id, f"{path}.parentId", "documents")
        above.append(parent)
        made.append(_row(each, ids[place], scope_id, None if parent is None else ids[parent], told))
    return [made[place] for place in _from_above(above)]


def _row(said: ImportedDocument, id: str, scope_id: str | None, parent_id: str | None, told: Row) -> Row:
    created = told["now"] if said.created_at is UNSET else utc(said.created_at)
    updated = created if said.updated_at is UNSET else utc(said.updated_at)
    return {
        "id": id,
        **{name: known for name, known in told.items() if name != "now"},
        "context_type": "scope" if scope_id else "project",
        "context_id": scope_id or told["project_id"],
        "scope_id": scope_id,
        "parent_id": parent_id,
        "title": said.title,
        "doc_type": said.doc_type,
        "content": EMPTY if said.content is UNSET else said.content,
        "tags": said.tags or [],
        "created_at": created,
        "updated_at": updated,
    }


def _from_above(above: Sequence[int | None]) -> list[int]:
    """The places in an order in which each comes after the one above it.

    Raises:
        Invalid: Some stand below each other in a circle.
    """
    found: dict[int, None] = {}
    for start in range(len(above)):
        line: dict[int, None] = {}
        place: int | None = start
        while place is not None and place not in found:
            if place in line:
                raise invalid((f"documents[{place}].parentId", "must not lead back to the document"))
            line[place] = None
            place = above[place]
        found.update(dict.fromkeys(reversed(line)))
    return list(found)


def left_behind(file: ImportProject, email: str) -> Iterator[NotCarried]:
    """What of a file's documents is not kept.

    Args:
        file: What is imported.
        email: Of whoever imports.
    """
    entries = file.documents or []
    authors = [each.author for each in entries if each.author]
    yield from list_other_creators(
        authors, email, "documents[].author", "whoever imports has made the documents here"
    )
    for place, each in enumerate(entries):
        if each.status != "draft":
            yield NotCarried(
                kind="review",
                path=f"documents[{place}].status",
                name=each.title,
                count=1,
                reason="nobody has reviewed it here, so that it is a draft",
            )
