"""`liftgate serve`: put a trained model of Bedrock behind an address that can be asked, once, and point it back."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftgate.commands.sources.ledgers import add_change, add_ledger
from liftgate.errors import ExitCode, InputError

if TYPE_CHECKING:
    from liftgate.commands.launching.hosted import HostedTraining
    from liftgate.training.bedrock.serving import Serving
    from liftgate.training.jobs import Job
    from liftgate.training.trainers.bedrock import BedrockTrainer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Whose model, how it is billed, and what an existing address is pointed at."""
    parser.add_argument("--alias", required=True, help="whose trained model is served")
    parser.add_argument("--version", metavar="X.Y.Z", help="release of the dataset (default: the newest)")
    parser.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="the repository (default: here)"
    )
    parser.add_argument(
        "--provisioned", type=int, metavar="UNITS", help="rent throughput by the hour (default: by the token)"
    )
    parser.add_argument(
        "--most-usd-per-hour", metavar="USD", help="with --provisioned: rent nothing above this price"
    )
    parser.add_argument("--deployment", metavar="ARN", help="put the model behind this deployment instead")
    parser.add_argument(
        "--model",
        metavar="ARN",
        help="with --deployment: this custom model, the way back (default: the trained one)",
    )
    parser.add_argument("--wait", action="store_true", help="until the model can be asked")
    parser.add_argument(
        "--deadline", type=float, default=3600.0, metavar="S", help="with --wait (default: 3600)"
    )
    parser.add_argument(
        "--interval", type=float, default=15.0, metavar="S", help="between two looks (default: 15)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="where models.patch goes (default: .liftgate)"
    )
    parser.add_argument("--json", action="store_true", help="the address and its state on stdout")
    add_ledger(parser)
    add_change(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve or point; 0 when the model can be asked, 5 while it starts, 10 when it failed or is too dear."""
    from liftgate.commands.launching.hosted_train import open_hosted, propose, serve_command
    from liftgate.files import pretty
    from liftgate.project import read_subject
    from liftgate.training.bedrock import serving

    def say(text: str) -> None:
        sys.stderr.write(text + "\n")

    subject = read_subject(arguments.root, arguments.alias, arguments.version)
    if not subject.is_hosted or subject.training["provider"] != "bedrock":
        raise InputError(
            f"the card of {arguments.alias} does not train on bedrock",
            hint="other providers serve a trained model by its own name",
        )
    arguments.author = None
    hosted = open_hosted(arguments, subject, serve_command(arguments))
    trainer: BedrockTrainer = hosted.trainer  # type: ignore[assignment]
    job = _trained(hosted, trainer) if not arguments.model else None
    if arguments.deployment:
        model = arguments.model or (job.model_id if job else None) or ""
        _check_arn(arguments.deployment, "custom-model-deployment")
        _check_arn(model, "custom-model")
        served = serving.point(trainer.account, arguments.deployment, model)
        if served.previous:
            say(f"way back: {hosted.command} --deployment {served.arn} --model {served.previous}")
    elif arguments.model:
        raise InputError("--model goes with --deployment")
    else:
        assert job is not None  # noqa: S101
        served = _served(arguments, hosted, trainer, job, say)
    served = _waited(arguments, hosted, trainer, served)
    if arguments.json:
        sys.stdout.write(pretty(_summary(served)).decode())
    if served.state is serving.ServingState.FAILED:
        say(f"{served.name}: Bedrock could not bring it up; aws bedrock shows why")
        return ExitCode.BLOCKED
    if served.state is serving.ServingState.STARTING or served.coming:
        say(f"{served.arn} is starting\n  hint: {hosted.command}")
        return ExitCode.STILL_RUNNING
    say(f"{served.arn} answers, billed {served.billed}")
    if job is None or arguments.deployment:
        return ExitCode.PASS
    if not _has_answered(hosted, served.arn):
        findings = trainer.smoke(served.arn)
        for finding in findings:
            say(finding.message)
        with hosted.launching(None) as launch:
            launch.answered(job, served.arn, answered=not findings)
        if findings:
            return ExitCode.PROVIDER_FAILED
    out = (arguments.out or Path(".liftgate")) / arguments.alias
    say(propose(hosted, replace(job, model_id=served.arn), arguments.root, out))
    return ExitCode.PASS


def _has_answered(hosted: HostedTraining, arn: str) -> bool:
    """The ledger says that this address answered once; asking again would tell nothing new."""
    return any(
        each["event"] == "smoke" and each["model_id"] == arn and each["answered"]
        for each in hosted.standing().events
    )


def _trained(hosted: HostedTraining, trainer: BedrockTrainer) -> Job:
    """The job of this manifest that gave a model."""
    from liftgate.training.jobs import JobState

    current = hosted.standing().current
    job = trainer.poll(current["job_id"]) if current else None
    if job is None or job.state is not JobState.SUCCEEDED:
        raise InputError(
            f"no job of manifest {hosted.digest[:12]}… has given a model yet",
            hint=f"liftgate train --alias {hosted.subject.card.alias} --wait",
        )
    return job


def _served(
    arguments: argparse.Namespace,
    hosted: HostedTraining,
    trainer: BedrockTrainer,
    job: Job,
    say: Callable[[str], None],
) -> Serving:
    manifest = hosted.subject.manifest()
    named = {
        "liftgate_digest": manifest.digest,
        "liftgate_alias": manifest.alias,
        "liftgate_dataset_version": manifest.dataset_version,
        "liftgate_train_sha256": manifest.train_sha256,
    }
    if arguments.provisioned is None:
        return trainer.deploy(job, manifest.alias, named)
    usd = _price_an_hour(arguments, hosted)
    say(
        f"{arguments.provisioned} unit{'s' if arguments.provisioned != 1 else ''}: ${usd:f} an hour, idle or not"
    )
    return trainer.provision(job, manifest.alias, named, arguments.provisioned)


def _price_an_hour(arguments: argparse.Namespace, hosted: HostedTraining) -> Decimal:
    """The price of what is rented. Raises `InputError` where it is not known, or above what was allowed."""
    price = hosted.priced.price
    if price is None or price.provisioned_usd_per_hour is None:
        raise InputError(
            "nobody knows what an hour of throughput costs",
            hint="add provisioned_usd_per_hour to the base model's row in evals/prices.yaml, with its source",
        )
    usd: Decimal = price.provisioned_usd_per_hour * arguments.provisioned
    try:
        most = Decimal(arguments.most_usd_per_hour or "")
    except InvalidOperation:
        most = Decimal("NaN")
    if not most.is_finite() or usd > most:
        raise InputError(
            f"throughput costs ${usd:f} an hour until somebody ends it",
            hint=f"--most-usd-per-hour {usd:f} allows it",
        )
    return usd


def _waited(
    arguments: argparse.Namespace, hosted: HostedTraining, trainer: BedrockTrainer, served: Serving
) -> Serving:
    from liftgate.training.bedrock import serving

    start = hosted.clock.now()
    while arguments.wait and (served.state is serving.ServingState.STARTING or served.coming):
        if (hosted.clock.now() - start).total_seconds() >= arguments.deadline:
            break
        hosted.clock.sleep(arguments.interval)
        served = serving.look(trainer.account, served.arn)
    return served


def _check_arn(arn: str, kind: str) -> None:
    import re

    if not re.fullmatch(rf"arn:aws[a-z-]*:bedrock:[a-z0-9-]+:[0-9]{{12}}:{kind}/[a-z0-9.:/-]+", arn):
        raise InputError(f"that is not the ARN of a {kind.replace('-', ' ')}")


def _summary(served: Serving) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "arn": served.arn,
        "name": served.name,
        "model_arn": served.model_arn,
        "coming_model_arn": served.coming,
        "previous_model_arn": served.previous,
        "state": str(served.state),
        "billed": served.billed,
    }
