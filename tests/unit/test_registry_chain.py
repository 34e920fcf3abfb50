"""`registry verify` over the whole chain: whatever is altered, in any field of any link, is named with its place."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
import yaml

from chain_world import (
    ALIAS,
    CARD,
    GOLDEN,
    MANIFEST,
    MODELS,
    REPORT,
    TRAIN,
    VALIDATION,
    VARIANT,
    World,
    changed,
    entries,
    entry,
    kept,
    leaves,
    other,
    registry,
    rows,
    sha256,
    world,
)
from liftgate.digests import pretty
from liftgate.registry.chain import LINKS
from liftgate.report.chain import chain_lines
from liftgate.report.seal import seal

HOSTED = (False, True)


def _dump(document: Any) -> bytes:
    return yaml.safe_dump(document, sort_keys=False).encode()


def _line(before: bytes, after: bytes) -> int:
    """The first line in which two files differ."""
    old, new = before.split(b"\n"), after.split(b"\n")
    return next(n for n, (one, two) in enumerate(zip(old, new, strict=False), start=1) if one != two)


def _named(key: tuple[Any, ...]) -> str:
    return ".".join(map(str, key))


def _variant_leaves(hosted: bool) -> list[tuple[Any, ...]]:
    return [*leaves(entry(hosted, world(hosted).files, 25))]


VARIANT_LEAVES = [(hosted, key) for hosted in HOSTED for key in _variant_leaves(hosted)]
MANIFEST_LEAVES = [
    (hosted, key) for hosted in HOSTED for key in leaves(json.loads(world(hosted).files[MANIFEST]))
]
CARD_LEAVES = [*leaves(yaml.safe_load(world().files[CARD]))]


def _report_leaves() -> list[tuple[bool, bool, tuple[Any, ...]]]:
    """Every leaf, of a list whose items are all alike the first and the last: (hosted, committed, key)."""
    found: dict[tuple[bool, bool, tuple[Any, ...]], None] = {}
    for hosted in HOSTED:
        document = json.loads(world(hosted).files[REPORT])
        for key in leaves(document):
            value = document
            for step in key:
                if isinstance(step, int) and step not in (0, len(value) - 1):
                    break
                value = value[step]
            else:
                if hosted == (key[0] == "training"):
                    found[hosted, True, key] = None
                # In a work tree the same place is found by the same comparison, with the last commit.
                if hosted or len(key) == 1:
                    found[hosted, False, key] = None
    return [*found]


REPORT_LEAVES = _report_leaves()


@pytest.mark.parametrize("hosted", HOSTED)
@pytest.mark.parametrize("ledger", [False, True])
def test_a_whole_chain_is_verified(hosted: bool, ledger: bool) -> None:
    chain = world(hosted, ledger=ledger).chain()
    assert (chain.state, chain.first) == ("verified", None)
    states = {link.name: link.state for link in chain.links}
    assert tuple(states) == LINKS
    assert set(states.values()) == ({"holds"} if ledger else {"holds", "unchecked"})
    assert states["ledger"] == ("holds" if ledger else "unchecked")


@pytest.mark.parametrize(("hosted", "key"), VARIANT_LEAVES, ids=str)
def test_each_field_of_the_registry_that_is_altered_is_named(hosted: bool, key: tuple[Any, ...]) -> None:
    whole = world(hosted)
    before = entry(hosted, whole.files, 25)
    if key == ("provider",):
        after = registry({**before, "provider": "together"})
    elif key == ("evaluated_at",):
        after = registry({**before, "evaluated_at": "2026-11-03T09:00:00Z"})
    elif key == ("dataset", "version"):
        after = registry({**before, "dataset": {**before["dataset"], "version": "1.1.1"}})
    elif key == ("training_usd",):
        after = registry({**before, "training_usd": "1.25"})
    else:
        after = registry(changed(before, key))
    spoilt = whole.tampered(MODELS, after)
    chain = spoilt.chain()
    assert chain.first is not None
    assert chain.first.name == "registry"
    (finding,) = chain.first.findings
    assert finding.place == f"{MODELS}:{_line(whole.files[MODELS], after)}"
    assert f"`{_named(key)}` is " in finding.message
    assert "expected " in finding.message


@pytest.mark.parametrize("key", CARD_LEAVES, ids=_named)
def test_each_field_of_the_card_that_is_altered_is_named(key: tuple[Any, ...]) -> None:
    whole = world()
    after = _dump(changed(yaml.safe_load(whole.files[CARD]), key))
    found = whole.tampered(CARD, after).broken()
    link, place, message = found[0]
    assert (link, place) == ("dataset", f"{CARD}:{_line(whole.files[CARD], after)}")
    assert key[-1] in message


@pytest.mark.parametrize(("path", "half"), [(TRAIN, "train"), (VALIDATION, "validation")])
@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("number", range(6))
def test_each_row_that_is_altered_is_named_by_its_line(
    path: str, half: str, committed: bool, number: int
) -> None:
    whole, lines = world(), rows(half).split(b"\n")
    secret = lines[number].replace(half.encode(), b"SECRET")
    after = b"\n".join([*lines[:number], secret, *lines[number + 1 :]])
    spoilt = whole.committed(path, after) if committed else whole.tampered(path, after)
    ((link, place, message),) = spoilt.broken()
    assert (link, place) == ("dataset", f"{path}:{number + 1}")
    assert message == (
        f"is not the row that was released (sha256 is {sha256(after)[:12]}…, expected {sha256(rows(half))[:12]}…)"
    )


def test_a_row_that_is_taken_out_or_added_is_named() -> None:
    lines = rows("train").split(b"\n")
    for after, line, said in (
        (b"\n".join(lines[1:]), 1, "is not the row that was released"),
        (rows("train") + b"{}\n", 7, "is not the row that was released"),
        (b"\n".join(lines[:5]) + b"\n", 6, "is missing"),
    ):
        found = world().tampered(TRAIN, after).broken()
        assert found[0][1] == f"{TRAIN}:{line}"
        assert found[0][2].startswith(said)
        assert any(message.startswith("rows is 6, expected") for _, _, message in found)


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize(("hosted", "key"), MANIFEST_LEAVES, ids=str)
def test_each_field_of_the_manifest_that_is_altered_is_named(
    hosted: bool, key: tuple[Any, ...], committed: bool
) -> None:
    whole = world(hosted)
    after = pretty(changed(json.loads(whole.files[MANIFEST]), key))
    spoilt = whole.committed(MANIFEST, after) if committed else whole.tampered(MANIFEST, after)
    link, place, message = spoilt.broken()[0]
    assert (link, place) == ("manifest", f"{MANIFEST}:{_line(whole.files[MANIFEST], after)}")
    assert str(next(step for step in reversed(key) if isinstance(step, str))) in message


@pytest.mark.parametrize(("hosted", "committed", "key"), REPORT_LEAVES, ids=str)
def test_each_field_of_the_report_that_is_altered_is_named(
    hosted: bool, committed: bool, key: tuple[Any, ...]
) -> None:
    whole = world(hosted)
    before = json.loads(whole.files[REPORT])
    after = pretty(changed(before, key))
    spoilt = whole.committed(REPORT, after) if committed else whole.tampered(REPORT, after)
    findings = [f for link in spoilt.chain().links if link.name == "report" for f in link.findings]
    line = _line(whole.files[REPORT], after)
    # What is put into an empty list stands a line below it.
    assert findings[0].place in {
        f"{REPORT}:{line}",
        f"{REPORT}:{line + (b'[]' in whole.files[REPORT].splitlines()[line - 1])}",
    }
    assert f"{key[-1]}" in findings[0].message
    # Text may be an answer of a model: none of it is repeated.
    texts = [case["outputs"]["candidate"] for case in before["cases"]]
    assert not any(text and text in finding.message for text in texts for finding in findings)


@pytest.mark.parametrize("path", [TRAIN, VALIDATION, CARD, MANIFEST, REPORT])
def test_each_file_that_is_gone_is_named(path: str) -> None:
    found = world().tampered(path, None).broken()
    assert found
    assert any(word in found[0][2] for word in ("there is no", "names a file that is not there"))


CORROBORATED = {
    "adapter_sha256", "base", "base_revision", "dataset", "flag", "hyperparameters", "job_id", "manifest",
    "manifest_digest", "method", "model_id", "provider", "report", "rollout_percent", "training_usd",
}  # fmt: skip
FREE = {"evaluated_at", "on_call", "owner", "runbook", "shadow_percent"}
"""What a commit may change of a served variant without breaking its chain: the rules of the registry judge it."""


@pytest.mark.parametrize(("hosted", "key"), VARIANT_LEAVES, ids=str)
def test_a_committed_alteration_of_the_registry_is_named_by_its_neighbour(
    hosted: bool, key: tuple[Any, ...]
) -> None:
    before = entry(hosted, world(hosted).files, 25)
    special = {"provider": "together", "evaluated_at": "2026-11-03T09:00:00Z", "training_usd": "1.25"}
    after = {**before, key[0]: special[key[0]]} if key[0] in special else changed(before, key)
    if key == ("dataset", "version"):
        after = {**before, "dataset": {**before["dataset"], "version": "1.1.1"}}
    found = world(hosted).committed(MODELS, registry(after)).broken()
    assert {key[0]} <= FREE | CORROBORATED
    assert bool(found) == (key[0] in CORROBORATED)
    assert all(link != "registry" for link, _, _ in found)


def _resealed(document: dict[str, Any], whole: World) -> World:
    """A forger's report: sealed again, pinned again, committed. Only what it says itself can give it away."""
    data = pretty(seal(document))
    made = whole.committed(REPORT, data)
    pinned = {**entry(False, whole.files, 25), "report": {"path": REPORT, "sha256": sha256(data)}}
    return made.committed(MODELS, registry(pinned))


def test_a_report_that_is_sealed_and_pinned_again_is_given_away_by_its_own_cases() -> None:
    whole = world()
    document = json.loads(whole.files[REPORT])
    lost = next(n for n, case in enumerate(document["cases"]) if case["scores"]["candidate"] == 0.0)
    flipped = changed(document, ("cases", lost, "scores", "base"))
    flipped["cases"][lost]["scores"] = {**document["cases"][lost]["scores"], "candidate": 1.0}
    found = _resealed(flipped, whole).broken()
    assert [link for link, _, _ in found] == ["results"] * len(found)
    assert any("expected" in message and "by the cases" in message for _, _, message in found)
    lifted = copy.deepcopy(document)
    lift, lifted["comparison"]["lift"]["mean"] = lifted["comparison"]["lift"]["mean"], 0.5
    ((link, place, message),) = _resealed(lifted, whole).broken()
    assert (link, place) == ("results", REPORT)
    assert message == f"$.comparison.lift.mean is 0.5, expected {lift:.10g} by the cases"


def _with_road(key: tuple[Any, ...], value: Any) -> World:
    """The decision of the report with another value, sealed and pinned again."""
    whole = world()
    made = json.loads(whole.files[REPORT])
    inner = made["road"]
    for step in key[:-1]:
        inner = inner[step]
    inner[key[-1]] = value
    return _resealed(made, whole)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        (("matrix",), "rag", "$.road.matrix is not what the matrix gives"),
        (("state",), "differs", "$.road.state is not what the matrix gives"),
        (("reasons",), ["trust me"], "$.road.reasons is not what the matrix gives"),
        (("missing",), ["nothing"], "$.road.missing is not what the matrix gives"),
        (("roads", "rag"), "left", "$.road.roads is not what the matrix gives"),
        (("tried", 1, "score"), 0.9, "$.road.matrix is not what the matrix gives"),
        (("tried", 1, "outcome"), "it is fine", "$.road.tried is not what evals/support-intent/decision.yaml says"),
        (("requirements", "must_cite_sources"), True, "$.road.matrix is not what the matrix gives"),
        (("requirements", "labels"), 9, "$.road.requirements is not what evals/support-intent/decision.yaml says"),
        (("document",), "rag", "$.road.state is not what the matrix gives"),
        (("question",), "Why not?", "$.road.question is not what evals/support-intent/decision.yaml says"),
        (("said",), [], "$.road.said is not what evals/support-intent/decision.yaml says"),
        (("owner",), None, "$.road.owner is not what evals/support-intent/decision.yaml says"),
        (("decided_on",), "2026-11-26", "$.road.decided_on is not what evals/support-intent/decision.yaml says"),
        (("open",), ["owner"], "$.road.state is not what the matrix gives"),
        (("path",), "evals/other/decision.yaml", "$.road.path is not evals/support-intent/decision.yaml"),
    ],
)  # fmt: skip
def test_a_decision_in_a_report_that_is_sealed_again_is_made_again_from_its_document(
    key: tuple[Any, ...], value: Any, said: str
) -> None:
    (found, *_) = [f for link in _with_road(key, value).chain().links for f in link.findings]
    assert (found.rule, found.place) == ("results-differ", REPORT)
    assert found.message.startswith(said)


def test_a_decision_whose_document_was_never_committed_is_said_to_be_unchecked() -> None:
    chain = _with_road(("sha256",), "0" * 64).chain()
    assert chain.state == "verified"
    assert (
        "results: no committed version of evals/support-intent/decision.yaml is the one that the report names under "
        "$.road"
    ) in chain.unchecked


def test_a_report_from_before_decisions_were_kept_is_verified() -> None:
    whole = world()
    made = {key: each for key, each in json.loads(whole.files[REPORT]).items() if key != "road"}
    assert _resealed(made, whole).chain().state == "verified"


def test_cases_of_another_golden_set_and_expectations_that_changed_are_named() -> None:
    whole = world()
    document = json.loads(whole.files[REPORT])
    renamed = changed(document, ("cases", 0, "case_id"))
    assert [m for _, _, m in _resealed(renamed, whole).broken()] == [
        f"1 cases of $.cases are not in {GOLDEN}",
        f"1 cases of {GOLDEN} are not in $.cases",
    ]
    easier = changed(document, ("cases", 3, "expected"))
    assert [m for _, _, m in _resealed(easier, whole).broken()] == [
        f"$.cases[3].expected is not what {GOLDEN} expects of that case"
    ]


def test_a_verdict_that_its_parts_do_not_bear_is_named() -> None:
    whole = world()
    failing = json.loads(whole.files[REPORT])
    failing["comparison"]["parts"][0]["state"] = "fail"
    assert [(link, m) for link, _, m in _resealed(failing, whole).broken()] == [
        ("report", "$.verdict is pass, and its parts and findings do not pass")
    ]
    blocked = json.loads(whole.files[REPORT])
    blocked["verdict"] = blocked["comparison"]["verdict"] = "block"
    blocked["comparison"]["parts"][0]["state"] = "fail"
    assert [(link, m) for link, _, m in _resealed(blocked, whole).broken()] == [
        ("report", "$.verdict is block, and callers reach the variant")
    ]


def test_the_golden_set_of_then_is_found_in_the_history() -> None:
    moved = world().committed(GOLDEN, b'{"id":"new","expected":"x"}\n')
    assert moved.chain().state == "verified"
    lost = replace(moved, older={})
    chain = lost.chain()
    assert chain.state == "verified"
    assert any("no committed version of" in why for why in chain.unchecked)


STEPS: dict[str, tuple[tuple[int, ...], str | None]] = {
    "every step": ((0, 5, 25), None),
    "all of them": ((0, 5, 25, 100), None),
    "back and forth": ((0, 5, 0, 5), None),
    "a step was skipped": ((0, 25), "it goes from 0% to 25%, expected 5% (policy rollout.steps)"),
    "no step of the policy": ((0, 5, 50), "it goes from 5% to 50%, expected 25% (policy rollout.steps)"),
    "it arrives with callers": ((5,), "it arrives at 5%, expected 0%"),
}


@pytest.mark.parametrize("name", STEPS)
def test_the_steps_are_those_of_the_history(name: str) -> None:
    percents, wrong = STEPS[name]
    files = world().files
    past = (registry(None), *(registry(entry(False, files, percent)) for percent in percents))
    head = {**files, MODELS: past[-1]}
    found = World(head, dict(head), past[:-1]).broken()
    assert [link for link, _, _ in found] == ([] if wrong is None else ["steps"])
    if wrong is not None:
        assert found[0][1].startswith("models.yaml:")
        assert found[0][2].endswith(wrong)


def test_a_step_without_a_report_and_a_model_that_changes_while_served_are_named() -> None:
    files = world().files
    bare = {key: value for key, value in entry(False, files, 5).items() if key != "report"}
    past = (registry(None), registry(entry(False, files, 0)), registry(bare))
    head = {**files, MODELS: registry(entry(False, files, 5))}
    ((link, _, message),) = World(head, dict(head), past).broken()
    assert (link, message) == ("steps", f"in commit {2:040x}"[:22] + " it goes to 5% without a report")
    swapped = registry({**entry(False, files, 5), "flag": "another"})
    past = (registry(None), registry(entry(False, files, 0)), swapped)
    mine = "support-intent-v1-1-0"
    assert [(link, m.split(" ", 3)[3]) for link, _, m in World(head, dict(head), past).broken()] == [
        ("steps", f"`flag` becomes 'another' while callers reach it, expected '{mine}'"),
        ("steps", f"`flag` becomes '{mine}' while callers reach it, expected 'another'"),
    ]


def _ledger_leaves() -> list[tuple[bool, str, tuple[Any, ...]]]:
    return [
        (hosted, name, key)
        for hosted in HOSTED
        for name, body in entries(hosted, world(hosted).files).items()
        for key in leaves(body)
    ]


@pytest.mark.parametrize(("hosted", "name", "key"), _ledger_leaves(), ids=str)
def test_each_field_of_the_ledger_that_is_edited_is_named_by_its_entry(
    hosted: bool, name: str, key: tuple[Any, ...]
) -> None:
    whole = world(hosted, ledger=True)
    assert whole.ledger is not None
    edited = pretty(changed(json.loads(whole.ledger[name]), key))
    chain = replace(whole, ledger={**whole.ledger, name: edited}).chain()
    assert chain.first is not None
    assert chain.first.name == "ledger"
    assert chain.first.findings[0].place == name
    assert "was edited after it was written" in chain.first.findings[0].message


SEALED_AGAIN = {
    "plans": {"manifest"},
    "verdicts": {
        "alias",
        "high",
        "lift",
        "low",
        "manifest_digest",
        "metric",
        "n",
        "report_sha256",
        "verdict",
    },
    "jobs": {"approval", "estimated_usd", "job_id", "model_id", "provider", "state", "usd"},
}
"""What the files of the repository know as well, so that not even the writer of the ledger can change it alone."""


CORROBORATED_ENTRIES = [
    each for each in _ledger_leaves() if each[2][0] in SEALED_AGAIN.get(each[1].split("/", maxsplit=1)[0], ())
]


@pytest.mark.parametrize(("hosted", "name", "key"), CORROBORATED_ENTRIES, ids=str)
def test_an_entry_that_its_writer_seals_again_is_held_against_the_files(
    hosted: bool, name: str, key: tuple[Any, ...]
) -> None:
    whole = world(hosted, ledger=True)
    bodies = entries(hosted, whole.files)
    words = {"verdict": "block", "state": "failed"}
    body = changed(bodies[name], key)
    if key[-1] in words:
        body[key[-1]] = words[key[-1]]
    if key[-1] in ("usd", "estimated_usd"):
        body[key[-1]] = "9.99"
    chain = replace(whole, ledger=kept({**bodies, name: body})).chain()
    assert chain.first is not None
    assert chain.first.name == "ledger"


@pytest.mark.parametrize("hosted", HOSTED)
def test_each_entry_of_the_ledger_that_is_gone_is_named(hosted: bool) -> None:
    whole = world(hosted, ledger=True)
    assert whole.ledger is not None
    for name in whole.ledger:
        if name.startswith("locks"):
            continue
        less = {each: data for each, data in whole.ledger.items() if each != name}
        first = replace(whole, ledger=less).chain().first
        assert first is not None, name
        assert "the ledger holds no" in first.findings[0].message


def test_what_was_not_looked_at_is_said_and_never_a_pass() -> None:
    alone = replace(world(), in_git=False).chain()
    assert (alone.state, alone.first and alone.first.name) == ("incomplete", "registry")
    files = world().files
    bare = {
        key: value
        for key, value in entry(False, files, 0).items()
        if key not in ("report", "manifest", "manifest_digest", "shadow_percent")
    }
    head = {**files, MODELS: registry(bare)}
    new = World(head, dict(head), (registry(None),)).chain()
    assert (new.state, new.first and new.first.name) == ("incomplete", "manifest")
    head = {**files, MODELS: registry({**bare, "rollout_percent": 5})}
    served = World(head, dict(head), (registry(None), registry(bare))).chain()
    assert (served.state, served.first and served.first.name) == ("broken", "manifest")


def test_people_read_the_first_broken_link_and_what_was_expected() -> None:
    lines = rows("train").split(b"\n")
    after = b"\n".join([lines[0].replace(b"0", b"9"), *lines[1:]])
    said = "\n".join(chain_lines(world().tampered(TRAIN, after).chain()))
    old, new = sha256(rows("train"))[:12], sha256(after)[:12]
    where = f"{TRAIN}:1: is not the row that was released (sha256 is {new}…, expected {old}…)"
    assert said.split("\n")[:4] == [
        f"{ALIAS} {VARIANT}: not verified, the first broken link is dataset",
        f"  {where}",
        f"  ✓ registry  {MODELS}:9 is as the last commit has it",
        f"  ✗ dataset   {where} [dataset-altered]",
    ]
    assert said.count("not checked: ") == 5


def test_other_is_something_else() -> None:
    values: list[Any] = [True, 1, 0.5, None, "x", "0" * 64, {}, []]
    for value in values:
        assert other(value) != value
