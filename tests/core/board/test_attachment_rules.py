"""Names and media types of attachments."""

from hypothesis import given
from hypothesis import strategies as st

from stellary.contract.attachments import NAME_MAX
from stellary.core.board.rules.attachments import clean_name, detect_type
from tests.support.each_case import for_each


@for_each(
    "filename, name",
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
def test_clean_name_is_the_last_part_of_a_path(filename, name):
    assert clean_name(filename) == name


@given(st.text(max_size=600))
def test_a_clean_name_is_short_visible_and_clean_already(filename):
    name = clean_name(filename)
    assert 0 < len(name) <= NAME_MAX
    assert not set(name) & set("/\\\r\n\0")
    assert clean_name(name) == name
    name.encode()


@for_each(
    "media_type, name, type",
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
def test_type_is_the_given_one_or_follows_from_the_name(media_type, name, type):
    assert detect_type(media_type, name) == type
