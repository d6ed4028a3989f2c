"""Agents: programs that work in a workspace, with their permissions, missions and proposals."""
