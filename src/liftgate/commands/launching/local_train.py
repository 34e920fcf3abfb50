"""A training on this machine, from the manifest to an adapter that passed its checks."""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftgate.errors import ExitCode

if TYPE_CHECKING:
    from liftgate.findings import Finding
    from liftgate.policy import Policy
    from liftgate.project import Ruler, Subject
    from liftgate.training.adapters import Adapter
    from liftgate.training.base_model import Base
    from liftgate.training.manifest import Manifest
    from liftgate.training.rendering import TrainedRow
    from liftgate.training_policy import TrainingPolicy


def train_subject(arguments: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Train what lies under `--root`."""
    from liftgate.commands.launching.bill import base_name
    from liftgate.commands.launching.hosted_train import ruler_at
    from liftgate.commands.launching.training_terms import training_terms
    from liftgate.errors import InputError
    from liftgate.files import pretty
    from liftgate.findings import blocks
    from liftgate.project import read_subject
    from liftgate.training.adapter_places import bring, open_place, send
    from liftgate.training.adapters import find_adapter
    from liftgate.training.base_model import resolve_base
    from liftgate.training.tuning.world import world

    subject = read_subject(arguments.root, arguments.alias, arguments.version)
    if subject.is_hosted:
        from liftgate.commands.launching.hosted_train import train_hosted

        refuse_local_words(arguments)
        return train_hosted(arguments, subject, say)
    refuse_hosted_words(arguments)
    if arguments.status:
        from liftgate.commands.launching.train_status import train_status

        return train_status(subject, arguments.store, say, as_json=arguments.json)
    ruler = ruler_at(arguments, subject)
    base = resolve_base(base_name(subject), say=say, remote_code=training_terms(ruler).remote_code)
    manifest = subject.manifest(base.revision)
    if arguments.digest and arguments.digest != manifest.digest:
        raise InputError(
            f"the manifest of this work tree is {manifest.digest}, not {arguments.digest}",
            hint="the dataset or the card changed since that digest was made; estimate again",
        )
    place = None if arguments.adapters is None else open_place(arguments.adapters)
    adapter, brought = find_adapter(arguments.store, manifest.digest), False
    if adapter is None and place is not None:
        adapter = bring(place, arguments.store, manifest.digest)
        brought = adapter is not None
    if adapter is not None:
        say(f"already trained: {adapter.folder}")
    else:
        adapter = _train(arguments, subject, base, ruler, say)
    if adapter is None:
        return ExitCode.BLOCKED
    found = training_findings(adapter, ruler.policy, subject)
    for finding in found:
        say(f"{finding.place} {finding.message} [{finding.rule}]")
    if blocks(found):
        return ExitCode.BLOCKED
    if arguments.json:
        sys.stdout.write(pretty(dict(adapter.record)).decode())
    say(told(adapter))
    say(f"adapter {adapter.sha256[:12]}… in {adapter.folder}, manifest {manifest.digest[:12]}…")
    if place is not None and not brought and world().speaks:
        for address in send(place, adapter):
            say(f"  kept at {address}")
    return _hand_on(arguments, adapter, subject, base, say)


def _train(
    arguments: argparse.Namespace, subject: Subject, base: Base, ruler: Ruler, say: Callable[[str], None]
) -> Adapter | None:
    """Price it, look for its approval, train; None, said, when it must not start."""
    from liftgate.commands.launching.bill import as_text, estimate_training
    from liftgate.commands.launching.decisions import held_to_decision
    from liftgate.commands.launching.hosted_flow import HostedWords
    from liftgate.commands.launching.hosted_train import as_line
    from liftgate.commands.launching.local_terms import local_approval
    from liftgate.commands.launching.training_terms import training_terms
    from liftgate.findings import blocks

    manifest = subject.manifest(base.revision)
    priced = estimate_training(subject, base, ruler, datetime.datetime.now(datetime.UTC).date())
    priced, _ = held_to_decision(priced, arguments.root, arguments.alias, ruler.policy)
    say(as_text(priced))
    if blocks(priced.findings):
        return None
    words = HostedWords(arguments.ledger, arguments.author, arguments.repository, arguments.change)
    if missing := local_approval(words, subject, manifest, ruler, priced, arguments.root):
        say("\n".join(map(as_line, missing)))
        return None
    return train_adapter(
        subject,
        base,
        arguments.store,
        f"liftgate train --alias {arguments.alias}",
        training_terms(ruler),
        usd_per_hour=hourly(ruler, manifest),
        deadline_s=arguments.deadline,
    )


def _hand_on(
    arguments: argparse.Namespace, adapter: Adapter, subject: Subject, base: Base, say: Callable[[str], None]
) -> int:
    """Write what was asked for beside the store: for a server that takes adapters, for one that takes none."""
    if arguments.handoff is not None:
        from liftgate.training.handoff import SCRIPT, hand_off

        handed = hand_off(adapter, base, arguments.alias, arguments.handoff)
        say(
            f"{handed.kind} to be served as {handed.name} in {arguments.handoff}: {arguments.handoff / SCRIPT}"
        )
    if arguments.merge is not None:
        from liftgate.commands.launching.merging import merge_into

        return merge_into(arguments.merge, adapter, subject, base, say)
    return ExitCode.PASS


def refuse_local_words(arguments: argparse.Namespace) -> None:
    """A provider's job is looked at, kept and served elsewhere."""
    from liftgate.errors import InputError

    for word, hint in (
        ("status", "liftgate poll looks at a provider's job"),
        ("adapters", "the provider keeps the weights"),
        ("handoff", "the provider serves the model"),
    ):
        if getattr(arguments, word):
            raise InputError(f"--{word} is for a training on this machine", hint=hint)


def refuse_hosted_words(arguments: argparse.Namespace) -> None:
    """A local training is part of its command: there is no job to wait for or to cancel.

    `--resume` needs no word here either, and is taken: the command goes on from its last checkpoint by itself.
    """
    from liftgate.errors import InputError

    for word in ("wait", "cancel", "relaunch"):
        if getattr(arguments, word):
            raise InputError(
                f"--{word} goes with a provider; the card of {arguments.alias} trains on this machine",
                hint="run the command without it: it goes on from its last checkpoint by itself",
            )


def local_section(manifest: Manifest, base: Base, adapter: Adapter) -> dict[str, Any]:
    """What report.json says of a training on this machine."""
    quantised = adapter.evidence.get("quantised")
    kept = ("steps", "seconds", "losses", "validation_loss", "trainable_parameters")
    told = ("validation_losses", "tokens_per_second", "peak_memory_bytes", "device_hours", "usd")
    return {
        "provider": manifest.provider,
        "base": base.name,
        "base_sha256": base.base_sha256,
        "adapter_sha256": adapter.sha256,
        "manifest_digest": manifest.digest,
        "method": manifest.method,
        **({"quantised_perplexity_ratio": quantised["ratio"]} if quantised else {}),
        **{key: adapter.evidence[key] for key in kept},
        **{key: adapter.evidence[key] for key in told if adapter.evidence.get(key) is not None},
    }


def train_adapter(
    subject: Subject,
    base: Base,
    store: Path,
    resume_command: str,
    allowed: TrainingPolicy,
    rows: tuple[list[TrainedRow], list[TrainedRow]] | None = None,
    *,
    usd_per_hour: Decimal | None = None,
    deadline_s: float | None = None,
) -> Adapter:
    """Train the subject's manifest on this machine; the caller has checked price and approval.

    `allowed` is the policy's word on trainings, `usd_per_hour` the price of a device. Raises `QuantisedTooFar` where it
    takes the quantised base for too bad.
    """
    from liftgate.commands.launching.bill import tokenized
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
            usd_per_hour=usd_per_hour,
            deadline_s=deadline_s,
        )
    )


def hourly(ruler: Ruler, manifest: Manifest) -> Decimal | None:
    """What one device of this machine costs an hour, by the price table; None where it does not say."""
    from liftgate.training.cost import price_for

    price = price_for(ruler.prices, manifest.provider, manifest.base)
    return None if price is None else price.usd_per_hour


def training_findings(adapter: Adapter, policy: Policy, subject: Subject) -> list[Finding]:
    """What is said of a training that is done: by the policy, which may be another since, and by its own losses."""
    from liftgate.training.curve import overfit_findings
    from liftgate.training.quantisation import quantised_findings

    limit = policy.training.max_quantised_perplexity_ratio
    early = adapter.record["manifest"]["hyperparameters"].get("early_stopping") is not None
    return [
        *quantised_findings(adapter.evidence.get("quantised"), limit, subject.card.path),
        # An early stop publishes the weights of the best look, not of the last.
        *(
            []
            if early
            else overfit_findings(adapter.evidence.get("validation_losses", ()), subject.card.path)
        ),
    ]


def told(adapter: Adapter) -> str:
    """How the training went, in a line."""
    from liftgate.training.curve import series, sparkline

    evidence = adapter.evidence
    losses, checked = evidence["losses"], evidence["validation_loss"]
    went = f"trained by {evidence['command']}, " if "command" in evidence else ""
    if losses:
        line = sparkline([value for _, value in series(losses)])
        went += (
            f"loss {line} {losses[0]['loss']:.3f} → {losses[-1]['loss']:.3f} in {evidence['steps']} steps, "
        )
    return went + ("no validation rows" if checked is None else f"validation loss {checked:.3f}")
