"""JSON files of the caller's: from a path, bytes, an open file, or parsed already, to a dict or a list."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import IO, Any, NoReturn

from stellary.client.errors import UnsuitableFile

JsonFile = str | os.PathLike[str] | bytes | IO[bytes] | IO[str] | Mapping[str, Any]
JsonList = JsonFile | Sequence[Mapping[str, Any]]


def parsed(file: JsonFile, what: str) -> dict[str, Any]:
    """The object that a file holds.

    Args:
        file: A text is a path.
        what: The file ought to be, for the message: ``a Trello export``.

    Raises:
        UnsuitableFile: It holds no JSON object.
        OSError: It cannot be read.
        TypeError: It is no file.
    """
    found = _parsed(file, what)
    if not isinstance(found, dict):
        raise UnsuitableFile(f"this is not {what}: it holds {_kind(found)}, not an object")
    return found


def parsed_list(file: JsonList, what: str) -> list[Any]:
    """The list that a file holds; raises as ``parsed`` does."""
    found = _parsed(file, what)
    if not isinstance(found, list):
        raise UnsuitableFile(f"this is not {what}: it holds {_kind(found)}, not a list")
    return found


def _parsed(file: Any, what: str) -> Any:
    if isinstance(file, Mapping):
        return dict(file)
    if isinstance(file, list | tuple):
        return list(file)
    data = _read(file)
    try:
        text = data if isinstance(data, str) else data.decode("utf-8-sig")
        return json.loads(text, parse_constant=_constant)
    except UnicodeDecodeError:
        raise UnsuitableFile(f"this is not {what}: it is not UTF-8") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise UnsuitableFile(f"this is not {what}: it is not valid JSON at {where}") from None
    except ValueError as error:
        # NaN, or an integer of thousands of digits.
        raise UnsuitableFile(f"this is not {what}: {error}") from None
    except RecursionError:
        raise UnsuitableFile(f"this is not {what}: it is nested too deeply") from None


def _read(file: Any) -> str | bytes:
    if isinstance(file, str | os.PathLike):
        with open(file, "rb") as opened:  # noqa: PTH123 - of any kind of path
            return opened.read()
    if hasattr(file, "read"):
        found: str | bytes = file.read()
        return found
    if isinstance(file, bytes | bytearray | memoryview):
        return bytes(file)
    raise TypeError(f"a file must be a path, bytes, an open file or what it holds, not {type(file).__name__}")


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _kind(found: Any) -> str:
    return {dict: "an object", list: "a list", str: "a text", type(None): "null"}.get(
        type(found), "a single value"
    )
