"""A board with webhooks, and a webhook sender with prepared results."""

from typing import Any

import orjson

from stellary.core import DeliveryResult, OutgoingRequest
from tests.support.boards import Board, Json
from tests.support.core_parts import WebhookWorker
from tests.support.world import Person, World

URL = "https://hooks.example.com/stellary"


class WebhookApi(Board):
    """A board, its webhooks, and the requests of its sender.

    Attributes:
        answers: The next results, in order; after them, 200.
        requests: All requests so far.
        clock: A clock that stands still until a test advances it.
    """

    def __init__(self, world: World, owner: Person) -> None:
        super().__init__(world, owner)
        self.clock = world.stop_clock()
        self.answers: list[DeliveryResult] = []
        self.requests: list[OutgoingRequest] = []
        world.core.env.webhook_sender = self.deliver
        self.worker = WebhookWorker(world.core.units, world.core.claims)

    def deliver(self, request: OutgoingRequest) -> DeliveryResult:
        self.requests.append(request)
        return self.answers.pop(0) if self.answers else DeliveryResult(200, duration_ms=5)

    def hook(self, *events: str, **body: Any) -> Json:
        """Create a webhook."""
        webhook = {"url": URL, "events": list(events), **body}
        return self.world.ask(self.owner, "POST", f"{self.flat}/webhooks", webhook)

    def of_hook(self, hook: Json) -> str:
        """Return the path of a webhook."""
        return f"{self.flat}/webhooks/{hook['id']}"

    def deliveries(self, hook: Json, query: str = "") -> list[Json]:
        """Return the deliveries of a webhook, newest first."""
        return self.world.ask(self.owner, "GET", f"{self.of_hook(hook)}/deliveries?{query}")

    def send(self) -> list[Json]:
        """Send due messages, and return them."""
        before = len(self.requests)
        self.worker.run_due()
        return [orjson.loads(request.body) for request in self.requests[before:]]
