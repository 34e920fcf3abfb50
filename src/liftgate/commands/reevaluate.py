"""`liftgate reevaluate`: ask every live variant and its base again, and keep what came of it in the ledger.

Exit codes: 0 all that was due is recorded as a pass, 5 a batch is still running, 10 a variant does not pass any more,
11 the evidence does not suffice.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from liftgate.commands.asking.cases import seconds, usd
from liftgate.commands.sources.ledgers import add_ledger, open_ledger
from liftgate.commands.watching.pinned import pinned_report
from liftgate.errors import ExitCode, InputError, StillRunning

if TYPE_CHECKING:
    import datetime

    from liftgate.commands.watching.reevaluating import Words
    from liftgate.registry.models import Alias, Variant
    from liftgate.training.ledger import Entry, Ledger


EVERY_DAYS: Final = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which variants, where everything lies, and how they are asked."""
    parser.add_argument("alias", nargs="?", metavar="ALIAS", help="this alias only (default: every one)")
    parser.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="the repository (default: here)"
    )
    parser.add_argument("--base", metavar="REF", help="read policy, golden set and prices from this ref")
    parser.add_argument("--out", type=Path, default=Path(".liftgate"), metavar="DIR", help="run folders")
    parser.add_argument(
        "--store", type=Path, metavar="DIR", help="weights that were trained here (default: OUT/store)"
    )
    parser.add_argument(
        "--every-days",
        type=int,
        default=EVERY_DAYS,
        metavar="N",
        help=f"due when the last verdict on a variant is so old (default: {EVERY_DAYS}; 0: now), or when the canary "
        "says that weights changed since",
    )
    parser.add_argument(
        "--results-branch",
        nargs="?",
        const="origin",
        metavar="REMOTE",
        help="keep the answers on the branch liftgate-results of this remote (default: origin)",
    )
    parser.add_argument("--json", action="store_true", help="what became of each variant, on stdout")
    add_ledger(parser)
    how = parser.add_argument_group("how they are asked (by the batch where a provider has batches)")
    how.add_argument("--live", action="store_true", help="one by one at the full price, with latency")
    how.add_argument(
        "--deadline", type=seconds, metavar="S", help="leave a batch running after so long (exit 5)"
    )
    how.add_argument(
        "--batch-look", type=seconds, default=30.0, metavar="S", help="seconds between looks (default: 30)"
    )
    how.add_argument(
        "--batch-s3", metavar="S3", help="for bedrock: s3://bucket/folder for records and answers"
    )
    how.add_argument("--batch-role", metavar="ARN", help="for bedrock: role that reads and writes the folder")
    how.add_argument(
        "--max-usd",
        type=usd,
        metavar="USD",
        help="a variant spends no more (never more than cost.max_eval_usd)",
    )


@dataclass(frozen=True)
class Outcome:
    """What became of one variant. `verdict` is None where nothing was recorded; `why` says it in words."""

    alias: str
    variant: str
    code: ExitCode
    verdict: str | None
    why: str
    key: str | None = None
    usd: str | None = None
    cycles: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {**vars(self), "code": int(self.code)}


def run(arguments: argparse.Namespace) -> int:
    """Look which variants are due, ask them, record; the worst outcome is the exit code."""
    from liftgate.commands.command_line.saying import say, worst
    from liftgate.commands.launching.hosted import utc_now
    from liftgate.files import pretty, read_bytes
    from liftgate.registry.models import read_models

    if arguments.every_days < 0:
        raise InputError("--every-days must be a number from 0")
    models = read_models(read_bytes(arguments.root / "models.yaml", "registry"), "models.yaml")
    chosen = [models.alias(arguments.alias)] if arguments.alias else list(models.aliases.values())
    ledger = open_ledger(arguments.ledger, arguments.root)
    outcomes = []
    for alias in chosen:
        for variant in alias.variants.values():
            if variant.rollout_percent > 0:
                outcome = _one(arguments, ledger, alias, variant, utc_now())
                say(f"{alias.name} {variant.name}: {outcome.why}")
                outcomes.append(outcome)
    if not outcomes:
        say("no variant has callers, so there is nothing to evaluate again")
    if arguments.json:
        document = {"schema_version": 1, "variants": [outcome.to_dict() for outcome in outcomes]}
        sys.stdout.write(pretty(document).decode())
    return max((outcome.code for outcome in outcomes), key=worst, default=ExitCode.PASS)


def _one(
    arguments: argparse.Namespace, ledger: Ledger, alias: Alias, variant: Variant, now: datetime.datetime
) -> Outcome:
    from liftgate.commands.command_line.saying import say
    from liftgate.commands.watching.reevaluating import judged
    from liftgate.training.approval import parse_time

    def said(code: ExitCode, why: str) -> Outcome:
        return Outcome(alias.name, variant.name, code, None, why)

    if variant.entry.get("manifest_digest") is None:
        why = "`manifest_digest` is not set in models.yaml, so no verdict can be told to be about this model"
        return said(ExitCode.BLOCKED, why)
    if variant.model.model_id == alias.default.model_id:
        return said(ExitCode.PASS, "it is the default model itself, and there is no base to hold it against")
    known = judged([entry for _, entry in ledger.entries("verdicts")], alias.name, variant)
    if known:
        judged_at = parse_time(known[-1]["at"])
        age = (now - judged_at).days
        if age < arguments.every_days:
            changed = _changed(arguments, ledger, alias, variant, judged_at)
            if changed is None:
                return said(ExitCode.PASS, f"judged {age} days ago, due after {arguments.every_days}")
            say(f"{alias.name} {variant.name}: due at once: {changed}")
    try:
        return _asked(arguments, ledger, alias, variant, known, now)
    except StillRunning as running:
        return said(ExitCode.STILL_RUNNING, f"{running.sentence}; the same command goes on")


def _changed(
    arguments: argparse.Namespace,
    ledger: Ledger,
    alias: Alias,
    variant: Variant,
    judged_at: datetime.datetime,
) -> str | None:
    """What the canary says against the last verdict, unless the policy has switched its rule off."""
    from liftgate.commands.launching.hosted import utc_now
    from liftgate.commands.watching.canary_looks import Canary
    from liftgate.project import Ruler
    from liftgate.watch.canary import RULE

    policy = Ruler(arguments.root, None).policy
    if policy.rules.get(RULE) == "off":
        return None
    canary = Canary(arguments.root, ledger, (), utc_now(), policy.max_report_age_days)
    return canary.changed_since(alias, variant, judged_at)


def _asked(
    arguments: argparse.Namespace,
    ledger: Ledger,
    alias: Alias,
    variant: Variant,
    known: list[Entry],
    now: datetime.datetime,
) -> Outcome:
    from liftgate.commands.command_line.saying import say
    from liftgate.commands.sources.report_file import write_report
    from liftgate.commands.watching.reevaluating import Reevaluation, cycle_of
    from liftgate.plan import Plan
    from liftgate.verdict.gate import exit_code

    cycle = cycle_of(known)
    above = arguments.out / "reevaluations" / alias.name / variant.name / cycle[:12]
    flow = Reevaluation(
        arguments.root,
        above / "run",
        above / "store",
        alias.name,
        Plan((), {alias.name: ("none",)}, ()),
        arguments.base,
        _command(arguments),
        now.date(),
        say,
        variant=variant,
        asked=_words(arguments),
        cycle=cycle,
        adapters=arguments.store or arguments.out / "store",
        pinned=pinned_report(arguments.root, variant),
    )
    (above / "store").mkdir(parents=True, exist_ok=True)
    report, decision, comparison, policy = flow.run()
    write_report(flow.folder, report, policy)
    code = exit_code(decision, comparison, policy)
    if comparison is None:
        return Outcome(alias.name, variant.name, code, None, str(report["headline"]))
    key, cycles = _record(arguments, ledger, flow, report, now, alias, variant)
    wanted = policy.rollout.reevaluation_cycles
    why = f"{report['headline']} (recorded under {key[:12]}…; clean cycles at 100%: {cycles} of {wanted})"
    return Outcome(alias.name, variant.name, code, decision.verdict, why, key, f"{flow.usd:f}", cycles)


def _record(
    arguments: argparse.Namespace,
    ledger: Ledger,
    flow: Any,
    report: dict[str, Any],
    now: datetime.datetime,
    alias: Alias,
    variant: Variant,
) -> tuple[str, int]:
    """Results first, the entry after: an entry whose results are gone would count for nothing."""
    from liftgate.commands.registry.record import verdict_entry
    from liftgate.commands.watching.reevaluating import cycle_key
    from liftgate.project import registry_history
    from liftgate.registry.default_path import clean_cycles
    from liftgate.registry.evidence import RegistryEvidence
    from liftgate.training.approval import rfc3339
    from liftgate.training.cost import money
    from liftgate.training.ledger import verdict_name

    key = cycle_key(report, flow.cycle)
    place = str(flow.folder)
    if arguments.results_branch:
        from liftgate.commands.judging.results_branch import keep_results

        place = keep_results(arguments.root, arguments.results_branch, key, flow.folder)
    if ledger.read(verdict_name(key)) is None:
        entry = {
            **verdict_entry(report, place),
            "key": key,
            "verdict_key": report["verdict_key"],
            "cycle": flow.cycle,
            "usd": money(flow.usd),
            "at": rfc3339(now),
        }
        ledger.keep(verdict_name(key), entry)
    verdicts = tuple(entry for _, entry in ledger.entries("verdicts"))
    history = registry_history(arguments.root, arguments.base or "HEAD")
    evidence = RegistryEvidence(history=tuple(history), verdicts=verdicts)
    return key, clean_cycles(alias.name, variant, evidence, flow.ruler.policy.rollout, now)


def _words(arguments: argparse.Namespace) -> Words:
    from liftgate.commands.watching.reevaluating import Words
    from liftgate.evaluation.batches import Places

    return Words(
        arguments.live,
        arguments.batch_look,
        arguments.deadline,
        Places(arguments.batch_s3, arguments.batch_role),
        arguments.max_usd,
    )


def _command(arguments: argparse.Namespace) -> str:
    from liftgate.commands.asking.cases import command_line

    told = argparse.Namespace(**{key: value for key, value in vars(arguments).items() if key != "alias"})
    name = "reevaluate" if arguments.alias is None else f"reevaluate {arguments.alias}"
    return command_line(name, add_arguments, told).replace(f"'{name}'", name)
