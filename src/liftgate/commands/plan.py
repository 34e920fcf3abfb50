"""`liftgate plan`: from a git range to aliases, change kinds and steps."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from liftgate.errors import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The range, and where plan.json goes."""
    parser.add_argument("--base", required=True, metavar="REF", help="the branch the change would merge into")
    parser.add_argument("--head", default="HEAD", metavar="REF", help="the change (default: HEAD)")
    parser.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="the repository (default: here)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write plan.json here as well")
    parser.add_argument("--json", action="store_true", help="plan.json on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Plan, write, answer 0 or 10."""
    from liftgate.files import pretty, write_json
    from liftgate.findings import blocks
    from liftgate.project import plan_of

    plan, base, head = plan_of(arguments.root, arguments.base, arguments.head)
    document = {**plan.to_dict(), "base": base, "head": head}
    if arguments.out:
        write_json(arguments.out, document)
    if arguments.json:
        sys.stdout.write(pretty(document).decode())
    lines = [f"change kinds: {', '.join(plan.kinds)}"]
    for alias in plan.aliases:
        lines.append(f"{alias}: {' → '.join(plan.steps(alias)) or 'nothing to run'}")
    lines += [f"{f.place}: {f.severity}: {f.message} [{f.rule}]" for f in plan.findings]
    sys.stderr.write("\n".join(lines) + "\n")
    return ExitCode.BLOCKED if blocks(plan.findings) else ExitCode.PASS
