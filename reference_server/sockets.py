"""The socket that a server listens on."""

from __future__ import annotations

import errno
import socket

from reference_server.settings import SettingsError

BACKLOG = 1024


def bind_socket(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Return a socket that is bound but does not listen yet.

    Args:
        host: A name or an address.
        port: The port; 0 for any free one.
        shared: Whether several processes bind the same port; the system distributes connections among them.

    Returns:
        The socket.

    Raises:
        SettingsError: The port is in use, or the host is not an address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound_socket = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            bound_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound_socket.bind((host, port))
    except OSError as error:
        bound_socket.close()
        if error.errno == errno.EADDRINUSE:
            raise SettingsError(
                f"port {port} is in use: stop what listens there, or choose another with --port"
            ) from None
        raise SettingsError(f"cannot listen on {host} port {port}: {error.strerror or error}") from None
    return bound_socket


def url_of(bound_socket: socket.socket, host: str) -> str:
    """Return the URL by which clients on this machine reach a socket."""
    port = bound_socket.getsockname()[1]
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 - recognized, not bound
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
