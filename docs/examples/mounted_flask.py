"""The API as a part of your own Flask application, for its users.

Run it: ``python docs/examples/mounted_flask.py`` sends requests to the application, and leaves no files behind.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from flask import Flask, g, request

# --8<-- [start:mount]
from stellary.contrib import LOGIN_OPERATIONS
from stellary.contrib.flask import mount
from stellary.core import Actor, Core


def make_app(core: Core) -> Flask:
    app = Flask(__name__)

    @app.before_request
    def log_in() -> None:
        # Your application identifies its users; here with a header.
        g.user = request.headers.get("X-User")

    def who() -> Actor | None:
        return core.user(external_id=g.user, email=f"{g.user}@example.com") if g.user else None

    app.extensions["stellary"] = mount(app, "/pm", core, who=who, hide=LOGIN_OPERATIONS)
    return app


# --8<-- [end:mount]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        core = Core(f"sqlite:///{Path(folder) / 'pm.db'}", blobs=Path(folder) / "files")
        core.migrate()
        app = make_app(core)
        client = app.test_client()
        account = client.get("/pm/auth/me", headers={"X-User": "ann"}).json
        assert account is not None
        print(account["user"]["email"])
        print(client.post("/pm/auth/login", json={}).status_code, client.get("/pm/docs").status_code)
        app.extensions["stellary"].close()
        core.close()


if __name__ == "__main__":
    main()
