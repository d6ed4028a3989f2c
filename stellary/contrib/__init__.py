"""Helpers that mount the API in the applications of web frameworks."""
