"""What the roads without a training reach: untrained arms asked now, and a report that decision.yaml can name."""

from __future__ import annotations

import datetime
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from liftgate.commands.judging.flow import Flow
from liftgate.files import digest, pretty, read_bytes, write_bytes, write_json
from liftgate.plan import Plan
from liftgate.policy import Policy
from liftgate.report import numbers
from liftgate.report.escape import clean
from liftgate.report.summary import render_summary
from liftgate.verdict.comparison import Comparison
from liftgate.verdict.decision_paper import untrained
from liftgate.verdict.gate import Decision

_TRAINED: Final = ("candidate", "promoted")


class Measured(NamedTuple):
    """The report, where it lies below the repository's root, and the entries for `paths_tried`."""

    path: str
    data: bytes
    lines: tuple[str, ...]


class Untrained(Flow):
    """The arms of a suite that nobody has to pay a training for, against base."""

    def run(self) -> tuple[dict[str, Any], Decision, Comparison | None, Policy]:
        """Ask and compare them; nothing is validated, priced or trained."""
        known = self.open()
        policy = self.ruler.policy
        if known is not None:
            arms = {name: arm for name, arm in known.suite.suite.arms.items() if arm.kind not in _TRAINED}
            suite = replace(known.suite, suite=replace(known.suite.suite, arms=arms))
            runs = self._evaluate(suite, known.registered, known.registered.default, policy)
            self._compare(runs, suite, policy)
        return self.close(known)


def measure_untrained(
    root: Path, alias: str, out: Path, store: Path | None, say: Callable[[str], None]
) -> Measured | None:
    """Ask the untrained arms, and keep the report under evals/reports/; None, said, where not all of them answered.

    Answers are paid for like those of `liftgate run`, within `cost.max_eval_usd`, and stored answers cost nothing.
    """
    command = shlex.join(["liftgate", "decide", alias, "--measure"])
    plan = Plan((), {alias: ("evals",)}, ())
    today = datetime.datetime.now(datetime.UTC).date()
    folder = out / "untrained" / alias
    flow = Untrained(root, folder, store or out / "store", alias, plan, None, command, today, say)
    report, *_ = flow.run()
    write_json(folder / "report.json", report)
    if not report["arms"]:
        say(f"\nno report: not every question was answered within cost.max_eval_usd; this goes on: {command}")
        return None
    say("\n" + render_summary(report).partition("\n\n")[2].rstrip())
    # Named by what was asked and answered: a later prompt takes no earlier one's report away, and answers from the
    # store, which were not timed again, leave the first one as it is.
    path = f"evals/reports/{alias}/untrained-{digest(report['lineage'])[:8]}.json"
    if not (root / path).exists():
        write_bytes(root / path, pretty(report))
    return Measured(path, read_bytes(root / path), tuple(_entries(report, path)))


def _entries(report: Mapping[str, Any], path: str) -> list[str]:
    found = []
    for tried in untrained(report):
        score = "not measured" if tried.score is None else numbers.percent(tried.score)
        words = {"path": tried.road, "arm": clean(str(tried.arm), 200), "outcome": score, "report": path}
        told = ", ".join(f"{key}: {_scalar(value)}" for key, value in words.items())
        found.append(f"  - {{{told}}}")
    return found


def _scalar(text: str) -> str:
    """A name as YAML reads it back."""
    import json

    plain = text.replace("-", "").replace("_", "").replace("/", "").replace(".", "").isalnum()
    return text if plain and not text[:1].isdigit() and text.isascii() else json.dumps(text)
