"""Applying plans, on both databases, with the blocking and the asynchronous client."""

from datetime import date

import pytest

from stellary import AsyncStellary, NotFound, StalePlan, Stellary
from stellary.client import project_setup as ps
from stellary.contract.wire import UNSET
from tests.client.project_setup.conftest import workspace
from tests.client.project_setup.launch import LAUNCH, create_project, declare, plan_problems


@pytest.mark.slow("sets a project up several times")
def test_differences_are_printed_with_old_values(ws):
    at = create_project(ws)
    target = declare(
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
    plan = ps.plan(at, target, prune=True)
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
    assert str(ps.plan(at, target, prune=True)) == 'Project "Launch" (LAUNCH): nothing to do'
    board = at.board()
    assert [scope.name for scope in board.scopes] == ["Release", "Main"]
    assert [column.name for column in board.scopes[1].columns] == ["Done", "To do", "Review"]
    (card,) = board.cards
    assert (card.status, [step.title for step in card.checklist]) == ("done", ["Ask", "Tell"])


async def test_async_client_plans_and_applies(core):
    workspace(core)
    jane = core.user(external_id="jane@example.com", email="jane@example.com")
    async with AsyncStellary.embedded(core.port(jane)) as client:
        ws = client.workspace("acme", "eng")
        plan = await ps.plan(ws, LAUNCH)
        assert plan
        applied = await ps.apply(plan)
        described = await ps.describe(ws.project(applied.project))
        assert not await ps.plan(ws, described, prune=True)
        await ws.project(applied.project).labels.create(name="New")
        again = await ps.plan(ws, described, prune=True)
        assert [str(change) for change in again.changes] == ['- label "New"']
        await ws.project(applied.project).delete()
        with pytest.raises(NotFound):
            await ps.plan(ws.project(applied.project), described)


@pytest.mark.slow("sets a project up several times")
def test_outdated_plan_is_refused(ws):
    at = create_project(ws)
    (card,) = at.board().cards
    plan = ps.plan(at, declare(cards=[ps.Card("Write", priority="high")]))
    at.cards.update(card, priority="low")
    with pytest.raises(StalePlan, match="the project has changed since this plan was made; plan again"):
        ps.apply(plan)
    assert at.cards.get(card).priority == "low"


def test_unrelated_changes_do_not_make_a_plan_stale(ws):
    at = create_project(ws)
    (card,) = at.board().cards
    plan = ps.plan(at, declare(cards=[ps.Card("Write", priority="high")]))
    at.cards.update(card, description="Changed")
    at.labels.create(name="Other")
    ps.apply(plan)
    card_after = at.cards.get(card)
    assert (card_after.priority, card_after.description) == ("high", "Changed")


class InterferingPort:
    """A port that runs a concurrent change once, right before a certain request."""

    def __init__(self, port, method, path, change):
        self.port, self.method, self.path, self.change = port, method, path, change

    def send(self, request):
        if self.change and request.method == self.method and self.path in request.path:
            change, self.change = self.change, None
            change()
        return self.port.send(request)


def interfere(ws, *args):
    return Stellary.embedded(InterferingPort(ws._caller.carrier._port, *args)).workspace("acme", "eng")


def test_concurrently_changed_card_is_not_overwritten(ws):
    at = create_project(ws)
    (card,) = at.board().cards
    other = interfere(ws, "PATCH", "/cards/", lambda: at.cards.update(card, priority="low"))
    plan = ps.plan(other, declare(cards=[ps.Card("Write", priority="high")]))
    with pytest.raises(
        StalePlan, match='the card "Write" was changed while the plan was applied; plan again'
    ):
        ps.apply(plan)
    assert at.cards.get(card).priority == "low"


def test_changes_missing_from_the_plan_are_not_applied(ws):
    at = create_project(ws)
    target = declare(
        labels=[ps.Label("New")], cards=[ps.Card("Write", priority="high"), ps.Card("Ship", status="open")]
    )
    (ship,) = at.cards.list(archived=True)
    other = interfere(ws, "POST", "/labels", lambda: at.cards.update(ship, status="done"))
    with pytest.raises(StalePlan, match='the card "Ship" was changed while'):
        ps.apply(ps.plan(other, target))
    assert at.cards.get(ship).status == "done"


def test_nothing_is_deleted_without_prune(ws):
    at = create_project(ws)
    less = declare(
        scopes=[ps.Scope("Main", columns=[ps.Column("To do")])],
        labels=[],
        fields=[],
        cards=[],
        automations=[],
        members=[],
    )
    assert not ps.plan(at, less)
    plan = ps.plan(at, less, prune=True)
    assert [str(change) for change in plan.changes] == [
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
    described = ps.describe(at)
    assert described.scopes == [ps.Scope("Main", default=True, columns=[ps.Column("To do")])]
    assert (described.labels, described.fields, described.cards, described.automations) == ([], [], [], [])
    assert described.members == ["jane@example.com"]


@pytest.mark.slow("sets a project up several times")
def test_cards_of_deleted_columns_and_scopes_are_moved(ws):
    at = create_project(ws)
    target = declare(scopes=[ps.Scope("Main", columns=[ps.Column("Inbox", card_status="in_progress")])])
    plan = ps.plan(at, target, prune=True)
    assert [str(change).splitlines()[0] for change in plan.changes] == [
        '+ column "Main / Inbox" after "Done"',
        '- column "Main / To do" (its card goes to "Main / Inbox")',
        '- column "Main / Done"',
        '- scope "MVP" (its card goes to "Main / Inbox")',
    ]
    ps.apply(plan)
    assert not ps.plan(at, target, prune=True)
    (card,) = at.board().cards
    assert card.status == "in_progress"
    assert plan_problems(at, declare(columns=[], scopes=[ps.Scope("Main")]), True) == [
        ': the column "Main / Inbox" has cards, and no other column remains for them'
    ]


def test_scopes_are_created_and_moved_in_one_plan(ws):
    names = ["One", "Two", "Three", "Main"]
    at = create_project(ws, declare(scopes=[ps.Scope(name) for name in names]))
    target = declare(scopes=[ps.Scope(name) for name in ("Main", "New", "Three", "Newer", "Two", "One")])
    ps.apply(ps.plan(at, target))
    assert [scope.name for scope in at.scopes.list()] == ["Main", "New", "Three", "Newer", "Two", "One"]
    assert not ps.plan(at, target)


def test_card_of_deleted_column_gets_its_declared_status(ws):
    at = create_project(ws)
    target = declare(columns=[ps.Column("Done")], cards=[ps.Card("Write", status="open")])
    ps.apply(ps.plan(at, target, prune=True))
    assert not ps.plan(at, target, prune=True)


@pytest.mark.slow("sets a project up several times")
def test_undeclared_options_are_kept_without_prune(ws):
    at = create_project(ws)
    target = declare(fields=[ps.Field("Level", "select", options=["high", "top"])])
    ps.apply(ps.plan(at, target))
    assert at.custom_fields.list()[0].options == ["high", "top", "low"]
    ps.apply(ps.plan(at, target, prune=True))
    assert at.custom_fields.list()[0].options == ["high", "top"]
    text = declare(fields=[ps.Field("Level", "text")])
    ps.apply(ps.plan(at, text))
    assert not ps.plan(at, text)


@pytest.mark.slow("sets a project up several times")
def test_relations_are_added_replaced_and_pruned(ws):
    cards = [ps.Card("A", blocks=["B"], related_to=["C"]), ps.Card("B", parent="A"), ps.Card("C")]
    at = create_project(ws, declare(columns=[ps.Column("To do")], cards=cards))
    target = declare(
        cards=[
            ps.Card("A", blocks=["C"]),
            ps.Card("B", parent="C"),
            ps.Card("C", related_to=[], duplicates=["A"]),
        ]
    )
    assert [str(change) for change in ps.plan(at, target).changes] == [
        '- relation "A" is the parent of "B"',
        '+ relation "A" blocks "C"',
        '+ relation "C" is the parent of "B"',
        '+ relation "C" duplicates "A"',
    ]
    plan = ps.plan(at, target, prune=True)
    assert [str(change) for change in plan.changes][:3] == [
        '- relation "A" blocks "B"',
        '- relation "A" is the parent of "B"',
        '- relation "A" is related to "C"',
    ]
    ps.apply(plan)
    # Relations to cards of other projects are not managed by a declaration.
    (card,) = [card for card in at.cards.list() if card.title == "A"]
    other = create_project(
        ws, ps.Declaration(ps.Project("Other"), columns=[ps.Column("To do")], cards=[ps.Card("Far")])
    )
    at.card(card).relations.create(target_card_id=other.cards.list()[0].id, type="related_to")
    assert not ps.plan(at, target, prune=True)
    ps.apply(ps.plan(at, declare(cards=[ps.Card("B", parent=None)])))
    assert [card.parent for card in ps.describe(at).cards] == [UNSET] * 3


def _cards(**related):
    return [ps.Card(title, **relations) for title, relations in related.items()]


def _in_one_column(cards):
    return declare(columns=[ps.Column("To do")], cards=cards)


@pytest.mark.parametrize(
    ("cards", "problem"),
    [
        (
            _cards(A={"blocks": ["B"]}, B={"blocks": ["C"]}, C={"blocks": ["A"]}),
            'cards[0].blocks[0]: creates a cycle: "B" blocks "C" blocks "A" blocks "B"',
        ),
        (
            _cards(A={"parent": "B"}, B={"parent": "A"}),
            'cards[0].parent: creates a cycle: "A" is the parent of "B" is the parent of "A"',
        ),
    ],
    ids=["blocks", "parents"],
)
def test_cycles_are_refused_before_anything_is_created(ws, cards, problem):
    assert plan_problems(ws, _in_one_column(cards)) == [problem]
    assert ws.projects.list() == []


def test_cycle_with_existing_relations_is_refused_unless_they_are_pruned(ws):
    at = create_project(ws, _in_one_column(_cards(A={"blocks": ["B"]}, B={"blocks": ["C"]}, C={})))
    assert plan_problems(at, _in_one_column(_cards(A={}, C={"blocks": ["A"]}))) == [
        'cards[1].blocks[0]: creates a cycle: "A" blocks "B" blocks "C" blocks "A"'
    ]
    turned = _in_one_column(_cards(A={"blocks": []}, B={}, C={"blocks": ["A"]}))
    assert plan_problems(at, turned) == [
        'cards[2].blocks[0]: creates a cycle: "A" blocks "B" blocks "C" blocks "A"'
    ]
    ps.apply(ps.plan(at, turned, prune=True))
    assert not ps.plan(at, turned, prune=True)


def test_parent_and_child_can_be_swapped(ws):
    at = create_project(ws, _in_one_column(_cards(A={"parent": "B"}, B={})))
    swapped = _in_one_column(_cards(A={"parent": None}, B={"parent": "A"}))
    ps.apply(ps.plan(at, swapped))
    assert not ps.plan(at, swapped)


def test_relation_to_itself_by_key_is_refused(ws):
    at = create_project(ws, _in_one_column(_cards(A={})))
    assert plan_problems(at, _in_one_column(_cards(A={"blocks": [at.cards.list()[0].key]}))) == [
        "cards[0].blocks[0]: must be another card"
    ]


def test_items_with_the_same_name_are_distinguished_by_id(ws):
    at = create_project(ws)
    main, mvp = at.board().scopes
    at.columns.create(name="To do", scope_id=main.id)
    at.scopes.create(name="MVP")
    at.cards.create(main.columns[0], title="Write")
    rule = at.automations.list()[0]
    at.automations.create(
        name=rule.name, trigger="task_moved", action={"type": "add_comment", "params": {"content": "x"}}
    )
    described = ps.describe(at)
    assert [card.key for card in described.cards if card.title == "Write"] == ["LAUNCH-1", "LAUNCH-3"]
    assert not ps.plan(at, described, prune=True)
    assert not ps.plan(at, ps.loads(ps.dumps(described).encode(), ".yaml"))
    target = declare(
        scopes=[ps.Scope("Old", id=mvp.id)],
        columns=[ps.Column("Todo", id=main.columns[0].id)],
        cards=[ps.Card("Write", key="LAUNCH-3", priority="high")],
        automations=[
            ps.Automation("Go on", rule.trigger, ps.Action("move_card", rule.action.params), id=rule.id)
        ],
    )
    assert [str(change).splitlines()[0] for change in ps.plan(at, target).changes] == [
        '~ scope "Old"',
        '~ column "Main / Todo"',
        '~ card "Write"',
        '~ automation "Go on"',
    ]
    nobody = "665f1a2b3c4d5e6f7a8b9c0d"
    target = declare(columns=[ps.Column("A", id=nobody)], cards=[ps.Card("A", key="LAUNCH-99")])
    assert plan_problems(at, target) == [
        "cards[0].key: the project has no such item: LAUNCH-99",
        f"columns[0].id: the project has no such item: {nobody}",
    ]


def test_card_moves_to_the_declared_one_of_two_columns_with_the_same_name(ws):
    at = create_project(ws, declare(columns=[ps.Column("Review"), ps.Column("To do")]))
    card = at.cards.create(at.columns.create(name="To do"), title="Ask")
    columns = [ps.Column("Review"), ps.Column("To do")]
    target = declare(columns=columns, cards=[ps.Card("Ask", column="To do")])
    ps.apply(ps.plan(at, target, prune=True))
    names = {column.id: column.name for column in at.columns.list()}
    assert sorted(names.values()) == ["Review", "To do"]
    assert names[at.card(card).get().column_id] == "To do"
    assert not ps.plan(at, target, prune=True)


@pytest.mark.slow("sets a project up several times")
def test_new_scope_is_created_with_description_and_columns(ws):
    at = create_project(ws)
    columns = [ps.Column("Idea", wip_limit=3), ps.Column("Done", card_status="done")]
    target = declare(scopes=[ps.Scope("Later", description="Third", view="list", columns=columns)])
    seen = []

    def record_scopes(change):
        seen.extend(scope for scope in at.scopes.list() if scope.name == "Later")

    plan = ps.plan(at, target)
    applied = ps.apply(plan, on_change=record_scopes)
    assert {scope.description for scope in seen} == {"Third"}
    assert {tuple(column.name for column in scope.columns) for scope in seen} == {("Idea", "Done")}
    idea, done = seen[-1].columns
    assert (idea.wip_limit, done.card_status, seen[-1].active_view) == (3, "done", "list")
    assert len(plan.changes) == 3
    assert applied.changes == plan.changes


@pytest.mark.parametrize(
    "target",
    [
        {"cards": [ps.Card("Ask", column="Done")]},
        {"cards": [ps.Card("Ask", archived=True)]},
        {"columns": [ps.Column("Done"), ps.Column("To do")]},
        {"cards": [ps.Card("Ask", column="Done", parent="Twin"), ps.Card("Twin", column="Done")]},
    ],
)
def test_name_shared_by_two_items_refers_to_the_same_one_after_applying(ws, target):
    """A plan may change the position of a card or column, and whether a card is archived."""
    twins = [ps.Column("To do"), ps.Column("Doing"), ps.Column("Done")]
    declared = ps.Declaration(ps.Project("Twins"), columns=twins)
    at = ws.project(ps.apply(ps.plan(ws, declared)).project)
    columns = at.columns.list()
    for title in ("Ask", "Twin"):
        for column in columns[:2]:
            at.cards.create(column, title=title)
    at.columns.create(name="To do")
    after = ps.Declaration(ps.Project("Twins"), **target)
    ps.apply(ps.plan(at, after))
    assert not ps.plan(at, after)


def test_token_without_account_scope_can_plan(core):
    workspace(core)
    jane = Stellary.embedded(core.port(core.user(external_id="jane@example.com", email="jane@example.com")))
    create_project(jane.workspace("acme", "eng"))
    # Tokens are made by people who have logged in.
    anonymous = Stellary.embedded(core.port())
    session = anonymous.auth.register(email="tom@example.com", password="a-long-password")
    client = anonymous.with_options(token=session.access_token)
    token = client.api_tokens.create(name="CI", scopes=["projects:read", "projects:write"]).token
    client.invitations.accept(jane.workspace("acme", "eng").members.invite(email="tom@example.com").token)
    ws = Stellary.embedded(core.port(), token=token).workspace("acme", "eng")
    few = declare(cards=[ps.Card("Write", assignee="jane@example.com")], members=["joe@example.com"])
    plan = ps.plan(ws, few, prune=True)
    assert [str(change).splitlines()[0] for change in plan.changes] == ['~ card "Write"', '- card "Ship"']


def test_roles_of_members_the_visibility_and_estimates_are_declared(ws):
    file = b"""
project: {name: Offer, visibility: private, member_role: viewer, estimate_unit: hours}
columns: [To do]
cards: [{title: Write, estimate: 2.5}]
members: [jane@example.com, {email: joe@example.com, role: viewer}]
"""
    declared = ps.loads(file, ".yaml")
    ps.apply(ps.plan(ws, declared))
    (project,) = [project for project in ws.projects.list() if project.name == "Offer"]
    assert (project.visibility, project.member_role, project.estimate_unit) == ("private", "viewer", "hours")
    roles = {member.email: member.role for member in ws.project(project).members.list()}
    assert (roles["jane@example.com"], roles["joe@example.com"]) == ("manager", "viewer")
    assert not ps.plan(ws, declared).changes
    changed = ps.Declaration(ps.Project("Offer"), members=[ps.Member("joe@example.com", role="editor")])
    assert [change.differences[0].new for change in ps.plan(ws, changed).changes] == ["editor"]
    ps.apply(ps.plan(ws, changed))
    described = ps.describe(ws.project(project))
    assert ps.Member("joe@example.com", role="editor") in described.members
    assert (described.project.visibility, described.project.member_role) == ("private", "viewer")
    assert (described.project.estimate_unit, described.cards[0].estimate) == ("hours", 2.5)
