"""Receive webhooks.

Verifies the signature of a webhook message before anything else reads it. `UnverifiedWebhook` means a wrong secret, a changed body or an
old message. See [Webhooks](../guides/webhooks.md) for a receiver that processes each message once.
"""

import os

from flask import Flask, request

from stellary import UnverifiedWebhook
from stellary.client.webhooks import verify

app = Flask(__name__)
received: list[str] = []


@app.post("/stellary")
def receive() -> tuple[str, int]:
    try:
        id, message = verify(dict(request.headers), request.get_data(), os.environ["STELLARY_WEBHOOK_SECRET"])
    except UnverifiedWebhook as error:
        return str(error), 400
    received.append(f"{id} {message.type}")
    return "", 204
