"""Repeated requests with an ``Idempotency-Key``, for each endpoint that writes."""

import orjson
import pytest
from sqlalchemy import update

from stellary.contract.endpoint import WITHOUT_KEY
from tests.security.each_row import each_row
from tests.security.good_requests import make_path_params, send
from tests.security.permission_world import PathParams, PermissionWorld
from tests.security.sandbox import TABLES, Dump
from tests.security.table import PEOPLE, ROW_BY_OPERATION, SERVED, Row
from tests.support.core_parts import SERVICES
from tests.support.tables import users

OTHER_BODY = {"name": "Other", "slug": "other"}
KEYED = [row for row in SERVED if SERVICES[row.operation].endpoint.idempotent]


def choose_caller(row: Row) -> str:
    """Return a person who may call an endpoint."""
    if row.operation == "auth.send_confirmation":
        return "OO"
    return next(name for name in ("OO", *PEOPLE[1:]) if row.expected_status(name) == 2)


def dump_rows(permission_world: PermissionWorld) -> Dump:
    return permission_world.sandbox._dump(TABLES)


def repeat(permission_world: PermissionWorld, row: Row, params: PathParams | None = None) -> None:
    """Send a request twice with the same key, and then another one."""
    caller = choose_caller(row)
    params = params or make_path_params(permission_world, row, caller)
    if row.operation == "auth.send_confirmation":
        # Only accounts without a password get a link.
        permission_world.sandbox.connection.execute(update(users).values(password_hash=None))
    first = send(permission_world, row, caller, params, idempotency_key="k")
    assert 200 <= first.status < 300, first.body
    assert "idempotency-replayed" not in first.headers
    before = dump_rows(permission_world)
    again = send(permission_world, row, caller, params, idempotency_key="k")
    if SERVICES[row.operation].endpoint.keeps_secret:
        assert orjson.loads(again.body)["code"] == "already_done"
        assert orjson.loads(first.body).keys() & {"token", "secret"}
        assert first.body not in str(before).encode()
    else:
        assert (again.status, again.body) == (first.status, first.body)
        assert again.headers["idempotency-replayed"] == "true"
    assert dump_rows(permission_world) == before
    other = ROW_BY_OPERATION["organizations.create"]
    assert send(permission_world, other, caller, {}, body=OTHER_BODY, idempotency_key="k").status == 422
    assert dump_rows(permission_world) == before


@pytest.mark.slow("repeats a request to each endpoint")
@each_row(KEYED)
def test_repetition_gets_the_first_response_and_has_no_effect(permission_world, row):
    repeat(permission_world, row)


@pytest.mark.parametrize("operation", ["cards.delete", "cards.update"])
def test_card_is_addressed_by_its_key(permission_world: PermissionWorld, operation: str) -> None:
    row = ROW_BY_OPERATION[operation]
    params = make_path_params(permission_world, row, "OO")
    card = send(permission_world, ROW_BY_OPERATION["cards.get"], "OO", params)
    repeat(permission_world, row, params | {"cardId": orjson.loads(card.body)["key"]})


@pytest.mark.parametrize("operation", ["organizations.update", "workspaces.update"])
def test_renamed_address_gets_the_first_response(permission_world: PermissionWorld, operation: str) -> None:
    row = ROW_BY_OPERATION[operation]
    params = make_path_params(permission_world, row, "OO")
    first, again = (
        send(permission_world, row, "OO", params, body={"slug": "renamed"}, idempotency_key="k")
        for _ in range(2)
    )
    assert (again.status, again.body) == (first.status, first.body) == (200, first.body)


@pytest.mark.parametrize("operation", ["projects.create", "trash.restore", "workspaces.create"])
def test_caller_who_lost_access_does_not_get_the_first_response(permission_world, operation):
    row = ROW_BY_OPERATION[operation]
    params = make_path_params(permission_world, row, "OA")
    assert send(permission_world, row, "OA", params, idempotency_key="k").status < 300
    member = permission_world.people["OA"].id
    permission_world.ask("OO", "DELETE", f"/organizations/acme/members/{member}")
    assert send(permission_world, row, "OA", params, idempotency_key="k").status == 404


def test_each_operation_that_writes_honours_a_key_or_has_a_reason() -> None:
    without = {
        operation
        for operation, service in SERVICES.items()
        if service.endpoint.method != "GET"
        and (service.endpoint.policy.role == "public" or service.mode == "self_managed")
    }
    assert without | {"auth.logout"} == WITHOUT_KEY.keys()
