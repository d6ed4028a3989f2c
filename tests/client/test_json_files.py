"""JSON files of the caller in all supported forms, and the errors of invalid ones."""

import io
import pickle

import pytest

from stellary import StellaryError, UnsuitableFile
from stellary.client.transfer.json_file import parse_json_file, parse_json_list

TEXT = '{"name": "\u00e9"}'
OBJECT = {"name": "\u00e9"}


def test_file_can_be_path_bytes_open_file_or_parsed_content(tmp_path):
    path = tmp_path / "file.json"
    path.write_text(TEXT, encoding="utf-8-sig")
    data = TEXT.encode()
    sources = [path, str(path), data, bytearray(data), io.BytesIO(data), io.StringIO(TEXT), OBJECT]
    assert [parse_json_file(source, "a file") for source in sources] == [OBJECT] * len(sources)


def test_a_list_may_be_given_as_it_is():
    for data in ([OBJECT], f"[{TEXT}]".encode()):
        assert parse_json_list(data, "a list") == [OBJECT]


@pytest.mark.parametrize(
    ("data", "reason"),
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
def test_invalid_file_raises_with_a_reason(data, reason):
    with pytest.raises(UnsuitableFile) as caught:
        parse_json_file(data, "a board")
    assert str(caught.value) == f"this is not a board: {reason}"


def test_invalid_list_raises_with_a_reason():
    with pytest.raises(UnsuitableFile, match="this is not a list of issues: it holds an object, not a list"):
        parse_json_list(b"{}", "a list of issues")


def test_unsupported_source_raises_type_error():
    with pytest.raises(TypeError, match="not int"):
        parse_json_file(5, "a board")


def test_missing_file_raises_file_not_found(tmp_path):
    with pytest.raises(FileNotFoundError):
        parse_json_file(tmp_path / "nothing", "a board")


def test_the_error_is_one_of_ours_and_a_value_error():
    error = UnsuitableFile("no")
    assert isinstance(error, StellaryError)
    assert isinstance(error, ValueError)
    assert str(pickle.loads(pickle.dumps(error))) == "no"
