"""The bridges of the guide: what they post to a chat for recorded messages, and that a failed post is repeated."""

import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.client import RemoteDisconnected
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from stellary.core import DeliveryResult
from tests.journeys.test_examples import EXAMPLES
from tests.journeys.test_webhook_receiver import post
from tests.server.processes import clean_environment
from tests.support.boards import ask, create_board
from tests.support.core_parts import WebhookWorker

TEXTS = {
    "slack_bridge.py": [
        ("text", "*ann* created the card (LAU-1 Fix &lt;b&gt;)"),
        ("text", "*ann* added the comment (LAU-1 Fix &lt;b&gt;)\n> One &amp; two.\n> Three."),
        ("text", "*ann* created the label (bug)"),
    ],
    "matrix_bridge.py": [
        ("body", "ann created the card (LAU-1 Fix <b>)"),
        ("body", "ann added the comment (LAU-1 Fix <b>)\nOne & two.\nThree."),
        ("body", "ann created the label (bug)"),
    ],
    "teams_bridge.py": [
        ("blocks", ["LAU-1 Fix <b>", "ann created the card"]),
        ("blocks", ["LAU-1 Fix <b>", "ann added the comment", "One & two.\nThree."]),
        ("blocks", ["bug", "ann created the label"]),
    ],
}


class Chat(BaseHTTPRequestHandler):
    """A chat that fails at the first post, and records the others."""

    posts: list

    def do_POST(self):
        Chat.posts.append((self.path, json.loads(self.rfile.read(int(self.headers["content-length"])))))
        self.send_response(500 if len(Chat.posts) == 1 else 200)
        self.end_headers()

    do_PUT = do_POST  # noqa: N815 - called by the standard library

    def log_message(self, *_):
        pass


@pytest.fixture
def record_messages(core):
    """Return the secret of a webhook, and its recorded messages: a card, a comment and a label."""
    board, requests = create_board(core), []
    core.env.webhook_sender = lambda request: requests.append(request) or DeliveryResult(200)
    hook = ask(board, "POST", f"{board.flat}/webhooks", {"url": "https://bridge.example.com/"})
    board.comment(board.card("Fix <b>"), "One & two.\nThree.")
    board.label()
    WebhookWorker(core.units, core.claims).run_due()
    return hook["secret"], requests


@contextmanager
def running_bridge(program, secret, chat_url, database):
    """Run a bridge as a program of its own, and yield its port."""
    settings = {"STELLARY_WEBHOOK_SECRET": secret, f"{program.partition('_')[0].upper()}_URL": chat_url}
    process = subprocess.Popen(
        [sys.executable, EXAMPLES / program, "0", database],
        env={**clean_environment(), **settings, "MATRIX_ROOM": "!room:example.com", "MATRIX_TOKEN": "token"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield int(process.stdout.readline().rpartition(" ")[2])
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("program", TEXTS)
def test_bridge_posts_each_message_once(record_messages, tmp_path, program):
    secret, requests = record_messages
    Chat.posts = []
    with HTTPServer(("127.0.0.1", 0), Chat) as chat:
        threading.Thread(target=chat.serve_forever).start()
        url = f"http://127.0.0.1:{chat.server_port}"
        with running_bridge(program, secret, url, tmp_path / "bridge.db") as port:
            with pytest.raises(RemoteDisconnected):
                post(port, requests[0].headers, requests[0].body)
            for request in [*requests, *requests]:
                assert post(port, request.headers, request.body)[0] == 204
            assert post(port, requests[0].headers, b"{}")[0] == 400
        chat.shutdown()
    posts = [body for _, body in Chat.posts[1:]]
    for body in posts if program == "teams_bridge.py" else ():
        body["blocks"] = [block["text"] for block in body["attachments"][0]["content"]["body"]]
    assert [(field, body[field]) for (field, _), body in zip(TEXTS[program], posts, strict=True)] == TEXTS[
        program
    ]
    if program == "matrix_bridge.py":
        assert len({path for path, _ in Chat.posts}) == 3
        assert posts[1]["formatted_body"].endswith("<blockquote>One &amp; two.\nThree.</blockquote>")
