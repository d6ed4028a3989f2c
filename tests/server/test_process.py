"""The server as a process: it prints its address and a snippet, or one sentence about why it cannot start."""

import importlib.util
import re
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
from contextlib import closing, suppress
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from reference_server.serve import FILES_MAX, raise_file_limit
from reference_server.sockets import url_of
from stellary.core import Core
from tests.server.processes import clean_environment, run_failing, run_process
from tests.server.running import reply
from tests.support.core_parts import NO_LIMITS, Email
from tests.support.forkserver import context
from tests.support.server_parts import Settings, bind_socket, main, run
from tests.support.waiting import wait_until

SECRET = "8f3b1c0d9e7a45626b0f4d2c7e1a9583"
RARELY_USED_MODULES = {
    *("aiosmtplib", "alembic", "email_validator", "greenlet", "httpx", "jinja2", "mcp", "obstore"),
    *("pydantic", "statistics"),
    *("stellary.contract.openapi", "stellary.core.http.mcp.calling", "stellary.core.wizard.models"),
}
CORE_THREADS = {"stellary-jobs", "stellary-webhooks"}


def test_banner_has_the_url_and_a_snippet_that_runs(tmp_path):
    with run_process(tmp_path, is_forked=False) as server:
        assert server.banner.startswith(f"Stellary listens on http://127.0.0.1:{server.port}\n")
        assert str(tmp_path / "stellary-data" / "stellary.db") in server.banner
        assert server.ask("GET", "/health/ready").status == 200
        snippet = [line.strip() for line in server.banner.splitlines() if line.startswith("    ")]
        assert len(snippet) == 5
        program = [sys.executable, "-c", "\n".join(snippet)]
        done = subprocess.run(program, env=clean_environment(), capture_output=True, text=True)
        assert "Q1 Launch" in done.stdout, done.stderr


def test_first_start_and_request_load_nothing_that_few_requests_need(tmp_path):
    with run_process(tmp_path, environment={"PYTHONPROFILEIMPORTTIME": "1"}, is_forked=False) as server:
        assert server.ask("GET", "/health/ready").status == 200
        modules = set(re.findall(r"^import time:.* (\S+)$", server.log.read_text(), re.MULTILINE))
        libraries = Path(f"/proc/{server.pid}/maps").read_text()
    assert "stellary.core.api.dispatch" in modules
    assert not modules & RARELY_USED_MODULES
    assert not re.findall("libstdc|cryptography|psycopg", libraries)


def test_process_that_only_supervises_loads_no_core():
    program = "import sys, reference_server.__main__; print('stellary.core.app' in sys.modules, 'jwt' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_server_stops_on_a_signal(tmp_path, number):
    with run_process(tmp_path, is_forked=False) as server:
        server.signal(number)
        assert server.wait() == 0
    assert server.log.read_text().count("\n") == 1
    assert "no JWT_SECRET is set" in server.log.read_text()


def is_stopping(server) -> bool:
    """Return whether a server reports that it stops, or no longer listens."""
    try:
        return server.ask("GET", "/health/ready").status == 503
    except ConnectionError:
        return True


def test_server_finishes_requests_before_it_stops(tmp_path):
    with run_process(tmp_path) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            body = b'{"email": "ann@example.com", "password": "correct horse"}'
            head = b"POST /auth/register HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body[:10])
            wait_until(lambda: server.ask("GET", "/health/ready").status == 200)
            server.signal(signal.SIGTERM)
            wait_until(lambda: is_stopping(server))
            connection.sendall(body[10:])
            assert reply(connection).status == 201
        assert server.wait() == 0


def test_data_and_logins_survive_a_restart(tmp_path):
    with run_process(tmp_path) as server:
        token = server.register("ann")
    with run_process(tmp_path) as server:
        assert server.ask("GET", "/auth/me", token=token).json["user"]["email"] == "ann@example.com"
        assert (
            "no JWT_SECRET" not in server.log.read_text().splitlines()[-1]
            or server.log.read_text().count("\n") == 1
        )


def test_data_directory_and_secret_are_private(tmp_path):
    with run_process(tmp_path):
        data = tmp_path / "stellary-data"
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        assert stat.S_IMODE((data / "jwt-secret").stat().st_mode) == 0o600


def test_readable_database_files_are_made_private(tmp_path):
    data = tmp_path / "stellary-data"
    data.mkdir(mode=0o755)
    (data / "stellary.db").touch()
    (data / "stellary.db").chmod(0o644)
    with run_process(tmp_path) as server:
        files = sorted(data.glob("stellary.db*"))
        assert [path.name for path in files] == [
            "stellary.db",
            "stellary.db-shm",
            "stellary.db-wal",
            "stellary.db.jobs.lock",
            "stellary.db.lock",
        ]
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
        assert f"{Path('stellary-data/stellary.db')} could be read by others" in server.log.read_text()


def test_port_in_use_is_reported_in_one_sentence(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        code, stderr = run_failing(tmp_path, "--port", str(port))
    sentence = f"stellary: port {port} is in use: stop what listens there, or choose another with --port\n"
    assert (code, stderr) == (2, sentence)


def test_second_server_on_an_sqlite_file_is_rejected(tmp_path):
    with run_process(tmp_path):
        code, stderr = run_failing(tmp_path, "--port", "0")
    assert code == 2
    assert stderr == "stellary: another server uses stellary-data/stellary.db: several need PostgreSQL\n"


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        (
            ["--workers", "2"],
            {},
            "more than one worker requires PostgreSQL, since only one process can write to SQLite",
        ),
        (["--port", "x"], {}, "PORT must be a number from 0 to 65535, not 'x'"),
        ([], {"PORT": "-1"}, "PORT must be a number from 0 to 65535, not '-1'"),
        (
            ["--host", "203.0.113.1"],
            {},
            "cannot listen on 203.0.113.1 port 0: Cannot assign requested address",
        ),
        (["--host", "no such host"], {}, "cannot listen on no such host port 0: "),
        (
            [],
            {"JWT_SECRET": "short", "STELLARY_ENV": "production"},
            "JWT_SECRET must be at least 32 bytes long; leave it out and one is generated",
        ),
        (["--database-url", "oracle://x"], {}, "STELLARY_DATABASE_URL must start with postgresql://"),
        (
            ["--database-url", "postgresql://u:s3cret@127.0.0.1:1/d"],
            {"STELLARY_DATABASE_WAIT": "0"},
            "the database cannot be used: connection failed: ",
        ),
        (["--data-dir", "/dev/null/x"], {}, "/dev/null/x cannot be used: Not a directory"),
    ],
)
def test_startup_error_is_one_sentence(tmp_path, arguments, environment, sentence):
    environment = {"PORT": "0", "JWT_SECRET": SECRET, **environment}
    code, stderr = run_failing(tmp_path, *arguments, environment=environment)
    assert code == 2
    assert stderr.startswith(f"stellary: {sentence}")
    assert stderr.count("\n") == 1
    assert "s3cret" not in stderr


@pytest.mark.parametrize("workers", ["0", "x", "1000"])
def test_invalid_number_of_workers_is_rejected(tmp_path, workers):
    code, stderr = run_failing(tmp_path, "--workers", workers)
    assert code == 2
    assert "must be a number from 1 to 64" in stderr


def test_invalid_database_file_is_reported_in_one_sentence(tmp_path):
    (tmp_path / "x.db").write_bytes(b"this is no database" * 100)
    code, stderr = run_failing(tmp_path, "--port", "0", "--database-url", "sqlite:///x.db")
    assert code == 2
    assert stderr.splitlines()[-1] == "stellary: the database cannot be used: file is not a database"


@pytest.mark.parametrize("command", [[], ["migrate"], ["backup", "copy"]])
def test_invalid_postgresql_url_is_reported_in_one_sentence(tmp_path, command):
    url = "postgresql://ann:s3cret@db:port/app"
    code, stderr = run_failing(tmp_path, "--port", "0", "--database-url", url, *command)
    assert code == 2
    assert "stellary: the URL of the database must look like postgresql://" in stderr
    assert "s3cret" not in stderr
    assert "Traceback" not in stderr


def test_server_listens_during_its_stop_delay_until_a_second_ctrl_c(tmp_path):
    with run_process(tmp_path, environment={"STELLARY_STOP_DELAY": "600"}) as server:
        server.signal(signal.SIGINT)
        wait_until(lambda: server.ask("GET", "/health/ready").status == 503)
        assert server.ask("POST", "/auth/login", {"email": "a@example.com", "password": "x"}).status == 401
        server.signal(signal.SIGINT)
        assert server.wait() == 130


@pytest.mark.slow("starts a server")
def test_core_of_a_server_that_fails_is_closed_after_its_threads_have_ended(tmp_path):
    ours, theirs = context.Pipe(duplex=False)
    settings = Settings(data_dir=tmp_path, limits=NO_LIMITS, bcrypt_rounds=4, log="off")
    process = context.Process(target=fail_when_ready, args=(settings, theirs))
    process.start()
    theirs.close()
    assert ours.poll(30)
    assert ours.recv() == []
    process.join(30)


def fail_when_ready(settings: Settings, results: Connection) -> None:
    """Let a server fail when it is ready, and send the names of the threads that use the core when it is closed."""
    close_core = Core.close

    def close_and_report(core: Core) -> None:
        results.send([thread.name for thread in threading.enumerate() if thread.name in CORE_THREADS])
        close_core(core)

    def fail() -> None:
        assert {thread.name for thread in threading.enumerate()} >= CORE_THREADS
        raise OSError("the terminal is gone")

    Core.close = close_and_report
    with suppress(OSError), bind_socket("127.0.0.1", 0) as listening:
        run(settings, listening, "", fail)


def test_log_contains_no_secrets(tmp_path):
    environment = {"STELLARY_LOG": "json", "JWT_SECRET": f"s3cret-{SECRET}"}
    with run_process(tmp_path, environment=environment) as server:
        token = server.register("ann")
        server.ask("GET", f"/auth/me?token={token}", token=token)
        server.ask("POST", "/auth/login", {"email": "ann@example.com", "password": "s3cret-password"})
        server.ask("POST", "/invitations/s3cret-invitation/accept", {}, token)
        server.ask("GET", f"/nowhere/{token}")
        api_token = server.ask("POST", "/api-tokens", {"name": "ci", "scopes": ["projects:read"]}, token)
        server.ask("GET", "/auth/me", token=api_token.json.get("token"))
    log = server.log.read_text()
    assert log.count("\n") == 7
    for secret in ("s3cret", token, "correct horse", "eyJ", "synth_"):
        assert secret not in log
    assert re.search(r'"path":"/invitations/:token/accept"|"path":"/invitations/\*\*\*', log)


def test_server_sends_queued_emails_before_it_ends_and_leaves_jobs_to_the_next(tmp_path, mailbox):
    box, port = mailbox
    environment = {
        "STELLARY_SMTP_URL": f"smtp://127.0.0.1:{port}",
        "STELLARY_PUBLIC_URL": "https://pm.example",
        "STELLARY_VERIFY_EMAIL": "off",
    }
    with run_process(tmp_path, environment=environment) as server:
        token = server.register("ann")
        server.create_project(token)
        invite = "/orgs/acme/workspaces/eng/members/invite"
        assert server.ask("POST", invite, {"email": "bob@example.com"}, token).status == 201
        assert server.ask("POST", "/auth/forgot-password", {"email": "ann@example.com"}).status == 200
    assert b"https://pm.example/invitations/" in box.emails[0].content.replace(b"=\r\n", b"")
    # A job queues the link. If the server ends before the job begins, the next process runs it.
    later: list[Email] = []
    with closing(Core(f"sqlite:///{tmp_path}/stellary-data/stellary.db", mailer=later.append)) as core:
        core.work.run_due()
    recipients = [*(email.rcpt_tos for email in box.emails), *([email.to] for email in later)]
    assert recipients == [["bob@example.com"], ["ann@example.com"]]


def test_missing_postgresql_driver_is_reported_in_one_sentence(monkeypatch, capsys):
    monkeypatch.setenv("STELLARY_DATABASE_URL", "postgresql://h/d")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert main([]) == 2
    needed = "stellary: PostgreSQL needs a driver: pip install 'stellary[postgres]'\n"
    assert capsys.readouterr().err == needed


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:"),
        ("0.0.0.0", "http://localhost:"),
        ("::1", "http://[::1]:"),
        ("::", "http://localhost:"),
    ],
)
def test_printed_url_is_reachable_from_this_machine(host: str, url: str):
    with bind_socket(host, 0) as listening:
        assert url_of(listening, host) == f"{url}{listening.getsockname()[1]}"


def test_file_limit_is_raised_to_the_maximum(tmp_path):
    with run_process(tmp_path) as server:
        limits = Path(f"/proc/{server.pid}/limits").read_text()
        granted, most = re.search(r"Max open files\s+(\d+)\s+(\d+)", limits).groups()
        assert int(granted) == min(int(most), FILES_MAX) or int(granted) > FILES_MAX


def test_file_limit_is_raised_within_the_hard_limit(monkeypatch):
    requested = []
    monkeypatch.setattr(resource, "setrlimit", lambda what, limits: requested.append((what, limits)))
    for limits in [(1024, 4096), (1024, resource.RLIM_INFINITY), (4096, 4096), (resource.RLIM_INFINITY,) * 2]:
        monkeypatch.setattr(resource, "getrlimit", lambda _, limits=limits: limits)
        raise_file_limit()
    files = resource.RLIMIT_NOFILE
    assert requested == [(files, (4096, 4096)), (files, (FILES_MAX, resource.RLIM_INFINITY))]
