"""Stellary."""
