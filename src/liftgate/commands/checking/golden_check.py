"""What an alias' golden set can prove, said before any money is spent: `validate` and `run` share it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from liftgate.errors import LiftgateError
from liftgate.findings import Finding, with_policy

if TYPE_CHECKING:
    from liftgate.evaluation.suite_folder import SuiteFolder
    from liftgate.policy import Policy
    from liftgate.verdict.golden_power import GoldenPower, Measured


class GoldenCheck(NamedTuple):
    """The power of a golden set, and what is wrong with it by the policy's own severities."""

    power: GoldenPower
    findings: list[Finding]


def check_golden(suite: SuiteFolder, policy: Policy, reports: Path | None = None) -> GoldenCheck:
    """Judge a suite's golden set. `reports` is the folder of the alias' earlier reports, where there is one."""
    from liftgate.verdict.golden_power import golden_power, power_findings

    measured = measured_disagreement(reports) if reports else None
    power = golden_power(suite.golden, suite.suite.buckets, policy, measured)
    return GoldenCheck(power, with_policy(power_findings(power, policy), policy.rules))


def measured_disagreement(reports: Path) -> Measured | None:
    """How often base and candidate differed in earlier reports that are as they were sealed; None without any."""
    from liftgate.files import read_json
    from liftgate.report.seal import seal_holds
    from liftgate.verdict.golden_power import Measured

    changed = cases = read = 0
    for path in sorted(reports.glob("*.json")):
        try:
            report = read_json(path)
        except LiftgateError:
            continue  # the registry's checks name it; here it only fails to replace an assumption
        comparison = report.get("comparison")
        if not comparison or not seal_holds(report):
            continue
        counts = comparison["counts"]
        changed += counts["fixes"] + counts["regressions"]
        cases += comparison["lift"]["n"]
        read += 1
    return Measured(changed, cases, read) if cases else None
