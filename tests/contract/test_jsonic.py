"""The JSON parser: it reads what the standard library reads, within the limits of the API."""

import contextlib
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stellary.contract import jsonic
from stellary.contract.errors import Invalid, TooLarge
from stellary.contract.jsonic import parse
from tests.contract.strategies import JSON
from tests.support.cpu_time import measure_cpu_time

# fmt: off
PIECES = [
    "{", "}", "[", "]", ":", ",", '"', "\\", '\\"', "\\u0000", "\\ud800", "\\ud83d\\ude00", "\ufeff", " ", "\n", "\0",
    "0", "1", "-", "9223372036854775808", "1e999", "1E5", ".5", "NaN", "-Infinity", "true", "null", '"a"', '"a":1', "é",
]
# fmt: on
NEARLY_JSON = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


@given(JSON)
def test_json_is_read_like_the_standard_library(value):
    text = json.dumps(value)
    assert parse(text.encode()) == json.loads(text)
    assert parse(json.dumps(value, ensure_ascii=False, indent=1).encode()) == value


@given(st.binary(max_size=100) | NEARLY_JSON.map(str.encode))
@example(b'{"a":1,"a":1}')
def test_any_bytes_are_read_as_by_the_standard_library_or_refused(data):
    with contextlib.suppress(Invalid):
        assert parse(data) == json.loads(data.decode())


REFUSED = [
    (b"", "the body is not valid JSON (expecting value at line 1 column 1)"),
    (b"\xef\xbb\xbf{}", "the body is not valid JSON (expecting value at line 1 column 1)"),
    (b'{"a": 1} x', "the body is not valid JSON (extra data at line 1 column 10)"),
    (b'{"a"}', "the body is not valid JSON (expecting ':' delimiter at line 1 column 5)"),
    (b'"\xff"', "the body must be UTF-8"),
    (b'"\xed\xa0\x80"', "the body must be UTF-8"),
    ("{}".encode("utf-16"), "the body must be UTF-8"),
    (b"NaN", "the body is not valid JSON (NaN is no number)"),
    (b"[-Infinity]", "the body is not valid JSON (-Infinity is no number)"),
    (b"1e999", "the body must not contain a number that is too large"),
    (b"-1E400", "the body must not contain a number that is too large"),
    (b"9" * 400 + b".5", "the body must not contain a number that is too large"),
    (b"9223372036854775808", "the body must not contain an integer beyond 64 bits"),
    (b"-9223372036854775809", "the body must not contain an integer beyond 64 bits"),
    (b"1" * 5000, "the body must not contain an integer beyond 64 bits"),
    (b'{"a": 1, "b": {"c": 2, "c": 3}}', 'the body must not contain "c" twice'),
    (b'{"a": 1, "\\u0061": 2}', 'the body must not contain "a" twice'),
    (b'["\\u0000"]', "the body must not contain a NUL character"),
    (b'{"\\u0000": 1}', "the body must not contain a NUL character"),
    (b'{"a": ["\\ud800"]}', "the body must not contain half a surrogate pair"),
    (b'"\\uDFFF\\ud800"', "the body must not contain half a surrogate pair"),
    (b"[" * 65 + b"]" * 65, "the body must not be nested deeper than 64"),
    (b'{"a":' * 65 + b"1" + b"}" * 65, "the body must not be nested deeper than 64"),
    (b"[" * 100_000, "the body must not be nested deeper than 64"),
]


@pytest.mark.parametrize(("data", "message"), REFUSED, ids=range(len(REFUSED)))
def test_invalid_json_raises_with_a_reason(data, message):
    with pytest.raises(Invalid) as caught:
        parse(data)
    assert (caught.value.message, caught.value.code) == (message, "invalid_json")


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"9223372036854775807", 2**63 - 1),
        (b"-9223372036854775808", -(2**63)),
        (b"1e308", 1e308),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'"\\\\u0000"', "\\u0000"),
        (b'"\\\\ud800"', "\\ud800"),
        (b" \n[]\t", []),
    ],
)
def test_values_within_the_limits_are_read(data, value):
    assert parse(data) == value


def test_depth_of_64_is_read_and_brackets_in_strings_do_not_count():
    assert parse(b"[" * 64 + b"]" * 64)
    assert parse(b'["' + b"[" * 1000 + b'\\""]') == ["[" * 1000 + '"']
    assert parse(b"[" + b"[]," * 1000 + b"{}]")[-1] == {}


@pytest.mark.parametrize(
    ("data", "values"),
    [(b'{"a": [1, 2, {"b": "c"}]}', 7), (b'"a, b: [c], {d}"', 0), (b'["\\", {},[:", "\\\\", 1]', 3)],
    ids=range(3),
)
def test_only_values_outside_of_strings_are_counted(data, values):
    assert parse(data, values_max=values)
    if values:
        with pytest.raises(TooLarge) as caught:
            parse(data, values_max=values - 1)
        assert caught.value.message == f"the body must not hold more than {values - 1} JSON values"


@given(JSON | NEARLY_JSON, st.integers(1, 9))
@example(["\\", 1e300, 10**18], 1)
@example(2**63, 1)
def test_sliced_parsing_gives_the_same_result(source, size):
    data = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else json.dumps(source).encode()
    with pytest.MonkeyPatch.context() as patch:
        whole = outcome(data)
        patch.setattr(jsonic, "_SLICE", size)
        assert outcome(data) == whole


def outcome(data):
    try:
        return parse(data)
    except Invalid as error:
        return error.message


def test_long_duplicate_name_is_shortened_in_the_message():
    name = b'"' + b"x" * 10_000 + b'"'
    with pytest.raises(Invalid) as caught:
        parse(b"{" + name + b":1," + name + b":2}")
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    "data",
    [
        *(b'"' * 100_000, b"\\" * 100_000, b'"\\' * 50_000, b"[{" * 50_000, b'{"' * 50_000),
        *(b"[" * 65 + b'"' + b"\\\\" * 50_000, b"1234567890123456 " * 6_000),
        *(b'["' + b"\\ud800" * 16_000 + b'"]', b"[" + b"[]," * 33_000),
    ],
    ids=range(9),
)
def test_parsing_time_is_linear(data):
    def parse_and_fail():
        with pytest.raises(Invalid):
            parse(data)

    assert measure_cpu_time(parse_and_fail, enough=0.1) < 0.1
