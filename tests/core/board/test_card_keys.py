"""Card keys in paths: they stand for ids, and give no access that ids do not give."""

import attrs
import orjson
import pytest

from stellary import NotFound, Stellary
from stellary.contract import ENDPOINTS
from tests.support.core_parts import SERVICES
from tests.support.each_case import for_each
from tests.support.world import World


def status_and_body(answer) -> tuple[int, dict[str, str]]:
    """Return the status and the body of an error, without its request id."""
    body = orjson.loads(answer.body)
    body.pop("requestId")
    return answer.status, body


OF_CARDS = [
    endpoint for endpoint in ENDPOINTS if any(field.name == "card_id" for field in attrs.fields(endpoint.ref))
]


@pytest.fixture
def place(world: World):
    """Return Ann's project with a card, APP-1, and another project of hers with WEB-1."""
    ann = world.person()
    workspace = world.home(ann)
    app = world.project(ann, workspace, "app", key="APP")
    web = world.project(ann, workspace, "web", key="WEB")
    return ann, workspace, app, web, world.card(ann, app), world.card(ann, web)


def test_no_service_of_cards_resolves_its_own_path():
    assert {SERVICES[endpoint.operation].mode for endpoint in OF_CARDS} <= {"read", "write"}


@for_each(
    "key",
    [
        "APP-2",
        "WEB-1",
        "APP-0",
        "APP-01",
        "APP-",
        "-1",
        "APP-99999999999",
        "APP-9999999999",
        "APP-1 ",
        "ÄPP-1",
    ],
)
def test_unknown_key_answers_like_an_unknown_id(world: World, place, key):
    ann, _, app, *_ = place
    unknown = world.call(ann, "GET", f"{app.path}/cards/{'0' * 24}")
    response = world.call(ann, "GET", f"{app.path}/cards/{key.replace(' ', '%20').replace('Ä', '%C3%84')}")
    assert response.status == 404
    assert status_and_body(response) == status_and_body(unknown)


def test_the_key_of_a_card_on_a_flat_path_is_that_of_the_workspace(world: World, place):
    ann, workspace, *_ = place
    path = f"{workspace.path}/cards/WEB-1/checklist"
    assert world.status(ann, "GET", path) == world.status(ann, "GET", f"{path}") == 200
    assert world.status(ann, "GET", f"{workspace.path}/cards/WEB-2/checklist") == 404


def test_key_gives_strangers_no_access(world: World, place):
    ann, _, app, *_ = place
    for who in (world.person("eve"), None):
        by_id = world.call(who, "GET", f"{app.path}/cards/{'0' * 24}")
        assert status_and_body(world.call(who, "GET", f"{app.path}/cards/APP-1")) == status_and_body(by_id)
    assert world.status(ann, "GET", f"{app.path}/cards/app-1") == 200


def test_a_key_leads_only_into_its_own_workspace(world: World, place, bob):
    """The same key in two workspaces names two cards."""
    ann, _, app, _, card, _ = place
    theirs = world.project(bob, world.home(bob), "app", key="APP")
    other = world.card(bob, theirs)
    assert world.ask(bob, "GET", f"{theirs.path}/cards/APP-1")["id"] == other["id"]
    assert world.ask(ann, "GET", f"{app.path}/cards/APP-1")["id"] == card["id"]


def test_an_agent_finds_no_key_of_a_project_that_it_does_not_see(world: World, place):
    ann, workspace, app, web, *_ = place
    ws = Stellary.embedded(world.core.port(ann.actor)).workspace(workspace.organization.slug, workspace.slug)
    agent = ws.agents.create(name="Helper", tools=["board.read"], project_ids=[app.id])
    token = ws.agents(agent).tokens.create(name="x").token
    theirs = Stellary.embedded(world.core.port(), token=token)
    cards = theirs.workspace(workspace.organization.slug, workspace.slug)
    assert cards.project(app.id).cards.get("APP-1").key == "APP-1"
    with pytest.raises(NotFound) as caught:
        cards.project(web.id).cards.get("WEB-1")
    with pytest.raises(NotFound) as unknown:
        cards.project(web.id).cards.get("0" * 24)
    assert caught.value.message == unknown.value.message
