"""Set protection up by API: look first, change only what falls short, go on after a refusal and keep it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from liftgate.errors import InputError
from liftgate.github.api import GitHub, GitHubRefused
from liftgate.github.protection import (
    APPROVAL,
    ENVIRONMENTS,
    Wanted,
    bypassed,
    environment,
    labels,
    rulesets,
    strengthened,
)

Json = Mapping[str, Any]


@dataclass
class Done:
    """Lines that say what was done, and the names of what GitHub refused."""

    lines: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def say(self, word: str, what: str) -> None:
        """One line."""
        self.lines.append(f"{word.ljust(10)} {what}")

    def step(self, what: str, work: Callable[..., Sequence[str]], *given: Any) -> None:
        """Do one thing; the first word that it gives says what came of it, the others are notes."""
        try:
            word, *notes = work(*given)
        except GitHubRefused as refused:
            self.refused.append(what)
            self.say("refused", f"{what}: {refused.sentence}")
            if refused.hint:
                self.lines.append(f"{' ' * 11}{refused.hint}")
            return
        self.say(word, what)
        self.lines += [f"{' ' * 11}{note}" for note in notes]


def apply(github: GitHub, wanted: Wanted) -> Done:
    """Everything that is wanted. The rulesets come last: nothing that is set up before needs to pass them.

    Raises `InputError` for a reviewer that GitHub does not know, before anything is changed.
    """
    done = Done()
    reviewers, branch = _reviewers(github, wanted.reviewers), github.default_branch()
    for label in labels(wanted):
        done.step(f"label {label['name']}", _label, github, label)
    for name in ENVIRONMENTS:
        done.step(f"environment {name}", _environment, github, name, reviewers, branch)
    for ruleset in rulesets(wanted):
        done.step(f"ruleset {ruleset['name']}", _ruleset, github, ruleset)
    if wanted.writer_app is None:
        done.say(
            "note", "whoever may push to this repository may add to the ledger: --writer-app ID stops that"
        )
    if wanted.status_app is None:
        done.say("note", "whoever may push to this repository may set the status: --status-app ID stops that")
    return done


def _reviewers(github: GitHub, names: Sequence[str]) -> list[Json] | GitHubRefused:
    """Their numbers. A refusal is kept for the one step that needs them."""
    try:
        return [_reviewer(github, name) for name in names]
    except GitHubRefused as refused:
        return refused


def _reviewer(github: GitHub, name: str) -> Json:
    org, team, slug = name.partition("/")
    if team:
        same = org.lower() == github.repository.split("/")[0].lower()
        listed = github.request("GET", "/teams?per_page=100") if same else None
        found = next((each for each in listed or [] if str(each.get("slug")).lower() == slug.lower()), None)
    else:
        found = (github.request("GET", f"/collaborators/{name}/permission") or {}).get("user")
    number = found.get("id") if isinstance(found, dict) else None
    if not isinstance(number, int):
        raise InputError(
            f"{'team' if team else 'user'} {name!r} cannot review here",
            hint="a reviewer needs read access to the repository; a team is written org/team",
        )
    return {"type": "Team" if team else "User", "id": number}


def _label(github: GitHub, label: Json) -> list[str]:
    if github.request("GET", f"/labels/{quote(str(label['name']), safe='')}") is not None:
        return ["unchanged"]
    github.request("POST", "/labels", label)
    return ["created"]


def _environment(
    github: GitHub, name: str, reviewers: Sequence[Json] | GitHubRefused, branch: str
) -> list[str]:
    if isinstance(reviewers, GitHubRefused):
        if name == APPROVAL:
            raise reviewers
        reviewers = ()
    held = github.request("GET", f"/environments/{name}")
    word, notes = "unchanged", []
    if held is None or not _guarded(held, name, reviewers):
        word = "created" if held is None else "changed"
        body = environment(name, reviewers)
        if held is not None:
            body = _kept(held) | body | _all_reviewers(held, body)
        try:
            github.request("PUT", f"/environments/{name}", body)
        except GitHubRefused as refused:
            if refused.code != 422 or not body.get("reviewers"):
                raise
            # Private repositories have reviewers on some plans only. Without them no run of it proves an approval.
            github.request(
                "PUT", f"/environments/{name}", {**body, "reviewers": [], "prevent_self_review": False}
            )
            notes.append(
                "no reviewers: this plan has none; approve by label (policy approval.modes: [label])"
            )
    path = f"/environments/{name}/deployment-branch-policies"
    policies = (github.request("GET", f"{path}?per_page=100") or {}).get("branch_policies") or []
    names = [str(policy.get("name")) for policy in policies]
    if branch not in names:
        github.request("POST", path, {"name": branch})
        word = "changed" if word == "unchanged" else word
    if others := len([other for other in names if other != branch]):
        notes.append(
            f"{others} more branch rule(s) let other branches use it: take them off unless you mean it"
        )
    return [word, *notes]


def _rule(held: Json, kind: str) -> Json | None:
    return next((rule for rule in held.get("protection_rules") or [] if rule.get("type") == kind), None)


def _held_reviewers(held: Json) -> list[Json]:
    rule = _rule(held, "required_reviewers") or {}
    return [{"type": r["type"], "id": r["reviewer"]["id"]} for r in rule.get("reviewers") or []]


def _guarded(held: Json, name: str, reviewers: Sequence[Json]) -> bool:
    """True when nothing of it has to change. Reviewers that others added may stay."""
    policy = held.get("deployment_branch_policy") or {}
    if policy.get("custom_branch_policies") is not True:
        return False
    if name != APPROVAL:
        return True
    there = _held_reviewers(held)
    itself = (_rule(held, "required_reviewers") or {}).get("prevent_self_review") is True
    return itself and all(reviewer in there for reviewer in reviewers)


def _kept(held: Json) -> dict[str, Any]:
    """What a PUT without it would take away."""
    timer = (_rule(held, "wait_timer") or {}).get("wait_timer")
    kept: dict[str, Any] = {"wait_timer": timer} if isinstance(timer, int) else {}
    if there := _held_reviewers(held):
        kept |= {"reviewers": there}
        kept["prevent_self_review"] = (_rule(held, "required_reviewers") or {}).get(
            "prevent_self_review"
        ) is True
    return kept


def _all_reviewers(held: Json, body: Json) -> dict[str, Any]:
    if "reviewers" not in body:
        return {}
    there = _held_reviewers(held)
    return {"reviewers": [*there, *(each for each in body["reviewers"] if each not in there)]}


def _ruleset(github: GitHub, wanted: Json) -> list[str]:
    listed = github.request("GET", "/rulesets?per_page=100") or []
    found = [
        each
        for each in listed
        if each.get("name") == wanted["name"] and each.get("source_type") != "Organization"
    ]
    if not found:
        try:
            github.request("POST", "/rulesets", wanted)
        except GitHubRefused as refused:
            if refused.code == 422 and wanted["bypass_actors"]:
                # GitHub takes its own Actions App for no such actor, and no App that is not installed.
                hint = "install that App here first; GitHub's own App of Actions cannot be one"
                raise GitHubRefused(refused.sentence, code=422, hint=hint) from None
            raise
        return ["created"]
    path = f"/rulesets/{int(found[0]['id'])}"
    held = github.request("GET", path) or {}
    notes = []
    if others := bypassed(held, wanted):
        notes.append(f"{others} actor(s) pass it by: take them off unless you mean it")
    made = strengthened(held, wanted)
    if wanted["bypass_actors"] and not held.get("bypass_actors"):
        made["bypass_actors"] = wanted["bypass_actors"]
    if all(held.get(name) == value for name, value in made.items()):
        return ["unchanged", *notes]
    github.request("PUT", path, made)
    return ["changed", *notes]
