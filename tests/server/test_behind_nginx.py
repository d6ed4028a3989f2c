"""The nginx configuration of the guide in front of two processes: streams, large bodies, client addresses, and a crash."""

import itertools
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path

import attrs
import pytest

from stellary import Stellary
from stellary.core import Core
from tests.journeys.test_examples import EXAMPLES
from tests.server.processes import children_of, run_process
from tests.server.running import Reachable, running
from tests.server.test_streams import Listening
from tests.support.colours import create_workspace
from tests.support.core_parts import NO_LIMITS
from tests.support.forms import FORM, form
from tests.support.ports import free_port, listens
from tests.support.server_parts import Settings
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.slow("starts a process"),
    pytest.mark.skipif(
        shutil.which("nginx") is None, reason="nginx is not installed: python3 dev.py services installs it"
    ),
]
NGINX_CONFIGURATION = (
    "daemon off; pid {0}/pid; error_log {0}/errors warn; {1} events {{}} http {{ access_log off; {2}\n{3} }}"
)
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@attrs.frozen
class Front(Reachable):
    """A running nginx.

    Attributes:
        server: The server behind it.
    """

    port: int
    server: Reachable


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
        with run_process(folder, "--workers", "2", environment=environment) as server:
            port = free_port()
            front = Front(port, server)
            with nginx_before(folder, port, server.port):
                wait_until(lambda: is_up(front))
                yield front


@contextmanager
def nginx_before(folder: Path, port: int, *behind: int) -> Iterator[None]:
    """Run nginx in front of servers on these ports until the block ends."""
    with run_nginx(folder, port, configuration(port, *behind)):
        yield


@contextmanager
def run_nginx(folder: Path, port: int, servers: str) -> Iterator[None]:
    """Run nginx with the configuration of its servers, one of which listens on a port, until the block ends."""
    conf = folder / "nginx.conf"
    account = "user root;" if os.geteuid() == 0 else ""
    paths = " ".join(f"{name}_temp_path {folder}/{name};" for name in TEMPORARY)
    conf.write_text(NGINX_CONFIGURATION.format(folder, account, paths, servers))
    with subprocess.Popen(["nginx", "-p", folder, "-e", "stderr", "-c", conf]) as nginx:
        try:
            wait_until(lambda: nginx.poll() is not None or listens(port))
            assert nginx.poll() is None
            yield
        finally:
            nginx.terminate()


def is_up(front: Front) -> bool:
    try:
        return front.ask("GET", "/health/ready").status == 200
    except OSError:
        return False


def configuration(port: int, *behind: int) -> str:
    """Return the configuration of the guide with the port of the test, its servers, and no certificate."""
    configuration = (EXAMPLES / "nginx.conf").read_text()
    configuration, certificates = re.subn(r"\n *ssl_certificate.*", "", configuration)
    assert certificates == 2
    assert configuration.count("127.0.0.1:3001 ") == 4
    ports = itertools.cycle(behind)
    configuration = re.sub("127.0.0.1:3001 ", lambda _: f"127.0.0.1:{next(ports)} ", configuration)
    assert "listen 443 ssl;" in configuration
    return configuration.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")


def test_stream_delivers_events_immediately(front: Front):
    with Stellary.register(front.url, "ann@example.com", "correct horse") as client:
        ws = create_workspace(client)
        login = client.auth.login(email="ann@example.com", password="correct horse")
        listening = Listening(front.port, "/orgs/acme/workspaces/eng/events", login.access_token)
        for number in range(3):
            ws.projects.create(name=f"Launch {number}")
            event = listening.event()
            assert (event["type"], event["meta"]["project"]) == ("project_created", f"Launch {number}")
        listening.close()


def test_largest_bodies_pass_and_the_server_rejects_larger_ones(front: Front, tmp_path: Path):
    with Stellary.register(front.url, "bob@example.com", "correct horse") as client:
        client.organizations.create(name="Bob", slug="builders")
        client.organization("builders").workspaces.create(name="Engineering", slug="eng")
        ws = client.workspace("builders", "eng")
        board = ws.project(ws.projects.create(name="Launch"))
        card = board.card(board.column(board.columns.list()[0]).cards.create(title="Files"))
        data = os.urandom(10 * 1024 * 1024)
        assert card.attachments.download(card.attachments.upload(data, name="largest.bin")) == data
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
    def send_bad_token(address: str) -> int:
        return front.ask("GET", "/auth/me", token="nonsense", x_forwarded_for=address).status

    # nginx appends the address that it sees; the server ignores the address that the client claims.
    assert [send_bad_token(f"198.51.100.{number}") for number in range(3)] == [401] * 3
    wait_until(lambda: send_bad_token("198.51.100.9") == 429)


def test_metrics_are_not_public(front: Front):
    assert front.ask("GET", "/metrics").status == 403
    assert front.server.ask("GET", "/metrics").status == 200


def test_request_id_comes_from_nginx(front: Front):
    assert re.fullmatch("[0-9a-f]{32}", front.ask("GET", "/health/live").headers["x-request-id"])


def test_reads_succeed_when_one_process_dies(front: Front):
    os.kill(children_of(front.server.pid)[0], signal.SIGKILL)
    assert [front.ask("GET", "/health/live").status for _ in range(20)] == [200] * 20


class SignInProxy(BaseHTTPRequestHandler):
    """A stand-in for oauth2-proxy: a cookie contains the address of the user who has signed in."""

    def do_GET(self) -> None:
        email = self.headers.get("cookie", "").removeprefix("user=")
        self.send_response(403 if self.path == "/oauth2/sign_in" else 202 if email else 401)
        self.send_header("X-Auth-Request-Email", email)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *parts: object) -> None:
        """Log nothing."""


def test_user_who_signs_in_to_the_proxy_is_signed_in(tmp_path: Path, sqlite_core: Core):
    settings = Settings(
        limits=NO_LIMITS, trusted_proxies=(ip_network("127.0.0.1"),), user_header="x-forwarded-email"
    )
    with (
        running(sqlite_core, settings) as server,
        ThreadingHTTPServer(("127.0.0.1", 0), SignInProxy) as sign_in,
    ):
        threading.Thread(target=sign_in.serve_forever, daemon=True).start()
        port = free_port()
        servers = (EXAMPLES / "nginx-sso.conf").read_text()
        assert (servers.count("127.0.0.1:3001"), servers.count("127.0.0.1:4180")) == (2, 2)
        servers = servers.replace("127.0.0.1:3001", f"127.0.0.1:{server.port}")
        servers = servers.replace("127.0.0.1:4180", f"127.0.0.1:{sign_in.server_port}")
        with run_nginx(tmp_path, port, servers.replace("listen 80;", f"listen 127.0.0.1:{port};")):
            front = Front(port, server)
            assert front.ask("GET", "/auth/me").status == 403
            # nginx replaces the header that a client sends.
            forged = front.ask(
                "GET", "/auth/me", cookie="user=ann@example.com", x_forwarded_email="eve@example.com"
            )
            assert forged.json["user"]["email"] == "ann@example.com"
            bearer = server.register("bob")
            assert front.ask("GET", "/auth/me", token=bearer).json["user"]["email"] == "bob@example.com"
            assert (
                front.ask("GET", "/auth/me", token="wrong", x_forwarded_email="eve@example.com").status == 401
            )
        sign_in.shutdown()
