"""Logs: one line per response, without secrets."""

import io
import logging
import subprocess
import sys
import threading
from pathlib import Path

import attrs
import jwt
import orjson
import pytest

from reference_server import log
from reference_server.log import configure
from stellary.contract.endpoints import ENDPOINTS
from stellary.core.http.observers import PATH_MAX, logged_path
from tests.server.running import Running
from tests.support.core_parts import AccessEntry

BY_OPERATION = {endpoint.operation: endpoint for endpoint in ENDPOINTS}
ENTRY = AccessEntry("GET", "/x", 200, 1.5, "req_1", None, "1.2.3.4")


@pytest.fixture
def restore_logging():
    """Restore the logging configuration of this process."""
    root = logging.getLogger()
    before = root.handlers, root.level
    yield
    root.handlers, root.level = before


def read_lines(stream: io.BytesIO) -> list[dict]:
    return [orjson.loads(line) for line in stream.getvalue().splitlines()]


def test_response_is_logged_with_its_user_and_duration(sqlite_server: Running):
    token = sqlite_server.register()
    user = sqlite_server.ask("GET", "/auth/me", token=token, x_request_id="abc").json["user"]
    entry = sqlite_server.entries[-1]
    assert entry.ms > 0
    login_id = jwt.decode(token, options={"verify_signature": False})["jti"]
    assert entry == AccessEntry("GET", "/auth/me", 200, entry.ms, "abc", user["id"], "127.0.0.1", login_id)


def test_id_of_an_api_token_is_logged_without_the_token(sqlite_server: Running):
    token = sqlite_server.ask("POST", "/api-tokens", {"name": "CI"}, sqlite_server.register()).json
    (secret,) = (text for text in token.values() if isinstance(text, str) and len(text) > 40)
    assert sqlite_server.ask("GET", "/auth/me", token=secret).status == 200
    assert sqlite_server.entries[-1].token_id == token["id"]
    assert sqlite_server.ask("GET", "/auth/me", token="nonsense").status == 401
    assert sqlite_server.entries[-1].token_id is None
    assert secret[10:] not in repr(sqlite_server.entries)


def test_query_headers_and_bodies_are_not_logged(sqlite_server: Running):
    sqlite_server.register("ann", "correct horse")
    sqlite_server.ask("GET", "/auth/me?token=hidden1&q=hidden2", token="hidden3")
    sqlite_server.ask("POST", "/auth/login", {"email": "hidden4", "password": "hidden5"})
    sqlite_server.ask("GET", "/nowhere?hidden6")
    entries = repr(sqlite_server.entries)
    assert len(sqlite_server.entries) == 4
    assert "hidden" not in entries
    assert "horse" not in entries
    assert "eyJ" not in entries


@pytest.mark.parametrize(
    ("operation", "path", "logged"),
    [
        ("invitations.accept", "/invitations/s3cret/accept", "/invitations/:token/accept"),
        ("invitations.accept", "/%69nvitations/s3cret/accept", "/invitations/:token/accept"),
        ("auth.me", "/auth/me", "/auth/me"),
        (None, "/nowhere", "/nowhere"),
        (None, "/invitations/s3cret/accepted", "/invitations/***"),
        (None, "/%69nvitations/s3cret", "/invitations/***"),
        (None, "/synth_abc/x", "/***/x"),
        (None, "/x/eyJhbGciOi.eyJzdWIi.abc", "/x/***"),
        (None, "/token=abcdefgh", "/token=***"),
        (None, "/" + "a" * 1000, "/" + "a" * (PATH_MAX - 1)),
    ],
)
def test_secrets_in_a_path_are_not_logged(operation: str | None, path: str, logged: str):
    assert logged_path(path, BY_OPERATION[operation] if operation else None) == logged


def test_log_lines_are_json(restore_logging):
    stream = io.BytesIO()
    process_log = configure("json", stream)
    process_log.write_access(ENTRY)
    logging.getLogger("stellary.core").warning("it is %s", "late")
    try:
        raise ValueError("no")
    except ValueError:
        logging.getLogger("stellary.core").exception("failed")
    logging.getLogger("stellary.core").warning("half a pair: %s", "\ud800")
    logging.getLogger("other").info("not told")
    process_log.close()
    access, warning, error, pair = read_lines(stream)
    assert access.pop("timestamp").endswith("Z")
    assert access == {
        "event": "request",
        "level": "info",
        "method": "GET",
        "path": "/x",
        "status": 200,
        "ms": 1.5,
        "request_id": "req_1",
        "user_id": None,
        "token_id": None,
        "client": "1.2.3.4",
    }
    assert (warning["event"], warning["level"]) == ("it is late", "warning")
    assert warning["logger"] == "stellary.core"
    assert error["exception"].endswith("ValueError: no")
    assert pair["event"] == "half a pair: ?"


def test_terminal_gets_readable_lines(restore_logging):
    stream = io.BytesIO()
    process_log = configure("console", stream)
    process_log.write_access(ENTRY)
    logging.getLogger("stellary.core").warning("it is late")
    process_log.close()
    access, warning = stream.getvalue().decode().splitlines()
    assert access.endswith("INFO     stellary.access: GET /x 200 1.5 ms req_1 1.2.3.4")
    assert warning.endswith("WARNING  stellary.core: it is late")


def test_arguments_of_a_record_may_change_after_it_was_logged(restore_logging):
    stream = io.BytesIO()
    process_log = configure("json", stream)
    statuses = ["waiting"]
    logging.getLogger("stellary.core").warning("it is %s", statuses)
    statuses[0] = "changed"
    process_log.close()
    assert read_lines(stream)[0]["event"] == "it is ['waiting']"


def test_records_after_the_end_of_the_log_are_not_lost(restore_logging, capsys):
    configure("json", io.BytesIO()).close()
    logging.getLogger("stellary.core").warning("too late")
    assert capsys.readouterr().err == "too late\n"


class Stalled(io.RawIOBase):
    """A stream whose reader has stopped, and reads as many lines as the test allows."""

    def __init__(self) -> None:
        self.begun_writes, self.read_lines = threading.Semaphore(0), threading.Semaphore(0)
        self.written = b""

    def write(self, data: bytes) -> int:
        self.begun_writes.release()
        assert self.read_lines.acquire(timeout=20)
        self.written += data
        return len(data)

    def read(self, count: int) -> None:
        """Read lines, and wait until the next one is being written."""
        self.read_lines.release(count)
        for _ in range(count):
            assert self.begun_writes.acquire(timeout=20)


def test_lines_beyond_what_a_stalled_reader_leaves_room_for_are_counted(restore_logging, monkeypatch):
    monkeypatch.setattr(log, "RECORDS_MAX", 100)
    stream = Stalled()
    process_log = configure("json", stream)
    process_log.write_access(attrs.evolve(ENTRY, request_id="0"))
    stream.begun_writes.acquire()
    for number in range(1, 2000):
        if number == 1000:
            stream.read(20)
        process_log.write_access(attrs.evolve(ENTRY, request_id=str(number)))
    stream.read_lines.release(2000)
    process_log.close()
    *lines, report = [orjson.loads(line) for line in stream.written.splitlines()]
    assert [int(line["request_id"]) for line in lines] == [*range(101), *range(1000, 1020)]
    assert (report["level"], report["event"]) == ("warning", "1879 lines of the log were lost")


def test_stalled_reader_of_the_log_does_not_keep_the_process_from_ending(restore_logging, monkeypatch):
    monkeypatch.setattr(log, "CLOSE_SECONDS", 0.05)
    stream = Stalled()
    process_log = configure("json", stream)
    process_log.write_access(ENTRY)
    process_log.close()
    assert stream.written == b""
    stream.read_lines.release()


def test_log_without_a_reader_does_not_fail(restore_logging):
    stream = io.BytesIO()
    process_log = configure("json", stream)
    stream.close()
    process_log.write_access(ENTRY)
    process_log.close()


@pytest.mark.parametrize("end", ["", "sys.exit(3)", "raise KeyError"])
def test_process_writes_all_records_before_it_ends(end):
    program = f"""
import logging, sys
from reference_server.log import configure
from stellary.core.http.observers import AccessEntry
log = configure("json")
for number in range(3000):
    log.write_access(AccessEntry("GET", "/x", 200, 1.5, str(number), None, "1.2.3.4"))
logging.getLogger("stellary.core").warning("the end")
{end}
"""
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, cwd=Path(__file__).parents[2], check=False
    )
    lines = [orjson.loads(line) for line in process.stderr.splitlines() if line.startswith(b"{")]
    assert [line.get("request_id") for line in lines] == [*map(str, range(3000)), None]


def test_database_error_does_not_contain_parameter_values(core, caplog):
    from sqlalchemy import text

    with core.view(None) as uow, pytest.raises(Exception, match="hidden") as raised:
        uow.connection.execute(text("SELECT * FROM nowhere WHERE x = :secret"), {"secret": "s3cret"})
    assert "s3cret" not in str(raised.value)


def test_import_does_not_configure_logging():
    program = "import reference_server.app, logging; assert not logging.getLogger().handlers"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])
