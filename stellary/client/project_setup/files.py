"""Declaration files: YAML, TOML and JSON, read strictly and written as YAML.

Only plain YAML is accepted: no tags, anchors or merge keys. ``no`` and ``on`` are text; dates and version numbers stay as
they are written. A name that occurs twice is an error.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stellary.client.project_setup.checking import check
from stellary.client.project_setup.declaration import Declaration, as_dict
from stellary.client.project_setup.problems import ProblemCollector
from stellary.client.project_setup.reading import read as read_data
from stellary.contract.wire import Value

DeclarationSource = Declaration | Mapping[str, Any] | str | os.PathLike[str]
"""A declaration: a value, a dict with the contents of a file, or the path of a ``.yaml``, ``.toml`` or ``.json`` file."""

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?[0-9]+\.[0-9]*(?:[eE][-+]?[0-9]+)?")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


def load_source(source: DeclarationSource) -> tuple[Declaration, ProblemCollector]:
    """Return the readable parts of the declaration, and the problems found so far.

    Raises:
        UnsuitableDeclaration: Nothing in the declaration can be read.
        OSError: The file cannot be read.
        TypeError: The source is not a declaration, a dict or a path.
    """
    if isinstance(source, str | os.PathLike):
        file = Path(source)
        return _load_bytes(file.read_bytes(), file.suffix, file.name)
    # A value of the API is a mapping, too.
    if isinstance(source, Value) or not isinstance(source, Declaration | Mapping):
        raise TypeError(f"a declaration must be a Declaration, a dict or a path, not {type(source).__name__}")
    problems = ProblemCollector()
    data = as_dict(source) if isinstance(source, Declaration) else source
    return check(read_data(data, problems), problems), problems


def read(path: str | os.PathLike[str]) -> Declaration:
    """Return the declaration in a file. Its suffix selects the format: ``.yaml``, ``.yml``, ``.toml`` or ``.json``.

    Raises:
        UnsuitableDeclaration: The declaration is invalid; the error has the path of each problem, and its line if known.
        OSError: The file cannot be read.
    """
    declaration, problems = load_source(path)
    problems.refuse()
    return declaration


def loads(data: bytes, suffix: str, name: str = "") -> Declaration:
    """Return the declaration in the bytes of a file.

    Args:
        data: The contents, in UTF-8.
        suffix: The format: ``.yaml``, ``.yml``, ``.toml`` or ``.json``.
        name: The name of the file in messages.

    Raises:
        UnsuitableDeclaration: The declaration is invalid.
    """
    declaration, problems = _load_bytes(data, suffix, name)
    problems.refuse()
    return declaration


def _load_bytes(data: bytes, suffix: str, name: str) -> tuple[Declaration, ProblemCollector]:
    problems = ProblemCollector(name)
    parsers = {".yaml": _parse_yaml, ".yml": _parse_yaml, ".toml": _parse_toml, ".json": _parse_json}
    parser = parsers.get(suffix.lower())
    if parser is None:
        problems.fail("", f"the file name must end in {', '.join(parsers)}, not in {suffix!r}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        problems.fail("", "the file is not UTF-8")
    parsed = parser(text, problems)
    if not isinstance(parsed, Mapping):
        problems.refuse()
    return check(read_data(parsed, problems), problems), problems


def dumps(declaration: Declaration) -> str:
    """Return a declaration as YAML that ``loads`` can read."""
    yaml = _import_yaml()
    text: str = yaml.dump(
        as_dict(declaration),
        Dumper=_make_dumper(yaml),
        sort_keys=False,
        allow_unicode=True,
        width=110,
        default_flow_style=False,
    )
    return text


def _make_dumper(yaml: Any) -> Any:
    class Plain(yaml.SafeDumper):  # type: ignore[misc]
        """A dumper that writes dates without quotes, since they are read as text."""

    Plain.yaml_implicit_resolvers = {
        first: [resolver for resolver in resolvers if resolver[0] != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeDumper.yaml_implicit_resolvers.items()
    }
    return Plain


def _parse_toml(text: str, problems: ProblemCollector) -> Any:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        problems.fail("", f"this is not TOML: {error}")


def _parse_json(text: str, problems: ProblemCollector) -> Any:
    def build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) < len(pairs):
            names = [name for name, _ in pairs]
            duplicate = next(name for name in names if names.count(name) > 1)
            problems.note("", f"{duplicate!r} occurs twice in one object")
        return values

    try:
        return json.loads(text, object_pairs_hook=build_object)
    except json.JSONDecodeError as error:
        problems.fail("", f"this is not JSON: {error}")
    except (ValueError, RecursionError) as error:
        problems.fail("", f"this cannot be read: {error}")


def _import_yaml() -> Any:
    try:
        import yaml
    except ImportError:
        raise ImportError("YAML is read and written by PyYAML: pip install 'stellary[setup]'") from None
    return yaml


def _parse_yaml(text: str, problems: ProblemCollector) -> Any:
    yaml = _import_yaml()
    try:
        root = yaml.compose(text, Loader=_make_loader(yaml))
        return None if root is None else _build(root, "", problems)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" at line {mark.line + 1} column {mark.column + 1}" if mark else ""
        problems.fail("", f"this is not YAML: {error.problem or error.context}{where}")
    except (yaml.YAMLError, RecursionError) as error:
        problems.fail("", f"this is not YAML: {str(error).splitlines()[0]}")


def _make_loader(yaml: Any) -> Any:
    class Plain(yaml.SafeLoader):  # type: ignore[misc]
        """A loader that refuses anchors, aliases and tags."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            event: Any = self.peek_event()
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise yaml.MarkedYAMLError(
                    problem="anchors and aliases are not supported", problem_mark=event.start_mark
                )
            if (tag := getattr(event, "tag", None)) is not None:
                raise yaml.MarkedYAMLError(
                    problem=f"tags such as {tag} are not supported", problem_mark=event.start_mark
                )
            return super().compose_node(parent, index)

    return Plain


def _build(node: Any, path: str, problems: ProblemCollector) -> Any:
    """Return the value of a node, and record the line of each path."""
    problems.lines.setdefault(path, node.start_mark.line + 1)
    if node.id == "sequence":
        return [_build(item, f"{path}[{index}]", problems) for index, item in enumerate(node.value)]
    if node.id == "mapping":
        values: dict[str, Any] = {}
        for name_node, value_node in node.value:
            name = name_node.value if name_node.id == "scalar" else "?"
            value_path = f"{path}.{name}" if path else name
            problems.lines[value_path] = name_node.start_mark.line + 1
            if name in values:
                problems.note(value_path, f"{name!r} is listed twice")
            values[name] = _build(value_node, value_path, problems)
        return values
    return node.value if node.style in ("'", '"', "|", ">") else _parse_scalar(node.value)


def _parse_scalar(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text) and len(text) < 20:
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
