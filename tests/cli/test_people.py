"""Members and guests of a workspace."""

import json
from functools import partial

import pytest

from stellary import Stellary
from tests.cli.conftest import PASSWORD


@pytest.mark.slow("registers two people and runs commands")
def test_guest_is_invited_and_promoted(new_shell):
    def register(name):
        with Stellary(new_shell.url) as client:
            address = f"{name.lower()}@example.com"
            return client.auth.register(email=address, password=PASSWORD, name=name).access_token

    token = register("Agent")
    with (
        Stellary(new_shell.url, token=token) as boss,
        Stellary(new_shell.url, token=register("Client")) as client,
    ):
        boss.organizations.create(name="Studio", slug="studio")
        boss.organization("studio").workspaces.create(name="Web", slug="web")
        boss.workspace("studio", "web").projects.create(name="Site", visibility="private")
        place = {"STELLARY_TOKEN": token, "STELLARY_ORG": "studio", "STELLARY_WORKSPACE": "web"}
        run = partial(new_shell.run, "member", **place)

        def list_roles():
            return [item["role"] for item in json.loads(run("list", "--json").stdout)]

        words = ("client@example.com", "--role", "guest", "--into", "Site", "--as", "commenter")
        invited, line = run("invite", *words).stdout.splitlines()
        assert invited == "Invited client@example.com as guest."
        client.invitations.accept(line.rpartition(" ")[2])
        assert [item.name for item in client.workspace("studio", "web").projects.list()] == ["Site"]
        assert list_roles() == ["admin", "guest"]
        assert run("role", "Client", "member").stdout == "Client is member now.\n"
        assert 'there is no person "Nobody"' in run("role", "Nobody", "guest", code=1).stderr
