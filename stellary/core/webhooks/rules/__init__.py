"""Rules of webhooks: their addresses, and retries of messages. Pure functions."""
