"""Project files for tests: a strategy that draws any file that an export can produce, and a comparison."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
NAME = TEXT.filter(lambda text: not text.isspace())
WORD = st.text("abcdefghij", min_size=1, max_size=8)
MOMENT = st.datetimes(datetime(2020, 1, 1), datetime(2026, 1, 1)).map(  # noqa: DTZ001 - the zone follows
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC).isoformat().replace("+00:00", "Z")
)
VIEWS = ["kanban", "list", "calendar", "roadmap", "stats"]
VALUES = {
    "text": NAME,
    "number": st.integers(-(10**9), 10**9)
    | st.floats(-1e9, 1e9).filter(lambda number: not number.is_integer()),
    "boolean": st.booleans(),
    "date": st.dates().map(str),
    "select": st.sampled_from(["low", "high"]),
    "multi-select": st.lists(st.sampled_from(["low", "high"]), min_size=1, unique=True),
}
PERSON = st.fixed_dictionaries(
    {"name": NAME, "email": st.none() | WORD.map(lambda name: f"{name}@example.com")}
)


def id_of(kind: str, place: int) -> str:
    """Return an id that occurs in a file nowhere else."""
    return f"the {kind} in place {place}"


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def _names(most: int, names: st.SearchStrategy[str] = NAME) -> st.SearchStrategy[list[str]]:
    return st.lists(names, max_size=most, unique_by=str.casefold)


def one_card(**card: Any) -> Json:
    """Return a file of one card."""
    return {
        "project": {"name": "x"},
        "columns": [{"name": "a"}],
        "cards": [{"title": "t", "columnIndex": 0, **card}],
    }


@st.composite
def project_files(draw: st.DrawFn, assignees: list[str]) -> Json:
    """Draw a file as an export produces it, but without attachments.

    Args:
        draw: Hypothesis's.
        assignees: E-mail addresses of people who are there.
    """
    scopes = [
        {
            "id": id_of("scope", place),
            "name": name,
            "description": draw(_maybe(TEXT)),
            "isDefault": False,
            "startDate": draw(_maybe(st.just("2026-01-01T00:00:00Z"))),
            "dueDate": draw(_maybe(st.just("2026-04-01T12:30:00Z"))),
            "activeView": draw(st.sampled_from(VIEWS)),
            "views": [
                {
                    "type": kind,
                    "settings": draw(st.dictionaries(WORD, st.booleans() | TEXT, min_size=1, max_size=2)),
                }
                for kind in VIEWS
                if draw(st.booleans())
            ],
        }
        for place, name in enumerate(draw(st.lists(NAME, min_size=1, max_size=3)))
    ]
    draw(st.sampled_from(scopes))["isDefault"] = True
    columns = [
        {
            "id": id_of("column", place),
            "scopeId": id_of("scope", at),
            "name": draw(NAME),
            "cardStatus": draw(_maybe(st.sampled_from(["open", "in_progress", "done"]))),
            "wipLimit": draw(_maybe(st.integers(1, 10_000))),
        }
        for place, at in enumerate(sorted(draw(st.lists(st.integers(0, len(scopes) - 1), max_size=5))))
    ]
    labels = [
        {"id": id_of("label", place), "name": name, "color": draw(st.sampled_from(["#22c55e", "#EF4444"]))}
        for place, name in enumerate(draw(_names(3)))
    ]
    fields = [
        {
            "id": id_of("field", place),
            "name": name,
            "type": (kind := draw(st.sampled_from(sorted(VALUES)))),
            "options": ["low", "high"] if "select" in kind else [],
            "required": draw(st.booleans()),
        }
        for place, name in enumerate(draw(_names(4)))
    ]
    places = (
        draw(st.lists(st.tuples(st.booleans(), st.integers(0, len(columns) - 1)), max_size=6))
        if columns
        else []
    )
    numbers = draw(st.lists(st.integers(1, 99), min_size=len(places), max_size=len(places), unique=True))
    cards = [
        draw(_card(id_of("card", place), number, archived, at, labels, fields, assignees))
        for place, (number, (archived, at)) in enumerate(zip(numbers, sorted(places), strict=True))
    ]
    _relate(draw, cards)
    return {
        "format": "stellary.project/1",
        "exportedAt": "2026-01-01T00:00:00Z",
        "project": {
            "name": draw(NAME),
            "description": draw(_maybe(TEXT)),
            "key": draw(st.text("ABCDEF", min_size=2, max_size=6)),
            "archived": draw(st.booleans()),
            "lastNumber": max(numbers, default=0) + draw(st.integers(0, 3)),
            "visibility": "workspace",
            "memberRole": draw(st.sampled_from(["viewer", "commenter", "editor"])),
            "estimateUnit": draw(st.sampled_from(["points", "hours"])),
        },
        "scopes": scopes,
        "columns": columns,
        "labels": labels,
        "customFields": fields,
        "cards": cards,
        "members": [],
        "documents": [],
        "automations": draw(st.lists(_rule(columns, labels, fields, cards, assignees), max_size=3)),
    }


def _rule(
    columns: list[Json], labels: list[Json], fields: list[Json], cards: list[Json], assignees: list[str]
) -> st.SearchStrategy[Json]:
    """Draw an automation rule that refers to items of the file."""

    def ids(things: list[Json]) -> list[str]:
        return [thing["id"] for thing in things]

    comparisons: list[Json] = [{"field": "assigneeId", "op": "in", "value": [*assignees, None]}]
    comparisons += [{"field": "toColumnId", "op": "eq", "value": id} for id in ids(columns)]
    comparisons += [{"field": "labelIds", "op": "contains", "value": id} for id in ids(labels)]
    comparisons += [{"field": f"customFields.{id}", "op": "is_set"} for id in ids(fields)]
    actions: list[Json] = [{"type": "assign_card", "params": {"assigneeId": assignees[0]}}]
    actions += [{"type": "move_card", "params": {"targetColumn": id}} for id in ids(columns)]
    actions += [{"type": "add_label", "params": {"label": id}} for id in ids(labels)]
    actions += [{"type": "add_comment", "params": {"cardId": id, "content": "x"}} for id in ids(cards)]
    actions += [{"type": "create_card", "params": {"title": "x", "labelIds": ids(labels)}}]
    filters: list[Json] = [{}, {"assigneeId": assignees[0]}]
    filters += [{"columnId": id} for id in ids(columns)] + [{"labelId": id} for id in ids(labels)]
    filters += [{"customField": [f"{id}:", f"{id}:"]} for id in ids(fields)]
    filters += [{"customField": [f"{field['id']}:low"]} for field in fields if field["type"] == "text"]
    events: list[Json] = [
        {"trigger": name, "schedule": None} for name in ("task_moved", "task_created", "due_date_reached")
    ]
    events += [
        {"trigger": "schedule", "schedule": {"rule": "FREQ=DAILY", "timeZone": "UTC", "cards": cards}}
        for cards in filters
    ]
    any_of = st.lists(st.sampled_from(comparisons), min_size=1, max_size=3)
    rules = st.fixed_dictionaries(
        {
            "name": NAME,
            "conditions": st.just({}) | any_of.map(lambda parts: {"all": [{"any": parts}]}),
            "actions": st.lists(st.sampled_from(actions), min_size=1, max_size=3),
            "enabled": st.booleans(),
            "owner": st.just({"name": "ann", "email": "ann@example.com"}),
        }
    )
    return st.builds(
        lambda rule, event: {**rule, **event, "action": rule["actions"][0]}, rules, st.sampled_from(events)
    )


@st.composite
def _card(
    draw: st.DrawFn,
    id: str,
    number: int,
    archived: bool,
    column: int,
    labels: list[Json],
    fields: list[Json],
    assignees: list[str],
) -> Json:
    status = draw(st.sampled_from(["open", "in_progress", "done"]))
    created, completed = sorted([draw(MOMENT), draw(MOMENT)])
    return {
        "id": id,
        "number": number,
        "title": draw(NAME),
        "description": draw(_maybe(TEXT)),
        "columnId": id_of("column", column),
        "status": status,
        "priority": draw(_maybe(st.sampled_from(["low", "medium", "high"]))),
        "startDate": draw(_maybe(st.just("2026-01-01T00:00:00Z"))),
        "dueDate": draw(_maybe(MOMENT.filter(lambda moment: moment >= "2026"))),
        "estimate": draw(_maybe(st.integers(0, 1_000_000).map(lambda hundredths: hundredths / 100))),
        "archived": archived,
        "assignee": draw(st.none() | st.sampled_from(assignees)),
        "labelIds": draw(st.lists(st.sampled_from([label["id"] for label in labels]), unique=True))
        if labels
        else [],
        "customFields": {field["id"]: draw(VALUES[field["type"]]) for field in fields if draw(st.booleans())},
        "checklist": draw(
            st.lists(st.fixed_dictionaries({"title": NAME, "done": st.booleans()}), max_size=3)
        ),
        "comments": [
            {"author": draw(PERSON), "content": draw(NAME), "createdAt": moment, "updatedAt": moment}
            for moment in draw(st.lists(MOMENT, max_size=2))
        ],
        "relations": [],
        "attachments": [],
        "createdBy": {"name": "ann", "email": "ann@example.com"},
        "createdAt": created,
        "completedAt": completed if status == "done" else None,
        "recurrence": draw(_maybe(_recurrence(id_of("column", column)))),
    }


def _recurrence(column: str) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(
        {
            "rule": st.sampled_from(["FREQ=DAILY", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,FR"]),
            "timeZone": st.sampled_from(["UTC", "Europe/Berlin"]),
            "create": st.sampled_from(["on_schedule", "on_completion"]),
            "until": _maybe(st.just("2099-01-01T00:00:00Z")),
            "count": _maybe(st.integers(1, 10)),
            "columnId": st.just(column),
            "later": st.just({}),
        }
    )


def _relate(draw: st.DrawFn, cards: list[Json]) -> None:
    """Add relations between cards without cycles; ``related_to`` is listed at the first card."""
    pairs = [(one, other) for place, one in enumerate(cards) for other in cards[place + 1 :]]
    backwards = draw(st.booleans())
    children = set()
    for one, other in draw(st.lists(st.sampled_from(pairs), max_size=5, unique_by=str)) if pairs else ():
        for type in draw(
            st.lists(st.sampled_from(["blocks", "related_to", "duplicates", "parent_of"]), unique=True)
        ):
            source, target = (other, one) if backwards and type != "related_to" else (one, other)
            if type == "parent_of" and target["id"] in children:
                continue
            children |= {target["id"]} if type == "parent_of" else set()
            source["relations"].append({"type": type, "targetCardId": target["id"], "targetKey": ""})


def normalize(file: Json) -> Json:
    """Return a file for comparison: ids replaced by positions, and without fields that every export changes."""
    ids = {
        item["id"]: f"{kind}{place}"
        for kind in ("scopes", "columns", "labels", "customFields", "cards")
        for place, item in enumerate(file[kind])
    }

    def rename_ids(value: Any) -> Any:
        if isinstance(value, dict):
            left_out = {"exportedAt", "members", "key", "targetKey"}
            return {ids.get(key, key): rename_ids(item) for key, item in value.items() if key not in left_out}
        if isinstance(value, list):
            return [rename_ids(item) for item in value]
        if isinstance(value, str) and value.startswith("customFields."):
            return f"customFields.{rename_ids(value.removeprefix('customFields.'))}"
        if not isinstance(value, str):
            return value
        # A filter by a custom field is written as ``<fieldId>:<value>``.
        id, colon, text = value.partition(":")
        return ids.get(value, f"{ids.get(id, id)}{colon}{text}")

    return rename_ids(file)
