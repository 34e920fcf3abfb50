"""`liftgate registry verify`: a sign-off report held against the answers it was made from. No key, no network."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Final

_SHOWN: Final = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A report, the run folder it came from, and the policy file it has to rest on."""
    parser.add_argument("--report", type=Path, required=True, metavar="FILE", help="the report to verify")
    parser.add_argument(
        "--run",
        dest="folder",
        type=Path,
        metavar="DIR",
        help="its run folder (default: where the report lies)",
    )
    parser.add_argument(
        "--policy",
        type=Path,
        metavar="FILE",
        help="the policy it must rest on (default: as the run folder has it)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """0 when the report is what its answers give, 10 with the first differences when it is not."""
    import orjson

    from liftgate import __version__
    from liftgate.commands.compare import read_policy
    from liftgate.commands.evidence import rebuild
    from liftgate.errors import ExitCode, InputError
    from liftgate.files import pretty, read_bytes, read_json, sha256_file
    from liftgate.report.annotations import inert
    from liftgate.report.differences import differences, how_many

    path: Path = arguments.report
    written = read_json(path)
    if written.get("tool_version") != __version__:
        raise InputError(
            f"{path}: $.tool_version is not {__version__}, and only the version that wrote a report can verify it",
            hint="install that version, or run `liftgate run` again with this one",
        )
    policy = read_policy(arguments.policy) if arguments.policy else None
    judged = rebuild(
        arguments.folder or path.parent,
        policy=policy,
        policy_sha256=sha256_file(arguments.policy) if arguments.policy else None,
    )
    made = pretty(judged.report)
    found = [str(each) for each in differences(written, orjson.loads(made))]
    if not found and made != read_bytes(path):
        found = ["it is not written in the form in which Liftgate writes it"]
    if arguments.json:
        sys.stdout.write(pretty(_document(judged.report["verdict"], found)).decode())
    if not found:
        answers = sum(len(arm.run.rows) for arm in judged.arms)
        sys.stderr.write(
            f"{path}: verified, made again from {answers:,} stored answers\n{judged.report['headline']}\n"
        )
        return ExitCode.PASS
    lines = [inert(f"{path}: {each}") for each in found[:_SHOWN]]
    if len(found) > _SHOWN:
        lines.append(f"and {len(found) - _SHOWN:,} more")
    sys.stderr.write(
        "\n".join([f"not verified: {how_many(found)}, the first names the cause", *lines]) + "\n"
    )
    return ExitCode.BLOCKED


def _document(verdict: str, found: list[str]) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "verified": not found,
        "verdict": verdict,
        "differences": len(found),
        "first": found[0] if found else None,
    }
