"""The store in which several servers keep the counts of their limits, and who has to see which commit: Redis or Valkey."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

Count = tuple[int, float]
"""A count, or an amount to add to it, and its end in seconds since 1970."""

_TIMEOUT = 0.25
_POSITIONS = "stellary:positions"
_ADD = """
local count = redis.call('INCRBY', KEYS[1], ARGV[1])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return {count, redis.call('PTTL', KEYS[1])}
"""


class RedisStore:
    """A store in Redis or Valkey. It is connected on first use, and raises the errors of the ``redis`` package.

    Args:
        url: ``redis://…`` or, with TLS, ``rediss://…``.
    """

    def __init__(self, url: str) -> None:
        # Imported here, since it is installed only where servers share their limits.
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        # A second attempt opens a connection again that the server has closed in the meantime.
        retry = Retry(NoBackoff(), 1)
        self._client = Redis.from_url(
            url, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT, retry=retry
        )

    def add(self, amounts: Mapping[str, Count]) -> dict[str, Count]:
        """Add amounts to counts, and return the counts. A count that has ended begins again, with the end of its amount.

        Args:
            amounts: The amounts by the keys of the counts.
        """
        now = time.time()
        pipeline = self._client.pipeline(transaction=False)
        for key, (amount, ends_at) in amounts.items():
            milliseconds = max(1, round((ends_at - now) * 1000))
            pipeline.eval(_ADD, 1, f"stellary:{key}", str(amount), str(milliseconds))
        return {
            key: (count, now + remaining / 1000)
            for key, (count, remaining) in zip(amounts, pipeline.execute(), strict=True)
        }

    def raise_positions(self, positions: dict[str, int]) -> None:
        """Store positions in the log of PostgreSQL by name, unless a later one is stored."""
        self._client.zadd(_POSITIONS, positions, gt=True)

    def read_positions(self, names: Sequence[str]) -> list[int | None]:
        """Return the positions of some names; None for a name without one."""
        scores = self._client.zmscore(_POSITIONS, [*names])
        return [None if score is None else int(score) for score in scores]

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
