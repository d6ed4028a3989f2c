"""Notifications: the activity of workspaces, and its recipients."""
