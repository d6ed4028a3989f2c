"""A bridge to Matrix: it posts the activities of a workspace to a room.

``STELLARY_WEBHOOK_SECRET=whsec_… MATRIX_URL=https://matrix.example.com MATRIX_ROOM='!…:example.com' MATRIX_TOKEN=… python docs/examples/matrix_bridge.py 8080 matrix.db``
"""

import html
import os
import sys
from urllib.parse import quote

import httpx
from webhook_receiver import Receiver, main

from stellary.client.display import summarize_activity
from stellary.contract.webhooks import WebhookMessage


# --8<-- [start:bridge]
def to_matrix(message: WebhookMessage) -> dict[str, str]:
    data = message.data
    item = f"{data.card.key} {data.card.title}" if data.card else data.meta.get("name", data.entity)
    text = f"{data.actor_name} {summarize_activity(data, has_values=data.type.endswith('_updated'))} ({item})"
    comment = "" if data.comment is None else data.comment["content"]
    quoted = f"<blockquote>{html.escape(comment)}</blockquote>" if comment else ""
    formatted = {"format": "org.matrix.custom.html", "formatted_body": html.escape(text) + quoted}
    return {"msgtype": "m.notice", "body": f"{text}\n{comment}".strip(), **formatted}


class MatrixBridge(Receiver):
    def do(self, message: WebhookMessage) -> None:
        room, headers = (
            quote(os.environ["MATRIX_ROOM"]),
            {"authorization": f"Bearer {os.environ['MATRIX_TOKEN']}"},
        )
        # The id of the activity, so that a repeated message is posted once.
        path = f"/_matrix/client/v3/rooms/{room}/send/m.room.message/{message.data.id}"
        response = httpx.put(os.environ["MATRIX_URL"] + path, json=to_matrix(message), headers=headers)
        response.raise_for_status()


# --8<-- [end:bridge]


if __name__ == "__main__":
    main(*sys.argv[1:], receiver=MatrixBridge)
