"""The reference of the docs: it is generated from the contract, and complete."""

import re
from types import SimpleNamespace

import pytest

from stellary.contract import ENDPOINTS
from stellary.contract.openapi import document
from stellary.core.api.dispatch import SERVICES
from tests.house.test_client import NOT_OF_THE_CLIENT
from tests.journeys.test_examples import EXAMPLES, load_module


class Pages:
    """The part of MkDocs' pages that the hook uses."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def append(self, file) -> None:
        self.texts[file.src_uri] = file.content_string


@pytest.mark.slow("reads the whole reference")
def test_every_operation_and_value_has_a_heading():
    hook = load_module(EXAMPLES.parent / "reference.py")
    config = SimpleNamespace(
        nav=[{"Guides": []}, {"API": []}],
        site_dir="site",
        use_directory_urls=False,
        plugins=SimpleNamespace(_current_plugin=None),
    )
    pages = Pages()
    hook.on_config(config)
    hook.on_files(pages, config)
    index, *listed = config.nav[1]["API"]
    assert {index, *(path for entry in listed for path in entry.values())} == set(pages.texts)
    overview = pages.texts.pop(index)
    headings = re.findall("^## (.*)$", "\n".join(pages.texts.values()), re.MULTILINE)
    schemas = document()["components"]["schemas"]
    modules = {service.function.__module__ for service in SERVICES.values()}
    operations = [endpoint.operation for endpoint in ENDPOINTS]
    assert sorted(headings) == sorted([*operations, *schemas, *modules])
    assert [operation for operation in operations if f"#{operation.replace('.', '')})" not in overview] == []
    tabs = re.findall('^=== "(.*)"$', "\n".join(pages.texts.values()), re.MULTILINE)
    assert tabs.count("curl") == tabs.count("Errors") == len(ENDPOINTS)
    assert tabs.count("Python") == tabs.count("Python, async") == len(ENDPOINTS) - len(NOT_OF_THE_CLIENT)
    services = pages.texts["reference/services.md"]
    assert [operation for operation in SERVICES if f"[{operation}](" not in services] == []
