"""Hypothesis strategies for declarations, with few names so that two of them have items in common."""

from datetime import date
from typing import Any

from hypothesis import strategies as st

from stellary.client import project_setup as ps
from stellary.contract.wire import UNSET

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


def draw_names(draw: Any, names: list[str], most: int = 4) -> list[tuple[str, Any]]:
    """Draw distinct names in some order, each with a previous name or UNSET."""
    chosen = draw(st.lists(st.sampled_from(names), unique=True, max_size=most))
    pairs = []
    for name in chosen:
        is_renamed = draw(st.booleans())
        pairs.append(
            (f"{name} 2", name)
            if is_renamed and draw(st.booleans())
            else (name, f"{name} 2" if is_renamed else UNSET)
        )
    return pairs


def dates(draw: Any) -> dict[str, Any]:
    """Draw both dates or none: a single one may contradict an existing date."""
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
        for name, was in draw_names(draw, ["To do", "Doing", "Done", "Review"])
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
        for name, was in draw_names(draw, ["MVP", "Later", "Never"], 3)
    ]


def fields(draw: Any) -> list[ps.Field]:
    fields = []
    for name, was in draw_names(draw, list(TYPES), 6):
        kind = TYPES[name.removesuffix(" 2")]
        options = UNSET
        if "select" in kind:
            options = draw(st.lists(st.sampled_from(OPTIONS), min_size=1, unique=True))
        # No field is required: new cards without a value would be refused, in whichever project they are declared.
        fields.append(ps.Field(name, kind, was=was, options=options, required=draw(maybe(st.just(False)))))
    return fields


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


def cards(
    draw: Any, labels: list[ps.Label], fields: list[ps.Field], columns: list[ps.Column]
) -> list[ps.Card]:
    pairs = draw_names(draw, TITLES)
    rank = {title: TITLES.index(title.removesuffix(" 2")) for title, _ in pairs}
    cards = []
    for title, was in pairs:
        later = [other for other in rank if rank[other] > rank[title]]
        earlier = [other for other in rank if rank[other] < rank[title]]
        other_titles = [other for other in rank if other != title]
        cards.append(
            ps.Card(
                title,
                was=was,
                column=draw(maybe(st.sampled_from([column.name for column in columns])))
                if columns
                else UNSET,
                description=draw(clearable(st.just("Well."))),
                priority=draw(clearable(st.sampled_from(["low", "high"]))),
                status=draw(maybe(st.sampled_from(["open", "done"]))),
                assignee=draw(clearable(st.sampled_from(PEOPLE))),
                labels=draw(maybe(subset([label.name.upper() for label in labels]))),
                fields={field.name: value(draw, field) for field in fields if draw(st.booleans())} or UNSET,
                checklist=draw(maybe(st.lists(steps(), max_size=3))),
                archived=draw(maybe(st.booleans())),
                parent=draw(clearable(st.sampled_from(earlier))) if earlier else UNSET,
                blocks=draw(maybe(subset(later))),
                related_to=draw(maybe(subset(other_titles))),
                duplicates=draw(maybe(subset(later))),
                **dates(draw),
            )
        )
    return cards


def steps() -> st.SearchStrategy[ps.Step]:
    return st.builds(ps.Step, st.sampled_from(["one", "two"]), st.sampled_from([UNSET, True, False]))


def subset(names: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(names), unique=True) if names else st.just([])


def automations(draw: Any, labels: list[ps.Label], columns: list[ps.Column]) -> list[ps.Automation]:
    # Their trigger never fires in the tests, so they change nothing themselves.
    rules = []
    for name, was in draw_names(draw, ["Clean up", "Remind"], 2):
        params: dict[str, Any] = {"content": draw(st.sampled_from(["Late!", "Hurry."]))}
        action = "add_comment"
        if columns and draw(st.booleans()):
            action, params = "move_card", {"targetColumn": {"column": columns[0].name}}
        conditions = UNSET
        if labels:
            leaf = {"field": "labelIds", "op": "contains", "value": {"label": labels[0].name}}
            conditions = draw(clearable(st.just({"all": [leaf]})))
        rules.append(
            ps.Automation(
                name,
                "due_date_reached",
                ps.Action(action, params),
                was=was,
                conditions=conditions,
                enabled=draw(maybe(st.booleans())),
            )
        )
    return rules


@st.composite
def declarations(draw: Any, name: str = "Launch") -> ps.Declaration:
    """Draw a declaration of a project with the given name."""
    own_columns = columns(draw) or [ps.Column("To do")]
    labels = [
        ps.Label(name, was=was, color=draw(maybe(st.sampled_from(["#EF4444", "#22c55e"]))))
        for name, was in draw_names(draw, ["Bug", "Chore", "Idea"])
    ]
    own_fields = fields(draw)
    return ps.Declaration(
        project=ps.Project(name, description=draw(clearable(st.just("What we do")))),
        scopes=draw(maybe(st.just([ps.Scope("Main", default=True), *scopes(draw)]))),
        columns=own_columns,
        labels=labels,
        fields=own_fields,
        cards=draw(maybe(st.just(cards(draw, labels, own_fields, own_columns)))),
        automations=draw(maybe(st.just(automations(draw, labels, own_columns)))),
        members=draw(maybe(st.lists(st.sampled_from(PEOPLE), unique=True))),
    )
