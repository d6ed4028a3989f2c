"""Servers of the Django example over ASGI, in a process that prints what is left of them as JSON.

``python django_server.py SERVER`` runs in the environment of ``tests.support.django_hosts.manage``. It prints the port and the
key of a session first, and the rest after SIGTERM.
"""

import asyncio
import json
import os
import signal
import socket
import sys
import threading
import time
from typing import Any

import django

from tests.support.django_hosts import HOST
from tests.support.server_parts import bind_socket

EMAIL = "ann@example.com"
CLOSE_SECONDS = 10.0


def log_in() -> str:
    """Create the tables, a user and an order, and return the key of the user's session."""
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.test import Client

    call_command("migrate", verbosity=0)
    client = Client(SERVER_NAME="localhost")
    client.force_login(get_user_model().objects.create_user(EMAIL, is_staff=True))
    assert client.post("/orders/", {"product": "kite"}).status_code == 201
    return client.cookies["sessionid"].value


def serve(server: str, listening: socket.socket) -> None:
    """Serve the project until SIGTERM."""
    from shop.asgi import application

    if server == "uvicorn":
        import uvicorn

        # It raises the signal again after it has stopped.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        config = uvicorn.Config(application, log_level="warning")
        uvicorn.Server(config).run(sockets=[listening])
    else:
        import hypercorn.asyncio

        config = hypercorn.Config()
        config.bind = [f"fd://{listening.detach()}"]
        asyncio.run(hypercorn.asyncio.serve(application, config))


def count_connections() -> int:
    """Return the number of other connections to the database; 0 on SQLite."""
    from django.db import connection

    if connection.vendor == "sqlite":
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        count: int = cursor.fetchone()[0]
    return count


def main(server: str) -> dict[str, Any]:
    sys.path.insert(0, str(HOST))
    os.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings"
    django.setup()
    from stellary.contrib.django.cores import reset_core

    session = log_in()
    # The first request to the server creates the core again, as in a new process.
    reset_core()
    connection_count = count_connections()
    django.db.connections.close_all()
    # The server closes the socket.
    listening = bind_socket("127.0.0.1", 0)
    listening.listen(16)
    sys.stdout.write(f"{listening.getsockname()[1]} {session}\n")
    sys.stdout.flush()
    threads = set(threading.enumerate())
    serve(server, listening)
    remaining = sorted(thread.name for thread in threading.enumerate() if thread not in threads)
    reset_core()
    # PostgreSQL notices a closed connection a moment later.
    deadline = time.monotonic() + CLOSE_SECONDS
    while (excess := count_connections() - connection_count) and time.monotonic() < deadline:
        time.sleep(0.01)
    return {"threads": remaining, "connections": excess}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])))
