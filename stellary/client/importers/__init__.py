"""Importers: what other tools export becomes projects here. They read files, and send nothing by themselves.

``read_trello`` and ``read_github_issues`` give a ``Reading``: projects for ``ws.projects.import_file``, and what could not
be carried over, so that nothing is lost in silence.
"""

from __future__ import annotations

from stellary.client.importers.github import read_github_issues
from stellary.client.importers.reading import LeftOut, Reading
from stellary.client.importers.trello import read_trello

__all__ = ["LeftOut", "Reading", "read_github_issues", "read_trello"]
