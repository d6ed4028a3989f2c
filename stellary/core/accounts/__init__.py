"""Accounts: users, organizations and workspaces, their members, and the caller's roles in them."""
