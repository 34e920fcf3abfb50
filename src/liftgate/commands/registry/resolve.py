"""`liftgate registry resolve`: which model a caller gets, as a running application would be told."""

from __future__ import annotations

import argparse
import os
import sys

from liftgate.commands.registry.export import add_registry, read_registry
from liftgate.errors import ExitCode, InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The alias, the caller, and what is switched off."""
    parser.add_argument("alias", metavar="ALIAS")
    parser.add_argument("--key", metavar="K", help="what stays the same for a caller, such as a user id")
    parser.add_argument("--request", metavar="ID", help="draw mirrored copies by this instead of the key")
    parser.add_argument(
        "--off", action="append", default=[], metavar="FLAG", help="as if this flag were off; may be repeated"
    )
    add_registry(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Tell who answers and why: 0, or 2 for an alias or flag that is not there."""
    from liftgate.config import did_you_mean
    from liftgate.files import pretty

    table = read_registry(arguments.registry)
    words = " ".join([os.environ.get("LIFTGATE_OFF", ""), *arguments.off])
    off, unknown = table.switched_off(words)
    if unknown:
        known = [*table.by_flag, *table.plans]
        raise InputError(
            f"{unknown[0]!r} is neither a flag nor an alias{did_you_mean(unknown[0], known)}",
            hint="--off and LIFTGATE_OFF take flags, aliases or *",
        )
    answer = table.resolve(arguments.alias, arguments.key, request=arguments.request, off=off)
    if arguments.json:
        said = {
            **answer._asdict(),
            "shadows": [{"variant": s.variant, "model_id": s.model_id} for s in answer.shadows],
        }
        sys.stdout.write(pretty({"schema_version": 1, **said}).decode())
        return ExitCode.PASS
    where = f" at {answer.base_url}" if answer.base_url else ""
    lines = [
        f"{answer.model_id}",
        f"{answer.alias}: {answer.variant or 'the default model'}, {answer.provider}{where}; {_WHY[answer.reason]}",
    ]
    lines += [f"a copy goes to {each.variant} ({each.model_id})" for each in answer.shadows]
    sys.stdout.write(lines[0] + "\n")
    sys.stderr.write("\n".join(lines[1:]) + "\n")
    return ExitCode.PASS


_WHY = {
    "rollout": "the caller is in its share",
    "default": "the caller is in no variant's share",
    "switched-off": "the caller is in the share of a variant whose flag is off",
    "no-key": "without --key nobody can be placed in a share",
}
