"""Addresses: which ones are public. What a webhook reaches must be reachable by anybody."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from stellary.contract.wire import invalid

# Each carries an IPv4 address to which a gateway on the way may lead.
_CARRIERS = (
    IPv6Network("64:ff9b::/96"),
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("2002::/16"),
    IPv6Network("2001::/32"),
)
# What the standard library takes for global, in some versions or in all.
_NOT_PUBLIC_4 = (
    # Protocol assignments, such as the addresses of a provider's own translators.
    IPv4Network("192.0.0.0/24"),
    # Relays of 6to4, which is no longer in use.
    IPv4Network("192.88.99.0/24"),
    # Azure's platform, which tells a machine about itself.
    IPv4Network("168.63.129.16/32"),
)
_NOT_PUBLIC_6 = (
    # Site-local, which is no longer in use but still routed inside of sites.
    IPv6Network("fec0::/10"),
    # Documentation.
    IPv6Network("3fff::/20"),
)


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet: not of this machine, of a private network, of a link …"""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return _is_public(found.ipv4_mapped)
        if any(found in carrier for carrier in _CARRIERS):
            return False
    return _is_public(found)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    excluded = _NOT_PUBLIC_4 if isinstance(address, IPv4Address) else _NOT_PUBLIC_6
    if any(address in network for network in excluded):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def checked(url: str, *, private: bool) -> str:
    """The URL of a webhook, which may lead to a public address. What its name stands for is looked at on delivery.

    Args:
        url: As it was given.
        private: Whether other addresses will do.

    Raises:
        Invalid: It is no such URL.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if (
        parts.scheme not in ("http", "https")
        or not host
        or not url.isascii()
        or any(mark <= " " for mark in url)
    ):
        raise invalid(("url", "must be a URL that begins with https:// or http://"))
    if parts.username is not None or parts.password is not None:
        raise invalid(("url", "must not hold a user name or a password"))
    if not private and not _may_be_public(host):
        raise invalid(("url", "must lead to a public address"))
    return url


def _may_be_public(host: str) -> bool:
    name = host.rstrip(".").lower()
    try:
        ip_address(name.partition("%")[0])
    except ValueError:
        return (
            name != "localhost" and not name.endswith((".localhost", ".local", ".internal")) and "." in name
        )
    return is_public(name)
