"""Responses with files: file names that every browser understands, and ranges according to RFC 9110."""

import pytest

from stellary.contract.errors import NotFound, RangeNotSatisfiable
from stellary.core import StoredFile, open_blobs
from stellary.core.api.transfers import build_file_response, disposition, open_body
from tests.support.each_case import for_each

KEY = "ab/" + "0" * 32
TAG = '"5af1"'


def request_file(size: int = 10, **headers: str):
    store = open_blobs("memory:")
    store.put(KEY, b"0123456789"[:size])
    file = StoredFile(KEY, "a.txt", "text/plain", size, "5af1")
    answer = open_body(
        build_file_response(store, file, {name.replace("_", "-"): text for name, text in headers.items()})
    )
    return answer.status, b"".join(answer.blocks or ()), answer.headers.get("content-range")


@for_each(
    "range, body, content_range",
    [
        ("bytes=0-0", b"0", "bytes 0-0/10"),
        ("bytes=3-5", b"345", "bytes 3-5/10"),
        ("bytes=8-", b"89", "bytes 8-9/10"),
        ("bytes=8-100", b"89", "bytes 8-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=-100", b"0123456789", "bytes 0-9/10"),
        ("BYTES = 1 - 2", b"12", "bytes 1-2/10"),
    ],
)
def test_range_returns_its_bytes(range, body, content_range):
    assert request_file(range=range) == (206, body, content_range)


@for_each(
    "range",
    ["", "bytes=", "bytes=-", "bytes=5-3", "bytes=0-1,3-4", "lines=0-1", "bytes=a-b", "bytes=\u0661-"],
)
def test_invalid_or_multiple_ranges_are_ignored(range):
    assert request_file(range=range) == (200, b"0123456789", None)


@for_each("range", ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=" + "9" * 18 + "-"])
def test_range_beyond_the_file_raises_an_error(range):
    with pytest.raises(RangeNotSatisfiable) as caught:
        request_file(range=range)
    assert caught.value.headers["Content-Range"] == "bytes */10"


def test_empty_file_has_no_ranges():
    assert request_file(0, range="bytes=0-") == (200, b"", None)


@for_each("tag", [TAG, f"W/{TAG}", "*", f'"other", {TAG}'])
def test_matching_etag_returns_304(tag):
    assert request_file(if_none_match=tag, range="bytes=0-1") == (304, b"", None)


@for_each("tag", ['"other"', "", ",", "5af1"])
def test_other_etag_returns_the_file(tag):
    assert request_file(if_none_match=tag)[0] == 200


def test_a_range_of_another_version_is_ignored():
    assert request_file(range="bytes=0-1", if_range=TAG)[0] == 206
    assert request_file(range="bytes=0-1", if_range='"other"')[0] == 200


def test_a_file_that_has_gone_is_not_found():
    file = StoredFile(KEY, "a.txt", None, 1, "5af1")
    with pytest.raises(NotFound):
        open_body(build_file_response(open_blobs("memory:"), file, {}))


@for_each(
    "name, header",
    [
        ("a b.txt", 'attachment; filename="a b.txt"'),
        ('a"b\\c.txt', "attachment; filename=\"a_b_c.txt\"; filename*=UTF-8''a%22b%5Cc.txt"),
        ("naïve.txt", "attachment; filename=\"na_ve.txt\"; filename*=UTF-8''na%C3%AFve.txt"),
        ("100%.txt", "attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt"),
    ],
)
def test_file_name_is_encoded_for_old_and_new_clients(name, header):
    assert disposition(name) == header
