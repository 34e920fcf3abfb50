"""`liftgate noise`: base against base, so that nobody takes the rig's own flips for a lift."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from liftgate.commands.asking.cases import add_asking, command_line, count, open_asked, resumable
from liftgate.errors import ExitCode, InputError, ProviderError

if TYPE_CHECKING:
    from liftgate.evaluation.runs import EvalRun
    from liftgate.policy import Policy
    from liftgate.verdict.noise import Noise

_SHOWN_CASES: Final = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to ask, how often, and the policy whose thresholds the noise is held against."""
    add_asking(parser)
    parser.add_argument(
        "--runs", type=count, default=3, metavar="N", help="fresh answers to every case (default: 3)"
    )
    parser.add_argument(
        "--policy", type=Path, metavar="FILE", help="thresholds (default: those of the schema)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the JSON here as well")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Ask the same several times, past any store, and count what flips."""
    from liftgate.commands.asking.graders import Budget
    from liftgate.commands.asking.one_arm import evaluate
    from liftgate.commands.checking.policy_file import read_policy
    from liftgate.evaluation.runner import Tally
    from liftgate.files import pretty, write_json
    from liftgate.policy import Policy
    from liftgate.training.cost import money
    from liftgate.verdict.noise import measure_noise

    if arguments.runs < 2:
        raise InputError("--runs 1 flips nothing", hint="two runs at least, three are the default")
    if arguments.out is not None and arguments.out.is_dir():
        # These answers are kept nowhere: what cannot be written is said before they are paid for.
        raise InputError(f"--out {arguments.out} is a folder", hint="name a file")
    policy = Policy() if arguments.policy is None else read_policy(arguments.policy)
    asked = open_asked(arguments)
    if asked.endpoint.kind == "recorded":
        raise InputError("recorded answers never flip", hint="ask a model: --endpoint openai or local")
    tally = Tally()
    runs: list[EvalRun] = []
    with resumable(tally, None, command_line("noise", add_arguments, arguments)):
        for number in range(1, arguments.runs + 1):
            sys.stderr.write(f"run {number} of {arguments.runs}\n")
            runs.append(
                evaluate(
                    asked.folder,
                    asked.arm,
                    asked.endpoint,
                    model=asked.settings.model,
                    prompt=asked.prompt,
                    only=asked.only,
                    limits=asked.limits,
                    budget=Budget(asked.limits, asked.price_of),
                    tally=tally,
                )
            )
    measured = [noise for name in runs[0].metrics if (noise := measure_noise(runs, name, policy))]
    if not measured:
        raise ProviderError(
            "no case was scored twice, so no flip can be counted",
            hint="`liftgate evaluate` with the same words says what each case's error is",
        )
    document = {
        "schema_version": 1,
        "model": runs[0].model,
        "arm": runs[0].meta["arm"],
        "endpoint": runs[0].meta["endpoint"],
        "deterministic": runs[0].deterministic,
        "runs": len(runs),
        "texts_differ": _texts_differ(runs),
        "min_lift": policy.min_lift,
        "usd": None if asked.limits.price is None else money(asked.limits.usd),
        "metrics": {noise.metric: noise.to_dict() for noise in measured},
    }
    if arguments.out is not None:
        write_json(arguments.out, document)
    if arguments.json:
        sys.stdout.write(pretty(document).decode())
    sys.stderr.write(as_text(document, measured, policy, runs[0].primary_metric))
    return ExitCode.PASS


def as_text(document: dict[str, Any], measured: list[Noise], policy: Policy, primary: str | None) -> str:
    """What a person reads: the flips of each metric, and what they mean for the lift that decides."""
    lines = [
        f"{document['model']} against itself, {document['runs']} runs: "
        f"{document['texts_differ']} case{'s' * (document['texts_differ'] != 1)} answered in different words"
    ]
    for noise in measured:
        unscored = f", {noise.unscored} answers unscored" if noise.unscored else ""
        lines.append(
            f"  {noise.metric:<14} flips {_percent(noise.rate)} (95%: {_percent(noise.low)} to "
            f"{_percent(noise.high)}) of {noise.cases} cases{unscored}"
        )
        if noise.by_case:
            shown = [f"{name} {_percent(rate)}" for name, rate in list(noise.by_case.items())[:_SHOWN_CASES]]
            more = len(noise.by_case) - len(shown)
            lines.append(f"    {', '.join(shown)}" + (f" and {more} more" if more else ""))
    chosen = next((noise for noise in measured if noise.metric == primary), measured[0])
    lines += [
        f"noise alone fakes a lift of {_percent(chosen.fake_lift)} in {chosen.metric} in "
        f"{_percent(policy.alpha)} of comparisons; the widest seen here is {_percent(chosen.widest_lift)}",
        f"with this noise a true lift of {_percent(chosen.passable_lift)} passes {_percent(policy.power)} "
        f"of the time (min_lift {_percent(policy.min_lift)})",
    ]
    if chosen.fake_lift > policy.min_lift:
        lines.append(
            f"warning: min_lift {_percent(policy.min_lift)} lies below what noise alone fakes; raise it, "
            "add cases, or make the answers steadier (temperature 0, a seed)"
        )
    if document["deterministic"]:
        lines.append("note: this endpoint answers deterministically; a flip here would be a fault of the rig")
    return "\n".join(lines) + "\n"


def _percent(ratio: float) -> str:
    return f"{ratio * 100:.1f}%"


def _texts_differ(runs: list[EvalRun]) -> int:
    texts: dict[tuple[str, int], set[str | None]] = {}
    for one in runs:
        for row in one.rows:
            if row["output"] is not None:
                texts.setdefault((row["case_id"], row["repeat"]), set()).add(row["output"])
    return sum(len(said) > 1 for said in texts.values())
