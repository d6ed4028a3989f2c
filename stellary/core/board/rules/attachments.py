"""Rules of attachments: file names and MIME types."""

from __future__ import annotations

import mimetypes
import re
import unicodedata

from stellary.contract.attachments import NAME_MAX

UNKNOWN_TYPE = "application/octet-stream"
DEFAULT_NAME = "file"
_EXTENSION_MAX = 20
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
# These characters change the direction of text: a name that ends with .exe could look like exe.jpg.
_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean_name(name: str) -> str:
    """Return a file name without folders and invisible characters, at most 255 characters long.

    A longer name is cut before its extension.
    """
    base_name = re.split(r"[/\\]", name)[-1]
    visible = "".join(
        character
        for character in base_name
        if unicodedata.category(character) not in _INVISIBLE and character not in _BIDI_CONTROLS
    )
    visible = visible.strip()
    if visible.strip(". ") == "":
        return DEFAULT_NAME
    if len(visible) <= NAME_MAX:
        return visible
    stem, dot, extension = visible.rpartition(".")
    if not stem or len(extension) > _EXTENSION_MAX:
        return visible[:NAME_MAX].rstrip()
    return stem[: NAME_MAX - len(extension) - 1].rstrip() + dot + extension


# Control characters, halves of surrogate pairs, and the separators of lines and paragraphs.
_INVISIBLE = frozenset({"Cc", "Cs", "Zl", "Zp"})


def detect_type(uploaded_type: str | None, name: str) -> str:
    """Return the MIME type of a file, without parameters.

    Args:
        uploaded_type: The type that the upload names, which takes precedence.
        name: The file name, whose extension is used if there is no type.
    """
    plain = (uploaded_type or "").partition(";")[0].strip().lower()
    if _TYPE.fullmatch(plain) and plain != UNKNOWN_TYPE:
        return plain
    # Only the built-in list of the standard library: the lists of operating systems differ.
    guess, encoding = _TYPES.guess_type(name.replace(":", "_"))
    return guess if guess and not encoding else UNKNOWN_TYPE


_TYPES = mimetypes.MimeTypes()
