"""The request of each method, with both clients."""

import asyncio
import inspect
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import product
from typing import Any, get_args, get_overloads
from urllib.parse import parse_qsl

import attrs
import httpx
import orjson
import pytest
import respx
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from stellary import AsyncStellary, Stellary
from stellary.client.calling.encoding import encode_query
from stellary.client.testing import RecordingPort, example, example_request
from stellary.contract.addressing import parameter_names
from stellary.contract.endpoint import Nothing, Ok
from stellary.contract.naming import whole
from stellary.contract.port import RawResponse
from stellary.contract.project_imports import ImportedCard
from stellary.contract.projects import ProjectMember
from stellary.contract.wire import dump
from tests.client.simulation import encode_answer, find_endpoint
from tests.contract.strategies import requests
from tests.support.colours import COLOURS, resolve
from tests.support.each_case import for_each
from tests.support.handles import walk_handles
from tools.handles import methods_of, to_parameter

WORKSPACE = "/orgs/acme/workspaces/eng"
PROJECT = f"{WORKSPACE}/projects/p1"
PILOTAGE = f"{WORKSPACE}/pilotage"
NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)
MEMBER = ProjectMember(user_id="u1", email="a@b.c", name="Ann", created_at=NOON)


@attrs.frozen
class Row:
    """A call, and the request that it sends."""

    operation: str
    call: Callable[[Any], Any]
    request: str
    body: Any = None
    name: str = ""

    def __str__(self) -> str:
        return self.name or self.operation


def workspace(client):
    return client.workspace("acme", "eng")


def board(client):
    return workspace(client).project("p1")


def card(client):
    return board(client).card("c1")


TABLE = [
    Row(
        "notifications.list",
        lambda c: c.notifications.list(unread_only=True),
        "GET /notifications?limit=50&unreadOnly=true",
    ),
    Row(
        "projects.add_member",
        lambda c: board(c).members.add(MEMBER, role="viewer"),
        f"POST {PROJECT}/members",
        {"email": "a@b.c", "role": "viewer"},
    ),
    Row(
        "projects.import",
        lambda c: workspace(c).projects.import_file(b'{"project": {"name": "A", "new": [1]}}'),
        f"POST {WORKSPACE}/projects/import",
        {"project": {"name": "A", "new": [1]}},
        name="projects.import_file",
    ),
    Row(
        "cards.list",
        lambda c: board(c).cards.list(custom_field=["f1:high", "f2:a b"]),
        f"GET {PROJECT}/cards?customField=f1%3Ahigh&customField=f2%3Aa+b",
        name="cards.list by custom fields",
    ),
    Row(
        "cards.create",
        lambda c: board(c).columns("k1").cards.create(title="Write the spec", due_date=date(2026, 4, 1)),
        f"POST {PROJECT}/columns/k1/cards",
        {"title": "Write the spec", "dueDate": "2026-04-01"},
    ),
    Row("cards.update", lambda c: card(c).update(), f"PATCH {PROJECT}/cards/c1", {}, name="card.update"),
    Row(
        "custom_fields.set_values",
        lambda c: card(c).custom_fields.set(values={"f1": "high", "f2": None, "f3": date(2026, 4, 1)}),
        f"PATCH {WORKSPACE}/cards/c1/custom-fields",
        {"f1": "high", "f2": None, "f3": "2026-04-01"},
    ),
    Row(
        "imports.add_part",
        lambda c: (
            workspace(c).imports("i1").add_part(part=0, cards=[ImportedCard(column_id="k1", title="x")])
        ),
        f"POST {WORKSPACE}/imports/i1/parts",
        {"part": 0, "cards": [{"columnId": "k1", "title": "x", "archived": False}]},
    ),
]


def mock_router() -> respx.MockRouter:
    return respx.mock(base_url="http://pm.test/pm", assert_all_called=False)


def build_answer(row: Row) -> tuple[Any, httpx.Response]:
    called_endpoint = find_endpoint(row.operation)
    value = example(called_endpoint)
    return value, httpx.Response(called_endpoint.status, content=dump(value))


def assert_sent(router: respx.Router, row: Row) -> None:
    (sent,) = [call.request for call in router.calls]
    path = sent.url.raw_path.decode().removeprefix("/pm")
    assert f"{sent.method} {path}" == row.request
    assert (orjson.loads(sent.content) if sent.content else None) == row.body
    assert sent.headers["authorization"] == "Bearer synth_x"
    assert sent.headers["accept"] == "application/json"
    assert sent.headers["user-agent"].startswith("stellary-python/")
    assert sent.headers.get("content-type") == (None if row.body is None else "application/json")


@pytest.mark.slow("calls each method of the client")
@for_each("row, client_class", product(TABLE, COLOURS))
async def test_method_sends_request_and_returns_value(row, client_class):
    value, response = build_answer(row)
    with mock_router() as router:
        router.route().mock(return_value=response)
        client = client_class("http://pm.test/pm/", token="synth_x")
        called = row.call(client)
        assert inspect.iscoroutine(called) == (client_class is AsyncStellary)
        assert await resolve(called) == value
        await resolve(client.close())
        assert_sent(router, row)


# ------------------------------------------------------------------------------------------- every generated method

OTHER_NAMES = {
    "organizations.activity": "list",
    "workspaces.activity": "list",
    "projects.activity": "list",
    "projects.import": "import_",
    "agent_missions.events": "stream",
    "agent_missions.list_proposals": "proposals",
    "search.query": "search",
    "workspace_events.stream": "events",
    "model_usage.get": "usage",
    "model_usage.set_key": "set_model_key",
}
"""The names of methods that are not the first words of their operation."""
PORT = RecordingPort()


def list_calls(client):
    """Return each generated method with a handle that has it, once for each class of handles."""
    calls = [(at, method) for at in walk_handles(client) for method in methods_of(type(at))]
    return list({(type(at), method.name): (at, method) for at, method in calls}.values())


CALLS = [*list_calls(Stellary.embedded(PORT)), *list_calls(AsyncStellary.embedded(PORT))]


@for_each("method", [method for _, method in CALLS if not method.iterates])
def test_method_has_the_name_of_its_operation(method):
    verb = OTHER_NAMES.get(method.endpoint.operation, method.endpoint.operation.partition(".")[2])
    assert f"{verb}_".startswith(f"{method.name}_")


@pytest.mark.slow("tries each method")
def test_each_route_to_a_method_has_the_path_of_its_ids():
    for at in walk_handles(Stellary.embedded(PORT)):
        for method in methods_of(type(at)):
            held = at._path_params | dict(zip(method.ids, method.id_names, strict=True))
            names = parameter_names(method.endpoint.path)
            path = re.sub(
                r":(\w+)", lambda part, names=names, held=held: held[names[part[1]]], method.endpoint.path
            )
            assert path == build_path(method)


@pytest.fixture(scope="module")
def runner():
    with asyncio.Runner() as runner:
        yield runner


@pytest.mark.slow("calls each method of the client")
@for_each("at, method", [call for call in CALLS if not call[1].endpoint.is_stream])
@settings(max_examples=2, phases=[Phase.generate])
@given(data=st.data())
def test_each_method_sends_its_arguments_and_returns_the_answer(at, method, data, runner):
    endpoint, request_class = method.endpoint, method.endpoint.request_class
    payload = None if whole(request_class) else data.draw(requests(request_class))
    keywords = {
        field.name: getattr(payload, field.name)
        for field in attrs.fields(request_class)
        if payload and getattr(payload, field.name) != field.default
    }
    value = example(endpoint)
    PORT.answer(endpoint.operation, RawResponse(endpoint.status, {}, encode_answer(value)))
    PORT.requests.clear()
    called = getattr(at, method.name)(*method.id_names, **(keywords or example_request(endpoint)))
    assert runner.run(resolve(called)) == value
    (sent,) = PORT.requests
    assert (sent.operation, sent.path) == (endpoint.operation, build_path(method))
    if endpoint.in_query:
        by_default = {"limit": "200"} if method.iterates else {}
        assert sent.query == by_default | dict(parse_qsl(encode_query(payload), keep_blank_values=True))
    elif payload:
        assert sent.body == (orjson.loads(dump(payload)) if endpoint.takes is not Nothing else None)


def build_path(method):
    """Return the path with the names of parameters as ids."""
    passed = dict(zip(method.ids, method.id_names, strict=True))
    names = parameter_names(method.endpoint.path)
    held = {name: passed.get(field) or to_parameter(field) for name, field in names.items()}
    return re.sub(r":(\w+)", lambda parameter: held[parameter[1]], method.endpoint.path)


# ------------------------------------------------------------------------------------------------- what help() shows


def test_method_has_name_signature_and_docstring_of_its_endpoint():
    client = Stellary("http://a")
    create = client.workspace("acme", "eng").projects.create
    assert (create.__name__, create.__qualname__) == ("create", "Projects.create")
    assert create.__module__ == "stellary.client.methods.projects"
    assert create.__doc__.startswith(find_endpoint("projects.create").summary)
    assert "name: 1-100 characters." in create.__doc__
    assert "POST /orgs/:orgSlug/workspaces/:wsSlug/projects" in create.__doc__
    assert list(inspect.signature(create).parameters) == [
        *("name", "description", "key", "template_id", "member_role", "visibility", "estimate_unit"),
        "start_date",
    ]
    update = client.workspace("acme", "eng").project("p").cards.update
    assert "card: The id of the card, its key, or a value or a handle of one." in update.__doc__
    assert "NotFound: The item does not exist" in update.__doc__
    permission = (
        "everyone with access to the workspace; in a project, with the role editor or a higher one; "
        "API tokens need the scope ``projects:write``."
    )
    assert f"Permitted for {permission}" in update.__doc__


def test_a_signature_shows_types_without_limits():
    signature = inspect.signature(Stellary("http://a").workspace("acme", "eng").project("p").cards.update)
    annotations = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    assert annotations["card"] == "IdLike"
    assert annotations["order"] == "int | Unset"
    assert annotations["label_ids"] == "Sequence[IdLike] | Unset"
    assert annotations["due_date"] == "date | Unset | None"


@for_each("at, method", CALLS)
def test_method_returns_what_its_endpoint_does_by_both_clients(at, method):
    endpoint, function = method.endpoint, getattr(type(at), method.name)
    items = get_args(endpoint.returns)
    row = endpoint.returns.__name__ + (f"[{items[0].__name__}]" if items else "")
    pages = "Iterator" if method.iterates else "Page" if endpoint.many else ""
    wrapper = "EventStream" if endpoint.is_stream else pages
    value, awaited = (f"{wrapper}[{row}]", f"Async{wrapper}[{row}]") if wrapper else (row, row)
    is_direct = method.iterates or endpoint.is_stream
    whole = f"{value} | {awaited}" if is_direct else f"{value} | Awaitable[{awaited}]"
    signatures = map(inspect.signature, [*get_overloads(function), function])
    annotations = [signature.return_annotation.replace("builtins.", "") for signature in signatures]
    assert annotations == [value, awaited, whole]


def test_method_can_be_inspected_on_its_class():
    from stellary.client.methods.labels import Labels

    assert inspect.isfunction(Labels.create)
    assert list(inspect.signature(Labels.create).parameters) == ["self", "name", "color"]
    assert Labels.delete.__doc__ != Ok.__doc__


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda c: c.organizations.get(),
            r"Organizations\.get\(\) missing 1 required positional argument: 'organization'",
        ),
        (
            lambda c: c.organizations.list("a"),
            r"Organizations\.list\(\) takes 1 positional argument but 2 were given",
        ),
        (
            lambda c: board(c).labels.add_to_card("c1"),
            r"Labels\.add_to_card\(\) missing 1 required positional argument: 'label'",
        ),
        (
            lambda c: board(c).labels.create(),
            r"Labels\.create\(\) missing 1 required keyword-only argument: 'name'",
        ),
    ],
    ids=["none", "too many", "one of two", "keyword"],
)
def test_missing_argument_raises_with_its_name(call, message):
    with pytest.raises(TypeError, match=message):
        call(Stellary("http://a"))


def test_repr_of_a_handle_shows_its_ids():
    text = repr(board(Stellary("http://a")))
    assert text == "ProjectHandle(org_slug='acme', ws_slug='eng', project_id='p1')"
