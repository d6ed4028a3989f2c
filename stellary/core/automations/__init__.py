"""Automations: rules of a project that run an action when an event occurs on its board."""
