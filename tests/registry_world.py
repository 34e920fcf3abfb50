"""A registry with everything that a promotion needs, to be spoilt one thing at a time."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from liftgate import Policy
from liftgate.digests import pretty
from liftgate.findings import Finding
from liftgate.registry.check import Pins, RegistryEvidence, check_registry
from liftgate.registry.history import State, states
from liftgate.registry.models import Models, read_models
from liftgate.report.seal import seal
from liftgate.training.manifest import Manifest
from report_examples import passing

NOW = datetime.datetime(2026, 12, 10, 9, 0, tzinfo=datetime.UTC)
ALIAS, VARIANT = "support-intent", "v1.1.0"
REPORT, SHADOW, LOAD = (f"evals/reports/{ALIAS}/{VARIANT}{end}.json" for end in ("", ".shadow", ".load"))
DECISION, RUNBOOK = f"evals/{ALIAS}/decision.yaml", "docs/runbooks/rollback.md"

DECIDED = f"""\
version: 1
alias: {ALIAS}
question: Why?
requirements: {{labels: 8}}
paths_tried: [{{path: prompt, outcome: measured}}]
recommendation: fine-tune
reasons: [It is better.]
owner: support
decided_on: "2026-11-25"
"""


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def ago(**before: float) -> str:
    return (NOW - datetime.timedelta(**before)).strftime("%Y-%m-%dT%H:%M:%SZ")


@cache
def _bytes() -> bytes:
    # Its cases are nobody's business here, and hundreds of tests write it.
    return pretty({**passing(), "cases": [], "regressions": [], "findings": []})


def _short() -> dict[str, Any]:
    made: dict[str, Any] = json.loads(_bytes())
    return made


@cache
def manifest() -> Manifest:
    dataset = passing()["dataset"]
    return Manifest(
        ALIAS,
        "local",
        "embedded",
        "b" * 64,
        "lora",
        0,
        "1.1.0",
        dataset["train_sha256"],
        dataset["validation_sha256"],
    )


def signed_report(**changes: Any) -> dict[str, Any]:
    """A pass of the model that the world's variant names; `changes` are put in before it is sealed."""
    made = _short()
    made["dataset"]["version"] = "1.1.0"
    made["training"]["manifest_digest"] = manifest().digest
    made["lineage"]["policy_fingerprint"] = Policy().fingerprint
    for path, value in changes.items():
        *above, last = path.split("__")
        place = made
        for step in above:
            place = place[step]
        place[last] = value
    return seal(made)


def shadow_report(percent: int = 0, **changes: Any) -> dict[str, Any]:
    named = {"schema_version": 1, "alias": ALIAS, "variant": VARIANT, "model_id": "support-intent-v1.1.0"}
    measured = {
        "rollout_percent": percent,
        "from": ago(days=2),
        "to": ago(days=1),
        "requests": 400,
        "errors": 1,
    }
    return {**named, **measured, **changes}


def load_report(**changes: Any) -> dict[str, Any]:
    named = {"schema_version": 1, "alias": ALIAS, "variant": VARIANT, "model_id": "support-intent-v1.1.0"}
    measured = {"measured_at": ago(days=3), "concurrency": 16, "requests": 2000, "errors": 2, "p95_ms": 410.5}
    return {**named, **measured, "share_429": 0.0, "quota": {"requests_per_minute": 3000}, **changes}


def variant(percent: int, files: Mapping[str, bytes], **changes: Any) -> dict[str, Any]:
    """The entry of a variant that lacks nothing. A change to None takes a key out."""
    made = manifest()
    entry = {
        "model_id": "support-intent-v1.1.0",
        "provider": "local",
        "base": "embedded",
        "base_revision": made.base_revision,
        "adapter_sha256": _short()["training"]["adapter_sha256"],
        "dataset": {
            "version": "1.1.0",
            "train_sha256": made.train_sha256,
            "validation_sha256": made.validation_sha256,
        },
        "manifest_digest": made.digest,
        "report": {"path": REPORT, "sha256": sha256(files[REPORT])},
        "shadow_report": {"path": SHADOW, "sha256": sha256(files[SHADOW])},
        "load_report": {"path": LOAD, "sha256": sha256(files[LOAD])},
        "rollback_drill": {"on": "2026-12-01", "by": "support", "seconds": 40},
        "flag": "support-intent-v1-1-0",
        "rollout_percent": percent,
        "shadow_percent": 10,
        "evaluated_at": ago(days=4),
        "owner": "support",
        "on_call": "support-oncall",
        "runbook": RUNBOOK,
        "cost_tag": "support",
        **changes,
    }
    return {key: value for key, value in entry.items() if value is not None}


def registry(
    variants: Mapping[str, Any], default: str = "smollm2", more: Mapping[str, Any] | None = None
) -> Models:
    """A registry of one alias, and of those in `more`."""
    alias = {
        "default": {"model_id": default, "provider": "local", "base": "embedded"},
        "variants": dict(variants),
    }
    return read_models(json.dumps({"version": 1, "models": {ALIAS: alias, **(more or {})}}, indent=2))


@dataclass(frozen=True)
class World:
    """One change of the registry with its evidence. `was` and `then` are entries of the variant, None for none."""

    was: dict[str, Any] | None
    then: dict[str, Any] | None
    files: dict[str, bytes]
    verdicts: tuple[dict[str, Any], ...]
    policy: Policy = field(default_factory=Policy)
    pins: Pins | None = None
    manifests: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    step_hours: float = 72
    others: Mapping[str, Any] = field(default_factory=dict)
    ledger: bool = True

    @property
    def before(self) -> Models:
        return registry({**({VARIANT: self.was} if self.was else {}), **self.others})

    @property
    def after(self) -> Models:
        return registry({**({VARIANT: self.then} if self.then else {}), **self.others})

    @property
    def history(self) -> tuple[State, ...]:
        text = json.dumps(self.before.document.data, indent=2).encode()
        return states([("a" * 40, NOW - datetime.timedelta(hours=self.step_hours), text)])

    def evidence(self) -> RegistryEvidence:
        golden = {} if self.pins is None else {ALIAS: self.pins}
        return RegistryEvidence(
            self.files, golden, self.history, self.verdicts, self.manifests, frozenset(), self.ledger
        )

    def findings(self) -> list[Finding]:
        return check_registry(self.before, self.after, self.evidence(), self.policy, NOW)

    def rules(self) -> list[str]:
        return sorted({finding.rule for finding in self.findings()})

    def changed(self, **changes: Any) -> World:
        """The same, with other values in the head's variant; None takes a key out."""
        assert self.then is not None
        then = {**self.then, **changes}
        return replace(self, then={key: value for key, value in then.items() if value is not None})

    def throughout(self, **changes: Any) -> World:
        """The same with these values on both sides, as if they had always been so."""
        assert self.was is not None
        was = {key: value for key, value in {**self.was, **changes}.items() if value is not None}
        return replace(self.changed(**changes), was=was)

    def with_file(self, key: str, document: Mapping[str, Any] | bytes) -> World:
        """The same, with another file under `report`, `shadow_report` or `load_report`, and its sha256 pinned."""
        assert self.then is not None
        data = document if isinstance(document, bytes) else pretty(document)
        path = self.then[key]["path"]
        pinned = self.changed(**{key: {"path": path, "sha256": sha256(data)}})
        return replace(pinned, files={**self.files, path: data})

    def with_report(self, document: Mapping[str, Any], *, recorded: bool = True) -> World:
        """The same with another report, recorded as a pass in the ledger or not."""
        made = self.with_file("report", document)
        return replace(made, verdicts=(*self.verdicts, verdict(document)) if recorded else self.verdicts)


def verdict(report: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """The ledger's entry of a report."""
    said = {key: report[key] for key in ("verdict", "alias", "report_sha256")}
    digest = report["training"]["manifest_digest"]
    return {"key": report["verdict_key"], **said, "manifest_digest": digest, "at": ago(days=4), **changes}


@cache
def world(was: int | None = 0, then: int | None = 5) -> World:
    """A change of the rollout that lacks nothing."""
    report = signed_report()
    files = {
        REPORT: pretty(report),
        SHADOW: pretty(shadow_report(was or 0)),
        LOAD: pretty(load_report()),
        DECISION: DECIDED.encode(),
        RUNBOOK: b"# Rollback\n",
    }
    return World(
        None if was is None else variant(was, files),
        None if then is None else variant(then, files),
        files,
        (verdict(report),),
        pins=Pins(report["lineage"]["golden_sha256"], report["lineage"]["safety_sha256"]),
        manifests={manifest().digest: manifest().to_dict()},
    )


Spoil = Callable[[World], World]


def _without_file(path: str) -> Spoil:
    return lambda w: replace(w, files={name: data for name, data in w.files.items() if name != path})


def _old(w: World) -> World:
    return replace(w, verdicts=(verdict(signed_report(), at=ago(days=91)),))


def _edited(w: World) -> World:
    return w.with_file("report", {**signed_report(), "headline": "Pass."})


def _other_bytes(w: World) -> World:
    return replace(w, files={**w.files, REPORT: w.files[REPORT] + b" "})


def _wide_policy(w: World) -> World:
    return replace(w, policy=Policy(min_lift=0.01))


SPOILT: dict[str, tuple[str, Spoil]] = {
    "no report": ("report-missing", lambda w: w.changed(report=None)),
    "a report that is not there": ("report-missing", _without_file(REPORT)),
    "a report with one byte more than was pinned": ("report-altered", _other_bytes),
    "a report edited after it was sealed, and pinned anew": ("report-altered", _edited),
    "a report that is not in the form of one": (
        "report-altered",
        lambda w: w.with_file("report", {"verdict": "pass"}),
    ),
    "a report that is no JSON": ("report-altered", lambda w: w.with_file("report", b"pass\n")),
    "a hand-written report with a pass and a fitting seal": (
        "report-not-recorded",
        lambda w: w.with_report(signed_report(headline="**Pass.** Ship it."), recorded=False),
    ),
    "a ledger with a block under the report's key": (
        "report-not-recorded",
        lambda w: replace(w, verdicts=(verdict(signed_report(), verdict="block"),)),
    ),
    "a ledger with the pass of another alias": (
        "report-not-recorded",
        lambda w: replace(w, verdicts=(verdict(signed_report(), alias="other"),)),
    ),
    "no ledger": ("report-not-recorded", lambda w: replace(w, verdicts=(), ledger=False)),
    "a report of a block": (
        "verdict-not-pass",
        lambda w: w.with_report({**signed_report(verdict="block")}),
    ),
    "a report of a doubt that a policy waves through": (
        "verdict-not-pass",
        lambda w: w.with_report(signed_report(verdict="insufficient-evidence", waved_through=True)),
    ),
    "a report of another manifest": (
        "report-of-another-model",
        lambda w: w.with_report(signed_report(training__manifest_digest="0" * 64)),
    ),
    "a report of another adapter": (
        "report-of-another-model",
        lambda w: w.with_report(signed_report(training__adapter_sha256="0" * 64)),
    ),
    "a report of another alias": (
        "report-of-another-model",
        lambda w: w.with_report(signed_report(alias="refunds")),
    ),
    "a report that trained nothing": (
        "report-of-another-model",
        lambda w: replace(
            w.with_file("report", signed_report(training=None)),
            verdicts=(verdict({**signed_report(training=None), "training": {"manifest_digest": None}}),),
        ),
    ),
    "a report of another dataset": (
        "report-of-another-dataset",
        lambda w: w.with_report(signed_report(dataset__train_sha256="0" * 64)),
    ),
    "a report by another golden set": (
        "report-by-another-golden",
        lambda w: w.with_report(signed_report(lineage__golden_sha256="0" * 64)),
    ),
    "a report by another safety suite": (
        "report-by-another-golden",
        lambda w: w.with_report(signed_report(lineage__safety_sha256="0" * 64)),
    ),
    "an alias without a golden set in the base": (
        "report-by-another-golden",
        lambda w: replace(w, pins=None),
    ),
    "a report by another policy": ("report-by-another-policy", _wide_policy),
    "a verdict older than the policy allows": ("report-too-old", _old),
    "a verdict from the future": (
        "report-too-old",
        lambda w: replace(w, verdicts=(verdict(signed_report(), at=ago(days=-2)),)),
    ),
    "evaluated_at later than the verdict": ("report-too-old", lambda w: w.changed(evaluated_at=ago(days=1))),
    "a report without a safety part": (
        "safety-not-clean",
        lambda w: w.with_report(
            signed_report(
                comparison__parts=[p for p in _short()["comparison"]["parts"] if p["name"] != "safety"]
            )
        ),
    ),
    "a report whose safety part is unclear": (
        "safety-not-clean",
        lambda w: w.with_report(
            signed_report(
                comparison__parts=[
                    {**part, "state": "unclear"} if part["name"] == "safety" else part
                    for part in _short()["comparison"]["parts"]
                ]
            )
        ),
    ),
    "no manifest digest": ("manifest-missing", lambda w: w.throughout(manifest_digest=None)),
    "a manifest that nobody holds": ("manifest-missing", lambda w: replace(w, manifests={})),
    "another base than the manifest's": ("manifest-differs", lambda w: w.throughout(base="other")),
    "another base revision than the manifest's": (
        "base-revision-differs",
        lambda w: w.throughout(base_revision="c" * 64),
    ),
    "no base revision": ("base-revision-differs", lambda w: w.throughout(base_revision=None)),
    "no decision document": ("decision-missing", _without_file(DECISION)),
    "a decision document that recommends a prompt": (
        "decision-missing",
        lambda w: replace(w, files={**w.files, DECISION: DECIDED.replace("fine-tune", "prompt").encode()}),
    ),
    "a decision document that nobody has finished": (
        "decision-missing",
        lambda w: replace(w, files={**w.files, DECISION: DECIDED.replace("fine-tune", "TODO").encode()}),
    ),
    "a decision document of another alias": (
        "decision-missing",
        lambda w: replace(w, files={**w.files, DECISION: DECIDED.replace(ALIAS, "refunds").encode()}),
    ),
    "no runbook": ("runbook-missing", lambda w: w.changed(runbook=None)),
    "a runbook that is not there": ("runbook-missing", _without_file(RUNBOOK)),
    "an empty runbook": ("runbook-missing", lambda w: replace(w, files={**w.files, RUNBOOK: b"\n"})),
    "no owner": ("owner-missing", lambda w: w.changed(owner=" ")),
    "nobody on call": ("on-call-missing", lambda w: w.changed(on_call=None)),
    "too little time at the step": ("rollout-too-soon", lambda w: replace(w, step_hours=23.9)),
    "a history that begins in the future": ("rollout-too-soon", lambda w: replace(w, step_hours=-1)),
    "no shadow report": ("shadow-missing", lambda w: w.changed(shadow_report=None)),
    "a shadow report that is not there": ("shadow-unfit", _without_file(SHADOW)),
    "a shadow report of another model": (
        "shadow-unfit",
        lambda w: w.with_file("shadow_report", shadow_report(_step(w), model_id="other")),
    ),
    "a shadow report of another step": (
        "shadow-unfit",
        lambda w: w.with_file("shadow_report", shadow_report(_step(w) + 1)),
    ),
    "too few shadow requests": (
        "shadow-unfit",
        lambda w: w.with_file("shadow_report", shadow_report(_step(w), requests=199)),
    ),
    "too many errors among shadow requests": (
        "shadow-unfit",
        lambda w: w.with_file("shadow_report", shadow_report(_step(w), errors=5)),
    ),
    "a shadow report from before the step": (
        "shadow-unfit",
        lambda w: w.with_file(
            "shadow_report", shadow_report(_step(w), **{"from": ago(days=9), "to": ago(days=8)})
        ),
    ),
    "a shadow report from the future": (
        "shadow-unfit",
        lambda w: w.with_file("shadow_report", shadow_report(_step(w), to=ago(days=-1))),
    ),
    "a flag of another variant": (
        "flag-used-twice",
        lambda w: replace(
            w, others={"v1.0.0": variant(0, w.files, model_id="old", flag="support-intent-v1-1-0")}
        ),
    ),
    "rollouts above 100%": (
        "rollout-over-100",
        lambda w: replace(w, others={"v1.0.0": variant(100, w.files, model_id="old", flag="old")}),
    ),
}
"""What is wrong → the rule that says so, and how to make it so. Each spoils one thing of a legal promotion."""

SPOILT_AT_100: dict[str, tuple[str, Spoil]] = {
    "no load report": ("load-report-missing", lambda w: w.changed(load_report=None)),
    "a load report that is not there": ("load-report-unfit", _without_file(LOAD)),
    "a load report of another model": (
        "load-report-unfit",
        lambda w: w.with_file("load_report", load_report(model_id="other")),
    ),
    "a load report without the quota": (
        "load-report-unfit",
        lambda w: w.with_file("load_report", {k: v for k, v in load_report().items() if k != "quota"}),
    ),
    "an old load report": (
        "load-report-unfit",
        lambda w: w.with_file("load_report", load_report(measured_at=ago(days=91))),
    ),
    "too many 429s": ("load-report-unfit", lambda w: w.with_file("load_report", load_report(share_429=0.02))),
    "too many errors under load": (
        "load-report-unfit",
        lambda w: w.with_file("load_report", load_report(errors=21)),
    ),
    "no rollback drill": ("rollback-drill-missing", lambda w: w.changed(rollback_drill=None)),
    "an old rollback drill": (
        "rollback-drill-missing",
        lambda w: w.changed(rollback_drill={"on": "2026-06-01", "by": "support"}),
    ),
    "a rollback drill on a day that cannot be": (
        "rollback-drill-missing",
        lambda w: w.changed(rollback_drill={"on": "2026-13-41", "by": "support"}),
    ),
    "a rollback drill that is still to come": (
        "rollback-drill-missing",
        lambda w: w.changed(rollback_drill={"on": "2026-12-24", "by": "support"}),
    ),
}
"""The same for the step to 100%."""


def _step(w: World) -> int:
    return 0 if w.was is None else int(w.was["rollout_percent"])
