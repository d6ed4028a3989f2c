"""Plans say what has to be done, and are made so: on both databases, in both colours."""

from __future__ import annotations

from datetime import date

import pytest

from stellary import AsyncStellary, NotFound, StalePlan, Stellary, UnsuitableDeclaration
from stellary.client import project_setup as ps
from stellary.contract.unset import UNSET
from tests.client.project_setup.conftest import workspace

LAUNCH = ps.Declaration(
    ps.Project("Launch", key="LAUNCH", description="Soon"),
    scopes=[
        ps.Scope("Main", default=True, columns=[ps.Column("To do"), ps.Column("Done", card_status="done")]),
        ps.Scope("MVP", description="First", view="list", columns=[ps.Column("Idea"), ps.Column("Done")]),
    ],
    labels=[ps.Label("Bug", color="#ef4444")],
    fields=[ps.Field("Level", "select", options=["low", "high"])],
    cards=[
        ps.Card(
            "Write", labels=["bug"], fields={"level": "high"}, assignee="joe", checklist=[ps.Step("Ask")]
        ),
        ps.Card("Ship", scope="MVP", column="Done", parent="Write", archived=True),
    ],
    automations=[
        ps.Automation(
            "Move on", "checklist_complete", ps.Action("move_card", {"targetColumn": {"column": "Done"}})
        )
    ],
    members=["jane@example.com", "joe@example.com"],
)


def made(ws, declaration=LAUNCH):
    return ws.project(ps.apply(ps.plan(ws, declaration)).project)


def changed(**what):
    return ps.Declaration(ps.Project("Launch"), **what)


def refused(at, declaration, prune=False):
    with pytest.raises(UnsuitableDeclaration) as caught:
        ps.plan(at, declaration, prune=prune)
    return [": ".join(each) for each in caught.value.problems]


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


def test_differences_are_printed_with_what_there_was(ws):
    at = made(ws)
    wanted = changed(
        scopes=[
            ps.Scope("Release", was="MVP", due_date=date(2026, 4, 1)),
            ps.Scope(
                "Main", columns=[ps.Column("Done"), ps.Column("To do", wip_limit=5), ps.Column("Review")]
            ),
        ],
        labels=[ps.Label("bug", color="#00ff00")],
        cards=[
            ps.Card("Write", column="Done", assignee=None, checklist=["Ask", ps.Step("Tell", done=True)]),
            ps.Card("Ship", scope="Release", column="Idea"),
        ],
        automations=[
            ps.Automation(
                "Move on",
                "checklist_complete",
                ps.Action("move_card", {"targetColumn": {"column": "To do"}}),
                enabled=False,
            )
        ],
    )
    plan = ps.plan(at, wanted, prune=True)
    assert str(plan).splitlines() == [
        'Project "Launch" (LAUNCH): 1 to create, 5 to update, 3 to move',
        '  ~ label "bug"',
        '      name   "Bug" -> "bug"',
        '      color  "#ef4444" -> "#00ff00"',
        '  ~ scope "Release"',
        '      name      "MVP" -> "Release"',
        "      due_date  none -> 2026-04-01",
        '  > scope "Main" after "Release"',
        '  ~ column "Main / To do"',
        "      wip_limit  none -> 5",
        '  > column "Main / To do" after "Done"',
        '  + column "Main / Review" after "To do"',
        '  ~ card "Write"',
        '      column     "To do" -> "Done"',
        '      assignee   "joe@example.com" -> none',
        "      checklist  [Ask] -> [Ask, [x] Tell]",
        '  > card "Ship"',
        '      column  "Release / Done" -> "Release / Idea"',
        '  ~ automation "Move on"',
        '      params   {"targetColumn": {"column": "Done"}} -> {"targetColumn": {"column": "To do"}}',
        "      enabled  true -> false",
    ]
    ps.apply(plan)
    assert str(ps.plan(at, wanted, prune=True)) == 'Project "Launch" (LAUNCH): nothing to do'
    board = at.board()
    assert [scope.name for scope in board.scopes] == ["Release", "Main"]
    assert [column.name for column in board.scopes[1].columns] == ["Done", "To do", "Review"]
    (card,) = board.cards
    assert (card.status, [step.title for step in card.checklist]) == ("done", ["Ask", "Tell"])


def test_what_is_applied_is_told(ws):
    told, done = [], []
    plan = ps.plan(ws, LAUNCH)
    result = ps.apply(plan, told=told.append, progress=lambda *much: done.append(much))
    assert done[0] == (1, len(plan.changes))
    assert done[-1] == (len(told), len(told))
    assert tuple(told) == result.changes
    assert str(result) == f'Project "Launch" (LAUNCH): {len(told)} changes made'
    assert str(ps.apply(ps.plan(ws, LAUNCH))) == 'Project "Launch" (LAUNCH): nothing had to be changed'
    one = changed(labels=[ps.Label("New")])
    assert str(ps.apply(ps.plan(ws, one))) == 'Project "Launch" (LAUNCH): 1 change made'


async def test_the_same_by_awaiting(core):
    workspace(core)
    jane = core.user(external_id="jane@example.com", email="jane@example.com")
    async with AsyncStellary.embedded(core.port(jane)) as client:
        ws = client.workspace("acme", "eng")
        plan = await ps.plan(ws, LAUNCH)
        assert plan
        applied = await ps.apply(plan)
        found = await ps.describe(ws.project(applied.project))
        assert not await ps.plan(ws, found, prune=True)
        await ws.project(applied.project).labels.create(name="New")
        again = await ps.plan(ws, found, prune=True)
        assert [str(each) for each in again.changes] == ['- label "New"']
        await ws.project(applied.project).delete()
        with pytest.raises(NotFound):
            await ps.plan(ws.project(applied.project), found)


def test_a_plan_whose_things_have_changed_is_refused(ws):
    at = made(ws)
    (card,) = at.board().cards
    plan = ps.plan(at, changed(cards=[ps.Card("Write", priority="high")]))
    at.cards.update(card, priority="low")
    with pytest.raises(StalePlan, match="the project has changed since this plan was made; plan again"):
        ps.apply(plan)
    assert at.cards.get(card).priority == "low"


def test_what_others_change_beside_it_does_not_matter(ws):
    at = made(ws)
    (card,) = at.board().cards
    plan = ps.plan(at, changed(cards=[ps.Card("Write", priority="high")]))
    at.cards.update(card, description="Meanwhile")
    at.labels.create(name="Other")
    ps.apply(plan)
    found = at.cards.get(card)
    assert (found.priority, found.description) == ("high", "Meanwhile")


class Meddling:
    """A port before which somebody else is quicker once, right before a request."""

    def __init__(self, port, method, path, meanwhile):
        self.port, self.method, self.path, self.meanwhile = port, method, path, meanwhile

    def send(self, request):
        if self.meanwhile and request.method == self.method and self.path in request.path:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        return self.port.send(request)


def meddled(ws, *args):
    return Stellary.embedded(Meddling(ws._caller.carrier._port, *args)).workspace("acme", "eng")


def test_a_card_that_changes_in_the_middle_is_not_overwritten(ws):
    at = made(ws)
    (card,) = at.board().cards
    other = meddled(ws, "PATCH", "/cards/", lambda: at.cards.update(card, priority="low"))
    plan = ps.plan(other, changed(cards=[ps.Card("Write", priority="high")]))
    with pytest.raises(
        StalePlan, match='the card "Write" was changed while the plan was applied; plan again'
    ):
        ps.apply(plan)
    assert at.cards.get(card).priority == "low"


def test_nothing_is_done_that_was_not_in_the_plan(ws):
    at = made(ws)
    wanted = changed(
        labels=[ps.Label("New")], cards=[ps.Card("Write", priority="high"), ps.Card("Ship", status="open")]
    )
    (ship,) = at.cards.list(archived=True)
    other = meddled(ws, "POST", "/labels", lambda: at.cards.update(ship, status="done"))
    with pytest.raises(StalePlan, match='the card "Ship" was changed while'):
        ps.apply(ps.plan(other, wanted))
    assert at.cards.get(ship).status == "done"


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


def test_nothing_is_deleted_unless_that_is_asked_for(ws):
    at = made(ws)
    less = changed(
        scopes=[ps.Scope("Main", columns=[ps.Column("To do")])],
        labels=[],
        fields=[],
        cards=[],
        automations=[],
        members=[],
    )
    assert not ps.plan(at, less)
    plan = ps.plan(at, less, prune=True)
    assert [str(each) for each in plan.changes] == [
        '- automation "Move on"',
        '- card "Write"',
        '- card "Ship"',
        '- column "Main / Done"',
        '- scope "MVP"',
        '- label "Bug"',
        '- field "Level"',
        '- member "joe@example.com"',
    ]
    ps.apply(plan)
    found = ps.describe(at)
    assert found.scopes == [ps.Scope("Main", default=True, columns=[ps.Column("To do")])]
    assert (found.labels, found.fields, found.cards, found.automations) == ([], [], [], [])
    assert found.members == ["jane@example.com"]


def test_what_is_not_named_is_not_even_pruned(ws):
    assert not ps.plan(made(ws), changed(), prune=True)


def test_cards_survive_the_columns_and_scopes_in_which_they_were(ws):
    at = made(ws)
    wanted = changed(scopes=[ps.Scope("Main", columns=[ps.Column("Inbox", card_status="in_progress")])])
    plan = ps.plan(at, wanted, prune=True)
    assert [str(each).splitlines()[0] for each in plan.changes] == [
        '+ column "Main / Inbox" after "Done"',
        '- column "Main / To do" (its card goes to "Main / Inbox")',
        '- column "Main / Done"',
        '- scope "MVP" (its card goes to "Main / Inbox")',
    ]
    ps.apply(plan)
    assert not ps.plan(at, wanted, prune=True)
    (card,) = at.board().cards
    assert card.status == "in_progress"
    assert refused(at, changed(columns=[], scopes=[ps.Scope("Main")]), True) == [
        ': the column "Main / Inbox" holds cards, and no column is left for them'
    ]


def test_a_card_that_goes_with_its_column_still_gets_its_status(ws):
    at = made(ws)
    wanted = changed(columns=[ps.Column("Done")], cards=[ps.Card("Write", status="open")])
    ps.apply(ps.plan(at, wanted, prune=True))
    assert not ps.plan(at, wanted, prune=True)


def test_options_are_kept_unless_they_are_pruned(ws):
    at = made(ws)
    wanted = changed(fields=[ps.Field("Level", "select", options=["high", "top"])])
    ps.apply(ps.plan(at, wanted))
    assert at.custom_fields.list()[0].options == ["high", "top", "low"]
    ps.apply(ps.plan(at, wanted, prune=True))
    assert at.custom_fields.list()[0].options == ["high", "top"]
    text = changed(fields=[ps.Field("Level", "text")])
    ps.apply(ps.plan(at, text))
    assert not ps.plan(at, text)


def test_relations_are_added_a_parent_is_replaced_and_others_go_when_pruned(ws):
    cards = [ps.Card("A", blocks=["B"], related_to=["C"]), ps.Card("B", parent="A"), ps.Card("C")]
    at = made(ws, ps.Declaration(ps.Project("Launch"), columns=[ps.Column("To do")], cards=cards))
    wanted = changed(
        cards=[
            ps.Card("A", blocks=["C"]),
            ps.Card("B", parent="C"),
            ps.Card("C", related_to=[], duplicates=["A"]),
        ]
    )
    assert [str(each) for each in ps.plan(at, wanted).changes] == [
        '- relation "A" is the parent of "B"',
        '+ relation "A" blocks "C"',
        '+ relation "C" is the parent of "B"',
        '+ relation "C" duplicates "A"',
    ]
    plan = ps.plan(at, wanted, prune=True)
    assert [str(each) for each in plan.changes][:3] == [
        '- relation "A" blocks "B"',
        '- relation "A" is the parent of "B"',
        '- relation "A" is related to "C"',
    ]
    ps.apply(plan)
    # What leads to other projects is none of a declaration's business.
    (card,) = [each for each in at.cards.list() if each.title == "A"]
    other = made(
        ws, ps.Declaration(ps.Project("Other"), columns=[ps.Column("To do")], cards=[ps.Card("Far")])
    )
    at.card(card).relations.create(target_card_id=other.cards.list()[0].id, type="related_to")
    assert not ps.plan(at, wanted, prune=True)
    alone = changed(cards=[ps.Card("B", parent=None)])
    ps.apply(ps.plan(at, alone))
    assert [each.parent for each in ps.describe(at).cards] == [UNSET] * 3


def test_things_of_one_name_are_told_apart_by_their_ids(ws):
    at = made(ws)
    main, mvp = at.board().scopes
    at.columns.create(name="To do", scope_id=main.id)
    at.scopes.create(name="MVP")
    at.cards.create(main.columns[0], title="Write")
    rule = at.automations.list()[0]
    at.automations.create(
        name=rule.name, trigger="task_moved", action={"type": "add_comment", "params": {"content": "x"}}
    )
    found = ps.describe(at)
    assert [each.key for each in found.cards if each.title == "Write"] == ["LAUNCH-1", "LAUNCH-3"]
    assert not ps.plan(at, found, prune=True)
    assert not ps.plan(at, ps.loads(ps.dumps(found).encode(), ".yaml"))
    wanted = changed(
        scopes=[ps.Scope("Old", id=mvp.id)],
        columns=[ps.Column("Todo", id=main.columns[0].id)],
        cards=[ps.Card("Write", key="LAUNCH-3", priority="high")],
        automations=[
            ps.Automation("Go on", rule.trigger, ps.Action("move_card", rule.action.params), id=rule.id)
        ],
    )
    assert [str(each).splitlines()[0] for each in ps.plan(at, wanted).changes] == [
        '~ scope "Old"',
        '~ column "Main / Todo"',
        '~ card "Write"',
        '~ automation "Go on"',
    ]
    nobody = "665f1a2b3c4d5e6f7a8b9c0d"
    assert refused(
        at, changed(columns=[ps.Column("A", id=nobody)], cards=[ps.Card("A", key="LAUNCH-99")])
    ) == [
        "cards[0].key: the project has nothing of this kind that is LAUNCH-99",
        f"columns[0].id: the project has nothing of this kind that is {nobody}",
    ]


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
    monkeypatch.setattr("stellary.client.project_setup._steps.ROWS", 1)
    assert not ps.plan(ws, LAUNCH)
    assert not ps.plan(ws, ps.describe(at), prune=True)


def test_people_of_one_name_are_told_apart_by_their_addresses(ws):
    at = made(ws)
    client = Stellary.embedded(ws._caller.carrier._port)
    client.auth.update_me(name="joe")
    assert refused(at, changed(cards=[ps.Card("Write", assignee="Joe")])) == [
        'cards[0].assignee: several people are called "Joe"; use an e-mail address'
    ]


def test_a_token_that_may_not_tell_whose_it_is_can_plan(core):
    workspace(core)
    jane = Stellary.embedded(core.port(core.user(external_id="jane@example.com", email="jane@example.com")))
    made(jane.workspace("acme", "eng"))
    # Tokens are made by people who have logged in.
    client = Stellary.embedded(core.port())
    client.auth.register(email="tom@example.com", password="a-long-password")
    token = client.api_tokens.create(name="CI", scopes=["projects:read", "projects:write"]).token
    invited = jane.workspace("acme", "eng").members.invite(email="tom@example.com")
    client.invitations.accept(invited.token)
    ws = Stellary.embedded(core.port(), token=token).workspace("acme", "eng")
    few = changed(cards=[ps.Card("Write", assignee="jane@example.com")], members=["joe@example.com"])
    plan = ps.plan(ws, few, prune=True)
    assert [str(each).splitlines()[0] for each in plan.changes] == ['~ card "Write"', '- card "Ship"']


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


def test_a_required_value_is_not_cleared(ws):
    at = made(ws)
    fields = [ps.Field("Level", "select", options=["low", "high"], required=True)]
    cleared = [ps.Card("Write", fields={"level": None})]
    said = ["cards[0].fields.level: must not be cleared, since the field is required"]
    assert refused(at, changed(fields=fields, cards=cleared)) == said
    ps.apply(ps.plan(at, changed(fields=fields)))
    assert refused(at, changed(cards=cleared)) == said
    assert refused(at, changed(fields=[ps.Field("Level", "select", options=["low"])], cards=cleared)) == said
    assert ps.plan(at, changed(cards=[ps.Card("New", column="Done", fields={"level": None})]))


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
