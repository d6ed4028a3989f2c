"""What files are called, and of what type they are said to be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellary.contract.attachments import NAME_MAX
from stellary.core.board.rules.attachments import clean_name, detect_type


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("report.pdf", "report.pdf"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\a.txt", "a.txt"),
        (" a.txt ", "a.txt"),
        ("a\r\nb\tc\x7f\x85.txt", "abc.txt"),
        ("a\u2028b\u2029c\ud800.txt", "abc.txt"),
        ("gpj\u202eexe.txt", "gpjexe.txt"),
        ("", "file"),
        (" . ", "file"),
        ("...", "file"),
        ("a/", "file"),
        (".gitignore", ".gitignore"),
        ("x" * 300, "x" * 255),
        ("x" * 300 + ".txt", "x" * 251 + ".txt"),
        ("x" * 250 + " " * 10 + ".txt", "x" * 250 + ".txt"),
        ("." + "x" * 300, "." + "x" * 254),
        ("a." + "x" * 300, "a." + "x" * 253),
    ],
)
def test_a_name_is_the_last_part_of_what_was_said(said, name):
    assert clean_name(said) == name


@given(st.text(max_size=600))
def test_a_clean_name_is_short_visible_and_clean_already(said):
    name = clean_name(said)
    assert 0 < len(name) <= NAME_MAX
    assert not set(name) & set("/\\\r\n\0")
    assert clean_name(name) == name
    name.encode()


@pytest.mark.parametrize(
    ("said", "name", "type"),
    [
        ("image/png", "a.txt", "image/png"),
        ("Text/HTML; charset=utf-8", "a", "text/html"),
        (None, "a.pdf", "application/pdf"),
        ("application/octet-stream", "a.pdf", "application/pdf"),
        ("application/octet-stream", "a.unknown", "application/octet-stream"),
        ("nonsense", "a.txt", "text/plain"),
        ("text/html\r\nX: y", "a", "application/octet-stream"),
        ("x" * 200 + "/y", "a", "application/octet-stream"),
        ("", "a.tar.gz", "application/octet-stream"),
        ("", "data:text/html,x", "application/octet-stream"),
    ],
)
def test_a_type_is_what_was_said_or_what_the_name_says(said, name, type):
    assert detect_type(said, name) == type
