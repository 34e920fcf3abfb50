"""`liftgate evaluate`: one model answers a suite's cases, every answer is kept, and the run is written."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from liftgate.commands.asking.batching import add_batch, batched
from liftgate.commands.asking.cases import (
    Asked,
    add_asking,
    add_store,
    command_line,
    count,
    make_folder,
    open_asked,
    open_store,
    resumable,
)
from liftgate.commands.asking.one_arm import evaluate, shard_of
from liftgate.errors import ExitCode, ProviderError

if TYPE_CHECKING:
    from liftgate.evaluation.runs import EvalRun


_SHOWN_KINDS: Final = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The contract's flags; what the suite says is overridden by what stands here."""
    from pathlib import Path

    add_asking(parser)
    much = parser.add_argument_group("how much")
    much.add_argument("--repeats", type=count, default=1, metavar="N", help="answers per case (default: 1)")
    much.add_argument(
        "--safety-repeats", type=count, metavar="N", help="answers per safety case (default: --repeats)"
    )
    much.add_argument(
        "--shard", type=shard_of, metavar="K/N", help="one of N parts; `liftgate merge-runs` joins them"
    )
    parser.add_argument(
        "--against", type=Path, metavar="DIR", help="run folder of base, for judges that compare two answers"
    )
    add_store(parser)
    add_batch(parser)
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="gets run.json and results.jsonl"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Read, ask, write; 0 when at least one case was answered."""
    from liftgate.commands.asking.graders import Budget
    from liftgate.evaluation.run_folder import read_run, write_run
    from liftgate.evaluation.runner import Tally

    against = None if arguments.against is None else read_run(arguments.against)
    asked = open_asked(arguments)
    endpoint = batched(asked, arguments)
    make_folder(arguments.out)
    store = open_store(arguments, endpoint)
    tally, started = Tally(), time.monotonic()
    with resumable(tally, store, command_line("evaluate", add_arguments, arguments)):
        _retire(arguments, asked)
        evaluated = evaluate(
            asked.folder,
            asked.arm,
            endpoint,
            model=asked.settings.model,
            prompt=asked.prompt,
            store=store,
            repeats=range(arguments.repeats),
            safety_repeats=range(arguments.safety_repeats or arguments.repeats),
            only=asked.only,
            filtered=asked.filtered,
            shard=arguments.shard,
            limits=asked.limits,
            against=against,
            budget=Budget(asked.limits, asked.price_of),
            tally=tally,
        )
    write_run(arguments.out, evaluated)
    _report(evaluated, arguments, time.monotonic() - started)
    return ExitCode.PASS


def _retire(arguments: argparse.Namespace, asked: Asked) -> None:
    """Take an earlier run's run.json away: if this one fails, nobody shall compare the old answers for new."""
    from liftgate.evaluation.run_folder import retire

    before = retire(arguments.out)
    golden = before.get("golden_sha256")
    if golden and golden != asked.folder.golden_sha256:
        sys.stderr.write(
            f"note: {arguments.out} held a run over another golden set ({golden[:12]}, now "
            f"{asked.folder.golden_sha256[:12]}); it is replaced\n"
        )


def _report(evaluated: EvalRun, arguments: argparse.Namespace, seconds: float) -> None:
    from liftgate.evaluation.grading import error_counts
    from liftgate.files import pretty

    usage: dict[str, Any] = dict(evaluated.meta["usage"])
    means = {name: _mean([row["scores"].get(name) for row in evaluated.rows]) for name in evaluated.metrics}
    if arguments.json:
        summary = {
            "schema_version": 1,
            "model": evaluated.model,
            "arm": evaluated.meta["arm"],
            "out": str(arguments.out),
            "rows": len(evaluated.rows),
            "usage": {**usage, "seconds": round(seconds, 3)},
            "means": {name: mean for name, (mean, _) in means.items()},
        }
        sys.stdout.write(pretty(summary).decode())
    spent = "" if usage["usd"] in {None, "0"} else f", ${float(usage['usd']):.4f}"
    lines = [
        f"{evaluated.model}: {usage['answers']} answers, {usage['cached']} of them stored before, "
        f"{usage['errors']} errors{spent} → {arguments.out}"
    ]
    for name, (mean, n) in means.items():
        lines.append(f"  {name} {'unscored' if mean is None else f'{mean:.3f}'} (n={n})")
    kinds = error_counts(evaluated.rows).most_common()
    said = ", ".join(f"{count} × {kind}" for kind, count in kinds[:_SHOWN_KINDS])
    if usage["errors"] == len(evaluated.rows):
        hint = f"each row of {arguments.out / 'results.jsonl'} says why"
        if kinds[0][0] == "truncated":
            hint = "raise max_tokens, or score cut answers as they stand with `truncated: score` in the suite"
        raise ProviderError(f"no case has an answer that counts: {said}", hint=hint)
    if kinds:
        lines.append(f"warning: unscored, not zero: {said}; see `error` in {arguments.out / 'results.jsonl'}")
    lines += _left_unscored(evaluated)
    if usage["truncated"] and evaluated.meta["truncated"] == "score":
        lines.append(
            f"note: {usage['truncated']} answers were cut at the token limit and scored as they stand"
        )
    sys.stderr.write("\n".join(lines) + "\n")


def _left_unscored(evaluated: EvalRun) -> list[str]:
    from liftgate.evaluation.aggregates import aggregates

    lines = []
    for name, found in aggregates(evaluated.rows, evaluated.meta["scorers"]).items():
        if reasons := found.get("unscored"):
            total = sum(reasons.values())
            said = ", ".join(f"{count} × {reason}" for reason, count in reasons.items())
            lines.append(f"warning: {name} left {total} answer{'s' if total != 1 else ''} unscored: {said}")
    return lines


def _mean(scores: list[float | None]) -> tuple[float | None, int]:
    known = [score for score in scores if score is not None]
    return (sum(known) / len(known) if known else None), len(known)
