"""``python -m reference_server copy`` moves a stopped server to PostgreSQL and back."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from reference_server.serve import exclusive_database
from tests.conftest import RUN
from tests.server.processes import Forked, serve
from tests.server.test_uploads_killed import Uploader
from tests.support.core_parts import NO_LIMITS
from tests.support.databases import Postgres
from tests.support.forms import FORM, form
from tests.support.server_parts import Settings, main

SECRET = hashlib.sha256(b"a server that moves").hexdigest()


@pytest.fixture
def empty_postgres_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Yield the URL of a database of PostgreSQL without tables."""
    with Postgres(request.config.stash[RUN]).empty_database() as url:
        yield url


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return the settings of a server with a SQLite file, and a secret of its own."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "jwt-secret").write_text(SECRET)
    (folder / "jwt-secret").chmod(0o600)
    return Settings(data_dir=folder, bcrypt_rounds=4, limits=NO_LIMITS, log="off")


def test_server_moves_to_postgresql_and_back(settings, empty_postgres_url, tmp_path, capsys):
    server, uploader = Forked(serve, settings), Uploader()
    uploader.begin(server)
    uploaded = server.ask("POST", uploader.path, form(b"Hello."), uploader.token, content_type=FORM).json
    server.kill()
    assert main(["copy", "--data-dir", str(settings.data_dir), "--to", empty_postgres_url]) == 0
    output = capsys.readouterr().out
    assert output.startswith("Copied to postgresql")
    assert output.endswith(" tables, 0 files. Counts and checksums agree.\n")
    back = tmp_path / "back"
    source = ["--data-dir", str(settings.data_dir), "--database-url", empty_postgres_url]
    assert main(["copy", *source, "--to-data-dir", str(back)]) == 0
    assert " tables, 1 files." in capsys.readouterr().out
    assert (back / "jwt-secret").read_text() == SECRET
    assert (back / "jwt-secret").stat().st_mode & 0o777 == 0o600
    in_postgresql = attrs.evolve(settings, database_url=empty_postgres_url)
    for place in (in_postgresql, attrs.evolve(settings, data_dir=back)):
        copied_server = Forked(serve, place)
        # The login is still valid, since the secret is the same.
        assert copied_server.ask("GET", uploader.path, token=uploader.token).json == [uploaded]
        answer = copied_server.ask("GET", f"{uploader.path}/{uploaded['id']}", token=uploader.token)
        assert answer.body == b"Hello."
        file = form(b"Another.")
        assert copied_server.ask("POST", uploader.path, file, uploader.token, content_type=FORM).status == 201
        copied_server.kill()


def test_copy_of_a_running_server_on_postgresql_is_refused(settings, postgres_url, tmp_path, capsys):
    in_postgresql = attrs.evolve(settings, database_url=postgres_url)
    arguments = ["--database-url", postgres_url, "--data-dir", str(settings.data_dir)]
    copy = ["copy", *arguments, "--to-data-dir", str(tmp_path / "copy")]
    server = Forked(serve, in_postgresql)
    Uploader().begin(server)
    assert main(copy) == 2
    assert "servers or workers use the source; stop them first" in capsys.readouterr().err
    server.kill()
    assert main(copy) == 0


def test_copy_of_a_running_server_is_refused(settings, tmp_path, capsys):
    assert main(["migrate", "--data-dir", str(settings.data_dir)]) == 0
    with exclusive_database(settings):
        places = ["--data-dir", str(settings.data_dir), "--to-data-dir", str(tmp_path / "copy")]
        assert main(["copy", *places]) == 2
    assert "another server uses" in capsys.readouterr().err
    assert not (tmp_path / "copy" / "jwt-secret").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "stellary: --to names the database that is to be copied\n"),
        (["--to", "sqlite:////dev/null/at/all.db"], "stellary: /dev/null/at cannot be used: Not a directory"),
        (["--to", "postgresql://u:s3cret@127.0.0.1:1/d"], "stellary: the copy has failed: connection failed"),
    ],
)
def test_unusable_target_is_reported_in_one_sentence(settings, capsys, arguments, message):
    assert main(["migrate", "--data-dir", str(settings.data_dir)]) == 0
    assert main(["--data-dir", str(settings.data_dir), "copy", *arguments]) == 2
    stderr = capsys.readouterr().err
    assert stderr.startswith(message)
    assert stderr.count("\n") == 1
    assert "s3cret" not in stderr


def test_source_without_data_is_refused(settings, tmp_path, capsys):
    places = ["--data-dir", str(settings.data_dir), "--to-data-dir", str(tmp_path / "copy")]
    assert main(["copy", *places]) == 2
    assert "there is no database to copy" in capsys.readouterr().err
    assert main(["migrate", *places[:2]]) == 0
    assert main(["copy", *places]) == 2
    assert "the copy has failed: the source has no rows" in capsys.readouterr().err
    assert list((tmp_path / "copy").iterdir()) == []


def test_failed_copy_deletes_only_files_that_it_created(settings, tmp_path):
    copied = tmp_path / "copy"
    places = ["--data-dir", str(settings.data_dir), "--to-data-dir", str(copied)]
    assert main(["migrate", *places[:2]]) == main(["migrate", "--data-dir", str(copied)]) == 0
    (copied / "stellary.db.lock").unlink()
    before = (copied / "stellary.db").read_bytes()
    assert main(["copy", *places]) == 2
    assert (copied / "stellary.db").read_bytes() == before
    assert [path.name for path in copied.iterdir() if "jwt" not in path.name] == ["stellary.db"]


def test_failed_copy_leaves_no_secret(settings, tmp_path, capsys):
    assert main(["migrate", "--data-dir", str(settings.data_dir)]) == 0
    copied = tmp_path / "copy"
    arguments = ["--to", "postgresql://u:s3cret@127.0.0.1:1/d", "--to-data-dir", str(copied)]
    assert main(["--data-dir", str(settings.data_dir), "copy", *arguments]) == 2
    assert list(copied.iterdir()) == []


def test_option_that_is_no_url_is_refused(settings, capsys):
    with pytest.raises(SystemExit):
        main(["--data-dir", str(settings.data_dir), "copy", "--to", "mysql://u@h/d"])
    assert "argument --to: must start with postgresql:// or be sqlite:///" in capsys.readouterr().err
