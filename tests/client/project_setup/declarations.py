"""Declarations to test with: any that make sense, of few names, so that those of two of them meet."""

from __future__ import annotations

from datetime import date
from typing import Any

from hypothesis import strategies as st

from stellary.client import project_setup as ps
from stellary.contract.unset import UNSET

DAYS = [date(2026, 1, 5), date(2026, 2, 1), date(2026, 3, 31)]
TYPES = {
    "Text": "text",
    "Size": "number",
    "Level": "select",
    "Areas": "multi-select",
    "Day": "date",
    "Urgent": "boolean",
}
OPTIONS = ["low", "mid", "high"]
TITLES = ["Ask", "Build", "Check", "Deliver"]
PEOPLE = ["jane@example.com", "joe@example.com", "ann@example.com"]


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.just(UNSET), strategy)


def clearable(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.just(UNSET), st.none(), strategy)


def named(draw: Any, names: list[str], most: int = 4) -> list[tuple[str, Any]]:
    """Different names in some order, each with the one that it may have had before."""
    chosen = draw(st.lists(st.sampled_from(names), unique=True, max_size=most))
    made = []
    for name in chosen:
        new = draw(st.booleans())
        made.append(
            (f"{name} 2", name) if new and draw(st.booleans()) else (name, f"{name} 2" if new else UNSET)
        )
    return made


def dates(draw: Any) -> dict[str, Any]:
    """Both dates or none: one alone may contradict what is there."""
    if draw(st.booleans()):
        return {}
    start, due = draw(st.sampled_from([*DAYS, None])), draw(st.sampled_from([*DAYS, None]))
    if start and due and start > due:
        start, due = due, start
    return {"start_date": start, "due_date": due}


def columns(draw: Any) -> list[ps.Column]:
    return [
        ps.Column(
            name,
            was=was,
            card_status=draw(clearable(st.sampled_from(["open", "in_progress", "done"]))),
            wip_limit=draw(clearable(st.integers(90, 95))),
        )
        for name, was in named(draw, ["To do", "Doing", "Done", "Review"])
    ]


def scopes(draw: Any) -> list[ps.Scope]:
    return [
        ps.Scope(
            name,
            was=was,
            description=draw(clearable(st.sampled_from(["First", "Then"]))),
            view=draw(maybe(st.sampled_from(["kanban", "list", "stats"]))),
            views=draw(maybe(st.just({"list": {"sort": draw(st.sampled_from(["title", None, 3]))}}))),
            columns=draw(maybe(st.just(columns(draw)))),
            **dates(draw),
        )
        for name, was in named(draw, ["MVP", "Later", "Never"], 3)
    ]


def fields(draw: Any) -> list[ps.Field]:
    made = []
    for name, was in named(draw, list(TYPES), 6):
        kind = TYPES[name.removesuffix(" 2")]
        options = UNSET
        if "select" in kind:
            options = draw(st.lists(st.sampled_from(OPTIONS), min_size=1, unique=True))
        # None is required: a new card without a value of one would be refused, whichever project it is declared for.
        made.append(ps.Field(name, kind, was=was, options=options, required=draw(maybe(st.just(False)))))
    return made


def value(draw: Any, field: ps.Field) -> Any:
    kinds = {
        "text": st.sampled_from(["some text", "2026-01-01", "no"]),
        "number": st.sampled_from([0, 3, 2.5, 4.0]),
        "date": st.sampled_from(["2026-01-01", "2026-05-06"]),
        "boolean": st.booleans(),
        "select": st.sampled_from(field.options or ["?"]),
        "multi-select": st.lists(st.sampled_from(field.options or ["?"]), min_size=1, unique=True),
    }
    return draw(kinds[field.type])


def cards(draw: Any, labels: list[ps.Label], known: list[ps.Field], own: list[ps.Column]) -> list[ps.Card]:
    pairs = named(draw, TITLES)
    rank = {title: TITLES.index(title.removesuffix(" 2")) for title, _ in pairs}
    made = []
    for title, was in pairs:
        behind = [each for each in rank if rank[each] > rank[title]]
        before = [each for each in rank if rank[each] < rank[title]]
        others = [each for each in rank if each != title]
        made.append(
            ps.Card(
                title,
                was=was,
                column=draw(maybe(st.sampled_from([each.name for each in own]))) if own else UNSET,
                description=draw(clearable(st.just("Well."))),
                priority=draw(clearable(st.sampled_from(["low", "high"]))),
                status=draw(maybe(st.sampled_from(["open", "done"]))),
                assignee=draw(clearable(st.sampled_from(PEOPLE))),
                labels=draw(maybe(subset([each.name.upper() for each in labels]))),
                fields={each.name: value(draw, each) for each in known if draw(st.booleans())} or UNSET,
                checklist=draw(maybe(st.lists(steps(), max_size=3))),
                archived=draw(maybe(st.booleans())),
                parent=draw(clearable(st.sampled_from(before))) if before else UNSET,
                blocks=draw(maybe(subset(behind))),
                related_to=draw(maybe(subset(others))),
                duplicates=draw(maybe(subset(behind))),
                **dates(draw),
            )
        )
    return made


def steps() -> st.SearchStrategy[ps.Step]:
    return st.builds(ps.Step, st.sampled_from(["one", "two"]), st.sampled_from([UNSET, True, False]))


def subset(names: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(names), unique=True) if names else st.just([])


def automations(draw: Any, labels: list[ps.Label], own: list[ps.Column]) -> list[ps.Automation]:
    # They wait for what the tests never do, so that they change nothing themselves.
    made = []
    for name, was in named(draw, ["Clean up", "Remind"], 2):
        params: dict[str, Any] = {"content": draw(st.sampled_from(["Late!", "Hurry."]))}
        action = "add_comment"
        if own and draw(st.booleans()):
            action, params = "move_card", {"targetColumn": {"column": own[0].name}}
        conditions = UNSET
        if labels:
            leaf = {"field": "labelIds", "op": "contains", "value": {"label": labels[0].name}}
            conditions = draw(clearable(st.just({"all": [leaf]})))
        made.append(
            ps.Automation(
                name,
                "due_date_reached",
                ps.Action(action, params),
                was=was,
                conditions=conditions,
                enabled=draw(maybe(st.booleans())),
            )
        )
    return made


@st.composite
def declarations(draw: Any, name: str = "Launch") -> ps.Declaration:
    """Anything that can be declared of a project of that name."""
    own = columns(draw) or [ps.Column("To do")]
    labels = [
        ps.Label(name, was=was, color=draw(maybe(st.sampled_from(["#EF4444", "#22c55e"]))))
        for name, was in named(draw, ["Bug", "Chore", "Idea"])
    ]
    known = fields(draw)
    return ps.Declaration(
        project=ps.Project(name, description=draw(clearable(st.just("What we do")))),
        scopes=draw(maybe(st.just([ps.Scope("Main", default=True), *scopes(draw)]))),
        columns=own,
        labels=labels,
        fields=known,
        cards=draw(maybe(st.just(cards(draw, labels, known, own)))),
        automations=draw(maybe(st.just(automations(draw, labels, own)))),
        members=draw(maybe(st.lists(st.sampled_from(PEOPLE), unique=True))),
    )
