"""Webhooks: activities of a workspace, sent to other systems."""
