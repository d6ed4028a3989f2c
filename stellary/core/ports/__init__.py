"""Ports: what the core asks of the outside (files, mail, webhooks, planners, language models)."""
