"""Whether a change of models.yaml is a legal transition. Pure: registries and evidence in, findings out.

A rollback is always legal and rests on nothing. Everything else is held against every rule that concerns it, and all
that is wrong is told at once.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass

from liftgate.findings import Finding, Severity, ordered
from liftgate.policy import Policy
from liftgate.registry.default_path import default_path
from liftgate.registry.evidence import Candidate, Pins, RegistryEvidence
from liftgate.registry.history import of_alias, step_began
from liftgate.registry.identities import unknown_model
from liftgate.registry.models import Alias, Models, Variant
from liftgate.registry.readiness import full_rollout, people, shadow
from liftgate.registry.rules import weighed
from liftgate.registry.signoff import signed_off
from liftgate.registry.standing import standing
from liftgate.registry.transitions import identity, transition

__all__ = ["Pins", "RegistryEvidence", "check_registry"]


def check_registry(
    before: Models | None,
    after: Models | None,
    evidence: RegistryEvidence,
    policy: Policy,
    now: datetime.datetime,
    *,
    alone: bool = False,
) -> list[Finding]:
    """Every reason why the change from `before` to `after` may not be merged, most severe first; [] when it may.

    `before` is the base's registry and `after` the head's, None where there is no models.yaml. `policy` is the
    base's, `now` an aware UTC time. An alias that does not change, or is rolled back, is not looked at: a rollback
    needs no evidence. `alone` says that the change holds nothing but models.yaml; beside anything else no entry is
    restored without evidence, only lowered. Severities are those of the
    policy's `rules`, except for rules that always count (`registry.rules.NEVER_LOWERED`).
    """
    old, new = before.aliases if before else {}, after.aliases if after else {}
    findings: list[Finding] = []
    for name in sorted(old.keys() | new.keys()):
        history = of_alias(evidence.history, name) if alone else ()
        if transition(old.get(name), new.get(name), history) == "promotion":
            change = _Change(name, old.get(name), new.get(name), before, after, evidence, policy, now)
            findings += change.findings()
    return ordered(weighed(dict.fromkeys(findings), policy.rules))


@dataclass(frozen=True)
class _Change:
    alias: str
    old: Alias | None
    new: Alias | None
    before: Models | None
    after: Models | None
    evidence: RegistryEvidence
    policy: Policy
    now: datetime.datetime

    def findings(self) -> Iterator[Finding]:
        yield from default_path(
            self.alias, self.old, self.new, self.after, self.evidence, self.policy, self.now
        )
        yield from self._removed()
        if self.new is None or self.after is None:
            return
        yield from standing(self.after, self.alias)
        for variant in self.new.variants.values():
            candidate = Candidate(self.alias, variant, self.after, self.evidence, self.policy, self.now)
            there = self.old.variants.get(variant.name) if self.old else None
            yield from self._arrives(candidate) if there is None else self._moves(there, candidate)

    def _removed(self) -> Iterator[Finding]:
        for name, variant in (self.old.variants if self.old else {}).items():
            if variant.rollout_percent > 0 and (self.new is None or name not in self.new.variants):
                models = self.after or self.before
                line = None
                if models is not None and self.new is not None:
                    line = models.document.line(("models", self.alias))
                yield Finding(
                    "variant-removed-while-served",
                    Severity.ERROR,
                    f"{self.alias} {name}: {variant.rollout_percent}% of the callers get it; "
                    f"roll it back first (liftgate registry rollback {self.alias} {name}), remove it after",
                    models.path if models else "models.yaml",
                    line,
                )

    def _arrives(self, candidate: Candidate) -> Iterator[Finding]:
        yield from unknown_model(candidate)
        percent = candidate.variant.rollout_percent
        if percent > 0:
            yield candidate.refuse(
                "new-variant-not-at-zero",
                f"a new variant starts at 0%, not at {percent}%; land it at 0, then "
                f"liftgate registry promote {self.alias} {candidate.variant.name}",
                "rollout_percent",
            )
        elif candidate.variant.entry.get("shadow_percent", 0) > 0:
            yield from self._exposed(candidate)
        elif "report" in candidate.variant.entry:
            yield from signed_off(candidate)

    def _moves(self, there: Variant, candidate: Candidate) -> Iterator[Finding]:
        variant = candidate.variant
        percent, shadowed = variant.rollout_percent, variant.entry.get("shadow_percent", 0)
        was_shadowed = there.entry.get("shadow_percent", 0)
        if identity(there) != identity(variant):
            yield from unknown_model(candidate)
            if max(percent, shadowed, there.rollout_percent, was_shadowed) > 0:
                changed = sorted(
                    key
                    for key in there.entry.keys() | variant.entry.keys()
                    if identity(there).get(key) != identity(variant).get(key)
                )
                yield candidate.refuse(
                    "variant-changed-while-served",
                    f"{', '.join(changed)} changed while callers or shadow requests reach it; another model is "
                    "another variant: liftgate registry add",
                    changed[0],
                )
                return
        if percent > there.rollout_percent:
            yield from self._steps(there, candidate)
            yield from unknown_model(candidate)
            yield from self._exposed(candidate)
            yield from shadow(candidate, there)
            if percent == 100:
                yield from full_rollout(candidate)
        elif shadowed > was_shadowed:
            yield from unknown_model(candidate)
            yield from self._exposed(candidate)
        elif (percent or shadowed) and there.entry.get("report") != variant.entry.get("report"):
            yield from signed_off(candidate)

    def _exposed(self, candidate: Candidate) -> Iterator[Finding]:
        yield from signed_off(candidate)
        yield from people(candidate)

    def _steps(self, there: Variant, candidate: Candidate) -> Iterator[Finding]:
        rollout, was, percent = self.policy.rollout, there.rollout_percent, candidate.variant.rollout_percent
        following = next(step for step in rollout.steps if step > was)
        if percent != following:
            ladder = " → ".join(map(str, rollout.steps))
            yield candidate.refuse(
                "rollout-step-skipped",
                f"from {was}% the next step is {following}%, not {percent}% (policy rollout.steps: {ladder}); "
                f"liftgate registry promote {self.alias} {there.name} --to {following}",
                "rollout_percent",
            )
        began = step_began(self.evidence.history, self.alias, there)
        least = datetime.timedelta(hours=rollout.min_hours)
        if not least:
            return
        if began is None:
            yield candidate.refuse(
                "rollout-too-soon",
                f"the base branch's history does not say since when it is at {was}%; fetch more of it "
                "(in a workflow: fetch-depth: 0)",
                "rollout_percent",
            )
        elif self.now - began < least:
            yield candidate.refuse(
                "rollout-too-soon",
                f"at {was}% since {_shown(began)}, and the policy wants {rollout.min_hours} hours at each step; "
                f"merge from {_shown(began + least)} on",
                "rollout_percent",
            )


def _shown(time: datetime.datetime) -> str:
    return time.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
