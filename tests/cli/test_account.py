"""Logging in and out, tokens, and where one works."""

from __future__ import annotations

import json
import stat

import pytest

from tests.cli.conftest import PASSWORD


def test_somebody_registers_looks_around_and_leaves(nobody):
    told = nobody("register", "--email", "ann@example.com", "--name", "Ann", input=f"{PASSWORD}\n")
    assert told.splitlines() == [
        f"Logged in at {nobody.url} as Ann <ann@example.com>.",
        "You work in ann/ann.",
    ]
    assert nobody("whoami").splitlines() == [
        f"Ann <ann@example.com> at {nobody.url}",
        "workspace ann/ann, project none",
    ]
    assert nobody.json("whoami")["email"] == "ann@example.com"
    assert [each["slug"] for each in nobody.json("orgs")] == ["ann"]
    assert [each["slug"] for each in nobody.json("workspaces")] == ["ann"]
    assert "1 workspace" in nobody("workspaces", "ann")
    assert nobody("projects") == "There are no projects.\n"
    assert nobody("projects", "--archived") == "No project is archived.\n"
    assert nobody.json("projects") == []
    assert nobody("tokens", "list") == "You have no tokens.\n"
    assert nobody("logout") == "Logged out.\n"
    assert nobody.refused("projects") == "log in first: stellary login"
    assert nobody.refused("workspaces") == "say which organization: stellary workspaces ORG"
    assert nobody("use") == "You work nowhere yet.\n"


def test_the_login_is_kept_where_nobody_else_can_read_it(nobody):
    nobody("register", "--email", "safe@example.com", input=PASSWORD)
    assert stat.S_IMODE(nobody.config.stat().st_mode) == 0o600
    assert stat.S_IMODE(nobody.config.parent.stat().st_mode) == 0o700
    assert list(nobody.config.parent.iterdir()) == [nobody.config]
    assert set(json.loads(nobody.config.read_bytes())) == {"url", "token", "org", "workspace"}


def test_a_password_is_read_from_the_standard_input(shell):
    told = shell("login", "--email", "jane@example.com", input=PASSWORD)
    assert told.splitlines()[0].endswith("as Jane Doe <jane@example.com>.")
    found = shell.run("login", input=f"jane@example.com\n{PASSWORD}\n")
    assert found.stderr.startswith("E-mail: ")
    wrong = shell.run("login", "--email", "jane@example.com", input="wrong", code=1)
    assert wrong.stderr == "stellary: the e-mail address or the password is wrong\n"
    silent = shell.run("login", "--email", "jane@example.com", input="", code=1)
    assert silent.stderr == "stellary: no password on the standard input\n"


def test_a_password_is_asked_for_without_being_shown(shell, monkeypatch):
    monkeypatch.setattr("stellary.cli.account._at_a_terminal", lambda: True)
    found = shell.run("login", "--email", "jane@example.com", input=f"{PASSWORD}\n")
    assert "Password: " in found.stderr
    assert PASSWORD not in found.output


def test_a_token_takes_the_place_of_a_password(shell):
    made = shell("tokens", "create", "CI", "--scope", "projects:read", "--days", "3")
    assert made.startswith("synth_")
    assert shell.json("tokens", "create", "All")["scopes"][0] == "projects:read"
    assert {each["name"] for each in shell.json("tokens", "list")} == {"CI", "All"}
    assert "synth_" in shell("tokens", "list")
    assert shell.run("projects", STELLARY_TOKEN=made.strip(), code=0).stdout
    assert shell("tokens", "revoke", "ci") == 'Revoked "CI".\n'
    assert shell("tokens", "revoke", "All") == 'Revoked "All".\n'
    said = shell.refused("projects", STELLARY_TOKEN=made.strip())
    assert said.startswith("401 Unauthorized: ")


def test_a_token_that_sees_little_can_log_in(shell):
    made = shell("tokens", "create", "Little", "--scope", "projects:read")
    told = shell("login", "--token", input=made)
    assert told.splitlines() == [f"Logged in at {shell.url}.", "You work in jane-doe/jane-doe."]
    assert "Q1 Launch" in shell("projects")
    shell.run("login", "--email", "jane@example.com", input=PASSWORD)
    shell("tokens", "revoke", "Little")


def test_a_login_is_not_told_to_another_server(shell):
    said = shell.refused("--url", "http://127.0.0.1:1", "projects")
    assert said == f"you are logged in at {shell.url}; log in at http://127.0.0.1:1 as well"
    assert shell.run("--url", f"{shell.url}/", "projects").stdout


def test_a_server_that_is_not_there_is_told_in_a_line(shell):
    said = shell.refused(
        "projects", STELLARY_URL="http://127.0.0.1:1", STELLARY_TOKEN="x", STELLARY_MAX_RETRIES="0"
    )
    assert said.startswith("no connection to http://127.0.0.1:1: ")
    assert shell.refused("--url", "nowhere", "projects", STELLARY_TOKEN="x").startswith(
        "the URL must begin with http"
    )


def test_where_one_works_is_remembered_shown_and_overruled(shell):
    assert shell("use") == "You work in jane-doe/jane-doe/LAUNCH.\n"
    assert shell("use", "jane-doe/jane-doe") == "You work in jane-doe/jane-doe.\n"
    assert (
        shell.refused("board")
        == "say which project, by --project KEY or once for all: stellary use ORG/SLUG/KEY"
    )
    assert shell("use", "jane-doe/jane-doe/launch") == "You work in jane-doe/jane-doe/LAUNCH.\n"
    assert (
        shell.refused("use", "acme", code=2)
        == "a place is ORG/SLUG, or ORG/SLUG/KEY (see stellary use --help)"
    )
    assert shell.refused("use", "acme/eng").startswith("404 Not Found: ")
    assert (
        shell.refused("use", "--project", "Lunch") == "there is no project \"Lunch\"; did you mean 'LAUNCH'?"
    )
    assert shell.refused("board", STELLARY_PROJECT="OTHER") == 'there is no project "OTHER"'
    assert shell.run("board", "--project", "q1", STELLARY_PROJECT="OTHER").stdout
    assert shell.refused("projects", "--workspace", "acme/eng").startswith("404 Not Found: ")
    assert shell.run("projects", "--workspace", "jane-doe").stdout
    assert shell.refused("projects", "--org", "acme").startswith("404 Not Found: ")
    assert shell.run("projects", "--org", "jane-doe", "--workspace", "jane-doe", STELLARY_ORG="acme").stdout


def test_whoever_works_in_several_workspaces_says_which(nobody, shell):
    shell.run("login", "--email", "jane@example.com", input=PASSWORD)
    from stellary import Stellary

    with Stellary.register(nobody.url, "rob@example.com", PASSWORD) as client:
        client.organizations.create(name="Acme", slug="acme-rob")
        client.organization("acme-rob").workspaces.create(name="Eng", slug="eng")
    told = nobody("login", "--email", "rob@example.com", input=PASSWORD)
    assert told.splitlines()[1].startswith("Say where you work: stellary use ")
    assert nobody.refused("projects") == (
        "say which workspace, by --workspace ORG/SLUG or once for all: stellary use ORG/SLUG"
    )


def test_a_file_that_is_broken_is_told(nobody):
    nobody.config.parent.mkdir()
    nobody.config.write_text("[")
    assert nobody.refused("projects") == f"{nobody.config} cannot be read as JSON; delete it and log in again"


def test_a_file_that_cannot_be_written_leaves_the_one_before(nobody, monkeypatch):
    nobody("register", "--email", "kept@example.com", input=PASSWORD)
    before = nobody.config.read_bytes()

    def full(*args: object, **named: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("stellary.cli.config.json.dump", full)
    assert "No space left on device" in nobody.refused("logout")
    assert (nobody.config.read_bytes(), list(nobody.config.parent.iterdir())) == (before, [nobody.config])


@pytest.mark.parametrize("environment", [{}, {"STELLARY_CONFIG": "/x/y.json"}])
def test_the_file_is_where_the_platform_has_such_files(environment):
    from stellary.cli.config import config_file

    assert config_file(environment).name == ("y.json" if environment else "config.json")
