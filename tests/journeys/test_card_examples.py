"""The examples of the guides run in process, on both databases."""

import asyncio
from pathlib import Path

import pytest

from stellary import AsyncStellary, Stellary, Unauthenticated
from stellary.core import Core, Email
from tests.journeys.test_examples import example
from tests.support.authenticator import show_code
from tests.support.core_parts import Identity, link_identity, sign_in
from tests.support.world import links


def test_custom_fields(client: Stellary):
    (card,) = example("custom_fields").custom_fields(client, "acme", "eng")
    assert card.title == "Invoices go out twice"
    assert list(card.custom_fields.values()) == ["critical", ["mail", "web"], "2026-04-01"]


def test_repeating(client: Stellary, core: Core):
    assert example("repeating").repeat_work(client, "acme", "eng") == [
        "every Monday at 09:00",
        "every month on the last weekday",
        "every month on the 1st day",
        "Weekly report later",
        "recurs: None",
        "Archive what was done a week ago",
        "Onboarding of Joe: 2 steps",
        "Next sprint: 5 cards",
        "Retrospective of May",
        "Operations of Acme: 4 columns",
    ]


def test_relations(client: Stellary, capsys: pytest.CaptureFixture[str]):
    lines = example("relations").relations(client, "acme", "eng")
    assert lines == ["PAY-3 child_of PAY-1", "PAY-3 blocked_by PAY-2"]
    assert capsys.readouterr().out == "relation_cycle\n"


def test_trash(client: Stellary, capsys: pytest.CaptureFixture[str]):
    assert example("trash").restore_deleted(client, "acme", "eng") == ["Pay by card"]
    item, count, conflict = capsys.readouterr().out.splitlines()
    assert item.startswith("PAY-1 Pay by card ")
    assert count == "1"
    assert conflict == "duplicate_name"


def test_restoring_a_workspace(client: Stellary):
    assert example("trash").restore_workspace(client, "acme") == "research-2"


def test_scopes(client: Stellary, capsys: pytest.CaptureFixture[str]):
    assert example("scopes").scopes(client, "acme", "eng") == ["Web shop: 33 % of 3 cards, 0 overdue"]
    stats, *days, code = capsys.readouterr().out.splitlines()
    assert stats == "StatusCounts(open=1, in_progress=0, done=1) 1 1"
    assert days == ["2027-04-01 ['Logo']", "2027-04-09 ['Colours']"]
    assert code == "default_scope"


def test_search(client: Stellary):
    lines = example("search").search(client, "acme", "eng")
    assert lines == ["card ML-1: Land in the Sea of Tranquility", "comment ML-2: Pack"]


def test_team(client: Stellary, core: Core):
    guest = Stellary.embedded(core.port(core.user(external_id="joe", email="joe@example.com")))
    lines = example("team").team(
        client, guest, "acme", "eng", lambda token: Stellary.embedded(core.port(), token=token)
    )
    assert lines == [
        "guest of Website",
        "2 members",
        "1 projects",
        "0 webhooks to check",
        "the workspace is no longer visible, not even with the token",
        "the token is revoked",
    ]


def test_sessions(core: Core):
    with Stellary.embedded(core.port()) as client:
        client.auth.register(email="ann@example.com", password="correct horse")

        def connect(token: str) -> Stellary:
            return Stellary.embedded(core.port(), token=token)

        arguments = (client, "ann@example.com", "correct horse", connect)
        assert [example("team").end_other_sessions(*arguments) for _ in range(2)] == [1, 0]


def test_second_factor(core: Core):
    with Stellary.embedded(core.port()) as visitor:
        login = visitor.auth.register(email="ann@example.com", password="correct horse")
    client = Stellary.embedded(core.port(), token=login.access_token)

    def read_code(secret: str) -> str:
        return show_code(secret, core.env.clock())

    assert example("team").protect_logins(client, "ann@example.com", "correct horse", read_code) == 9


def test_change_and_deletion_of_an_account(core: Core):
    emails: list[Email] = []
    core.env.mailer = emails.append
    with Stellary.embedded(core.port()) as visitor:
        login = visitor.auth.register(email="ann@example.com", password="correct horse")
    client = Stellary.embedded(core.port(), token=login.access_token)

    def read_token() -> str:
        core.work.run_due()
        (link,) = set(links(emails[-1]))
        return link.rpartition("/")[2]

    assert example("team").change_address(client, "correct horse", "ann@example.org", read_token)
    example("team").delete_account(client, "correct horse")
    with pytest.raises(Unauthenticated):
        client.auth.me()


def test_identities(core: Core):
    with Stellary.embedded(core.port()) as visitor:
        login = visitor.auth.register(email="ann@example.com", password="correct horse")
    for issuer in ("https://old.example.com", "https://login.example.com"):
        identity = Identity(issuer=issuer, subject="7", email="ann@example.com", name="Ann")
        link_identity(core.units, identity, login.user.id)
    client = Stellary.embedded(core.port(), token=login.access_token)
    assert example("team").unlink_identities(client, "https://old.example.com") == 1


def test_deletion_of_an_account_without_password(core: Core):
    emails: list[Email] = []
    core.env.mailer = emails.append
    identity = Identity(issuer="https://login.example.com", subject="7", email="ann@example.com", name="Ann")
    client = Stellary.embedded(core.port(), token=sign_in(core.units, identity, "Laptop") or "")

    def read_token() -> str:
        (link,) = set(links(emails[-1]))
        return link.rpartition("/")[2]

    example("team").delete_account_without_password(client, read_token)
    with pytest.raises(Unauthenticated):
        client.auth.me()


def test_events(client: Stellary, core: Core):
    assert example("events").follow(client, "acme", "eng") == [
        "jane: card_created LAU-1",
        "jane: card_moved LAU-1",
        "missed while disconnected: card_archived",
    ]
    awaiting = AsyncStellary.embedded(core.port(core.user(external_id="jane", email="jane@example.com")))
    assert asyncio.run(example("events").first_of(awaiting, "acme", "eng", "card_moved"))


def test_showing(client: Stellary, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    title, kind, days = example("showing").showing(client, "acme", "eng", tmp_path)
    assert (title, kind) == ("20 cards", "Calendar")
    assert int(days.split()[0]) % 7 == 0
    output = capsys.readouterr()
    assert "cards: 100%" in output.err
    assert all(text in output.out for text in ("+ 97 more", "Cockpit", "Answer question 20"))
    assert (tmp_path / "board.html").read_text().startswith("<!DOCTYPE html>")


def test_importers(client: Stellary, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert example("importers").importers(client, "acme", "eng", tmp_path) == [
        "WR: Website relaunch, 2 cards",
        "OOOR: octo-org/octo-repo, 1 cards",
        "2 comment: the list contains no comments: pass `comments` (issue 4)",
        "1 people: the file does not have 'octocat' (octocat)",
    ]
    warning = "1 attachment: the export has no files; a comment has the link (card 'Write the copy')\n"
    assert capsys.readouterr().out == warning


def test_project_setup(client: Stellary, capsys: pytest.CaptureFixture[str]):
    assert example("project_setup").set_up(client, "acme", "eng") == [
        '~ label "Defect"',
        '~ column "Product / Doing"',
        '+ column "Product / Review" after "To do"',
        '> card "Build it"',
    ]
    out = capsys.readouterr().out
    assert out.startswith('Project "Q1 Launch": 17 to create\n  + project "Q1 Launch"\n')
    assert "\ndone: card Announce it\n" in out
    assert '\n- label "Risk"\nthe project has changed since this plan was made; plan again\n' in out
    assert "\ncards[0].labels[0]: the label \"Bgu\" is not declared; did you mean 'Bug'?\nproject:\n" in out
    assert "\n- title: Write the spec\n" in out


def test_projects(client: Stellary, capsys: pytest.CaptureFixture[str]):
    assert example("projects").projects(client, "acme", "eng") == ["Q1 Launch"]
    *templates, keys, code, members, message, admins = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in templates] == ["simple", "development", "agency"]
    assert (keys, code, members, admins) == ("QL QL-1", "duplicate_key", *["['jane@example.com']"] * 2)
    assert message


def test_cards(client: Stellary, capsys: pytest.CaptureFixture[str]):
    assert example("cards").cards(client, "acme", "eng") == ["Ask the users", "Write the specification"]
    unknown, *columns, page, last, changed, moved, transferred = capsys.readouterr().out.splitlines()
    assert "cards[1].id" in unknown
    assert columns == [
        "To Do ['Ask the users']",
        "In Progress ['Write the spec', 'Draw the screens']",
        "Done []",
    ]
    assert (page, last) == ("['QL-1', 'QL-2'] True", "['QL-3'] False")
    assert changed == "changed by another user: Write the specification"
    assert (moved, transferred) == ("OPS-1 [DroppedReference(kind='estimate', name='hours')]", "Someday 1")


def test_history(client: Stellary, capsys: pytest.CaptureFixture[str]):
    changes = example("history").history(client, "acme", "eng")
    assert changes == ["title: Write the spec → Write the manual", "priority: None → high"]
    assert (
        'changed_since the card has been changed since: title is now "Write both"' in capsys.readouterr().out
    )


def test_history_of_settings(client: Stellary, capsys: pytest.CaptureFixture[str]):
    types = example("history").list_settings(client, "acme", "eng")
    assert types[:3] == ["project_deleted", "project_created", "workspace_updated"]
    assert "deleted Draft" in capsys.readouterr().out


def test_notifications(client: Stellary, core: Core, capsys: pytest.CaptureFixture[str]):
    rob = Stellary.embedded(core.port(core.user(external_id="rob", email="rob@example.com", name="Rob")))
    invitation = client.workspace("acme", "eng").members.invite(email="rob@example.com", role="member")
    rob.invitations.accept(invitation.token)
    types = example("notifications").notifications(client, rob, "acme", "eng")
    assert types == ["card_moved", "comment_added", "card_created"]
    assert "\n3\n" in capsys.readouterr().out


def test_automations(client: Stellary):
    assert example("automations").automations(client, "acme", "eng") == [
        "Start urgent cards: task_created of SUP-1, success",
        "Plan started cards: task_moved of SUP-1, skipped",
        "Plan started cards: task_moved of SUP-1, success",
        "Complete finished cards: checklist_complete of SUP-1, success",
    ]


def test_wizard(client: Stellary, capsys: pytest.CaptureFixture[str]):
    assert example("wizard").wizard(client, "acme", "eng") == [
        "framing: ready to 78 of 100",
        "refinement: ready to 95 of 100",
        "day 0 to 20: Design",
        "day 21 to 76: Build",
        "day 77 to 148: Launch",
        "OB: 5 columns, 6 cards",
    ]
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith(
        "These look like the phases. Which are? (multi_choice) ['Design', 'Build', 'Launch', "
    )
    assert out[2] == "The brief asks: “Which text message provider do we use?” (text) "
    assert out[-1] == "draft_executed"


@pytest.mark.slow("lets two agents work")
@pytest.mark.usefixtures("working")
def test_agents(client: Stellary, core: Core):
    module = example("agents")
    assert module.split_and_move(client, "acme", "eng") == ["write the notes", "build", "publish"]
    notices = [item for item in client.notifications.list() if item.activity.type == "notice_given"]
    assert "the release is planned" in [item.activity.meta["message"] for item in notices]
    ws = client.workspace("acme", "eng")
    ws.agents.delete(ws.agents.list()[0])
    log = module.run_supervised_agent(client, "acme", "eng")
    assert log[:4] == ["1 status", "2 status", "3 step", "4 message"]
    assert [entry.split()[1] for entry in log[-3:]] == ["step", "status", "done"]
    ws = client.workspace("acme", "eng")
    (agent,) = ws.agents.list()
    ws.agents.update(agent, tools=["board.read", "board.write"])
    token = ws.agents(agent).tokens.create(name="laptop").token
    (project,) = [project for project in ws.projects.list() if project.name == "Web shop"]

    as_agent = Stellary.embedded(core.port(core.authenticate(token)))
    proposed = module.propose_with_token(client, as_agent, "acme", "eng", project.id)
    assert proposed == "Print and send the invoices"
