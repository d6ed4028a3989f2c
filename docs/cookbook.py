"""An mkdocs hook that generates the cookbook: a page per program in ``examples/cookbook``, and an index.

The docstring of a program is the text of its page: the first line is the title.
"""

from __future__ import annotations

import ast
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

RECIPES = Path(__file__).parent / "examples" / "cookbook"
GROUPS = {
    "Cards": [
        "import_a_csv_file",
        "edit_many_cards",
        "edit_cards_in_a_data_frame",
        "find_stale_cards",
        "delete_and_restore_a_card",
        "undo_a_change",
        "attach_files",
        "use_custom_fields",
        "search_a_workspace",
    ],
    "Reports": [
        "write_a_weekly_report",
        "analyze_cards_with_pandas",
        "export_to_excel",
        "summarize_notifications",
    ],
    "Projects and people": ["copy_a_project", "invite_members", "rotate_a_token"],
    "Automation": [
        "assign_cards_automatically",
        "approve_agent_proposals",
        "follow_a_board_live",
        "receive_webhooks",
    ],
    "The client": [
        "retry_calls_and_set_timeouts",
        "read_long_lists_in_pages",
        "run_async_calls_concurrently",
        "inspect_raw_responses",
        "fake_the_api_in_tests",
    ],
    "Web frameworks": ["use_in_django", "use_in_fastapi", "use_in_flask"],
}
"""The recipes in the order of the index."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the pages to the navigation, under ``Cookbook``."""
    for entry in config.nav or []:
        if "Cookbook" in entry:
            groups = [{title: [_page_of(name) for name in names]} for title, names in GROUPS.items()]
            entry["Cookbook"] = ["cookbook/index.md", *groups]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Generate the pages."""
    lines = [
        "# Cookbook\n\nShort programs for everyday tasks. The tests of this repository run each of them."
    ]
    for group, names in GROUPS.items():
        lines.append(f"\n## {group}\n\n| task | what it does |\n|---|---|")
        for name in names:
            title, text, code = read_recipe(name)
            page = _page_of(name)
            summary = text.partition(". ")[0].replace("\n", " ").rstrip(".")
            lines.append(f"| [{title}]({page.removeprefix('cookbook/')}) | {summary}. |")
            content = f"# {title}\n\n{text}\n\n```python\n{code}\n```\n"
            files.append(File.generated(config, page, content=content))
    files.append(File.generated(config, "cookbook/index.md", content="\n".join(lines)))
    return files


def read_recipe(name: str) -> tuple[str, str, str]:
    """Return the title, the text and the code of a recipe."""
    source = (RECIPES / f"{name}.py").read_text()
    tree = ast.parse(source)
    title, _, text = (ast.get_docstring(tree) or "").partition("\n\n")
    end = tree.body[0].end_lineno or 0
    return title.rstrip("."), text, "\n".join(source.splitlines()[end:]).strip()


def _page_of(name: str) -> str:
    return f"cookbook/{name.replace('_', '-')}.md"
