"""The rules of webhooks: where they may lead, and when a message is tried again."""
