"""Measures of names and docstrings by the rules of ``CONTRIBUTING.md``."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs

PARTICIPLE = re.compile(
    "_*(said|told|made|found|meant|shown|kept|given|drawn|written|begun|taken|known|cut|seen|held|done|lost|heard|left"
    "|[a-z]{3,}ed)"
)
VERBS = {"feed", "need", "seed", "speed", "embed", "proceed", "exceed", "shed", "shared", "nested"}
"""Words that end like a participle but are none, or are technical terms."""
PRONOUNS = {
    "said",
    "told",
    "found",
    "made",
    "asked",
    "each",
    "wanted",
    "meant",
    "known",
    "given",
    "own",
    "begun",
    "some",
    "others",
    "rest",
    "named",
    "shown",
    "kept",
    "gone",
    "came",
    "left",
}
QUESTION = re.compile(r"(What|Who|Whom|Whose|Whoever|Whether|Those|How|Where|When|Which|All that|It)\b")
VAGUE = re.compile(r"\b(whoever|somebody|nobody|whom|by now|meanwhile|anew|at once)\b", re.IGNORECASE)

Function = ast.FunctionDef | ast.AsyncFunctionDef


@attrs.frozen
class Measure:
    """The number of names or texts, and those of them that break a rule.

    Attributes:
        total: Functions, variables, docstrings, or words of docstrings.
        offenders: Where the rule is broken, as ``path:line name``.
    """

    total: int
    offenders: tuple[str, ...]

    @property
    def share(self) -> float:
        """The share that breaks the rule, from 0 to 1."""
        return len(self.offenders) / max(self.total, 1)


def measure(paths: Iterable[Path], root: Path) -> dict[str, Measure]:
    """Return the measures of some modules: ``functions``, ``variables``, ``docstrings`` and ``words``."""
    judgements: dict[str, list[tuple[str, bool]]] = {"functions": [], "variables": [], "docstrings": []}
    words, vague = 0, []
    for path in sorted(paths):
        name = path.relative_to(root)
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            for kind, text, breaks in _judge(node):
                judgements[kind].append((f"{name}:{getattr(node, 'lineno', 1)} {text}", breaks))
            text = _docstring(node)
            words += len(text.split())
            vague += [f"{name}:{getattr(node, 'lineno', 1)} {match[0]}" for match in VAGUE.finditer(text)]
    measures = {
        kind: Measure(len(items), tuple(place for place, breaks in items if breaks))
        for kind, items in judgements.items()
    }
    return {**measures, "words": Measure(words, tuple(vague))}


def _judge(node: ast.AST) -> Iterator[tuple[str, str, bool]]:
    """Yield the kind of each name or text of a node, the text, and whether it breaks the rule."""
    if isinstance(node, Function):
        is_verb = node.name.startswith("test_") or node.name.lstrip("_") in VERBS
        yield "functions", node.name, not is_verb and bool(PARTICIPLE.fullmatch(node.name))
    if isinstance(node, ast.arg):
        yield "variables", node.arg, node.arg.lstrip("_") in PRONOUNS
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield "variables", node.id, node.id.lstrip("_") in PRONOUNS
    if text := _docstring(node):
        yield "docstrings", text.splitlines()[0][:60], bool(QUESTION.match(text))


def _docstring(node: ast.AST) -> str:
    if isinstance(node, (ast.Module, ast.ClassDef, *Function.__args__)):
        return ast.get_docstring(node) or ""
    return ""
