"""Files of declarations: YAML, TOML and JSON, read strictly and written as YAML.

Of YAML the plain part is taken: no tags, no anchors, no merging. ``no`` and ``on`` are texts, as they look; dates and
version numbers stay what was written. A name that stands twice is refused.
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
from stellary.client.project_setup.problems import Problems
from stellary.client.project_setup.reading import read as read_data

Source = Declaration | Mapping[str, Any] | str | os.PathLike[str]
"""What is declared: as a value, as the dict that a file holds, or by the path of a ``.yaml``, ``.toml`` or ``.json``."""

_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?[0-9]+\.[0-9]*(?:[eE][-+]?[0-9]+)?")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


def gathered(source: Source) -> tuple[Declaration, Problems]:
    """Return what is declared, as far as it can be read, and what is wrong with it so far.

    Raises:
        UnsuitableDeclaration: Nothing of it can be read.
        OSError: The file cannot be read.
        TypeError: It is nothing that declares.
    """
    if isinstance(source, str | os.PathLike):
        file = Path(source)
        return _gathered(file.read_bytes(), file.suffix, file.name)
    if not isinstance(source, Declaration | Mapping):
        raise TypeError(f"a declaration must be one, a dict or a path, not {type(source).__name__}")
    problems = Problems()
    data = as_dict(source) if isinstance(source, Declaration) else source
    return check(read_data(data, problems), problems), problems


def read(path: str | os.PathLike[str]) -> Declaration:
    """What a file declares; its name says how it is written: ``.yaml``, ``.yml``, ``.toml`` or ``.json``.

    Raises:
        UnsuitableDeclaration: It makes no sense; with the line, where that is known, and the place of each problem.
        OSError: It cannot be read.
    """
    declaration, problems = gathered(path)
    problems.refuse()
    return declaration


def loads(data: bytes, suffix: str, name: str = "") -> Declaration:
    """What the bytes of a file declare.

    Args:
        data: In UTF-8.
        suffix: ``.yaml``, ``.yml``, ``.toml`` or ``.json``.
        name: What the file is called in messages.
    """
    declaration, problems = _gathered(data, suffix, name)
    problems.refuse()
    return declaration


def _gathered(data: bytes, suffix: str, name: str) -> tuple[Declaration, Problems]:
    problems = Problems(name)
    parsers = {".yaml": _yaml, ".yml": _yaml, ".toml": _toml, ".json": _json}
    parser = parsers.get(suffix.lower())
    if parser is None:
        problems.note("", f"the name of a declaration ends in {', '.join(parsers)}, not in {suffix!r}")
        problems.refuse()
    assert parser is not None
    text = ""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        problems.note("", "the file is not UTF-8")
        problems.refuse()
    parsed = parser(text, problems)
    if not isinstance(parsed, Mapping):
        problems.refuse()
    return check(read_data(parsed, problems), problems), problems


def dumps(declaration: Declaration) -> str:
    """A declaration as YAML, which ``loads`` reads again."""
    yaml = _yaml_library()
    text: str = yaml.dump(
        as_dict(declaration),
        Dumper=_dumper(),
        sort_keys=False,
        allow_unicode=True,
        width=110,
        default_flow_style=False,
    )
    return text


def _dumper() -> Any:
    yaml = _yaml_library()

    class Plain(yaml.SafeDumper):  # type: ignore[name-defined,misc]
        """Writes dates without quotes, since they are read as texts."""

    Plain.yaml_implicit_resolvers = {
        first: [each for each in resolvers if each[0] != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeDumper.yaml_implicit_resolvers.items()
    }
    return Plain


def _toml(text: str, problems: Problems) -> Any:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        problems.note("", f"this is not TOML: {error}")
    return None


def _json(text: str, problems: Problems) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            problems.note("", f"{twice!r} stands twice in one object")
        return made

    try:
        return json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        problems.note("", f"this is not JSON: {error}")
    except (ValueError, RecursionError) as error:
        problems.note("", f"this cannot be read: {error}")
    return None


def _yaml_library() -> Any:
    try:
        import yaml
    except ImportError:
        raise ImportError("YAML is read and written by PyYAML: pip install 'stellary[setup]'") from None
    return yaml


def _yaml(text: str, problems: Problems) -> Any:
    yaml = _yaml_library()
    try:
        found = yaml.compose(text, Loader=_composer())
        lines: dict[str, int] = {}
        problems.lines = lines
        return None if found is None else _built(found, "", lines, problems)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" at line {mark.line + 1} column {mark.column + 1}" if mark else ""
        problems.note("", f"this is not YAML: {error.problem or error.context}{where}")
    except (yaml.YAMLError, RecursionError) as error:
        problems.note("", f"this is not YAML: {str(error).splitlines()[0]}")
    return None


def _composer() -> Any:
    yaml = _yaml_library()

    class Plain(yaml.SafeLoader):  # type: ignore[name-defined,misc]
        """Composes without aliases: what is repeated is written twice, or better in Python."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            event: Any = self.peek_event()
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise yaml.MarkedYAMLError(
                    problem="anchors and aliases are not taken", problem_mark=event.start_mark
                )
            if (tag := getattr(event, "tag", None)) is not None:
                raise yaml.MarkedYAMLError(
                    problem=f"tags such as {tag} are not taken", problem_mark=event.start_mark
                )
            return super().compose_node(parent, index)

    return Plain


def _built(node: Any, path: str, lines: dict[str, int], problems: Problems) -> Any:
    """The value of a node, noting its line."""
    yaml = _yaml_library()
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        return [_built(each, f"{path}[{at}]", lines, problems) for at, each in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        found = {}
        for name_node, each in node.value:
            name = name_node.value if isinstance(name_node, yaml.ScalarNode) else "?"
            at = f"{path}.{name}" if path else name
            if name in found:
                lines[at] = name_node.start_mark.line + 1
                problems.note(at, f"{name!r} stands here twice")
            lines[at] = name_node.start_mark.line + 1
            found[name] = _built(each, at, lines, problems)
        return found
    return node.value if node.style in ("'", '"', "|", ">") else _scalar(node.value)


def _scalar(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text) and len(text) < 20:
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
