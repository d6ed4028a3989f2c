"""The client's handles reach every endpoint of the contract, and nothing else."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import attrs
import pytest

from stellary import Stellary
from stellary.client.calling.method import Method, Resource
from stellary.client.testing import Recorded, RecordingPort, example_request
from stellary.contract import ENDPOINTS
from stellary.contract.naming import whole

# What a deployment says about itself to load balancers and browsers; and what is for clients of another protocol.
NOT_OF_THE_CLIENT = {
    "mcp.endpoint",
    "system.root",
    "system.health",
    "system.ready",
    "system.openapi",
    "system.docs",
    "system.metrics",
}
A_PLACE = {"organization": "acme", "workspace": "eng"}
# What is written out because its body is a file.
WRITTEN_OUT = {"upload": ((b"Hello.",), {"name": "hello.txt"})}
AN_ID = "665f1a2b3c4d5e6f7a8b9c0d"


def handles(at: Resource) -> Iterator[Resource]:
    """A handle, and all that it leads to: by its properties, by its methods, and by being called."""
    yield at
    for name, found in inspect.getmembers_static(type(at)):
        if isinstance(found, property):
            below = getattr(at, name)
        elif inspect.isfunction(found) and (name == "__call__" or leads_on(found)):
            wanted = list(inspect.signature(found).parameters)[1:]
            below = found(at, *[A_PLACE.get(each, AN_ID) for each in wanted])
        else:
            continue
        if isinstance(below, Resource):
            yield from handles(below)


def leads_on(function) -> bool:
    return "Handle[" in str(inspect.signature(function).return_annotation)


def everything_asked() -> list[Recorded]:
    """One request of each method of each handle."""
    port = RecordingPort()
    with Stellary.embedded(port) as client:
        for at in handles(client):
            for name, found in inspect.getmembers_static(type(at)):
                if name in WRITTEN_OUT:
                    given, named = WRITTEN_OUT[name]
                    getattr(at, name)(*given, **named)
                if not isinstance(found, Method):
                    continue
                said = example_request(found.endpoint)
                asked = getattr(at, name)(*[AN_ID] * found.ids, **said)
                if found.all or found.endpoint.is_stream:
                    list(asked)
    return port.requests


@pytest.fixture(scope="module")
def asked() -> list[Recorded]:
    return everything_asked()


def test_handles_reach_every_endpoint(asked):
    reached = {request.operation for request in asked}
    assert reached == {endpoint.operation for endpoint in ENDPOINTS} - NOT_OF_THE_CLIENT


def test_what_is_left_out_exists():
    assert {endpoint.operation for endpoint in ENDPOINTS} >= NOT_OF_THE_CLIENT


def test_methods_and_paths_are_those_of_the_contract(asked):
    by_operation = {endpoint.operation: endpoint for endpoint in ENDPOINTS}
    for request in asked:
        endpoint = by_operation[request.operation]
        assert (request.method, request.path) == (endpoint.method, request.ref.path() + tail(endpoint))
        assert len(request.path.split("/")) == len(endpoint.path.split("/"))


def tail(endpoint) -> str:
    return endpoint.path.removeprefix(endpoint.ref.template)


def test_required_fields_are_sent(asked):
    by_operation = {endpoint.operation: endpoint for endpoint in ENDPOINTS}
    for request in asked:
        takes = by_operation[request.operation].request_class
        if whole(takes):
            # What stands in the body has no names of the contract's.
            continue
        required = [field.name for field in attrs.fields(takes) if field.default is attrs.NOTHING]
        said = request.query if request.method == "GET" else request.body or {}
        assert len(said) >= len(required), request.operation
