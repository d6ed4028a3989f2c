"""An authenticator app for tests: enrolls accounts, and shows codes of its own, computed by OpenSSL's HMAC."""

import base64
import hmac
import struct
from datetime import datetime
from typing import Any

from tests.support.world import PASSWORD, World


def show_code(secret: str, now: datetime, steps: int = 0) -> str:
    """Return the code that an app shows, by the algorithm of RFC 6238.

    Args:
        secret: The secret in base32.
        now: The time of the app.
        steps: The number of steps of 30 seconds by which the clock of the app is fast.
    """
    counter = struct.pack(">Q", int(now.timestamp()) // 30 + steps)
    digest = hmac.new(base64.b32decode(secret), counter, "sha1").digest()
    (number,) = struct.unpack_from(">I", digest, digest[19] & 0xF)
    return str((number & 0x7FFFFFFF) % 1_000_000).zfill(6)


def enroll(world: World, who: Any) -> tuple[str, list[str]]:
    """Enable the second factor of a user, and return the secret and the recovery codes.

    Args:
        world: The world, whose clock stands still.
        who: The user or a JWT.
    """
    secret = world.ask(who, "POST", "/auth/second-factor", {"currentPassword": PASSWORD})["secret"]
    code = show_code(secret, world.core.env.clock())
    return secret, world.ask(who, "POST", "/auth/second-factor/confirm", {"code": code})["codes"]
