"""Webhooks: what happens in a workspace, told to other systems."""
