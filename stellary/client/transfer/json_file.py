"""JSON files of the caller: a path, bytes, an open file or parsed JSON, read as an object or a list."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import IO, Any, NoReturn

from stellary.client.errors import UnsuitableFile
from stellary.contract.wire import Value

JsonFile = str | os.PathLike[str] | bytes | IO[bytes] | IO[str] | Mapping[str, Any]
JsonList = JsonFile | Sequence[Mapping[str, Any]]


def parse_json_file(file: JsonFile, what: str) -> dict[str, Any]:
    """Return the JSON object in a file.

    Args:
        file: A path, bytes, an open file, or the parsed object. A string is a path.
        what: The expected content, for the message: ``a Trello export``.

    Raises:
        UnsuitableFile: It does not contain a JSON object.
        OSError: It cannot be read.
        TypeError: It is not a file.
    """
    data = _parse(file, what)
    if not isinstance(data, dict):
        raise UnsuitableFile(f"this is not {what}: it holds {_describe(data)}, not an object")
    return data


def parse_json_list(file: JsonList, what: str) -> list[Any]:
    """Return the JSON list in a file, as ``parse_json_file`` returns an object.

    Args:
        file: The list, a path, bytes, a text or an open file.
        what: What the file should be, for the error: ``a list of GitHub issues``.

    Raises:
        UnsuitableFile: The file is not JSON, or does not contain a list.
    """
    data = _parse(file, what)
    if not isinstance(data, list):
        raise UnsuitableFile(f"this is not {what}: it holds {_describe(data)}, not a list")
    return data


def to_list(value: Any) -> Sequence[Any]:
    """Return the value if it is a list, else an empty one: the server reports what is wrong."""
    return value if isinstance(value, list) else []


def _parse(file: Any, what: str) -> Any:
    # A value of the API is a mapping, too, but not one of names of the API.
    if isinstance(file, Mapping) and not isinstance(file, Value):
        return dict(file)
    if isinstance(file, list | tuple):
        return list(file)
    content = _read(file)
    try:
        text = content if isinstance(content, str) else content.decode("utf-8-sig")
        return json.loads(text, parse_constant=_reject_constant)
    except UnicodeDecodeError:
        problem = "it is not UTF-8"
    except json.JSONDecodeError as error:
        problem = f"it is not valid JSON at line {error.lineno} column {error.colno}"
    except ValueError as error:
        # NaN, or an integer of thousands of digits.
        problem = str(error)
    except RecursionError:
        problem = "it is nested too deeply"
    raise UnsuitableFile(f"this is not {what}: {problem}")


def _read(file: Any) -> str | bytes:
    if isinstance(file, str | os.PathLike):
        with open(file, "rb") as opened:  # noqa: PTH123 - of any kind of path
            return opened.read()
    if hasattr(file, "read"):
        content: str | bytes = file.read()
        return content
    if isinstance(file, bytes | bytearray | memoryview):
        return bytes(file)
    raise TypeError(
        f"a file must be a path, bytes, an open file or its parsed content, not {type(file).__name__}"
    )


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _describe(data: Any) -> str:
    return {dict: "an object", list: "a list", str: "a text", type(None): "null"}.get(
        type(data), "a single value"
    )
