"""A bridge to Teams: it posts the activities of a workspace to a channel, as adaptive cards of a workflow.

``STELLARY_WEBHOOK_SECRET=whsec_… TEAMS_URL=https://….logic.azure.com/… python docs/examples/teams_bridge.py 8080 teams.db``
"""

import os
import sys
from typing import Any

import httpx
from webhook_receiver import Receiver, main

from stellary.client.display import summarize_activity
from stellary.contract.webhooks import WebhookMessage


# --8<-- [start:bridge]
def to_teams(message: WebhookMessage) -> dict[str, Any]:
    data = message.data
    title = f"{data.card.key} {data.card.title}" if data.card else data.meta.get("name", data.entity)
    texts = [f"{data.actor_name} {summarize_activity(data, has_values=data.type.endswith('_updated'))}"]
    if data.comment is not None:
        texts.append(data.comment["content"])
    head = {"type": "TextBlock", "text": title, "weight": "Bolder", "wrap": True}
    body = [head, *({"type": "TextBlock", "text": text, "wrap": True} for text in texts)]
    content = {"type": "AdaptiveCard", "version": "1.4", "body": body}
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": content}
    return {"type": "message", "attachments": [attachment]}


class TeamsBridge(Receiver):
    def do(self, message: WebhookMessage) -> None:
        httpx.post(os.environ["TEAMS_URL"], json=to_teams(message)).raise_for_status()


# --8<-- [end:bridge]


if __name__ == "__main__":
    main(*sys.argv[1:], receiver=TeamsBridge)
