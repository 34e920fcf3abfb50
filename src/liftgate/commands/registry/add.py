"""`liftgate registry add`: a finished run becomes a variant at 0%, with its report and manifest beside it."""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from liftgate.commands.registry import proposing
from liftgate.commands.sources.ledgers import BRANCH_PREFIX
from liftgate.errors import InputError, LiftgateError

if TYPE_CHECKING:
    from liftgate.findings import Finding
    from liftgate.registry.models import Alias, Models

_TAKEN_OVER: Final = ("owner", "on_call", "runbook", "cost_tag", "retrain_trigger")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the model comes from, and who answers for it."""
    parser.add_argument("alias", metavar="ALIAS")
    origin = parser.add_mutually_exclusive_group()
    origin.add_argument(
        "--run",
        dest="folder",
        type=Path,
        metavar="DIR",
        help="a finished run folder (default: .liftgate/ALIAS)",
    )
    origin.add_argument(
        "--recorded",
        nargs="?",
        const="",
        metavar="KEY",
        help="the run of a recorded verdict, from the ledger and the branch liftgate-results (default: the newest "
        "pass whose rows are merged)",
    )
    origin.add_argument(
        "--manifest", type=Path, metavar="FILE", help="a manifest.json alone: the variant has no report yet"
    )
    parser.add_argument("--name", metavar="VARIANT", help="default: v and the dataset's version")
    parser.add_argument("--model-id", metavar="ID", help="as callers send it (default: what the job made)")
    parser.add_argument(
        "--shadow-percent",
        type=_percent,
        metavar="N",
        help="requests that are mirrored to it, which the first step asks for (default: none)",
    )
    for key in ("owner", "on-call", "runbook", "cost-tag", "retrain-trigger"):
        parser.add_argument(f"--{key}", metavar="WORDS", help="default: as the variant beside it has it")
    proposing.add_arguments(parser)


def _percent(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"{text} is no percentage")
    return value


def run(arguments: argparse.Namespace) -> int:
    """Propose the variant; 0, or 2 when the run cannot be used or the variant is there already."""
    return proposing.carry_out(arguments, lambda source: _propose(source, arguments))


def _propose(source: proposing.Source, arguments: argparse.Namespace) -> proposing.Proposal:
    from liftgate.commands.registry.foretold import said_of
    from liftgate.registry.models import read_models
    from liftgate.registry.proposal import with_variant

    models = read_models(source.data, proposing.PATH)
    alias = models.alias(arguments.alias)
    manifest, report, files, key = _origin(arguments, source)
    version = manifest["dataset"]["version"]
    name = arguments.name or f"v{version}"
    folder = f"evals/reports/{alias.name}"
    beside = {f"{folder}/{name}{end}": data for end, data in files.items()}
    entry = _entry(alias, name, manifest, report, arguments)
    entry["manifest"] = f"{folder}/{name}.manifest.json"
    if report is not None:
        from liftgate.files import sha256_bytes

        entry["report"] = {"path": f"{folder}/{name}.json", "sha256": sha256_bytes(files[".json"])}
    ordered = _ordered(entry)
    after = with_variant(source.text, alias.name, name, ordered)
    findings = _foretold(source, models, read_models(after, proposing.PATH), alias.name, beside, arguments)
    said = [] if report is None or report["verdict"] == "pass" else [f"its report says {report['verdict']}"]
    if key and report:
        said.append(f"taken from the verdict {key[:12]}… of the ledger: {report['headline']}")
    lines = [
        f"`{name}` of `{alias.name}` is there for shadow requests and for a later promotion; no caller gets it."
    ]
    if report is not None:
        lines.append(
            f"Its verdict is {report['verdict']}; `liftgate registry verify` makes it again from its answers."
        )
    lines += ["", *_next(alias.name, name, bool(ordered.get("shadow_percent"))), ""]
    return proposing.Proposal(
        after,
        f"Add {alias.name} {name} at 0%",
        "\n".join(lines),
        f"liftgate/add-{alias.name}-{name}",
        files=beside,
        said=(*said, *said_of(findings)),
        details={"alias": alias.name, "action": "add", "variant": name},
    )


def _next(alias: str, variant: str, mirrored: bool) -> list[str]:
    """What leads to the first callers."""
    promote = f"`liftgate registry promote {alias} {variant} --pull-request`"
    measure = f"`liftgate watch shadow {alias} {variant} --log FILE`"
    if mirrored:
        return [f"Next, when requests were mirrored to it: {measure}, then {promote}."]
    return [
        "Nothing is mirrored to it yet, and the first step asks what it did with mirrored requests: raise its "
        f"`shadow_percent`. Then {measure} and {promote}."
    ]


def _foretold(
    source: proposing.Source,
    before: Models,
    after: Models,
    alias: str,
    files: Mapping[str, bytes],
    arguments: argparse.Namespace,
) -> list[Finding]:
    from liftgate.commands.registry.foretold import foretold, ledger_place
    from liftgate.config import load
    from liftgate.policy import Policy

    written = source.read("evals/policy.yaml")
    if written is None:
        return []
    # Where there is no history or no ledger to read, the gate is the first to tell.
    with contextlib.suppress(LiftgateError):
        policy = Policy.from_document(load(written, "evals/policy.yaml", "policy"))
        return foretold(source, before, after, alias, policy, files, ledger_place(arguments))[0]
    return []


class _Origin(NamedTuple):
    """Manifest, report or None, the files that go beside by the end of their name, and the key of its verdict."""

    manifest: Mapping[str, Any]
    report: dict[str, Any] | None
    files: dict[str, bytes]
    key: str | None = None


def _origin(arguments: argparse.Namespace, source: proposing.Source) -> _Origin:
    if arguments.recorded is None:
        return _of_folder(arguments.folder or Path(".liftgate") / arguments.alias, arguments)
    from liftgate.commands.judging.results_branch import ResultsBranch
    from liftgate.commands.registry.recorded import recorded_run
    from liftgate.commands.sources.ledgers import open_ledger

    remote = f"{BRANCH_PREFIX}{arguments.remote}"
    ledger = open_ledger(arguments.ledger or remote, source.root)
    results = ResultsBranch(source.root, arguments.remote)
    with tempfile.TemporaryDirectory(prefix="liftgate-") as there:
        folder, key = recorded_run(
            ledger, results, arguments.alias, arguments.recorded, source.read, Path(there)
        )
        return _of_folder(folder, arguments)._replace(key=key)


def _of_folder(folder: Path, arguments: argparse.Namespace) -> _Origin:
    from liftgate.commands.sources.report_file import read_report
    from liftgate.files import read_bytes
    from liftgate.registry.manifests import read_manifest

    path: Path = arguments.manifest or folder / "manifest.json"
    data = read_bytes(path, "training manifest")
    manifest = read_manifest(data)
    if manifest is None:
        raise InputError(f"{path}: no manifest.json, or its digest is not that of its content")
    if manifest.get("alias") != arguments.alias:
        raise InputError(f"{path}: the manifest is of another alias")
    if arguments.manifest:
        return _Origin(manifest, None, {".manifest.json": data})
    report = read_report(folder / "report.json")
    if (
        report["alias"] != arguments.alias
        or (report["training"] or {}).get("manifest_digest") != manifest["digest"]
    ):
        raise InputError(f"{folder}: report.json and manifest.json are not of one run of {arguments.alias}")
    return _Origin(manifest, report, {".json": read_bytes(folder / "report.json"), ".manifest.json": data})


def _entry(
    alias: Alias,
    name: str,
    manifest: Mapping[str, Any],
    report: Mapping[str, Any] | None,
    arguments: argparse.Namespace,
) -> dict[str, Any]:
    training = (report["training"] if report else None) or {}
    model_id = arguments.model_id or training.get("model_id")
    if model_id is None and manifest["provider"] != "local":
        raise InputError(
            "nothing says which model the provider made", hint="--model-id ID, as callers send it"
        )
    dataset = {key: value for key, value in manifest["dataset"].items() if value is not None}
    sibling = alias.promoted or next(reversed(list(alias.variants.values())), None)
    taken = {key: sibling.entry[key] for key in _TAKEN_OVER if sibling and key in sibling.entry}
    given = {key: getattr(arguments, key) for key in (*_TAKEN_OVER, "shadow_percent")}
    default = alias.default
    where = {"base_url": default.base_url, "region": default.region} if _hosted_alike(alias, manifest) else {}
    entry: dict[str, Any] = {
        "model_id": model_id or f"{alias.name}-{name}",
        "provider": manifest["provider"],
        "base": manifest["base"],
        "base_revision": manifest["base_revision"],
        "adapter_sha256": training.get("adapter_sha256"),
        "dataset": dataset,
        "job_id": training.get("job_id"),
        "manifest_digest": manifest["digest"],
        "method": manifest["method"],
        "hyperparameters": dict(manifest["hyperparameters"]),
        "training_usd": training.get("usd"),
        "flag": f"{alias.name}-{name}".replace(".", "-"),
        "rollout_percent": 0,
        **where,
        **taken,
        **{key: value for key, value in given.items() if value is not None},
    }
    return {key: value for key, value in entry.items() if value is not None}


def _hosted_alike(alias: Alias, manifest: Mapping[str, Any]) -> bool:
    return bool(manifest["provider"] == alias.default.provider != "local")


def _ordered(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The keys in the order in which the schema tells them."""
    from liftgate.config import schema

    known = list(schema("models")["$defs"]["variant"]["properties"])
    return {key: entry[key] for key in known if key in entry}
