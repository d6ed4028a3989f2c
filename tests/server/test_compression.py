"""Compressed responses."""

import gzip
import re
import sys
import zlib

import attrs
import orjson
import pytest

from stellary.core import Core
from stellary.core.http.compression import SIZE_MIN, Compression, find_encodings, strip_encoding
from tests.server.running import Running, running
from tests.support.boards import create_board
from tests.support.core_parts import NO_LIMITS, ServiceResponse, card_lists, transfers
from tests.support.server_parts import Settings

LONG = "d" * SIZE_MIN
EXPORTED_AT = re.compile(rb'"exportedAt":"[^"]*"')


@attrs.frozen
class Served:
    """A server, and a board with a card of more than a kilobyte."""

    server: Running
    token: str
    path: str
    card: str

    def get(self, tail: str, **headers: str):
        return self.server.ask("GET", self.path + tail, token=self.token, **headers)


@pytest.fixture(name="served")
def serve_large_card(sqlite_core: Core):
    board = create_board(sqlite_core)
    card = board.card("large", description=LONG)
    settings = attrs.evolve(Settings(), limits=NO_LIMITS, cors_origins=("https://app.example",))
    with running(sqlite_core, settings) as server:
        yield Served(server, board.bearer, board.path, board.of(card))


@pytest.mark.parametrize("tail", ["/cards", "/cards?limit=1", "/board"])
def test_lists_and_boards_are_compressed(served: Served, tail):
    plain = served.get(tail)
    packed = served.get(tail, accept_encoding="gzip")
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["content-length"] == str(len(packed.body))
    assert orjson.loads(gzip.decompress(packed.body)) == plain.json
    assert plain.headers["vary"] == packed.headers["vary"] == "Origin, Accept-Encoding"


@pytest.mark.parametrize("tail", ["/board", "/cards", "/cards?limit=1", "/export", "/scopes"])
def test_large_response_is_sent_in_blocks_with_the_same_bytes(served: Served, monkeypatch, tail):
    whole = served.get(tail)
    monkeypatch.setattr(transfers, "IN_MEMORY", 100)
    monkeypatch.setattr(transfers, "_BLOCK", 300)
    monkeypatch.setattr(card_lists, "_TEXTS_MAX", 1)
    plain = served.get(tail)
    assert plain.headers["content-length"] == str(len(plain.body))
    # A tag of a body that is not in memory would be the same for all bodies.
    assert "etag" not in plain.headers
    packed = served.get(tail, accept_encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-length" not in packed.headers
    for body in (plain.body, gzip.decompress(packed.body)):
        assert EXPORTED_AT.sub(b"", body) == EXPORTED_AT.sub(b"", whole.body)
    assert served.get(tail, accept_encoding="br").headers["vary"] == "Origin, Accept-Encoding"


def test_small_responses_and_errors_are_not_compressed(served: Served):
    for tail, status in (("/labels", 200), ("/cards?limit=x", 400)):
        reply = served.get(tail, accept_encoding="gzip")
        assert (reply.status, reply.headers.get("content-encoding")) == (status, None)
        assert reply.headers["vary"] == "Origin"


def test_entity_tag_of_a_compressed_card_names_the_version(served: Served):
    def change(tag: str):
        return served.server.ask("PATCH", served.card, {"title": "new"}, served.token, if_match=tag)

    plain = served.server.ask("GET", served.card, token=served.token)
    packed = served.server.ask("GET", served.card, token=served.token, accept_encoding="gzip")
    assert (plain.headers["etag"], packed.headers["etag"]) == ('"1"', '"1-gzip"')
    assert change(packed.headers["etag"]).status == 200
    assert change(packed.headers["etag"]).status == 412
    assert change('"2"').status == 200


def test_head_has_the_headers_of_a_compressed_response(served: Served):
    head = served.server.ask("HEAD", f"{served.path}/cards", token=served.token, accept_encoding="gzip")
    assert (head.status, head.headers["content-encoding"], head.body) == (200, "gzip", b"")


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        (None, None),
        ("", None),
        ("identity", None),
        ("br, deflate", None),
        ("gzip", "gzip"),
        ("GZIP ; q=0.5", "gzip"),
        ("gzip, zstd", "zstd"),
        ("gzip, zstd;q=0", "gzip"),
        ("gzip;q=0", None),
        ("gzip;q=0.000, *", "zstd"),
        ("*", "zstd"),
        ("*;q=0", None),
        ("gzip;q=two", None),
        ("gzip;level=1", None),
        ("gzip zstd", None),
        ("," * 10_000 + "gzip", "gzip"),
    ],
)
def test_encoding_is_chosen_by_the_header(accepted, encoding):
    compression = Compression(dict.fromkeys(("zstd", "gzip"), zlib.compressobj))
    answer = ServiceResponse(200, {"content-type": "application/json"}, b"1" * SIZE_MIN)
    assert compression.compress(answer, accepted).headers.get("content-encoding") == encoding


def test_every_available_encoding_is_named_as_clients_ask_for_it():
    assert set(find_encodings()) in ({"gzip"}, {"zstd", "gzip"})


class Chunker:
    """A compressor that keeps the data until it is flushed, as ``zstandard`` does with small data."""

    def __init__(self) -> None:
        self._data = b""

    def compress(self, data: bytes) -> bytes:
        self._data += data
        return b""

    def flush(self) -> bytes:
        return b"packed " + self._data


class Library:
    """A library for zstd.

    Args:
        creator: The class that creates compressors for parts.
    """

    def __init__(self, creator: type) -> None:
        self.ZstdCompressor = creator


class WholeCompressor:
    """The compressor of ``zstandard``, which creates those for parts."""

    def compressobj(self) -> Chunker:
        return Chunker()


@pytest.mark.parametrize(
    ("name", "creator"),
    [("compression.zstd", Chunker), ("backports.zstd", Chunker), ("zstandard", WholeCompressor)],
)
def test_each_library_for_zstd_compresses_bodies_and_blocks(monkeypatch, name, creator):
    for other in ("compression.zstd", "backports.zstd", "zstandard"):
        monkeypatch.setitem(sys.modules, other, Library(creator) if other == name else None)
    compression = Compression(find_encodings())
    headers = {"content-type": "application/json"}
    whole = compression.compress(ServiceResponse(200, headers, b"1" * SIZE_MIN), "zstd")
    assert (whole.headers["content-encoding"], whole.body) == ("zstd", b"packed " + b"1" * SIZE_MIN)
    in_blocks = compression.compress(ServiceResponse(200, headers, blocks=iter([b"1", b"2"])), "zstd")
    assert (in_blocks.headers["content-encoding"], [*in_blocks.blocks]) == ("zstd", [b"packed 12"])


def test_encodings_are_stripped_from_entity_tags_only_at_their_ends():
    assert strip_encoding('"3-gzip", "4-zstd", W/"5-gzip", "gzip-6", "7"') == '"3", "4", W/"5", "gzip-6", "7"'
