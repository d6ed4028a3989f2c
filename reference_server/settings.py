"""Settings from environment variables, validated once at start. An invalid value is reported in one sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import attrs

from reference_server.secret_strength import find_weakness
from stellary.contract.errors import Invalid
from stellary.contract.limits import SLUG_PATTERN
from stellary.contract.roles import Registration
from stellary.core.board.rules.schedules import find_zone
from stellary.core.http.addresses import Network
from stellary.core.http.cors import check_origins
from stellary.core.http.limits import NO_LIMITS, Limits, RateLimit, parse_limit
from stellary.core.http.mcp.operator_token import McpToken
from stellary.core.kernel.retention_days import Retention
from stellary.core.ports.model_budgets import ModelBudgets

LogFormat = Literal["json", "console", "off"]
Variables = Mapping[str, tuple[str, Callable[[str], object]]]
"""The field that each variable sets, and the function that parses its text."""

BCRYPT_ROUNDS_MIN = 10
_POSTGRES = ("postgres://", "postgresql://", "postgresql+psycopg://")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


class SettingsError(Exception):
    """A setting is not valid. The text is one sentence for the operator."""


@attrs.frozen
class SmtpServer:
    """The server that sends emails.

    Attributes:
        tls: TLS from the first byte (``smtps://``); otherwise STARTTLS is used if the server offers it.
        user, password: The account, if the server requires one.
    """

    host: str
    port: int
    tls: bool = False
    user: str | None = None
    password: str | None = attrs.field(default=None, repr=False)


@attrs.frozen
class OidcSettings:
    """The provider that signs users in.

    Attributes:
        issuer: Its URL, below which its description is found.
        client_id: The id with which the server is registered there.
        client_secret: The secret of the server; None for a public client.
        name: The name on the button.
    """

    issuer: str
    client_id: str
    client_secret: str | None = attrs.field(default=None, repr=False)
    name: str | None = None

    @property
    def label(self) -> str:
        """The name on the button: by default, the host of the provider."""
        return self.name or urlsplit(self.issuer).hostname or self.issuer


@attrs.frozen(kw_only=True)
class Settings:
    """The settings that ``docs/guides/self-hosting.md`` lists."""

    database_url: str | None = attrs.field(default=None, repr=False)
    direct_database_url: str | None = attrs.field(default=None, repr=False)
    read_database_urls: tuple[str, ...] = attrs.field(default=(), repr=False)
    data_dir: Path = Path("stellary-data")
    blobs_url: str | None = None
    jwt_secret: str | None = attrs.field(default=None, repr=False)
    former_jwt_secrets: tuple[str, ...] = attrs.field(default=(), repr=False)
    jwt_lifetime: timedelta = timedelta(days=7)
    bcrypt_rounds: int = 12
    registration: Registration | None = None
    verify_email: bool | None = None
    trash_days: int = 30
    retention: Retention = attrs.field(factory=Retention)
    smtp: SmtpServer | None = None
    mail_from: str = "stellary@localhost"
    time_zone: str = "UTC"
    port: int = 3001
    production: bool = False
    public_url: str | None = None
    trusted_proxies: tuple[Network, ...] = ()
    user_header: str | None = None
    oidc: OidcSettings | None = None
    cors_origins: tuple[str, ...] = ()
    limits: Limits = attrs.field(factory=Limits)
    limits_url: str | None = attrs.field(default=None, repr=False)
    log: LogFormat | None = None
    stop_delay: float = 0.0
    database_wait: float = 60.0
    jobs: bool = True
    private_webhooks: bool = False
    traces_per_second: int = 10
    traces_statements: bool = False
    webhook_ports: tuple[int, ...] = ()
    mcp_token: McpToken | None = None
    planner_model: str | None = None
    agent_models: Mapping[str, str | tuple[str, ...]] = attrs.field(factory=dict)
    model_budgets: ModelBudgets = attrs.field(factory=ModelBudgets)

    @property
    def database(self) -> str:
        """The URL of the database; by default a file in the data directory."""
        return self.database_url or f"sqlite:///{self.data_dir / 'stellary.db'}"

    @property
    def blobs(self) -> str:
        """The location of files; by default a folder in the data directory."""
        return self.blobs_url or str(self.data_dir / "files")

    @property
    def verifies_email(self) -> bool:
        """True if owners of new accounts confirm their addresses: by default, if emails can be sent."""
        return self.smtp is not None if self.verify_email is None else self.verify_email

    @property
    def sqlite_file(self) -> Path | None:
        """The file of the database; None for PostgreSQL."""
        path = self.database.partition("?")[0].removeprefix("sqlite:///")
        return Path(path) if self.database.startswith("sqlite:") else None


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Return the settings of a process environment; an empty variable counts as not set.

    Raises:
        SettingsError: A value cannot be used, or is not safe enough to start with.
    """
    settings = parse_environment(environment)
    for sentence in find_refusals(settings):
        raise SettingsError(sentence)
    return settings


def parse_environment(environment: Mapping[str, str]) -> Settings:
    """Return the settings of a process environment, however unsafe they are.

    Raises:
        SettingsError: A value cannot be read.
    """
    values = _read(environment, _VARIABLES)
    return Settings(
        **values,
        retention=Retention(**_read(environment, _RETENTION)),
        model_budgets=ModelBudgets(**_read(environment, _BUDGETS)),
        limits=_limits(environment),
        oidc=_oidc(environment),
        mcp_token=_mcp_token(environment),
    )


def _read(environment: Mapping[str, str], variables: Variables) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for variable, (field, read) in variables.items():
        text = environment.get(variable, "").strip()
        if not text:
            continue
        try:
            values[field] = read(text)
        except ValueError as error:
            raise SettingsError(f"{variable} {error}") from None
    return values


def find_refusals(settings: Settings) -> list[str]:
    """Return the reasons why the settings are too unsafe to start, one sentence each."""
    refusals = []
    weakness = None if settings.jwt_secret is None else find_weakness(settings.jwt_secret)
    if weakness is not None:
        refusals.append(f"JWT_SECRET {weakness}; leave it out and one is generated")
    if settings.production and settings.registration is None:
        refusals.append("STELLARY_REGISTRATION must be set in production: open, invited or closed")
    if settings.production and settings.bcrypt_rounds < BCRYPT_ROUNDS_MIN:
        refusals.append(f"STELLARY_BCRYPT_ROUNDS must be at least {BCRYPT_ROUNDS_MIN} in production")
    if settings.production and any(map(_is_too_wide, settings.trusted_proxies)):
        refusals.append(
            "STELLARY_TRUSTED_PROXIES must name the proxies in production; otherwise any client could claim any address"
        )
    if settings.user_header is not None and not settings.trusted_proxies:
        refusals.append(
            "STELLARY_USER_HEADER needs STELLARY_TRUSTED_PROXIES; otherwise any client could claim to be any user"
        )
    if settings.read_database_urls and settings.sqlite_file is not None:
        refusals.append(
            "STELLARY_READ_DATABASE_URL needs PostgreSQL in STELLARY_DATABASE_URL; SQLite has no replicas"
        )
    if settings.production and settings.oidc is not None and settings.oidc.issuer.startswith("http:"):
        refusals.append("STELLARY_OIDC_ISSUER must be an https URL in production")
    return refusals


def _is_too_wide(network: Network) -> bool:
    return network.prefixlen < (8 if network.version == 4 else 16)


# ------------------------------------------------------------------------------------------ parsers of values


def duration(text: str) -> timedelta:
    """Parse ``7d``, ``12h``, ``30m``, ``90s``, or a number of seconds; from a minute to ten years."""
    match = re.fullmatch(r"([0-9]{1,9})([smhdw]?)", text)
    seconds = int(match[1]) * _UNITS[match[2] or "s"] if match else 0
    if not 60 <= seconds <= 3650 * 86400:
        raise ValueError(f"must be a duration such as 7d, 12h, 30m or a number of seconds, not {text!r}")
    return timedelta(seconds=seconds)


def database_url(text: str) -> str:
    """Check a URL of SQLite or PostgreSQL; the core parses the rest of it."""
    if text.startswith(_POSTGRES):
        return text
    if text.startswith("sqlite:///") and len(text) > len("sqlite:///"):
        return text
    raise ValueError("must start with postgresql:// or be sqlite:/// with the path of a file")


def direct_database_url(text: str) -> str:
    """Check a URL of PostgreSQL."""
    if text.startswith(_POSTGRES):
        return text
    raise ValueError("must start with postgresql://")


def blobs_url(text: str) -> str:
    """Check a folder, as a path or ``file:///…``, or ``s3://bucket/prefix``."""
    scheme, _, location = text.partition("://")
    if not location and "://" not in text:
        return text
    if (scheme == "s3" and location.strip("/")) or (scheme == "file" and location.startswith("/")):
        return text
    raise ValueError(f"must be a folder, or look like s3://bucket/prefix, not {text!r}")


def smtp_server(text: str) -> SmtpServer:
    """Parse ``smtp://user:password@host:587`` or ``smtps://host:465``; these are the default ports."""
    wrong = ValueError("must look like smtp://user:password@host:587 or smtps://host:465")
    try:
        parts = urlsplit(text)
        number = parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise wrong
    tls = parts.scheme == "smtps"
    user, password = (text and unquote(text) for text in (parts.username, parts.password))
    return SmtpServer(parts.hostname, number or (465 if tls else 587), tls, user, password)


def url(text: str) -> str:
    """Check an http or https URL, and remove a slash at its end."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"must be a URL such as https://stellary.example.com, not {text!r}")
    return text.rstrip("/")


def issuer_url(text: str) -> str:
    """Check the URL of an OpenID Connect provider, which is compared exactly, with the slash at its end."""
    url(text)
    if len(text) > 255:
        raise ValueError("must have at most 255 characters")
    if find_spec("joserfc") is None:
        raise ValueError('needs the extra oidc: pip install "stellary[oidc]"')
    return text


def networks(text: str) -> tuple[Network, ...]:
    """Parse addresses or networks, separated by commas: ``10.0.0.0/8, ::1``."""
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        raise ValueError(f"must be addresses or networks separated by commas, not {text!r}") from None


def header_name(text: str) -> str:
    """Parse the name of a header, into lower case."""
    if not re.fullmatch(r"[A-Za-z0-9-]{1,100}", text) or text.lower() in ("authorization", "cookie"):
        raise ValueError(f"must be the name of a header such as X-Forwarded-Email, not {text!r}")
    return text.lower()


def origins(text: str) -> tuple[str, ...]:
    """Parse ``*``, or origins such as ``https://app.example.com``, separated by commas."""
    return check_origins([part.strip() for part in text.split(",") if part.strip()])


def model_name(text: str) -> str:
    """Check the name of a model: a provider that pydantic-ai supports, and its model (``openai:gpt-5-mini``)."""
    if not re.fullmatch(r"[a-z0-9-]+:[^\s:]\S*", text):
        raise ValueError(f"must be a provider and a model such as openai:gpt-5-mini, not {text!r}")
    if find_spec("pydantic_ai") is None:
        raise ValueError('needs the extra agents: pip install "stellary[agents]"')
    return text


def agent_models(text: str) -> dict[str, str | tuple[str, ...]]:
    """Parse models, separated by commas, with the people who may use each: ``openai:a, openai:b for admins``.

    After ``for`` stands ``all`` (default), ``admins``, or workspaces separated by spaces, such as ``acme/eng acme/ops``.
    """
    models: dict[str, str | tuple[str, ...]] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, users = part.partition(" for ")
        words = users.split() or ["all"]
        if (name := model_name(name.strip())) in models:
            raise ValueError(f"must name each model once, and {name} is named twice")
        is_group = words in (["all"], ["admins"])
        models[name] = words[0] if is_group else tuple(map(_workspace, words))
    return models


def limit(text: str) -> RateLimit | None:
    """Parse ``20 per 15 minutes``, ``100/hour``, or ``off``."""
    if text == "off":
        return None
    try:
        return parse_limit(text)
    except ValueError:
        raise ValueError(f"must be a limit such as '20 per 15 minutes', or off, not {text!r}") from None


def limits_url(text: str) -> str:
    """Check the URL of Redis or Valkey."""
    if not re.fullmatch(r"rediss?://[^\s/]\S*", text):
        raise ValueError("must look like redis://host:6379, or rediss:// with TLS")
    if find_spec("redis") is None:
        raise ValueError('needs the extra redis: pip install "stellary[redis]"')
    return text


def _integer(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise ValueError(f"must be a number from {least} to {most}, not {text!r}")
        return int(text)

    return read


def _list_of(read: Callable[[str], object]) -> Callable[[str], tuple[object, ...]]:
    return lambda text: tuple(read(part.strip()) for part in text.split(","))


def _workspace(text: str) -> str:
    if not re.fullmatch(rf"{SLUG_PATTERN}/{SLUG_PATTERN}", text):
        raise ValueError(f"must be a workspace such as acme/eng, not {text!r}")
    return text


def _strong_secret(text: str) -> str:
    weakness = find_weakness(text)
    if weakness is not None:
        raise ValueError(weakness)
    return text


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be one of {', '.join(words)}, not {text!r}")
        return text

    return read


def _log_format(text: str) -> str | None:
    # The SDK reads the same variable, for a level.
    is_level = text.lower() in ("warning", "info", "debug", "wire")
    return None if is_level else _one_of("json", "console", "off")(text)


def _switch(text: str) -> bool:
    return _one_of("on", "off")(text) == "on"


def _time_zone(text: str) -> str:
    try:
        find_zone(text, "")
    except Invalid:
        raise ValueError(f"must be the name of a time zone such as Europe/Berlin, not {text!r}") from None
    return text


def _email(text: str) -> str:
    if not re.fullmatch(r"[^\s@<>]+@[^\s@<>]+", text):
        raise ValueError(f"must be an e-mail address, not {text!r}")
    return text


_VARIABLES: Variables = {
    "STELLARY_DATABASE_URL": ("database_url", database_url),
    "STELLARY_DIRECT_DATABASE_URL": ("direct_database_url", direct_database_url),
    "STELLARY_READ_DATABASE_URL": (
        "read_database_urls",
        lambda text: tuple(
            direct_database_url(part) for part in re.split(r",\s*(?=postgres[a-z+]*://)", text)
        ),
    ),
    "STELLARY_DATA_DIR": ("data_dir", Path),
    "STELLARY_BLOBS_URL": ("blobs_url", blobs_url),
    "JWT_SECRET": ("jwt_secret", str),
    "JWT_FORMER_SECRETS": ("former_jwt_secrets", _list_of(str)),
    "JWT_EXPIRES_IN": ("jwt_lifetime", duration),
    "STELLARY_BCRYPT_ROUNDS": ("bcrypt_rounds", _integer(4, 16)),
    "STELLARY_TRASH_DAYS": ("trash_days", _integer(0, 3650)),
    "STELLARY_REGISTRATION": ("registration", _one_of("open", "invited", "closed")),
    "STELLARY_VERIFY_EMAIL": ("verify_email", _switch),
    "STELLARY_SMTP_URL": ("smtp", smtp_server),
    "STELLARY_MAIL_FROM": ("mail_from", _email),
    "STELLARY_TIME_ZONE": ("time_zone", _time_zone),
    "PORT": ("port", _integer(0, 65535)),
    "STELLARY_ENV": (
        "production",
        lambda text: _one_of("development", "production")(text) == "production",
    ),
    "STELLARY_PUBLIC_URL": ("public_url", url),
    "STELLARY_TRUSTED_PROXIES": ("trusted_proxies", networks),
    "STELLARY_USER_HEADER": ("user_header", header_name),
    "STELLARY_CORS_ORIGINS": ("cors_origins", origins),
    "STELLARY_LIMITS_URL": ("limits_url", limits_url),
    "STELLARY_LOG": ("log", _log_format),
    "STELLARY_JOBS": ("jobs", _switch),
    "STELLARY_PRIVATE_WEBHOOKS": ("private_webhooks", _switch),
    "STELLARY_TRACES_PER_SECOND": ("traces_per_second", _integer(0, 1_000_000)),
    "STELLARY_TRACE_STATEMENTS": ("traces_statements", _switch),
    "STELLARY_WEBHOOK_PORTS": ("webhook_ports", _list_of(_integer(1, 65535))),
    "STELLARY_PLANNER_MODEL": ("planner_model", model_name),
    "STELLARY_AGENT_MODELS": ("agent_models", agent_models),
    "STELLARY_DATABASE_WAIT": ("database_wait", _integer(0, 3600)),
    "STELLARY_STOP_DELAY": ("stop_delay", _integer(0, 600)),
}


def _name_fields(cls: type, template: str, read: Callable[[str], object]) -> Variables:
    """Return the variables that set the fields of a class, all with the same parser."""
    return {template.format(field.name.upper()): (field.name, read) for field in attrs.fields(cls)}


_RETENTION = _name_fields(Retention, "STELLARY_{}", _integer(1, 36500))
"""The fields of ``Retention``: ``STELLARY_NOTIFICATION_DAYS`` and others."""

_BUDGETS = _name_fields(ModelBudgets, "STELLARY_{}_TOKENS", _integer(1, 999_999_999))
"""The fields of ``ModelBudgets``: ``STELLARY_MISSION_TOKENS`` and others."""

LIMITS = _name_fields(Limits, "STELLARY_LIMIT_{}", limit)
"""The fields of ``Limits``: ``STELLARY_LIMIT_LOGINS`` and others."""


def _limits(environment: Mapping[str, str]) -> Limits:
    limits = _read(environment, LIMITS)
    has_limits = _read(environment, {"STELLARY_LIMITS": ("on", _switch)}).get("on", True)
    return attrs.evolve(Limits(), **limits) if has_limits else NO_LIMITS


_MCP: Variables = {
    "MCP_TOKEN": ("secret", _strong_secret),
    "MCP_USER": ("user", _email),
    "MCP_WORKSPACE": ("workspace", _workspace),
}


def _mcp_token(environment: Mapping[str, str]) -> McpToken | None:
    values = _read(environment, _MCP)
    missing = [variable for variable, (field, _) in _MCP.items() if field not in values]
    if values and missing:
        raise SettingsError(f"{' and '.join(missing)} must be set too, or none of {', '.join(_MCP)}")
    return McpToken(**values) if values else None


_OIDC: Variables = {
    "STELLARY_OIDC_ISSUER": ("issuer", issuer_url),
    "STELLARY_OIDC_CLIENT_ID": ("client_id", str),
    "STELLARY_OIDC_CLIENT_SECRET": ("client_secret", str),
    "STELLARY_OIDC_NAME": ("name", str),
}


def _oidc(environment: Mapping[str, str]) -> OidcSettings | None:
    values = _read(environment, _OIDC)
    if values and not {"issuer", "client_id"} <= values.keys():
        raise SettingsError(
            "STELLARY_OIDC_ISSUER and STELLARY_OIDC_CLIENT_ID must be set together, and before the other STELLARY_OIDC_ variables"
        )
    return OidcSettings(**values) if values else None
