"""The commands of GitHub's own client that set protection up, for whoever has the right that this token lacks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from liftgate.github.protection import APPROVAL, ENVIRONMENTS, Wanted, environment, labels, rulesets


def as_commands(repository: str, wanted: Wanted, only: Iterable[str] | None = None) -> str:
    """Commands for a shell; `only` names what is still to do, None for all. Needs `gh`, logged in as an administrator.

    Names in them were checked before: none holds what a shell reads.
    """
    chosen = None if only is None else set(only)
    root = f"repos/{repository}"
    parts: list[str] = []
    for label in labels(wanted):
        if chosen is None or f"label {label['name']}" in chosen:
            parts.append(_posted(f"label {label['name']}", f"{root}/labels", label))
    for name in ENVIRONMENTS:
        if chosen is None or f"environment {name}" in chosen:
            parts += [_environment(root, name, wanted), _branch(root, name)]
    for ruleset in rulesets(wanted):
        if chosen is None or f"ruleset {ruleset['name']}" in chosen:
            parts.append(_posted(f"ruleset {ruleset['name']}", f"{root}/rulesets", ruleset))
    return "\n".join(parts)


def _posted(what: str, path: str, body: Mapping[str, Any]) -> str:
    return f"# {what} (422: there is one already)\ngh api --method POST {path} --input - <<'END'\n{_json(body)}\nEND\n"


def _environment(root: str, name: str, wanted: Wanted) -> str:
    body = _json(environment(name, []))
    quoted = "'END'"
    if name == APPROVAL:
        # The numbers are looked up by the shell that runs it, so that the document is not quoted here.
        quoted = "END"
        people = ",\n".join(f"    {_reviewer(reviewer)}" for reviewer in wanted.reviewers)
        body = body.replace('"reviewers": []', f'"reviewers": [\n{people}\n  ]')
    put = f"gh api --method PUT {root}/environments/{name} --input - <<{quoted}\n{body}\nEND\n"
    return f"# environment {name}\n{put}"


def _reviewer(name: str) -> str:
    if "/" in name:
        org, team = name.split("/")
        return f'{{"type": "Team", "id": $(gh api orgs/{org}/teams/{team} --jq .id)}}'
    return f'{{"type": "User", "id": $(gh api users/{name} --jq .id)}}'


def _branch(root: str, name: str) -> str:
    branch = f"$(gh api {root} --jq .default_branch)"
    return f'gh api --method POST {root}/environments/{name}/deployment-branch-policies -f name="{branch}"\n'


def _json(body: Mapping[str, Any]) -> str:
    return json.dumps(body, indent=2)
