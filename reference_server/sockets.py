"""Sockets: what a server listens on, or one sentence why it cannot."""

from __future__ import annotations

import errno
import socket

from reference_server.settings import SettingsError

BACKLOG = 1024


def bound(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A socket that is bound and does not listen yet.

    Args:
        host: Name or address.
        port: 0 takes any that is free.
        shared: Several processes bind the same port; the system shares out the connections.

    Raises:
        SettingsError: The port is in use, or the host is not here.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind((host, port))
    except OSError as error:
        made.close()
        if error.errno == errno.EADDRINUSE:
            raise SettingsError(
                f"port {port} is in use: stop what listens there, or choose another with --port"
            ) from None
        raise SettingsError(f"cannot listen on {host} port {port}: {error.strerror or error}") from None
    return made


def url_of(made: socket.socket, host: str) -> str:
    """The URL at which a client on this machine reaches it."""
    port = made.getsockname()[1]
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 - recognized, not bound
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
