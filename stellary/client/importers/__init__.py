"""Importers: the exports of other tools, converted to projects. They read files and make no requests.

``read_trello`` and ``read_github_issues`` return a ``Reading``: projects for ``ws.projects.import_file``, and a report of
everything that could not be converted.
"""

from __future__ import annotations

from stellary.client.importers.github import read_github_issues
from stellary.client.importers.reading import LeftOut, Reading
from stellary.client.importers.trello import read_trello

__all__ = ["LeftOut", "Reading", "read_github_issues", "read_trello"]
