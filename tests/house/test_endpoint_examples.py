"""The calls in the API reference: in Python, blocking and asynchronous, and with curl, each sends the example request."""

import asyncio
import itertools
import json
import re
import shlex
import textwrap
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from stellary import AsyncStellary, Stellary
from stellary.client.testing import Recorded, RecordingPort
from stellary.contract import ENDPOINTS
from stellary.contract.endpoint import Nothing
from stellary.contract.examples import request_of
from stellary.contract.router import AnyEndpoint
from stellary.contract.wire import load, load_query
from tests.house.test_client import NOT_OF_THE_CLIENT
from tests.support.each_case import for_each
from tools.endpoint_examples import SERVER, make_query, render_curl, render_python

BY_OPERATION = {endpoint.operation: endpoint for endpoint in ENDPOINTS}
OPERATIONS = [operation for operation in BY_OPERATION if operation not in NOT_OF_THE_CLIENT]


def record(code: str | None, *, awaits: bool) -> Recorded:
    """Run an example, and return its request."""
    assert code is not None
    port = RecordingPort()
    code, count = re.subn(r"^client = .*$", "client = connect()", code, flags=re.MULTILINE)
    assert count == 1
    if awaits:
        body = textwrap.indent(code, "    ")
        scope = {"connect": lambda: AsyncStellary.embedded(port)}
        exec(f"async def main():\n{body}", scope)
        asyncio.run(scope["main"]())
    else:
        exec(code, {"connect": lambda: Stellary.embedded(port)})
    return port.requests[0]


def assert_same_query(endpoint: AnyEndpoint, first: dict[str, str], second: dict[str, str]) -> None:
    """Compare two queries with the defaults of the endpoint."""
    kind = endpoint.request_class
    if not endpoint.in_query:
        assert first == second == {}
        return
    assert load_query(kind, list(first.items())) == load_query(kind, list(second.items()))


def assert_sends_the_example(endpoint: AnyEndpoint, request: Recorded) -> None:
    assert (request.operation, request.method) == (endpoint.operation, endpoint.method)
    assert_same_query(endpoint, request.query, make_query(endpoint))
    if endpoint.takes is not Nothing and not endpoint.in_query:
        kind = endpoint.request_class
        assert load(kind, request.body) == load(kind, request_of(endpoint))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the examples where the file that they upload is."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "report.pdf").write_bytes(b"%PDF-1.7")


@pytest.mark.slow("runs the example of each endpoint")
@for_each("operation", OPERATIONS)
def test_python_sends_the_example_request(operation: str):
    endpoint = BY_OPERATION[operation]
    assert_sends_the_example(endpoint, record(render_python(endpoint), awaits=False))


@pytest.mark.slow("runs the example of each endpoint")
@for_each("operation", OPERATIONS)
def test_async_python_sends_the_same_request(operation: str):
    endpoint = BY_OPERATION[operation]
    request = record(render_python(endpoint, awaits=True), awaits=True)
    blocking = record(render_python(endpoint), awaits=False)
    assert (request.method, request.path, request.query) == (blocking.method, blocking.path, blocking.query)
    assert request.body == blocking.body or endpoint.takes_file


@pytest.mark.slow("runs the example of each endpoint")
@for_each("operation", OPERATIONS)
def test_curl_sends_the_same_request(operation: str):
    endpoint = BY_OPERATION[operation]
    words = shlex.split(render_curl(endpoint))
    options = dict(itertools.pairwise(words))
    (url,) = [word for word in words if word.startswith(SERVER)]
    request = record(render_python(endpoint), awaits=False)
    assert options.get("-X", "GET") == request.method
    assert urlsplit(url).path == request.path
    assert_same_query(endpoint, dict(parse_qsl(urlsplit(url).query)), request.query)
    assert ("Authorization: Bearer YOUR_TOKEN" in words) == (endpoint.policy.token != "public")
    if "-d" in options:
        kind = endpoint.request_class
        assert load(kind, json.loads(options["-d"])) == load(kind, request.body)
    elif not endpoint.takes_file:
        assert not request.body


@pytest.mark.slow("reads all examples")
def test_operations_without_a_method_have_no_python():
    assert {operation for operation in BY_OPERATION if render_python(BY_OPERATION[operation]) is None} == (
        NOT_OF_THE_CLIENT
    )
