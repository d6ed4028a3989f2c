"""JSON files of the caller's, however they are given, and what is said of those that are none."""

from __future__ import annotations

import io
import pickle

import pytest

from stellary import StellaryError, UnsuitableFile
from stellary.client.transfer.json_file import parse_json_file, parse_json_list

TEXT = '{"name": "\u00e9"}'
SAID = {"name": "\u00e9"}


def test_a_file_may_be_a_path_bytes_an_open_file_or_what_it_holds(tmp_path):
    path = tmp_path / "file.json"
    path.write_text(TEXT, encoding="utf-8-sig")
    data = TEXT.encode()
    given = [path, str(path), data, bytearray(data), io.BytesIO(data), io.StringIO(TEXT), SAID]
    assert [parse_json_file(each, "a file") for each in given] == [SAID] * len(given)


def test_a_list_may_be_given_as_it_is():
    assert (
        parse_json_list([SAID], "a list") == parse_json_list(b"[" + TEXT.encode() + b"]", "a list") == [SAID]
    )


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"{", "it is not valid JSON at line 1 column 2"),
        (b"\xff", "it is not UTF-8"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b'{"a": NaN}', "NaN is no number"),
        (b"[]", "it holds a list, not an object"),
        (b"null", "it holds null, not an object"),
        (b"5", "it holds a single value, not an object"),
    ],
    ids=str,
)
def test_a_file_that_is_none_is_told_in_a_sentence(data, said):
    with pytest.raises(UnsuitableFile) as caught:
        parse_json_file(data, "a board")
    assert str(caught.value) == f"this is not a board: {said}"


def test_a_list_that_is_none_is_told_too():
    with pytest.raises(UnsuitableFile, match="this is not a list of issues: it holds an object, not a list"):
        parse_json_list(b"{}", "a list of issues")


def test_something_else_is_no_file():
    with pytest.raises(TypeError, match="not int"):
        parse_json_file(5, "a board")


def test_a_file_that_is_not_there_is_the_systems_to_tell(tmp_path):
    with pytest.raises(FileNotFoundError):
        parse_json_file(tmp_path / "nothing", "a board")


def test_the_error_is_one_of_ours_and_a_value_error():
    error = UnsuitableFile("no")
    assert isinstance(error, StellaryError)
    assert isinstance(error, ValueError)
    assert str(pickle.loads(pickle.dumps(error))) == "no"
