"""The portfolio: summaries of all projects of a workspace."""

from datetime import timedelta

from sqlalchemy import delete, insert

from stellary.core import NOBODY
from tests.core.board.card_api import CARD
from tests.support.core_parts import Ids, card_rows, replace_fields
from tests.support.statements import record_statements
from tests.support.tables import activities, cards, columns, project_members, projects, scopes


def portfolio(api, query=""):
    return api.world.ask(api.person, "GET", f"{api.workspace.path}/projects/portfolio{query}")


def test_summary_counts_the_cards_of_a_project(api, clock):
    todo, doing, done = (column["id"] for column in api.columns())
    phase = api.ask("POST", "/scopes", {"name": "Phase 2"})
    api.card(todo, "a", estimate=0.1)
    api.card(todo, "b", estimate=0.2)
    api.card(doing, "c", estimate=0)
    api.card(done, "d")
    api.card(phase["columns"][0]["id"], "e")
    api.change(api.card(todo, "f", dueDate="2026-03-01", estimate=9)["id"], archived=True)
    clock.advance(timedelta(hours=1))
    api.ask("PATCH", "", {"description": "All of it"})
    (summary,) = portfolio(api)
    assert summary == api.ask("GET") | {
        "cards": 5,
        "byStatus": {"open": 3, "inProgress": 1, "done": 1},
        "byColumn": [
            {
                "columnId": column["id"],
                "scopeId": column["scopeId"],
                "name": column["name"],
                "cards": count,
                "estimate": {2: 0.3, 1: 0}.get(count if column["id"] in (todo, doing) else 0),
            }
            for column, count in zip(api.columns(), [2, 1, 1, 1, 0, 0], strict=True)
        ],
        "estimate": 0.3,
        "overdue": 0,
        "dueSoon": 0,
        "doneIn7Days": 1,
        "doneIn30Days": 1,
        "percentDone": 20,
        "members": api.ask("GET", "/members"),
        "lastActivityAt": "2026-04-01T13:00:00Z",
    }


def test_card_due_today_is_due_soon_and_not_overdue(api):
    todo, _, done = (column["id"] for column in api.columns())
    for due in ("2026-03-31T23:59:59Z", "2026-04-01", "2026-04-08T23:59:59Z", "2026-04-09"):
        api.card(todo, dueDate=due)
        api.card(done, dueDate=due)
    (summary,) = portfolio(api)
    assert (summary["overdue"], summary["dueSoon"]) == (1, 2)


def test_done_cards_count_for_7_and_30_days_even_if_archived(api, clock):
    _, _, done = (column["id"] for column in api.columns())
    for days in (0, 1, 23, 6):
        clock.advance(timedelta(days=days))
        api.change(api.card(done)["id"], archived=True)
    (summary,) = portfolio(api)
    assert (summary["doneIn7Days"], summary["doneIn30Days"], summary["percentDone"]) == (2, 3, 0)


def test_last_activity_includes_changes_and_comments_of_cards(api, clock):
    card = api.card(api.columns()[0]["id"])["id"]
    clock.advance(timedelta(hours=1))
    api.ask("POST", f"/cards/{card}/comments", {"content": "Well."})
    assert portfolio(api)[0]["lastActivityAt"] == "2026-04-01T13:00:00Z"
    clock.advance(timedelta(hours=1))
    api.ask("DELETE", f"/cards/{card}")
    assert portfolio(api)[0]["lastActivityAt"] == "2026-04-01T14:00:00Z"


def test_last_activity_defaults_to_the_change_of_the_project(api):
    furnish(api, range(1))
    with api.world.core.begin(NOBODY) as uow:
        uow.connection.execute(delete(activities))
    assert portfolio(api)[1]["lastActivityAt"] == "2026-04-01T12:00:00Z"


def test_empty_project_has_nothing_done(api):
    (summary,) = portfolio(api)
    assert (summary["cards"], summary["percentDone"]) == (0, 0)
    assert summary["lastActivityAt"] == api.project["createdAt"]


def test_archived_projects_are_listed_unless_filtered(api):
    other = api.another()
    other.ask("PATCH", "", {"archived": True})
    assert [summary["archived"] for summary in portfolio(api)] == [False, True]
    assert [summary["id"] for summary in portfolio(api, "?archived=false")] == [api.project["id"]]
    assert [summary["id"] for summary in portfolio(api, "?archived=true")] == [other.project["id"]]


def test_workspace_without_projects_has_an_empty_portfolio(api):
    api.ask("DELETE")
    assert portfolio(api) == []


def test_portfolio_of_another_workspace_is_its_own(api):
    stranger = api.world.person("stranger")
    assert api.world.status(stranger, "GET", f"{api.workspace.path}/projects/portfolio") == 404
    home = api.world.home(stranger)
    assert api.world.ask(stranger, "GET", f"{home.path}/projects/portfolio") == []


def furnish(api, numbers):
    """Insert a project for each number, with a scope, a column, a card and a member."""
    new_id, now = Ids(), api.world.core.env.clock()
    times = {"created_at": now, "updated_at": now}
    rows_by_table = {table: [] for table in (projects, scopes, columns, cards, project_members)}
    for number in numbers:
        project, scope, column = new_id(), new_id(), new_id()
        key = "".join(chr(ord("A") + number // 26**place % 26) for place in (2, 1, 0))
        rows_by_table[projects].append(
            {
                "id": project,
                "workspace_id": api.workspace.id,
                "name": key,
                "key": f"Z{key}",
                "template_id": "simple",
                "archived": False,
                "last_number": 1,
                "created_by_id": api.person.id,
                "version": 1,
                **times,
            }
        )
        scoped = {"project_id": project, "name": "x", "position": 0, **times}
        view = {"is_default": True, "active_view": "kanban", "view_settings": {}}
        rows_by_table[scopes].append({"id": scope, **scoped, **view})
        rows_by_table[columns].append({"id": column, "scope_id": scope, **scoped})
        place = {"project_id": project, "scope_id": scope, "column_id": column}
        card = replace_fields(CARD, id=new_id(), created_by_id=api.person.id, **place)
        rows_by_table[cards].append(card_rows.row(card, 0))
        rows_by_table[project_members].append(
            {"project_id": project, "user_id": api.person.id, "created_at": now}
        )
    with api.world.core.begin(NOBODY) as uow:
        for table, rows in rows_by_table.items():
            uow.connection.execute(insert(table), rows)


def test_statements_do_not_grow_from_2_to_200_projects(api):
    counts = []
    for numbers in (range(1), range(1, 199)):
        furnish(api, numbers)
        with record_statements() as statements:
            summaries = portfolio(api)
        counts.append((len(summaries), len(statements)))
    assert counts == [(2, 7), (200, 7)]
    assert all(len(summary["members"]) == 1 for summary in summaries)
