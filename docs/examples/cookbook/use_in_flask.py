"""Use the client in Flask.

A client can be shared between threads: create it once. Environment variables set the server, the token and the workspace.
"""

from flask import Flask, abort

from stellary import NotFound, Stellary

app = Flask(__name__)
client = Stellary()  # STELLARY_URL and STELLARY_TOKEN


@app.get("/cards/<project>/<key>")
def show_card(project: str, key: str) -> dict[str, str | None]:
    ws = client.workspace()  # STELLARY_ORG and STELLARY_WORKSPACE
    try:
        card = ws.project(project).cards.get(key)
    except NotFound:
        abort(404)
    return {"title": card.title, "status": card.status}
