"""OpenAI's own API description as a judge of requests; `openapi-core` and the shared data have to be there."""

from __future__ import annotations

import importlib.util
import json
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from conftest import REAL_DATA

DESCRIPTION = REAL_DATA / "openai" / "openapi.json"
PATHS = ("/files", "/fine_tuning/jobs", "/models", "/chat/completions")
# What the service answers though its description does not list it.
UNLISTED = ("/fine_tuning/model_limits",)


def missing() -> str | None:
    """Why requests cannot be judged here, or None."""
    if importlib.util.find_spec("openapi_core") is None:
        return "openapi-core is not installed"
    return None if DESCRIPTION.is_file() else "OpenAI's API description is not here"


def violations(method: str, target: str, headers: dict[str, str], body: bytes) -> list[str]:
    """What the description has against a request: `target` is path and query under /v1."""
    from openapi_core.testing import MockRequest

    parts = urlsplit(target)
    if parts.path in UNLISTED:
        return []
    request = MockRequest(
        "https://api.openai.com",
        method.lower(),
        f"/v1{parts.path}",
        args=dict(parse_qsl(parts.query)),
        headers=headers,
        data=body or None,
        content_type=headers.get("content-type", "application/json"),
    )
    # The judge knows no deepObject; the filter's keys are checked by the fake itself.
    found = list(_judge().iter_request_errors(request))
    return [f"{method} {parts.path}: {_innermost(error)}" for error in found]


def _innermost(error: BaseException) -> str:
    inner = getattr(error, "schema_errors", None) or getattr(error.__cause__, "schema_errors", None)
    if inner:
        return "; ".join(str(each.message)[:200] for each in inner)
    return f"{type(error).__name__} {error.__cause__ or error}"[:300]


@cache
def _judge() -> Any:
    from openapi_core import Config, OpenAPI

    whole = json.loads(DESCRIPTION.read_bytes())
    paths = {path: item for path, item in whole["paths"].items() if path.startswith(PATHS)}
    schemas = _reachable(paths, whole["components"]["schemas"])
    # `type: string, format: binary` is how 3.0 wrote a file; the judge of 3.1 gets bytes and calls them no string.
    schemas["CreateFileRequest"]["properties"]["file"] = {}
    slim = {
        "openapi": whole["openapi"],
        "info": whole["info"],
        "servers": whole["servers"],
        "security": whole.get("security", []),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": whole["components"].get("securitySchemes", {}),
        },
    }
    return OpenAPI.from_dict(_without(slim, "discriminator"), config=Config(spec_validator_cls=None))


def _reachable(part: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    waiting = [part]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            name = str(each.get("$ref", "")).removeprefix("#/components/schemas/")
            if name in schemas and name not in found:
                found[name] = schemas[name]
                waiting.append(schemas[name])
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
    return found


def _without(part: Any, key: str) -> Any:
    if isinstance(part, dict):
        return {name: _without(value, key) for name, value in part.items() if name != key}
    return [_without(each, key) for each in part] if isinstance(part, list) else part
