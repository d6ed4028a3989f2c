"""Custom fields: definitions, values on cards, and effects of changed fields on values."""

import itertools
from datetime import UTC, date, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stellary.contract.cards import CreateCard, UpdateCard
from stellary.contract.custom_fields import SetCustomFields, UpdateCustomField
from stellary.contract.errors import Conflict, Invalid
from stellary.contract.refs import CardRef, ColumnRef, CustomFieldRef, FlatCardRef, ProjectRef
from stellary.core import events
from stellary.core.board import custom_fields
from tests.support.boards import Board, ask, error, status
from tests.support.core_parts import cards
from tests.support.each_case import for_each
from tests.support.statements import count_statements
from tests.support.world import at_once

UNKNOWN = "a" * 24
OPTIONS = ["low", "high", "late"]
NUMBERS = itertools.count()


def field(board, kind="text", name=None, **body):
    if kind in ("select", "multi-select"):
        body.setdefault("options", OPTIONS)
    return ask(board, "POST", f"{board.path}/custom-fields", {"name": name or kind, "type": kind, **body})


def path_of(board, field):
    return f"{board.flat}/custom-fields/{field['id']}"


def values_of(board, card):
    return board.read(card)["customFields"]


def put(board, card, values, **headers):
    return ask(board, "PATCH", f"{board.flat_of(card)}/custom-fields", values, **headers)


# ------------------------------------------------------------------------------------------------- definitions


def test_fields_are_listed_in_creation_order(board):
    new_fields = [field(board, kind) for kind in ("text", "select", "boolean")]
    assert ask(board, "GET", f"{board.path}/custom-fields") == new_fields
    assert ask(board, "GET", f"{board.path}/board")["customFields"] == new_fields
    assert new_fields[1]["options"] == OPTIONS
    assert (new_fields[0]["options"], new_fields[0]["required"]) == ([], False)


def test_name_is_unique_in_its_project_without_regard_to_case(board):
    new_field = field(board, name="Straße")
    assert status(board, "POST", f"{board.path}/custom-fields", {"name": "STRASSE", "type": "date"}) == 409
    expected = (409, "the project has a custom field 'strasse' already")
    assert error(board, "PATCH", path_of(board, field(board, name="other")), {"name": "strasse"}) == expected
    assert ask(board, "PATCH", path_of(board, new_field), {"name": "STRASSE"})["name"] == "STRASSE"
    field(Board(board.world, board.owner, board.workspace), name="Straße")


@pytest.mark.slow("creates a hundred fields")
def test_project_has_at_most_100_fields_under_concurrent_creation(board):
    for number in range(98):
        field(board, name=str(number))
    body = [{"name": name, "type": "text"} for name in "abcd"]
    answers = at_once(
        *[lambda body=body: status(board, "POST", f"{board.path}/custom-fields", body) for body in body]
    )
    assert sorted(answers) == [201, 201, 409, 409]
    assert len(ask(board, "GET", f"{board.path}/custom-fields")) == 100


@for_each(
    "body, message",
    [
        ({"type": "select"}, "options must have 1 to 100 items"),
        ({"type": "multi-select", "options": []}, "options must have 1 to 100 items"),
        ({"type": "select", "options": ["a", "a"]}, "options must be different from each other"),
        (
            {"type": "number", "options": ["1"]},
            "options must not be given: a field of the type number has none",
        ),
        (
            {"type": "json"},
            "type must be one of text, number, select, multi-select, date, boolean",
        ),
        ({"type": "select", "options": [" "]}, "options[0] must not be blank"),
    ],
)
def test_invalid_field_is_refused(board, body, message):
    assert error(board, "POST", f"{board.path}/custom-fields", {"name": "x", **body}) == (400, message)


# ------------------------------------------------------------------------------------------------- values

GOOD = [
    ("text", "x", "x"),
    ("text", "ü" * 5000, "ü" * 5000),
    ("text", ' "quoted": {} ', ' "quoted": {} '),
    ("number", 5, 5),
    ("number", -2.5, -2.5),
    ("number", 3.0, 3),
    ("number", 2**63 - 1, 2**63 - 1),
    ("number", 1e300, 1e300),
    ("boolean", False, False),
    ("date", "2026-04-01", "2026-04-01"),
    ("date", "2026-04-01T00:00:00.000Z", "2026-04-01"),
    ("date", "2026-04-01T00:00+00:00", "2026-04-01"),
    ("select", "high", "high"),
    ("multi-select", ["late", "low"], ["late", "low"]),
]
BAD = [
    ("text", "must be a text of 1 to 5000 characters", [5, True, [], {}, "", " ", "x" * 5001]),
    ("number", "must be a finite number", ["5", True, [], {}]),
    ("boolean", "must be true or false", ["true", 1, 0, []]),
    (
        "date",
        "must be a date such as 2026-04-01",
        [20260401, "20260401", "2026-4-1", "2026-02-30", "2026-04-01T10:00:00Z", "2026-04-01T00:00", "", []],
    ),
    ("select", "must be one of the field's options", ["High", "", ["high"], 1, "other"]),
    (
        "multi-select",
        "must be a list of different options of the field",
        ["high", ["high", "high"], ["high", "other"], [1], [["high"]], {}],
    ),
]


@pytest.mark.parametrize(("kind", "value", "stored"), GOOD)
def test_value_of_each_type_is_stored(board, kind, value, stored):
    id, card = field(board, kind)["id"], board.card()
    changed = put(board, card, {id: value})
    assert (changed["customFields"], changed["version"]) == ({id: stored}, 2)
    assert type(changed["customFields"][id]) is type(stored)
    assert board.read(card) == changed
    assert put(board, card, {id: value}) == changed
    assert board.card(customFields={id: value})["customFields"] == {id: stored}
    assert put(board, card, {id: None})["customFields"] == {}


@for_each("kind, message, values", BAD)
def test_value_of_the_wrong_type_is_named(board, kind, message, values):
    id, card = field(board, kind)["id"], board.card()
    column = board.columns[0]["id"]
    requests = [
        ("PATCH", f"{board.flat_of(card)}/custom-fields", lambda values: values, ""),
        ("PATCH", board.of(card), lambda values: {"customFields": values}, "customFields."),
        (
            "POST",
            f"{board.path}/columns/{column}/cards",
            lambda values: {"title": "x", "customFields": values},
            "customFields.",
        ),
        (
            "POST",
            f"{board.path}/cards/bulk",
            lambda values: {"cards": [{"title": "x", "columnId": column, "customFields": values}]},
            "cards[0].customFields.",
        ),
        (
            "PATCH",
            f"{board.path}/cards/bulk",
            lambda values: {"cards": [{"id": card["id"], "customFields": values}]},
            "cards[0].customFields.",
        ),
    ]
    for value in values:
        for method, path, body, where in requests:
            assert error(board, method, path, body({id: value})) == (400, f"{where}{id} {message}")
    assert values_of(board, card) == {}


def test_values_are_set_where_cards_are_made_and_changed(board):
    text, number, card = field(board)["id"], field(board, "number")["id"], board.card()
    ask(board, "PATCH", board.of(card), {"customFields": {text: "x", number: 1}})
    ask(board, "PATCH", board.of(card), {"customFields": {text: None}})
    assert values_of(board, card) == {number: 1}
    shared = {"title": "a", "columnId": board.columns[0]["id"]}
    cards = [{**shared, "customFields": {number: n, text: None}} for n in (1, 2)]
    answer = ask(board, "POST", f"{board.path}/cards/bulk", {"cards": cards})
    assert [card["customFields"] for card in answer] == [{number: 1}, {number: 2}]
    changes = [{"id": card["id"], "customFields": {number: None, text: "y"}} for card in answer]
    changed = ask(board, "PATCH", f"{board.path}/cards/bulk", {"cards": changes})
    assert [card["customFields"] for card in changed] == [{text: "y"}] * 2


def test_new_card_needs_a_value_of_each_required_field(board):
    there = board.card("there")
    size, due = field(board, required=True), field(board, "date", required=True)
    column = board.columns[0]["id"]
    single, bulk = f"{board.path}/columns/{column}/cards", f"{board.path}/cards/bulk"
    is_required = "is required: every new card needs a value for"
    body = {"title": "x", "customFields": {size["id"]: "L"}}
    message = f"customFields.{due['id']} {is_required} {due['name']!r}"
    assert error(board, "POST", single, body) == (400, message)
    cards = [{**body, "columnId": column}, {"title": "y", "columnId": column}]
    assert error(board, "POST", bulk, {"cards": cards}) == (400, f"cards[0].{message}")
    cleared = {"title": "x", "customFields": {size["id"]: None, due["id"]: "2026-04-01"}}
    assert error(board, "POST", single, cleared)[0] == 400
    assert [card["title"] for card in ask(board, "GET", f"{board.path}/cards")] == ["there"]
    whole = {size["id"]: "L", due["id"]: "2026-04-01"}
    assert board.card(customFields=whole)["customFields"] == whole
    # What was there before may lack it, and can be changed all the same; so may what is imported.
    assert ask(board, "PATCH", board.of(there), {"title": "still there"})["customFields"] == {}
    file = ask(board, "GET", f"{board.path}/export")
    assert len(ask(board, "POST", f"{board.flat}/projects/import", file)["cardIds"]) == 2


def test_required_fields_add_no_statement_to_card_creation(board, statements):
    path = f"{board.path}/columns/{board.columns[0]['id']}/cards"
    with statements() as without:
        ask(board, "POST", path, {"title": "x"})
    field(board)
    with statements() as beside:
        ask(board, "POST", path, {"title": "x"})
    assert len(without) == len(beside)
    assert not any(
        "SELECT" in sql and "FROM stellary_custom_fields" in sql for sql in beside if "UPDATE" not in sql
    )


def test_a_required_value_cannot_be_cleared(board):
    card = board.card()
    id, several = (
        field(board, required=True)["id"],
        field(board, "multi-select", required=True)["id"],
    )
    put(board, card, {id: "x", several: ["low"]})
    path = f"{board.flat_of(card)}/custom-fields"
    reason = "must not be cleared, since the field is required"
    assert error(board, "PATCH", path, {id: None}) == (400, f"{id} {reason}")
    assert error(board, "PATCH", path, {several: []}) == (400, f"{several} {reason}")
    expected = (400, f"customFields.{id} {reason}")
    assert error(board, "PATCH", board.of(card), {"customFields": {id: None}}) == expected
    assert values_of(board, card) == {id: "x", several: ["low"]}
    ask(board, "PATCH", f"{board.flat}/custom-fields/{id}", {"required": False})
    assert put(board, card, {id: None})["customFields"] == {several: ["low"]}


def test_an_empty_choice_of_several_is_none(board):
    id, card = field(board, "multi-select")["id"], board.card()
    put(board, card, {id: ["low"]})
    assert put(board, card, {id: []})["customFields"] == {}


def test_the_body_is_an_object_of_fields(board):
    path = f"{board.flat_of(board.card())}/custom-fields"
    for body in ([], "x", 5, None):
        assert status(board, "PATCH", path, b"null" if body is None else body) == 400
    assert ask(board, "PATCH", path, {})["customFields"] == {}
    assert error(board, "PATCH", path, {"x" * 500: 1})[1].startswith("x" * 100 + " must be the id")


def test_too_many_fields_are_answered_with_an_unknown_one(board):
    many = {field(board)["id"]: "x"} | {f"{number:024x}": "x" for number in range(5000)}
    answered, message = error(board, "PATCH", f"{board.flat_of(board.card())}/custom-fields", many)
    assert (answered, message) == (400, f"{0:024x} must be the id of an existing item")


def test_event_lists_changed_fields(board):
    id, card = field(board)["id"], board.card()
    ref = board.workspace.ref.child(FlatCardRef, card["id"])
    with board.world.core.begin(board.owner.actor) as uow:
        custom_fields.set_custom_fields(uow, ref, SetCustomFields(values={id: "x"}))
        custom_fields.set_custom_fields(uow, ref, SetCustomFields(values={id: "x"}))
        (event,) = uow.events
    assert isinstance(event, events.CardUpdated)
    assert event.changed == ("customFields",)
    assert event.before.custom_fields == {}
    assert event.card.custom_fields == {id: "x"}


def test_a_day_of_python_is_a_value(board):
    id, card = field(board, "date")["id"], board.card()
    place = board.workspace.ref.child(ProjectRef, board.project["id"])
    column = place.child(ColumnRef, board.columns[0]["id"])
    with board.world.core.begin(board.owner.actor) as uow:
        for day in (date(2026, 4, 1), datetime(2026, 4, 1, tzinfo=UTC)):
            new_card = cards.create_card(uow, column, CreateCard(title="x", custom_fields={id: day}))
            assert new_card.custom_fields == {id: "2026-04-01"}
        later = UpdateCard(custom_fields={id: datetime(2026, 4, 1, 10, tzinfo=UTC)})
        with pytest.raises(Invalid):
            cards.update_card(uow, place.child(CardRef, card["id"]), later)


def test_concurrently_set_values_are_all_kept(board):
    ids = [field(board, name=name)["id"] for name in "abcd"]
    for _ in range(3):
        card = board.card()
        at_once(*[lambda field_id=field_id: put(board, card, {field_id: field_id}) for field_id in ids])  # noqa: B023
        assert values_of(board, card) == {id: id for id in ids}


# ------------------------------------------------------------------------------------------------- set and cleared

SAMPLES = {
    "text": st.sampled_from(["x", '"', "\\", '","a":"']) | st.text(st.characters(codec="utf-8"), max_size=5),
    "number": st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "date": st.dates().map(str),
    "select": st.sampled_from(OPTIONS),
    "multi-select": st.lists(st.sampled_from(OPTIONS), unique=True),
}


def is_value(value):
    return not isinstance(value, str) or (value and not value.isspace() and "\0" not in value)


@pytest.mark.slow("makes random changes")
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_card_has_the_values_that_were_set_last(board, data):
    ids = {kind: field(board, kind, f"{kind} {next(NUMBERS)}")["id"] for kind in SAMPLES}
    card, model = board.card(), {}
    for _ in range(data.draw(st.integers(1, 6))):
        kinds = data.draw(st.lists(st.sampled_from(list(SAMPLES)), unique=True, min_size=1))
        values = {ids[kind]: data.draw(st.none() | SAMPLES[kind].filter(is_value)) for kind in kinds}
        before = board.read(card)
        way = data.draw(st.sampled_from(["alone", "with the card", "in bulk"]))
        if way == "alone":
            after = put(board, card, values)
        elif way == "with the card":
            after = ask(board, "PATCH", board.of(card), {"customFields": values})
        else:
            body = {"cards": [{"id": card["id"], "customFields": values}]}
            (after,) = ask(board, "PATCH", f"{board.path}/cards/bulk", body)
        model = {id: value for id, value in {**model, **values}.items() if value not in (None, [])}
        assert after["customFields"] == board.read(card)["customFields"] == model
        assert after["version"] == before["version"] + (before["customFields"] != model)
    for id in ids.values():
        ask(board, "DELETE", f"{board.flat}/custom-fields/{id}")
        model.pop(id, None)
        assert values_of(board, card) == model


# ------------------------------------------------------------------------------------------------- changing a field


def test_option_that_is_renamed_is_kept_on_cards(board):
    one, several = field(board, "select"), field(board, "multi-select", required=True)
    card = board.card(customFields={one["id"]: "high", several["id"]: ["low", "high"]})
    low, other_options = OPTIONS[0], OPTIONS[2:]
    for select_field in (one, several):
        ask(board, "PATCH", path_of(board, select_field), {"options": [low, "urgent", *other_options]})
    after = board.read(card)
    assert after["customFields"] == {one["id"]: "urgent", several["id"]: ["low", "urgent"]}
    # Another order renames nothing.
    for select_field in (one, several):
        ask(board, "PATCH", path_of(board, select_field), {"options": ["urgent", low, *other_options]})
    assert board.read(card)["customFields"] == after["customFields"]


def test_an_option_that_is_removed_is_cleared_from_cards(board):
    one, several = field(board, "select"), field(board, "multi-select")
    text = field(board)["id"]
    chosen = [
        {one["id"]: "low", several["id"]: ["low"]},
        {one["id"]: "high", several["id"]: ["late", "low", "high"], text: "low"},
        {text: f'"{one["id"]}":"low"'},
    ]
    new_cards = [board.card(customFields=values) for values in chosen]
    several = ask(board, "PATCH", path_of(board, several), {"required": True})
    for select_field in (one, several):
        changed = ask(board, "PATCH", path_of(board, select_field), {"options": ["late", "high", "new"]})
        assert changed["options"] == ["late", "high", "new"]
    now = [board.read(card) for card in new_cards]
    expected = [{}, {one["id"]: "high", several["id"]: ["late", "high"], text: "low"}, chosen[2]]
    assert [card["customFields"] for card in now] == expected
    assert [card["version"] for card in now] == [3, 2, 1]
    assert error(board, "PATCH", f"{board.flat_of(new_cards[0])}/custom-fields", {one["id"]: "low"})[0] == 400


@pytest.mark.parametrize(
    ("options", "ids"),
    [(["low", "urgent", "late"], None), (["urgent", "low", "new", "late"], [1, 0, None, 2])],
    ids=["position", "ids"],
)
def test_values_follow_a_renamed_option_also_in_the_trash(board, options, ids):
    one, several = field(board, "select"), field(board, "multi-select")
    values = {one["id"]: "high", several["id"]: ["low", "high"]}
    scope = ask(board, "POST", f"{board.path}/scopes", {"name": "Next"})
    path = f"{board.path}/columns/{scope['columns'][0]['id']}/cards"
    cards = [board.card(customFields=values), board.card(customFields=values)]
    cards.append(ask(board, "POST", path, {"title": "x", "customFields": values}))
    ask(board, "DELETE", board.of(cards[1]))
    ask(board, "DELETE", f"{board.path}/scopes/{scope['id']}")
    for changed in (one, several):
        body = {"options": options}
        if ids:
            body["optionIds"] = ["" if index is None else changed["optionIds"][index] for index in ids]
        after = ask(board, "PATCH", path_of(board, changed), body)
        assert after["optionIds"][options.index("urgent")] == changed["optionIds"][1]
        assert len(set(after["optionIds"])) == len(options)
    for entry in ask(board, "GET", f"{board.flat}/trash"):
        ask(board, "POST", f"{board.flat}/trash/{entry['id']}/restore")
    expected = {one["id"]: "urgent", several["id"]: ["low", "urgent"]}
    assert [values_of(board, card) for card in cards] == [expected] * 3


def test_options_of_an_earlier_version_keep_their_ids(board):
    new_field = field(board, "select")
    with board.world.core.begin(board.owner.actor) as uow:
        uow.connection.exec_driver_sql("UPDATE stellary_custom_fields SET option_ids = '[]'")
    (earlier,) = ask(board, "GET", f"{board.path}/custom-fields")
    ask(board, "PATCH", path_of(board, new_field), {"options": ["low", "urgent", "late"]})
    (renamed,) = ask(board, "GET", f"{board.path}/custom-fields")
    assert renamed["optionIds"] == earlier["optionIds"]


@pytest.mark.parametrize("indexes", [[0, 1], [0, 0, None], ["f" * 24, None, None]], ids=str)
def test_wrong_option_ids_are_refused(board, indexes):
    new_field = field(board, "select")
    option_ids = dict(enumerate(new_field["optionIds"])) | {None: ""}
    body = {"options": ["a", "b", "c"], "optionIds": [option_ids.get(index, index) for index in indexes]}
    status, message = error(board, "PATCH", path_of(board, new_field), body)
    expected = "as many items as options" if len(indexes) == 2 else "different ids of the field's options"
    assert (status, expected in message) == (400, True)
    assert ask(board, "GET", f"{board.path}/custom-fields") == [new_field]


def test_option_ids_without_options_are_refused(board):
    new_field = field(board, "select")
    body = {"optionIds": new_field["optionIds"][::-1]}
    message = "options is required together with optionIds"
    assert error(board, "PATCH", path_of(board, new_field), body) == (400, message)


KEEPS = [
    ("select", "high", "text", {}, "high"),
    ("text", "high", "select", {"options": ["high"]}, "high"),
    ("text", "high", "multi-select", {"options": ["high"]}, ["high"]),
    ("select", "high", "multi-select", {}, ["high"]),
    ("multi-select", ["high"], "select", {}, "high"),
    ("multi-select", ["high"], "text", {}, "high"),
    ("number", 5, "text", {}, "5"),
    ("number", -2.5, "text", {}, "-2.5"),
    ("text", "-2.5", "number", {}, -2.5),
    ("date", "2026-04-01", "text", {}, "2026-04-01"),
    ("text", "2026-04-01", "date", {}, "2026-04-01"),
    ("boolean", True, "text", {}, "true"),
    ("text", "false", "boolean", {}, False),
    ("number", 5, "select", {"options": ["5"]}, "5"),
]
LOSES = [
    ("text", "other", "select", {"options": ["high"]}),
    ("multi-select", ["high", "low"], "select", {}),
    ("multi-select", ["high", "low"], "text", {}),
    ("select", "high", "multi-select", {"options": ["low"]}),
    ("text", "007", "number", {}),
    ("text", "1e3", "number", {}),
    ("text", "1e999", "number", {}),
    ("text", "5", "date", {}),
    ("text", "2026-04-01T00:00:00Z", "date", {}),
    ("boolean", True, "number", {}),
    ("date", "2026-04-01", "boolean", {}),
]


@pytest.mark.parametrize(("kind", "value", "becomes", "more", "stored"), KEEPS)
def test_new_type_converts_compatible_values(board, kind, value, becomes, more, stored):
    new_field = field(board, kind)
    card = board.card(customFields={new_field["id"]: value})
    assert ask(board, "PATCH", path_of(board, new_field), {"type": becomes, **more})["type"] == becomes
    actual = values_of(board, card)[new_field["id"]]
    assert (actual, type(actual)) == (stored, type(stored))


@pytest.mark.parametrize(("kind", "value", "becomes", "more"), LOSES)
def test_another_type_that_would_lose_a_value_is_a_conflict(board, kind, value, becomes, more):
    new_field = field(board, kind, name="Weight")
    card = board.card(customFields={new_field["id"]: value})
    message = f"'Weight' cannot become {becomes}: values on cards would be lost"
    assert error(board, "PATCH", path_of(board, new_field), {"type": becomes, **more}) == (409, message)
    assert ask(board, "GET", f"{board.path}/custom-fields") == [new_field]
    put(board, card, {new_field["id"]: None})
    ask(board, "PATCH", path_of(board, new_field), {"type": becomes, **more})


def test_a_type_without_options_gives_them_up(board):
    new_field = field(board, "select")
    assert ask(board, "PATCH", path_of(board, new_field), {"type": "text"})["options"] == []
    expected = (400, "options must have 1 to 100 items")
    assert error(board, "PATCH", path_of(board, new_field), {"type": "select"}) == expected
    assert error(board, "PATCH", path_of(board, new_field), {"options": ["x"]})[0] == 400


def test_a_refused_change_leaves_the_unit_as_it_was(board):
    new_field = field(board)
    board.card(customFields={new_field["id"]: "x"})
    ref = board.workspace.ref.child(CustomFieldRef, new_field["id"])
    with board.world.core.begin(board.owner.actor) as uow:
        with pytest.raises(Conflict):
            custom_fields.update_custom_field(uow, ref, UpdateCustomField(name="new", type="number"))
        custom_fields.update_custom_field(uow, ref, UpdateCustomField(required=True))
    (now,) = ask(board, "GET", f"{board.path}/custom-fields")
    assert (now["name"], now["type"], now["required"]) == ("text", "text", True)


def test_a_deleted_field_takes_its_values_along(board):
    deleted_field, stays = field(board, name="gone"), field(board, name="stays")
    card = board.card(customFields={deleted_field["id"]: "x", stays["id"]: f'"{deleted_field["id"]}":'})
    other = board.card(customFields={stays["id"]: "y"})
    assert ask(board, "DELETE", path_of(board, deleted_field)) == {"ok": True, "brokenAutomations": []}
    now = board.read(card)
    assert (now["customFields"], now["version"]) == ({stays["id"]: f'"{deleted_field["id"]}":'}, 2)
    assert board.read(other) == other
    assert status(board, "DELETE", path_of(board, deleted_field)) == 404


def test_statements_of_a_field_change_do_not_grow_with_cards(board):
    counts = []
    for count in (1, 20):
        new_field = field(board, "select", f"of {count}")
        for _ in range(count):
            board.card(customFields={new_field["id"]: "low"})
        for method, body in (("PATCH", {"options": ["high"]}), ("PATCH", {"type": "text"}), ("DELETE", None)):
            counts.append(count_statements(ask, board, method, path_of(board, new_field), body))
    assert counts[:3] == counts[3:]
    assert max(counts) <= 8


def test_statements_for_values_do_not_grow_with_cards(board):
    ids = [field(board, name=name)["id"] for name in "abc"]
    counts = []
    for count in (1, 20):
        card = {"title": "x", "columnId": board.columns[0]["id"], "customFields": dict.fromkeys(ids, "x")}
        counts.append(
            count_statements(ask, board, "POST", f"{board.path}/cards/bulk", {"cards": [card] * count})
        )
    assert counts[0] == counts[1]


# ------------------------------------------------------------------------------------------------- filters


def filtered_titles(board, *filters):
    """Return the titles of matching cards, which must be equal in one list and in pages."""
    query = "&".join(f"customField={condition}" for condition in filters)
    whole = [card["title"] for card in ask(board, "GET", f"{board.path}/cards?{query}")]
    assert whole == [card["title"] for card in ask(board, "GET", f"{board.path}/cards?{query}&limit=50")]
    return " ".join(whole)


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("text", ["High", "high", "highest", 'a"b', "a%b"], {"high": "b", "a%22b": "d", "a%25b": "e"}),
        ("number", [3, 3.5, 33, 0, 1e300], {"3": "a", "3.0": "a", "3.5": "b", "0": "d", "1e300": "e"}),
        ("boolean", [True, False], {"true": "a", "false": "b"}),
        ("date", ["2026-04-01", "2026-04-02"], {"2026-04-01": "a"}),
        ("select", ["low", "high"], {"high": "b", "late": ""}),
        ("multi-select", [["low"], ["late", "low"], ["high"]], {"low": "a b", "late": "b", "high": "c"}),
    ],
)
def test_cards_are_found_by_their_values(board, kind, values, expected):
    new_field = field(board, kind)["id"]
    beside = field(board, "text", "beside")["id"]
    for title, value in zip("abcde", values, strict=False):
        board.card(title, customFields={new_field: value, beside: "3"})
    board.card("none", customFields={beside: "high"})
    for text, titles in expected.items():
        assert filtered_titles(board, f"{new_field}:{text}") == titles
    assert filtered_titles(board, f"{new_field}:") == "none"


def test_filters_are_combined_with_and(board):
    size, kind = field(board, "number")["id"], field(board, "select")["id"]
    for title, number, option in (("a", 1, "low"), ("b", 1, "high"), ("c", 2, "high")):
        board.card(title, column=0 if title == "c" else 1, customFields={size: number, kind: option})
    assert filtered_titles(board, f"{size}:1", f"{kind}:high") == "b"
    query = f"customField={kind}:high&columnId={board.columns[1]['id']}"
    (card,) = ask(board, "GET", f"{board.path}/cards?{query}")
    assert (card["title"], card["order"]) == ("b", 1)


def test_the_next_page_has_the_same_filters(board):
    id = field(board, "boolean")["id"]
    for title, done in (("a", True), ("b", False), ("c", True)):
        board.card(title, customFields={id: done})
    first = board.world.call(board.owner, "GET", f"{board.path}/cards?limit=1&customField={id}:true")
    following = first.headers["link"].partition("?")[2].partition(">")[0]
    assert [card["title"] for card in ask(board, "GET", f"{board.path}/cards?{following}")] == ["c"]


def test_invalid_filter_is_named(board):
    id, several = field(board, "number")["id"], field(board, "multi-select")["id"]
    form = "must be the id of a custom field, a colon, and a value"
    for condition, message in (
        ("x", form),
        (id, form),
        (f"{id}:x", "must be a finite number"),
        (f"{several}:other", "must be one of the field's options"),
        (f"{UNKNOWN}:5", "must be the id of an existing item"),
    ):
        answer = error(board, "GET", f"{board.path}/cards?customField={id}:5&customField={condition}")
        assert answer == (400, f"customField[1] {message}")
    eleven = "&".join([f"customField={id}:1"] * 11)
    expected = (400, "customField must have 1 to 10 items")
    assert error(board, "GET", f"{board.path}/cards?{eleven}") == expected
