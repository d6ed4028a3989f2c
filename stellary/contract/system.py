"""Status and documentation of a deployment, without authentication."""

from __future__ import annotations

from typing import Any, Literal

from stellary.contract.endpoint import reads
from stellary.contract.policies import PUBLIC
from stellary.contract.refs import Ref
from stellary.contract.wire import Value


class About(Value):
    """The name and version of the deployment, and links to its documentation."""

    name: str
    version: str
    openapi: str = "/openapi.json"
    docs: str = "/docs"


class Health(Value):
    """A sign that the process responds."""

    status: Literal["ok"] = "ok"


class Readiness(Value):
    """A sign that requests can be served; otherwise the response is a 503."""

    status: Literal["ready"] = "ready"


ROOT = reads(
    "system.root", Ref, summary="Get the name and version of the deployment.", returns=About, policy=PUBLIC
)
HEALTH = reads(
    "system.health",
    Ref,
    "health/live",
    summary="Check that the process is alive, for an orchestrator.",
    returns=Health,
    policy=PUBLIC,
)
READY = reads(
    "system.ready",
    Ref,
    "health/ready",
    summary="Check that requests can be served: 503 while starting, stopping, or without a writable database.",
    returns=Readiness,
    policy=PUBLIC,
)
OPENAPI = reads(
    "system.openapi",
    Ref,
    "openapi.json",
    summary="Get this API as an OpenAPI 3.1 document.",
    returns=dict[str, Any],
    policy=PUBLIC,
)

DOCS = reads(
    "system.docs",
    Ref,
    "docs",
    summary="Get this API's documentation as a page on which endpoints can be called. The page loads no external resources.",
    returns=str,
    policy=PUBLIC,
    media="text/html",
)
METRICS = reads(
    "system.metrics",
    Ref,
    "metrics",
    summary="Get request counts and durations in the Prometheus format.",
    returns=str,
    policy=PUBLIC,
    media="text/plain",
)
