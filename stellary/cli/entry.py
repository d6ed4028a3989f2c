"""The entry point of ``stellary``, which names the missing extra if a package is not installed."""

from __future__ import annotations

import importlib.util
import sys

NEEDED = ("click", "rich", "yaml")


def main() -> None:
    """Run the command line."""
    if any(importlib.util.find_spec(name) is None for name in NEEDED):
        sys.exit("stellary: the command line is an extra; install it with: pip install 'stellary[cli]'")
    from stellary.cli.app import cli

    cli(prog_name="stellary")
