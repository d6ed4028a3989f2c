"""An mkdocs hook that orders the results of the search: recipes before guides, guides before references and decisions."""

from __future__ import annotations

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

BOOSTS = {"cookbook/": 4, "guides/": 2, "getting-started": 2, "python/": 0.5, "decisions/": 0.25}
"""By the beginning of a page's path, the factor of its score."""


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> None:
    """Set the factor of a page that does not set its own."""
    for start, boost in BOOSTS.items():
        if page.file.src_uri.startswith(start):
            page.meta.setdefault("search", {"boost": boost})
