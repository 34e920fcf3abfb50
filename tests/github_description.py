"""GitHub's own API description as a judge of requests, and small ones of ours for the paths that it lacks here.

The shared description is cut to 25 paths. `OURS` lists every other operation that the fake serves: parameters and
bodies as the public documentation gives them. A request that neither knows is a violation, so nothing passes unread.
"""

from __future__ import annotations

import importlib.util
import json
from functools import cache, lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from conftest import REAL_DATA

DESCRIPTION = REAL_DATA / "github" / "openapi-slim.json"
REPO = "/repos/{owner}/{repo}"
TEXT: dict[str, Any] = {"type": "string"}
NUMBER: dict[str, Any] = {"type": "integer"}
FLAG: dict[str, Any] = {"type": "boolean"}
PAGES = {"per_page": NUMBER, "page": NUMBER}
SORTED = {"direction": {"type": "string", "enum": ["asc", "desc"]}}
STATE = {"state": {"type": "string", "enum": ["open", "closed", "all"]}}
RULESET = {
    "name": TEXT,
    "target": {"type": "string", "enum": ["branch", "tag", "push"]},
    "enforcement": {"type": "string", "enum": ["disabled", "active", "evaluate"]},
    "bypass_actors": {"type": "array", "items": {"type": "object"}},
    "conditions": {"type": "object"},
    "rules": {
        "type": "array",
        "items": {"type": "object", "required": ["type"], "properties": {"type": TEXT}},
    },
}


def _operation(query: dict[str, Any] | None = None, body: dict[str, Any] | None = None, *need: str) -> Any:
    operation: dict[str, Any] = {"responses": {"200": {"description": "done"}}, "query": query or {}}
    if body is not None:
        schema = {"type": "object", "properties": body, "required": list(need), "additionalProperties": False}
        if not need:
            del schema["required"]
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


OURS: dict[str, dict[str, Any]] = {
    f"{REPO}/activity": {
        "get": _operation({
            **SORTED, "per_page": NUMBER, "before": TEXT, "after": TEXT, "ref": TEXT, "actor": TEXT,
            "time_period": TEXT, "activity_type": TEXT,
        })
    },
    f"{REPO}/collaborators/{{username}}/permission": {"get": _operation()},
    f"{REPO}/pulls": {
        "get": _operation({**PAGES, **STATE, **SORTED, "head": TEXT, "base": TEXT, "sort": TEXT}),
        "post": _operation(
            None,
            {"title": TEXT, "head": TEXT, "base": TEXT, "body": TEXT, "draft": FLAG, "maintainer_can_modify": FLAG},
            "head", "base",
        ),
    },
    f"{REPO}/pulls/{{pull_number}}/commits": {"get": _operation(PAGES)},
    f"{REPO}/commits/{{commit_sha}}/pulls": {"get": _operation(PAGES)},
    f"{REPO}/commits/{{ref}}/statuses": {"get": _operation(PAGES)},
    f"{REPO}/issues": {
        "get": _operation({**PAGES, **STATE, **SORTED, "labels": TEXT, "creator": TEXT, "since": TEXT, "sort": TEXT}),
        "post": _operation(
            None,
            {"title": TEXT, "body": TEXT, "labels": {"type": "array", "items": TEXT},
             "assignees": {"type": "array", "items": TEXT}},
            "title",
        ),
    },
    f"{REPO}/issues/{{issue_number}}/events": {"get": _operation(PAGES)},
    f"{REPO}/issues/{{issue_number}}/timeline": {"get": _operation({**PAGES, "exclude": TEXT})},
    f"{REPO}/issues/{{issue_number}}/labels/{{name}}": {"delete": _operation()},
    f"{REPO}/labels/{{name}}": {
        "get": _operation(),
        "patch": _operation(None, {"new_name": TEXT, "color": TEXT, "description": TEXT}),
    },
    f"{REPO}/actions/workflows/{{workflow_id}}/runs": {
        "get": _operation({
            **PAGES, "actor": TEXT, "branch": TEXT, "event": TEXT, "status": TEXT, "created": TEXT,
            "exclude_pull_requests": FLAG, "check_suite_id": NUMBER, "head_sha": TEXT,
        })
    },
    f"{REPO}/actions/workflows/{{workflow_id}}/enable": {"put": _operation()},
    f"{REPO}/actions/workflows/{{workflow_id}}/disable": {"put": _operation()},
    f"{REPO}/actions/runs/{{run_id}}/approvals": {"get": _operation()},
    f"{REPO}/actions/runs/{{run_id}}/artifacts": {"get": _operation({**PAGES, **SORTED, "name": TEXT})},
    f"{REPO}/rulesets/{{ruleset_id}}": {
        "get": _operation({"includes_parents": FLAG}),
        "put": _operation(None, RULESET),
    },
    f"{REPO}/teams": {"get": _operation(PAGES)},
    f"{REPO}/environments": {"get": _operation(PAGES)},
    f"{REPO}/environments/{{environment_name}}/deployment-branch-policies": {
        "get": _operation(PAGES),
        "post": _operation(None, {"name": TEXT, "type": {"type": "string", "enum": ["branch", "tag"]}}, "name"),
    },
    f"{REPO}/git/ref/{{ref}}": {"get": _operation()},
    "/user": {"get": _operation()},
    "/users/{username}": {"get": _operation()},
    "/orgs/{org}/teams/{team_slug}": {"get": _operation()},
    "/graphql": {"post": _operation(None, {"query": TEXT, "variables": {"type": "object"}}, "query")},
}  # fmt: skip


def missing() -> str | None:
    """Why requests cannot be judged by GitHub's own description here, or None."""
    if importlib.util.find_spec("openapi_core") is None:
        return "openapi-core is not installed"
    return None if DESCRIPTION.is_file() else "GitHub's API description is not here"


def violations(
    method: str, target: str, template: str | None, headers: dict[str, str], body: bytes
) -> list[str]:
    """What the descriptions have against a request: `target` is path and query, `template` its path in them."""
    if importlib.util.find_spec("openapi_core") is None:
        return []
    return list(_judged(method, target, template, headers.get("content-type", "application/json"), body))


# Tests send the same requests over and over, and each takes a hundredth of a second to judge.
@lru_cache(maxsize=4_096)
def _judged(
    method: str, target: str, template: str | None, content_type: str, body: bytes
) -> tuple[str, ...]:
    from openapi_core.testing import MockRequest

    parts = urlsplit(target)
    said = f"{method} {parts.path}"
    operation = _paths().get(template or "", {}).get(method.lower())
    if operation is None:
        # Without the shared data only what it would have judged goes by unread.
        return (
            () if template and missing() and template not in OURS else (f"{said}: no description knows this",)
        )
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    known = {p["name"] for p in operation["parameters"] if p["in"] == "query"}
    odd = [f"{said}: {name!r} is no parameter here" for name in query if name not in known]
    request = MockRequest(
        "http://localhost:4011",
        method.lower(),
        parts.path,
        args=query,
        data=body or None,
        content_type=content_type,
    )
    found = [f"{said}: {_innermost(error)}" for error in _judge().iter_request_errors(request)]
    return tuple(odd + found)


def answer_violations(method: str, template: str, status: int, answer: Any) -> list[str]:
    """What GitHub's description has against an answer of the fake: wrong types and words, not what it leaves out."""
    from openapi_schema_validator import OAS30Validator

    described = (
        _whole()["paths"].get(template, {}).get(method.lower(), {}).get("responses", {}).get(str(status))
    )
    content = _plain(described).get("content", {}).get("application/json") if described else None
    # Refusals come in more forms than the description has.
    if content is None or status >= 400:
        return []
    validator = OAS30Validator(_plain(content["schema"]))
    return [
        f"{method} {template}: {list(e.absolute_path)} {e.message[:150]}"
        for e in validator.iter_errors(answer)
        # Without what has to be there, one answer may be of several forms.
        if "valid under each of" not in e.message
    ]


def _plain(part: Any, depth: int = 0) -> Any:
    """A schema without references and without the list of what has to be there."""
    if isinstance(part, dict):
        if "$ref" in part:
            found = _whole()
            for key in part["$ref"].removeprefix("#/").split("/"):
                found = found[key]
            return _plain(found, depth + 1) if depth < 12 else {}
        return {
            name: _plain(value, depth)
            for name, value in part.items()
            if name != "discriminator" and not (name == "required" and isinstance(value, list))
        }
    return [_plain(each, depth) for each in part] if isinstance(part, list) else part


def _innermost(error: BaseException) -> str:
    inner = getattr(error, "schema_errors", None) or getattr(error.__cause__, "schema_errors", None)
    if inner:
        return "; ".join(str(each.message)[:200] for each in inner)
    return f"{type(error).__name__} {error.__cause__ or error}"[:300]


@cache
def _whole() -> dict[str, Any]:
    if missing():
        return {"openapi": "3.0.3", "info": {"title": "ours", "version": "1"}, "paths": {}}
    whole: dict[str, Any] = json.loads(DESCRIPTION.read_bytes())
    return whole


@cache
def _paths() -> dict[str, dict[str, Any]]:
    """Every operation by path and method, parameters resolved."""
    paths: dict[str, dict[str, Any]] = {}
    parameters = _whole().get("components", {}).get("parameters", {})
    for path, item in _whole()["paths"].items():
        paths[path] = {}
        for method, operation in item.items():
            listed = [
                parameters.get(p.get("$ref", "").rsplit("/", 1)[-1], p)
                for p in operation.get("parameters", [])
            ]
            paths[path][method] = {**operation, "parameters": listed}
    for path, item in OURS.items():
        for method, operation in item.items():
            query = [{"name": n, "in": "query", "schema": s} for n, s in operation["query"].items()]
            names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
            within = [{"name": n, "in": "path", "required": True, "schema": TEXT} for n in names]
            slim = {name: value for name, value in operation.items() if name != "query"}
            paths.setdefault(path, {}).setdefault(method, {**slim, "parameters": query + within})
    return paths


@cache
def _judge() -> Any:
    from openapi_core import Config, OpenAPI

    whole = {**_whole(), "servers": [{"url": "http://localhost:4011"}], "paths": _paths()}
    return OpenAPI.from_dict(whole, config=Config(spec_validator_cls=None))
