"""Fixtures of the account tests."""

import pytest

from tests.support.world import Person, World


@pytest.fixture
def acme(world: World) -> dict[str, Person]:
    """Return an organization of ann, with the admin bob and the members cid and dot."""
    people = dict(zip(("ann", "bob", "cid", "dot"), world.people("ann bob cid dot"), strict=True))
    organization = world.organization(people["ann"], "acme")
    world.join_organization(people["bob"], organization, "admin")
    world.join_organization(people["cid"], organization)
    world.join_organization(people["dot"], organization)
    return people
