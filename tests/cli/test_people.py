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

        def run_project(*words, **options):
            return new_shell.run("project", *words, **place, **options).stdout

        added = run_project("add", "Offer", "--key", "OFFER", "--visibility", "private")
        assert added == 'Added OFFER "Offer", visibility: private.\n'
        seen = client.workspace("studio", "web").projects
        assert [item.key for item in seen.list()] == ["SIT"]
        for role in ("viewer", "editor"):
            output = run("add", "Client", "--project", "OFFER", "--as", role).stdout
            assert output == f"Client is {role} of the project now.\n"
        assert sorted(item.key for item in seen.list()) == ["OFFER", "SIT"]
        rows = json.loads(run("list", "--project", "OFFER", "--json").stdout)
        assert {row["name"]: row["role"] for row in rows} == {"Agent": "manager", "Client": "editor"}
        assert run("remove", "Client", "--project", "OFFER").stdout == (
            "Client is no longer a member of the project.\n"
        )
        assert [item.key for item in seen.list()] == ["SIT"]
        opened = run_project(
            "edit", "--project", "OFFER", "--visibility", "workspace", "--member-role", "viewer"
        )
        assert opened == 'Changed OFFER "Offer", visibility: workspace.\n'
        assert {item.key: item.member_role for item in seen.list()}["OFFER"] == "viewer"
        assert "name a setting to change" in new_shell.run("project", "edit", code=2, **place).stderr
