"""The messages and questions of the wizard, in English and in French."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path


@cache
def _messages() -> Mapping[str, Sequence[str]]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def format_message(language: str, key: str, **values: object) -> str:
    """Return a message with its placeholders filled in.

    Args:
        language: ``en`` or ``fr``.
        key: The name of the message.
        values: The values of its placeholders.
    """
    return _messages()[key][language == "fr"].format(**values)


def list_messages(language: str, key: str) -> list[str]:
    """Return the texts of a message that is a list, such as the options of a question.

    Args:
        language: The language: ``fr`` or ``en``.
        key: The key of the message.
    """
    return _messages()[key][language == "fr"].split("|")
