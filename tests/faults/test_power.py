"""Power cuts on SQLite: acknowledged writes are kept, whichever later writes reached the disk.

The core runs as it is, with its own settings, transactions and checkpoints; only the driver below it writes to a disk that
keeps a log. From the log come files as they may be after a power cut at any moment, and SQLite opens them.
"""

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import attrs
import pytest
from sqlalchemy import create_engine

from stellary.core import Core
from tests.faults import driver
from tests.faults.disk import Entry, Image, RecordingDisk, images
from tests.support.boards import create_board
from tests.support.core_parts import database

IMAGES_PER_ROUND = 15
CARDS_PER_ROUND = 12
TOGETHER = 4
PAGES_UNTIL_CHECKPOINT = 60
"""In place of SQLite's 1,000, so that a short run has several checkpoints."""


@attrs.frozen
class Run:
    """A run of the core, and the possible states of the disk after power cuts."""

    disk: RecordingDisk
    before: dict[str, bytes]
    cuts: list[int]
    chance: random.Random

    def find_lost(self, folder: Path) -> list[set[str]]:
        """Open an image for each cut, and return the acknowledged titles that are missing from it.

        Raises:
            AssertionError: The database is damaged, or a unit is there in part.
        """
        lost_titles = []
        for number, image in enumerate(images(self.before, self.disk.log, self.cuts, self.chance)):
            place = folder / str(number)
            place.mkdir()
            image.write(place)
            lost_titles.append(image.acknowledged - stored_cards(place / "stellary.db"))
        return lost_titles


def stored_cards(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        titles = {title for (title,) in connection.execute("SELECT title FROM stellary_cards")}
        # Transactions are atomic: the activity of a card's creation is stored with the card.
        activities = connection.execute(
            "SELECT count(*) FROM stellary_activities WHERE type = 'card_created'"
        ).fetchone()
        assert activities == (len(titles),)
    return titles


@pytest.fixture
def run(sqlite_url, monkeypatch, rounds, request) -> Callable[[str], Run]:
    """Return a function that runs the core on a disk with a log, with the given ``synchronous`` setting."""

    def make(synchronous: str) -> Run:
        path = Path(sqlite_url.removeprefix("sqlite:///"))
        disk = RecordingDisk(f"recording-{request.node.name}")

        def rewrite(sql: str) -> str:
            return sql.replace("synchronous=FULL", f"synchronous={synchronous}")

        monkeypatch.setattr(
            database, "create_engine", partial(create_engine, module=driver.module(disk.name, rewrite))
        )
        before = {path.name: path.read_bytes()}
        with closing(Core(sqlite_url, bcrypt_rounds=4)) as core:
            with core.database.open_raw() as connection:
                checkpoint = f"PRAGMA wal_autocheckpoint={PAGES_UNTIL_CHECKPOINT}"
                connection.connection.dbapi_connection.execute(checkpoint)
            write_cards(core, disk, rounds * CARDS_PER_ROUND)
            # What closing writes comes after the end of the run.
            entries = len(disk.log)
        # Not repeatable: ids differ from run to run. The images of a failure stay in the test's folder.
        chance = random.Random()
        cuts = [chance.randrange(entries) for _ in range(rounds * IMAGES_PER_ROUND)]
        return Run(disk, before, cuts, chance)

    return make


def write_cards(core: Core, disk: RecordingDisk, count: int) -> None:
    """Create cards one by one and several in one commit, and log when they are acknowledged."""
    board = create_board(core)
    numbers = iter(range(count))
    while titles := [str(number) for _, number in zip(range(1 + TOGETHER), numbers, strict=False)]:
        board.card(titles[0])
        disk.acknowledge(titles[0])
        with core.database.gathering():
            for title in titles[1:]:
                board.card(title)
        for title in titles[1:]:
            disk.acknowledge(title)


@pytest.mark.slow("reads thousands of states of a disk")
@pytest.mark.wide(when="faults")
def test_nothing_acknowledged_is_lost(run, tmp_path):
    crashed_run = run("FULL")
    written = {entry.name for entry in crashed_run.disk.log if entry.kind == "write"}
    # The log contains a checkpoint: the most delicate moment.
    assert written == {"stellary.db", "stellary.db-wal"}
    lost = crashed_run.find_lost(tmp_path)
    assert len(lost) == len(crashed_run.cuts)
    assert [titles for titles in lost if titles] == []


@pytest.mark.slow("reads thousands of states of a disk")
@pytest.mark.wide(when="faults")
def test_unsafe_setting_is_detected(run, tmp_path):
    assert [titles for titles in run("NORMAL").find_lost(tmp_path) if titles] != []


def test_image_has_synchronised_writes_and_any_part_of_later_ones():
    log = [
        Entry("write", "a", 0, b"x" * 1024),
        Entry("sync", "a"),
        Entry("acknowledge", "x"),
        Entry("write", "a", 512, b"y" * 1024),
    ]
    crash_images: list[Image] = list(images({}, log, [4] * 200, random.Random(1)))
    assert {image.files["a"][:512] for image in crash_images} == {b"x" * 512}
    first, second = b"x" * 512, b"y" * 512
    contents = {image.files["a"][512:] for image in crash_images}
    assert contents == {first, second * 2, second, first + second}
    assert {(image.acknowledged, image.lost) for image in crash_images} == {(frozenset({"x"}), 1)}
