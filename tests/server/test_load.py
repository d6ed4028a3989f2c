"""Many concurrent requests: none of them blocks the others."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from stellary.core.http import threads
from tests.server.running import Running, running


@pytest.mark.slow("sends many requests at once")
def test_fifty_concurrent_logins_do_not_block_other_requests(server: Running):
    token = server.register()
    server.core.env.bcrypt_rounds = 8
    hashed: list[float] = []
    credentials = {"email": "nobody@example.com", "password": "correct horse"}

    def login(_: int) -> int:
        status = server.ask("POST", "/auth/login", credentials).status
        hashed.append(time.monotonic())
        return status

    with ThreadPoolExecutor(50) as pool:
        logins = [pool.submit(login, number) for number in range(50)]
        answered = []
        while not all(login.done() for login in logins):
            assert server.ask("GET", "/auth/me", token=token).status == 200
            answered.append(time.monotonic())
    assert [login.result() for login in logins] == [401] * 50
    # Two threads hash passwords, so that other requests are answered between any ten logins.
    hashed.sort()
    for first, last in zip(hashed[::10], hashed[9::10], strict=True):
        assert any(first <= moment <= last for moment in answered)


def test_requests_beyond_the_queue_return_503(sqlite_core, monkeypatch):
    monkeypatch.setattr(threads, "WAITING_MAX", 3)
    with running(sqlite_core) as server:
        token = server.register()
        bodies = [{"name": "Acme", "slug": f"acme-{number}"} for number in range(8)]
        gate = threading.Event()
        with ThreadPoolExecutor(8) as pool:
            with sqlite_core.database.writing():
                futures = [pool.submit(server.ask, "POST", "/organizations", body, token) for body in bodies]
                while sum(answer.done() for answer in futures) < 5:
                    gate.wait(0.01)
                refused = [answer.result() for answer in futures if answer.done()]
                # Reads still succeed.
                assert server.ask("GET", "/auth/me", token=token).status == 200
            created = [answer.result() for answer in futures if answer.result() not in refused]
    assert [answer.status for answer in refused] == [503] * 5
    assert {answer.json["code"] for answer in refused} == {"busy"}
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}
    assert [answer.status for answer in created] == [201] * 3


@pytest.mark.slow("sends many requests at once")
def test_hundred_clients_write_concurrently(server: Running):
    token = server.register()
    with ThreadPoolExecutor(100) as pool:
        bodies = [{"name": f"Acme {number}", "slug": f"acme-{number}"} for number in range(100)]
        answers = list(pool.map(lambda body: server.ask("POST", "/organizations", body, token), bodies))
    assert [answer.status for answer in answers] == [201] * 100
    slugs = {organization["slug"] for organization in server.ask("GET", "/organizations", token=token).json}
    assert slugs >= {f"acme-{number}" for number in range(100)}
