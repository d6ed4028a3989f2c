"""Every regular expression of the product, with the methods that run it, and hostile texts made for each."""

import ast
import builtins
import importlib
import pkgutil
import re
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from re import _constants as opcodes  # type: ignore[attr-defined] # the only way to read a pattern's parts
from re import _parser as parser  # type: ignore[attr-defined]
from types import ModuleType
from typing import Any

import attrs

PACKAGES = ("stellary", "reference_server")
ANCHORED = ("match", "fullmatch", "search")
METHODS = frozenset({*ANCHORED, "sub", "subn", "split", "findall", "finditer"})

# Modules with a call whose pattern is a variable: what it stands for is found where it is written down.
COMPUTED = {
    "stellary.contract.limits",
    "stellary.core.kernel.grammars",
    "stellary.core.migrations.operations",
}

# Only Alembic can import the environment of migrations, and only Django the models of an application.
UNIMPORTABLE = (".migrations.env", ".contrib.django.models", ".contrib.django.admin", ".0001_initial")

Key = tuple[str | bytes, int]


@attrs.frozen
class Expression:
    """A pattern of the product.

    Attributes:
        name: The module, and the attribute or line, for the failure message.
        pattern: The compiled pattern.
        methods: The methods it is run by; all of them if that is unknown.
    """

    name: str
    pattern: re.Pattern[Any]
    methods: frozenset[str]

    def run(self, text: str | bytes) -> None:
        """Run the pattern over the whole text by each of the methods."""
        for method in ANCHORED:
            if method in self.methods:
                getattr(self.pattern, method)(text)
        if self.methods.difference(ANCHORED):
            # `sub`, `split` and `findall` go through a text in the same way.
            deque(self.pattern.finditer(text), maxlen=0)


# ---------------------------------------------------------------------------------------------- collecting


@cache
def modules() -> tuple[ModuleType, ...]:
    """Return the modules of the product, all imported."""
    imported = []
    for package in PACKAGES:
        root = importlib.import_module(package)
        names = [info.name for info in pkgutil.walk_packages(root.__path__, f"{package}.")]
        names = [name for name in names if not name.endswith(("__main__", *UNIMPORTABLE))]
        imported += [root, *map(importlib.import_module, names)]
    return tuple(imported)


def expressions() -> list[Expression]:
    """Return every pattern of the product: attributes of modules and classes, and those written at a call."""
    names: dict[Key, str] = {}
    patterns: dict[Key, re.Pattern[Any]] = {}
    methods: dict[Key, set[str]] = defaultdict(set)
    compiled: list[tuple[str, re.Pattern[Any]]] = []
    for module in modules():
        for name, pattern in _held_patterns(vars(module), module.__name__):
            names.setdefault(_key(pattern), f"{module.__name__}: {name}")
            patterns[_key(pattern)] = pattern
        for name, pattern, method in _calls(module):
            if method == "compile":
                compiled.append((name, pattern))
                continue
            names.setdefault(_key(pattern), name)
            patterns[_key(pattern)] = pattern
            methods[_key(pattern)].add(method)
    written = {pattern.pattern for pattern in patterns.values()}
    for name, pattern in compiled:
        if pattern.pattern not in written:
            names.setdefault(_key(pattern), name)
            patterns.setdefault(_key(pattern), pattern)
    return [
        Expression(names[key], pattern, frozenset(methods[key]) or METHODS)
        for key, pattern in patterns.items()
    ]


def modules_with_computed_patterns() -> set[str]:
    """Return the modules with a call whose pattern is not written down beside it."""
    return {
        module.__name__
        for module in modules()
        for _, argument, _ in _arguments(_tree(module))
        if _evaluate(argument, module) is None
    }


def _key(pattern: re.Pattern[Any]) -> Key:
    return pattern.pattern, pattern.flags


@cache
def _tree(module: ModuleType) -> ast.Module:
    return ast.parse(Path(module.__file__ or "").read_text())


def _held_patterns(value: Any, module: str) -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Yield the patterns in a value: in containers, in classes of the module, and in attrs values."""
    waiting = deque([("", value, 0)])
    seen: set[int] = set()
    while waiting:
        name, value, depth = waiting.popleft()
        # Not isinstance: the settings of Django cannot be asked for their class before they are configured.
        if issubclass(type(value), re.Pattern):
            yield name, value
        if depth < 6 and id(value) not in seen:
            seen.add(id(value))
            waiting.extend((f"{name}.{inner}", held, depth + 1) for inner, held in _parts(value, module))


def _parts(value: Any, module: str) -> Iterable[tuple[Any, Any]]:
    kind = type(value)
    if issubclass(kind, dict):
        return [(key, held) for key, held in value.items() if not str(key).startswith("__")]
    if issubclass(kind, (list, tuple, set, frozenset)):
        return enumerate(value)
    if issubclass(kind, type):
        return vars(value).items() if value.__module__ == module else ()
    if attrs.has(kind):
        return [(field.name, getattr(value, field.name, None)) for field in attrs.fields(kind)]
    return ()


def _calls(module: ModuleType) -> Iterator[tuple[str, re.Pattern[Any], str]]:
    """Yield what a module calls: the name of the place, the pattern, the method."""
    tree = _tree(module)
    arguments = list(_arguments(tree))
    inside = _nodes_in_functions(tree) if any(method == "compile" for _, _, method in arguments) else set()
    for line, argument, method in arguments:
        if method == "compile" and id(argument) not in inside:
            # It runs at import, and what it makes is found as an attribute.
            continue
        if (pattern := _evaluate(argument, module)) is not None:
            yield f"{module.__name__}:{line}", pattern, method
    for scope in tree.body:
        calls = [
            (node.func.value, node.func.attr)
            for node in ast.walk(scope)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in METHODS
        ]
        variables = _local_variables(scope) if calls else {}
        for owner, method in calls:
            for value in _named_values(owner, variables, module):
                for name, pattern in _held_patterns(value, module.__name__):
                    yield f"{module.__name__}: {name}", pattern, method


def _nodes_in_functions(tree: ast.Module) -> set[int]:
    """Return the identities of the nodes that are part of a function."""
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return {id(node) for function in functions for node in ast.walk(function)}


def _arguments(tree: ast.Module) -> Iterator[tuple[int, ast.expr, str]]:
    """Yield the first argument of each `re.…(…)` and of each `Pattern(…)` of the contract, which runs `fullmatch`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            match node.func:
                case ast.Attribute(value=ast.Name(id="re"), attr=method) if method in {*METHODS, "compile"}:
                    yield node.lineno, node.args[0], method
                case ast.Name(id="Pattern"):
                    yield node.lineno, node.args[0], "fullmatch"


class _Names(dict[str, Any]):
    """The names of a module; a local one, which only a function knows, stands for a word."""

    def __missing__(self, name: str) -> Any:
        return getattr(builtins, name, "word")


def _evaluate(argument: ast.expr, module: ModuleType) -> re.Pattern[Any] | None:
    """Return the pattern that an expression gives in its module; None if it is a variable.

    Flags are left out: patterns with flags are attributes, and ignoring the case changes no running time.
    """
    if not any(isinstance(part, ast.Constant) for part in ast.walk(argument)):
        value = vars(module).get(argument.id) if isinstance(argument, ast.Name) else None
        return re.compile(value) if isinstance(value, str) else None
    return re.compile(eval(ast.unparse(argument), {}, _Names(vars(module))))


def _local_variables(scope: ast.stmt) -> dict[str, list[ast.expr]]:
    """Return by the name of each local variable what it is taken from: what is assigned, or looped over."""
    sources: dict[str, list[ast.expr]] = defaultdict(list)
    for node in ast.walk(scope):
        match node:
            case ast.For(target=target, iter=source) | ast.comprehension(target=target, iter=source):
                pass
            case ast.Assign(targets=[target], value=source) | ast.NamedExpr(target=target, value=source):
                pass
            case _:
                continue
        for name in ast.walk(target):
            if isinstance(name, ast.Name):
                sources[name.id].append(source)
    return sources


def _named_values(node: ast.expr, variables: dict[str, list[ast.expr]], module: ModuleType) -> Iterator[Any]:
    """Yield what the names in an expression stand for in a module; of a local variable, what it is taken from."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            sources = [name for source in variables.get(inner.id, ()) for name in ast.walk(source)]
            for name in [inner, *sources]:
                value = vars(module).get(name.id) if isinstance(name, ast.Name) else None
                if isinstance(value, (re.Pattern, tuple, list, dict)):
                    yield value
        elif isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name):
            value = getattr(vars(module).get(inner.value.id), inner.attr, None)
            if isinstance(value, re.Pattern):
                yield value


# ---------------------------------------------------------------------------------------------- hostile texts

ANY_TEXT = " \t\n\x0caZé0-_.,:;/\\\"'`*#<>()[]{}&|+=~!?@%"
ENDINGS = ("", "\n", "\x00", "a")


@attrs.frozen
class HostileText:
    """A text of any length: a beginning, a unit that is repeated, and an ending."""

    head: str
    unit: str
    tail: str

    def of_length(self, length: int, *, as_bytes: bool = False) -> str | bytes:
        """Return the text at about that length."""
        text = self.head + self.unit * max(1, length // len(self.unit)) + self.tail
        return text.encode("utf-8", "surrogatepass") if as_bytes else text


def hostile_texts(pattern: re.Pattern[Any]) -> list[HostileText]:
    """Return hostile texts for a pattern.

    These are: single characters repeated, of all kinds and of those that the pattern names; its literals and examples
    of what it matches, whole and cut off, repeated; and examples of which one part is repeated, with an ending that
    the pattern does not expect.
    """
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    parsed = parser.parse(source, pattern.flags & ~re.UNICODE)
    literals = dict.fromkeys(character for character in _characters(parsed) if character.isprintable())
    characters = [*dict.fromkeys([*ANY_TEXT, *list(literals)[:40]])]
    texts = [HostileText("", character, tail) for character in characters for tail in ("", "\x00")]
    examples = list(dict.fromkeys(_examples(parsed)))
    for beginning in dict.fromkeys(example[:end] for example in examples for end in (1, 2, 4, 8, 16, 200)):
        texts += [HostileText("", beginning, "\x00"), HostileText("", beginning + " ", "")]
        texts += [HostileText(beginning, character, "\x00") for character in " a0" + beginning[-1]]
    for head, unit in _repeated_parts(parsed):
        texts += [HostileText(head, unit, tail) for tail in ENDINGS]
        texts += [HostileText("", head + unit, ""), HostileText("", unit + " ", "\x00")]
    return list(dict.fromkeys(text for text in texts if text.unit))


def _characters(parsed: Any) -> Iterator[str]:
    """Yield the characters that a parsed pattern names, of a range both ends."""
    for opcode, value in parsed:
        if opcode in (opcodes.LITERAL, opcodes.NOT_LITERAL):
            yield chr(value)
        elif opcode is opcodes.RANGE:
            yield from map(chr, value)
        elif opcode is opcodes.IN:
            yield from _characters(value)
        else:
            for inner in _inner(opcode, value):
                yield from _characters(inner)


def _inner(opcode: Any, value: Any) -> list[Any]:
    """Return the parsed patterns inside a part of one."""
    if opcode in (opcodes.MAX_REPEAT, opcodes.MIN_REPEAT, opcodes.POSSESSIVE_REPEAT):
        return [value[2]]
    if opcode is opcodes.BRANCH:
        return list(value[1])
    if opcode is opcodes.SUBPATTERN:
        return [value[3]]
    if opcode is opcodes.ATOMIC_GROUP:
        return [value]
    if opcode in (opcodes.ASSERT, opcodes.ASSERT_NOT):
        return [value[1]]
    return []


_CATEGORIES = {
    opcodes.CATEGORY_DIGIT: r"\d",
    opcodes.CATEGORY_NOT_DIGIT: r"\D",
    opcodes.CATEGORY_SPACE: r"\s",
    opcodes.CATEGORY_NOT_SPACE: r"\S",
    opcodes.CATEGORY_WORD: r"\w",
    opcodes.CATEGORY_NOT_WORD: r"\W",
}


def _example(parsed: Any, branch: int = 0, repeats: int = 1) -> str:
    """Return a text that a parsed pattern matches, more or less: assertions are taken for parts of it.

    Args:
        parsed: The pattern.
        branch: The alternative that is taken, where there are several; counted around.
        repeats: How often what may be repeated is, within its bounds.
    """
    return "".join(_example_of_part(opcode, value, branch, repeats) for opcode, value in parsed)


def _example_of_part(opcode: Any, value: Any, branch: int, repeats: int) -> str:
    if opcode is opcodes.LITERAL:
        return chr(value)
    if opcode in (opcodes.NOT_LITERAL, opcodes.ANY):
        return "a" if value != ord("a") else "b"
    if opcode is opcodes.IN:
        return _example_of_set(value)
    if opcode in (opcodes.MAX_REPEAT, opcodes.MIN_REPEAT, opcodes.POSSESSIVE_REPEAT):
        least, most, inner = value
        return _example(inner, branch, repeats) * max(least, min(int(most), repeats))
    if opcode is opcodes.BRANCH:
        return _example(value[1][branch % len(value[1])], branch, repeats)
    if opcode is opcodes.ASSERT_NOT:
        return ""
    return "".join(_example(inner, branch, repeats) for inner in _inner(opcode, value))


def _example_of_set(value: Any) -> str:
    opcode, first = value[0]
    if opcode is opcodes.NEGATE:
        return next((character for character in "a 0-\n<" if not _is_in(character, value[1:])), "a")
    if opcode is opcodes.CATEGORY:
        return next(character for character in "a0 " if re.match(_CATEGORIES[first], character))
    return chr(first[0]) if opcode is opcodes.RANGE else chr(first)


def _is_in(character: str, members: Any) -> bool:
    for opcode, value in members:
        if opcode is opcodes.LITERAL and value == ord(character):
            return True
        if opcode is opcodes.RANGE and value[0] <= ord(character) <= value[1]:
            return True
        if opcode is opcodes.CATEGORY and re.match(_CATEGORIES[value], character):
            return True
    return False


def _examples(parsed: Any) -> Iterator[str]:
    for branch in range(5):
        for repeats in (0, 1, 2):
            if example := _example(parsed, branch, repeats)[:200]:
                yield example


def _repeated_parts(parsed: Any, head: str = "") -> Iterator[tuple[str, str]]:
    """Yield each part that may be repeated without end: an example of what comes before it, and of the part itself."""
    for index, (opcode, value) in enumerate(parsed):
        before = head + _example(parsed[:index])
        if opcode in (opcodes.MAX_REPEAT, opcodes.MIN_REPEAT) and value[1] > 64:
            for branch in range(3):
                yield before, _example(value[2], branch)
        for inner in _inner(opcode, value):
            yield from _repeated_parts(inner, before)
