"""`liftgate train --status`: what a training on this machine last said of itself."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from liftgate.errors import ExitCode, InputError

if TYPE_CHECKING:
    from liftgate.project import Subject


def train_status(
    subject: Subject,
    store: Path,
    say: Callable[[str], None],
    *,
    as_json: bool = False,
    now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC),
) -> int:
    """Answer 0 when the training is done, 5 when it runs or can go on, 4 when it failed.

    Raises `InputError` where the store knows of no such training.
    """
    from liftgate.commands.launching.local_terms import manifest_of
    from liftgate.files import pretty
    from liftgate.training.adapters import find_adapter
    from liftgate.training.heartbeat import read_heartbeat, report

    digest = manifest_of(subject).digest
    if (adapter := find_adapter(store, digest)) is not None:
        say(f"done: adapter {adapter.sha256[:12]}… in {adapter.folder}")
        if as_json:
            body = {"schema_version": 1, "state": "done", "adapter_sha256": adapter.sha256}
            sys.stdout.write(pretty({**body, "manifest_digest": digest}).decode())
        return ExitCode.PASS
    beat = read_heartbeat(store / "work" / digest)
    if beat is None:
        raise InputError(
            f"{store} holds no training of manifest {digest[:12]}…",
            hint="name the store that the training writes with --store, or start it: liftgate train",
        )
    moment = now()
    say(beat.told(moment))
    if as_json:
        sys.stdout.write(pretty(report(beat, moment)).decode())
    return ExitCode.PROVIDER_FAILED if beat.state == "failed" else ExitCode.STILL_RUNNING
