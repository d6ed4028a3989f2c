"""Grammars: plain sentences are read by an LALR parser, so that the time is linear in their length.

Importing this module imports lark, which takes 140 ms of CPU time on a small machine: import it on first use.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path

from lark import Lark, Token, Tree, UnexpectedInput


class NotRead(Exception):
    """A text that a grammar does not contain.

    Attributes:
        position: The index at which the parser stopped; the length of the text if it is incomplete.
        expected: The words that are possible there.
    """

    def __init__(self, position: int, expected: Collection[str]) -> None:
        super().__init__(position, expected)
        self.position, self.expected = position, expected


class Grammar:
    """A grammar in a ``.lark`` file, with the words of its keywords in the ``.toml`` file beside it.

    Terminals of the form ``_NAME`` are keywords; those of the form ``_V_NAME`` begin a command. ``synonyms`` has their
    words as a regular expression; a keyword without synonyms is its own name. ``hints`` has a description of each other
    terminal for error messages. ``VERB`` in the grammar stands for the words that can begin a command.

    Args:
        path: The path of one of the files.

    Attributes:
        vocabulary: The contents of the ``.toml`` file.
        first_words: The words that can begin a command.
    """

    def __init__(self, path: Path) -> None:
        self.vocabulary = tomllib.loads(path.with_suffix(".toml").read_text(encoding="utf-8"))
        self._hints: dict[str, str] = self.vocabulary["hints"]
        grammar = path.with_suffix(".lark").read_text(encoding="utf-8")
        names = sorted(set(re.findall(r"\b_[A-Z_]+[A-Z]\b", grammar)) - self._hints.keys())
        words = {name: name.removeprefix("_V").strip("_") for name in names}
        keywords: dict[str, str] = {
            name: self.vocabulary["synonyms"].get(word, word.lower()) for name, word in words.items()
        }
        verbs = [pattern for name, pattern in keywords.items() if name.startswith("_V_")]
        first_words = rf"(?:{'|'.join([*verbs, self.vocabulary['openings']])})(?![\w'\u2019])"
        self.first_words = re.compile(first_words, re.IGNORECASE)
        rules = [f"{name}: /(?:{pattern})(?![\\w'\u2019])/i\n" for name, pattern in keywords.items()]
        self._parser = Lark(grammar.replace("VERB", first_words) + "".join(rules), parser="lalr")

    def parse(self, text: str) -> Tree[Token]:
        """Return the syntax tree of a text.

        Raises:
            NotRead: The grammar does not contain the text.
        """
        try:
            return self._parser.parse(text)
        except UnexpectedInput as error:
            token = getattr(error, "token", None)
            is_end = token is not None and token.type == "$END"
            position = len(text) if is_end else getattr(error, "pos_in_stream", 0)
            names = getattr(error, "accepts", None) or getattr(error, "allowed", None) or ()
            expected = {word for name in names for word in self._list_words(name)}
            raise NotRead(position, expected) from None

    def _list_words(self, terminal: str) -> list[str]:
        if terminal in self._hints:
            return [hint for hint in [self._hints[terminal]] if hint]
        return re.findall(r"[a-z]{2,}", self._parser.get_terminal(terminal).pattern.value)

    def is_command(self, text: str) -> bool:
        """Return whether the grammar contains a text that begins with a command."""
        try:
            return self.first_words.match(text) is not None and bool(self._parser.parse(text))
        except UnexpectedInput:
            return False


def list_trees(tree: Tree[Token]) -> list[Tree[Token]]:
    """Return the branches of a syntax tree."""
    return [child for child in tree.children if isinstance(child, Tree)]


def find_near(word: str, words: Collection[str]) -> str | None:
    """Return the word that a possibly misspelt one resembles most, if there is one.

    Args:
        word: The word. If it has at most three letters, only an equal one resembles it.
        words: The words to choose from, in lower case.
    """
    matches = get_close_matches(word.lower(), sorted(words), 1, 0.75 if len(word) > 3 else 1.0)
    return matches[0] if matches else None
