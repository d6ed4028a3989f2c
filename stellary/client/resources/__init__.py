"""Handles with more than the methods of their endpoints: handles below them, and methods of several calls."""
