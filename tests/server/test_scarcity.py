"""The server with few file descriptors or little address space."""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.core.test_blobs import bucket  # noqa: F401 - a fixture
from tests.server.processes import run_process
from tests.server.running import read
from tests.support.forms import FORM, form

ADDRESS_SPACE = 400 << 20
STORE_AWAY = "the file store is not available; try again"


@contextmanager
def exhaust_descriptors(pid: int) -> Iterator[None]:
    """Prevent a process from opening files until the block ends."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = open_descriptors(pid)
    # Wait until recently closed connections are gone.
    while time.sleep(0.2) or used != (now := open_descriptors(pid)):
        used = now
    free = next(number for number in range(4096) if number not in used)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (free, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def open_descriptors(pid: int) -> set[int]:
    return {int(path.name) for path in Path(f"/proc/{pid}/fd").iterdir()}


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_uploads_recover_after_descriptors_run_out(tmp_path, request: pytest.FixtureRequest, kind: str):
    environment = {}
    if kind == "bucket":
        environment = {**request.getfixturevalue("bucket"), "STELLARY_BLOBS_URL": "s3://files/scarcity"}
    with run_process(tmp_path, environment=environment) as server:
        token = server.register()
        path = f"{server.create_card(token)}/attachments"
        connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
        headers = {"authorization": f"Bearer {token}", "content-type": FORM}
        connection.request("GET", "/health/live")
        assert read(connection.getresponse()).status == 200
        with exhaust_descriptors(server.pid):
            connection.request("POST", path, form(b"data"), headers)
            refused = read(connection.getresponse())
            assert (refused.status, refused.json["code"]) == (503, "unavailable"), server.log.read_text()
            connection.request("GET", "/health/ready")
            ready = read(connection.getresponse())
            assert (ready.status, ready.json["message"]) == (503, STORE_AWAY)
        connection.close()
        assert server.ask("POST", path, form(b"data"), token, content_type=FORM).status == 201
        while (ready := server.ask("GET", "/health/ready")).status != 200:
            assert ready.json["code"] == "not_ready"
        (attachment,) = server.ask("GET", path, token=token).json
        assert server.ask("GET", f"{path}/{attachment['id']}", token=token).body == b"data"


def test_server_works_with_little_address_space(tmp_path):
    with run_process(tmp_path, address_space=ADDRESS_SPACE) as server:
        token = server.register()
        path = f"{server.create_card(token)}/attachments"
        assert server.ask("POST", path, form(b"x" * 1_000_000), token, content_type=FORM).status == 201
        assert server.ask("GET", "/health/ready").status == 200
