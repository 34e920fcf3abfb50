"""A variant whose whole chain is committed, in memory: rows, card, manifest, report, registry, history and ledger."""

from __future__ import annotations

import copy
import datetime
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import yaml

import decision_examples as decisions
from launch_world import Memory
from liftgate.digests import pretty
from liftgate.registry.chain import Chain, Source, verify_variant
from liftgate.registry.history import State, states
from liftgate.registry.models import read_models
from liftgate.report.seal import seal
from liftgate.training.ledger import (
    Ledger,
    approval_name,
    job_name,
    lock_name,
    plan_name,
    sealed,
    verdict_name,
)
from liftgate.training.manifest import Manifest
from report_examples import passing

ALIAS, VARIANT = "support-intent", "v1.1.0"
MODELS = "models.yaml"
CARD = f"datasets/{ALIAS}/card.yaml"
TRAIN, VALIDATION = (f"datasets/{ALIAS}/v1.1.0.{half}.jsonl" for half in ("train", "validation"))
GOLDEN = f"evals/{ALIAS}/golden.jsonl"
REPORT, MANIFEST = f"evals/reports/{ALIAS}/{VARIANT}.json", f"evals/reports/{ALIAS}/{VARIANT}.manifest.json"
MODEL_ID, JOB = "ft:gpt-4.1-nano-2025-04-14:acme::abc", "ftjob-1"
START = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
KEY = "9" * 64

Files = Mapping[str, bytes]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def rows(half: str) -> bytes:
    lines = [
        {"messages": [{"role": "user", "content": f"{half} {n}"}], "metadata": {"id": f"{half}{n}"}}
        for n in range(6)
    ]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def training_manifest(hosted: bool) -> Manifest:
    base = "gpt-4.1-nano-2025-04-14" if hosted else "embedded"
    return Manifest(
        ALIAS,
        "openai" if hosted else "local",
        base,
        base if hosted else "b" * 64,
        "supervised" if hosted else "lora",
        7,
        "1.1.0",
        sha256(rows("train")),
        sha256(rows("validation")),
        {"epochs": 3, "batch_size": "auto"}
        if hosted
        else {"rank": 16, "target_modules": ["q_proj", "k_proj"]},
    )


@cache
def measured() -> dict[str, Any]:
    """A report of a few cases: hundreds of tests write it."""
    made: dict[str, Any] = json.loads(pretty(passing()))
    lost = {each["case_id"] for each in made["regressions"]}
    made["cases"] = [c for n, c in enumerate(made["cases"]) if n < 4 or c["case_id"] in lost]
    pairs = [(case["scores"]["base"], case["scores"]["candidate"]) for case in made["cases"]]
    fixes, lost_ = pairs.count((0.0, 1.0)), pairs.count((1.0, 0.0))
    counts = {
        "both": pairs.count((1.0, 1.0)),
        "fixes": fixes,
        "neither": pairs.count((0.0, 0.0)),
        "regressions": lost_,
    }
    for of in (made["comparison"], *(arm["comparison"] for arm in made["arms"] if arm["comparison"])):
        of["buckets"], of["counts"] = of["buckets"][:2], counts
        of["lift"] |= {"n": len(pairs), "mean": float(f"{(fixes - lost_) / len(pairs):.10g}")}
    return made


def report(hosted: bool, cases: bytes) -> dict[str, Any]:
    made = copy.deepcopy(measured())
    manifest = training_manifest(hosted)
    made["dataset"] |= {
        "version": "1.1.0",
        "train_sha256": manifest.train_sha256,
        "validation_sha256": manifest.validation_sha256,
    }
    made["training"] |= {"manifest_digest": manifest.digest, "provider": manifest.provider, "losses": []}
    made["lineage"]["golden_sha256"] = sha256(cases)
    made["verdict_key"] = KEY
    made["road"] = decisions.agrees()
    if hosted:
        made["training"] |= {
            "adapter_sha256": None, "base_sha256": None, "steps": None, "trainable_parameters": None,
            "job_id": JOB, "model_id": MODEL_ID, "usd": "1.24", "trained_tokens": 12345, "estimated_tokens": 10000,
        }  # fmt: skip
        for arm in made["arms"]:
            if arm["name"] == made["candidate_arm"]:
                arm["model"] = MODEL_ID
    return seal(made)


def golden() -> bytes:
    cases = measured()["cases"]
    return b"".join(
        json.dumps({"id": c["case_id"], "expected": c["expected"]}).encode() + b"\n" for c in cases
    )


def entry(hosted: bool, files: Files, percent: int) -> dict[str, Any]:
    manifest, told = training_manifest(hosted), json.loads(files[REPORT])
    own = (
        {"model_id": MODEL_ID, "job_id": JOB, "training_usd": "1.24"}
        if hosted
        else {"model_id": "support-intent-v1.1.0", "adapter_sha256": told["training"]["adapter_sha256"]}
    )
    return {
        "provider": manifest.provider,
        "base": manifest.base,
        "base_revision": manifest.base_revision,
        "dataset": {
            "version": "1.1.0",
            "train_sha256": manifest.train_sha256,
            "validation_sha256": manifest.validation_sha256,
        },
        "manifest_digest": manifest.digest,
        "manifest": MANIFEST,
        "method": manifest.method,
        "hyperparameters": dict(manifest.hyperparameters),
        "report": {"path": REPORT, "sha256": sha256(files[REPORT])},
        "flag": "support-intent-v1-1-0",
        "rollout_percent": percent,
        "shadow_percent": 10,
        "evaluated_at": "2026-11-02T09:00:00Z",
        "owner": "support",
        "on_call": "support-oncall",
        "runbook": "docs/runbooks/rollback.md",
        **own,
    }


def registry(variant: Mapping[str, Any] | None) -> bytes:
    default = {"model_id": "smollm2", "provider": "local", "base": "embedded"}
    variants = {} if variant is None else {VARIANT: dict(variant)}
    document = {"version": 1, "models": {ALIAS: {"default": default, "variants": variants}}}
    return yaml.safe_dump(document, sort_keys=False).encode()


def card() -> dict[str, Any]:
    pinned = {
        half: {"file": path.rsplit("/", 1)[1], "sha256": sha256(rows(half)), "rows": 6}
        for half, path in (("train", TRAIN), ("validation", VALIDATION))
    }
    about = {"task": "classification", "description": "tickets", "owner": "us", "licence": "CC0-1.0"}
    return {"version": 1, "alias": ALIAS, **about, "releases": [{"version": "1.1.0", **pinned}]}


def entries(hosted: bool, files: Files) -> dict[str, dict[str, Any]]:
    """The ledger's entries by name, unsealed."""
    manifest, told = training_manifest(hosted), json.loads(files[REPORT])
    digest = manifest.digest
    common = {"schema_version": 1, "at": "2026-11-01T10:00:00Z"}
    plan = {**common, "entry": "plan", "digest": digest, "manifest": manifest.to_dict()}
    lift = told["comparison"]["lift"]
    verdict = {
        **common, "entry": "verdict", "key": KEY, "verdict": "pass", "alias": ALIAS, "manifest_digest": digest,
        "results": "runs/x", "report_sha256": told["report_sha256"], "metric": lift["metric"], "n": lift["n"],
        "lift": lift["mean"], "low": lift["low"], "high": lift["high"],
    }  # fmt: skip
    made = {plan_name(digest): plan, verdict_name(KEY): verdict}
    if not hosted:
        return made
    approval = {
        "schema_version": 1, "entry": "approval", "digest": digest, "alias": ALIAS, "provider": "openai", "usd": "1.50",
        "price_sha256": "c" * 64, "train_sha256": manifest.train_sha256,
        "validation_sha256": manifest.validation_sha256,
        "policy_fingerprint": "d" * 64, "approver": "owner", "author": "ann", "issued_at": "2026-11-01T09:00:00Z",
        "expires_at": "2026-11-04T09:00:00Z", "repository": "octocat/toy", "change": "pull/7", "run": "123",
    }  # fmt: skip
    seal_ = sealed(approval)["entry_sha256"]
    job = {**common, "entry": "job", "digest": digest, "attempt": 1, "holder": "run/1"}
    submitted = {
        **job, "number": 1, "event": "submitted", "provider": "openai", "job_id": JOB, "found": False,
        "approval": seal_, "estimated_usd": "1.50", "estimated_tokens": 10000,
    }  # fmt: skip
    finished = {
        **job, "number": 2, "event": "finished", "job_id": JOB, "state": "succeeded", "model_id": MODEL_ID,
        "checkpoints": [], "trained_tokens": 12345, "usd": "1.24", "error_code": None, "error_lines": [],
    }  # fmt: skip
    lock = {
        **common, "entry": "lock", "digest": digest, "attempt": 1, "holder": "run/1", "approval": seal_, "usd": "1.50",
        "price_sha256": "c" * 64,
    }  # fmt: skip
    return {
        **made,
        approval_name(approval): approval,
        job_name(digest, 1): submitted,
        job_name(digest, 2): finished,
        lock_name(digest, 1): lock,
    }


def kept(of: Mapping[str, Mapping[str, Any]]) -> dict[str, bytes]:
    return {name: pretty(sealed(body)) for name, body in of.items()}


@dataclass(frozen=True)
class World:
    """`files` as they lie there; `head` as committed; `past` older commits of models.yaml, oldest first."""

    files: dict[str, bytes]
    head: dict[str, bytes]
    past: tuple[bytes | None, ...]
    ledger: dict[str, bytes] | None = None
    older: dict[str, tuple[bytes, ...]] = field(default_factory=dict)
    in_git: bool = True

    def source(self) -> Source:
        def earlier(path: str, holds: Callable[[bytes], bool]) -> bytes | None:
            known = (*self.older.get(path, ()), *([self.head[path]] if path in self.head else []))
            return next((data for data in reversed(known) if holds(data)), None)

        versions = [*self.past, self.head[MODELS]]
        [(f"{n:040x}", START + datetime.timedelta(days=n), data) for n, data in enumerate(versions)]
        return Source(
            read_models(self.files[MODELS]),
            self.files.get,
            self.head.get,
            earlier,
            _history((*self.past, self.head[MODELS])),
            in_git=self.in_git,
            ledger=None if self.ledger is None else Ledger(Memory(dict(self.ledger))),
        )

    def chain(self) -> Chain:
        return verify_variant(self.source(), ALIAS, VARIANT)

    def tampered(self, path: str, data: bytes | None) -> World:
        """Another file in the work tree; nothing of it is committed."""
        files = (
            {**self.files, path: data}
            if data is not None
            else {k: v for k, v in self.files.items() if k != path}
        )
        return replace(self, files={k: v for k, v in files.items() if v is not None})

    def committed(self, path: str, data: bytes) -> World:
        """The same file committed, as if somebody with push rights had done so; what it was stays in the history."""
        older = {**self.older, path: (*self.older.get(path, ()), self.head[path])}
        past = (*self.past, self.head[MODELS]) if path == MODELS else self.past
        return replace(
            self, files={**self.files, path: data}, head={**self.head, path: data}, older=older, past=past
        )

    def broken(self) -> list[tuple[str, str, str]]:
        """(link, place, message) of everything that is broken."""
        return [(link.name, f.place, f.message) for link in self.chain().links for f in link.findings]


@cache
def _history(versions: tuple[bytes | None, ...]) -> tuple[State, ...]:
    return states(
        [(f"{n:040x}", START + datetime.timedelta(days=n), data) for n, data in enumerate(versions)]
    )


@cache
def _world(hosted: bool, ledger: bool) -> World:
    files = {
        CARD: yaml.safe_dump(card(), sort_keys=False).encode(),
        TRAIN: rows("train"),
        VALIDATION: rows("validation"),
        GOLDEN: golden(),
        MANIFEST: pretty(training_manifest(hosted).to_dict()),
        decisions.PAPER: decisions.paper(),
    }
    files[REPORT] = pretty(report(hosted, files[GOLDEN]))
    past = (registry(None), registry(entry(hosted, files, 0)), registry(entry(hosted, files, 5)))
    files[MODELS] = registry(entry(hosted, files, 25))
    return World(files, dict(files), past, kept(entries(hosted, files)) if ledger else None)


def world(hosted: bool = False, *, ledger: bool = False) -> World:
    """A variant at 25% that lacks nothing."""
    return _world(hosted, ledger)


def leaves(value: Any, key: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The key of every leaf; an empty container is one."""
    if isinstance(value, dict) and value:
        for name in value:
            yield from leaves(value[name], (*key, name))
    elif isinstance(value, list) and value:
        for place, item in enumerate(value):
            yield from leaves(item, (*key, place))
    else:
        yield key


def other(value: Any) -> Any:
    """Something else of the same form."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value / 2 + 0.001
    if value is None:
        return 1
    if isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef"):
        return ("0" if value[0] != "0" else "1") + value[1:]
    if isinstance(value, str):
        return f"{value}x"
    return {"x": 1} if isinstance(value, dict) else ["x"]


def changed(document: Any, key: tuple[Any, ...]) -> Any:
    """A copy with another value under a key."""
    made = copy.deepcopy(document)
    place = made
    for step in key[:-1]:
        place = place[step]
    place[key[-1]] = other(place[key[-1]])
    return made
