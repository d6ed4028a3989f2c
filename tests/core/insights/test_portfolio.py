"""Portfolio: where all projects of a workspace stand."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import insert

from stellary.core.board.rows import card_rows
from stellary.core.board.rules.cards import replace_fields
from stellary.core.board.tables import cards, columns, project_members, projects, scopes
from stellary.core.db.base import Ids
from stellary.core.kernel.unit import NOBODY
from tests.core.board.card_api import CARD
from tests.core.board.test_statements import sent


def portfolio(card_api, query=""):
    return card_api.world.ask(card_api.person, "GET", f"{card_api.workspace.path}/projects/portfolio{query}")


def test_project_stands_where_its_cards_stand(card_api, clock):
    todo, doing, done = (column["id"] for column in card_api.columns())
    phase = card_api.ask("POST", "/scopes", {"name": "Phase 2"})
    card_api.cards(todo, "a b")
    card_api.card(doing, "c")
    card_api.card(done, "d")
    card_api.card(phase["columns"][0]["id"], "e")
    hidden = card_api.card(todo, "f", dueDate="2026-03-01")["id"]
    card_api.change(hidden, archived=True)
    clock.advance(timedelta(hours=1))
    card_api.ask("PATCH", "", {"description": "All of it"})
    (found,) = portfolio(card_api)
    assert found == card_api.ask("GET") | {
        "cards": 5,
        "byStatus": {"open": 3, "inProgress": 1, "done": 1},
        "byColumn": [
            {"columnId": column["id"], "scopeId": column["scopeId"], "name": column["name"], "cards": count}
            for column, count in zip(card_api.columns(), [2, 1, 1, 1, 0, 0], strict=True)
        ],
        "overdue": 0,
        "dueSoon": 0,
        "doneIn7Days": 1,
        "doneIn30Days": 1,
        "percentDone": 20,
        "members": card_api.ask("GET", "/members"),
        "lastActivityAt": "2026-04-01T13:00:00Z",
    }


def test_what_is_due_today_is_due_soon_and_not_overdue(card_api):
    todo, _, done = (column["id"] for column in card_api.columns())
    for due in ("2026-03-31T23:59:59Z", "2026-04-01", "2026-04-08T23:59:59Z", "2026-04-09"):
        card_api.card(todo, dueDate=due)
        card_api.card(done, dueDate=due)
    (found,) = portfolio(card_api)
    assert (found["overdue"], found["dueSoon"]) == (1, 2)


def test_what_was_done_counts_for_7_and_30_days_even_if_it_is_archived(card_api, clock):
    _, _, done = (column["id"] for column in card_api.columns())
    for days in (0, 1, 23, 6):
        clock.advance(timedelta(days=days))
        card = card_api.card(done)["id"]
        card_api.change(card, archived=True)
    (found,) = portfolio(card_api)
    assert (found["doneIn7Days"], found["doneIn30Days"], found["percentDone"]) == (2, 3, 0)


def test_activity_is_what_happens_to_a_card_and_what_is_said_of_it(card_api, clock):
    card = card_api.card(card_api.columns()[0]["id"])["id"]
    clock.advance(timedelta(hours=1))
    card_api.ask("POST", f"/cards/{card}/comments", {"content": "Well."})
    assert portfolio(card_api)[0]["lastActivityAt"] == "2026-04-01T13:00:00Z"
    clock.advance(timedelta(hours=1))
    card_api.ask("DELETE", f"/cards/{card}")
    assert portfolio(card_api)[0]["lastActivityAt"] == "2026-04-01T14:00:00Z"


def test_where_nothing_is_on_record_the_project_itself_was_the_last_to_change(card_api):
    furnish(card_api, range(1))
    assert portfolio(card_api)[1]["lastActivityAt"] == "2026-04-01T12:00:00Z"


def test_empty_project_has_nothing_done(card_api):
    (found,) = portfolio(card_api)
    assert (found["cards"], found["percentDone"]) == (0, 0)
    assert found["lastActivityAt"] == card_api.project["createdAt"]


def test_archived_projects_are_told_of_unless_they_are_not_meant(card_api):
    other = card_api.another()
    other.ask("PATCH", "", {"archived": True})
    assert [each["archived"] for each in portfolio(card_api)] == [False, True]
    assert [each["id"] for each in portfolio(card_api, "?archived=false")] == [card_api.project["id"]]
    assert [each["id"] for each in portfolio(card_api, "?archived=true")] == [other.project["id"]]


def test_portfolio_by_the_page(card_api):
    ids = [card_api.project["id"], *(card_api.another(name).project["id"] for name in "ab")]
    answer = card_api.world.call(
        card_api.person, "GET", f"{card_api.workspace.path}/projects/portfolio?limit=2"
    )
    assert 'rel="next"' in answer.headers["link"]
    assert [each["id"] for each in portfolio(card_api, "?limit=2")] == ids[:2]


def test_workspace_without_projects_has_an_empty_portfolio(card_api):
    card_api.ask("DELETE")
    assert portfolio(card_api) == []


def test_portfolio_of_another_workspace_is_its_own(card_api):
    stranger = card_api.world.person("stranger")
    path = f"{card_api.workspace.path}/projects/portfolio"
    assert card_api.world.status(stranger, "GET", path) == 404
    home = card_api.world.home(stranger)
    assert card_api.world.ask(stranger, "GET", f"{home.path}/projects/portfolio") == []


def furnish(card_api, numbers):
    """A project for each number, each with a scope, a column, a card and a member, written straight into the tables."""
    new_id, now = Ids(), card_api.world.core.env.clock()
    times = {"created_at": now, "updated_at": now}
    made = {table: [] for table in (projects, scopes, columns, cards, project_members)}
    for number in numbers:
        project, scope, column = new_id(), new_id(), new_id()
        key = "".join(chr(ord("A") + number // 26**place % 26) for place in (2, 1, 0))
        made[projects].append(
            {
                "id": project,
                "workspace_id": card_api.workspace.id,
                "name": key,
                "key": f"Z{key}",
                "template_id": "simple",
                "archived": False,
                "last_number": 1,
                "created_by_id": card_api.person.id,
                "version": 1,
                **times,
            }
        )
        scoped = {"project_id": project, "name": "x", "position": 0, **times}
        view = {"is_default": True, "active_view": "kanban", "view_settings": {}}
        made[scopes].append({"id": scope, **scoped, **view})
        made[columns].append({"id": column, "scope_id": scope, **scoped})
        place = {"project_id": project, "scope_id": scope, "column_id": column}
        card = replace_fields(CARD, id=new_id(), created_by_id=card_api.person.id, **place)
        made[cards].append(card_rows.row(card, 0))
        made[project_members].append(
            {"project_id": project, "user_id": card_api.person.id, "created_at": now}
        )
    with card_api.world.core.begin(NOBODY) as uow:
        for table, rows in made.items():
            uow.connection.execute(insert(table), rows)


def test_statements_are_as_many_for_2_projects_as_for_200(card_api):
    counted = []
    for numbers in (range(1), range(1, 199)):
        furnish(card_api, numbers)
        with sent() as found:
            listed = portfolio(card_api)
        counted.append((len(listed), len(found)))
    assert counted == [(2, 7), (200, 7)]
    assert all(len(each["members"]) == 1 for each in listed)
