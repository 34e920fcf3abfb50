"""The decision that a report carries: made again, and held against its committed document. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from liftgate.digests import sha256_bytes
from liftgate.errors import LiftgateError
from liftgate.registry.chain import Subject
from liftgate.verdict.decision_questions import read_document
from liftgate.verdict.road import COMPUTED, with_advice

# Key of the section → key of the document.
_SAID: Final = {
    "document": "recommendation",
    "question": "question",
    "said": "reasons",
    "owner": "owner",
    "decided_on": "decided_on",
    "requirements": "requirements",
}


def road_differences(subject: Subject, report: Mapping[str, Any], unchecked: list[str]) -> Iterator[str]:
    """What the report's decision says otherwise than its document, its requirements and what was tried give."""
    road = report.get("road")
    if road is None:
        return
    made = with_advice(road)
    for key in COMPUTED:
        if road[key] != made[key]:
            yield f"$.road.{key} is not what the matrix gives for its requirements and what was tried"
    path = f"evals/{subject.alias.name}/decision.yaml"
    if road["path"] != path:
        yield f"$.road.path is not {path}"
        return
    now = subject.source.read(path)
    data = now if now is not None and sha256_bytes(now) == road["sha256"] else None
    if data is None:
        data = subject.source.earlier(path, lambda earlier: sha256_bytes(earlier) == road["sha256"])
    if data is None:
        # A document may be mended after the verdict, in the same pull request: nothing is judged anew for that.
        unchecked.append(f"no committed version of {path} is the one that the report names under $.road")
        return
    yield from _of_document(road, data, path)


def _of_document(road: Mapping[str, Any], data: bytes, path: str) -> Iterator[str]:
    try:
        document, open_ = read_document(data, path)
    except LiftgateError:
        yield f"$.road is of a {path} that cannot be read"
        return
    empty: Mapping[str, Any] = {"said": [], "requirements": {}}
    said = document.data
    for key, named in _SAID.items():
        if road[key] != said.get(named, empty.get(key)):
            yield f"$.road.{key} is not what {path} says"
    if road["open"] != [each.key for each in open_]:
        yield f"$.road.open is not what {path} leaves open"
    walked = [(each["path"], each["arm"], each["outcome"], each["report"]) for each in road["tried"]]
    if walked != [
        (each["path"], each.get("arm"), each["outcome"], each.get("report"))
        for each in said.get("paths_tried", ())
    ]:
        yield f"$.road.tried is not what {path} says"
