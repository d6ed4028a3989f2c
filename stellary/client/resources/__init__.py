"""Handles of the API: one module per section of the reference, one line per endpoint."""
