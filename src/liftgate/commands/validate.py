"""`liftgate validate`: every problem of a dataset in one pass."""

from __future__ import annotations

import argparse
import contextlib
import gc
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftgate.errors import ExitCode

if TYPE_CHECKING:
    from liftgate.data.checks.context import Context
    from liftgate.findings import Finding

TARGETS = ("openai", "azure", "bedrock-nova", "bedrock-claude", "trl")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The contract's flags, and where to write the findings."""
    parser.add_argument("file", type=Path, metavar="FILE.jsonl", help="the dataset")
    parser.add_argument(
        "--golden",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="golden or safety cases (repeatable)",
    )
    parser.add_argument("--card", type=Path, metavar="FILE", help="the dataset's card.yaml")
    parser.add_argument("--target", choices=TARGETS, help="where the rows will be trained")
    parser.add_argument("--policy", type=Path, metavar="FILE", help="thresholds (default: the built-in ones)")
    parser.add_argument(
        "--suite", type=Path, metavar="FILE", help="suite.yaml whose prompts the rows belong to"
    )
    parser.add_argument("--base", metavar="REF", help="commit to hold the release against")
    parser.add_argument("--encoding", metavar="NAME", help="token encoding instead of the target's own")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the result here as well")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Validate, write, answer 0 or 10."""
    from liftgate.files import pretty, write_json

    report = validate_files(
        arguments.file,
        golden=arguments.golden,
        card=arguments.card,
        target=arguments.target,
        policy=arguments.policy,
        encoding=arguments.encoding,
        suite=arguments.suite,
        base=arguments.base,
    )
    if arguments.out:
        write_json(arguments.out, report)
    if arguments.json:
        sys.stdout.write(pretty(report).decode())
    else:
        sys.stderr.write(as_text(report, str(arguments.file)))
    return ExitCode.PASS if report["outcome"] == "pass" else ExitCode.BLOCKED


def validate_files(
    file: Path,
    *,
    golden: Sequence[Path] = (),
    card: Path | None = None,
    target: str | None = None,
    policy: Path | None = None,
    encoding: str | None = None,
    suite: Path | None = None,
    base: str | None = None,
) -> dict[str, Any]:
    """Read the files and validate: the object that `--json` prints. `InputError` for unusable files."""
    from liftgate.commands import surroundings
    from liftgate.data.card import read_card
    from liftgate.data.checks.context import Context
    from liftgate.data.golden import read_cases
    from liftgate.files import read_bytes
    from liftgate.policy import Policy
    from liftgate.tokens import DEFAULT_ENCODING, checked_encoding

    profile = _target(target)
    thresholds = Policy.from_document(_policy_document(policy)) if policy else Policy()
    with _paused_collector():
        about = read_card(read_bytes(card, "dataset card"), str(card)) if card else None
        context = Context(
            surroundings.read_dataset(file),
            golden=tuple(
                read_cases(read_bytes(path, "golden set"), str(path), _suite(path)) for path in golden
            ),
            card=about,
            sibling=surroundings.sibling(file),
            history=surroundings.history(about, file) if about else (),
            releases=surroundings.releases(about, file, base) if about else None,
            asking=surroundings.asking(suite) if suite else (),
            task=surroundings.task(suite, about),
            answer_schema=surroundings.answer_schema(suite),
            thresholds=thresholds.data,
            encoding=checked_encoding(encoding or (profile.encoding if profile else DEFAULT_ENCODING)),
            target=profile,
        )
        return validate(context, thresholds.rules)


@contextlib.contextmanager
def _paused_collector() -> Iterator[None]:
    # Rows are a million small objects without cycles; walking them again and again doubles the time.
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def validate(context: Context, rules: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The contract's object for one dataset, severities as the policy's `rules` say."""
    from liftgate.data.checks import run_checks
    from liftgate.findings import blocks, ordered, with_policy

    findings: list[Finding] = ordered(with_policy(run_checks(context), rules or {}))
    return {
        "schema_version": 1,
        "rows": context.dataset.line_count,
        "tokens": sum(context.row_tokens),
        "encoding": context.encoding,
        "findings": [finding.to_dict() for finding in findings],
        "outcome": "block" if blocks(findings) else "pass",
    }


def as_text(report: Mapping[str, Any], path: str) -> str:
    """What a person reads: at most ten findings a rule, then the sum."""
    shown: dict[str, int] = {}
    lines = []
    for finding in report["findings"]:
        rule = finding["rule"]
        shown[rule] = shown.get(rule, 0) + 1
        if shown[rule] > 10:
            continue
        place = finding["path"] + (f":{finding['line']}" if finding["line"] else "")
        lines.append(f"{place}: {finding['severity']}: {finding['message']} [{rule}]")
    lines.extend(f"{path}: and {count - 10} more [{rule}]" for rule, count in shown.items() if count > 10)
    total = len(report["findings"])
    lines.append(
        f"{path}: {report['rows']} rows, {report['tokens']} tokens ({report['encoding']}), "
        f"{total} finding{'' if total == 1 else 's'}: {report['outcome']}"
    )
    return "\n".join(lines) + "\n"


def _policy_document(path: Path) -> Any:
    from liftgate.config import load
    from liftgate.files import read_bytes

    return load(read_bytes(path, "policy"), str(path), "policy")


def _target(name: str | None) -> Any:
    from liftgate.data.targets import TARGETS as PROFILES
    from liftgate.errors import InputError

    if name is None or name in PROFILES:
        return PROFILES[name] if name else None
    raise InputError(f"{name!r} is not a target here", hint=f"one of {', '.join(PROFILES)}")


def _suite(path: Path) -> Any:
    return "safety" if "safety" in path.name else "quality"
