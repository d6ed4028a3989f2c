"""``python -m reference_server doctor``: lists the risks of the settings, one sentence each."""

from __future__ import annotations

import stat
import sys
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import attrs

from reference_server.secret import FILE_NAME
from reference_server.settings import LIMITS, Settings, find_refusals

LIFETIME_MAX = timedelta(days=31)
_ENCRYPTED = ("require", "verify-ca", "verify-full")


def report(settings: Settings) -> int:
    """Print every risk of the settings, as if they were for production.

    Returns:
        The exit code: 0 if there is no risk, 1 if production warns of each of them, 2 if it would not start.
    """
    refusals = find_refusals(attrs.evolve(settings, production=True))
    risks = [*find_risks(settings)]
    if not settings.production:
        risks.append("STELLARY_ENV is not production, so settings are accepted that production would refuse.")
    sys.stdout.write(f"limits: {_describe_limits(settings)}.\n")
    if settings.read_database_urls:
        alone = "a server that is alone, since STELLARY_LIMITS_URL is not set"
        servers = "all servers" if settings.limits_url else alone
        sys.stdout.write(f"replicas: {len(settings.read_database_urls)}, used by {servers}.\n")
    for sentence in refusals:
        sys.stdout.write(f"refused: {sentence}.\n")
    for sentence in risks:
        sys.stdout.write(f"risk: {sentence}\n")
    if not refusals and not risks:
        sys.stdout.write("no risk found\n")
    return 2 if refusals else 1 if risks else 0


def _describe_limits(settings: Settings) -> str:
    """Return where limits on requests, invalid tokens and streams are counted; failed logins are in the database."""
    if settings.limits_url is not None:
        return f"all servers share them in {urlsplit(settings.limits_url).hostname}"
    if settings.sqlite_file is None:
        return "all servers share them in PostgreSQL; a server that is alone counts by itself"
    return "the server counts by itself"


def find_risks(settings: Settings) -> Iterator[str]:
    """Yield the risks that production warns of but accepts, one sentence each, without secrets."""
    yield from _risks_of_access(settings)
    yield from _risks_of_transport(settings)
    yield from _risks_of_files(settings)


def _risks_of_access(settings: Settings) -> Iterator[str]:
    open_limits = [
        variable
        for variable, (field, _) in LIMITS.items()
        if field != "requests" and getattr(settings.limits, field) is None
    ]
    # By default, requests have no limit.
    if len(open_limits) == len(LIMITS) - 1:
        yield "STELLARY_LIMITS is off: clients can try passwords and tokens, and create accounts, without a limit."
    else:
        for variable in open_limits:
            yield f"{variable} is off: clients can make such requests without a limit."
    if settings.user_header and settings.registration != "closed" and not settings.verifies_email:
        yield (
            "STELLARY_USER_HEADER is set while people can register addresses without confirming them: they keep"
            " their passwords when the owner of the address signs in."
        )
    if settings.registration in ("open", None) and settings.verify_email is False:
        yield "STELLARY_VERIFY_EMAIL is off: anyone can register an address of someone else, and be added to teams in their place."
    if "*" in settings.cors_origins:
        yield "STELLARY_CORS_ORIGINS is *: every web page can call the API with a token that it has."
    if settings.private_webhooks:
        yield (
            "STELLARY_PRIVATE_WEBHOOKS is on: admins of any workspace can make the server call addresses of its own"
            " network."
        )
    if settings.jwt_lifetime > LIFETIME_MAX:
        yield f"JWT_EXPIRES_IN is more than {LIFETIME_MAX.days} days: a leaked login stays valid for that long."
    if settings.jwt_secret is None and settings.sqlite_file is None:
        yield "JWT_SECRET is not set: each server on several machines generates its own, and rejects the logins of the others."
    if settings.log == "off":
        yield "STELLARY_LOG is off: there is no record of requests."


def _risks_of_transport(settings: Settings) -> Iterator[str]:
    if settings.smtp is None:
        yield "STELLARY_SMTP_URL is not set: emails are written to the log, where their links can be used."
    if settings.public_url is None:
        yield "STELLARY_PUBLIC_URL is not set: emails lead to the address on which the server listens."
    elif not settings.public_url.startswith("https://"):
        yield "STELLARY_PUBLIC_URL is not https: passwords and tokens can be read in transit."
    urls = {"STELLARY_READ_DATABASE_URL": settings.read_database_urls}
    if settings.sqlite_file is None:
        urls["STELLARY_DATABASE_URL"] = (settings.database,)
    for variable, databases in urls.items():
        if not all(map(_is_private_connection, databases)):
            yield (
                f"{variable} leads to another machine without sslmode=require or better: data can be read in transit."
            )


def _is_private_connection(url: str) -> bool:
    """Return whether a PostgreSQL connection is encrypted or stays on this machine."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    if query.get("sslmode", [""])[0] in _ENCRYPTED:
        return True
    host = parts.hostname or query.get("host", [""])[0]
    if host in ("", "localhost") or host.startswith("/"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _risks_of_files(settings: Settings) -> Iterator[str]:
    database = settings.sqlite_file
    paths = [settings.data_dir / FILE_NAME]
    if database is not None:
        paths += [database, database.with_name(f"{database.name}-wal")]
    if settings.blobs_url is None:
        paths.append(Path(settings.blobs))
    for path in paths:
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError:
            continue
        if mode & 0o077:
            yield f"{path} has mode {mode:04o}: others on this machine can read it."
