"""A bridge to Slack: it posts the activities of a workspace to the channel of an incoming webhook.

``STELLARY_WEBHOOK_SECRET=whsec_… SLACK_URL=https://hooks.slack.com/… python docs/examples/slack_bridge.py 8080 slack.db``
"""

import html
import os
import sys

import httpx
from webhook_receiver import Receiver, main

from stellary.client.display import summarize_activity
from stellary.contract.webhooks import WebhookMessage


# --8<-- [start:bridge]
def to_slack(message: WebhookMessage) -> dict[str, str]:
    data = message.data
    item = f"{data.card.key} {data.card.title}" if data.card else data.meta.get("name", data.entity)
    text = (
        f"*{data.actor_name}* {summarize_activity(data, has_values=data.type.endswith('_updated'))} ({item})"
    )
    if data.comment is not None:
        text += "\n" + "\n".join(f"> {line}" for line in data.comment["content"].splitlines())
    return {"text": html.escape(text, quote=False).replace("\n&gt; ", "\n> ")}


class SlackBridge(Receiver):
    def do(self, message: WebhookMessage) -> None:
        httpx.post(os.environ["SLACK_URL"], json=to_slack(message)).raise_for_status()


# --8<-- [end:bridge]


if __name__ == "__main__":
    main(*sys.argv[1:], receiver=SlackBridge)
