"""Rules of imports: conversion of a file to rows. All references are resolved before anything is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import attrs

from stellary.contract.cards import Card
from stellary.contract.columns import Column
from stellary.contract.comments import Comment
from stellary.contract.custom_fields import CustomField
from stellary.contract.fields import build_value
from stellary.contract.labels import DEFAULT_COLOR, Label
from stellary.contract.project_imports import (
    IN_ALL_MAX,
    ImportedColumn,
    ImportedScope,
    ImportProject,
    NotCarried,
)
from stellary.contract.scope_views import SetView
from stellary.contract.scopes import Scope
from stellary.contract.wire import invalid
from stellary.core.board.rules import custom_fields as field_rules
from stellary.core.board.rules.fields import new_item
from stellary.core.board.rules.import_cards import CardTargets, ColumnCounts, plan_cards, plan_comments
from stellary.core.board.rules.import_losses import list_losses
from stellary.core.board.rules.import_references import Importer, index_ids, index_values, resolve_reference
from stellary.core.board.rules.import_relations import build_relations
from stellary.core.board.rules.relations import Edge
from stellary.core.board.rules.scopes import ViewSettings, apply_view, build_column, build_scope

NewRow = dict[str, object]


@attrs.frozen
class ImportPlan:
    """The rows that an import inserts. Cards have their positions, and comments the addresses of their authors."""

    scopes: Sequence[Scope]
    columns: Sequence[Column]
    labels: Sequence[Label]
    custom_fields: Sequence[CustomField]
    cards: Sequence[tuple[Card, int]]
    comments: Sequence[tuple[Comment, str | None]]
    relations: Sequence[NewRow]
    last_number: int
    not_carried: Sequence[NotCarried]


def plan_import(file: ImportProject, by: Importer, default_scope: str) -> ImportPlan:
    """Return the plan of an import: the rows to create, and the items that cannot be imported.

    Args:
        file: The file to import.
        by: The importing user.
        default_scope: The name of the scope of a file without scopes.

    Raises:
        Invalid: The file refers to an entry that it does not have, contradicts itself, or has unsupported values.
    """
    scopes = _scopes(file.scopes or [ImportedScope(name=default_scope)], by)
    columns = _columns(file.columns or (), file.scopes or (), scopes, by)
    labels = _labels(file, by)
    fields = _fields(file, by)
    cards = file.cards or []
    card_ids = by.ids(len(cards))
    targets = CardTargets(
        columns=columns,
        column_indexes=index_ids(file.columns or (), "columns"),
        label_ids={id: labels[index].id for id, index in index_ids(file.labels or (), "labels").items()},
        fields={
            id: fields[index] for id, index in index_ids(file.custom_fields or (), "customFields").items()
        },
    )
    card_positions = list(plan_cards(cards, card_ids, targets, by, file.project.last_number, ColumnCounts()))
    edges, outside = build_relations(cards, index_ids(cards, "cards"), card_ids, IN_ALL_MAX)
    return ImportPlan(
        scopes=scopes,
        columns=columns,
        labels=labels,
        custom_fields=list(fields),
        cards=card_positions,
        comments=list(plan_comments(Comment, "card", cards, card_ids, by)),
        relations=build_relation_rows(edges, by),
        last_number=max([file.project.last_number, *(card.number for card, _ in card_positions)]),
        not_carried=[*outside, *list_losses(cards, by.assignees, by.email)],
    )


def build_relation_rows(edges: Sequence[Edge], by: Importer) -> list[NewRow]:
    """Return the rows of relations that an import creates.

    Args:
        edges: The relations.
        by: The importing user.
    """
    creation = {"created_by_id": by.user_id, "created_at": by.now}
    return [{"id": by.new_id(), **attrs.asdict(edge), **creation} for edge in edges]


# ---------------------------------------------------------------------------------------------- what cards refer to


def _scopes(scopes: Sequence[ImportedScope], by: Importer) -> list[Scope]:
    defaults = [index for index, scope in enumerate(scopes) if scope.is_default] or [0]
    if len(defaults) > 1:
        raise invalid((f"scopes[{defaults[1]}].isDefault", "must be true for one scope only"))
    new_scopes: list[Scope] = []
    for scope_index, scope in enumerate(scopes):
        settings: ViewSettings = {}
        path = f"scopes[{scope_index}]."
        for view_index, view in enumerate(scope.views or ()):
            remembered = SetView(type=view.type, settings=view.settings)
            settings = apply_view(scope.active_view, settings, remembered, f"{path}views[{view_index}].")[1]
        new_scope = build_scope(
            by,
            scope,
            by.project_id,
            scope_index,
            is_default=scope_index == defaults[0],
            active_view=scope.active_view,
            settings=settings,
            path=path,
        )
        new_scopes.append(new_scope)
    return new_scopes


def _columns(
    columns: Sequence[ImportedColumn],
    scopes: Sequence[ImportedScope],
    new_scopes: Sequence[Scope],
    by: Importer,
) -> list[Column]:
    scope_indexes = index_ids(scopes, "scopes")
    default = next(scope for scope in new_scopes if scope.is_default)
    counts = Counter[str]()
    new_columns: list[Column] = []
    for column_index, column in enumerate(columns):
        scope = default
        if column.scope_id:
            path = f"columns[{column_index}].scopeId"
            scope = new_scopes[resolve_reference(scope_indexes, column.scope_id, path, "scopes")]
        new_columns.append(build_column(by, column, by.project_id, scope.id, counts[scope.id]))
        counts[scope.id] += 1
    return new_columns


def _labels(file: ImportProject, by: Importer) -> list[Label]:
    entries = file.labels or []
    index_values((label.name.casefold() for label in entries), "labels", "name")
    return [
        build_value(
            Label, label, project_id=by.project_id, color=label.color or DEFAULT_COLOR, **new_item(by)
        )
        for label in entries
    ]


def _fields(file: ImportProject, by: Importer) -> list[CustomField]:
    entries = file.custom_fields or []
    index_values((field.name.casefold() for field in entries), "customFields", "name")
    return [
        field_rules.build_field(by, field, by.project_id, f"customFields[{index}].")
        for index, field in enumerate(entries)
    ]
