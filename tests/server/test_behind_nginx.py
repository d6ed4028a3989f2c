"""The configuration of nginx that the guide prints, before two processes: streams, large bodies, addresses, and one that dies."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest

from stellary import Stellary
from tests.journeys.test_examples import EXAMPLES
from tests.server.processes import Process, children_of, started
from tests.server.running import Reachable
from tests.server.test_streams import Listening
from tests.server.test_workers import until
from tests.support.forms import FORM, form

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("nginx") is None, reason="nginx is not installed: python3 dev.py services installs it"
    ),
]
ROOM = (
    "daemon off; pid {0}/pid; error_log {0}/errors warn; {1} events {{}} http {{ access_log off; {2}\n{3} }}"
)
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@attrs.frozen
class Front(Reachable):
    """An nginx.

    Attributes:
        server: What stands behind it.
    """

    port: int
    server: Process


@pytest.fixture(scope="module")
def front(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    from tests.conftest import RUN
    from tests.support.databases import Postgres

    folder = tmp_path_factory.mktemp("nginx")
    with Postgres(request.config.stash[RUN]).database() as url:
        environment = {
            "STELLARY_DATABASE_URL": url,
            "STELLARY_TRUSTED_PROXIES": "127.0.0.1",
            "STELLARY_LIMITS": "on",
            "STELLARY_LIMIT_BAD_TOKENS": "3 per hour",
        }
        with started(folder, "--workers", "2", environment=environment) as server:
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            front = Front(port, server)
            with nginx_before(folder, port, server.port):
                until(lambda: is_up(front))
                yield front


@contextmanager
def nginx_before(folder: Path, port: int, *behind: int) -> Iterator[None]:
    """An nginx before servers on these ports."""
    conf = folder / "nginx.conf"
    conf.write_text(configuration(folder, port, *behind))
    with subprocess.Popen(["nginx", "-p", folder, "-e", "stderr", "-c", conf]) as nginx:
        try:
            until(lambda: nginx.poll() is not None or listens(port))
            assert nginx.poll() is None
            yield
        finally:
            nginx.terminate()


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def is_up(front: Front) -> bool:
    try:
        return front.ask("GET", "/health/ready").status == 200
    except OSError:
        return False


def configuration(folder: Path, port: int, *behind: int) -> str:
    """The guide's, but for what belongs to the host: the port, the certificate, where the servers are."""
    said = (EXAMPLES / "nginx.conf").read_text()
    said, certificates = re.subn(r"\n *ssl_certificate.*", "", said)
    assert certificates == 2
    assert said.count("127.0.0.1:3001 ") == 4
    ports = itertools.cycle(behind)
    said = re.sub("127.0.0.1:3001 ", lambda _: f"127.0.0.1:{next(ports)} ", said)
    assert "listen 443 ssl;" in said
    said = said.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    account = "user root;" if os.geteuid() == 0 else ""
    paths = " ".join(f"{name}_temp_path {folder}/{name};" for name in TEMPORARY)
    return ROOM.format(folder, account, paths, said)


def test_a_client_is_told_what_happens_at_once(front: Front):
    with Stellary.register(front.url, "ann@example.com", "correct horse") as client:
        client.organizations.create(name="Acme", slug="acme")
        client.organization("acme").workspaces.create(name="Engineering", slug="eng")
        ws = client.workspace("acme", "eng")
        login = client.auth.login(email="ann@example.com", password="correct horse")
        listening = Listening(front.port, "/orgs/acme/workspaces/eng/events", login.access_token)
        for number in range(3):
            begun = time.monotonic()
            ws.projects.create(name=f"Launch {number}")
            told = listening.event()
            assert (told["type"], told["meta"]["project"]) == ("project_created", f"Launch {number}")
            assert time.monotonic() - begun < 5
        listening.connection.close()


def test_the_largest_bodies_pass_and_what_is_too_large_is_told_by_the_server(front: Front, tmp_path: Path):
    with Stellary.register(front.url, "bob@example.com", "correct horse") as client:
        client.organizations.create(name="Bob", slug="builders")
        client.organization("builders").workspaces.create(name="Engineering", slug="eng")
        ws = client.workspace("builders", "eng")
        board = ws.project(ws.projects.create(name="Launch"))
        card = board.card(board.column(board.columns.list()[0]).cards.create(title="Files"))
        data = os.urandom(10 * 1024 * 1024)
        made = card.attachments.upload(data, name="largest.bin")
        assert card.attachments.download(made) == data
        again = ws.projects.import_archive(board.export_archive(tmp_path / "launch.zip"))
        assert ws.project(again).cards.list()[0].attachment_count == 1
        token = client.auth.login(email="bob@example.com", password="correct horse").access_token
        large = b'{"project":{"name":"x"},"x":"%b"}' % (b"x" * ((32 << 20) - 40))
        path = "/orgs/builders/workspaces/eng/projects/import"
        assert front.ask("POST", path, large, token).status == 201
        refused = front.ask("POST", path, large + b" " * 100, token)
        assert (refused.status, refused.json["statusCode"]) == (413, 413)
        file = form(data + b"x")
        attachments = (
            f"/orgs/builders/workspaces/eng/projects/{board.get().id}/cards/{card.get().id}/attachments"
        )
        assert front.ask("POST", attachments, file, token, content_type=FORM).json["statusCode"] == 413


def test_limits_count_clients_and_not_the_proxy(front: Front):
    def tried(address: str) -> int:
        return front.ask("GET", "/auth/me", token="nonsense", x_forwarded_for=address).status

    # What a client says of itself stands before what nginx has seen, and is not believed.
    assert [tried(f"198.51.100.{number}") for number in range(3)] == [401] * 3
    until(lambda: tried("198.51.100.9") == 429)


def test_metrics_are_kept_from_the_world(front: Front):
    assert front.ask("GET", "/metrics").status == 403
    assert front.server.ask("GET", "/metrics").status == 200


def test_a_request_id_is_nginxs(front: Front):
    assert re.fullmatch("[0-9a-f]{32}", front.ask("GET", "/health/live").headers["x-request-id"])


def test_one_process_that_dies_is_not_noticed_by_those_who_read(front: Front):
    os.kill(children_of(front.server.pid)[0], signal.SIGKILL)
    assert [front.ask("GET", "/health/live").status for _ in range(20)] == [200] * 20
