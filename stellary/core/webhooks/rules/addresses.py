"""Public addresses: webhooks may only send to hosts on the public internet."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from stellary.contract.wire import invalid

PORTS = (80, 443)
# Networks whose addresses contain an IPv4 address, to which a gateway may translate them.
_CARRIERS = (
    IPv6Network("64:ff9b::/96"),
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("2002::/16"),
    IPv6Network("2001::/32"),
)
# Networks that the standard library considers global, in some or all versions.
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
    """Return whether an IP address belongs to the internet, and not to this machine, a private network, or a link."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is not None:
            return _is_public(ip.ipv4_mapped)
        if any(ip in carrier for carrier in _CARRIERS):
            return False
    return _is_public(ip)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    excluded = _NOT_PUBLIC_4 if isinstance(address, IPv4Address) else _NOT_PUBLIC_6
    if any(address in network for network in excluded):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def is_allowed_port(url: str, ports: Collection[int]) -> bool:
    """Return whether a valid URL leads to a port of the web, or one that the operator allows.

    Args:
        url: The URL.
        ports: The ports that are allowed besides 80 and 443.
    """
    parts = urlsplit(url)
    port = (443 if parts.scheme == "https" else 80) if parts.port is None else parts.port
    return port in PORTS or port in ports


def check_url(url: str, *, private: bool, ports: Collection[int]) -> str:
    """Check the URL of a webhook, and return it. The address of its host is checked at each delivery.

    Args:
        url: The URL.
        private: Whether addresses that are not public, and all ports, are allowed.
        ports: The ports that are allowed besides 80 and 443.

    Raises:
        Invalid: The URL is malformed, contains credentials, or names a host that is not public or another port.
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
    if not (private or is_allowed_port(url, ports)):
        names = ", ".join(map(str, sorted({*PORTS, *ports})))
        raise invalid(("url", f"must lead to one of the ports {names}"))
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


def hide_path(url: str) -> str:
    """Return a URL as activities contain it: with the host only, since the rest may be a secret."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}/…"
