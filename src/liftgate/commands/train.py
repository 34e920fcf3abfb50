"""`liftgate train`: train the card's manifest once, or find its adapter."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from liftgate.commands.launching.local_train import train_subject
from liftgate.commands.sources.ledgers import add_change, add_ledger, seconds
from liftgate.commands.sources.pulled import add_pull, only_pull


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
    parser.add_argument(
        "--adapters",
        metavar="PLACE",
        help="a folder or s3://bucket/folder: taken from there if it is there, else put there once trained",
    )
    parser.add_argument(
        "--handoff", type=Path, metavar="DIR", help="write what a model server takes, with its command lines"
    )
    parser.add_argument(
        "--status",
        action="store_true",
        help="only say how a training on this machine stands, and what it costs",
    )
    hosted = parser.add_argument_group("a provider of the card (openai, azure, bedrock) trains")
    hosted.add_argument("--wait", action="store_true", help="follow the job until it ends")
    hosted.add_argument("--resume", action="store_true", help="go on with what was begun; create no job")
    hosted.add_argument("--cancel", action="store_true", help="ask the provider to stop the job")
    hosted.add_argument("--relaunch", action="store_true", help="one more job, by an approval given since")
    hosted.add_argument(
        "--deadline",
        type=seconds,
        metavar="S",
        help="with --wait: leave it running then; on this machine: stop then, and keep the step",
    )
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

    from liftgate.training.tuning.world import world

    speaks = world().speaks

    def say(text: str) -> None:
        if speaks:  # of several processes of one training, one
            sys.stderr.write(text + "\n")

    only_pull(arguments)
    if arguments.pull is not None:
        from liftgate.commands.launching.train_pull import train_pull

        return train_pull(arguments, say)
    return train_subject(arguments, say)
