"""Plans are made so: on both databases, in both colours."""

from __future__ import annotations

from datetime import date

import pytest

from stellary import AsyncStellary, NotFound, StalePlan, Stellary
from stellary.client import project_setup as ps
from stellary.contract.unset import UNSET
from tests.client.project_setup.conftest import workspace
from tests.client.project_setup.launch import LAUNCH, changed, made, refused


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


def test_scopes_are_made_and_moved_in_one_go(ws):
    names = ["One", "Two", "Three", "Main"]
    at = made(ws, changed(scopes=[ps.Scope(each) for each in names]))
    wanted = changed(scopes=[ps.Scope(each) for each in ("Main", "New", "Three", "Newer", "Two", "One")])
    ps.apply(ps.plan(at, wanted))
    assert [scope.name for scope in at.scopes.list()] == ["Main", "New", "Three", "Newer", "Two", "One"]
    assert not ps.plan(at, wanted)


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


def _cards(**related):
    return [ps.Card(title, **said) for title, said in related.items()]


def _in_one_column(cards):
    return ps.Declaration(ps.Project("Launch"), columns=[ps.Column("To do")], cards=cards)


@pytest.mark.parametrize(
    ("cards", "problem"),
    [
        (
            _cards(A={"blocks": ["B"]}, B={"blocks": ["C"]}, C={"blocks": ["A"]}),
            'cards[0].blocks[0]: goes in a circle: "B" blocks "C" blocks "A" blocks "B"',
        ),
        (
            _cards(A={"parent": "B"}, B={"parent": "A"}),
            'cards[0].parent: goes in a circle: "A" is the parent of "B" is the parent of "A"',
        ),
    ],
    ids=["blocks", "parents"],
)
def test_circles_are_refused_before_anything_is_made(ws, cards, problem):
    assert refused(ws, _in_one_column(cards)) == [problem]
    assert ws.projects.list() == []


def test_a_circle_with_what_is_there_is_refused_unless_that_goes(ws):
    at = made(ws, _in_one_column(_cards(A={"blocks": ["B"]}, B={"blocks": ["C"]}, C={})))
    closing = _in_one_column(_cards(A={}, C={"blocks": ["A"]}))
    assert refused(at, closing) == [
        'cards[1].blocks[0]: goes in a circle: "A" blocks "B" blocks "C" blocks "A"'
    ]
    turned = _in_one_column(_cards(A={"blocks": []}, B={}, C={"blocks": ["A"]}))
    assert refused(at, turned) == [
        'cards[2].blocks[0]: goes in a circle: "A" blocks "B" blocks "C" blocks "A"'
    ]
    ps.apply(ps.plan(at, turned, prune=True))
    assert not ps.plan(at, turned, prune=True)


def test_a_parent_and_its_child_can_be_swapped(ws):
    at = made(ws, _in_one_column(_cards(A={"parent": "B"}, B={})))
    swapped = _in_one_column(_cards(A={"parent": None}, B={"parent": "A"}))
    ps.apply(ps.plan(at, swapped))
    assert not ps.plan(at, swapped)


def test_a_card_that_names_itself_by_its_key_is_refused(ws):
    at = made(ws, _in_one_column(_cards(A={})))
    key = at.cards.list()[0].key
    assert refused(at, _in_one_column(_cards(A={"blocks": [key]}))) == [
        "cards[0].blocks[0]: must be another card"
    ]


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


def test_a_card_moves_to_the_declared_one_of_two_columns_of_one_name(ws):
    at = made(ws, ps.Declaration(ps.Project("Launch"), columns=[ps.Column("Review"), ps.Column("To do")]))
    twin = at.columns.create(name="To do")
    card = at.cards.create(twin, title="Ask")
    wanted = ps.Declaration(
        ps.Project("Launch"),
        columns=[ps.Column("Review"), ps.Column("To do")],
        cards=[ps.Card("Ask", column="To do")],
    )
    ps.apply(ps.plan(at, wanted, prune=True))
    kept = {column.id: column.name for column in at.columns.list()}
    assert sorted(kept.values()) == ["Review", "To do"]
    assert kept[at.card(card).get().column_id] == "To do"
    assert not ps.plan(at, wanted, prune=True)


def test_a_new_scope_has_its_description_and_its_columns_from_the_beginning(ws):
    at = made(ws)
    columns = [ps.Column("Idea", wip_limit=3), ps.Column("Done", card_status="done")]
    wanted = changed(scopes=[ps.Scope("Later", description="Third", view="list", columns=columns)])
    seen = []

    def told(change):
        seen.extend(scope for scope in at.scopes.list() if scope.name == "Later")

    plan = ps.plan(at, wanted)
    applied = ps.apply(plan, told=told)
    assert {scope.description for scope in seen} == {"Third"}
    assert {tuple(column.name for column in scope.columns) for scope in seen} == {("Idea", "Done")}
    idea, done = seen[-1].columns
    assert (idea.wip_limit, done.card_status, seen[-1].active_view) == (3, "done", "list")
    assert len(plan.changes) == 3
    assert applied.changes == plan.changes


@pytest.mark.parametrize(
    "wanted",
    [
        {"cards": [ps.Card("Ask", column="Done")]},
        {"cards": [ps.Card("Ask", archived=True)]},
        {"columns": [ps.Column("Done"), ps.Column("To do")]},
        {"cards": [ps.Card("Ask", column="Done", parent="Twin"), ps.Card("Twin", column="Done")]},
    ],
)
def test_of_twins_the_same_one_is_meant_once_it_was_changed(ws, wanted):
    """Where a card or a column stands, and whether a card is archived, is what a plan changes."""
    twins = [ps.Column("To do"), ps.Column("Doing"), ps.Column("Done")]
    declared = ps.Declaration(ps.Project("Twins"), columns=twins)
    at = ws.project(ps.apply(ps.plan(ws, declared)).project)
    columns = at.columns.list()
    for title in ("Ask", "Twin"):
        for column in columns[:2]:
            at.cards.create(column, title=title)
    at.columns.create(name="To do")
    after = ps.Declaration(ps.Project("Twins"), **wanted)
    ps.apply(ps.plan(at, after))
    assert not ps.plan(at, after)


def test_a_token_that_may_not_tell_whose_it_is_can_plan(core):
    workspace(core)
    jane = Stellary.embedded(core.port(core.user(external_id="jane@example.com", email="jane@example.com")))
    made(jane.workspace("acme", "eng"))
    # Tokens are made by people who have logged in.
    anonymous = Stellary.embedded(core.port())
    session = anonymous.auth.register(email="tom@example.com", password="a-long-password")
    client = anonymous.with_options(token=session.access_token)
    token = client.api_tokens.create(name="CI", scopes=["projects:read", "projects:write"]).token
    invited = jane.workspace("acme", "eng").members.invite(email="tom@example.com")
    client.invitations.accept(invited.token)
    ws = Stellary.embedded(core.port(), token=token).workspace("acme", "eng")
    few = changed(cards=[ps.Card("Write", assignee="jane@example.com")], members=["joe@example.com"])
    plan = ps.plan(ws, few, prune=True)
    assert [str(each).splitlines()[0] for each in plan.changes] == ['~ card "Write"', '- card "Ship"']
