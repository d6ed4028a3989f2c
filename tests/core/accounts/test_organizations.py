"""Organizations: creation, listing, changes and deletion."""

import orjson
import pytest

from stellary.contract.organizations import CreateOrganization
from stellary.contract.refs import Ref
from stellary.core.accounts import organizations
from tests.support.world import outcome

ACME = {"name": "Acme Corp", "slug": "acme"}


def test_creator_owns_the_organization(world, ann):
    organization = world.ask(ann, "POST", "/organizations", ACME)
    assert (organization["ownerId"], organization["myRole"]) == (ann.id, "owner")
    assert world.ask(ann, "GET", "/organizations/acme") == organization


def test_a_slug_is_unique_everywhere(world, ann, bob):
    world.ask(ann, "POST", "/organizations", ACME)
    answer = world.call(bob, "POST", "/organizations", ACME)
    assert outcome(answer) == (409, "duplicate_slug")


@pytest.mark.parametrize("slug", ["a", "x" * 61, "Acme", "acme corp", "-acme", "acme-", "ac/me", "äcme", ""])
def test_a_slug_is_of_lower_case_letters_digits_and_hyphens(world, slug):
    answer = world.call(world.person("ann"), "POST", "/organizations", {"name": "Acme", "slug": slug})
    assert (answer.status, orjson.loads(answer.body)["details"][0]["field"]) == (400, "slug")


def test_everybody_lists_the_own_organizations_with_the_own_role(world, ann, bob):
    world.join_organization(bob, world.organization(ann, "acme"), "admin")
    listed = {
        who.user.name: {
            organization["slug"]: organization["myRole"]
            for organization in world.ask(who, "GET", "/organizations")
        }
        for who in (ann, bob)
    }
    expected = {"ann": {"ann": "owner", "acme": "owner"}, "bob": {"bob": "owner", "acme": "admin"}}
    assert listed == expected


def test_a_new_slug_is_a_new_address(world, ann):
    world.organization(ann, "acme")
    changed = world.ask(ann, "PATCH", "/organizations/acme", {"slug": "acme-2", "name": "Acme 2"})
    assert (changed["slug"], changed["name"]) == ("acme-2", "Acme 2")
    assert world.ask(ann, "GET", "/organizations/acme-2") == changed
    assert world.status(ann, "GET", "/organizations/acme") == 404


def test_change_to_a_taken_slug_is_rejected(world, ann):
    world.organization(ann, "acme")
    assert world.status(ann, "PATCH", "/organizations/acme", {"slug": "ann"}) == 409
    assert world.status(ann, "GET", "/organizations/acme") == 200


def test_a_personal_organization_stays(world):
    answer = world.call(world.person("ann"), "DELETE", "/organizations/ann")
    assert outcome(answer) == (409, "personal_workspace")


def test_a_deleted_slug_is_free_again(world, ann, bob):
    world.organization(ann, "acme")
    world.ask(ann, "DELETE", "/organizations/acme")
    assert world.status(bob, "POST", "/organizations", ACME) == 201


def test_a_host_calls_the_service_in_its_own_transaction(world, ann):
    with world.core.database.writing() as connection:
        with world.core.begin(ann.actor, connection) as uow:
            organization = organizations.create_organization(
                uow, Ref(), CreateOrganization(name="Acme", slug="acme")
            )
        connection.rollback()
    assert organization.my_role == "owner"
    assert world.status(ann, "GET", "/organizations/acme") == 404
