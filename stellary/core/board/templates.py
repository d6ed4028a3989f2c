"""Templates of new projects. Section Projects of the API reference."""

from __future__ import annotations

from collections.abc import Mapping

from stellary.contract.cards import CardStatus
from stellary.contract.paging import Listing, Paged
from stellary.contract.projects import (
    LIST_TEMPLATES,
    ProjectTemplate,
    TemplateColumn,
    TemplateId,
    TemplateLabel,
)
from stellary.contract.refs import WorkspaceRef
from stellary.core.accounts import access
from stellary.core.kernel.paging import page_of
from stellary.core.kernel.unit import UnitOfWork, serves


def _columns(*columns: tuple[str, CardStatus]) -> list[TemplateColumn]:
    return [TemplateColumn(name=name, card_status=status) for name, status in columns]


def _labels(**colors: str) -> list[TemplateLabel]:
    return [TemplateLabel(name=name.replace("_", " "), color=color) for name, color in colors.items()]


TEMPLATES: Mapping[TemplateId, ProjectTemplate] = {
    template.id: template
    for template in (
        ProjectTemplate(
            id="simple",
            name="Simple",
            description="Three columns, for anything that has to be done.",
            columns=_columns(("To Do", "open"), ("In Progress", "in_progress"), ("Done", "done")),
            labels=_labels(Important="#ef4444", Waiting="#f59e0b", Idea="#3b82f6"),
        ),
        ProjectTemplate(
            id="development",
            name="Development",
            description="From the backlog through review, for software.",
            columns=_columns(
                ("Backlog", "open"),
                ("To Do", "open"),
                ("In Progress", "in_progress"),
                ("In Review", "in_progress"),
                ("Done", "done"),
            ),
            labels=_labels(Bug="#ef4444", Feature="#22c55e", Improvement="#3b82f6", Chore="#6b7280"),
        ),
        ProjectTemplate(
            id="agency",
            name="Agency",
            description="From the brief to what is shipped, for work on behalf of clients.",
            columns=_columns(
                ("Brief", "open"),
                ("Design", "in_progress"),
                ("Development", "in_progress"),
                ("Client Review", "in_progress"),
                ("Shipped", "done"),
            ),
            labels=_labels(Design="#a855f7", Copy="#f59e0b", Development="#3b82f6", Urgent="#ef4444"),
        ),
    )
}


@serves(LIST_TEMPLATES)
def list_templates(uow: UnitOfWork, ref: WorkspaceRef, request: Paged) -> Listing[ProjectTemplate]:
    """Return the templates, the simplest one first."""
    access.workspace(uow, ref)
    return page_of(list(TEMPLATES.values()), request, lambda template: template.id)
