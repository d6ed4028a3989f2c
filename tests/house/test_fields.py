"""Fields of values are exported, imported and declared, unless there is a reason why not."""

from collections.abc import Mapping

import pytest

from stellary.client import project_setup
from stellary.contract import (
    automations,
    cards,
    checklists,
    columns,
    comments,
    custom_fields,
    documents,
    labels,
    project_exports,
    project_imports,
    projects,
    scopes,
)
from stellary.contract.fields import field_names

EXPORTS: Mapping[type, type] = {
    projects.Project: project_exports.FileProject,
    scopes.Scope: project_exports.FileScope,
    columns.Column: project_exports.FileColumn,
    labels.Label: project_exports.FileLabel,
    custom_fields.CustomField: project_exports.FileCustomField,
    cards.Card: project_exports.FileCard,
    checklists.ChecklistItem: project_exports.FileChecklistItem,
    comments.Comment: project_exports.FileComment,
    comments.DocumentComment: project_exports.FileComment,
    documents.Document: project_exports.FileDocument,
    automations.Automation: project_exports.FileAutomation,
}
"""The class as which a file contains a value."""

IMPORTS: Mapping[type, type] = {
    kind: getattr(project_imports, kind.__name__.replace("File", "Imported")) for kind in EXPORTS.values()
}
"""The class as which an import reads what a file contains."""

DECLARATIONS: Mapping[type, type] = {
    projects.UpdateProject: project_setup.Project,
    scopes.UpdateScope: project_setup.Scope,
    columns.UpdateColumn: project_setup.Column,
    labels.UpdateLabel: project_setup.Label,
    custom_fields.UpdateCustomField: project_setup.Field,
    cards.UpdateCard: project_setup.Card,
    automations.UpdateAutomation: project_setup.Automation,
}
"""The class as which a project set-up declares what a request changes."""

_LISTED = "the file lists items in order"
_NEW = "an import creates a new item"
_IN_FILE = "the file is about one project"
_REVIEWED = "imported documents are drafts"

EXCEPTIONS: Mapping[str, str] = {
    "Project.id": _NEW,
    "Automation.references": _NEW,
    "Automation.broken": _NEW,
    "Automation.next_run_at": _NEW,
    "Automation.problem": _NEW,
    "Project.workspace_id": "an import names the workspace",
    "Project.member_count": "counted from the members of the file",
    "Project.created_at": _NEW,
    "Project.updated_at": _NEW,
    "Scope.project_id": _IN_FILE,
    "Scope.order": _LISTED,
    "Scope.columns": "the file lists columns by scope",
    "Scope.created_at": _NEW,
    "Scope.updated_at": _NEW,
    "Column.project_id": _IN_FILE,
    "Column.order": _LISTED,
    "Column.card_count": "counted from the cards of the file",
    "Column.card_estimate": "added up from the cards of the file",
    "Column.created_at": _NEW,
    "Column.updated_at": _NEW,
    "Label.project_id": _IN_FILE,
    "Label.created_at": _NEW,
    "Label.updated_at": _NEW,
    "CustomField.project_id": _IN_FILE,
    "CustomField.option_ids": _NEW,
    "CustomField.created_at": _NEW,
    "CustomField.updated_at": _NEW,
    "Card.key": "made of the project's key and the number",
    "Card.project_id": _IN_FILE,
    "Card.scope_id": "that of the column",
    "Card.order": _LISTED,
    "Card.assignee_id": "exported as assignee, by e-mail address",
    "Card.created_by_id": "exported as created_by, by name",
    "Card.checklist_progress": "counted from the checklist",
    "Card.comment_count": "counted from the comments of the file",
    "Card.attachment_count": "the content of attachments is not in the file",
    "Card.version": _NEW,
    "Card.updated_at": _NEW,
    "ChecklistItem.id": _NEW,
    "ChecklistItem.order": _LISTED,
    "Comment.id": _NEW,
    "Comment.card_id": "the file lists comments by card",
    "Comment.author_id": "exported as author, by name",
    "Comment.author_name": "exported as author, by name",
    "Comment.imported_from": "exported as author, by name",
    "DocumentComment.id": _NEW,
    "DocumentComment.document_id": "the file lists comments by document",
    "DocumentComment.author_id": "exported as author, by name",
    "DocumentComment.author_name": "exported as author, by name",
    "DocumentComment.imported_from": "exported as author, by name",
    "Document.context_type": "exported as scope_id",
    "Document.context_id": "exported as scope_id",
    "Document.workspace_id": _IN_FILE,
    "Document.project_id": _IN_FILE,
    "Document.author_id": "exported as author, by name",
    "Document.author_name": "exported as author, by name",
    "Document.reviewer_id": _REVIEWED,
    "Document.reviewer_name": _REVIEWED,
    "Document.review_notes": _REVIEWED,
    "Document.submitted_at": _REVIEWED,
    "Document.reviewed_at": _REVIEWED,
    "Document.version": _NEW,
    "Document.content_format": "the content is always TipTap",
    "Automation.id": _NEW,
    "Automation.project_id": _IN_FILE,
    "Automation.owner_id": "exported as owner, by name",
    "Automation.created_at": _NEW,
    "Automation.updated_at": _NEW,
    "UpdateScope.order": "declared by the order of the list",
    "UpdateColumn.order": "declared by the order of the list",
    "UpdateCustomField.option_ids": "a declaration names options",
    "UpdateProject.archived": "a set-up is about a project in use",
    "UpdateCard.assignee_id": "declared as assignee, by e-mail address or name",
    "UpdateCard.column_id": "declared as column, by name",
    "UpdateCard.order": "people arrange the cards of a column",
    "UpdateCard.before": "people arrange the cards of a column",
    "UpdateCard.after": "people arrange the cards of a column",
    "UpdateCard.label_ids": "declared as labels, by name",
    "UpdateCard.custom_fields": "declared as fields, by name",
    "UpdateCard.apply_to": "a set-up declares the last card of a series",
}
"""Fields that have no field of the same name in the other class, with the reason."""


@pytest.mark.parametrize(
    ("kind", "other"),
    [*EXPORTS.items(), *IMPORTS.items(), *DECLARATIONS.items()],
    ids=lambda kind: kind.__name__,
)
def test_fields_exist_in_the_other_class_or_have_a_reason(kind, other):
    missing = [name for name in field_names(kind) if name not in field_names(other)]
    assert [
        f"{kind.__name__}.{name}" for name in missing if f"{kind.__name__}.{name}" not in EXCEPTIONS
    ] == []


def test_exceptions_are_still_missing():
    classes = {
        kind.__name__: (kind, other) for table in (EXPORTS, DECLARATIONS) for kind, other in table.items()
    }
    stale = []
    for exception in EXCEPTIONS:
        kind, other = classes[exception.partition(".")[0]]
        name = exception.partition(".")[2]
        if name not in field_names(kind) or name in field_names(other):
            stale.append(exception)
    assert stale == []
