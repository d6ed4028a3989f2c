"""Each field of a request is read by its service, so that none is valid and without effect."""

from collections.abc import Mapping
from copy import copy
from typing import Any

import pytest

from stellary.contract.fields import field_names
from stellary.contract.naming import members, wire_fields
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.wire import Request, load
from tests.security.each_row import each_row
from tests.security.good_requests import make_path_params, send
from tests.security.permission_world import PermissionWorld
from tests.security.table import SERVED, Row
from tests.security.test_bad_requests import PERSONA, request_class
from tests.security.text_slots import make_good_request
from tests.support.core_parts import board_finding, board_listing, dispatch

pytestmark = pytest.mark.slow("changes each field in turn")

UNREAD: Mapping[str, str] = {
    "auth.change_email confirmation": "only if there is no password",
    "auth.delete_account confirmation": "only if there is no password",
    "auth.disable_second_factor code": "only if the second factor is confirmed",
    "projects.import format": "what an export says about itself",
    "projects.import exported_at": "what an export says about itself",
    "projects.import members.name": "members are found by their addresses",
}
"""Fields that need not be read, with the reason."""


def watch(request: Any, name: str, reads: set[str], fields: set[str]) -> None:
    """Add the fields of a request and of those within it to ``fields``, and to ``reads`` when they are read."""
    if isinstance(request, list):
        for item in request[:1]:
            watch(item, name, reads, fields)
    if not isinstance(request, Request):
        return
    cls = type(request)
    for field in field_names(cls):
        fields.add(name + field)
        watch(getattr(request, field), f"{name}{field}.", reads, fields)

    def read(self: Any, attribute: str) -> Any:
        reads.add(name + attribute)
        return object.__getattribute__(self, attribute)

    object.__setattr__(
        request, "__class__", type(cls.__name__, (cls,), {"__slots__": (), "__getattribute__": read})
    )


def find_unread(permission_world: PermissionWorld, row: Row) -> list[str]:
    """Return the fields of a request that its service does not read."""
    reads: set[str] = set()
    fields: set[str] = set()
    # A copy, since requests without fields share one object.
    request = copy(load(request_class(row), make_good_request(permission_world, row)))
    # Otherwise the service checks it again, and so reads every field.
    object.__setattr__(request, "_checked", True)
    watch(request, "", reads, fields)

    def call(bearer: str | None, method: str, path: str, body: Any, **headers: str) -> RawResponse:
        raw = RawRequest(method, path, "", {"authorization": f"Bearer {bearer}"})
        return dispatch.answer(permission_world.core.units, raw, payload=request)

    params = make_path_params(permission_world, row, PERSONA)
    with permission_world.sandbox.discard_changes():
        answer = send(permission_world, row, PERSONA, params, call=call, query="")
    # A good request may still conflict with what the caller has.
    assert answer.status in (200, 201, 409), answer.body
    return [name for name in sorted(fields - reads) if f"{row.operation} {name}" not in UNREAD]


@each_row([row for row in SERVED if field_names(request_class(row))])
def test_each_field_is_read(permission_world: PermissionWorld, row: Row):
    assert find_unread(permission_world, row) == []


@each_row([row for row in SERVED if row.method == "GET"])
def test_each_nullable_filter_accepts_none(permission_world: PermissionWorld, row: Row):
    for name, field in wire_fields(request_class(row)).items():
        if type(None) in members(field.type):
            params = make_path_params(permission_world, row, PERSONA)
            answer = send(permission_world, row, PERSONA, params, query=f"{name}=none")
            assert answer.status == 200, (name, answer.body)


def test_field_that_is_not_read_is_named(shared_permission_world, monkeypatch):
    for module in (board_finding, board_listing):
        monkeypatch.setattr(module, "read_parameters", lambda request: {})
    (row,) = (row for row in SERVED if row.operation == "cards.list")
    with shared_permission_world.sandbox.transaction():
        assert "blocked" in find_unread(shared_permission_world, row)
