"""`--batch`: the same run by the batch, at the provider's lower price."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from liftgate.errors import InputError

if TYPE_CHECKING:
    from liftgate.commands.asking.cases import Asked
    from liftgate.evaluation.endpoints import Endpoint


def add_batch(parser: argparse.ArgumentParser) -> None:
    """How answers are asked for by the batch."""
    batch = parser.add_argument_group("by the batch (openai, bedrock; answers within a day)")
    batch.add_argument(
        "--batch", action="store_true", help="cheaper, without latency; exits 5 at --deadline, and goes on"
    )
    batch.add_argument(
        "--batch-look", type=_look, default=30.0, metavar="S", help="seconds between looks (default: 30)"
    )
    batch.add_argument(
        "--batch-s3", metavar="S3", help="for bedrock: s3://bucket/folder for records and answers"
    )
    batch.add_argument(
        "--batch-role", metavar="ARN", help="for bedrock: role that reads and writes the folder"
    )


def batched(asked: Asked, arguments: argparse.Namespace) -> Endpoint:
    """The endpoint that was opened, or one that asks the same model by the batch."""
    from liftgate.evaluation.batches import Places, open_provider
    from liftgate.evaluation.batches.asking import BatchedEndpoint
    from liftgate.evaluation.batches.ledger import Ledger

    if not arguments.batch:
        for flag in ("batch_s3", "batch_role"):
            if getattr(arguments, flag) is not None:
                raise InputError(f"--{flag.replace('_', '-')} goes with --batch")
        return asked.endpoint
    if arguments.no_store:
        raise InputError("--batch goes with a store", hint="a batch is remembered beside it: drop --no-store")
    places = Places(arguments.batch_s3, arguments.batch_role)
    return BatchedEndpoint(
        asked.endpoint,
        open_provider(asked.endpoint.kind, asked.settings, places),
        Ledger(arguments.store),
        limits=asked.limits,
        look_s=arguments.batch_look,
        say=lambda line: print(line, file=sys.stderr),  # noqa: T201
    )


def _look(text: str) -> float:
    value = float(text)
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds up to 3600")
    return value
