"""`liftgate data diff`: what changed between two datasets, for the reviewer, without any row's text."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from liftgate.commands.data.reading import answer
from liftgate.errors import ExitCode, InputError

if TYPE_CHECKING:
    from liftgate.data.diff import Side

_USAGE = """liftgate data diff A B [options]
       liftgate data diff CARD [--base REF] [options]"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Two sides, or one card whose newest release is held against the release before it."""
    parser.usage = _USAGE
    parser.add_argument(
        "sides",
        type=Path,
        nargs="+",
        metavar="A",
        help="a JSONL file, or a card, its folder or an alias: the newest release of it",
    )
    parser.add_argument("--base", metavar="REF", help="hold it against the newest release in this commit")
    parser.add_argument("--encoding", metavar="NAME", help="token encoding (default o200k_base)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the result here as well")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Diff, write, answer 0: a difference is no fault."""
    from liftgate.commands.checking.collector import paused_collector
    from liftgate.data.diff import diff
    from liftgate.files import write_json
    from liftgate.report.data_diff import render_data_diff
    from liftgate.tokens import DEFAULT_ENCODING, checked_encoding

    encoding = checked_encoding(arguments.encoding or DEFAULT_ENCODING)
    with paused_collector():
        before, after = _sides(arguments.sides, arguments.base)
        made = diff(before, after, encoding=encoding).to_dict()
    if arguments.out:
        write_json(arguments.out, made)
    answer(arguments, made, render_data_diff(made))
    return ExitCode.PASS


def _sides(paths: Sequence[Path], base: str | None) -> tuple[Side | None, Side]:
    from liftgate.commands.checking import data_diff

    if len(paths) == 2 and base is None:
        return data_diff.side_of(paths[0]), data_diff.side_of(paths[1])
    if len(paths) != 1:
        raise InputError(
            "a diff has two sides", hint="liftgate data diff A B, or liftgate data diff CARD --base REF"
        )
    card = data_diff.card_at(paths[0])
    after = data_diff.release_side(card, data_diff.newest(card))
    return (data_diff.base_side(card, base) if base else None) or data_diff.previous_side(card), after
