"""The texts of plans, and the declarations that they refuse."""

from datetime import date
from typing import Any

import pytest

from stellary import Stellary
from stellary.client import project_setup as ps
from stellary.core import Core
from tests.client.project_setup.conftest import workspace
from tests.client.project_setup.launch import LAUNCH, create_project, declare, plan_problems


@pytest.fixture
def ws(sqlite_core: Core) -> Any:
    """A workspace on SQLite: these tests do not depend on the database."""
    return workspace(sqlite_core)


def test_plan_is_printed_as_text(ws):
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


def test_apply_reports_changes_and_progress(ws):
    changes, progress = [], []
    plan = ps.plan(ws, LAUNCH)
    result = ps.apply(plan, on_change=changes.append, progress=lambda *counts: progress.append(counts))
    assert progress[0] == (1, len(plan.changes))
    assert progress == [(number, len(plan.changes)) for number in range(1, len(plan.changes) + 1)]
    assert tuple(changes) == result.changes
    assert str(result) == f'Project "Launch" (LAUNCH): {len(changes)} changes made'
    assert str(ps.apply(ps.plan(ws, LAUNCH))) == 'Project "Launch" (LAUNCH): no changes were needed'
    one = declare(labels=[ps.Label("New")])
    assert str(ps.apply(ps.plan(ws, one))) == 'Project "Launch" (LAUNCH): 1 change made'


@pytest.mark.slow("plans a large project")
def test_number_of_requests_is_independent_of_project_size(ws):
    client = Stellary.embedded(ws._caller.carrier._port)
    at = client.workspace("acme", "eng").project(create_project(ws).get())

    def record_calls(declaration) -> list[str]:
        with client.capture() as calls:
            ps.plan(at, declaration)
        return [call.operation for call in calls]

    assert sorted(record_calls(LAUNCH)) == [
        "auth.me",
        "automations.list",
        "cards.list",
        "projects.board",
        "projects.export",
        "workspaces.list_members",
    ]
    cards = [ps.Card(f"Card {number}", blocks=[f"Card {number + 1}"]) for number in range(150)]
    many = declare(
        labels=[ps.Label(f"Label {number}") for number in range(150)], cards=[*cards, ps.Card("Card 150")]
    )
    with client.capture() as calls:
        ps.apply(ps.plan(at, many))
    assert sum(call.operation == "cards.create_many" for call in calls) == 1
    assert record_calls(many) == ["projects.board", "cards.list", "projects.export"]
    assert record_calls(declare(labels=[])) == ["projects.board"]


def test_undeclared_kinds_are_not_pruned(ws):
    assert not ps.plan(create_project(ws), declare(), prune=True)


def test_projects_are_found_by_key_name_or_previous_name(ws):
    at = create_project(ws)
    renamed = ps.plan(ws, ps.Declaration(ps.Project("Start", was="Launch", description=None)))
    assert str(renamed).splitlines()[1:] == [
        '  ~ project "Start"',
        '      name         "Launch" -> "Start"',
        '      description  "Soon" -> none',
    ]
    ps.apply(renamed)
    assert at.get().name == "Start"
    assert ps.plan(ws, ps.Declaration(ps.Project("Launch", key="LAUNCH"))).key == "LAUNCH"
    assert plan_problems(at, ps.Declaration(ps.Project("Start", key="OTHER"))) == [
        "project.key: the project has the key LAUNCH, which cannot be changed"
    ]
    ws.projects.create(name="Start", key="TWO")
    assert plan_problems(ws, ps.Declaration(ps.Project("Start"))) == [
        'project: there are several projects "Start"; set "key" to one of LAUNCH, TWO'
    ]


def test_unknown_names_are_problems(ws):
    assert plan_problems(
        create_project(ws),
        declare(
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
        "members[0]: the workspace has no person \"bob@example.com\"; did you mean 'joe@example.com' or 'ann@example.com' or 'jane@example.com'?",
        'cards[0].assignee: the workspace has no person "Bob"',
        "cards[0].labels[0]: the project has no label \"Bgu\"; did you mean 'Bug'?",
        "cards[0].fields.Level: must be one of the field's options",
        "cards[0].fields.Lvl: the project has no field \"Lvl\"; did you mean 'Level'?",
        "cards[1].column: the project has no column \"Dne\"; did you mean 'Done'?",
        'cards[2].scope: the project has no scope "Nowhere"',
        'cards[1].blocks[0]: the project has no card "LAUNCH-7"',
        'automations[0].action.params.a: the workspace has no person "Bob"',
        'automations[0].action.params.b: the project has no scope "No"',
    ]


def test_names_of_several_items_are_problems(ws):
    at = create_project(ws)
    scope = next(scope for scope in at.scopes.list() if scope.name == "Main")
    twins = [at.columns.create(name="Twin", scope_id=scope.id) for _ in range(2)]
    for column in twins:
        at.cards.create(column, title="Same")

    def plan(column, card):
        rule = ps.Automation("R", "task_moved", ps.Action("archive_card", {"cardId": {"card": card}}))
        return declare(cards=[ps.Card("New", column=column)], automations=[rule])

    assert plan_problems(at, plan("Twin", "Same")) == [
        'cards[0].column: there are several columns "Twin"; use its id',
        'automations[0].action.params.cardId: there are several cards "Same"; use its key',
    ]
    assert ps.plan(at, plan(twins[1].id, "LAUNCH-4")).changes


def test_dates_that_contradict_existing_dates_are_problems(ws):
    cards = [ps.Card("A", start_date=date(2026, 3, 1), due_date=date(2026, 4, 1))]
    at = create_project(ws, declare(columns=[ps.Column("To do")], cards=cards))
    early, late = (
        declare(cards=[ps.Card("A", due_date=date(2026, 1, 1))]),
        declare(cards=[ps.Card("A", start_date=date(2026, 5, 1))]),
    )
    assert plan_problems(at, early) == [
        "cards[0].due_date: must not be before start_date, which is 2026-03-01"
    ]
    assert plan_problems(at, late) == ["cards[0].start_date: must not be after due_date, which is 2026-04-01"]


def test_all_pages_are_read(ws, monkeypatch):
    at = create_project(ws)
    ws.projects.create(name="Other")
    monkeypatch.setattr("stellary.client.calling.frames.LIMIT_MAX", 1)
    assert not ps.plan(ws, LAUNCH)
    assert not ps.plan(ws, ps.describe(at), prune=True)


def test_people_with_the_same_name_need_addresses(ws):
    at = create_project(ws)
    Stellary.embedded(ws._caller.carrier._port).auth.update_me(name="joe")
    assert plan_problems(at, declare(cards=[ps.Card("Write", assignee="Joe")])) == [
        'cards[0].assignee: several people are called "Joe"; use an e-mail address'
    ]


def test_rules_contain_names_and_are_compared_by_ids(ws):
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
    declaration = ps.Declaration(
        ps.Project("Rules"),
        scopes=[ps.Scope("MVP"), ps.Scope("MVP 2", columns=[ps.Column("Idea")])],
        columns=[ps.Column("Idea")],
        labels=[ps.Label("Bug")],
        fields=[fields],
        cards=[ps.Card("A")],
        automations=[rule],
    )
    at = create_project(ws, declaration)
    assert not ps.plan(at, declaration)
    (described,) = ps.describe(at).automations
    leaves = described.conditions["any"]
    assert [leaves[0]["field"], *(leaf["value"] for leaf in leaves[1:])] == [
        "customFields.Level",
        {"label": "Bug"},
        [{"member": "joe@example.com"}],
        {"scope": "MVP"},
        {"column": "Idea"},
    ]
    assert described.action.params["cardId"] == {"card": "RUL-1"}
    other = ps.Declaration(
        ps.Project("Rules"), automations=[ps.Automation("R", "task_moved", rule.action, conditions=None)]
    )
    (change,) = ps.plan(at, other).changes
    assert [difference.name for difference in change.differences] == ["conditions"]


def test_rules_with_several_actions_are_created_compared_and_described(ws):
    move = ps.Action("move_card", {"targetColumn": {"column": "Idea"}})
    steps = [move, ps.Action("set_priority", {"priority": "high"})]

    def declare_rule(**actions):
        rule = ps.Automation("R", "task_created", **actions)
        return ps.Declaration(ps.Project("Rules"), columns=[ps.Column("Idea")], automations=[rule])

    at = create_project(ws, declare_rule(actions=steps))
    assert not ps.plan(at, declare_rule(actions=steps))
    assert ps.describe(at).automations[0].actions == steps
    (change,) = ps.plan(at, declare_rule(action=move)).changes
    assert [difference.name for difference in change.differences] == ["action 2", "params 2"]
    ps.apply(ps.plan(at, declare_rule(action=move)))
    assert not ps.plan(at, declare_rule(action=move))
    assert ps.describe(at).automations[0].action == move
    for wrong in ({}, {"action": move, "actions": steps}):
        with pytest.raises(ps.UnsuitableDeclaration, match="must have either action or actions"):
            ps.plan(at, declare_rule(**wrong))


def test_schedules_are_created_compared_and_described(ws):
    schedule = {"rule": "FREQ=DAILY", "cards": {"columnId": {"column": "Idea"}}}

    def declare_rule(schedule):
        rule = ps.Automation("R", "schedule", ps.Action("archive_card"), schedule=schedule)
        return ps.Declaration(ps.Project("Rules"), columns=[ps.Column("Idea")], automations=[rule])

    at = create_project(ws, declare_rule(schedule))
    assert not ps.plan(at, declare_rule(schedule))
    assert ps.describe(at).automations[0].schedule == {**schedule, "timeZone": "UTC"}
    weekly = {**schedule, "rule": "FREQ=WEEKLY"}
    (change,) = ps.plan(at, declare_rule(weekly)).changes
    assert [difference.name for difference in change.differences] == ["schedule"]
    ps.apply(ps.plan(at, declare_rule(weekly)))
    assert not ps.plan(at, declare_rule(weekly))


def test_cards_of_a_deleted_scope_move_to_an_undeclared_column(ws):
    at = create_project(ws)
    plan = ps.plan(at, declare(scopes=[ps.Scope("Main")]), prune=True)
    assert [str(change) for change in plan.changes] == ['- scope "MVP" (its card goes to "Main / To do")']
    at.columns.create(name="Idle", scope_id=at.scopes.create(name="Side").id)
    none = declare(scopes=[ps.Scope("Main", columns=[]), ps.Scope("Side")])
    assert '- column "Main / To do" (its card goes to "Side / To do")' in str(ps.plan(at, none, prune=True))


def test_the_columns_of_the_default_scope_are_declared_in_one_place(ws):
    scopes = [ps.Scope("Main", columns=[ps.Column("To do")])]
    assert plan_problems(create_project(ws), declare(scopes=scopes, columns=[ps.Column("Done")])) == [
        "columns: are those of scopes[0], which declares its own"
    ]


def test_a_required_value_is_not_cleared(ws):
    at = create_project(ws)
    fields = [ps.Field("Level", "select", options=["low", "high"], required=True)]
    cleared = [ps.Card("Write", fields={"level": None})]
    problems = ["cards[0].fields.level: must not be cleared, since the field is required"]
    assert plan_problems(at, declare(fields=fields, cards=cleared)) == problems
    ps.apply(ps.plan(at, declare(fields=fields)))
    assert plan_problems(at, declare(cards=cleared)) == problems
    target = declare(fields=[ps.Field("Level", "select", options=["low"])], cards=cleared)
    assert plan_problems(at, target) == problems
    needed = ["cards[0].fields.Level: is required for every new card"]
    for fields_of_card in ({}, {"level": None}):
        new = [ps.Card("New", column="Done", fields=fields_of_card)]
        assert plan_problems(at, declare(cards=new)) == needed
    new = [ps.Card("New", column="Done", fields={"level": "low"})]
    assert ps.plan(at, declare(cards=new))


def test_recurrences_are_declared_and_described(ws):
    series = {"rule": "FREQ=WEEKLY", "timeZone": "Europe/Berlin", "until": "2099-12-24"}
    declaration = declare(columns=[ps.Column("To do")], cards=[ps.Card("Report", recurrence=series)])
    at = create_project(ws, declaration)
    (card,) = at.cards.list()
    assert card.recurrence.rule.startswith("FREQ=WEEKLY;BYDAY=")
    assert not ps.plan(at, declaration)
    described = ps.describe(at)
    assert described.cards[0].recurrence == series | {"rule": card.recurrence.rule}
    assert not ps.plan(at, ps.files.loads(ps.dumps(described).encode(), ".yaml"))
    # An earlier card of the series has the same title.
    at.column(card.column_id).cards.create(title="Report", status="done")
    at.cards.update(card, order=1)
    daily = declare(cards=[ps.Card("Report", recurrence={"rule": "FREQ=DAILY"})])
    ps.apply(ps.plan(at, daily))
    rules = {item.key: item.recurrence and item.recurrence.rule for item in at.cards.list()}
    assert rules == {"LAU-1": "FREQ=DAILY", "LAU-2": None}
    assert not ps.plan(at, daily)
    earlier = [ps.Card("Report", key="LAU-2", recurrence={"rule": "FREQ=WEEKLY"})]
    assert plan_problems(at, declare(cards=earlier)) == [
        "cards[0].key: the series goes on with LAU-1; declare that card"
    ]
    wrong = [ps.Card("Other", recurrence={"rule": "FREQ=DAILY", "count": 3})]
    assert plan_problems(at, declare(cards=wrong)) == ["cards[0].recurrence: cannot have count in a set-up"]
    ps.apply(ps.plan(at, declare(cards=[ps.Card("Report", key="LAU-1", recurrence=None)])))
    assert at.card("LAU-1").get().recurrence is None


def test_new_project_starts_with_its_template(ws):
    create_project(ws).save_template(name="Client")
    project = ps.Project("Next", key="NEXT", template="Client")
    declaration = ps.Declaration(project, labels=[ps.Label("Bug", color="#00ff00"), ps.Label("New")])
    plan = ps.plan(ws, declaration)
    assert "Client" in str(plan)
    at = ws.project(ps.apply(plan).project)
    assert (at.get().key, at.get().description) == ("NEXT", "Soon")
    assert {label.name: label.color for label in at.labels.list()}["Bug"] == "#00ff00"
    assert ([card.title for card in at.cards.list()], len(at.automations.list())) == (["Write"], 1)
    assert not ps.plan(ws, declaration)
    other = ps.Declaration(ps.Project("Other", template="None"))
    assert plan_problems(ws, other) == ['project.template: there is no template "None"']


def test_the_default_scope_stays_the_default_one(ws):
    at = create_project(ws)
    assert plan_problems(at, declare(scopes=[ps.Scope("MVP", default=True)])) == [
        'scopes[0].default: the default scope of this project is "Main", and no other scope can become it'
    ]
    ps.apply(ps.plan(at, declare(scopes=[ps.Scope("Base", default=True)])))
    assert at.scopes.list()[0].name == "Base"


def test_project_without_declared_columns_gets_default_ones(ws):
    at = create_project(ws, ps.Declaration(ps.Project("Plain"), scopes=[ps.Scope("Only", view="stats")]))
    (scope,) = at.board().scopes
    assert (scope.name, scope.active_view) == ("Only", "stats")
    assert [column.name for column in scope.columns] == ["To Do", "In Progress", "Done"]
    assert plan_problems(ws, ps.Declaration(ps.Project("Other"), columns=[], cards=[ps.Card("A")])) == [
        "cards[0]: the scope has no column for it"
    ]


def test_path_is_read(ws, tmp_path):
    path = tmp_path / "launch.yaml"
    path.write_text(ps.dumps(LAUNCH))
    assert ps.plan(ws, path).changes == ps.plan(ws, str(path)).changes == ps.plan(ws, LAUNCH).changes
    assert ps.plan(ws, {"project": "Launch"}).changes[0].name == "Launch"
