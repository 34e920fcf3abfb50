"""`liftgate train`: train the card's manifest once, or find its adapter."""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftgate.commands.ledgers import add_change, add_ledger, seconds
from liftgate.commands.pulled import add_pull, only_pull
from liftgate.errors import ExitCode

if TYPE_CHECKING:
    from liftgate.findings import Finding
    from liftgate.policy import Policy
    from liftgate.project import Subject
    from liftgate.training.adapters import Adapter
    from liftgate.training.base_model import Base
    from liftgate.training.manifest import Manifest
    from liftgate.training.rendering import TrainedRow
    from liftgate.training_policy import TrainingPolicy


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which alias, which manifest, where adapters are kept."""
    parser.add_argument("--alias", required=True, help="whose dataset is trained on")
    parser.add_argument("--version", metavar="X.Y.Z", help="release of the dataset (default: the newest)")
    parser.add_argument("--digest", metavar="SHA256", help="refuse to train anything but this manifest")
    parser.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="the repository (default: here)"
    )
    parser.add_argument("--store", type=Path, default=Path(".liftgate/store"), metavar="DIR", help="adapters")
    parser.add_argument(
        "--json", action="store_true", help="the adapter's record, or the job of a provider, on stdout"
    )
    parser.add_argument(
        "--merge",
        type=Path,
        metavar="DIR",
        help="write base and adapter as one model, if it answers the same",
    )
    hosted = parser.add_argument_group("a provider of the card (openai, azure, bedrock) trains")
    hosted.add_argument("--wait", action="store_true", help="follow the job until it ends")
    hosted.add_argument("--resume", action="store_true", help="go on with a launched job; create none")
    hosted.add_argument("--cancel", action="store_true", help="ask the provider to stop the job")
    hosted.add_argument("--relaunch", action="store_true", help="one more job, by an approval given since")
    hosted.add_argument("--deadline", type=seconds, metavar="S", help="with --wait: leave it running then")
    hosted.add_argument(
        "--interval", type=seconds, default=30.0, metavar="S", help="between two looks (default: 30)"
    )
    hosted.add_argument("--author", metavar="WHO", help="who wrote the change; an approval must say the same")
    hosted.add_argument("--by", metavar="WHO", help="who cancels (default: $GITHUB_ACTOR)")
    hosted.add_argument(
        "--out", type=Path, metavar="DIR", help="where models.patch goes (default: .liftgate)"
    )
    add_pull(hosted)
    add_ledger(hosted)
    add_change(hosted)


def run(arguments: argparse.Namespace) -> int:
    """Train or find, answer 0."""

    def say(text: str) -> None:
        sys.stderr.write(text + "\n")

    only_pull(arguments)
    if arguments.pull is not None:
        from liftgate.commands.train_pull import train_pull

        return train_pull(arguments, say)
    return train_subject(arguments, say)


def train_subject(arguments: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Train what lies under `--root`."""
    from liftgate.commands.estimate import as_text, base_name, estimate_training
    from liftgate.commands.hosted_flow import HostedWords
    from liftgate.commands.hosted_train import as_line, ruler_at
    from liftgate.commands.local_terms import local_approval
    from liftgate.commands.training_terms import training_terms
    from liftgate.errors import InputError
    from liftgate.files import pretty
    from liftgate.findings import blocks
    from liftgate.project import read_subject
    from liftgate.training.adapters import find_adapter
    from liftgate.training.base_model import resolve_base

    subject = read_subject(arguments.root, arguments.alias, arguments.version)
    if subject.is_hosted:
        from liftgate.commands.hosted_train import train_hosted

        return train_hosted(arguments, subject, say)
    refuse_hosted_words(arguments)
    ruler = ruler_at(arguments, subject)
    allowed = training_terms(ruler)
    base = resolve_base(base_name(subject), say=say, remote_code=allowed.remote_code)
    manifest = subject.manifest(base.revision)
    if arguments.digest and arguments.digest != manifest.digest:
        raise InputError(
            f"the manifest of this work tree is {manifest.digest}, not {arguments.digest}",
            hint="the dataset or the card changed since that digest was made; estimate again",
        )
    adapter = find_adapter(arguments.store, manifest.digest)
    if adapter is None:
        priced = estimate_training(subject, base, ruler, datetime.datetime.now(datetime.UTC).date())
        say(as_text(priced))
        if blocks(priced.findings):
            return ExitCode.BLOCKED
        words = HostedWords(arguments.ledger, arguments.author, arguments.repository, arguments.change)
        if missing := local_approval(words, subject, manifest, ruler, priced, arguments.root):
            say("\n".join(map(as_line, missing)))
            return ExitCode.BLOCKED
        command = f"liftgate train --alias {arguments.alias}"
        adapter = train_adapter(subject, base, arguments.store, command, allowed)
    else:
        say(f"already trained: {adapter.folder}")
    if refused := refusals(adapter, ruler.policy, subject):
        say("\n".join(f"{finding.place} {finding.message} [{finding.rule}]" for finding in refused))
        return ExitCode.BLOCKED
    if arguments.json:
        sys.stdout.write(pretty(dict(adapter.record)).decode())
    say(f"adapter {adapter.sha256[:12]}… in {adapter.folder}, manifest {manifest.digest[:12]}…")
    if arguments.merge is not None:
        from liftgate.commands.merging import merge_into

        return merge_into(arguments.merge, adapter, subject, base, say)
    return ExitCode.PASS


def refuse_hosted_words(arguments: argparse.Namespace) -> None:
    """A local training is part of its command: there is no job to wait for, to resume or to cancel."""
    from liftgate.errors import InputError

    for word in ("wait", "resume", "cancel", "relaunch"):
        if getattr(arguments, word):
            raise InputError(
                f"--{word} goes with a provider; the card of {arguments.alias} trains on this machine",
                hint="run the command without it: it goes on from its last checkpoint by itself",
            )


def local_section(manifest: Manifest, base: Base, adapter: Adapter) -> dict[str, Any]:
    """What report.json says of a training on this machine."""
    quantised = adapter.evidence.get("quantised")
    kept = ("steps", "seconds", "losses", "validation_loss", "trainable_parameters")
    return {
        "provider": manifest.provider,
        "base": base.name,
        "base_sha256": base.base_sha256,
        "adapter_sha256": adapter.sha256,
        "manifest_digest": manifest.digest,
        "method": manifest.method,
        **({"quantised_perplexity_ratio": quantised["ratio"]} if quantised else {}),
        **{key: adapter.evidence[key] for key in kept},
    }


def train_adapter(
    subject: Subject,
    base: Base,
    store: Path,
    resume_command: str,
    allowed: TrainingPolicy,
    rows: tuple[list[TrainedRow], list[TrainedRow]] | None = None,
) -> Adapter:
    """Train the subject's manifest on this machine; the caller has checked price and approval.

    `allowed` is the policy's word on trainings. Raises `QuantisedTooFar` where it takes the quantised base for too bad.
    """
    from liftgate.commands.estimate import tokenized
    from liftgate.training.rendering import load_renderer
    from liftgate.training.trainers import command, local

    train_rows, validation_rows = rows or tokenized(subject, base)[:2]
    manifest = subject.manifest(base.revision)
    train = command.train if manifest.method == "command" else local.train
    halves = {"train": subject.train_path, "validation": subject.validation_path}
    return train(
        local.Job(
            manifest=manifest,
            base=base,
            renderer=load_renderer(base.folder, base.tokenizer_sha256),
            train=train_rows,
            validation=validation_rows,
            store=store,
            resume_command=resume_command,
            train_path=str(subject.train_path),
            allowed=allowed,
            files={half: subject.data(path) for half, path in halves.items() if path is not None},
        )
    )


def refusals(adapter: Adapter, policy: Policy, subject: Subject) -> list[Finding]:
    """What the policy says of a training that is done: it may have been done under another one."""
    from liftgate.training.quantisation import quantised_findings

    limit = policy.training.max_quantised_perplexity_ratio
    return quantised_findings(adapter.evidence.get("quantised"), limit, subject.card.path)


def told(adapter: Adapter) -> str:
    """How the training went, in a line."""
    evidence = adapter.evidence
    losses, checked = evidence["losses"], evidence["validation_loss"]
    went = f"trained by {evidence['command']}, " if "command" in evidence else ""
    if losses:
        went = f"loss {losses[0]['loss']:.3f} → {losses[-1]['loss']:.3f} in {evidence['steps']} steps, "
    return went + ("no validation rows" if checked is None else f"validation loss {checked:.3f}")
