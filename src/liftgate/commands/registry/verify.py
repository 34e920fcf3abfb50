"""`liftgate registry verify`: the chain from rows to flag made again from committed files, or one report.

No key, no network.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from liftgate.registry.chain import Source

_SHOWN: Final = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A variant with its committed files; or a report, the run folder it came from, and the policy it rests on."""
    parser.add_argument(
        "alias", nargs="?", metavar="ALIAS", help="verify its variants (default: of every alias)"
    )
    parser.add_argument("variant", nargs="?", metavar="VARIANT", help="this one alone")
    parser.add_argument("--root", type=Path, default=Path(), metavar="DIR", help="the clone (default: here)")
    parser.add_argument(
        "--ledger",
        metavar="DIR|git:REMOTE",
        help="hold job, approval and verdict of this ledger against the files, too",
    )
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="the report to make again from its answers"
    )
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
    """0 when what is written is what is made again, 10 when it is not, 11 when there is not enough to say so."""
    from liftgate.errors import InputError

    if arguments.report is None:
        if arguments.folder or arguments.policy:
            raise InputError(
                "--run and --policy belong to --report", hint="liftgate registry verify --report FILE"
            )
        return _chains(arguments)
    if arguments.alias or arguments.ledger:
        raise InputError("--report verifies one report; ALIAS and --ledger the chain that it is a link of")
    return _report(arguments)


def _chains(arguments: argparse.Namespace) -> int:
    from liftgate.errors import ExitCode
    from liftgate.files import pretty
    from liftgate.registry.chain import chosen, verify_variant
    from liftgate.report.chain import chain_lines

    source = _source(arguments.root, arguments.ledger)
    names = list(chosen(source.models, arguments.alias, arguments.variant))
    chains = [verify_variant(source, alias, variant) for alias, variant in names]
    states = {chain.state for chain in chains}
    outcome = "broken" if "broken" in states else "incomplete" if states != {"verified"} else "verified"
    if arguments.json:
        document = {"schema_version": 1, "outcome": outcome, "chains": [chain.to_dict() for chain in chains]}
        sys.stdout.write(pretty(document).decode())
    lines = [line for chain in chains for line in chain_lines(chain)]
    sys.stderr.write(
        "\n".join(lines or ["models.yaml names no variant, so there is nothing to verify"]) + "\n"
    )
    codes = {
        "verified": ExitCode.PASS,
        "broken": ExitCode.BLOCKED,
        "incomplete": ExitCode.INSUFFICIENT_EVIDENCE,
    }
    return codes[outcome]


def _source(root: Path, ledger: str | None) -> Source:
    """The files as they lie in the clone, and what its commits have."""
    from liftgate.commands.checking.policy_file import read_policy
    from liftgate.commands.sources.ledgers import BRANCH_PREFIX, open_ledger
    from liftgate.commands.sources.registry_evidence import at_commit, in_tree
    from liftgate.errors import InputError
    from liftgate.project import HISTORY_LIMIT, registry_history
    from liftgate.registry.chain import Source
    from liftgate.registry.models import read_models
    from liftgate.repository import commit_of, versions

    read = in_tree(root)
    data = read("models.yaml")
    if data is None:
        raise InputError(
            f"{root / 'models.yaml'}: no such registry", hint="liftgate init writes one; --root names it"
        )
    models = read_models(data)
    steps = read_policy(root / "evals" / "policy.yaml").rollout.steps
    if ledger is not None and not ledger.startswith(BRANCH_PREFIX) and not Path(ledger).is_dir():
        raise InputError(f"{ledger}: no such ledger", hint="a folder, or git:origin")
    opened = None if ledger is None else open_ledger(ledger, root)
    try:
        head = commit_of(root, "HEAD")
    except InputError:
        return Source(models, read, steps=steps, in_git=False, ledger=opened)

    def earlier(path: str, holds: Callable[[bytes], bool]) -> bytes | None:
        made = (data for _, _, data in reversed(versions(root, head, path, HISTORY_LIMIT)))
        return next((data for data in made if data is not None and holds(data)), None)

    return Source(
        models, read, at_commit(root, head), earlier, registry_history(root, head), steps, ledger=opened
    )


def _report(arguments: argparse.Namespace) -> int:
    import orjson

    from liftgate import __version__
    from liftgate.commands.checking.policy_file import read_policy
    from liftgate.commands.judging.evidence import rebuild
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
