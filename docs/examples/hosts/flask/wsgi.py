"""The application for WSGI servers: ``gunicorn wsgi:app``, with the settings of ``gunicorn.conf.py``."""

from __future__ import annotations

from repairs import create_app

app = create_app()
