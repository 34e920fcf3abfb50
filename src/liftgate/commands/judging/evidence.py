"""evidence.json: what a report is made of beside answers, findings and policy; and the report made again from it.

With it a run folder is whole: `gate` judges it by another policy, `registry verify` holds a report against it, both
without a key, a model or the repository.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from liftgate.commands.asking.reproductions import read_reproductions
from liftgate.config import Document, check, schema
from liftgate.errors import InputError, Problem
from liftgate.evaluation.run_folder import read_run
from liftgate.evaluation.runs import EvalRun
from liftgate.files import digest, read_bytes, read_json, sha256_bytes, sha256_file, write_json
from liftgate.findings import Finding
from liftgate.policy import Policy
from liftgate.project import CALIBRATION
from liftgate.report.build import Evidence, build_report
from liftgate.training.cost import TokenPrice, money
from liftgate.verdict.arm_results import arm_results
from liftgate.verdict.comparison import Comparison
from liftgate.verdict.cost import training_cost
from liftgate.verdict.decision_paper import DECISION_RULES
from liftgate.verdict.decisions import Decisions, read_decisions
from liftgate.verdict.gate import ArmResult, Decision, decide
from liftgate.verdict.judge import Calibration

EVIDENCE: Final = "evidence.json"
FINDINGS: Final = "findings.json"
WAIVERS: Final = "waivers.yaml"
_SEAL: Final = "evidence_sha256"
_AGAIN: Final = "run `liftgate run` again; the verdict is recomputed from stored answers"
_SECTIONS: Final = ("dataset", "data_diff", "power", "attempts", "estimate", "training", "waived")
# Earlier versions wrote none.
_NEW_SECTIONS: Final = ("road",)
# Made anew from the folder rather than written down.
_COMPUTED: Final = frozenset({"decision", "comparison", "arms", "policy", "reproduced"})


@dataclass(frozen=True)
class Judged:
    """A report with what it was folded from."""

    report: dict[str, Any]
    decision: Decision
    candidate: Comparison | None
    policy: Policy
    arms: tuple[ArmResult, ...]


@dataclass(frozen=True)
class Today:
    """What is found of the same change today: it takes the place of what was found when it was judged.

    `road` is the decision as its document has it now. `trains` says that the change asks for a training, so that what
    was found of that document then is held no longer.
    """

    findings: Sequence[Finding]
    road: Mapping[str, Any] | None = None
    trains: bool = True


def write_evidence(folder: Path, evidence: Evidence) -> None:
    """Write evidence.json, sealed, beside the runs and findings.json that it belongs to."""
    body: dict[str, Any] = {
        field.name: getattr(evidence, field.name)
        for field in dataclasses.fields(evidence)
        if field.name not in _COMPUTED
    }
    body |= {
        "schema_version": 1,
        "policy": evidence.policy.to_dict(),
        "findings_sha256": sha256_file(folder / FINDINGS),
        "arms": [{"name": arm.name, "kind": arm.kind, "price": _price(arm.price)} for arm in evidence.arms],
    }
    write_json(folder / EVIDENCE, {**body, _SEAL: digest(body)})


def rebuild(
    folder: Path,
    *,
    policy: Policy | None = None,
    policy_sha256: str | None = None,
    today: datetime.date | None = None,
    now: Today | None = None,
) -> Judged:
    """The report of a run folder, made again from its answers.

    `policy` and `today` stand for another policy and another day than those it was judged by, `now` for what is found
    of the same change today. Raises `InputError` with the file that is missing, was altered, or cannot be used.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such run folder", hint="liftgate run writes .liftgate/<alias>")
    kept = _read_evidence(folder)
    policy = policy or Policy.from_dict(kept["policy"], path=f"{folder / EVIDENCE} $.policy")
    runs = _runs(folder, [arm["name"] for arm in kept["arms"]])
    arms = arm_results(
        runs,
        policy,
        kinds={arm["name"]: arm["kind"] for arm in kept["arms"]},
        alias_of={name: about.get("alias_of") for name, about in kept["arm_about"].items()},
        prices={arm["name"]: _token_price(arm["price"]) for arm in kept["arms"]},
        calibration=_calibration(folder, kept),
        decisions=_decisions(folder, kept, today),
    )
    candidate = next((arm.comparison for arm in arms if arm.name == "candidate"), None)
    then = [Finding.from_dict(item) for item in read_json(folder / FINDINGS)["findings"]]
    findings = then if now is None else _as_of(now, then)
    paid = training_cost(kept["estimate"], kept["training"])
    decision = decide(findings, candidate, arms, policy=policy, training=paid)
    fields = {field.name for field in dataclasses.fields(Evidence)} - _COMPUTED
    evidence = Evidence(
        **{name: value for name, value in kept.items() if name in fields},
        decision=decision,
        comparison=candidate,
        arms=arms,
        policy=policy,
        reproduced=read_reproductions(folder / "runs" / "candidate"),
    )
    changes: dict[str, Any] = {} if policy_sha256 is None else {"policy_sha256": policy_sha256}
    if now is not None and now.trains:
        changes["road"] = now.road
    if today is not None and kept["decisions_on"] is not None:
        changes["decisions_on"] = today.isoformat()
    report = build_report(dataclasses.replace(evidence, **changes))
    return Judged(report, decision, candidate, policy, tuple(arms))


def _as_of(now: Today, then: Sequence[Finding]) -> list[Finding]:
    told = {(each.rule, each.path, each.line) for each in now.findings}
    # The decision document is no part of the content key: it is held anew every time, and may have moved its lines.
    outdated = DECISION_RULES if now.trains else frozenset()
    kept = (each for each in then if (each.rule, each.path, each.line) not in told)
    return [*(each for each in kept if each.rule not in outdated), *now.findings]


def _read_evidence(folder: Path) -> dict[str, Any]:
    path = folder / EVIDENCE
    kept = read_json(path)
    seal = kept.pop(_SEAL, None)
    if seal != digest(kept):
        raise InputError(f"{path} was altered after Liftgate wrote it", hint=_AGAIN)
    problems = check(Document(str(path), kept), "evidence")
    if not problems and not _fits_a_report(kept, _SECTIONS):
        problems = [Problem(str(path), "a section is not in the form of report.json")]
    if problems:
        raise InputError(f"{path} cannot be used", problems=problems, hint=_AGAIN)
    if not _fits_a_report(read_json(folder / FINDINGS), ("findings",)):
        raise InputError(f"{folder / FINDINGS} cannot be used", hint=_AGAIN)
    if sha256_file(folder / FINDINGS) != kept["findings_sha256"]:
        raise InputError(f"{folder / FINDINGS} was altered after Liftgate wrote it", hint=_AGAIN)
    for name, key in ((CALIBRATION, "calibration_sha256"), (WAIVERS, "waivers_sha256")):
        # One left over from an earlier run of the folder was not judged by.
        if kept[key] is not None and sha256_bytes(read_bytes(folder / name)) != kept[key]:
            raise InputError(f"{folder / name} was altered after Liftgate wrote it", hint=_AGAIN)
    return kept


def _fits_a_report(document: Mapping[str, Any], sections: Sequence[str]) -> bool:
    from jsonschema import Draft202012Validator

    report = schema("report")
    form = {
        "$defs": report["$defs"],
        "required": list(sections),
        "properties": {name: report["properties"][name] for name in (*sections, *_NEW_SECTIONS)},
    }
    return bool(Draft202012Validator(form).is_valid(document))


def _runs(folder: Path, names: list[str]) -> dict[str, EvalRun]:
    return {name: read_run(folder / "runs" / name) for name in names}


def keep_waivers(
    folder: Path, source: Path, path: str, today: datetime.date
) -> tuple[Decisions | None, str | None]:
    """Copy the ruler's waivers.yaml into the run folder; returns its decisions and its sha256.

    `path` is its place in the repository, which every finding names. None where there is no file, or no decision.
    """
    (folder / WAIVERS).unlink(missing_ok=True)
    if not source.is_file():
        return None, None
    from liftgate.files import write_bytes

    data = read_bytes(source, "waivers")
    entries = read_decisions(data, path)
    write_bytes(folder / WAIVERS, data)
    return (Decisions(entries, today) if entries else None), sha256_bytes(data)


def _decisions(folder: Path, kept: Mapping[str, Any], today: datetime.date | None) -> Decisions | None:
    if kept["decisions_on"] is None:
        return None
    entries = read_decisions(read_bytes(folder / WAIVERS, "waivers"), f"evals/{kept['alias']}/{WAIVERS}")
    return Decisions(entries, today or datetime.date.fromisoformat(kept["decisions_on"]))


def _calibration(folder: Path, kept: Mapping[str, Any]) -> Calibration | None:
    if kept["calibration_sha256"] is None:
        return None
    return Calibration.from_dict(read_json(folder / CALIBRATION), path=str(folder / CALIBRATION))


def _price(price: TokenPrice | None) -> list[str | None] | None:
    return None if price is None else [money(price.input_usd_per_mtok), money(price.output_usd_per_mtok)]


def _token_price(said: list[str] | None) -> TokenPrice | None:
    return None if said is None else TokenPrice(*map(Decimal, said))
