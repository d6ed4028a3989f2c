"""An mkdocs hook that generates the API reference from the contract: an index, a page per resource, and one for values.

Each endpoint has tabs: the call in Python, blocking and asynchronous, and with curl; the response; the errors. The hook also
generates an index of the core's services, for applications that embed the core.

The server's ``/docs`` is an interactive page of the same document.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import orjson
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from stellary.contract import ENDPOINTS
from stellary.contract.errors import BY_STATUS
from stellary.contract.openapi import document
from stellary.core.api.dispatch import SERVICES
from stellary.core.kernel.unit import Service
from tools.endpoint_examples import render_curl, render_python

Json = dict[str, Any]
_INDEX = "reference/index.md"
_VALUES = "reference/values.md"
_SERVICES = "reference/services.md"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the pages to the navigation, under ``API``."""
    pages: list[Any] = [{_title(tag): _page_of(tag["name"])} for tag in document()["tags"]]
    for entry in config.nav or []:
        if "API" in entry:
            entry["API"] = [_INDEX, *pages, {"Values": _VALUES}, {"Services of the core": _SERVICES}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Generate the pages."""
    api = document()
    operations = defaultdict(list)
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            operations[operation["tags"][0]].append((method.upper(), path, operation))
    files.append(File.generated(config, _INDEX, content="\n".join(_index(api["tags"], operations))))
    for tag in api["tags"]:
        text = "\n".join(_resource(tag, operations[tag["name"]], api))
        files.append(File.generated(config, _page_of(tag["name"]), content=text))
    files.append(File.generated(config, _VALUES, content="\n".join(_values(api))))
    files.append(File.generated(config, _SERVICES, content="\n".join(_services())))
    return files


def _page_of(resource: str) -> str:
    return f"reference/{resource.replace('_', '-')}.md"


def _title(tag: Json) -> str:
    title: str = tag["name"].replace("_", " ")
    return "API tokens" if title == "api tokens" else title[:1].upper() + title[1:]


def _index(tags: list[Json], operations: dict[str, list[tuple[str, str, Json]]]) -> Iterator[str]:
    yield "# API reference\n"
    yield "Every endpoint of the HTTP API, with its call in Python and with curl. [Values](values.md) describes the types.\n"
    yield "Read this one if you call the API over HTTP, or from another language. In Python, start with the [Python reference](../python/index.md).\n"
    for tag in tags:
        page = _page_of(tag["name"]).removeprefix("reference/")
        yield f"## [{_title(tag)}]({page})\n\n{tag['description']}\n\n| endpoint | what it does |\n|---|---|"
        for method, path, operation in operations[tag["name"]]:
            name = operation["operationId"]
            summary = _cell(operation["summary"])
            yield f"| [`{method} {path}`]({page}#{name.replace('.', '')}) | {summary} |"
        yield ""


def _resource(tag: Json, operations: list[tuple[str, str, Json]], api: Json) -> Iterator[str]:
    yield f"# {_title(tag)}\n\n{tag['description']}\n"
    for method, path, operation in operations:
        yield f"## {operation['operationId']}\n\n{operation['summary']}.\n"
        yield f"```\n{method} {path}\n```\n"
        yield f"{operation['description']}\n"
        yield from _parameters(operation, api)
        yield from _body(operation, api)
        yield f"{_response(operation)}\n"
        yield from _examples(operation)


def _examples(operation: Json) -> Iterator[str]:
    """Yield the tabs of an operation. The search leaves them out: they repeat what stands above them."""
    endpoint = next(endpoint for endpoint in ENDPOINTS if endpoint.operation == operation["operationId"])
    yield "<div data-search-exclude markdown>\n"
    blocking, awaiting = render_python(endpoint), render_python(endpoint, awaits=True)
    if blocking is not None and awaiting is not None:
        yield from _tab("Python", "python", blocking)
        yield from _tab("Python, async", "python", awaiting)
    yield from _tab("curl", "sh", render_curl(endpoint))
    for media, content in operation["responses"].get(str(endpoint.status), {}).get("content", {}).items():
        if media == "application/json":
            example = orjson.dumps(content["example"], option=orjson.OPT_INDENT_2).decode()
            yield from _tab("Response", "json", example)
    yield '=== "Errors"\n\n    | status | error | |\n    |---|---|---|'
    for status in sorted(int(status) for status in operation["responses"]):
        if status >= 400:
            error = BY_STATUS[status]
            meaning = inspect.cleandoc(error.__doc__ or "").partition("\n")[0].partition(": ")[2]
            name = f"[`{error.__name__}`](../python/errors.md#stellary.contract.errors.{error.__name__})"
            yield f"    | {status} | {name} | {_cell(meaning)} |"
    yield "\n</div>\n"


def _tab(title: str, language: str, text: str) -> Iterator[str]:
    yield f'=== "{title}"\n\n    ```{language}'
    yield from (f"    {line}" if line else "" for line in text.splitlines())
    yield "    ```\n"


def _parameters(operation: Json, api: Json) -> Iterator[str]:
    parameters = [_resolve(parameter, api) for parameter in operation.get("parameters", ())]
    query_parameters = [parameter for parameter in parameters if parameter["in"] != "path"]
    if query_parameters:
        yield "| parameter | type | description |\n|---|---|---|"
        for parameter in query_parameters:
            kind = "header: " if parameter["in"] == "header" else ""
            description = _cell(parameter.get("description", ""))
            yield f"| `{parameter['name']}` | {kind}{_type(parameter['schema'])} | {description} |"
        yield ""


def _body(operation: Json, api: Json) -> Iterator[str]:
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        if media != "application/json":
            yield f"The body is `{media}` with one file in the field `file`.\n"
            continue
        yield from _fields(_resolve(content["schema"], api))


def _fields(schema: Json) -> Iterator[str]:
    properties = schema.get("properties", {})
    if not properties:
        return
    required = set(schema.get("required", ()))
    yield "| field | type | description |\n|---|---|---|"
    for name, field in properties.items():
        mark = " (required)" if name in required else ""
        yield f"| `{name}`{mark} | {_type(field)} | {_cell(field.get('description', ''))} |"
    yield ""


def _response(operation: Json) -> str:
    answers = operation["responses"]
    for status, answer in answers.items():
        if int(status) < 300:
            content = next(iter(answer.get("content", {}).items()), None)
            what = "" if content is None else f" with {_content(*content)}"
            return f"Returns {status}{what}."
    raise LookupError(operation["operationId"])


def _content(media: str, content: Json) -> str:
    if media == "text/event-stream":
        return f"a stream of server-sent events, each with a {_type(content['x-event-data'])}"
    return _type(content["schema"]) if media == "application/json" else f"`{media}`"


def _values(api: Json) -> Iterator[str]:
    yield "# Values\n\nThe types of request and response fields, by name.\n"
    for name, schema in api["components"]["schemas"].items():
        yield f"## {name}\n"
        if "description" in schema:
            yield f"{schema['description']}\n"
        yield from _fields(schema)


def _services() -> Iterator[str]:
    yield "# Services of the core\n"
    yield "Applications that [embed the core](../guides/embedding.md) call these functions in units of work.\n"
    by_module = defaultdict(list)
    for service in SERVICES.values():
        by_module[service.function.__module__].append(service)
    for module in sorted(by_module):
        yield f"## {module}\n\n| function | returns | operation |\n|---|---|---|"
        yield from map(_service, by_module[module])
        yield ""


def _service(service: Service) -> str:
    function = inspect.unwrap(service.function)
    signature = inspect.signature(function)
    parameters = ", ".join(f"{name}: {kind.annotation}" for name, kind in signature.parameters.items())
    operation = service.endpoint.operation
    page = f"{_page_of(operation.partition('.')[0]).removeprefix('reference/')}#{operation.replace('.', '')}"
    return (
        f"| `{function.__name__}({parameters})` | {_cell(f'`{signature.return_annotation}`')} "
        f"| [{operation}]({page}) |"
    )


def _type(schema: Json) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](values.md#{name.lower()})"
    for combination in ("anyOf", "oneOf"):
        if combination in schema:
            return " or ".join(_type(member) for member in schema[combination])
    if "enum" in schema:
        return " \\| ".join("null" if value is None else f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kind = schema.get("type", schema.get("format", "anything"))
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if isinstance(kind, list):
        return " or ".join(kind)
    return f"{kind}{_limits(schema)}" if "type" in schema else kind


def _limits(schema: Json) -> str:
    if "format" in schema:
        return f" ({schema['format']})"
    least, most = (
        next((schema[name] for name in names if name in schema), None)
        for names in (("minLength", "minimum"), ("maxLength", "maximum"))
    )
    if least is None and most is None:
        return ""
    return f", {_range(least, most)}"


def _range(least: float | None, most: float | None) -> str:
    if least is None:
        return f"at most {most}"
    return f"at least {least}" if most is None else f"{least} to {most}"


def _resolve(schema: Json, api: Json) -> Json:
    while "$ref" in schema:
        part: Any = api
        for name in schema["$ref"].removeprefix("#/").split("/"):
            part = part[name]
        schema = part
    return schema


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
