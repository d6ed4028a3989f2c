"""Pilotage: the goals of a workspace, and proposed actions."""
