"""Accounts: who there is, where they belong, and how far each reaches."""
