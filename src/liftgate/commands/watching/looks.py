"""Everything that the watcher reads, as findings by subject: registry, tables, ledger, canaries, request logs."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftgate.errors import Together

if TYPE_CHECKING:
    from liftgate.findings import Finding
    from liftgate.project import Ruler
    from liftgate.registry.models import Alias, Models
    from liftgate.training.ledger import Ledger
    from liftgate.watch.health import Health
    from liftgate.watch.tally import Tallies


@dataclass(frozen=True)
class Looked:
    """Findings by subject, and what they rest on. A subject that could not be looked at is not in `found`."""

    models: Models
    found: Mapping[str, list[Finding]]
    health: Mapping[str, Health] = field(default_factory=dict)
    tallies: Tallies | None = None
    verdicts: Sequence[Mapping[str, Any]] = ()
    ledger: bool = True


def look(
    root: Path, now: datetime.datetime, logs: Sequence[Path] = (), ledger: Ledger | None = None
) -> Looked:
    """What stands against each alias and variant today. Raises `InputError` with every file that cannot be used."""
    from liftgate.commands.watching.canary_looks import Canary
    from liftgate.files import read_bytes
    from liftgate.findings import ordered, with_policy
    from liftgate.project import Ruler
    from liftgate.registry.models import read_models
    from liftgate.watch.ages import weights_findings

    today = now.astimezone(datetime.UTC).date()
    ruler = Ruler(root, None)
    models = read_models(read_bytes(root / "models.yaml", "registry"), "models.yaml")
    verdicts = [] if ledger is None else [entry for _, entry in ledger.entries("verdicts")]
    found: dict[str, list[Finding]] = {}
    max_days = ruler.policy.max_report_age_days
    canary = Canary(root, ledger, verdicts, now, max_days)
    together = Together()
    for name, alias in models.aliases.items():
        with together:
            found[name] = _of_alias(ruler, alias, today)
            for variant in alias.variants.values():
                # What nobody gets any more needs nobody: a rollback cures.
                rows: list[Finding] = []
                if _served(variant):
                    rows += weights_findings(models, alias, variant, verdicts, today, max_days)
                    where = ("models", name, "variants", variant.name)
                    rows += _at(models, where, canary.of_variant(alias, variant))
                found[f"{name}/{variant.name}"] = rows
            if (of_default := canary.of_default(alias)) is not None:
                found[f"{name}/default"] = _at(models, ("models", name, "default"), of_default)
    healths: dict[str, Health] = {}
    if ledger is not None:
        healths = _healths(models, ledger, verdicts)
        found |= _gates(healths, ruler.policy.watch.min_verdicts)
    tallies = None
    with together:
        tallies = tally(models, logs, now, ruler) if logs else None
    together.raise_all()
    if tallies is not None:
        from liftgate.watch.requests import request_findings

        found |= request_findings(models, tallies, ruler.policy.watch)
    rules = ruler.policy.rules
    return Looked(
        models,
        {each: ordered(with_policy(f, rules)) for each, f in found.items()},
        healths,
        tallies,
        verdicts,
        ledger is not None,
    )


def tally(models: Models, logs: Sequence[Path], now: datetime.datetime, ruler: Ruler) -> Tallies:
    """The logs counted, file by file, in bounded memory."""
    from liftgate.commands.watching.log_files import parsed
    from liftgate.watch.owners import Owners
    from liftgate.watch.tally import Tallies

    tallies = Tallies.until(Owners(models), now, ruler.policy.watch)
    for path in logs:
        for number, rows in parsed(path):
            tallies.add(rows, str(path), number)
    tallies.finish()
    return tallies


def _at(models: Models, where: tuple[str, ...], findings: Sequence[Finding]) -> list[Finding]:
    return [replace(each, path=models.path, line=models.document.line(where)) for each in findings]


def _served(variant: Any) -> bool:
    from liftgate.watch.ages import is_served

    return is_served(variant)


def _of_alias(ruler: Ruler, alias: Alias, today: datetime.date) -> list[Finding]:
    from liftgate.commands.launching.ends import sunset_findings

    found = [*sunset_findings(ruler, alias, today), *_prices(ruler, alias, today)]
    return list(dict.fromkeys([*found, *_judges(ruler, alias, today)]))


def _prices(ruler: Ruler, alias: Alias, today: datetime.date) -> list[Finding]:
    from liftgate.findings import Finding, Severity
    from liftgate.training.cost import price_for

    path = ruler.folder / ruler.prices_path
    if not path.is_file():
        message = "there is no price table: nothing says what answers and trainings cost"
        return [Finding("stale-price", Severity.WARNING, message, ruler.prices_path)]
    served = [alias.default, *(v.model for v in alias.variants.values() if _served(v))]
    rows = [price_for(ruler.prices, model.provider, model.model_id, model.region) for model in served]
    return [finding for row in rows if row is not None for finding in row.staleness(today)]


def _judges(ruler: Ruler, alias: Alias, today: datetime.date) -> list[Finding]:
    from liftgate.training.sunset import Limits, Sunsets, serving_ends

    if not (ruler.folder / "evals" / alias.name / "suite.yaml").is_file():
        return []
    sunsets, limits = Sunsets(ruler.sunsets), Limits(**vars(ruler.policy.sunset))
    found: list[Finding] = []
    for name, judge in sorted(ruler.suite(alias.name).judges.items()):
        said = f"the judge of {name}"
        found += serving_ends(
            sunsets, judge.endpoint, judge.model, today, limits, named=said, promoting=False
        )
    return found


def _healths(models: Models, ledger: Ledger, verdicts: Sequence[Mapping[str, Any]]) -> dict[str, Health]:
    from decimal import Decimal

    from liftgate.training.spent import spent_by_manifest
    from liftgate.watch.health import health

    spent = dict.fromkeys(models.aliases, Decimal(0))
    of = {entry["digest"]: entry["manifest"]["alias"] for _, entry in ledger.entries("plans")}
    for digest, usd in spent_by_manifest(ledger).items():
        if (alias := of.get(digest)) in spent:
            spent[str(alias)] += usd
    return {name: health(name, verdicts, usd) for name, usd in spent.items()}


def _gates(healths: Mapping[str, Health], min_verdicts: int) -> dict[str, list[Finding]]:
    from liftgate.watch.health import health_findings

    return {
        f"{name}/gate": list(health_findings(each, min_verdicts))
        for name, each in healths.items()
        if each.verdicts
    }
