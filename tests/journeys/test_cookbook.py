"""The recipes of the cookbook, against one running server: each works as its page says."""

import asyncio
import csv
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import django
import pytest
from django.conf import settings as django_settings
from fastapi.testclient import TestClient

from stellary import AsyncStellary, Stellary
from stellary.client.testing import make, sign_webhook
from stellary.contract.webhooks import WebhookMessage
from stellary.core import Core
from tests.conftest import RUN
from tests.journeys.test_examples import EXAMPLES, load_module
from tests.server.running import running
from tests.support.colours import create_workspace
from tests.support.databases import Sqlite
from tests.support.each_case import for_each

RECIPES = EXAMPLES / "cookbook"
PASSWORD = "a-long-password"


class Kitchen:
    """A new project on the server that all recipes share.

    Attributes:
        url: The URL of the server.
        client: The client of the owner of the workspace ``acme/eng``.
        folder: An empty folder.
        environment: Sets the environment variables of a program.
    """

    def __init__(self, url: str, client: Stellary, folder: Path, environment: pytest.MonkeyPatch) -> None:
        self.url, self.client, self.folder, self.environment = url, client, folder, environment
        self.ws = client.workspace("acme", "eng")
        self.project = self.ws.projects.create(name="Launch")
        self.board = self.ws.project(self.project)
        self.todo, self.doing, self.done = self.board.columns.list()

    def add(self, title: str, **fields: Any) -> Any:
        return self.board.cards.create(self.todo, title=title, **fields)

    def register(self, name: str) -> Stellary:
        return Stellary.register(self.url, f"{name}@example.com", PASSWORD, name=name)

    def configure(self) -> None:
        """Set the environment variables of a client of this workspace."""
        token = self.client.auth.login(email="jane@example.com", password=PASSWORD).access_token
        for name, value in {"URL": self.url, "TOKEN": token, "ORG": "acme", "WORKSPACE": "eng"}.items():
            self.environment.setenv(f"STELLARY_{name}", value)


@pytest.fixture(scope="module")
def server_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the URL of a server with the workspace ``acme/eng``."""
    with Sqlite(request.config.stash[RUN]).database() as url:
        core = Core(url, bcrypt_rounds=4)
        core.work.start()
        with running(core) as server:
            with Stellary.register(server.url, "jane@example.com", PASSWORD, name="Jane") as client:
                create_workspace(client)
            yield server.url
        core.work.stop(10)
        core.close()


@pytest.fixture
def kitchen(server_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kitchen]:
    with Stellary.login(server_url, "jane@example.com", PASSWORD) as client:
        yield Kitchen(server_url, client, tmp_path, monkeypatch)


def try_import_a_csv_file(recipe: ModuleType, at: Kitchen) -> None:
    path = at.folder / "cards.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(
            [["title", "priority", "due"], ["Write the spec", "high", "2027-04-01"], ["Café", "", ""]]
        )
    spec, cafe = recipe.import_cards(at.board, at.todo, path)
    assert (spec.title, spec.priority) == ("Write the spec", "high")
    assert f"{spec.due_date:%Y-%m-%d}" == "2027-04-01"
    assert (cafe.title, cafe.priority, cafe.due_date, cafe.column_id) == ("Café", None, None, at.todo.id)


def try_analyze_cards_with_pandas(recipe: ModuleType, at: Kitchen) -> None:
    at.add("Plan", priority="high")
    at.add("Plot", priority="high")
    at.board.cards.create(at.done, title="Rest")
    table = recipe.count_cards(at.board)
    assert (table.loc["To Do", "high"], table.loc["To Do", "none"], table.loc["Done", "none"]) == (2, 0, 1)


def try_retry_calls_and_set_timeouts(recipe: ModuleType, at: Kitchen) -> None:
    at.add("Plan")
    assert recipe.count_cards(at.board) == 1
    away = Stellary("http://127.0.0.1:9", token="t", max_retries=0)
    assert recipe.count_cards(away.workspace("acme", "eng").project(at.project)) is None


def try_edit_many_cards(recipe: ModuleType, at: Kitchen) -> None:
    label = at.board.labels.create(name="urgent")
    cards = [at.add(title, label_ids=[label]) for title in ("Plan", "Plot")]
    at.add("Rest")
    at.board.cards.update(cards[0], priority="high")
    assert recipe.escalate(at.board, label) == 1
    assert {card.title for card in at.board.cards.list(priority="high")} == {"Plan", "Plot"}


def try_edit_cards_in_a_data_frame(recipe: ModuleType, at: Kitchen) -> None:
    late = at.add("Late", due_date=datetime.now(UTC) - timedelta(days=1))
    at.add("Later", due_date=datetime.now(UTC) + timedelta(days=9))
    assert recipe.move_late_cards(at.board, at.doing.name) == 1
    moved = at.board.cards.get(late)
    assert (moved.column_id, moved.due_date - late.due_date) == (at.doing.id, timedelta(days=7))


def try_write_a_weekly_report(recipe: ModuleType, at: Kitchen) -> None:
    now = datetime.now(UTC)
    at.board.cards.create(at.done, title="Plan")
    at.add("Late", due_date=now - timedelta(days=1))
    at.add("Soon", due_date=now + timedelta(days=2))
    at.add("Later", due_date=now + timedelta(days=9))
    sections = recipe.write_report(at.board).split("\n\n")
    assert [section.splitlines()[1:] for section in sections[1:]] == [
        [f"- {at.project.key}-1 Plan"],
        [f"- {at.project.key}-2 Late"],
        [f"- {at.project.key}-3 Soon"],
    ]


def try_follow_a_board_live(recipe: ModuleType, at: Kitchen) -> None:
    card = at.add("Plan")
    events = recipe.follow(at.ws, "0")
    assert next((line for _, line in events if card.key in line.split())) == f"Jane: card_created {card.key}"
    events.close()


def try_receive_webhooks(recipe: ModuleType, at: Kitchen) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    at.environment.setenv("STELLARY_WEBHOOK_SECRET", secret)
    headers, body = sign_webhook(secret, make(WebhookMessage, type="card_moved"))
    receiver = recipe.app.test_client()
    assert receiver.post("/stellary", headers=headers, data=body).status_code == 204
    assert receiver.post("/stellary", headers=headers, data=body + b" ").status_code == 400
    assert recipe.received == ["msg_test card_moved"]


def try_delete_and_restore_a_card(recipe: ModuleType, at: Kitchen) -> None:
    card = at.add("Plan", checklist=[])
    at.board.card(card).comments.create(content="Keep me")
    assert recipe.delete_by_mistake(at.ws, at.board, card).comment_count == 1


def try_rotate_a_token(recipe: ModuleType, at: Kitchen) -> None:
    old = at.client.api_tokens.create(name="nightly", scopes=["projects:read"])
    secrets: list[str] = []
    id = recipe.rotate(at.client, "nightly", secrets.append)
    assert [(token.id, token.scopes) for token in at.client.api_tokens.list()] == [(id, ["projects:read"])]
    assert id != old.id
    with Stellary(at.url, token=secrets[0]) as script:
        assert script.workspace("acme", "eng").projects.list()


def try_invite_members(recipe: ModuleType, at: Kitchen) -> None:
    addresses = ["ann@example.com", "jane@example.com", "bob@example.com"]
    assert recipe.invite(at.ws, addresses) == ["ann@example.com", "bob@example.com"]


def try_copy_a_project(recipe: ModuleType, at: Kitchen) -> None:
    card = at.add("Plan")
    at.board.card(card).comments.create(content="By Friday")
    copy = recipe.copy_project(at.ws, at.board, "Relaunch")
    assert (copy.name, copy.id != at.project.id) == ("Relaunch", True)
    assert [card.comment_count for card in at.ws.project(copy).cards.list()] == [1]


def try_find_stale_cards(recipe: ModuleType, at: Kitchen) -> None:
    plan, plot = at.add("Plan"), at.add("Plot")
    at.board.cards.create(at.done, title="Rest")
    assert recipe.find_stale(at.board) == []
    stale = recipe.find_stale(at.board, days=-1)
    assert [card.id for card in stale] == [plan.id, plot.id]
    recipe.ask(at.board, stale)
    assert [card.comment_count for card in at.board.cards.list(column_id=at.todo)] == [1, 1]


def try_assign_cards_automatically(recipe: ModuleType, at: Kitchen) -> None:
    me = at.client.auth.me().user
    recipe.assign_on_move(at.board, at.doing, me.id)
    card = at.add("Plan")
    at.board.cards.update(card, column_id=at.doing)
    assert at.board.cards.get(card).assignee_id == me.id


def try_approve_agent_proposals(recipe: ModuleType, at: Kitchen) -> None:
    card = at.add("Plan")
    agent = at.ws.agents.create(
        name="Scribe", autonomy_mode="supervised", tools=["board.read", "set_priority", "add_comment"]
    )
    mission = at.ws.agents(agent).missions.create(
        card_id=card.id, prompt="set priority high\ncomment: Printed."
    )
    at.ws.mission(mission).wait()
    decisions = recipe.decide(at.ws, lambda proposal: False)
    assert sorted(decision.rpartition(": ")[2] for decision in decisions) == ["approved", "rejected"]
    after = at.board.cards.get(card)
    assert (after.priority, after.comment_count) == (None, 1)


def try_attach_files(recipe: ModuleType, at: Kitchen) -> None:
    card = at.add("Plan")
    for name in ("a.pdf", "b.pdf", "c.txt"):
        (at.folder / name).write_bytes(b"%PDF " + name.encode())
    recipe.attach(at.board, card, at.folder)
    target = at.folder / "copies"
    target.mkdir()
    paths = recipe.download(at.board, card, target)
    files = [(path.name, path.read_bytes()) for path in sorted(paths)]
    assert files == [("a.pdf", b"%PDF a.pdf"), ("b.pdf", b"%PDF b.pdf")]


def try_use_custom_fields(recipe: ModuleType, at: Kitchen) -> None:
    hours = at.board.custom_fields.create(name="Hours", type="number")
    for title, count in (("Plan", 2), ("Plot", 1.5)):
        recipe.estimate(at.board, at.add(title), hours, count)
    at.board.cards.create(at.doing, title="Rest")
    assert recipe.sum_by_column(at.board, hours) == {"To Do": 3.5, "In Progress": 0}


def try_export_to_excel(recipe: ModuleType, at: Kitchen) -> None:
    from openpyxl import load_workbook

    at.add("Plan", priority="high", due_date=datetime(2027, 4, 1, tzinfo=UTC))
    recipe.export(at.board, at.folder / "cards.xlsx")
    book = load_workbook(at.folder / "cards.xlsx", read_only=True)
    rows = list(book["Cards"].values)
    book.close()
    assert rows[1] == (f"{at.project.key}-1", "Plan", "To Do", "high", datetime(2027, 4, 1))  # noqa: DTZ001


def try_read_long_lists_in_pages(recipe: ModuleType, at: Kitchen) -> None:
    for number in range(5):
        at.add(f"Card {number}")
    assert list(recipe.iterate_titles(at.board)) == [f"Card {number}" for number in range(5)]
    assert [card.title for card in recipe.load_page(at.board, 1, size=2)] == ["Card 2", "Card 3"]
    assert list(recipe.load_page(at.board, 9, size=2)) == []


def try_run_async_calls_concurrently(recipe: ModuleType, at: Kitchen) -> None:
    async def count() -> dict[str, int]:
        async with await AsyncStellary.login(at.url, "jane@example.com", PASSWORD) as client:
            return await recipe.count_cards(client, "acme", "eng")

    at.board.update(name="Counted")
    at.add("Plan")
    counts = asyncio.run(count())
    assert counts["Counted"] == 1
    assert len(counts) == len({project.name for project in at.ws.projects.list()})


def try_undo_a_change(recipe: ModuleType, at: Kitchen) -> None:
    card = at.add("Plan")
    at.board.cards.update(card, title="Plot")
    assert recipe.undo_latest(at.board, card) == f"{card.key}: Plan"


def try_search_a_workspace(recipe: ModuleType, at: Kitchen) -> None:
    card = at.add("Café Tranquility")
    assert recipe.search(at.ws, "cafe tranquility") == [f"card {card.key} Café Tranquility"]
    assert recipe.search_open_cards(at.ws, at.project, '"café tranquility"') == [card.title]
    at.board.cards.update(card, archived=True)
    assert recipe.search_open_cards(at.ws, at.project, "tranquility") == []


def try_summarize_notifications(recipe: ModuleType, at: Kitchen) -> None:
    with at.register("rob") as rob:
        rob.invitations.accept(at.ws.members.invite(email="rob@example.com", role="member").token)
        rob.notifications.read_all()
        card = at.add("Plan", assignee_id=rob.auth.me().user)
        assert f"card_created (1): Jane: {card.key}" in recipe.write_digest(rob).splitlines()
        assert recipe.write_digest(rob) == ""


def try_use_in_fastapi(recipe: ModuleType, at: Kitchen) -> None:
    at.configure()
    card = at.add("Plan")
    with TestClient(recipe.app) as browser:
        assert browser.get(f"/cards/{at.project.id}/{card.key}").json() == {"title": "Plan", "status": "open"}
        assert browser.get(f"/cards/{at.project.id}/X-99").status_code == 404


def try_use_in_flask(recipe: ModuleType, at: Kitchen) -> None:
    card = at.add("Plan")
    with recipe.client:
        browser = recipe.app.test_client()
        assert browser.get(f"/cards/{at.project.id}/{card.key}").json == {"title": "Plan", "status": "open"}
        assert browser.get(f"/cards/{at.project.id}/X-99").status_code == 404


def try_use_in_django(recipe: ModuleType, at: Kitchen) -> None:
    from django.http import Http404
    from django.test import RequestFactory

    at.configure()
    card = at.add("Plan")
    if not django_settings.configured:
        django_settings.configure(ALLOWED_HOSTS=["*"])
        django.setup()
    request = RequestFactory().get("/")
    with recipe.get_client():
        response = recipe.show_card(request, at.project.id, card.key)
        assert response.content == b'{"title": "Plan", "status": "open"}'
        with pytest.raises(Http404):
            recipe.show_card(request, at.project.id, "X-99")


def try_fake_the_api_in_tests(recipe: ModuleType, at: Kitchen) -> None:
    recipe.test_open_card_is_archived()
    card = at.add("Plan")
    recipe.close(at.board, card.id)
    assert at.board.cards.get(card).archived


def try_inspect_raw_responses(recipe: ModuleType, at: Kitchen) -> None:
    first, *calls = recipe.inspect(at.client, at.board, at.add("Plan"))
    assert first.startswith('200 "1" ')
    assert [call.partition(",")[0] for call in calls] == ["cards.get: 1 tries"]


TRIALS: dict[str, Callable[[ModuleType, Kitchen], None]] = {
    name.removeprefix("try_"): trial for name, trial in list(globals().items()) if name.startswith("try_")
}


@pytest.mark.slow("runs each recipe")
@pytest.mark.parametrize("name", sorted(path.stem for path in RECIPES.glob("*.py")))
def test_recipe_works(name: str, kitchen: Kitchen):
    kitchen.configure()
    TRIALS[name](load_module(RECIPES / f"{name}.py"), kitchen)


def test_each_recipe_is_in_one_group_of_the_index_and_has_a_trial():
    hook = load_module(EXAMPLES.parent / "cookbook.py")
    listed = [name for names in hook.GROUPS.values() for name in names]
    assert sorted(listed) == sorted(path.stem for path in RECIPES.glob("*.py")) == sorted(TRIALS)


@for_each("name", sorted(TRIALS))
def test_recipe_is_short(name: str):
    title, text, code = load_module(EXAMPLES.parent / "cookbook.py").read_recipe(name)
    assert len(title) <= 40
    assert text.count(". ") + text.count(".\n") <= 4
    assert 5 <= len([line for line in code.splitlines() if line.strip()]) <= 32
