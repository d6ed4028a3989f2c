"""The versions of SQLAlchemy and psycopg whose private attributes the core reads.

With them, the core's own connections execute statements directly on the driver (``direct_connection.py``). With other
versions, SQLAlchemy executes all statements, as on an engine of the host: slower, with the same results.
"""

from __future__ import annotations

import functools
import logging
from importlib.metadata import version

_log = logging.getLogger("stellary.core")
KNOWN = {"sqlalchemy": "2.1.", "psycopg": "3.3."}
"""The first parts of the known versions, with which the tests of these modules have passed."""


@functools.cache
def are_known(driver: str) -> bool:
    """Return whether the installed versions are known. Log a warning if not, once in a process.

    Args:
        driver: The name of the driver, as SQLAlchemy spells it.
    """
    libraries = ["sqlalchemy", *(["psycopg"] if driver == "psycopg" else [])]
    unknown = [
        f"{name} {version(name)}" for name in libraries if not f"{version(name)}.".startswith(KNOWN[name])
    ]
    if unknown:
        _log.warning(
            "this release does not know the internals of %s: statements are executed on a slower path",
            " and ".join(unknown),
        )
    return not unknown
