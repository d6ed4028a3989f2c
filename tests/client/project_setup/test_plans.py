"""What plans say, and what they refuse."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from stellary import Stellary
from stellary.client import project_setup as ps
from stellary.core import Core
from tests.client.project_setup.conftest import workspace
from tests.client.project_setup.launch import LAUNCH, changed, made, refused


@pytest.fixture
def ws(sqlite_url: str) -> Iterator[Any]:
    """A workspace on SQLite: what is asked here asks nothing of the database."""
    core = Core(sqlite_url, bcrypt_rounds=4)
    try:
        yield workspace(core)
    finally:
        core.close()


def test_a_plan_is_printed_for_people(ws):
    assert str(ps.plan(ws, LAUNCH)).splitlines() == [
        'Project "Launch": 13 to create',
        '  + project "Launch"',
        '      key          "LAUNCH"',
        '      description  "Soon"',
        '  + field "Level"',
        '      type     "select"',
        "      options  [low, high]",
        '  + label "Bug"',
        '      color  "#ef4444"',
        '  + member "joe@example.com"',
        '  + scope "MVP" after "Main"',
        '      description  "First"',
        '      view         "list"',
        '  + column "Main / To do" at the beginning',
        '  + column "Main / Done" after "To do"',
        '      card_status  "done"',
        '  + column "MVP / Idea" at the beginning',
        '  + column "MVP / Done" after "Idea"',
        '  + card "Write"',
        '      column        "To do"',
        '      assignee      "joe@example.com"',
        "      labels        [bug]",
        '      fields.Level  "high"',
        "      checklist     [Ask]",
        '  + card "Ship"',
        '      column    "MVP / Done"',
        "      archived  true",
        '  + relation "Write" is the parent of "Ship"',
        '  + automation "Move on"',
        '      trigger  "checklist_complete"',
        '      action   "move_card"',
        '      params   {"targetColumn": {"column": "Done"}}',
    ]


def test_what_is_applied_is_told(ws):
    told, done = [], []
    plan = ps.plan(ws, LAUNCH)
    result = ps.apply(plan, told=told.append, progress=lambda *much: done.append(much))
    assert done[0] == (1, len(plan.changes))
    assert done == [(number, len(plan.changes)) for number in range(1, len(plan.changes) + 1)]
    assert tuple(told) == result.changes
    assert str(result) == f'Project "Launch" (LAUNCH): {len(told)} changes made'
    assert str(ps.apply(ps.plan(ws, LAUNCH))) == 'Project "Launch" (LAUNCH): nothing had to be changed'
    one = changed(labels=[ps.Label("New")])
    assert str(ps.apply(ps.plan(ws, one))) == 'Project "Launch" (LAUNCH): 1 change made'


def test_the_number_of_requests_does_not_grow_with_the_project(ws):
    client = Stellary.embedded(ws._caller.carrier._port)
    at = client.workspace("acme", "eng").project(made(ws).get())

    def asked(declaration) -> list[str]:
        with client.capture() as calls:
            ps.plan(at, declaration)
        return [call.operation for call in calls]

    few = asked(LAUNCH)
    assert sorted(few) == [
        "auth.me",
        "automations.list",
        "cards.list",
        "projects.board",
        "projects.export",
        "workspaces.list_members",
    ]
    cards = [ps.Card(f"Card {number}", blocks=[f"Card {number + 1}"]) for number in range(150)]
    many = changed(
        labels=[ps.Label(f"Label {number}") for number in range(150)], cards=[*cards, ps.Card("Card 150")]
    )
    with client.capture() as calls:
        ps.apply(ps.plan(at, many))
    assert sum(call.operation == "cards.create_many" for call in calls) == 1
    assert asked(many) == ["projects.board", "cards.list", "projects.export"]
    assert asked(changed(labels=[])) == ["projects.board"]


def test_what_is_not_named_is_not_even_pruned(ws):
    assert not ps.plan(made(ws), changed(), prune=True)


def test_projects_are_found_by_key_name_or_what_they_were_called(ws):
    at = made(ws)
    renamed = ps.plan(ws, ps.Declaration(ps.Project("Start", was="Launch", description=None)))
    assert str(renamed).splitlines()[1:] == [
        '  ~ project "Start"',
        '      name         "Launch" -> "Start"',
        '      description  "Soon" -> none',
    ]
    ps.apply(renamed)
    assert at.get().name == "Start"
    assert ps.plan(ws, ps.Declaration(ps.Project("Launch", key="LAUNCH"))).key == "LAUNCH"
    assert refused(at, ps.Declaration(ps.Project("Start", key="OTHER"))) == [
        "project.key: the project has the key LAUNCH, which it keeps"
    ]
    ws.projects.create(name="Start", key="TWO")
    assert refused(ws, ps.Declaration(ps.Project("Start"))) == [
        'project: there are several projects "Start"; say by "key" which one: LAUNCH, TWO'
    ]


def test_what_the_project_does_not_have_is_told(ws):
    at = made(ws)
    assert refused(
        at,
        changed(
            cards=[
                ps.Card("Write", labels=["Bgu"], fields={"Level": "middle", "Lvl": 1}, assignee="Bob"),
                ps.Card("Other", column="Dne", blocks=["LAUNCH-7"]),
                ps.Card("Third", scope="Nowhere", start_date=date(2026, 5, 5)),
            ],
            automations=[
                ps.Automation(
                    "R", "task_moved", ps.Action("x", {"a": {"member": "Bob"}, "b": {"scope": "No"}})
                ),
            ],
            members=["bob@example.com"],
        ),
    ) == [
        "members[0]: nobody in the workspace is \"bob@example.com\"; did you mean 'joe@example.com'?",
        'cards[0].assignee: nobody in the workspace is "Bob"',
        "cards[0].labels[0]: the project has no label \"Bgu\"; did you mean 'Bug'?",
        "cards[0].fields.Level: must be one of the field's options",
        "cards[0].fields.Lvl: the project has no field \"Lvl\"; did you mean 'Level'?",
        "cards[1].column: the project has no column \"Dne\"; did you mean 'Done'?",
        'cards[2].scope: the project has no scope "Nowhere"',
        'cards[1].blocks[0]: the project has no card "LAUNCH-7"',
        'automations[0].action.params.a: nobody in the workspace is "Bob"',
        'automations[0].action.params.b: the project has no scope "No"',
    ]


def test_dates_that_contradict_those_that_are_there_are_told(ws):
    cards = [ps.Card("A", start_date=date(2026, 3, 1), due_date=date(2026, 4, 1))]
    at = made(ws, ps.Declaration(ps.Project("Launch"), columns=[ps.Column("To do")], cards=cards))
    early, late = (
        changed(cards=[ps.Card("A", due_date=date(2026, 1, 1))]),
        changed(cards=[ps.Card("A", start_date=date(2026, 5, 1))]),
    )
    assert refused(at, early) == ["cards[0].due_date: must not be before start_date, which is 2026-03-01"]
    assert refused(at, late) == ["cards[0].start_date: must not be after due_date, which is 2026-04-01"]


def test_all_pages_of_what_there_is_are_read(ws, monkeypatch):
    at = made(ws)
    ws.projects.create(name="Other")
    monkeypatch.setattr("stellary.client.project_setup._steps.PAGE_SIZE", 1)
    assert not ps.plan(ws, LAUNCH)
    assert not ps.plan(ws, ps.describe(at), prune=True)


def test_people_of_one_name_are_told_apart_by_their_addresses(ws):
    at = made(ws)
    client = Stellary.embedded(ws._caller.carrier._port)
    client.auth.update_me(name="joe")
    assert refused(at, changed(cards=[ps.Card("Write", assignee="Joe")])) == [
        'cards[0].assignee: several people are called "Joe"; use an e-mail address'
    ]


def test_rules_refer_by_names_and_are_compared_by_ids(ws):
    fields = ps.Field("Level", "select", options=["low", "high"])
    rule = ps.Automation(
        "R",
        "task_moved",
        ps.Action("add_comment", {"content": "x", "cardId": {"card": "A"}}),
        conditions={
            "any": [
                {"field": "customFields.Level", "op": "eq", "value": "high"},
                {"field": "labelIds", "op": "contains", "value": {"label": "Bug"}},
                {"field": "assigneeId", "op": "in", "value": [{"member": "joe@example.com"}]},
                {"field": "scopeId", "op": "eq", "value": {"scope": "MVP"}},
                {"field": "columnId", "op": "eq", "value": {"column": "Idea", "scope": "MVP"}},
            ]
        },
    )
    wanted = ps.Declaration(
        ps.Project("Rules"),
        scopes=[ps.Scope("MVP"), ps.Scope("MVP 2", columns=[ps.Column("Idea")])],
        columns=[ps.Column("Idea")],
        labels=[ps.Label("Bug")],
        fields=[fields],
        cards=[ps.Card("A")],
        automations=[rule],
    )
    at = made(ws, wanted)
    assert not ps.plan(at, wanted)
    (found,) = ps.describe(at).automations
    leaves = found.conditions["any"]
    assert [leaves[0]["field"], *(leaf["value"] for leaf in leaves[1:])] == [
        "customFields.Level",
        {"label": "Bug"},
        [{"member": "joe@example.com"}],
        {"scope": "MVP"},
        {"column": "Idea"},
    ]
    assert found.action.params["cardId"] == {"card": "RUL-1"}
    other = ps.Declaration(
        ps.Project("Rules"), automations=[ps.Automation("R", "task_moved", rule.action, conditions=None)]
    )
    (change,) = ps.plan(at, other).changes
    assert [each.name for each in change.differences] == ["conditions"]


def test_cards_of_a_scope_that_goes_find_a_column_that_nobody_declares(ws):
    at = made(ws)
    plan = ps.plan(at, changed(scopes=[ps.Scope("Main")]), prune=True)
    assert [str(each) for each in plan.changes] == ['- scope "MVP" (its card goes to "Main / To do")']
    at.columns.create(name="Idle", scope_id=at.scopes.create(name="Side").id)
    none = changed(scopes=[ps.Scope("Main", columns=[]), ps.Scope("Side")])
    assert '- column "Main / To do" (its card goes to "Side / To do")' in str(ps.plan(at, none, prune=True))


def test_a_plan_shows_itself_in_a_notebook(ws):
    shown = ps.plan(ws, LAUNCH)._repr_mimebundle_()
    assert "Plan for Launch" in shown["text/plain"]
    assert "Plan for Launch" in shown["text/html"]


def test_the_columns_of_the_default_scope_are_declared_in_one_place(ws):
    scopes = [ps.Scope("Main", columns=[ps.Column("To do")])]
    assert refused(made(ws), changed(scopes=scopes, columns=[ps.Column("Done")])) == [
        "columns: are those of scopes[0], which names its own"
    ]


def test_a_required_value_is_not_cleared(ws):
    at = made(ws)
    fields = [ps.Field("Level", "select", options=["low", "high"], required=True)]
    cleared = [ps.Card("Write", fields={"level": None})]
    said = ["cards[0].fields.level: must not be cleared, since the field is required"]
    assert refused(at, changed(fields=fields, cards=cleared)) == said
    ps.apply(ps.plan(at, changed(fields=fields)))
    assert refused(at, changed(cards=cleared)) == said
    assert refused(at, changed(fields=[ps.Field("Level", "select", options=["low"])], cards=cleared)) == said
    needed = ["cards[0].fields.Level: is required of every new card"]
    for fields_of_card in ({}, {"level": None}):
        new = [ps.Card("New", column="Done", fields=fields_of_card)]
        assert refused(at, changed(cards=new)) == needed
    new = [ps.Card("New", column="Done", fields={"level": "low"})]
    assert ps.plan(at, changed(cards=new))


def test_the_default_scope_stays_the_default_one(ws):
    at = made(ws)
    assert refused(at, changed(scopes=[ps.Scope("MVP", default=True)])) == [
        'scopes[0].default: the default scope of this project is "Main", and another one cannot become it'
    ]
    ps.apply(ps.plan(at, changed(scopes=[ps.Scope("Base", default=True)])))
    assert at.scopes.list()[0].name == "Base"


def test_a_project_of_which_no_columns_are_declared_has_some(ws):
    at = made(ws, ps.Declaration(ps.Project("Plain"), scopes=[ps.Scope("Only", view="stats")]))
    (scope,) = at.board().scopes
    assert (scope.name, scope.active_view) == ("Only", "stats")
    assert [column.name for column in scope.columns] == ["To Do", "In Progress", "Done"]
    assert refused(ws, ps.Declaration(ps.Project("Other"), columns=[], cards=[ps.Card("A")])) == [
        "cards[0]: there is no column to put it in"
    ]


def test_a_path_is_read(ws, tmp_path):
    path = tmp_path / "launch.yaml"
    path.write_text(ps.dumps(LAUNCH))
    assert ps.plan(ws, path).changes == ps.plan(ws, str(path)).changes == ps.plan(ws, LAUNCH).changes
    assert ps.plan(ws, {"project": "Launch"}).changes[0].name == "Launch"
