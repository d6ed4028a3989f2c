"""Notifications: what has happened, and whom it concerns."""
