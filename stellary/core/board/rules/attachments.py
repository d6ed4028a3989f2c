"""Files on cards: what they may be called, and of what type they are said to be."""

from __future__ import annotations

import mimetypes
import re
import unicodedata

from stellary.contract.attachments import NAME_MAX

UNKNOWN_TYPE = "application/octet-stream"
NAMELESS = "file"
_EXTENSION_MAX = 20
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
# They turn the order of what is shown: exe.jpg could be read where gpj.exe is written.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean_name(said: str) -> str:
    """The name of a file without its folders and without what cannot be seen; at most 255 characters.

    One that is too long is cut before its extension.
    """
    name = re.split(r"[/\\]", said)[-1]
    shown = "".join(
        each for each in name if unicodedata.category(each) not in _UNSEEN and each not in _TURNING
    )
    shown = shown.strip()
    if shown.strip(". ") == "":
        return NAMELESS
    if len(shown) <= NAME_MAX:
        return shown
    stem, dot, extension = shown.rpartition(".")
    if not stem or len(extension) > _EXTENSION_MAX:
        return shown[:NAME_MAX].rstrip()
    return stem[: NAME_MAX - len(extension) - 1].rstrip() + dot + extension


# Control characters, halves of surrogate pairs, and the separators of lines and paragraphs.
_UNSEEN = frozenset({"Cc", "Cs", "Zl", "Zp"})


def type_of(said: str | None, name: str) -> str:
    """The MIME type of a file, without parameters: what the uploader said, else what the name says."""
    plain = (said or "").partition(";")[0].strip().lower()
    if _TYPE.fullmatch(plain) and plain != UNKNOWN_TYPE:
        return plain
    # By the list of the standard library alone: what it finds on a machine differs from one to the next.
    guessed, packed = _TYPES.guess_type(name.replace(":", "_"))
    return guessed if guessed and not packed else UNKNOWN_TYPE


_TYPES = mimetypes.MimeTypes()
