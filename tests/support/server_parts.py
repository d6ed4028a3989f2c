"""Parts of the reference server that many tests need, so that a module moves without them."""

# ruff: noqa: F401

from reference_server import protocol
from reference_server.__main__ import main
from reference_server.serve import run
from reference_server.settings import Settings, SettingsError, SmtpServer, from_environment
from reference_server.sockets import bind_socket
from reference_server.webhook_sender import HttpWebhookSender
