"""`liftgate watch sample`: a share of the requests, scrubbed, for online evaluation; the same one every time."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from liftgate.errors import ExitCode, InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which requests, how many, and where they go."""
    parser.add_argument("--log", type=Path, nargs="+", required=True, metavar="FILE", help="request logs")
    parser.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="the repository (default: here)"
    )
    parser.add_argument("--alias", metavar="ALIAS", help="requests of this alias only")
    parser.add_argument(
        "--share", type=share, default=0.01, metavar="S", help="of the requests (default: 0.01)"
    )
    parser.add_argument("--most", type=int, default=1000, metavar="N", help="at most so many (default: 1000)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="gets the rows")


def share(text: str) -> float:
    """Argument type: a share above 0, up to 1."""
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no share between 0 and 1")
    return value


def run(arguments: argparse.Namespace) -> int:
    """Draw, scrub, write; says what was left out."""
    import orjson

    from liftgate.commands.watching.log_rows import existing, requests
    from liftgate.data.rewriting.scrub import Placeholders, scrub_files
    from liftgate.files import read_bytes, write_bytes
    from liftgate.registry.models import read_models
    from liftgate.watch.sample import Sample

    if arguments.most < 1:
        raise InputError("--most takes a number from 1 on")
    models = read_models(read_bytes(arguments.root / "models.yaml", "registry"), "models.yaml")
    if arguments.alias is not None:
        models.alias(arguments.alias)
    sample = Sample(arguments.share, arguments.most)
    for owner, row, at in requests(models, existing(arguments.log)):
        if arguments.alias in (None, owner.alias) and not row.get("shadow") and row["status"] == "ok":
            sample.take(row, owner.alias, owner.variant, at)
    left = (
        f"{sample.seen:,} answered requests; left out: {sample.without_id:,} without an id, "
        f"{sample.without_text:,} drawn without their text, {sample.drawn - len(sample.rows()):,} beyond --most or "
        "drawn twice"
    )
    if not sample.rows():
        raise InputError(
            f"no request with its text was drawn: {left}",
            hint="log `id`, `messages` and `output`, or raise --share",
        )
    data = b"".join(orjson.dumps(row) + b"\n" for row in sample.rows())
    scrubbed = scrub_files({str(arguments.out): data}, Placeholders())[str(arguments.out)]
    write_bytes(arguments.out, scrubbed.data)
    replaced = (
        ", ".join(f"{number} {kind}" for kind, number in sorted(scrubbed.replaced.items())) or "nothing"
    )
    sys.stderr.write(
        f"{arguments.out}: {len(sample.rows()):,} rows; {left}\n"
        f"replaced: {replaced}; names of people are not found, so look before anything leaves\n"
    )
    return ExitCode.PASS
