"""The API as a part of your own FastAPI application, for its users.

Run it: ``python docs/examples/mounted_fastapi.py`` sends requests to the application, and leaves no files behind.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.testclient import TestClient

# --8<-- [start:mount]
from stellary.contrib import LOGIN_OPERATIONS
from stellary.contrib.fastapi import mount
from stellary.core import Actor, Core


def make_app(core: Core) -> FastAPI:
    app = FastAPI()

    def who(request: Request) -> Actor | None:
        # Your application identifies its users; here with a header.
        user = request.headers.get("x-user")
        return core.user(external_id=user, email=f"{user}@example.com") if user else None

    mount(app, "/pm", core, who=who, hide=LOGIN_OPERATIONS)
    return app


# --8<-- [end:mount]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        core = Core(f"sqlite:///{Path(folder) / 'pm.db'}", blobs=Path(folder) / "files")
        core.migrate()
        with TestClient(make_app(core)) as client:
            print(client.get("/pm/auth/me", headers={"X-User": "ann"}).json()["user"]["email"])
            print(client.post("/pm/auth/login", json={}).status_code, client.get("/pm/docs").status_code)
        core.close()


if __name__ == "__main__":
    main()
