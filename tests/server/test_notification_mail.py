"""Notifications by e-mail: the messages that arrive, and the link that ends them."""

from datetime import timedelta
from email import message_from_bytes, policy

import pytest

from reference_server.mail import MailChannel, sending_in_thread
from stellary.core import Core
from tests.server.running import running
from tests.support.boards import Board
from tests.support.server_parts import Settings, SmtpServer
from tests.support.world import StoppedClock, World

FORM = {"content_type": "application/x-www-form-urlencoded"}


@pytest.fixture
def box(mailbox):
    return mailbox[0]


@pytest.fixture
def board(sqlite_url, mailbox):
    """Yield a board with a member, bob, of a core that sends e-mails to the mailbox."""
    settings = Settings(smtp=SmtpServer("127.0.0.1", mailbox[1]), mail_from="stellary@example.com")
    with sending_in_thread(settings) as mailer:
        core = Core(sqlite_url, clock=StoppedClock(), channels=[MailChannel(mailer)], mailer=mailer)
        core.migrate()
        world = World(core)
        ann, bob = world.people("ann bob")
        board = Board(world, ann)
        board.join(bob)
        board.bob = bob
        core.work.begin()
        yield board
        core.close()


def send_due(board, minutes=6):
    board.world.core.work.run_due()
    board.world.core.env.clock.now += timedelta(minutes=minutes)
    board.world.core.work.run_due()


def read_all(box):
    return [message_from_bytes(envelope.content, policy=policy.default) for envelope in box.emails]


def test_messages_of_a_card_are_a_thread_with_both_texts(board, box):
    card = board.card("Prüfen", assigneeId=board.bob.id)
    send_due(board)
    board.comment(card, "@bob, look")
    send_due(board)
    first, second = read_all(box)
    assert [message["To"] for message in (first, second)] == [board.bob.email] * 2
    assert first["Subject"] == f"{card['key']} Prüfen (Launch)"
    thread = f"<card-{card['id']}@example.com>"
    headers = ("In-Reply-To", "References", "List-Id", "Reply-To", "List-Unsubscribe-Post")
    for message in (first, second):
        assert [message[name] for name in headers] == [
            thread,
            thread,
            "<notifications.example.com>",
            "no-reply@example.com",
            "List-Unsubscribe=One-Click",
        ]
    assert first["Message-ID"] != second["Message-ID"]
    assert "ann assigned the card to you" in first.get_body("plain").get_content()
    assert f"<h3>{card['key']} Prüfen</h3>" in first.get_body("html").get_content()


def test_message_that_arrived_twice_has_one_id(board, box):
    box.answers = ["451 later", "250 OK"]
    board.card(assigneeId=board.bob.id)
    send_due(board)
    assert box.emails == []
    send_due(board, 1)
    assert len(box.emails) == 1


def test_rejected_message_is_logged_and_not_repeated(board, box, caplog):
    box.answers = ["554 no such mailbox"]
    board.card(assigneeId=board.bob.id)
    send_due(board)
    send_due(board, 60)
    assert len(box.sessions) == 1
    assert f"an email to {board.bob.email} could not be sent" in caplog.text


@pytest.mark.parametrize("content_type", [FORM["content_type"], "multipart/form-data; boundary=x"])
def test_mail_program_ends_notifications_without_a_login(board, box, content_type):
    board.card(assigneeId=board.bob.id)
    send_due(board)
    link = read_all(box)[0]["List-Unsubscribe"].strip("<>")
    path = link[link.index("/unsubscribe/") :]
    with running(board.world.core) as server:
        page = server.ask("GET", path)
        assert (page.status, b"Unsubscribe" in page.body) == (200, True)
        assert (
            ask_bob(board, "GET", "/notifications/preferences")["channels"]["mail"]["mention"] == "immediate"
        )
        forged = path[:-1] + ("0" if path[-1] != "0" else "1")
        for address in (forged, path.replace("-6d61696c-", "-666178-"), "/unsubscribe/x"):
            assert server.ask("GET", address).status == 404
            assert server.ask("POST", address, b"", **FORM).status == 404
        reply = server.ask("POST", path, b"List-Unsubscribe=One-Click", content_type=content_type)
        assert (reply.status, b"no more notifications" in reply.body) == (200, True)
    assert set(ask_bob(board, "GET", "/notifications/preferences")["channels"]["mail"].values()) == {"never"}
    # The list in the API goes on.
    assert len(ask_bob(board, "GET", "/notifications")) == 1


def ask_bob(board, method, path):
    return board.world.ask(board.bob, method, path)
