"""Invalid project files: each problem is reported with its path, in one sentence."""

import itertools

import pytest

from stellary.contract.errors import Invalid
from stellary.contract.project_imports import ImportProject
from stellary.contract.wire import load
from stellary.core.board.rules import import_cards
from stellary.core.board.rules import imports as import_rules
from stellary.core.board.rules.imports import Importer, plan_import
from tests.core.board.card_api import NOW
from tests.core.board.project_files import one_card
from tests.support.each_case import for_each

_ids = itertools.count()
ANN = Importer(
    user_id="u",
    name="ann",
    email="ann@example.com",
    project_id="p",
    assignees={},
    new_id=lambda: f"{next(_ids):024x}",
    now=NOW,
)


def refusal(file):
    with pytest.raises(Invalid) as refused:
        plan_import(load(ImportProject, file), ANN, "Main")
    return refused.value.message


WRONG = {
    "columnId": (one_card(columnId="c"), "cards[0].columnIndex must not be given together with columnId"),
    "index": (
        one_card(columnIndex=1),
        "cards[0].columnIndex must be the index of one of the file's 1 columns, from 0",
    ),
    "no column": (
        {"project": {"name": "x"}, "cards": [{"title": "t"}]},
        "cards[0].columnIndex is required unless columnId is given",
    ),
    "unknown column": (
        {"project": {"name": "x"}, "cards": [{"title": "t", "columnId": "c"}]},
        "cards[0].columnId must be the id of one of the file's columns",
    ),
    "unknown scope": (
        {"project": {"name": "x"}, "columns": [{"name": "a", "scopeId": "s"}]},
        "columns[0].scopeId must be the id of one of the file's scopes",
    ),
    "an id twice": (
        {"project": {"name": "x"}, "columns": [{"name": "a", "id": "1"}, {"name": "b", "id": "1"}]},
        "columns[1].id must not be that of columns[0] as well",
    ),
    "two defaults": (
        {
            "project": {"name": "x"},
            "scopes": [{"name": "a", "isDefault": True}, {"name": "b", "isDefault": True}],
        },
        "scopes[1].isDefault must be true for one scope only",
    ),
    "a scope's dates": (
        {
            "project": {"name": "x"},
            "scopes": [{"name": "a", "startDate": "2026-02-01", "dueDate": "2026-01-01"}],
        },
        "scopes[0].startDate must not be after dueDate",
    ),
    "a view's settings": (
        {
            "project": {"name": "x"},
            "scopes": [{"name": "a", "views": [{"type": "list", "settings": {"x": "y" * 10_000}}]}],
        },
        "scopes[0].views[0].settings must have at most 50 names and 10000 bytes as JSON, with those that are kept",
    ),
    "a card's dates": (
        one_card(startDate="2026-02-01", dueDate="2026-01-01"),
        "cards[0].startDate must not be after dueDate",
    ),
    "unknown label": (
        one_card(labelIds=["l"]),
        "cards[0].labelIds[0] must be the id of one of the file's labels",
    ),
    "unknown field": (
        one_card(customFields={"f": 1}),
        "cards[0].customFields.f must be the id of one of the file's custom fields",
    ),
    "a value": (
        one_card(customFields={"f": "x"}) | {"customFields": [{"id": "f", "name": "F", "type": "number"}]},
        "cards[0].customFields.f must be a finite number",
    ),
    "options": (
        {"project": {"name": "x"}, "customFields": [{"name": "F", "type": "select"}]},
        "customFields[0].options must have 1 to 100 items",
    ),
    "label names": (
        {"project": {"name": "x"}, "labels": [{"name": "Bug"}, {"name": "bug"}]},
        "labels[1].name must not be that of labels[0] as well",
    ),
    "numbers": (
        {
            "project": {"name": "x"},
            "columns": [{"name": "a"}],
            "cards": [{"title": "t", "columnIndex": 0, "number": 3}] * 2,
        },
        "cards[1].number must not be that of cards[0] as well",
    ),
    "completed": (
        one_card(completedAt="2026-01-01"),
        "cards[0].completedAt must not be given unless status is done",
    ),
    "completed before": (
        one_card(status="done", createdAt="2026-01-02", completedAt="2026-01-01"),
        "cards[0].completedAt must not be before createdAt",
    ),
    "a target": (
        one_card(relations=[{"type": "blocks", "targetCardId": "k"}]),
        "cards[0].relations[0].targetCardId must be the id of one of the file's cards",
    ),
    "itself": (
        one_card(id="k", relations=[{"type": "blocks", "targetCardId": "k"}]),
        "cards[0].relations[0].targetCardId must be another card",
    ),
}


@for_each("name", WRONG)
def test_problem_is_reported_with_its_path(name):
    file, message = WRONG[name]
    assert refusal(file) == message


def related_cards(*relations):
    """Return a file of cards with relations: ``("0 blocks 1", ...)``."""
    count = 1 + max(int(place) for relation in relations for place in relation.split()[::2])
    cards = [{"id": f"k{place}", "title": "t", "columnIndex": 0, "relations": []} for place in range(count)]
    for relation in relations:
        source, type, target = relation.split()
        cards[int(source)]["relations"].append({"type": type, "targetCardId": f"k{target}"})
    return {"project": {"name": "x"}, "columns": [{"name": "a"}], "cards": cards}


REPEATED = "repeat cards[0].relations[0]"


@for_each(
    "relations, place, problem",
    [
        (("0 blocks 1", "1 blocked_by 0"), 1, REPEATED),
        (("0 duplicates 1", "1 duplicates 0"), 1, REPEATED),
        (
            ("0 parent_of 2", "1 parent_of 2"),
            1,
            "give a card a second parent, in addition to cards[0].relations[0]",
        ),
        (("0 blocks 1", "1 blocks 0"), 1, "create a cycle of blocks"),
        (
            ("3 blocks 0", "0 blocks 1", "1 blocks 2", "2 blocks 0", "2 blocks 4"),
            2,
            "create a cycle of blocks",
        ),
        (("0 parent_of 1", "1 parent_of 2", "2 parent_of 0"), 2, "create a cycle of parent_of"),
    ],
)
def test_invalid_relations_are_refused(relations, place, problem):
    assert refusal(related_cards(*relations)) == f"cards[{place}].relations[0] must not {problem}"


def test_number_of_comments_in_a_file_is_limited(monkeypatch):
    monkeypatch.setattr(import_cards, "IN_ALL_MAX", 2)
    comments = [[{"content": "Well."}] * count for count in (2, 3)]
    plan_import(load(ImportProject, one_card(columnIndex=0, comments=comments[0])), ANN, "Main")
    message = "cards must not have more than 2 comments in all"
    assert refusal(one_card(columnIndex=0, comments=comments[1])) == message


def test_number_of_relations_in_a_file_is_limited(monkeypatch):
    monkeypatch.setattr(import_rules, "IN_ALL_MAX", 2)
    file = related_cards("0 blocks 1", "0 blocks 2", "0 blocks 3")
    assert refusal(file) == "cards must not have more than 2 relations in all"
