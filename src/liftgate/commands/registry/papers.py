"""What was measured for a promotion: reports that go with it and are pinned, and the drill that was practised."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from liftgate.errors import InputError

if TYPE_CHECKING:
    from liftgate.commands.registry.proposing import Source
    from liftgate.registry.models import Variant

_REPORTS: Final = {"shadow_report": ("shadow", "watch shadow"), "load_report": ("load", "load-test")}


@dataclass(frozen=True)
class Papers:
    """Entries of the variant by key, and the files that they pin."""

    entries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where reports lie, and the drill in the words of models.yaml."""
    group = parser.add_argument_group("what was measured, pinned in models.yaml with the promotion")
    for key, (end, made_by) in _REPORTS.items():
        group.add_argument(
            f"--{key.replace('_', '-')}",
            type=Path,
            metavar="FILE",
            help=f"default: evals/reports/ALIAS/VARIANT.{end}.json, where liftgate {made_by} writes it",
        )
    group.add_argument("--drilled-on", metavar="DAY", help="day of the rollback drill, such as 2026-11-25")
    group.add_argument("--drilled-by", metavar="WHO", help="who practised it")
    group.add_argument(
        "--drill-seconds", type=_seconds, metavar="N", help="from merge to the variant's last answer"
    )


def papers(arguments: argparse.Namespace, source: Source, alias: str, variant: Variant) -> Papers:
    """Reports of the work tree that the base does not pin yet, and the drill. Raises `InputError`."""
    from liftgate.commands.sources.registry_evidence import in_tree
    from liftgate.files import read_bytes, sha256_bytes

    entries: dict[str, Mapping[str, Any]] = {}
    files: dict[str, bytes] = {}
    here = in_tree(source.root)
    for key, (end, made_by) in _REPORTS.items():
        place = f"evals/reports/{alias}/{variant.name}.{end}.json"
        given: Path | None = getattr(arguments, key)
        data = read_bytes(given, f"report of liftgate {made_by}") if given else here(place)
        if data is None:
            continue
        pin = {"path": place, "sha256": sha256_bytes(data)}
        if variant.entry.get(key) != pin:
            entries[key] = pin
        if source.read(place) != data or key in entries:
            files[place] = data
    if drill := _drill(arguments):
        entries["rollback_drill"] = drill
    return Papers(entries, files)


def _drill(arguments: argparse.Namespace) -> dict[str, Any]:
    day, who, lasted = arguments.drilled_on, arguments.drilled_by, arguments.drill_seconds
    if day is None and who is None and lasted is None:
        return {}
    if not day or not who or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", day):
        raise InputError(
            "a rollback drill has a day and somebody who practised it",
            hint="--drilled-on 2026-11-25 --drilled-by NAME",
        )
    return {"on": day, "by": who, **({} if lasted is None else {"seconds": lasted})}


def _seconds(text: str) -> int:
    value = int(text)
    if not 0 <= value < 2**31:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds")
    return value
