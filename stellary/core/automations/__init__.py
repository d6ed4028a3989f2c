"""Automations: rules of a project that act when something happens on its board."""
