"""Roadmaps, statistics, the cockpit, single cards, missions and drafts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from stellary.client.display._card import build_card
from stellary.client.display._parts import RenderOptions, collect_names
from stellary.client.display._roadmap import Axis, compute_ticks, fit_axis
from stellary.client.display._words import format_duration
from stellary.client.testing import make
from stellary.contract.activities import Activity
from stellary.contract.agent_missions import AgentMission, MissionEntry
from stellary.contract.attachments import Attachment
from stellary.contract.cards import PriorityCounts, StatusCounts
from stellary.contract.checklists import ChecklistItem, ChecklistProgress
from stellary.contract.columns import ColumnCount
from stellary.contract.comments import Comment
from stellary.contract.custom_fields import CustomField
from stellary.contract.labels import Label
from stellary.contract.pilotage import Decision, Mission, PilotagePriority, Todo
from stellary.contract.pilotage_state import PilotageCounts, PilotageIds, PilotageState, UsageContext
from stellary.contract.projects import BoardMember
from stellary.contract.proposed_actions import ProposedAction
from stellary.contract.relations import RelatedCard, Relation
from stellary.contract.scope_views import (
    AssigneeCount,
    CardBar,
    DayCount,
    LabelCount,
    RoadmapView,
    ScopeBar,
    ScopeViews,
    StatsView,
    TimeTaken,
    ViewData,
)
from stellary.contract.wizard import (
    Deliverable,
    DraftAnswer,
    NotUnderstood,
    Phase,
    ProjectDraft,
    Question,
    Roadmap,
)
from tests.client.display.boards import NOW, card, column, in_days
from tests.client.display.parsed import parse_view, render, render_lines
from tests.support.each_case import for_each

# ---------------------------------------------------------------------------------------------- roadmaps


def bar(number: int, start: int, end: int, status: Any = "open") -> CardBar:
    fields = {"start": in_days(start), "end": in_days(end), "status": status, "assignee_id": None}
    return make(CardBar, key=f"LAU-{number}", title=f"Card {number}", **fields)


ROADMAP = RoadmapView(
    scopes=[
        ScopeBar(scope_id="a", name="Main", start=in_days(-10), end=in_days(9), cards=4, percent_done=25),
        ScopeBar(scope_id="b", name="Later", start=None, end=None, cards=0, percent_done=0),
    ],
    cards=[bar(1, -10, -1, "done"), bar(2, -5, -1), bar(3, 0, 9, "in_progress"), bar(4, 9, 9)],
    undated=2,
)


def test_roadmap_shows_a_bar_and_dates_per_scope_and_card():
    root = render(ROADMAP)
    assert [label.one("small").text for label in root.all(cls="label")] == [
        "5 Apr to 24 Apr; 4 cards, 25 % done",
        "no dates; 0 cards, 0 % done",
        "5 Apr to 14 Apr; done",
        "10 Apr to 14 Apr; open, late",
        "15 Apr to 24 Apr; in progress",
        "24 Apr; open",
    ]
    assert root.texts("b")[2] == "LAU-1 Card 1"
    assert root.texts(cls="more") == ["2 cards without a date"]
    assert len(root.all(cls="now")) == 6


def test_bars_are_positioned_by_date():
    assert [bar_element.attributes["style"] for bar_element in render(ROADMAP).all(cls="bar")] == [
        "inset-inline-start:0%;width:100%;background:var(--sty-bar)",
        "inset-inline-start:0%;width:50%;background:var(--sty-bar-good)",
        "inset-inline-start:25%;width:25%;background:var(--sty-bar-bad)",
        "inset-inline-start:50%;width:50%;background:var(--sty-bar-info)",
        "inset-inline-start:95%;width:5%;background:var(--sty-bar-quiet)",
    ]


def test_roadmap_renders_in_a_terminal():
    lines = render_lines(ROADMAP, 60)
    assert lines[3].endswith("█" * 8 + "░" * 26)
    assert lines[7].endswith("▓" * 17 + "·" * 17)


def test_roadmap_without_dates_shows_a_note():
    bare = RoadmapView(scopes=[attrs.evolve(ROADMAP.scopes[1])], cards=[], undated=3)
    assert render(bare).texts(cls="prose") == ["Nothing on this roadmap has a date."]


def test_long_roadmap_is_truncated():
    many = RoadmapView(scopes=[], cards=[bar(at, at, at + 3) for at in range(100)], undated=0)
    assert len(render(many).all(cls="bar")) == 40
    assert render(many).texts(cls="more") == ["+ 60 more"]


def test_today_is_shown_only_if_it_is_near():
    assert render(RoadmapView(scopes=[], cards=[bar(1, 100, 103)], undated=0)).all(cls="now") == []
    assert fit_axis([10, 20], 22) == Axis(10, 22)
    assert fit_axis([10, 20], 40) == Axis(10, 20)
    assert fit_axis([10, 10]) == Axis(10, 16)


@for_each(
    "days, expected",
    [
        (6, ["1 Jan", "2 Jan", "3 Jan", "4 Jan", "5 Jan", "6 Jan", "7 Jan"]),
        (27, ["5 Jan", "12 Jan", "19 Jan", "26 Jan"]),
        (60, ["5 Jan", "19 Jan", "2 Feb", "16 Feb", "2 Mar"]),
        (150, ["Jan 2026", "Feb", "Mar", "Apr", "May"]),
        (700, ["Jan 2026", "May", "Sep", "Jan 2027", "May", "Sep"]),
    ],
)
def test_axis_is_labelled_in_days_weeks_or_months(days: int, expected: list[str]):
    start = datetime(2026, 1, 1, tzinfo=UTC).toordinal()
    labels = compute_ticks(Axis(start, start + days))
    assert [text for _, text in labels][: len(expected)] == expected
    assert len(labels) <= 8


def test_axis_supports_the_last_date():
    last = datetime(9999, 12, 31, tzinfo=UTC).toordinal()
    assert compute_ticks(Axis(last - 400, last))


# ---------------------------------------------------------------------------------------------- figures


STATS = StatsView(
    cards=10,
    by_status=StatusCounts(open=5, in_progress=2, done=3),
    by_column=[ColumnCount(column_id="a", scope_id="s", name="To Do", cards=5)],
    by_priority=PriorityCounts(low=0, medium=1, high=2, none=7),
    by_assignee=[
        AssigneeCount(user_id="jane", name="Jane", cards=8),
        AssigneeCount(user_id="gone", name=None, cards=1),
        AssigneeCount(user_id=None, name=None, cards=1),
    ],
    by_label=[LabelCount(label_id=str(at), name=f"L{at}", color="#ef4444", cards=at) for at in range(12)],
    completed_per_day=[DayCount(day=f"2026-04-{day:02}", cards=day % 4) for day in range(1, 31)],
    lead_time=TimeTaken(median_seconds=2 * 86_400 + 3_600, cards=3),
    cycle_time=TimeTaken(median_seconds=None, cards=0),
)


def test_stats_show_every_number():
    root = render(STATS)
    assert dict(zip(root.texts("dt"), root.texts("dd"), strict=True)) == {
        "Cards": "10",
        "In progress": "2",
        "Done": "3 30 % of them",
        "Completed in 30 days": "45",
        "Lead time": "2 d 1 h median of 3 cards",
        "Cycle time": "- no cards",
    }
    assert [[share.text.strip() for share in box.all("li")] for box in root.all("section")][1:5] == [
        ["open  5", "in progress  2", "done  3"],
        ["To Do  5"],
        ["▲ high  2", "◆ medium  1", "▽ low  0", "none  7"],
        ["Jane  8", "former member  1", "nobody  1"],
    ]
    assert root.texts(cls="more") == ["+ 2 more"]


def test_bar_length_is_proportional_to_count():
    status = render(STATS).all("section")[1]
    widths = [share.all("i")[1].attributes["style"].split(";")[0] for share in status.all("li")]
    assert widths == ["width:100%", "width:40%", "width:60%"]


def test_chart_has_a_text_alternative():
    svg = render(STATS).one("svg")
    assert svg.attributes["role"] == "img"
    summary = "45 cards completed in 30 days, most on 3 April (3)."
    assert svg.attributes["aria-label"] == f"Completed per day. {summary}"
    assert render(STATS).texts("figcaption") == [summary]
    assert svg.texts("title")[:2] == ["1 April: 1", "2 April: 2"]
    assert len(svg.all("rect")) == 30


def test_stats_of_an_empty_scope():
    none = attrs.evolve(
        STATS,
        cards=0,
        by_status=StatusCounts(open=0, in_progress=0, done=0),
        completed_per_day=[DayCount(day="2026-04-01", cards=0)],
    )
    assert render(none).texts("figcaption") == ["No card was completed on these days."]
    assert "No card was completed on these days." in render_lines(none)
    assert render(attrs.evolve(none, completed_per_day=[])).one("svg").all("rect") == []


def test_stats_render_in_a_terminal():
    lines = render_lines(STATS)
    assert "Done                  3  30 % of them" in lines
    assert "open         ████████████████████████ 5" in lines
    assert "▃▆█ ▃▆█ ▃▆█ ▃▆█ ▃▆█ ▃▆█ ▃▆█ ▃▆" in lines


@for_each(
    "seconds, expected",
    [(None, "-"), (0, "0 s"), (59, "59 s"), (3_600, "1 h"), (90_061, "1 d 1 h"), (86_460, "1 d")],
)
def test_duration_shows_two_largest_units(seconds: int | None, expected: str):
    assert format_duration(seconds) == expected


def test_scope_shows_the_requested_view():
    views = ScopeViews(active_view="stats", views=[], data=ViewData(stats=STATS))
    assert render(views).one("h3").text == "Stats"
    assert render(ViewData(roadmap=ROADMAP)).one("h3").text == "Roadmap"
    assert render(ScopeViews(active_view="stats", views=[], data=None)).one("h3").text == "Scope views"


# ---------------------------------------------------------------------------------------------- the cockpit


def mission(id: str, status: Any, **fields: Any) -> Mission:
    fields = {"module": None, "blocked_reason": None, **fields}
    return make(Mission, id=id, objective=f"Reach {id}", status=status, **fields)


STATE = make(
    PilotageState,
    cycle="v2",
    missions=[mission("m-1", "blocked", blocked_reason="no hardware"), mission("m-2", "done", module="shop")],
    active_priorities=[make(PilotagePriority, id="p-1", label="Ship")],
    todos=[
        make(Todo, id="t-1", label="Ask", mission_id="m-1", priority_id=None, status="done"),
        make(Todo, id="t-2", label="Tell", mission_id="m-1", priority_id=None, status="todo"),
        make(Todo, id="t-3", label="Sell", mission_id=None, priority_id="p-1", status="todo"),
    ],
    decisions=[make(Decision, title="Use Stripe", impact="faster", created_at=in_days(-1))],
    active_docs=[],
    counts=PilotageCounts(
        missions=2,
        active_priorities=1,
        todos=3,
        decisions=1,
        active_docs=0,
        suggested_actions=1,
        approved_actions=0,
    ),
    ids=None,
    traces=[
        make(
            ProposedAction, status="suggested", explanation="Nobody tests refunds", action_type="create_todo"
        ),
        make(ProposedAction, status="applied", explanation="Long ago"),
    ],
    history=[make(Activity, type="todo_created", actor_name=None, meta={"id": "t-3", "title": "Sell"})] * 9,
    usage_context=UsageContext(
        profile="pilotage", role="owner", intent="weekly_review", detail_level="detailed"
    ),
)


def test_cockpit_shows_goals_and_pending_actions():
    root = render(STATE)
    assert root.one(cls="sub").text == "cycle v2 as owner pilotage weekly review"
    boxes = {box.one("h4").text: box.texts("li") for box in root.all("section")}
    assert boxes["Priorities1"] == ["Ship"]
    assert boxes["Missions2"] == ["blocked Reach m-1 1/2 no hardware", "done Reach m-2 shop"]
    assert boxes["Waiting for you1"] == ["suggested Nobody tests refunds create_todo"]
    assert boxes["Todos3"][0] == "done Ask for Reach m-1"
    assert boxes["Todos3"][2] == "todo Sell for Ship"
    assert boxes["Decisions1"] == ["Use Stripe faster 14 Apr"]
    assert boxes["History9"][0].endswith("somebody todo created Sell")
    assert root.texts(cls="more") == ["+ 1 more"]
    assert [figure.text for figure in root.all("dd")] == ["2 1 blocked", "1", "3", "1", "1", "0"]


def test_cockpit_renders_in_a_terminal():
    lines = render_lines(STATE)
    assert "• blocked Reach m-1 1/2 no hardware" in lines
    assert "To review   1" in lines


def test_empty_cockpit_shows_a_note():
    lists = ("missions", "active_priorities", "todos", "decisions", "traces", "history")
    empty = attrs.evolve(STATE, **{name: [] for name in lists})
    minimal = attrs.evolve(empty, ids=make(PilotageIds))
    assert render(minimal).texts("p") == []
    assert "2" in render(minimal).texts("dd")
    assert render(empty).texts("p") == ["Nothing here yet."]
    assert render_lines(empty)[-1] == "Nothing here yet."


# ---------------------------------------------------------------------------------------------- one card


FULL = card(
    7,
    "Invoices go out twice",
    description="Two workers\ntake the <b>same</b> job.",
    priority="high",
    start_date=in_days(-3),
    due_date=in_days(1),
    completed_at=in_days(0),
    assignee_id="jane",
    label_ids=["bug"],
    archived=True,
    custom_fields={"f1": ["mail", "web"], "f2": 3},
    checklist=[
        ChecklistItem(id="a", title="Ask", done=True, order=0),
        ChecklistItem(id="b", title="Do", done=False, order=1),
    ],
    checklist_progress=ChecklistProgress(done=1, total=2, percent=50),
)


def test_card_view_shows_everything():
    names = collect_names(
        [make(Label, id="bug", name="bug", color="#ef4444")],
        [make(BoardMember, user_id="jane", name="Jane Doe")],
        [column("todo", "To Do")],
        [make(CustomField, id="f1", name="Channels")],
    )
    relation = make(Relation, type="blocked_by", card=make(RelatedCard, key="LAU-2", title="Ask"))
    comments = [
        make(Comment, author_name="Jane Doe", content=f"Said {number}\nmore", created_at=NOW)
        for number in range(12)
    ]
    rendered = build_card(
        FULL,
        RenderOptions(NOW),
        names,
        comments=comments,
        relations=[relation],
        attachments=[make(Attachment, original_name="worker.log")],
    )
    root = parse_view(rendered.html())
    assert dict(zip(root.texts("dt"), root.texts("dd"), strict=True)) == {
        "Column": "To Do",
        "Assignee": "Jane Doe",
        "Labels": "bug",
        "Starts": "12 Apr",
        "Due": "tomorrow",
        "Done": "15 Apr",
        "Progress": "1/2",
        "Channels": "mail, web",
        "f2": "3",
    }
    assert root.one(cls="sub").text == "LAU-7 open ▲ high archived"
    assert root.texts(cls="prose") == [FULL.description, "2 earlier"]
    points = root.texts("li")
    assert points[:4] == ["☑ Ask", "☐ Do", "blocked by LAU-2 Ask", "worker.log"]
    assert points[4] == "Jane Doe 15 Apr Said 2 more"
    assert len(points) == 14
    text = rendered.text(60).splitlines()
    assert "Two workers" in text
    assert "Due       tomorrow" in text


def test_card_without_names_omits_unknown_facts():
    root = render(FULL)
    assert "Column" not in root.texts("dt")
    assert root.texts("dd")[0] == "12 Apr"


def test_long_description_is_truncated():
    root = render(card(1, description="word " * 1_000))
    assert len(root.one(cls="prose").text) == 3_000
    assert root.one(cls="prose").text.endswith("…")


# ---------------------------------------------------------------------------------------------- missions


def entry(number: int, kind: Any, /, **data: Any) -> MissionEntry:
    return MissionEntry(id=number, kind=kind, data=data, created_at=NOW + timedelta(seconds=number))


LOG = [
    entry(1, "status", status="running"),
    entry(2, "step", number=1),
    entry(3, "message", text="I will\nmove it"),
    entry(4, "tool_call", tool="move_card", params={"cardId": "c", "to": "Done"}, outcome="done", error=None),
    entry(5, "tool_call", tool="delete_card", params=None, outcome="refused", error="not allowed"),
    entry(6, "proposal", proposalId="p", action="move_card", summary="Move it", status="pending"),
]


def test_log_shows_each_entry():
    root = render(LOG)
    assert root.texts("li") == [
        "12:00:01 status running",
        "12:00:02 step 1",
        "12:00:03 message I will move it",
        "12:00:04 tool call move_card to: Done done",
        "12:00:05 tool call delete_card refused not allowed",
        "12:00:06 proposal Move it pending",
    ]
    assert root.one("ol").attributes["aria-live"] == "polite"
    assert root.texts("p") == ["…"]
    assert render_lines(LOG)[-1] == "…"
    assert render_lines(LOG)[3] == "12:00:01  status      running"


def test_finished_log_shows_its_result():
    root = render([*LOG, entry(7, "done", status="failed", result=None, error="no such column")])
    assert root.one(cls="sub").text == "failed"
    assert root.texts("li")[-1] == "12:00:07 done failed no such column"
    assert root.texts("p") == []


def test_long_log_shows_latest_entries():
    root = render([entry(at, "new_kind", a=at) for at in range(1, 100)])
    assert len(root.all("li")) == 60
    assert root.texts("li")[-1].endswith("new kind a: 99")
    assert root.texts("p") == ["39 earlier", "…"]
    assert render_lines([entry(at, "step", number=at) for at in range(1, 100)])[2] == "39 earlier"


def test_mission_shows_its_progress():
    mission: dict[str, Any] = {"prompt": "move it", "autonomy_mode": "autonomous", "started_at": NOW}
    outcome = {"pending_proposals": 0, "result": "Moved.", "error": None}
    took = timedelta(seconds=65)
    root = render(make(AgentMission, status="completed", finished_at=NOW + took, **mission, **outcome))
    facts = [("Asked", "move it"), ("Mode", "autonomous"), ("Took", "1 min 5 s")]
    assert [*zip(root.texts("dt"), root.texts("dd"), strict=True)] == facts
    assert root.texts(cls="prose") == ["Moved."]
    outcome = {"pending_proposals": 2, "result": None, "error": "Odd."}
    waiting = make(AgentMission, status="awaiting_approval", finished_at=None, **mission, **outcome)
    assert "To decide2 proposals" in render(waiting).text
    assert render(waiting).one(cls="prose").classes == {"sty-prose", "sty-bad"}


# ---------------------------------------------------------------------------------------------- drafts


def deliverable(title: str, start: int, end: int, **fields: Any) -> Deliverable:
    fields = {"priority": None, "checklist": [], **fields}
    return make(Deliverable, title=title, start_day=start, end_day=end, **fields)


def phase(name: str, start: int, end: int, *deliverables: Deliverable) -> Phase:
    return Phase(name=name, description=None, start_day=start, end_day=end, deliverables=[*deliverables])


PLAN = Roadmap(
    start_date=None,
    days=20,
    phases=[
        phase("Build", 0, 9, deliverable("Page", 0, 4, priority="high", checklist=["a", "b"])),
        phase("Test", 10, 19, deliverable("Test", 19, 19)),
    ],
    notes=["Nobody is named."],
    not_understood=[NotUnderstood(text="paint it", reason="no such change")],
)


def test_draft_roadmap_shows_days_or_dates():
    root = render(PLAN)
    assert root.texts("small") == [
        "day 0 to 9; 1 deliverable",
        "day 0 to 4; high priority; 2 steps",
        "day 10 to 19; 1 deliverable",
        "day 19",
    ]
    assert root.texts("li") == ["Nobody is named.", "paint it no such change"]
    assert root.one(cls="axis").text == "day 0 day 7 day 14 "
    dated = render(attrs.evolve(PLAN, start_date=in_days(0)))
    assert dated.texts("small")[0] == "15 Apr to 24 Apr; 1 deliverable"
    assert dated.one(cls="axis").text == "20 Apr 27 Apr "


def test_empty_draft_roadmap_shows_nothing():
    assert render(attrs.evolve(PLAN, phases=[], notes=[], not_understood=[])).all(cls="time") == []


def test_long_draft_roadmap_is_truncated():
    many = attrs.evolve(PLAN.phases[0], deliverables=[deliverable(f"D{at}", at, at) for at in range(60)])
    assert render(attrs.evolve(PLAN, phases=[many])).texts(cls="more") == ["+ 21 more"]


def test_draft_shows_questions_gaps_and_roadmap():
    question = make(Question, text="Who?", format="single_choice", options=["a", "b"], required=True)
    draft = make(
        ProjectDraft,
        name="Booking",
        stage="roadmap",
        readiness_score=48,
        round=1,
        questions=[question],
        missing=["Who works on it"],
        roadmap=PLAN,
        answers=[make(DraftAnswer, text="When?", value="June")],
        feedback=[],
    )
    root = render(draft)
    assert root.one(cls="meter").text == "48 of 100 ready"
    assert root.texts("li")[:2] == ["Who? required single choice: a, b", "Who works on it"]
    assert root.texts("li")[-1] == "When? June"
    assert len(root.all(cls="bar")) == 4
    assert render(attrs.evolve(draft, questions=[], missing=[], roadmap=None, answers=[])).texts("li") == []
