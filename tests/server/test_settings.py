"""Settings: the variables that are read, and one clear sentence for each invalid value."""

import re
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import attrs
import pytest

from reference_server import settings
from reference_server.__main__ import _parser
from reference_server.settings import (
    McpToken,
    Settings,
    SettingsError,
    SmtpServer,
    from_environment,
)
from stellary.core import ModelBudgets
from tests.support.core_parts import NO_LIMITS, Limits, parse_limit
from tests.support.each_case import for_each

SECRET = "8f3b1c0d9e7a45626b0f4d2c7e1a9583"


@for_each(
    "variable, text, field, value",
    [
        ("STELLARY_DATABASE_URL", "sqlite:///a.db", "database_url", "sqlite:///a.db"),
        ("STELLARY_DATABASE_URL", "postgres://u@h/d", "database_url", "postgres://u@h/d"),
        ("STELLARY_DATABASE_URL", "postgresql://u@a,b:1/d", "database_url", "postgresql://u@a,b:1/d"),
        ("STELLARY_DIRECT_DATABASE_URL", "postgresql://u@h/d", "direct_database_url", "postgresql://u@h/d"),
        ("STELLARY_DATABASE_URL", "postgresql+psycopg://u@h/d", "database_url", "postgresql+psycopg://u@h/d"),
        ("STELLARY_DATA_DIR", "/var/lib/stellary", "data_dir", Path("/var/lib/stellary")),
        ("JWT_SECRET", SECRET, "jwt_secret", SECRET),
        ("JWT_SECRET", "éßñøåçæðþůžșčłőğ", "jwt_secret", "éßñøåçæðþůžșčłőğ"),
        ("JWT_EXPIRES_IN", "7d", "jwt_lifetime", timedelta(days=7)),
        ("JWT_EXPIRES_IN", "12h", "jwt_lifetime", timedelta(hours=12)),
        ("JWT_EXPIRES_IN", "30m", "jwt_lifetime", timedelta(minutes=30)),
        ("JWT_EXPIRES_IN", "90s", "jwt_lifetime", timedelta(seconds=90)),
        ("JWT_EXPIRES_IN", "2w", "jwt_lifetime", timedelta(weeks=2)),
        ("JWT_EXPIRES_IN", "3600", "jwt_lifetime", timedelta(hours=1)),
        ("JWT_EXPIRES_IN", " 3600 ", "jwt_lifetime", timedelta(hours=1)),
        ("STELLARY_BCRYPT_ROUNDS", "4", "bcrypt_rounds", 4),
        ("STELLARY_REGISTRATION", "invited", "registration", "invited"),
        ("STELLARY_VERIFY_EMAIL", "on", "verifies_email", True),
        ("STELLARY_SMTP_URL", "smtps://h", "verifies_email", True),
        ("STELLARY_LIMITS_URL", "rediss://u:p@h:6380/1", "limits_url", "rediss://u:p@h:6380/1"),
        ("STELLARY_BCRYPT_ROUNDS", "4", "verifies_email", False),
        ("STELLARY_SMTP_URL", "smtp://mail.example.com", "smtp", SmtpServer("mail.example.com", 587)),
        ("STELLARY_SMTP_URL", "smtp://[::1]:25", "smtp", SmtpServer("::1", 25)),
        ("STELLARY_SMTP_URL", "smtps://h", "smtp", SmtpServer("h", 465, tls=True)),
        (
            "STELLARY_SMTP_URL",
            "smtp://us%40er:p%2Fw@h:2525",
            "smtp",
            SmtpServer("h", 2525, user="us@er", password="p/w"),
        ),
        ("STELLARY_MAIL_FROM", "a@example.com", "mail_from", "a@example.com"),
        ("STELLARY_TIME_ZONE", "Europe/Berlin", "time_zone", "Europe/Berlin"),
        ("PORT", "0", "port", 0),
        ("PORT", "65535", "port", 65535),
        ("STELLARY_ENV", "development", "production", False),
        ("STELLARY_PUBLIC_URL", "https://pm.example.com/app/", "public_url", "https://pm.example.com/app"),
        (
            "STELLARY_TRUSTED_PROXIES",
            "10.0.0.0/8, ::1",
            "trusted_proxies",
            (ip_network("10.0.0.0/8"), ip_network("::1")),
        ),
        ("STELLARY_CORS_ORIGINS", "*", "cors_origins", ("*",)),
        ("STELLARY_WEBHOOK_PORTS", "8443, 9000", "webhook_ports", (8443, 9000)),
        ("JWT_FORMER_SECRETS", "a, b", "former_jwt_secrets", ("a", "b")),
        (
            "STELLARY_CORS_ORIGINS",
            "https://a.example, http://localhost:5173",
            "cors_origins",
            ("https://a.example", "http://localhost:5173"),
        ),
        ("STELLARY_LOG", "json", "log", "json"),
        ("STELLARY_LOG", "debug", "log", None),  # a level of the SDK
        ("STELLARY_STOP_DELAY", "5", "stop_delay", 5.0),
        ("STELLARY_TRACES_PER_SECOND", "5", "traces_per_second", 5),
        ("STELLARY_PLANNER_MODEL", "openai:gpt-5-mini", "planner_model", "openai:gpt-5-mini"),
        (
            "STELLARY_AGENT_MODELS",
            "openai:gpt-5-mini, openai-chat:local for all, openai:gpt-5 for admins, a:b for acme/eng acme/ops",
            "agent_models",
            {
                "openai:gpt-5-mini": "all",
                "openai-chat:local": "all",
                "openai:gpt-5": "admins",
                "a:b": ("acme/eng", "acme/ops"),
            },
        ),
        ("STELLARY_MISSION_TOKENS", "50000", "model_budgets", ModelBudgets(mission=50_000)),
        ("STELLARY_DRAFT_TOKENS", "1", "model_budgets", ModelBudgets(draft=1)),
        ("STELLARY_DAILY_TOKENS", "999999999", "model_budgets", ModelBudgets(daily=999_999_999)),
        ("STELLARY_LIMITS", "off", "limits", NO_LIMITS),
        ("STELLARY_LIMITS", "on", "limits", Limits()),
        (
            "STELLARY_LIMIT_REQUESTS",
            "100/minute",
            "limits",
            Limits(requests=parse_limit("100 per minute")),
        ),
        ("STELLARY_LIMIT_BAD_TOKENS", "off", "limits", Limits(bad_tokens=None)),
    ],
)
def test_variable_is_read(variable: str, text: str, field: str, value: object):
    assert getattr(from_environment({variable: text}), field) == value


@for_each(
    "variable, texts, sentence",
    [
        (
            "STELLARY_DATABASE_URL",
            ["mysql://h/d", "sqlite://"],
            "must start with postgresql:// or be sqlite:/// with the path of a file",
        ),
        ("JWT_SECRET", ["x" * 31], "must be at least 32 bytes long; leave it out and one is generated"),
        (
            "JWT_EXPIRES_IN",
            ["7 days", "0", "99999d", "-5m"],
            "must be a duration such as 7d, 12h, 30m or a number of seconds, not {!r}",
        ),
        ("MCP_TOKEN", ["x" * 31], "must be at least 32 bytes long"),
        ("MCP_USER", ["ann"], "must be an e-mail address, not {!r}"),
        ("MCP_WORKSPACE", ["eng"], "must be a workspace such as acme/eng, not {!r}"),
        ("STELLARY_BCRYPT_ROUNDS", ["3"], "must be a number from 4 to 16, not {!r}"),
        ("PORT", ["65536", "http", "٣"], "must be a number from 0 to 65535, not {!r}"),
        ("STELLARY_ENV", ["prod"], "must be one of development, production, not {!r}"),
        ("STELLARY_READ_DATABASE_URL", ["sqlite:///a.db"], "must start with postgresql://"),
        (
            "STELLARY_LIMITS_URL",
            ["memcached://h", "redis:///"],
            "must look like redis://host:6379, or rediss:// with TLS",
        ),
        (
            "STELLARY_SMTP_URL",
            ["mail.example.com", "smtp://h:port", "smtp://u:s3cret@h/x"],
            "must look like smtp://user:password@host:587 or smtps://host:465",
        ),
        ("STELLARY_MAIL_FROM", ["nobody"], "must be an e-mail address, not {!r}"),
        ("STELLARY_TIME_ZONE", ["CEST"], "must be the name of a time zone such as Europe/Berlin, not {!r}"),
        (
            "STELLARY_PUBLIC_URL",
            ["pm.example.com", "https://["],
            "must be a URL such as https://stellary.example.com, not {!r}",
        ),
        (
            "STELLARY_AGENT_MODELS",
            ["openai:a for admins, openai:b, openai:a"],
            "must name each model once, and openai:a is named twice",
        ),
        (
            "STELLARY_TRUSTED_PROXIES",
            ["proxy", "10.0.0.1/8"],
            "must be addresses or networks separated by commas, not {!r}",
        ),
        (
            "STELLARY_CORS_ORIGINS",
            ["a.example", "https://a.example/"],
            "must be origins such as https://app.example.com, not {!r}",
        ),
        ("STELLARY_LOG", ["xml"], "must be one of json, console, off, not {!r}"),
        (
            "STELLARY_PLANNER_MODEL",
            ["gpt-5-mini"],
            "must be a provider and a model such as openai:gpt-5-mini, not {!r}",
        ),
        (
            "STELLARY_AGENT_MODELS",
            ["openai:gpt-5,gpt-5-mini"],
            "must be a provider and a model such as openai:gpt-5-mini, not 'gpt-5-mini'",
        ),
        (
            "STELLARY_AGENT_MODELS",
            ["openai:gpt-5 for nobody"],
            "must be a workspace such as acme/eng, not 'nobody'",
        ),
        ("STELLARY_DAILY_TOKENS", ["0"], "must be a number from 1 to 999999999, not {!r}"),
        ("STELLARY_TRACES_PER_SECOND", ["-1"], "must be a number from 0 to 1000000, not {!r}"),
        ("STELLARY_STOP_DELAY", ["-1"], "must be a number from 0 to 600, not {!r}"),
        ("STELLARY_LIMITS", ["no"], "must be one of on, off, not {!r}"),
        (
            "STELLARY_LIMIT_REQUESTS",
            ["many", "0/hour", "1/hour;9/day"],
            "must be a limit such as '20 per 15 minutes', or off, not {!r}",
        ),
    ],
)
def test_invalid_value_is_one_sentence_that_names_the_variable(variable, texts, sentence):
    for text in texts:
        with pytest.raises(SettingsError) as raised:
            from_environment({variable: text})
        assert str(raised.value) == f"{variable} {sentence.format(text)}"


@for_each(
    "variable", ["PORT", "STELLARY_DATABASE_URL", "JWT_SECRET", "STELLARY_LIMITS", "STELLARY_LIMIT_REQUESTS"]
)
def test_empty_variable_counts_as_not_set(variable: str):
    assert from_environment({variable: " "}) == Settings()


def test_replicas_need_postgresql():
    replicas = {"STELLARY_READ_DATABASE_URL": "postgresql://a,b/d, postgres://c/d"}
    settings = from_environment({"STELLARY_DATABASE_URL": "postgresql://e/d", **replicas})
    assert settings.read_database_urls == ("postgresql://a,b/d", "postgres://c/d")
    with pytest.raises(SettingsError, match="SQLite has no replicas"):
        from_environment(replicas)


def test_production_rejects_few_bcrypt_rounds():
    production = {"STELLARY_ENV": "production", "STELLARY_REGISTRATION": "open"}
    assert from_environment(production).production
    with pytest.raises(SettingsError, match="at least 10 in production"):
        from_environment({**production, "STELLARY_BCRYPT_ROUNDS": "9"})


def test_production_demands_a_decision_on_registration():
    with pytest.raises(SettingsError, match="STELLARY_REGISTRATION must be set in production"):
        from_environment({"STELLARY_ENV": "production"})


def test_database_is_a_file_in_the_data_directory_by_default():
    assert Settings(data_dir=Path("d")).database == "sqlite:///d/stellary.db"
    assert Settings(data_dir=Path("/d")).sqlite_file == Path("/d/stellary.db")
    assert Settings(database_url="sqlite:////x/y.db?mode=rw").sqlite_file == Path("/x/y.db")
    assert Settings(database_url="postgresql+psycopg://h/d").sqlite_file is None


def test_repr_contains_no_secrets():
    settings = from_environment(
        {
            "JWT_SECRET": SECRET,
            "STELLARY_DATABASE_URL": "postgresql://u:hidden1@h/d",
            "STELLARY_SMTP_URL": "smtp://u:hidden2@h",
        }
    )
    assert not {word for word in (SECRET, "hidden1", "hidden2") if word in repr(settings)}


def test_guide_lists_every_variable_with_its_default():
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "self-hosting.md").read_text()
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| ([^|]+) \|", guide, re.MULTILINE))
    variables = [*settings._VARIABLES, *settings._RETENTION, *settings._BUDGETS, *settings.LIMITS]
    assert rows.keys() == {*variables, "STELLARY_LIMITS"}
    defaults = {variable: text.strip("`") for variable, text in rows.items() if text.endswith("`")}
    assert from_environment(defaults) == attrs.evolve(Settings(), data_dir=Path("./stellary-data"))


def test_files_of_the_guide_for_two_machines_start_a_server():
    examples = Path(__file__).parents[2] / "docs" / "examples" / "two_machines"
    lines = (examples / "stellary.env").read_text().splitlines()
    environment = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    with pytest.raises(SettingsError, match="JWT_SECRET"):
        from_environment(environment)
    chosen = from_environment(environment | {"JWT_SECRET": SECRET})
    assert (chosen.production, chosen.registration) == (True, "invited")
    of_store = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"}
    assert environment.keys() == {*settings._VARIABLES} & environment.keys() | of_store
    (command,) = re.findall(r"(?<=-m reference_server ).*", (examples / "stellary.service").read_text())
    options = _parser().parse_args(command.split())
    assert (options.host, options.workers) == ("0.0.0.0", 4)


def test_mcp_token_has_a_user_and_a_workspace():
    variables = {"MCP_TOKEN": SECRET, "MCP_USER": "ann@example.com", "MCP_WORKSPACE": "acme/eng"}
    assert from_environment(variables).mcp_token == McpToken(SECRET, "ann@example.com", "acme/eng")
    assert SECRET not in repr(from_environment(variables))
    assert from_environment({}).mcp_token is None
    missing = "^MCP_USER and MCP_WORKSPACE must be set too, or none of MCP_TOKEN, MCP_USER, MCP_WORKSPACE$"
    with pytest.raises(SettingsError, match=missing):
        from_environment({"MCP_TOKEN": SECRET})


def test_planner_model_needs_the_extra_agents(monkeypatch):
    monkeypatch.setattr(settings, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r'needs the extra agents: pip install "stellary\[agents\]"'):
        from_environment({"STELLARY_PLANNER_MODEL": "openai:gpt-5-mini"})
