"""An evaluation on many machines: each answers its share and hands its answers over, the last one takes them all.

Answers are kept under the digest of everything they depend on, so a shard can only bring what was asked. What no
shard brings is missing: nobody is asked for it later, and nothing counts in its place.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from liftgate.errors import ExitCode, InputError
from liftgate.findings import Finding, Severity, blocks

if TYPE_CHECKING:
    from liftgate.commands.judging.flow import Flow

FOLDER: Final = "shard"
ABOUT: Final = "shard.json"
ANSWERS: Final = "answers.jsonl"


def answer_share(flow: Flow) -> ExitCode:
    """Ask the shard's questions and write its answers; nothing is handed over where one of them is missing."""
    from liftgate.commands.launching.hosted_train import as_line
    from liftgate.evaluation.responses import ResponseStore
    from liftgate.files import sha256_file, write_json

    folder = flow.folder / FOLDER
    for name in (ABOUT, ANSWERS):
        # What an earlier try left is not this one's.
        (folder / name).unlink(missing_ok=True)
    findings = flow.share()
    if blocks(findings):
        for finding in findings:
            flow.say(as_line(finding))
        return ExitCode.STILL_RUNNING if flow.resumable_hint else ExitCode.BLOCKED
    with ResponseStore(flow.store / "responses.sqlite", read_only=True) as store:
        if store.damaged():
            raise InputError(f"{store.path}: damaged answers are not handed over", hint="run the shard again")
        count = store.export(folder / ANSWERS)
    about = {
        "schema_version": 1,
        "shard": str(flow.shard),
        "alias": flow.alias,
        "answers": count,
        "answers_sha256": sha256_file(folder / ANSWERS),
    }
    write_json(folder / ABOUT, about)
    flow.say(f"shard {flow.shard}: {count} answers in {folder}")
    return ExitCode.PASS


def take_shards(where: Path, alias: str, store: Path) -> list[Finding]:
    """Put the answers of every shard of an alias into a store; an error for each that is missing or not whole."""
    from liftgate.evaluation.responses import ResponseStore
    from liftgate.files import read_bytes, sha256_bytes

    read = [_about(path) for path in sorted(where.rglob(ABOUT))] if where.is_dir() else []
    mine = [about for about in read if about.get("alias") == alias]
    findings = [_unusable(about["name"]) for about in read if "alias" not in about]
    seen: dict[int, str] = {}
    of = {about["of"] for about in mine}
    with ResponseStore(store) as kept:
        for about in mine:
            name = about["name"]
            if about["number"] in seen:
                findings.append(
                    _error(f"shard {about['shard']} stands there twice: {seen[about['number']]}, {name}")
                )
                continue
            try:
                data = read_bytes(about["folder"] / ANSWERS, "answers of a shard")
                if sha256_bytes(data) != about["answers_sha256"]:
                    raise InputError("other answers than it says")
                kept.import_lines(data, f"{name}/{ANSWERS}")
            except InputError:
                findings.append(_unusable(name))
                continue
            seen[about["number"]] = name
    if len(of) > 1:
        findings.append(
            _error(f"shards of {' and '.join(map(str, sorted(of)))} parts do not belong together")
        )
    absent = [number for number in range(1, max(of, default=0) + 1) if number not in seen]
    if absent or not of:
        named = ", ".join(f"{number}/{max(of)}" for number in absent) or "all of them"
        findings.append(_error(f"{alias}: shards that handed nothing over: {named}"))
    return findings


def _about(path: Path) -> dict[str, Any]:
    from liftgate.evaluation.shards import Shard
    from liftgate.files import read_json

    place = {"folder": path.parent, "name": path.parent.name}
    try:
        written = read_json(path)
        shard = Shard.parse(str(written["shard"]))
        keys = {name: str(written[name]) for name in ("alias", "answers_sha256", "shard")}
    except (InputError, KeyError, TypeError, ValueError):
        return place
    return {**place, **keys, "number": shard.number, "of": shard.of}


def _unusable(name: str) -> Finding:
    from liftgate.data.text import shown

    return _error(f"the shard in {shown(name, 'a folder')} is not whole")


def _error(message: str) -> Finding:
    return Finding("shard-missing", Severity.ERROR, message)
