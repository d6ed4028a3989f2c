"""Uploads to a server that is killed: no row without its file, ever; no file without a row after the sweep."""

from __future__ import annotations

import hashlib
import threading
from datetime import timedelta
from http.client import HTTPException
from random import Random

import pytest

from reference_server.settings import NO_LIMITS, Settings
from stellary.core import Core
from stellary.core.db.base import system_clock
from tests.server.processes import Forked, serve
from tests.support.forms import FORM, form

CYCLES = {"sqlite": 3, "postgresql": 2}
WRITERS = 4
UPLOADS_PER_CYCLE = 8


class Uploader:
    """Somebody who uploads files to a card from several threads, and deletes some, until the server is gone.

    Attributes:
        kept: What was acknowledged and was not to be deleted: the digest by the id.
    """

    def __init__(self) -> None:
        self.token = self.path = ""
        self.kept: dict[str, str] = {}
        self._lock = threading.Lock()

    def begin(self, server: Forked) -> None:
        self.token = server.register("ann")
        (organization,) = server.ask("GET", "/organizations", token=self.token).json
        (workspace,) = server.ask("GET", f"/orgs/{organization['slug']}/workspaces", token=self.token).json
        at = f"/orgs/{organization['slug']}/workspaces/{workspace['slug']}/projects"
        project = server.ask("POST", at, {"name": "Launch"}, self.token).json
        at = f"{at}/{project['id']}"
        column = server.ask("GET", f"{at}/columns", token=self.token).json[0]
        card = server.ask("POST", f"{at}/columns/{column['id']}/cards", {"title": "Files"}, self.token).json
        self.path = f"{at}/cards/{card['id']}/attachments"

    def until_killed(self, server: Forked, seed: int) -> None:
        enough = threading.Semaphore(0)
        writers = [
            threading.Thread(target=self._write, args=(server, Random(seed * WRITERS + number), enough))
            for number in range(WRITERS)
        ]
        for writer in writers:
            writer.start()
        for _ in range(UPLOADS_PER_CYCLE):
            assert enough.acquire(timeout=20)
        server.kill()
        for writer in writers:
            writer.join(30)

    def _write(self, server: Forked, random: Random, enough: threading.Semaphore) -> None:
        try:
            while True:
                data = random.randbytes(random.choice((1, 1_000, 70_000, 400_000)))
                made = server.ask("POST", self.path, form(data), self.token, content_type=FORM)
                assert made.status == 201, made
                id = made.json["id"]
                if random.random() < 0.3:
                    gone = server.ask("DELETE", f"{self.path}/{id}", token=self.token)
                    assert gone.status == 200, gone
                else:
                    with self._lock:
                        self.kept[id] = hashlib.sha256(data).hexdigest()
                enough.release()
        except (OSError, HTTPException):
            pass


@pytest.mark.slow
def test_no_file_is_lost_and_none_is_left_behind_however_often_the_server_is_killed(tmp_path, database_url):
    settings = Settings(
        database_url=database_url,
        data_dir=tmp_path,
        jwt_secret="x" * 32,
        bcrypt_rounds=4,
        limits=NO_LIMITS,
        log="off",
    )
    somebody = Uploader()
    cycles = CYCLES["sqlite" if database_url.startswith("sqlite") else "postgresql"]
    for seed in range(cycles):
        server = Forked(serve, settings)
        if not seed:
            somebody.begin(server)
        somebody.until_killed(server, seed)
    server = Forked(serve, settings)
    listed = server.ask("GET", somebody.path, token=somebody.token).json
    digests = {}
    for each in listed:
        answer = server.ask("GET", f"{somebody.path}/{each['id']}", token=somebody.token)
        assert (answer.status, len(answer.body)) == (200, each["size"])
        digests[each["id"]] = hashlib.sha256(answer.body).hexdigest()
    server.kill()
    assert {id: digests.get(id) for id in somebody.kept} == somebody.kept
    core = Core(database_url, blobs=settings.blobs, bcrypt_rounds=4)
    try:
        # Whoever was killed has left files behind that nothing names. An hour later they are swept.
        core.env.clock = lambda: system_clock() + timedelta(hours=2)
        core.sweep()
        assert len(list(core.env.blobs._list_keys())) == len(listed)
        assert core.sweep() == 0
    finally:
        core.close()
