"""Ports: interfaces to external services (files, mail, webhooks, planners, language models)."""
