"""The client's handles: they reach every endpoint of the contract, and nothing else."""

import attrs
import pytest

from stellary import Stellary
from stellary.client.testing import Recorded, RecordingPort, example_request
from stellary.contract import ENDPOINTS
from stellary.contract.naming import whole
from tests.support.handles import walk_handles
from tools.handles import methods_of

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
# What is written out because its body is a file.
WRITTEN_OUT = {"upload": ((b"Hello.",), {"name": "hello.txt"})}
AN_ID = "665f1a2b3c4d5e6f7a8b9c0d"


@pytest.fixture(scope="module", name="recorded_requests")
def record_all_requests() -> list[Recorded]:
    """Call each method of each handle once, and return the requests."""
    port = RecordingPort()
    with Stellary.embedded(port) as client:
        for at in walk_handles(client):
            for name, (arguments, keywords) in WRITTEN_OUT.items():
                if hasattr(at, name):
                    getattr(at, name)(*arguments, **keywords)
            for method in methods_of(type(at)):
                body = example_request(method.endpoint)
                answer = getattr(at, method.name)(*[AN_ID] * len(method.ids), **body)
                if method.iterates or method.endpoint.is_stream:
                    list(answer)
    return port.requests


@pytest.mark.slow("walks over all handles")
def test_handles_reach_every_endpoint(recorded_requests):
    reached = {request.operation for request in recorded_requests}
    expected = {endpoint.operation for endpoint in ENDPOINTS} - NOT_OF_THE_CLIENT
    assert expected - reached == set(), "add their methods to tools/handles.toml"
    assert reached - expected == set()


def test_left_out_operations_exist():
    assert {endpoint.operation for endpoint in ENDPOINTS} >= NOT_OF_THE_CLIENT


@pytest.mark.slow("walks over all handles")
def test_methods_and_paths_are_those_of_the_contract(recorded_requests):
    by_operation = {endpoint.operation: endpoint for endpoint in ENDPOINTS}
    for request in recorded_requests:
        endpoint = by_operation[request.operation]
        assert (request.method, request.path) == (endpoint.method, request.ref.path() + tail(endpoint))
        assert len(request.path.split("/")) == len(endpoint.path.split("/"))


def tail(endpoint) -> str:
    return endpoint.path.removeprefix(endpoint.ref.template)


@pytest.mark.slow("calls each method of the client")
def test_required_fields_are_sent(recorded_requests):
    by_operation = {endpoint.operation: endpoint for endpoint in ENDPOINTS}
    for request in recorded_requests:
        takes = by_operation[request.operation].request_class
        if whole(takes):
            # The body itself is the value, without field names.
            continue
        required = [field.name for field in attrs.fields(takes) if field.default is attrs.NOTHING]
        sent_fields = request.query if request.method == "GET" else request.body or {}
        assert len(sent_fields) >= len(required), request.operation
