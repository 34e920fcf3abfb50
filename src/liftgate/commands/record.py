"""`liftgate record`: a dying model's answers, kept as a reference before the provider shuts it down."""

from __future__ import annotations

import argparse
import datetime
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftgate.commands.asking.cases import (
    add_asking,
    add_store,
    command_line,
    count,
    make_folder,
    open_asked,
    open_store,
    resumable,
)
from liftgate.errors import ExitCode, InputError, ProviderError

if TYPE_CHECKING:
    from liftgate.commands.asking.cases import Asked
    from liftgate.evaluation.grading import Answers
    from liftgate.evaluation.recording import Recording
    from liftgate.evaluation.runner import Asking


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to ask, and what is said of the recording."""
    add_asking(parser)
    add_store(parser)
    parser.add_argument("--repeats", type=count, default=1, metavar="N", help="answers per case (default: 1)")
    parser.add_argument(
        "--shutdown", type=_date, metavar="YYYY-MM-DD", help="the day on which the model goes"
    )
    parser.add_argument("--allow-partial", action="store_true", help="record even when answers are missing")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="gets answers.jsonl and manifest.json"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Ask, and write the recording when it is whole."""
    from liftgate.commands.asking.one_arm import asking_of
    from liftgate.evaluation.recording import recording_of, refuse_to_replace, write_recording
    from liftgate.evaluation.runner import Tally, requests_of, run_arm

    asked = open_asked(arguments)
    if asked.endpoint.kind == "recorded":
        raise InputError("recorded answers are recorded already", hint="ask the model itself")
    repeats = range(arguments.repeats)
    store = open_store(arguments, asked.endpoint)
    asking = asking_of(
        asked.folder, asked.arm, asked.endpoint, asked.prompt, store, repeats, repeats, asked.only
    )
    make_folder(arguments.out)
    tally = Tally()
    with resumable(tally, store, command_line("record", add_arguments, arguments)):
        about = _about(asked, asking)
        refuse_to_replace(arguments.out, about)
        answers = run_arm(
            asking.questions,
            prompt=asking.prompt,
            endpoint=asking.endpoint,
            sampling=asking.sampling,
            store=store,
            truncated=asking.truncated,
            limits=asked.limits,
            label=f"record {asked.settings.model}",
            tally=tally,
        )
    recording = recording_of(answers.rows, requests_of(asking), about)
    _refuse_partial(answers, allowed=arguments.allow_partial)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    write_recording(arguments.out, recording, recorded_on=today, shutdown_on=arguments.shutdown)
    _report(recording, arguments)
    return ExitCode.PASS


def _about(asked: Asked, asking: Asking) -> dict[str, Any]:
    return {
        "model": asked.settings.model,
        "arm": asked.arm.name,
        "suite_sha256": asked.folder.suite_sha256,
        "endpoint": asked.endpoint.kind,
        "identity": asked.endpoint.identity(),
        "golden_sha256": asked.folder.golden_sha256,
        "safety_sha256": asked.folder.safety_sha256,
        "prompt_sha256": asking.prompt.sha256,
        "sampling": asking.sampling.to_dict(),
    }


def _refuse_partial(answers: Answers, *, allowed: bool) -> None:
    from liftgate.evaluation.grading import error_counts

    rows = len(answers.rows)
    missing = sum(row["error"] is not None for row in answers.rows)
    if not missing or (allowed and missing < rows):
        return
    kinds = ", ".join(f"{n} × {kind}" for kind, n in error_counts(answers.rows).most_common(5))
    raise ProviderError(
        f"{missing} of {rows} answers are missing, so nothing was recorded: {kinds}",
        hint="run the same command again: it asks only for what is missing; or --allow-partial",
    )


def _report(recording: Recording, arguments: argparse.Namespace) -> None:
    from liftgate.files import pretty, read_json

    manifest = read_json(arguments.out / "manifest.json")
    if arguments.json:
        sys.stdout.write(pretty(manifest).decode())
    short = f", {len(recording.missing)} cases without an answer" if recording.missing else ""
    sys.stderr.write(
        f"{manifest['model']}: {manifest['rows']} rows{short} → {arguments.out}\n"
        f"  sha256 {manifest['answers_sha256']}\n"
        f"  replay: liftgate evaluate --endpoint recorded --recorded {arguments.out} ...\n"
    )


def _date(text: str) -> str:
    try:
        return datetime.date.fromisoformat(text).isoformat()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date such as 2026-11-25") from None
