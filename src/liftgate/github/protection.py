"""What has to hold on GitHub for the gate to hold: rulesets, environments, labels and code owners, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

STATUS: Final = "liftgate/verdict"
BRANCHES: Final = ("liftgate-ledger", "liftgate-results")
APPROVAL: Final = "training-approval"
ENVIRONMENTS: Final = (APPROVAL, "training", "eval")
MOST_REVIEWERS: Final = 6
OWNED: Final = (
    ("/evals/", "what measures: thresholds, prices, golden and safety cases, scorers, sign-off reports"),
    ("/models.yaml", "what callers get"),
    ("/src/", "what runs with a token: the program, its locks, the action, the workflows, and this file"),
    ("/requirements/", ""),
    ("/action.yml", ""),
    ("/.github/", ""),
)
Json = Mapping[str, Any]


@dataclass(frozen=True)
class Wanted:
    """What the person who sets it up decides.

    `owners` are code owners (@user or @org/team), `status_app` is the App that alone may publish the status,
    `writer_app` the App that alone may write the ledger and the results, `label` the one that approves a training.
    """

    owners: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    status_app: int | None = None
    writer_app: int | None = None
    label: str = "liftgate-approve"


def rulesets(wanted: Wanted) -> list[Json]:
    """Nobody passes them by: no list of who may is written, and a list that is there is left and told."""
    check: dict[str, Any] = {"context": STATUS}
    if wanted.status_app is not None:
        check["integration_id"] = wanted.status_app
    ours = [f"refs/heads/{branch}" for branch in BRANCHES]
    made: list[Json] = [
        _ruleset(
            "liftgate: default branch",
            ["~DEFAULT_BRANCH"],
            [
                {"type": "deletion"},
                {"type": "non_fast_forward"},
                {
                    "type": "pull_request",
                    "parameters": {
                        "required_approving_review_count": 1,
                        "dismiss_stale_reviews_on_push": True,
                        "require_code_owner_review": True,
                        "require_last_push_approval": True,
                        "required_review_thread_resolution": False,
                    },
                },
                {
                    "type": "required_status_checks",
                    "parameters": {
                        "strict_required_status_checks_policy": True,
                        "required_status_checks": [check],
                    },
                },
            ],
        ),
        _ruleset(
            "liftgate: ledger and results are only added to",
            ours,
            [{"type": "deletion"}, {"type": "non_fast_forward"}],
        ),
    ]
    if wanted.writer_app is not None:
        bypass = [{"actor_id": wanted.writer_app, "actor_type": "Integration", "bypass_mode": "always"}]
        rules: list[Json] = [
            {"type": "creation"},
            {"type": "update", "parameters": {"update_allows_fetch_and_merge": False}},
        ]
        made.append(_ruleset("liftgate: only the app writes ledger and results", ours, rules, bypass))
    return made


def _ruleset(name: str, branches: list[str], rules: Sequence[Json], bypass: Sequence[Json] = ()) -> Json:
    return {
        "name": name,
        "target": "branch",
        "enforcement": "active",
        "bypass_actors": list(bypass),
        "conditions": {"ref_name": {"include": branches, "exclude": []}},
        "rules": list(rules),
    }


def labels(wanted: Wanted) -> list[Json]:
    """Labels that the gate reads or sets."""
    return [
        {"name": wanted.label, "color": "0e8a16", "description": "Let this change's training be paid for"},
        {
            "name": "liftgate-watch",
            "color": "fbca04",
            "description": "Something about a served model needs a look",
        },
    ]


def environment(name: str, reviewers: Sequence[Json]) -> dict[str, Any]:
    """The body that sets an environment up; `reviewers` are type and id."""
    body: dict[str, Any] = {
        "deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True}
    }
    if name == APPROVAL:
        body |= {"reviewers": list(reviewers), "prevent_self_review": True}
    return body


def codeowners(owners: Sequence[str]) -> str:
    """A CODEOWNERS file for a repository that has none."""
    lines = [
        "# Who must agree before a merge. The last matching line counts; a required code owner review makes it hold."
    ]
    for pattern, why in OWNED:
        lines += ["", f"# {why[0].upper()}{why[1:]}."] if why else []
        lines.append(f"{pattern.ljust(16)} {' '.join(owners)}")
    return "\n".join(lines) + "\n"


def unowned(text: str) -> list[str]:
    """The patterns that a CODEOWNERS file has no line of its own for, with an owner."""
    lines = [line.partition("#")[0].split() for line in text.splitlines()]
    # A line without an owner takes the owner away again.
    owned = {words[0].strip("/"): len(words) > 1 for words in lines if words}
    everything = owned.get("*", False)
    return [pattern for pattern, _ in OWNED if not owned.get(pattern.strip("/"), everything)]


def strengthened(held: Json, wanted: Json) -> dict[str, Any]:
    """A ruleset that asks for all that is wanted and keeps what it asks for already. Equal to `held` when it does.

    Rules and parameters that others added stay, a number is never lowered, and who may pass it by is not touched.
    """
    parts = {
        name: held.get(name)
        for name in ("name", "target", "enforcement", "bypass_actors", "conditions", "rules")
    }
    rules = [dict(rule) for rule in held.get("rules") or []]
    for rule in wanted["rules"]:
        there = next((each for each in rules if each.get("type") == rule["type"]), None)
        if there is None:
            rules.append(dict(rule))
        elif "parameters" in rule:
            there["parameters"] = _stronger(there.get("parameters") or {}, rule["parameters"])
    names = wanted["conditions"]["ref_name"]
    found = ((held.get("conditions") or {}).get("ref_name")) or {}
    include = [*found.get("include", []), *(n for n in names["include"] if n not in found.get("include", []))]
    exclude = [each for each in found.get("exclude", []) if not _excludes(each, names["include"])]
    return parts | {
        "target": wanted["target"],
        "enforcement": "active",
        "conditions": {"ref_name": {"include": include, "exclude": exclude}},
        "rules": rules,
    }


def _excludes(pattern: str, included: Sequence[str]) -> bool:
    """True when an exclusion may let one of our branches out: its own name, or anything with a wildcard."""
    return pattern in included or "*" in pattern or pattern.startswith("~")


def _stronger(held: Json, wanted: Json) -> dict[str, Any]:
    made = dict(held)
    for name, value in wanted.items():
        now = held.get(name)
        if isinstance(value, bool):
            # `update_allows_fetch_and_merge` loosens; every other switch tightens.
            made[name] = value if name.endswith("fetch_and_merge") else value or now is True
        elif isinstance(value, int):
            made[name] = max(value, now) if isinstance(now, int) else value
        elif isinstance(value, list):
            ours = [each["context"] for each in value]
            others = [each for each in now or [] if each.get("context") not in ours]
            same = [each for each in now or [] if each.get("context") in ours]
            made[name] = (now or []) if _same_checks(same, value) else [*others, *value]
    return made


def _same_checks(held: Sequence[Json], wanted: Sequence[Json]) -> bool:
    """True when what is held asks for as much: an App as the source that is wanted, or any App where none is."""
    by_context = {each.get("context"): each for each in held}
    return all(
        each["context"] in by_context
        and each.get("integration_id") in {None, by_context[each["context"]].get("integration_id")}
        for each in wanted
    )


def bypassed(held: Json, wanted: Json) -> int:
    """How many actors pass a ruleset by beside those that are wanted."""
    known = [(each["actor_type"], each["actor_id"]) for each in wanted["bypass_actors"]]
    return sum((a.get("actor_type"), a.get("actor_id")) not in known for a in held.get("bypass_actors") or [])
