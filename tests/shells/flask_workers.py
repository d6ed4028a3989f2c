"""The Flask host as ``gunicorn --preload`` loads it, with headers that tell which process and connection have answered.

The parent uses the database and the API before it forks, so that there is something that the workers must not share.
"""

import os

from flask import Response
from sqlalchemy import text

from stellary.core import NOBODY
from tests.support.flask_hosts import import_host

app = import_host("flask", "repairs").create_app()
services = app.extensions["repairs"]


def find_backends() -> str:
    """Return the ids of the sessions of PostgreSQL that the core and the host use; empty on SQLite."""
    if services.engine.dialect.name == "sqlite":
        return ""
    query = text("SELECT pg_backend_pid()")
    with services.core.view(NOBODY) as uow, services.engine.connect() as connection:
        ids = {uow.connection.execute(query).scalar_one(), connection.execute(query).scalar_one()}
    return " ".join(map(str, sorted(ids)))


@app.after_request
def name_process(response: Response) -> Response:
    response.headers["X-Process"] = str(os.getpid())
    response.headers["X-Backends"] = find_backends()
    response.headers["X-Parent-Backends"] = PARENT_BACKENDS
    return response


app.test_cli_runner().invoke(args=["migrate"])
staff = ["create-user", "first@example.com", "--staff"]
app.test_cli_runner().invoke(args=staff, env={"PASSWORD": "correct horse"})
PARENT_BACKENDS = find_backends()
assert app.test_client().get("/board/health/ready").status_code == 200
