"""Events of items whose classes share a form: one function emits the creation, update or deletion of any of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stellary.contract.activities import EntityKind
from stellary.contract.automations import Automation
from stellary.contract.columns import Column
from stellary.contract.custom_fields import CustomField
from stellary.contract.labels import Label
from stellary.contract.scopes import Scope
from stellary.core.kernel.events import ItemChanged
from stellary.core.kernel.unit import UnitOfWork

ProjectItem = Automation | Column | CustomField | Label | Scope

KINDS: Final[Mapping[type[ProjectItem], EntityKind]] = {
    Automation: "automation",
    Column: "column",
    CustomField: "custom_field",
    Label: "label",
    Scope: "scope",
}
"""The kind of each class, which its types of activities begin with."""


def emit_change(
    uow: UnitOfWork,
    workspace_id: str | None,
    before: ProjectItem | None,
    after: ProjectItem | None,
    **meta: object,
) -> None:
    """Emit the creation, update or deletion of an item; nothing if its states are equal.

    Args:
        uow: The unit of work.
        workspace_id: The workspace.
        before: The state before the change; None if the item was created.
        after: The state after the change; None if it was deleted.
        **meta: Further details of the activity.
    """
    item = after or before
    if item is None or before == after:
        return
    uow.emit(
        ItemChanged(
            workspace_id=workspace_id or "",
            project_id=item.project_id,
            kind=KINDS[type(item)],
            before=before,
            after=after,
            meta=meta,
        )
    )
