"""Addresses: who a request comes from, past the proxies that are trusted to say so."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from reference_server.settings import Network

UNKNOWN = "unknown"


def client_address(peer: str | None, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """The client's address. One of IPv6 stands for its network of 64 bits, which is what one household has.

    Args:
        peer: Of the connection; None or empty for a socket that has none.
        forwarded: The ``X-Forwarded-For`` headers, each a list of addresses, the nearest last.
        trusted: Proxies whose word is taken. What an address that is not among them says is ignored.
    """
    address = _address(peer or "")
    if address is None:
        return UNKNOWN
    hops = [hop for header in forwarded for hop in header.split(",")]
    while hops and any(address in network for network in trusted):
        before = _address(hops.pop())
        if before is None:
            break
        address = before
    return _household(address)


@functools.lru_cache(maxsize=4096)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found


@functools.lru_cache(maxsize=4096)
def _household(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((address, 64), strict=False))
