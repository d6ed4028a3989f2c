"""The address of a request's client, also behind trusted proxies."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network
UNKNOWN = "unknown"


def client_address(peer: str | None, forwarded: Sequence[str], trusted: Sequence[Network]) -> str:
    """Return the client's address. An IPv6 address is replaced by its /64 network, since one household has a whole network.

    Args:
        peer: The address of the connection; None or empty for a socket without one.
        forwarded: The ``X-Forwarded-For`` headers, each a list of addresses, the nearest last.
        trusted: The trusted proxies. Headers of other senders are ignored.

    Returns:
        The address, or ``unknown``.
    """
    if not forwarded:
        return _peer_address(peer or "")
    address = _address(peer or "")
    if address is None:
        return UNKNOWN
    hops = [hop for header in forwarded for hop in header.split(",")]
    while hops and any(address in network for network in trusted):
        before = _address(hops.pop())
        if before is None:
            break
        address = before
    return _to_network(address)


def is_within(peer: str | None, networks: Sequence[Network]) -> bool:
    """Return whether the address of a connection belongs to one of some networks.

    Args:
        peer: The address; None or empty for a socket without one.
        networks: The networks.
    """
    address = _address(peer or "")
    return address is not None and any(address in network for network in networks)


@functools.lru_cache(maxsize=4096)
def _peer_address(peer: str) -> str:
    """Return the address of a client that is connected without a proxy."""
    address = _address(peer)
    return UNKNOWN if address is None else _to_network(address)


@functools.lru_cache(maxsize=4096)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


@functools.lru_cache(maxsize=4096)
def _to_network(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((address, 64), strict=False))
