"""Two who want the same unique key at once: what each unique key in ``keys.tsv`` is for.

The second request comes while the unit of the first one is still open, so that no look at the table has seen its row.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from stellary.core import NOBODY, Core
from stellary.core.kernel import idempotency
from tests.core.agents.agent_api import AgentApi
from tests.core.automations.automation_api import AutomationApi
from tests.core.test_row_locks import race, run_beside
from tests.support import tables
from tests.support.boards import ask
from tests.support.core_parts import jobs, traces

LISTED = Path(__file__).with_name("keys.tsv")


def post_twice(board: AgentApi, path: str, body: Any, other: Any = None) -> int:
    """The status of the second of two equal requests."""
    return race(board, (board.owner, "POST", path, body), (board.owner, "POST", path, other or body))


def number_cards(board: AgentApi) -> None:
    assert post_twice(board, f"{board.path}/columns/{board.columns[0]['id']}/cards", {"title": "A"}) == 201
    keys = [card["key"] for card in ask(board, "GET", f"{board.path}/cards")]
    assert len(set(keys)) == len(keys) == 2


def relate_cards(board: AgentApi) -> None:
    card, other = board.card(), board.card()
    body = {"targetCardId": other["id"], "type": "blocks"}
    assert post_twice(board, f"{board.flat_of(card)}/relations", body) == 409
    assert len(ask(board, "GET", f"{board.flat_of(card)}/relations")) == 1


def adopt_card(board: AgentApi) -> None:
    child, first, second = (board.card() for _ in range(3))
    body = {"targetCardId": child["id"], "type": "parent_of"}
    status = race(
        board,
        (board.owner, "POST", f"{board.flat_of(first)}/relations", body),
        (board.owner, "POST", f"{board.flat_of(second)}/relations", body),
    )
    assert status == 409
    assert len(ask(board, "GET", f"{board.flat_of(child)}/relations")) == 1


def name_label(board: AgentApi) -> None:
    assert post_twice(board, f"{board.path}/labels", {"name": "bug"}, {"name": "BUG"}) == 409


def name_filter(board: AgentApi) -> None:
    body = {"name": "Urgent", "filter": "priority = high"}
    assert post_twice(board, f"{board.flat}/saved-filters", body, {**body, "name": "URGENT"}) == 409


def name_template(board: AgentApi) -> None:
    assert post_twice(board, f"{board.path}/template", {"name": "Client"}, {"name": "CLIENT"}) == 409


def name_field(board: AgentApi) -> None:
    body = {"name": "Size", "type": "text"}
    assert post_twice(board, f"{board.path}/custom-fields", body, {**body, "name": "SIZE"}) == 409


def key_project(board: AgentApi) -> None:
    assert post_twice(board, f"{board.flat}/projects", {"name": "Other", "key": "OTH"}) == 409
    # One that is made of the name is another one.
    assert post_twice(board, f"{board.flat}/projects", {"name": "Third"}) == 201


def slug_organization(board: AgentApi) -> None:
    assert post_twice(board, "/organizations", {"name": "Acme", "slug": "acme"}) == 409


def slug_workspace(board: AgentApi) -> None:
    path = f"/orgs/{board.workspace.organization.slug}/workspaces"
    assert post_twice(board, path, {"name": "Eng", "slug": "eng"}) == 409


def slug_agent(board: AgentApi) -> None:
    assert post_twice(board, board.agents, {"name": "Scribe", "tools": ["board.read"]}) == 201
    slugs = [agent["slug"] for agent in ask(board, "GET", board.agents)]
    assert len(set(slugs)) == len(slugs) == 2


def invite(board: AgentApi) -> None:
    path = f"{board.flat}/members/invite"
    post_twice(board, path, {"email": "bob@example.com"}, {"email": "BOB@example.com"})
    with board.world.core.view(NOBODY) as uow:
        assert len(uow.connection.execute(select(tables.invitations.c.id)).all()) == 1


def number_versions(board: AgentApi) -> None:
    document = ask(board, "POST", f"{board.flat}/documents", {"title": "A"})
    path = f"{board.flat}/documents/{document['id']}"
    assert post_twice(board, f"{path}/submit-review", None) == 409
    assert len(ask(board, "GET", f"{path}/versions")) == 1


def map_user(board: AgentApi) -> None:
    core = board.world.core
    first, second, _ = run_beside(
        core,
        lambda uow: core.user(external_id="7", email="bob@example.com", connection=uow.connection),
        lambda: core.user(external_id="7", email="bob@example.com"),
    )
    assert first == second


def take_address(board: AgentApi) -> None:
    core, register = board.world.core, {"email": "BOB@example.com", "password": "correct horse"}
    _, status, _ = run_beside(
        core,
        lambda uow: core.user(external_id="7", email="bob@example.com", connection=uow.connection),
        lambda: board.world.status(None, "POST", "/auth/register", register),
    )
    assert status == 409


def enqueue_job(board: AgentApi) -> None:
    core = board.world.core

    def enqueue(uow: Any) -> None:
        jobs.enqueue(uow, "test", {}, key="only one")

    def enqueue_beside() -> None:
        core.run(NOBODY, enqueue)

    run_beside(core, enqueue, enqueue_beside)
    with core.view(NOBODY) as uow:
        assert len(uow.connection.execute(select(jobs.jobs.c.id)).all()) == 1


def repeat_request(board: AgentApi) -> None:
    core = board.world.core
    row = {"user_id": "a" * 24, "key_digest": "k", "request_digest": "r", "status": 200, "headers": {}}
    assert insert_twice(core, idempotency.keys, {**row, "created_at": core.env.clock()}, {}) == "refused"


def trace_event(board: AgentApi) -> None:
    core = board.world.core
    automation_api = AutomationApi(board.world, board.owner)
    rule = automation_api.rule("task_created", "archive_card")
    automation_api.card()
    with core.view(NOBODY) as uow:
        trace = dict(uow.connection.execute(select(tables.automation_traces)).mappings().one())
    assert trace["automation_id"] == rule["id"]

    def record(uow: Any) -> None:
        traces.record(uow, [{**trace, "id": uow.new_id(), "event_id": "e" * 24}])

    def record_beside() -> str:
        try:
            core.run(NOBODY, record)
        except Exception:  # noqa: BLE001 - whatever the database says
            return "refused"
        return "recorded"

    assert run_beside(core, record, record_beside)[1] == "refused"


def own_two_homes(board: AgentApi) -> None:
    core = board.world.core
    with core.view(NOBODY) as uow:
        home = uow.connection.execute(select(tables.workspaces).where(tables.workspaces.c.is_personal))
        row = dict(home.mappings().one())
    assert insert_twice(core, tables.workspaces, row, {"slug": "another"}, first=False) == "refused"


def insert_twice(core: Core, table: Any, row: Any, changes: Any, *, first: bool = True) -> str:
    """Return the outcome of a row that is written concurrently with another row of the same key."""
    if first:
        core.run(NOBODY, lambda uow: uow.connection.execute(insert(table), row))
    if "id" in row:
        changes = {**changes, "id": core.env.new_id()}
    try:
        with core.database.writing() as connection:
            connection.execute(insert(table), {**row, **changes})
    except IntegrityError:
        return "refused"
    return "written"


RACES: dict[str, Callable[[AgentApi], None]] = {
    "stellary_agents workspace_id,slug": slug_agent,
    "stellary_automation_traces automation_id,event_id": trace_event,
    "stellary_cards project_id,number": number_cards,
    "stellary_custom_fields project_id,name_key": name_field,
    "stellary_document_versions document_id,number": number_versions,
    "stellary_invitations workspace_id,email_key": invite,
    "stellary_jobs key": enqueue_job,
    "stellary_labels project_id,name_key": name_label,
    "stellary_organizations slug": slug_organization,
    "stellary_project_templates workspace_id,name_key": name_template,
    "stellary_projects workspace_id,key": key_project,
    "stellary_relations source_id,target_id,type": relate_cards,
    "stellary_relations target_id": adopt_card,
    "stellary_saved_filters list_key,name_key": name_filter,
    "stellary_users email_key": take_address,
    "stellary_users external_id": map_user,
    "stellary_workspaces organization_id,slug": slug_workspace,
    "stellary_workspaces owner_id": own_two_homes,
}
RANDOM = {
    "stellary_agent_tokens token_digest",
    "stellary_api_tokens token_digest",
    "stellary_email_tokens token_digest",
    "stellary_imports project_id",
    "stellary_invitations token_digest",
    "stellary_activities id",
}
"""Keys of values that are drawn at random: nobody else wants the same."""
ELSEWHERE = {"stellary_agent_missions card_id": "tests/core/agents/test_races.py"}


@pytest.mark.slow("races for each unique key")
@pytest.mark.parametrize("key", RACES)
def test_two_at_once_do_not_get_the_same_key(board: AgentApi, key: str) -> None:
    RACES[key](board)


def test_a_request_is_noted_once(board: AgentApi) -> None:
    repeat_request(board)


def test_every_unique_key_has_its_race() -> None:
    lines = (line.split("\t") for line in LISTED.read_text().splitlines())
    listed = {f"{table} {columns}" for table, kind, columns, *_ in lines if kind == "unique"}
    assert listed == RACES.keys() | RANDOM | ELSEWHERE.keys()


def test_a_unique_number_is_refused_by_the_database(board: AgentApi) -> None:
    board.card()
    with board.world.core.view(NOBODY) as uow:
        row = dict(uow.connection.execute(select(tables.cards)).mappings().one())
    assert insert_twice(board.world.core, tables.cards, row, {}, first=False) == "refused"
