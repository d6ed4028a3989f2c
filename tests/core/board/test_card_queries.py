"""The language of lists of cards: parameters, ``filter``, orders and fields, in each of the three lists."""

import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from sqlalchemy import Engine, event

from stellary.contract.errors import Invalid
from stellary.core.board.queries.card_lists import CardList, LeanCards, load_cards_by_ids
from stellary.core.board.queries.card_tests import build_condition
from stellary.core.board.rules import card_conditions as rules
from stellary.core.board.rules.card_conditions import Combination, Comparison, SortKey
from stellary.core.board.rules.filter_language import parse_filter
from tests.support.boards import Board, ask, day
from tests.support.each_case import for_each
from tests.support.statements import count_statements

ME, ANN = "assigneeId=me", "ann@example.com"


@pytest.fixture
def full_board(board: Board) -> Board:
    """A board with four cards that differ in each field by which cards are filtered."""
    ask(board, "POST", f"{board.path}/labels", {"name": "Critical bug", "color": "#ff0000"})
    label = ask(board, "GET", f"{board.path}/labels")[-1]["id"]
    late = board.card("late", estimate=0.07, priority="high", dueDate=day(-1), assigneeId=board.owner.id)
    soon = board.card(
        "soon",
        estimate=3,
        priority="low",
        dueDate=day(2),
        labelIds=[label],
        checklist=[{"title": "one"}, {"title": "two"}],
    )
    far = board.card("far", priority="medium", dueDate=day(20), assigneeId=board.owner.id)
    board.card("done", status="done", checklist=[{"title": "all", "done": True}])
    for blocker, blocked in ((late, soon), (soon, far)):
        path = f"{board.flat}/cards/{blocker['id']}/relations"
        ask(board, "POST", path, {"targetCardId": blocked["id"], "type": "blocks"})
    return board


def lists(board: Board) -> list[str]:
    """Return the paths of the lists that have the cards of a board."""
    return [f"{board.path}/cards", f"{board.path}/cards?limit=100", f"{board.flat}/cards", "/cards"]


def titles(board: Board, path: str, query: str) -> list[str]:
    """Return the titles of a list, in its order."""
    return [card["title"] for card in ask(board, "GET", f"{path}{'&' if '?' in path else '?'}{query}")]


SELECTED = {
    "priority=high&priority=low": ["late", "soon"],
    "priority=none&priority=low": ["soon", "done"],
    "priority=any": ["late", "soon", "far"],
    "status=open&status=done": ["late", "soon", "far", "done"],
    "assigneeId=me": ["late", "far"],
    "assigneeId=any": ["late", "far"],
    "assigneeId=me&assigneeId=none": ["late", "soon", "far", "done"],
    "dueBefore=today": ["late"],
    "dueBefore=+3d": ["late", "soon"],
    "dueBefore=%2B3d&dueAfter=today": ["soon"],
    "dueAfter=1w": ["far"],
    "createdAfter=today": ["late", "soon", "far", "done"],
    "createdBefore=today": [],
    "completedAfter=today": ["done"],
    "completedBefore=-1d": [],
    "checklist=incomplete": ["soon"],
    "checklist=complete": ["done"],
    "checklist=none": ["late", "far"],
    "checklist=any": ["soon", "done"],
    "blocked=true": ["soon", "far"],
    "blocked=false": ["late", "done"],
    "labelId=any": ["soon"],
    "q=FA": ["far"],
}
FILTERED = {
    "assignee = me and (priority = high or due < +3d)": ["late"],
    "Assignee = ME AND NOT priority = high": ["far"],
    "not assignee = me": ["soon", "done"],
    "assignee != me": ["soon", "done"],
    "assignee in (me, none) and status != done": ["late", "soon", "far"],
    "priority not in (high, low)": ["far", "done"],
    "priority = none or checklist = incomplete": ["soon", "done"],
    f"assignee = {ANN}": ["late", "far"],
    'label = "Critical bug"': ["soon"],
    'label = "critical BUG" or column = "To do" and due = none': ["soon", "done"],
    "due <= +2d and due >= +2d": ["soon"],
    "due = +2d": ["soon"],
    "due > +2d": ["far"],
    "due = none and estimate = none": ["done"],
    "due != +2d": ["late", "far", "done"],
    "estimate < 0.08 and estimate > 0.06 or estimate >= 3": ["late", "soon"],
    "estimate >= 0": ["late", "soon"],
    "estimate < 0": [],
    "text = OO": ["soon"],
    'text = "100%_"': [],
    "blocked = true and status = open": ["soon", "far"],
    "archived = false and completed = any": ["done"],
    "scope = Main and created >= today and updated < tomorrow": ["late", "soon", "far", "done"],
    "project = Launch and start = none and due = any": ["late", "soon", "far"],
}


@pytest.mark.slow("tries each parameter in each list")
def test_parameters_select_the_same_cards_in_each_list(full_board: Board):
    for path in lists(full_board):
        assert {query: titles(full_board, path, query) for query in SELECTED} == SELECTED, path


@pytest.mark.slow("tries each filter in each list")
def test_filters_select_the_same_cards_in_each_list(full_board: Board):
    for path in lists(full_board):
        titles_by_filter = {text: titles(full_board, path, f"filter={quote(text)}") for text in FILTERED}
        assert titles_by_filter == FILTERED, path


ORDERS = {
    "sort=dueDate": ["late", "soon", "far", "done"],
    "sort=-dueDate": ["far", "soon", "late", "done"],
    "sort=-estimate,dueDate": ["soon", "late", "far", "done"],
    "sort=-priority,dueDate": ["late", "far", "soon", "done"],
    "sort=status,-dueDate": ["far", "soon", "late", "done"],
    f"filter={quote('assignee = me order by due desc')}": ["far", "late"],
    f"filter={quote('order by priority, created desc')}": ["soon", "far", "late", "done"],
}


@pytest.mark.slow("reads each list by pages of one card")
def test_lists_are_sorted_whole_and_by_the_page(full_board: Board):
    for path in lists(full_board):
        assert {query: titles(full_board, path, query) for query in ORDERS} == ORDERS, path
        for query, expected in ORDERS.items():
            pages = full_board.walk(f"{path.partition('?')[0]}?limit=1&{query}")
            assert [card["title"] for page in pages for card in page] == expected


def test_pages_of_several_projects_repeat_and_leave_out_nothing(full_board: Board):
    other = Board(full_board.world, full_board.owner)
    for number in range(3):
        other.card(f"other {number}")
    for query in ("", "&assigneeId=none", "&priority=none&priority=low"):
        whole = titles(full_board, "/cards", query.lstrip("&"))
        assert [card["title"] for page in full_board.walk(f"/cards?limit=1{query}") for card in page] == whole
    assert len(titles(full_board, "/cards", "")) == 7


def test_lean_cards_have_the_requested_fields_and_the_id(full_board: Board):
    for path in lists(full_board):
        separator = "&" if "?" in path else "?"
        cards = ask(full_board, "GET", f"{path}{separator}fields=title,dueDate,order")
        assert [list(card) for card in cards] == [["id", "title", "dueDate", "order"]] * 4
        assert [card["title"] for card in cards] == ["late", "soon", "far", "done"]


def test_lean_cards_of_a_long_list_are_written_in_parts(full_board: Board):
    with full_board.world.core.begin(full_board.owner.actor) as uow:
        cards = load_cards_by_ids(uow, [card["id"] for card in ask(full_board, "GET", "/cards")])
    cards = CardList([*cards.listed] * 200, [0] * 800)
    parts = [*LeanCards(cards, ["id", "title"]).dump()]
    assert orjson.loads(b"".join(parts)) == [{"id": card.id, "title": card.title} for card in cards]
    assert max(map(len, parts)) < 20_000
    assert b"".join(LeanCards(CardList([], []), ["id"]).dump()) == b"[]"


REFUSED = {
    "sort=title": "sort must consist of completedAt, createdAt",
    "sort=dueDate,priority,status,createdAt": "sort must have at most 3 different fields",
    "sort=dueDate,-dueDate": "sort must have at most 3 different fields",
    f"sort=dueDate&filter={quote('order by due')}": "sort must not be given if filter has an order",
    "fields=title,nope": "fields must consist of id, key",
    "status=none": "status must be one of open, in_progress, done",
    "priority=low&priority=urgent": "priority must be one of low, medium, high, any",
    "dueBefore=soon": "dueBefore must be an ISO 8601 date, or a date-time with an offset, or a day such as",
    "&".join(["assigneeId=" + "0" * 24] * 1000): "assigneeId must have 1 to 100 items",
    "filter=" + "x" * 2001: "filter must be 1 to 2000 characters",
    "filter=" + quote("(" * 21 + "blocked = true" + ")" * 21): "",
    "filter=" + quote("not " * 25 + "blocked = true"): "filter must not be nested deeper than 20",
    "filter=" + quote("label in (" + ", ".join("a" * 101) + ")"): "filter must have at most 100 values",
    "filter="
    + quote(
        "text in (a, b, c) or Text in (d, e) or blocked = true"
    ): "filter must compare text and blocked with",
    "filter=colour%20%3D%20red": "filter must have (, archived, assignee, blocked",
    "filter=assignee%20%3D": "filter must have a value at position 11, not the end",
    "filter=due%20%3C%20soon": "filter must have a day such as 2026-04-01, today or +7d, not 'soon'",
    "filter=due%20%3C%20none": "filter must have a day such as",
    "filter=due%20in%20(today,%20tomorrow)": "filter must compare due with one day",
    "filter=estimate%20%3E%20none": "filter must compare estimate with a number such as 2.5, not 'none'",
    "filter=estimate%20in%20(1,%202)": "filter must compare estimate with one number",
    "filter=estimate%20%3D%200.001": "filter must compare estimate with a number such as 2.5, not '0.001'",
    "filter=priority%20%3E%20low": "filter must compare priority by =, != or in, not >",
    "filter=priority%20%3D%20urgent": "filter must compare priority with low, medium, high, not 'urgent'",
    "filter=label%20%3D%20Bog": "filter must be the id or the name of an existing item; 'Bog' is neither; the most similar",
    "filter=column%20%3D%20Nowhere": "'Nowhere' is neither; the most similar names are",
    "filter=assignee%20%3D%20nobody": "",
    "cursor=bm8": "",
}


@pytest.mark.slow("tries each parameter in each list")
def test_queries_that_are_not_valid_are_refused_by_name(full_board: Board):
    world, owner = full_board.world, full_board.owner
    for path in lists(full_board):
        for query, message in REFUSED.items():
            answer = world.call(owner, "GET", f"{path}{'&' if '?' in path else '?'}{query}")
            if message:
                assert (answer.status, message in answer.body.decode()) == (400, True), (
                    path,
                    query,
                    answer.body,
                )
            assert answer.status < 500


def test_empty_list_by_an_id_is_the_first_request_of_a_connection(board: Board):
    column = ask(board, "GET", f"{board.path}/columns")[0]["id"]
    assert titles(board, f"{board.path}/cards", f"columnId={column}") == []


def test_label_of_another_project_is_found_only_in_lists_that_have_it(full_board: Board):
    other = Board(full_board.world, full_board.owner, full_board.workspace)
    ask(other, "POST", f"{other.path}/labels", {"name": "Here", "color": "#ff0000"})
    label = ask(other, "GET", f"{other.path}/labels")[-1]["id"]
    other.card("labelled", labelIds=[label])
    text = quote("label = here")
    assert titles(other, f"{other.flat}/cards", f"filter={text}") == ["labelled"]
    assert titles(other, f"{other.flat}/cards", f"labelId={label}") == ["labelled"]
    refused = full_board.world.call(full_board.owner, "GET", f"{full_board.path}/cards?filter={text}")
    assert refused.status == 400


def test_lists_of_several_projects_have_what_the_caller_sees(full_board: Board):
    world = full_board.world
    stranger = world.person("stranger")
    assert titles(Board(world, stranger), "/cards", "") == []
    assert world.call(stranger, "GET", f"{full_board.flat}/cards").status == 404
    full_board.join(stranger)
    cards = world.ask(stranger, "GET", "/cards?filter=" + quote(f"assignee = {full_board.owner.email}"))
    assert [card["title"] for card in cards] == ["late", "far"]
    project = full_board.project["id"]
    ask(full_board, "PATCH", full_board.path, {"archived": True})
    assert world.ask(stranger, "GET", "/cards") == []
    assert world.call(stranger, "GET", f"/cards?projectId={project}").status == 400


UNKNOWN_BESIDE_KNOWN = ("columnId", "labelId", "assigneeId", "scopeId")


@pytest.mark.slow("tries each parameter in each list")
def test_unknown_id_beside_a_known_one_is_refused(full_board: Board, statements):
    card = next(
        card for card in ask(full_board, "GET", f"{full_board.path}/cards") if card["title"] == "soon"
    )
    values = {**card, "labelId": card["labelIds"][0], "assigneeId": "me"}
    for path in lists(full_board):
        for name in UNKNOWN_BESIDE_KNOWN:
            query = f"{'&' if '?' in path else '?'}{name}={values[name]}"
            assert ask(full_board, "GET", path + query)
            unknown = "".join(f"&{name}={number:024x}" for number in range(99))
            with statements() as sent:
                answer = full_board.world.call(full_board.owner, "GET", f"{path}{query}{unknown}")
            assert (answer.status, answer.body.decode().count(name) > 0) == (400, True), path + name
            assert len(sent) <= 8


def test_words_in_parameters_are_exact(full_board: Board):
    for path in lists(full_board):
        for query in ("assigneeId=ME", "assigneeId=Any", "labelId=ANY", "labelId=NONE"):
            answer = full_board.world.call(
                full_board.owner, "GET", f"{path}{'&' if '?' in path else '?'}{query}"
            )
            assert (answer.status, query.partition("=")[0] in answer.body.decode()) == (400, True), (
                path,
                query,
            )


def test_agent_without_cards_is_a_known_assignee(full_board: Board):
    body = {"name": "Scribe", "autonomyMode": "autonomous", "tools": ["board.read"]}
    agent = ask(full_board, "POST", f"{full_board.flat}/agents", body)
    for path in lists(full_board):
        assert titles(full_board, path, f"assigneeId={agent['id']}") == []
    colleague = full_board.world.person("colleague")
    Board(full_board.world, full_board.owner).join(colleague)
    path = f"{full_board.flat}/agents/{agent['id']}/tokens"
    token = ask(full_board, "POST", path, {"name": "laptop"})["token"]
    for query in (f"assigneeId={colleague.id}", "filter=" + quote(f"assignee = {colleague.email}")):
        assert titles(full_board, "/cards", query) == []
        # An agent knows only the people of its workspace.
        assert full_board.world.call(token, "GET", f"/cards?{query}").status == 400


def test_agent_with_some_projects_lists_only_their_cards(full_board: Board):
    other = Board(full_board.world, full_board.owner, full_board.workspace)
    other.card("other")
    body = {
        "name": "Scribe",
        "autonomyMode": "autonomous",
        "tools": ["board.read"],
        "projectIds": [other.project["id"]],
    }
    agent = ask(full_board, "POST", f"{full_board.flat}/agents", body)
    path = f"{full_board.flat}/agents/{agent['id']}/tokens"
    token = ask(full_board, "POST", path, {"name": "laptop"})["token"]
    for path in (f"{full_board.flat}/cards", "/cards", "/cards?assigneeId=none"):
        answer = full_board.world.call(token, "GET", path)
        assert [card["title"] for card in orjson.loads(answer.body)] == ["other"]
    assert full_board.world.call(token, "GET", f"/cards?projectId={full_board.project['id']}").status == 400


def test_list_of_many_cards_is_sorted_only_with_filters(full_board: Board, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("stellary.core.board.queries.card_windows.SCAN_MAX", 3)
    answer = full_board.world.call(full_board.owner, "GET", "/cards?sort=dueDate")
    assert (answer.status, b"sort needs filters that select at most 3 cards" in answer.body) == (400, True)
    assert titles(full_board, "/cards", f"sort=dueDate&{ME}") == ["late", "far"]
    expected = ["late", "soon"]
    assert titles(full_board, "/cards", "sort=dueDate&dueBefore=+3d&status=open&archived=false") == expected
    pages = full_board.walk("/cards?limit=2&checklist=complete")
    assert [[card["title"] for card in page] for page in pages] == [[], ["done"]]


def test_number_of_statements_is_the_same_for_many_cards_and_names(full_board: Board):
    text = quote('label in ("critical bug", Idea, Waiting) or column = "To do" order by due')
    counts = []
    for cards in (0, 20):
        for number in range(cards):
            full_board.card(f"more {number}")
        for path in (f"{full_board.flat}/cards?", "/cards?"):
            ask(full_board, "GET", f"{path}filter={text}")
            counts.append(count_statements(ask, full_board, "GET", f"{path}filter={text}"))
    assert counts[:2] == counts[2:]
    assert max(counts) <= 10


def test_statements_of_filters_with_other_values_are_not_compiled_again(full_board: Board):
    label = ask(full_board, "GET", f"{full_board.path}/labels")[-1]["id"]
    words = "assignee = {} and priority in ({}) and label = {} and (text = {} or due < {}) and status != {}"
    first = words.format(ANN, "high", label, "a", "+3d", "done")
    second = words.format("me", "high, low, medium", '"Critical bug"', "o", "2030-01-01", "open")
    for path in lists(full_board):
        titles(full_board, path, f"filter={quote(first)}")
        missed = []

        def collect(*arguments: Any, missed: list[str] = missed) -> None:
            if arguments[4].cache_hit.name == "CACHE_MISS":
                missed.append(arguments[2])

        event.listen(Engine, "before_cursor_execute", collect)
        try:
            titles(full_board, path, f"filter={quote(second)}")
        finally:
            event.remove(Engine, "before_cursor_execute", collect)
        assert missed == [], path


@for_each("field", sorted({field for field, _ in rules.PARAMETERS.values()} | {*rules.DATES}))
def test_each_field_is_a_word_of_filters_and_has_a_condition(field):
    order = f" order by {field}" if field in rules.DATES else ""
    for word in rules.CHOICES.get(field, ["today"]):
        condition, _ = parse_filter(f"{field} = {word}{order}")
        build_condition(rules.resolve_condition(condition, datetime.now(UTC), lambda *_: ["id"]))


def test_filter_is_parsed_with_the_precedence_of_sql():
    condition, order = parse_filter(
        "status = open or not blocked = true and due < 3d order by due desc, status"
    )
    assert condition == Combination(
        "or",
        [
            Comparison("status", "=", ["open"]),
            Combination(
                "and",
                [Combination("not", [Comparison("blocked", "=", ["true"])]), Comparison("due", "<", ["3d"])],
            ),
        ],
    )
    assert order == [SortKey("due", descending=True), SortKey("status")]


def test_long_filter_takes_time_in_proportion_to_its_length():
    with pytest.raises(Invalid, match=re.escape("at position 2001, not the end")):
        parse_filter("(" * 2000)
