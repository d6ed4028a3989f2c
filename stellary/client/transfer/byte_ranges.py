"""Byte ranges: a file that is downloaded in parts."""

from __future__ import annotations

import re

from stellary.contract.port import RawResponse


def count_received(response: RawResponse, start: int) -> tuple[int, int]:
    """Return the number of bytes of a file that have been received, and the size of the file.

    Args:
        response: The response with the part.
        start: The offset of the part's first byte.
    """
    end = start + len(response.body)
    size = _size(response)
    return end, end if size is None else size


def find_next_start(response: RawResponse, start: int) -> int | None:
    """Return the offset of the next part; None after the last part, or if the response was the whole file.

    Args:
        response: The response with the part.
        start: The offset of the part's first byte.
    """
    end = start + len(response.body)
    size = _size(response)
    if response.status != 206 or size is None or not response.body or end >= size:
        return None
    return end


def _size(response: RawResponse) -> int | None:
    match = re.search(r"/(\d+)$", response.headers.get("content-range", ""))
    return None if match is None else int(match[1])
