"""Units that lock rows of the board several times, beside others: all of them succeed in the end."""

import random
import threading
from contextlib import closing

import pytest
from sqlalchemy import text

from stellary.contract.cards import UpdateCard
from stellary.contract.refs import CardRef
from stellary.core import Core, UnitOfWork
from tests.support.boards import Board
from tests.support.core_parts import update_card
from tests.support.databases import with_lock_timeout
from tests.support.world import World, at_once

THREADS = 8


@pytest.mark.slow("runs many threads")
@pytest.mark.race
def test_concurrent_units_of_several_moves_all_succeed(world: World, rounds: int) -> None:
    board = Board(world, world.person("ann"))
    boards = [board, Board(world, board.owner, board.workspace)]
    refs = [
        (board, board.workspace.ref.child(CardRef, board.project["id"], board.card(column=number % 3)["id"]))
        for board in boards
        for number in range(THREADS)
    ]

    def work(seed: int) -> None:
        choose = random.Random(seed)
        for _ in range(4 * rounds):
            moves = [
                (ref, choose.choice(board.columns)["id"]) for board, ref in choose.sample(refs[:THREADS], 2)
            ]
            moves += [(ref, choose.choice(board.columns)["id"]) for board, ref in choose.sample(refs, 1)]

            def change(uow, moves=moves):
                update_card(uow, moves[0][0], UpdateCard(title="Renamed"))
                for ref, column_id in moves:
                    update_card(uow, ref, UpdateCard(column_id=column_id))

            world.core.run(board.owner.actor, change)

    at_once(*[lambda seed=seed: work(seed) for seed in range(THREADS)])


@pytest.mark.slow("waits for a lock time-out of the database")
def test_unit_waits_longer_than_a_lock_timeout(postgres_url: str) -> None:
    lock = text("SELECT FROM stellary_users WHERE id = :id FOR UPDATE")
    tried_twice, done = threading.Semaphore(0), []

    def lock_user(uow: UnitOfWork) -> None:
        tried_twice.release()
        done.append(uow.connection.execute(lock, {"id": ann.id}))

    url = with_lock_timeout(postgres_url, "50ms")
    with closing(Core(url, bcrypt_rounds=4)) as core, closing(Core(postgres_url)) as host:
        ann = World(core).person("ann")
        with host.begin(ann.actor) as uow:
            uow.connection.execute(lock, {"id": ann.id})
            thread = threading.Thread(target=core.run, args=(ann.actor, lock_user))
            thread.start()
            for _ in range(2):
                assert tried_twice.acquire(timeout=20)
        thread.join()
    assert len(done) == 1
