"""The fixtures of the webhook tests."""

import pytest

from tests.core.webhooks.webhook_api import WebhookApi
from tests.support.world import World


@pytest.fixture
def board(world: World) -> WebhookApi:
    """Return a board whose owner can create webhooks."""
    return WebhookApi(world, world.person("ann"))
