"""Backups of a server under load: a restored backup contains every write acknowledged before it, and every listed file."""

import hashlib
import os
import secrets
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import attrs
import pytest
from sqlalchemy import make_url

from reference_server import operator_commands
from tests.conftest import RUN
from tests.server.processes import Forked, quiet_settings, serve
from tests.server.test_uploads_killed import Uploader
from tests.support.core_parts import MARKER
from tests.support.databases import Postgres, statement, url_of
from tests.support.forms import FORM, form
from tests.support.postgres import prepend_programs
from tests.support.server_parts import Settings, main


@pytest.fixture(autouse=True)
def programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the programs of the PostgreSQL server of the tests in PATH."""
    monkeypatch.setenv("PATH", prepend_programs(os.environ["PATH"]))


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return quiet_settings(database_url, tmp_path / "data")


@contextmanager
def restore(settings: Settings, folder: Path, request: pytest.FixtureRequest) -> Iterator[Settings]:
    """Restore a backup as the guide describes, and yield the settings of a server on it."""
    if settings.sqlite_file is not None:
        yield attrs.evolve(settings, database_url=None, data_dir=folder)
        return
    server, name = Postgres(request.config.stash[RUN]), f"stellary_restored_{secrets.token_hex(8)}"
    with server.connect() as administrator:
        administrator.execute(statement("CREATE DATABASE {}", name))
        url = url_of(server.server(), name)
        plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        options = ["--no-owner", "--exit-on-error", f"--dbname={plain}"]
        restore = ["pg_restore", *options, folder / "stellary.dump"]
        subprocess.run(restore, check=True)
        yield attrs.evolve(settings, database_url=url, data_dir=folder)
        administrator.execute(statement("DROP DATABASE {} WITH (FORCE)", name))


class Writer(Uploader):
    """An uploader that uploads and deletes files in several threads until the server stops."""

    def write(self, server: Forked, enough: threading.Semaphore) -> list[threading.Thread]:
        writers = [
            threading.Thread(target=self._write, args=(server, Random(number), enough)) for number in range(3)
        ]
        for writer in writers:
            writer.start()
        return writers


@pytest.mark.slow("writes during a backup")
def test_backup_under_writes_contains_all_acknowledged_files(settings, tmp_path, request):
    server, writer, enough = Forked(serve, settings), Writer(), threading.Semaphore(0)
    writer.begin(server)
    writers = writer.write(server, enough)
    for number in range(2):
        for _ in range(8):
            assert enough.acquire(timeout=20)
        expected = dict(writer.kept)
        folder = tmp_path / f"backup-{number}"
        assert operator_commands.back_up(settings, folder) == 0
    server.kill()
    for thread in writers:
        thread.join(30)
    with restore(settings, folder, request) as settings_then:
        server = Forked(serve, settings_then)
        listed = server.ask("GET", writer.path, token=writer.token).json
        digests = {}
        for attachment in listed:
            answer = server.ask("GET", f"{writer.path}/{attachment['id']}", token=writer.token)
            assert (answer.status, len(answer.body)) == (200, attachment["size"])
            digests[attachment["id"]] = hashlib.sha256(answer.body).hexdigest()
        assert {id: digests.get(id) for id in expected} == expected
        # The files of deleted attachments stay until the trash is purged.
        store = folder / "files"
        files = {path for path in store.rglob("*") if path.is_file()} - {store / MARKER}
        assert len(files) == len(listed) + len(writer.list_deleted(server))
        # The restored server accepts writes.
        assert server.ask("POST", writer.path, form(b"Hello."), writer.token, content_type=FORM).status == 201
        server.kill()


def test_backup_is_a_command(sqlite_url, tmp_path, capsys):
    places = ["--database-url", sqlite_url, "--data-dir", str(tmp_path / "data")]
    assert main(["migrate", *places]) == 0
    assert main(["backup", str(tmp_path / "backup"), *places]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "the schema of the database is up to date",
        f"{tmp_path / 'backup'}: the database and 0 files",
    ]
    assert main(["backup", str(tmp_path / "backup"), *places]) == 2
    assert "already exists" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "sqlite:////nowhere/at/all.db",
            "the backup has failed: the database cannot be copied: unable to open database file",
        ),
        ("postgresql://u:s3cret@127.0.0.1:1/d", "the backup has failed: connection failed"),
    ],
)
def test_unreachable_database_is_reported_in_one_sentence(tmp_path, capsys, url, message):
    assert main(["backup", str(tmp_path / "backup"), "--database-url", url]) == 2
    stderr = capsys.readouterr().err
    assert stderr.startswith(f"stellary: {message}")
    assert stderr.count("\n") == 1
    assert "s3cret" not in stderr


def test_backup_of_postgresql_runs_pg_dump(postgres_url, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    where = ["--database-url", postgres_url, "--data-dir", str(tmp_path)]
    assert main(["backup", str(tmp_path / "backup"), *where]) == 2
    assert "needs pg_dump" in capsys.readouterr().err
    program = tmp_path / "pg_dump"
    program.write_text('#!/bin/sh\necho "$PGPASSWORD $*" > "${0%/*}/said"\necho wrong version >&2\nexit 1\n')
    program.chmod(0o755)
    url = make_url(postgres_url).set(password="s3cret").render_as_string(hide_password=False)
    assert main(["backup", str(tmp_path / "backup"), "--database-url", url, *where[2:]]) == 2
    assert capsys.readouterr().err == "stellary: the backup has failed: pg_dump: wrong version\n"
    password, arguments = (tmp_path / "said").read_text().split(" ", 1)
    assert (password, "s3cret" in arguments) == ("s3cret", False)
