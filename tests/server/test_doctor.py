"""Rejected secrets, and the risks of settings that the doctor lists."""

import re
import secrets

import pytest

from reference_server.secret_strength import find_weakness
from tests.server.processes import run_failing, run_process
from tests.support.server_parts import SettingsError, from_environment, main

SECRET = "8f3b1c0d9e7a45626b0f4d2c7e1a9583"
SAFE = {
    "STELLARY_ENV": "production",
    "STELLARY_PUBLIC_URL": "https://pm.example.com",
    "STELLARY_SMTP_URL": "smtps://mail.example.com",
    "STELLARY_REGISTRATION": "open",
    "JWT_SECRET": SECRET,
}


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """Return a function that sets environment variables, with a new data directory."""

    def set_variables(**variables):
        monkeypatch.setenv("STELLARY_DATA_DIR", str(tmp_path / "data"))
        for variable, text in (SAFE | variables).items():
            monkeypatch.setenv(variable, text)

    return set_variables


@pytest.mark.parametrize(
    "secret",
    [
        *("x" * 32, "changeme" * 4, "0123456789abcdef" * 2, "abcdefghijklmnopqrstuvwxyz0123456789"),
        *("98765432109876543210987654321098", "00000000000000000000000000000001"),
        "your-super-secret-jwt-key-change-in-production",
        "my-very-long-secret-key-that-is-at-least-32-characters",
        *("ThisIsMySuperSecretKeyForJWT12345", "stellary-production-jwt-secret-2026"),
        *("correct horse battery staple correct", "qwertyuiopasdfghjklzxcvbnm1234567890"),
        *("qwertzuiopasdfghjklyxcvbnm1234567890", "QwErTzUiOpAsDfGhJkLyXcVbNm123456"),
        *("poiuztrewqlkjhgfdsamnbvcxy098765", "azertyuiopqsdfghjklmwxcvbn123456"),
        *("1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9", "S3cr3tP4ssw0rd!S3cr3tP4ssw0rd2026"),
        *("Tr0ub4dor&3Tr0ub4dor&3Tr0ub4dor&3x", "dragonmonkeyshadowsunshine1234567"),
    ],
)
@pytest.mark.parametrize("stage", ["development", "production"])
def test_weak_secret_is_rejected(secret, stage):
    with pytest.raises(
        SettingsError, match=r"^JWT_SECRET is easy to guess: it .+; leave it out and one is generated$"
    ):
        from_environment({"JWT_SECRET": secret, "STELLARY_ENV": stage})


def test_message_about_a_weak_secret_does_not_show_it(tmp_path):
    code, stderr = run_failing(tmp_path, environment={"JWT_SECRET": "changeme" * 4})
    assert (code, "changeme" in stderr) == (2, False)
    reason = "it repeats one pattern; leave it out and one is generated"
    assert stderr == f"stellary: JWT_SECRET is easy to guess: {reason}\n"


def test_weak_mcp_token_is_rejected():
    with pytest.raises(SettingsError, match=r"^MCP_TOKEN is easy to guess"):
        from_environment({"MCP_TOKEN": "x" * 32, "MCP_USER": "a@b.c", "MCP_WORKSPACE": "acme/eng"})


@pytest.mark.parametrize("size", [16, 32])
def test_random_secret_is_accepted(size):
    generated = [secrets.token_hex(size) for _ in range(300)] + [
        secrets.token_urlsafe(24) for _ in range(300)
    ]
    assert [secret for secret in generated if find_weakness(secret)] == []


def test_random_secret_with_a_name_before_it_is_accepted():
    assert find_weakness(f"stellary-jwt-secret-{SECRET}") is None


# ------------------------------------------------------------------------------------------------ the risks


def run_doctor(capsys):
    """Return the exit code, and the lines after those about limits and replicas."""
    code, (limits, *lines) = main(["doctor"]), capsys.readouterr().out.splitlines()
    assert limits.startswith("limits: ")
    return code, [line for line in lines if not line.startswith("replicas: ")]


POSTGRES = {"STELLARY_DATABASE_URL": "postgresql://localhost/d"}
REPLICAS = {**POSTGRES, "STELLARY_READ_DATABASE_URL": "postgresql://localhost/d"}
REDIS = {"STELLARY_LIMITS_URL": "redis://u:s3cret@10.0.0.9:6379/1"}


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({}, "limits: the server counts by itself."),
        (POSTGRES, "limits: all servers share them in PostgreSQL; a server that is alone counts by itself."),
        (REDIS, "limits: all servers share them in 10.0.0.9."),
        (REPLICAS, "replicas: 1, used by a server that is alone, since STELLARY_LIMITS_URL is not set."),
        (REPLICAS | REDIS, "replicas: 1, used by all servers."),
    ],
)
def test_doctor_says_what_servers_share(environment, capsys, variables, line):
    environment(**variables)
    main(["doctor"])
    assert line in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("variables", "begins"),
    [
        ({"STELLARY_ENV": "development"}, "STELLARY_ENV is not production"),
        ({"STELLARY_CORS_ORIGINS": "*"}, "STELLARY_CORS_ORIGINS is *"),
        ({"STELLARY_LIMITS": "off"}, "STELLARY_LIMITS is off"),
        ({"STELLARY_LIMIT_BAD_TOKENS": "off"}, "STELLARY_LIMIT_BAD_TOKENS is off"),
        ({"STELLARY_PRIVATE_WEBHOOKS": "on"}, "STELLARY_PRIVATE_WEBHOOKS is on"),
        ({"STELLARY_SMTP_URL": ""}, "STELLARY_SMTP_URL is not set"),
        ({"STELLARY_VERIFY_EMAIL": "off"}, "STELLARY_VERIFY_EMAIL is off"),
        (
            {
                "STELLARY_USER_HEADER": "X-User",
                "STELLARY_TRUSTED_PROXIES": "127.0.0.1",
                "STELLARY_REGISTRATION": "invited",
                "STELLARY_VERIFY_EMAIL": "off",
            },
            "STELLARY_USER_HEADER is set while",
        ),
        ({"STELLARY_PUBLIC_URL": ""}, "STELLARY_PUBLIC_URL is not set"),
        ({"STELLARY_PUBLIC_URL": "http://pm.example.com"}, "STELLARY_PUBLIC_URL is not https"),
        ({"JWT_EXPIRES_IN": "365d"}, "JWT_EXPIRES_IN is more than 31 days"),
        ({"STELLARY_LOG": "off"}, "STELLARY_LOG is off"),
        ({"STELLARY_DATABASE_URL": "postgresql://u:s3cret@db.example.com/d"}, "STELLARY_DATABASE_URL leads"),
        (
            {**POSTGRES, "STELLARY_READ_DATABASE_URL": "postgresql://u:s3cret@db.example.com/d"},
            "STELLARY_READ_DATABASE_URL leads",
        ),
        ({"STELLARY_DATABASE_URL": "postgresql://localhost/d", "JWT_SECRET": ""}, "JWT_SECRET is not set"),
    ],
)
def test_doctor_names_a_risk(environment, capsys, variables, begins):
    environment(**variables)
    code, lines = run_doctor(capsys)
    assert code == 1
    (line,) = lines
    assert line.startswith(f"risk: {begins}")
    assert line.count(". ") == 0
    assert line.endswith(".")
    assert "s3cret" not in line


@pytest.mark.parametrize(
    "url",
    [
        "",
        "postgresql://u@localhost/d",
        "postgresql://u@127.0.0.1/d",
        "postgresql://u@/d?host=/run/postgresql",
        "postgresql://u@db.example.com/d?sslmode=verify-full",
    ],
)
def test_doctor_finds_nothing_in_safe_settings_and_connections(environment, capsys, url):
    environment(STELLARY_DATABASE_URL=url)
    assert run_doctor(capsys) == (0, ["no risk found"])


@pytest.mark.parametrize(
    ("variables", "begins"),
    [
        ({"JWT_SECRET": "x" * 32}, "JWT_SECRET is easy to guess"),
        ({"STELLARY_BCRYPT_ROUNDS": "9"}, "STELLARY_BCRYPT_ROUNDS must be at least 10"),
        ({"STELLARY_TRUSTED_PROXIES": "0.0.0.0/0"}, "STELLARY_TRUSTED_PROXIES must name the proxies"),
        ({"STELLARY_TRUSTED_PROXIES": "::/0"}, "STELLARY_TRUSTED_PROXIES must name the proxies"),
        ({"STELLARY_TRUSTED_PROXIES": "0.0.0.0/1, 128.0.0.0/1"}, "STELLARY_TRUSTED_PROXIES must name the"),
    ],
)
def test_doctor_names_settings_that_production_rejects(environment, capsys, variables, begins):
    environment(**variables)
    with pytest.raises(SettingsError, match=f"^{begins}"):
        from_environment(SAFE | variables)
    code, lines = run_doctor(capsys)
    assert (code, len(lines)) == (2, 1)
    assert lines[0].startswith(f"refused: {begins}")


def test_doctor_names_all_risks_in_any_environment(environment, capsys):
    environment(
        STELLARY_ENV="development",
        JWT_SECRET="changeme" * 4,
        STELLARY_TRUSTED_PROXIES="0.0.0.0/0",
        STELLARY_CORS_ORIGINS="*",
        STELLARY_LIMITS="off",
    )
    code, lines = run_doctor(capsys)
    assert code == 2
    assert [re.search("[A-Z_]{6,}", line)[0] for line in lines] == [
        "JWT_SECRET",
        "STELLARY_TRUSTED_PROXIES",
        "STELLARY_LIMITS",
        "STELLARY_CORS_ORIGINS",
        "STELLARY_ENV",
    ]


def test_doctor_names_files_that_others_can_read(environment, capsys, tmp_path):
    environment()
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    for name in ("jwt-secret", "stellary.db"):
        (data / name).touch()
        (data / name).chmod(0o640)
    code, lines = run_doctor(capsys)
    assert code == 1
    assert lines == [
        f"risk: {data / name} has mode 0640: others on this machine can read it."
        for name in ("jwt-secret", "stellary.db")
    ]


def test_production_prints_its_risks_at_startup(tmp_path):
    risky = {"STELLARY_ENV": "production", "STELLARY_BCRYPT_ROUNDS": "10", "STELLARY_CORS_ORIGINS": "*"}
    with run_process(tmp_path, environment=SAFE | risky) as server:
        lines = server.log.read_text().splitlines()
    assert [line.partition(" is ")[0] for line in lines] == [
        "stellary: risk: STELLARY_LIMITS",
        "stellary: risk: STELLARY_CORS_ORIGINS",
        "stellary: risk: STELLARY_LOG",
    ]


def test_development_prints_no_risks(tmp_path):
    with run_process(tmp_path, environment={"STELLARY_CORS_ORIGINS": "*"}) as server:
        assert "risk" not in server.log.read_text()
