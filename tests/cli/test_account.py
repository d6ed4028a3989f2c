"""Logging in and out, tokens, and the selected workspace."""

import json
import stat
from contextlib import closing
from datetime import UTC, datetime

import pytest

from stellary import Stellary, Unauthenticated
from stellary.core import Core
from tests.cli.conftest import PASSWORD, Shell
from tests.server.running import running
from tests.support.authenticator import show_code
from tests.support.core_parts import Identity, sign_in
from tests.support.page_scene import SilentChannel
from tests.support.world import links


def test_register_list_and_log_out(new_shell):
    output = new_shell("register", "--email", "ann@example.com", "--name", "Ann", input=f"{PASSWORD}\n")
    assert output.splitlines() == [
        f"Logged in at {new_shell.url} as Ann <ann@example.com>.",
        "Now working in ann/ann.",
    ]
    assert new_shell("whoami").splitlines() == [
        f"Ann <ann@example.com> at {new_shell.url}",
        "workspace ann/ann, project none",
    ]
    assert new_shell.json("whoami")["email"] == "ann@example.com"
    assert [org["slug"] for org in new_shell.json("orgs")] == ["ann"]
    assert [workspace["slug"] for workspace in new_shell.json("workspaces")] == ["ann"]
    assert new_shell("workspaces", "ann").startswith("Ann\tann\t")
    assert new_shell.run("projects").stderr == "There are no projects.\n"
    assert new_shell.run("projects", "--archived").stderr == "There are no archived projects.\n"
    assert new_shell("projects") == ""
    assert new_shell.json("projects") == []
    assert new_shell.run("tokens", "list").stderr == "You have no tokens.\n"
    assert new_shell("logout") == "Logged out.\n"
    assert new_shell.error("projects") == "log in first: stellary login"
    assert new_shell.error("workspaces") == "name an organization: stellary workspaces ORG"
    assert new_shell("use") == "No workspace is selected.\n"


def test_logout_ends_the_session(new_shell):
    new_shell("register", "--email", "out@example.com", input=PASSWORD)
    token = json.loads(new_shell.config.read_bytes())["token"]
    new_shell("logout")
    with Stellary(new_shell.url, token) as client, pytest.raises(Unauthenticated):
        client.auth.me()


def test_sessions_are_listed_and_revoked(new_shell):
    new_shell("register", "--email", "many@example.com", input=PASSWORD)
    with Stellary(new_shell.url) as client:
        phone = client.auth.login(email="many@example.com", password=PASSWORD, device="Phone")
    assert [item["device"] for item in new_shell.json("sessions", "list")] == [None, "Phone"]
    assert new_shell("sessions", "revoke", "Phone") == "Ended the session.\n"
    with Stellary(new_shell.url, phone.access_token) as client, pytest.raises(Unauthenticated):
        client.auth.me()


def test_second_factor_is_enabled_asked_for_and_disabled(new_shell):
    new_shell("register", "--email", "two@example.com", input=PASSWORD)
    assert new_shell("second-factor", "status") == "The second factor is not enabled.\n"
    secret, uri = new_shell("second-factor", "enroll", input=PASSWORD).splitlines()
    assert f"secret={secret}" in uri
    codes = new_shell("second-factor", "confirm", input=show_code(secret, datetime.now(UTC))).splitlines()
    assert (
        new_shell("second-factor", "status") == "The second factor is enabled; 10 recovery codes are left.\n"
    )
    words = ("login", "--email", "two@example.com")
    assert new_shell.run(*words, input=PASSWORD, code=1).stderr == "stellary: no code on the standard input\n"
    wrong = new_shell.run(*words, input=f"{PASSWORD}\n000000", code=1).stderr
    assert wrong == "stellary: the code is wrong, or was used before\n"
    assert new_shell(*words, input=f"{PASSWORD}\n{codes[0]}").startswith("Logged in at ")
    disabled = new_shell("second-factor", "disable", input=f"{PASSWORD}\n{codes[1]}")
    assert disabled == "The second factor is disabled.\n"
    assert not new_shell.json("second-factor", "status")["enabled"]


def test_address_of_a_new_account_is_confirmed(sqlite_url, tmp_path):
    emails = []
    core = Core(sqlite_url, bcrypt_rounds=4, mailer=emails.append, verify_email=True)
    with closing(core), running(core) as server:
        shell = Shell(server.url, tmp_path / "config.json")
        shell("register", "--email", "new@example.com", input=PASSWORD)
        assert "Your e-mail address is not confirmed yet" in shell("whoami")
        (link,) = set(links(emails[0]))
        assert shell("confirm-email", input=link) == "Your address is confirmed.\n"
        assert "not confirmed" not in shell("whoami")


def test_link_is_sent_to_a_new_address(shell):
    shell("login", "--email", "jane@example.com", input=PASSWORD)
    output = shell("change-email", "jane.doe@example.com", input=PASSWORD)
    assert output == "Open the link that is on its way to jane.doe@example.com.\n"


def test_times_of_notifications_are_shown_and_changed(sqlite_url, tmp_path):
    core = Core(sqlite_url, bcrypt_rounds=4, channels=[SilentChannel()])
    with closing(core), running(core) as server:
        shell = Shell(server.url, tmp_path / "config.json")
        shell("register", "--email", "new@example.com", input=PASSWORD)
        output = shell("notify")
        assert output.startswith("The digest is sent every day at 8:00 (UTC).\n")
        assert "mail.mention\timmediate\n" in output
        assert "mail.card\tdigest\n" in output
        words = ("notify", "mail.card=never", "mail.mention=digest", "--digest", "week", "--hour", "7")
        changed = shell(*words, "--weekday", "friday", "--time-zone", "Europe/Berlin")
        assert changed.startswith("The digest is sent every friday at 7:00 (Europe/Berlin).\n")
        chosen = shell.json("notify")["channels"]["mail"]
        assert chosen == chosen | {"card": "never", "mention": "digest"}
        assert "must look like mail.card=never" in shell.run("notify", "mail", code=2).stderr


def test_account_without_password_is_changed_and_deleted_by_a_link(sqlite_url, tmp_path):
    emails = []
    core = Core(sqlite_url, bcrypt_rounds=4, mailer=emails.append)
    identity = Identity(issuer="https://login.example.com", subject="7", email="ann@example.com", name="Ann")
    with closing(core), running(core) as server:
        shell = Shell(server.url, tmp_path / "config.json")
        token = sign_in(core.units, identity, "Laptop")
        shell("login", "--token", input=token)
        for action, words in (
            ("change_email", ("change-email", "new@example.com")),
            ("delete_account", ("delete-account",)),
        ):
            server.ask("POST", "/auth/send-confirmation", {"action": action}, token)
            # The job that sends a link to the new address may be late.
            (link,) = set(links([email for email in emails if email.kind == "account_confirmation"][-1]))
            result = shell.run(*words, "--by-link", input=link, code=0)
            assert "Open the e-mail that is on its way to you, and copy the link." in result.stderr
        assert shell.run("whoami", code=1).stderr == "stellary: log in first: stellary login\n"
        assert server.ask("GET", "/auth/me", token=token).status == 401


def test_account_is_deleted(new_shell):
    new_shell("register", "--email", "gone@example.com", input=PASSWORD)
    assert new_shell("delete-account", input=PASSWORD) == "Your account is deleted.\n"
    assert new_shell.error("projects") == "log in first: stellary login"
    new_shell("register", "--email", "gone@example.com", input=PASSWORD)


def test_login_file_is_private(new_shell):
    new_shell("register", "--email", "safe@example.com", input=PASSWORD)
    assert stat.S_IMODE(new_shell.config.stat().st_mode) == 0o600
    assert stat.S_IMODE(new_shell.config.parent.stat().st_mode) == 0o700
    assert list(new_shell.config.parent.iterdir()) == [new_shell.config]
    assert set(json.loads(new_shell.config.read_bytes())) == {"url", "token", "org", "workspace"}


def test_password_is_read_from_standard_input(shell):
    output = shell("login", "--email", "jane@example.com", input=PASSWORD)
    assert output.splitlines()[0].endswith("as Jane Doe <jane@example.com>.")
    assert shell.run("login", input=f"jane@example.com\n{PASSWORD}\n").stderr.startswith("E-mail: ")
    wrong = shell.run("login", "--email", "jane@example.com", input="wrong", code=1)
    assert wrong.stderr == "stellary: the e-mail address or the password is wrong\n"
    silent = shell.run("login", "--email", "jane@example.com", input="", code=1)
    assert silent.stderr == "stellary: no password on the standard input\n"


def test_forgotten_password_gets_the_same_output_for_any_address(shell):
    for email in ("jane@example.com", "nobody@example.com"):
        output = shell("forgot-password", "--email", email)
        assert output == f"If there is an account with the address {email}, a link is on its way to it.\n"


def test_password_prompt_does_not_echo(shell, monkeypatch):
    monkeypatch.setattr("stellary.cli.account.has_terminal", lambda: True)
    result = shell.run("login", "--email", "jane@example.com", input=f"{PASSWORD}\n")
    assert "Password: " in result.stderr
    assert PASSWORD not in result.output


def test_token_works_instead_of_a_password(shell):
    token = shell("tokens", "create", "CI", "--scope", "projects:read", "--days", "3")
    assert token.startswith("synth_")
    assert shell.json("tokens", "create", "All")["scopes"][0] == "projects:read"
    assert {item["name"] for item in shell.json("tokens", "list")} == {"CI", "All"}
    assert "synth_" in shell("tokens", "list")
    assert shell.run("projects", STELLARY_TOKEN=token.strip(), code=0).stdout
    assert shell("tokens", "revoke", "ci") == 'Revoked "CI".\n'
    assert shell("tokens", "revoke", "All") == 'Revoked "All".\n'
    assert shell.error("projects", STELLARY_TOKEN=token.strip()).startswith("401 Unauthorized: ")


def test_token_that_cannot_read_the_account_can_log_in(shell):
    token = shell("tokens", "create", "Little", "--scope", "projects:read")
    output = shell("login", "--token", input=f" {token}")
    assert output.splitlines() == [f"Logged in at {shell.url}.", "Now working in jane-doe/jane-doe."]
    assert "Q1 Launch" in shell("projects")
    shell.run("login", "--email", "jane@example.com", input=PASSWORD)
    shell("tokens", "revoke", "Little")


def test_login_is_not_sent_to_another_server(shell):
    error = shell.error("--url", "http://127.0.0.1:1", "projects")
    assert error == f"you are logged in at {shell.url}; log in at http://127.0.0.1:1 as well"
    assert shell.run("--url", f"{shell.url}/", "projects").stdout


def test_unreachable_server_is_a_one_line_error(shell):
    error = shell.error(
        "projects", STELLARY_URL="http://127.0.0.1:1", STELLARY_TOKEN="x", STELLARY_MAX_RETRIES="0"
    )
    assert error.startswith("no connection to http://127.0.0.1:1: ")
    assert shell.error("--url", "nowhere", "projects", STELLARY_TOKEN="x").startswith(
        "the URL must begin with http"
    )


def test_selection_is_saved_shown_and_overridden(shell):
    assert shell("use") == "Now working in jane-doe/jane-doe/LAUNCH.\n"
    assert shell("use", "jane-doe/jane-doe") == "Now working in jane-doe/jane-doe.\n"
    hint = "select a project with --project KEY, or permanently: stellary use ORG/SLUG/KEY"
    assert shell.error("board") == hint
    assert shell("use", "jane-doe/jane-doe/launch") == "Now working in jane-doe/jane-doe/LAUNCH.\n"
    hint = "PATH must be ORG/SLUG or ORG/SLUG/KEY (see stellary use --help)"
    assert shell.error("use", "acme", code=2) == hint
    assert shell.error("use", "acme/eng").startswith("404 Not Found: ")
    hint = "there is no project \"Lunch\"; did you mean 'LAUNCH' or 'Q1 Launch'?"
    assert shell.error("use", "--project", "Lunch") == hint
    assert shell.error("board", STELLARY_PROJECT="OTHER") == 'there is no project "OTHER"'
    assert shell.run("board", "--project", "q1 launch", STELLARY_PROJECT="OTHER").stdout
    assert shell.error("projects", "--workspace", "acme/eng").startswith("404 Not Found: ")
    assert shell.run("projects", "--workspace", "jane-doe").stdout
    assert shell.error("projects", "--org", "acme").startswith("404 Not Found: ")
    assert shell.run("projects", "--org", "jane-doe", "--workspace", "jane-doe", STELLARY_ORG="acme").stdout


def test_user_with_several_workspaces_has_to_select_one(new_shell, shell):
    shell.run("login", "--email", "jane@example.com", input=PASSWORD)
    from stellary import Stellary

    with Stellary.register(new_shell.url, "rob@example.com", PASSWORD) as client:
        client.organizations.create(name="Acme", slug="acme-rob")
        client.organization("acme-rob").workspaces.create(name="Eng", slug="eng")
    output = new_shell("login", "--email", "rob@example.com", input=PASSWORD)
    assert output.splitlines()[1].startswith("Select a workspace: stellary use ")
    assert new_shell.error("projects") == (
        "select a workspace with --workspace ORG/SLUG, or permanently: stellary use ORG/SLUG"
    )


def test_broken_config_file_is_an_error(new_shell):
    new_shell.config.parent.mkdir()
    new_shell.config.write_text("[")
    message = f"{new_shell.config} cannot be read as JSON; delete it and log in again"
    assert new_shell.error("projects") == message


def test_failed_write_keeps_the_previous_config_file(new_shell, monkeypatch):
    new_shell("register", "--email", "kept@example.com", input=PASSWORD)
    before = new_shell.config.read_bytes()

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("stellary.cli.config.json.dumps", full)
    assert "No space left on device" in new_shell.error("logout")
    assert new_shell.config.read_bytes() == before
    assert list(new_shell.config.parent.iterdir()) == [new_shell.config]


@pytest.mark.parametrize("environment", [{}, {"STELLARY_CONFIG": "/x/y.json"}])
def test_config_file_is_in_the_platform_directory(environment):
    from stellary.cli.config import config_file

    assert config_file(environment).name == ("y.json" if environment else "config.json")
