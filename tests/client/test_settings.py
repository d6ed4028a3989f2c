"""Settings of a client, from its arguments and the environment."""

import logging
from operator import attrgetter

import pytest

from stellary import Stellary
from stellary.client.calling.settings import check_headers, check_url, settings, start_logging
from tests.support.each_case import for_each

FULL = {
    "STELLARY_URL": "https://pm.example.com/",
    "STELLARY_TOKEN": "synth_environment",
    "STELLARY_ORG": "acme",
    "STELLARY_WORKSPACE": "eng",
    "STELLARY_TIMEOUT": "12.5",
    "STELLARY_MAX_RETRIES": "5",
}


GIVEN = {"url": "http://a", "token": "t", "timeout": 1, "max_retries": 0, "org": "b", "workspace": "c"}


@for_each(
    "arguments, environment, expected",
    [
        ({}, FULL, ("https://pm.example.com", "synth_environment", 12.5, 5, "acme", "eng")),
        (GIVEN, FULL, ("http://a", "t", 1, 0, "b", "c")),
        ({}, {}, ("http://localhost:3001", None, None, 2, None, None)),
        ({}, dict.fromkeys(FULL, ""), ("http://localhost:3001", None, None, 2, None, None)),
    ],
)
def test_arguments_take_precedence_over_the_environment_and_that_over_defaults(
    arguments, environment, expected
):
    names = ("url", "token", "timeout", "retries", "org", "workspace")
    assert attrgetter(*names)(settings(**arguments, environment=environment)) == expected


@for_each("url", ["localhost:3001", "ftp://host", "http://", "http://h?a=b", "http://h#f", "http://u:p@h"])
def test_invalid_base_url_raises(url):
    with pytest.raises(ValueError, match="URL"):
        check_url(url)


def test_a_base_url_may_have_a_path():
    assert check_url(" https://host/pm/ ") == "https://host/pm"


def test_empty_token_overrides_environment():
    assert settings(token="", environment=FULL).token is None


def test_white_space_around_a_token_is_not_part_of_it():
    assert settings(token="synth_x\n", environment={}).token == "synth_x"


@for_each("token", ["a b", "a\nb", "é", " "])
def test_invalid_token_raises_without_showing_it(token):
    with pytest.raises(ValueError, match="the token contains") as caught:
        settings(token=token, environment={})
    assert repr(token) not in str(caught.value)


@for_each(
    "name, values",
    [("timeout", [0, -1, "soon", "nan", "inf", object()]), ("max_retries", [-1, "many", object()])],
)
def test_invalid_number_raises(name, values):
    for value in values:
        with pytest.raises(ValueError, match=name.removeprefix("max_")):
            settings(**{name: value}, environment={})


def test_header_names_are_lower_case():
    assert check_headers({"X-Team": "eng"}) == {"x-team": "eng"}


@for_each("name, text", [("x y", "a"), ("", "a"), ("é", "a"), ("x", "a\r\nb: c"), ("x", "é")])
def test_invalid_header_value_raises(name, text):
    with pytest.raises(ValueError, match="cannot be sent"):
        Stellary("http://a", headers={name: text})


def test_no_repr_shows_the_token():
    resolved = settings(token="synth_secret", environment={})
    client = Stellary("http://a", token="synth_secret")
    texts = [
        repr(value) for value in (resolved, client, client.auth, client._caller, client._caller.credentials)
    ]
    assert not any("synth_secret" in text for text in texts)


def test_repr_of_a_client_shows_its_url():
    assert repr(Stellary("http://a/")) == "Stellary('http://a')"


@pytest.fixture
def logger():
    logger = logging.getLogger("stellary.client")
    yield logger
    logger.handlers.clear()
    logger.setLevel(logging.NOTSET)


def test_the_environment_turns_the_log_on_once(logger):
    start_logging({"STELLARY_LOG": "debug"})
    start_logging({"STELLARY_LOG": "DEBUG"})
    assert (logger.level, len(logger.handlers)) == (logging.DEBUG, 1)


@for_each("level", [None, logging.DEBUG, logging.ERROR])
def test_each_line_is_printed_once_if_the_program_prints_logs_itself(logger, capsys, level):
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, [] if level is None else [logging.StreamHandler()]
    for handler in root.handlers:
        handler.setLevel(level)
    try:
        start_logging({"STELLARY_LOG": "debug"})
        logger.debug("GET /orgs")
    finally:
        root.handlers = handlers
        logger.handlers.clear()
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_nothing_is_logged_by_default(logger):
    start_logging({})
    start_logging({"STELLARY_LOG": "loud"})
    assert (logger.level, logger.handlers) == (logging.NOTSET, [])
