"""Identities of an OpenID Connect provider: of two first sign-ins at the same time, both find one account."""

from concurrent.futures import ThreadPoolExecutor

import attrs
import pytest

from stellary.contract.refs import Ref
from stellary.core.accounts import identities
from stellary.core.accounts.auth import me
from stellary.core.accounts.identities import Identity, sign_in

ANN = Identity(issuer="https://login.example.com", subject="7", email="ann@example.com", name="Ann")


@pytest.mark.parametrize(("name", "expected"), [("Ann Lee", "Ann Lee"), (" ", "ann")])
def test_account_gets_the_name_of_the_identity_or_of_the_address(world, name, expected):
    token = sign_in(world.core.units, attrs.evolve(ANN, name=name), "Laptop")
    with world.core.view(world.core.authenticate(token)) as uow:
        assert me(uow, Ref()).user.name == expected


@pytest.mark.parametrize("statement", ["_find_by_email", "_find_by_identity"])
def test_account_that_another_request_creates_between_two_statements_is_found(
    postgres_world, monkeypatch, statement
):
    core = postgres_world.core
    find, calls = getattr(identities, statement), []

    def find_after_another_request(uow, value):
        calls.append(value)
        # The first call belongs to the check of the registration.
        if len(calls) == 2:
            with ThreadPoolExecutor(1) as threads:
                threads.submit(sign_in, core.units, ANN, "Phone").result(10)
        return find(uow, value)

    monkeypatch.setattr(identities, statement, find_after_another_request)
    assert sign_in(core.units, ANN, "Laptop") is not None
    assert len(calls) > 2
