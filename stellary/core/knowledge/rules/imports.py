"""Documents of a project file: references within the file are resolved before anything is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import attrs

from stellary.contract.fields import build_value
from stellary.contract.project_imports import ImportedDocument, NotCarried, ProjectHeader
from stellary.contract.wire import UNSET, invalid, utc
from stellary.core.board.rules.import_cards import check_comment_count
from stellary.core.board.rules.import_losses import list_other_creators
from stellary.core.board.rules.import_references import index_ids, resolve_reference
from stellary.core.knowledge.rules.documents import NOT_REVIEWED, StoredDocument, check_tags, tag_keys
from stellary.core.knowledge.rules.markdown_reading import EMPTY


def build_documents(
    file: ProjectHeader,
    ids: Sequence[str],
    scope_ids: Sequence[str],
    common: Mapping[str, object],
    now: datetime,
) -> list[StoredDocument]:
    """Return the documents of a file, parents before their children.

    Args:
        file: The file to import.
        ids: The ids of its documents, in the order of the file.
        scope_ids: The ids of its scopes, in the order of the file.
        common: The fields that all documents share: workspace, author, last report.
        now: The time of the import.

    Raises:
        Invalid: A document refers to something that is not in the file, or is its own ancestor.
    """
    placements = check_documents(file, ids, scope_ids)
    new_documents = [
        _build_document(entry, id, placement, common, now)
        for entry, id, placement in zip(file.documents or (), ids, placements, strict=True)
    ]
    parents = [placement.parent for placement in placements]
    return [new_documents[index] for index in _parents_first(parents)]


@attrs.frozen
class DocumentPlacement:
    """The place of a document in the new project.

    Attributes:
        scope_id: The id of its scope; None for the project as a whole.
        parent: The index of its parent among the documents of the file; None without one.
        parent_id: The id of its parent.
    """

    scope_id: str | None
    parent: int | None
    parent_id: str | None


def check_documents(
    file: ProjectHeader, ids: Sequence[str], scope_ids: Sequence[str]
) -> list[DocumentPlacement]:
    """Return the places of the documents of a file, in the order of the file.

    Args:
        file: The file to import.
        ids: The ids of its documents.
        scope_ids: The ids of its scopes.

    Raises:
        Invalid: A document refers to something that is not in the file, or is its own ancestor.
    """
    entries = file.documents or []
    scopes, indexes = index_ids(file.scopes or (), "scopes"), index_ids(entries, "documents")
    check_comment_count(entries, "documents")
    placements = []
    for index, entry in enumerate(entries):
        path = f"documents[{index}]"
        check_tags(entry.tags or (), f"{path}.tags")
        scope_id, parent = None, None
        if entry.scope_id:
            scope_id = scope_ids[resolve_reference(scopes, entry.scope_id, f"{path}.scopeId", "scopes")]
        if entry.parent_id:
            parent = resolve_reference(indexes, entry.parent_id, f"{path}.parentId", "documents")
        placements.append(DocumentPlacement(scope_id, parent, None if parent is None else ids[parent]))
    _parents_first([placement.parent for placement in placements])
    return placements


def _build_document(
    entry: ImportedDocument,
    id: str,
    placement: DocumentPlacement,
    common: Mapping[str, object],
    now: datetime,
) -> StoredDocument:
    created = now if entry.created_at is UNSET else utc(entry.created_at)
    updated = created if entry.updated_at is UNSET else utc(entry.updated_at)
    tags = entry.tags or []
    return build_value(
        StoredDocument,
        entry,
        id=id,
        context_type="scope" if placement.scope_id else "project",
        context_id=placement.scope_id or common["project_id"],
        scope_id=placement.scope_id,
        parent_id=placement.parent_id,
        content=EMPTY if entry.content is UNSET else entry.content,
        tags=tags,
        tag_keys=tag_keys(tags),
        status="draft",
        submissions=0,
        **NOT_REVIEWED,
        version=1,
        created_at=created,
        updated_at=updated,
        **common,
    )


def _parents_first(parents: Sequence[int | None]) -> list[int]:
    """Return the indexes of the documents in an order in which parents precede their children.

    Raises:
        Invalid: The parents form a cycle.
    """
    ordered: dict[int, None] = {}
    for start in range(len(parents)):
        ancestors: dict[int, None] = {}
        index: int | None = start
        while index is not None and index not in ordered:
            if index in ancestors:
                raise invalid((f"documents[{index}].parentId", "must not create a cycle"))
            ancestors[index] = None
            index = parents[index]
        ordered.update(dict.fromkeys(reversed(ancestors)))
    return list(ordered)


def list_losses(file: ProjectHeader, email: str) -> Iterator[NotCarried]:
    """Yield a report for each loss in the documents of a file.

    Args:
        file: The file to import.
        email: The e-mail address of the caller.

    Yields:
        One entry for each kind of loss and document.
    """
    entries = file.documents or []
    authors = [entry.author for entry in entries if entry.author]
    yield from list_other_creators(
        authors, email, "documents[].author", "imported documents are created by the person who imports them"
    )
    for index, entry in enumerate(entries):
        if entry.status != "draft":
            yield NotCarried(
                kind="review",
                path=f"documents[{index}].status",
                name=entry.title,
                count=1,
                reason="imported documents are drafts, since they have not been reviewed here",
            )
