"""The access check for a file on a card."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import FromClause, and_, bindparam

from stellary.contract.errors import NotFound
from stellary.contract.refs import AttachmentRef, Ref
from stellary.core.accounts.access_checks import (
    WORKSPACE_ID,
    Loaded,
    check_role,
    load_with_roles,
    through_workspace,
)
from stellary.core.board.tables import attachments, cards, projects
from stellary.core.kernel.unit import UnitOfWork


def _to_attachment(source: FromClause) -> FromClause:
    return (
        source.outerjoin(
            projects, and_(projects.c.workspace_id == WORKSPACE_ID, projects.c.id == bindparam("_project_id"))
        )
        .outerjoin(cards, and_(cards.c.project_id == projects.c.id, cards.c.id == bindparam("_card_id")))
        .outerjoin(
            attachments,
            and_(attachments.c.card_id == cards.c.id, attachments.c.id == bindparam("_attachment_id")),
        )
    )


_ATTACHMENT = through_workspace(
    projects.c.id.label("of_project"),
    cards.c.id.label("of_card"),
    *attachments.c,
    joins=_to_attachment,
)


def attachment(uow: UnitOfWork, ref: AttachmentRef) -> Loaded[Any]:
    """Check access to a file; return its row.

    Raises:
        NotFound: The caller does not reach the workspace, or there is no such file on such a card.
        Forbidden: The caller's role is not enough.
    """
    row, roles = load_with_roles(
        uow,
        _ATTACHMENT,
        ref,
        _project_id=ref.project_id,
        _card_id=ref.card_id,
        _attachment_id=ref.attachment_id,
    )
    for value, name in ((row.of_project, "Project"), (row.of_card, "Card"), (row.id, "Attachment")):
        if value is None:
            raise NotFound(f"{name} not found")
    check_role(uow, roles, row.uploaded_by_id)
    return Loaded(row, roles)


ACCESS_BY_REF: Mapping[type[Ref], Callable[[UnitOfWork, Any], object]] = {AttachmentRef: attachment}
