"""What the tests of webhooks share."""

from __future__ import annotations

import pytest

from tests.core.webhooks.webhook_api import WebhookApi
from tests.support.world import World


@pytest.fixture
def webhook_api(world: World) -> WebhookApi:
    """A board whose owner has what happens told elsewhere."""
    return WebhookApi(world, world.person("ann"))
