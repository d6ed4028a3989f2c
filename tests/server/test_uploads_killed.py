"""Uploads to a server that is killed: no row without its file, and no file without a row after the sweep."""

import hashlib
import threading
from contextlib import closing
from datetime import timedelta
from http.client import HTTPException
from random import Random
from typing import Any

import pytest

from stellary.core import Core
from tests.server.processes import Forked, quiet_settings, serve
from tests.support.blobs import list_blob_keys
from tests.support.core_parts import system_clock
from tests.support.forms import FORM, form

CYCLES = {"sqlite": 3, "postgresql": 2}
WRITERS = 4
UPLOADS_PER_CYCLE = 8


class Uploader:
    """A client that uploads files to a card in several threads, and deletes some, until the server is killed.

    Attributes:
        kept: The digests of acknowledged files that were not deleted, by id.
    """

    def __init__(self) -> None:
        self.token = self.path = self.trash = ""
        self.kept: dict[str, str] = {}
        self._lock = threading.Lock()

    def begin(self, server: Forked) -> None:
        self.token = server.register("ann")
        card = server.create_card(self.token)
        self.trash = f"{card.partition('/projects/')[0]}/trash?kind=attachment"
        self.path = f"{card}/attachments"

    def list_deleted(self, server: Forked) -> list[dict[str, Any]]:
        """Return the attachments in the trash, whose files are kept."""
        return server.ask("GET", self.trash, token=self.token).json

    def upload_until_killed(self, server: Forked, seed: int) -> None:
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
                response = server.ask("POST", self.path, form(data), self.token, content_type=FORM)
                assert response.status == 201, response
                id = response.json["id"]
                if random.random() < 0.3:
                    deletion = server.ask("DELETE", f"{self.path}/{id}", token=self.token)
                    assert deletion.status == 200, deletion
                else:
                    with self._lock:
                        self.kept[id] = hashlib.sha256(data).hexdigest()
                enough.release()
        except (OSError, HTTPException):
            pass


@pytest.mark.slow("kills a process again and again")
def test_repeated_kills_lose_no_file_and_leave_none_behind(tmp_path, database_url):
    settings = quiet_settings(database_url, tmp_path)
    uploader = Uploader()
    for seed in range(CYCLES["sqlite" if database_url.startswith("sqlite") else "postgresql"]):
        server = Forked(serve, settings)
        if not seed:
            uploader.begin(server)
        uploader.upload_until_killed(server, seed)
    server = Forked(serve, settings)
    attachments = server.ask("GET", uploader.path, token=uploader.token).json
    digests = {}
    for attachment in attachments:
        answer = server.ask("GET", f"{uploader.path}/{attachment['id']}", token=uploader.token)
        assert (answer.status, len(answer.body)) == (200, attachment["size"])
        digests[attachment["id"]] = hashlib.sha256(answer.body).hexdigest()
    deleted = uploader.list_deleted(server)
    server.kill()
    assert {id: digests.get(id) for id in uploader.kept} == uploader.kept
    with closing(Core(database_url, blobs=settings.blobs, bcrypt_rounds=4)) as core:
        # Killed uploads have left unreferenced files, which are swept after an hour.
        core.env.clock = lambda: system_clock() + timedelta(hours=2)
        core.sweep()
        assert len(list_blob_keys(core)) == len(attachments) + len(deleted)
        assert core.sweep() == 0
        # The files of deleted attachments stay until the trash is purged.
        core.env.clock = lambda: system_clock() + timedelta(days=core.env.trash_days + 1)
        core.work.begin()
        core.work.run_due()
        assert len(list_blob_keys(core)) == len(attachments)
