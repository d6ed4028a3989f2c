"""An mkdocs hook that generates the Python reference: pages that mkdocstrings fills from the package."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import stellary
from stellary.contract.fields import field_names
from stellary.contract.wire import DatedItem, RecordedItem
from tools.handles import list_methods, read_handles

ROOT = Path(__file__).resolve().parents[1]
PUBLIC_API = ROOT / "docs" / "guides" / "public-api.md"

_INDEX = "python/index.md"
_DOCUMENTED = {"show_if_no_docstring": False}
_WHOLE_MODULE = {"show_root_heading": False, "show_root_toc_entry": False}
PAGES: dict[str, tuple[str, str, dict[str, dict[str, Any]]]] = {
    "client": (
        "Client",
        "`AsyncStellary` has the same names as `Stellary`. The [SDK guide](../guides/sdk.md) explains both.",
        {
            "stellary.client._client.Stellary": {"inherited_members": True},
            "stellary.client._client.AsyncStellary": {},
            "stellary.client.calling.method.Resource": {"members": ["with_options", "show"]},
            "stellary.client.calling.page.Page": {},
            "stellary.client.calling.page.AsyncPage": {},
            "stellary.client.calling.stream.EventStream": {"inherited_members": ["last_event_id"]},
            "stellary.client.calling.call.Response": {},
            "stellary.client.calling.method.with_raw_response": {},
            "stellary.client.calling.capture.Exchange": {},
            "stellary.client.calling.settings.log": {},
            "stellary.client.calling.port_transport.PortTransport": {},
            "stellary.client.webhooks.verify": {},
        },
    ),
    "errors": (
        "Errors",
        "Every error is a `StellaryError`. The [SDK guide](../guides/sdk.md#errors) shows how to handle them.",
        {"stellary.contract.errors": _WHOLE_MODULE, "stellary.client.errors": _WHOLE_MODULE},
    ),
    "testing": (
        "Testing",
        "Tools for the tests of your program. The [SDK guide](../guides/sdk.md#testing-your-program) shows how to use them.",
        {"stellary.client.testing": _WHOLE_MODULE},
    ),
    "project-setup": (
        "Project setup",
        "The functions and values behind [Project setup](../guides/project-setup.md).",
        {
            f"stellary.client.project_setup.{name}": {}
            for name in ("plan", "apply", "describe", "read", "loads", "dumps")
        },
    ),
    "importers": (
        "Importers",
        "Readers of exports from other services. See [Import from Trello and GitHub](../guides/importers.md).",
        {f"stellary.client.importers.{name}": {} for name in ("read_trello", "read_github_issues")},
    ),
}
"""By name, the pages beside those of the resources: title, introduction, and what mkdocstrings shows with its options."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the pages to the navigation, under ``Python``."""
    pages = {name: {title: _path_of(name)} for name, (title, _, _) in PAGES.items()}
    resources = [{title: _path_of(name)} for name, title in sorted(_resources().items())]
    values, core = {"Values": _path_of("values")}, {"Core": _path_of("core")}
    first = [pages.pop("client"), {"Handles": resources}, values, pages.pop("errors")]
    for entry in config.nav or []:
        if "Python" in entry:
            entry["Python"] = [_INDEX, *first, *pages.values(), core]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Generate the pages."""
    pages = {
        _INDEX: _index(),
        **{_path_of(name): _page(*page) for name, page in PAGES.items()},
        **{_path_of(name): _resource(name, title) for name, title in _resources().items()},
        _path_of("values"): _values(),
        _path_of("core"): _core(),
    }
    for path, lines in pages.items():
        files.append(File.generated(config, path, content="\n".join(lines)))
    return files


def _path_of(name: str) -> str:
    return f"python/{name.replace('_', '-')}.md"


def _resources() -> dict[str, str]:
    """Return the titles of the modules of handles."""
    return {
        module: re.split(r"[:.]", handles["about"])[0]
        for module, handles in read_handles().items()
        if module != "root"
    }


def _index() -> Iterator[str]:
    yield "# Python reference\n"
    yield "The classes and functions of the package, from the same sources that your editor and `help()` show.\n"
    yield "Read this one if you write Python. The paths, statuses and JSON of the endpoints are in the [API reference](../reference/index.md).\n"
    yield "| page | content |\n|---|---|"
    for name, (title, introduction, _) in PAGES.items():
        yield f"| [{title}]({name}.md) | {introduction.replace('../', '../')} |"
    yield "| [Values](values.md) | The classes that methods take and return. |"
    yield "| [Core](core.md) | The public names of the core, for programs that [embed](../guides/embedding.md) it. |"
    yield "\n## Handles\n\nA handle holds the path of a resource; its methods are the endpoints below that path.\n"
    yield from (f"- [{title}]({name.replace('_', '-')}.md)" for name, title in sorted(_resources().items()))


def _page(title: str, introduction: str, objects: dict[str, dict[str, Any]]) -> Iterator[str]:
    yield f"# {title}\n\n{introduction}\n"
    for path, options in objects.items():
        yield from _show(path, options)


def _resource(name: str, title: str) -> Iterator[str]:
    yield f"# {title} (Python)\n\nThe methods of `Stellary`. With `AsyncStellary`, `await` them.\n"
    handles = {owner: table for owner, table in read_handles()[name].items() if owner != "about"}
    for owner, table in handles.items():
        inherited = {
            method.name
            for base in (owner, table.get("base"))
            if base in handles
            for method in list_methods(name, base)
        }
        if table.get("base", owner) not in handles:
            written = getattr(import_module(f"stellary.client.resources.{name}"), table["base"])
            inherited |= {method for method in vars(written) if not method.startswith("_")}
        yield from _show(f"stellary.client.methods.{name}.{owner}", {"inherited_members": sorted(inherited)})


def _values() -> Iterator[str]:
    yield "# Values (Python)\n"
    yield "Methods return frozen values, and take some as arguments. These are the ones that `stellary` exports; the "
    yield "[API reference](../reference/values.md) lists all, by their names in JSON.\n"
    for name in stellary.__all__:
        home = stellary._HOMES[name]  # noqa: SLF001 - of this package
        if home.startswith("stellary.contract.") and not home.endswith((".errors", ".unset")):
            is_recorded = issubclass(getattr(stellary, name), RecordedItem)
            inherited = {"inherited_members": [*field_names(DatedItem)]} if is_recorded else {}
            yield from _show(f"{home}.{name}", inherited)


def _core() -> Iterator[str]:
    yield "# Core (Python)\n\nThe [public names](../guides/public-api.md) of the core.\n"
    rows = re.findall(r"^\| `(stellary\.core[\w.]*)` \| (.*) \|$", PUBLIC_API.read_text(), re.MULTILINE)
    for module, text in rows:
        names = re.findall(r"`(\w+)`", text)
        if module == "stellary.core":
            import stellary.core as package

            for name in names:
                member = getattr(package, name)
                # The module of events is listed as a whole.
                if not isinstance(member, ModuleType):
                    yield from _show(f"{member.__module__}.{name}", _DOCUMENTED)
        else:
            yield f"## `{module}`\n"
            for name in names:
                yield from _show(f"{module}.{name}", {**_DOCUMENTED, "heading_level": 3})
            if not names or "Core.on" in text:
                yield from _show(module, {**_WHOLE_MODULE, "heading_level": 3})


def _show(path: str, options: dict[str, Any]) -> Iterator[str]:
    yield f"::: {path}"
    if options:
        yield "    options:"
        yield from (f"      {name}: {_to_yaml(value)}" for name, value in options.items())
    yield ""


def _to_yaml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
