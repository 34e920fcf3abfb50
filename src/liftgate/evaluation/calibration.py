"""A label file, and what a judge's agreement with it amounts to. Pure: the judge is asked by the command.

A line holds what people judged and the grade they gave: `output`, or `first` and `second`, and `label`; beside them
`case_id` for a case of the suite, or `input` and `context` of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from liftgate.data.golden import Case
from liftgate.errors import InputError, Problem
from liftgate.evaluation import judges
from liftgate.evaluation.agreement import agreement, confusion
from liftgate.evaluation.judges import Judge, Reading, Shown
from liftgate.evaluation.retrieval import passages_in, shown

_KEYS = {"case_id", "output", "first", "second", "label", "input", "context", "expected"}
FAITHFUL, UNFAITHFUL = "faithful", "unfaithful"


@dataclass(frozen=True)
class Labelled:
    """One line: what the judge is shown, the answer (or the two), and people's category."""

    shown: Shown
    answers: tuple[str, ...]
    label: str


def categories(judge: Judge) -> list[str]:
    """The judge's menu, in its order."""
    if judge.answers == "scale":
        return [str(grade) for grade in range(judge.low, judge.high + 1)]
    if judge.answers == "claims":
        return [UNFAITHFUL, FAITHFUL]
    if judge.answers == "preference":
        return [judges.FIRST, judges.TIE, judges.SECOND]
    return list(judge.choices)


def read_labels(data: bytes, path: str, judge: Judge, cases: Mapping[str, Case]) -> list[Labelled]:
    """Read a label file for a judge. Raises `InputError` naming every line that cannot be used."""
    found: list[Labelled] = []
    problems: list[Problem] = []
    seen: dict[bytes, int] = {}
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        place = f"{path}:{number}"
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            problems.append(Problem(place, "not valid JSON; write one labelled answer a line"))
            continue
        wrong = list(_problems(row, judge, cases))
        if wrong:
            problems += [Problem(place, sentence) for sentence in wrong]
            continue
        labelled = _labelled(row, judge, cases)
        if lacking := judges.missing(judge, labelled.shown):
            problems.append(Problem(place, f"has no {lacking}, which the judge is to see"))
        key = orjson.dumps([vars(labelled.shown), list(labelled.answers)])
        if (first := seen.setdefault(key, number)) != number:
            problems.append(Problem(place, f"the same answer is labelled on line {first}; count it once"))
        found.append(labelled)
    if problems:
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        raise InputError(f"{path} has {count}", problems=problems[:20], hint=_hint(judge))
    if not found:
        raise InputError(f"{path} holds no labels", hint=_hint(judge))
    return found


def calibration(
    metric: str,
    judge: Judge,
    about: Mapping[str, Any],
    labelled: Sequence[Labelled],
    readings: Sequence[tuple[Reading, bool]],
    *,
    labels_sha256: str,
    seed: int,
) -> dict[str, Any]:
    """The form of calibration.json. Raises `InputError` when the labels cannot show any agreement."""
    menu = categories(judge)
    place = {name: index for index, name in enumerate(menu)}
    pairs = [
        (place[each.label], place[str(reading.verdict)])
        for each, (reading, _) in zip(labelled, readings, strict=True)
        if reading.verdict is not None
    ]
    people, judged = [ours for ours, _ in pairs], [theirs for _, theirs in pairs]
    found = agreement(people, judged, len(menu), ordinal=judge.ordinal, seed=seed)
    if found is None:
        raise InputError(
            f"no agreement beyond chance can be measured on {len(pairs)} judged answer{'s' * (len(pairs) != 1)}",
            hint="label answers of different quality: people and judge gave one grade only, or the judge none",
        )
    pairwise = judge.answers == "preference"
    counts = confusion(people, judged, len(menu)).astype(int).tolist()
    return {
        "schema_version": 1,
        "metric": metric,
        "judge": dict(about),
        "labels_sha256": labels_sha256,
        "human_pairs": len(pairs),
        "unscored": len(labelled) - len(pairs),
        "kappa": found.kappa,
        "weights": "quadratic" if judge.ordinal else None,
        "low": found.low,
        "high": found.high,
        "seed": seed,
        "equal": found.equal,
        "categories": menu,
        "confusion": counts,
        "pairwise": pairwise,
        "order_swapped": pairwise,
        "same_in_both_orders": sum(agreed for reading, agreed in readings if reading.verdict is not None)
        if pairwise
        else None,
    }


def _problems(row: Any, judge: Judge, cases: Mapping[str, Case]) -> Iterator[str]:
    if not isinstance(row, dict):
        yield "expected an object"
        return
    for _ in row.keys() - _KEYS:
        yield f"holds a key that is none of {', '.join(sorted(_KEYS))}"
        return
    wanted = ("first", "second") if judge.answers == "preference" else ("output",)
    for key in wanted:
        if not isinstance(row.get(key), str):
            yield f"{key!r} must be the text that people judged"
    if _label(row.get("label"), judge) is None:
        yield f"'label' must be one of {', '.join(categories(judge))}"
    case_id = row.get("case_id")
    if (
        case_id is not None
        and "input" not in row
        and cases.get(case_id if isinstance(case_id, str) else "") is None
    ):
        yield "its case_id is none of the suite's; name the suite with --suite, or write its 'input'"
    if case_id is None and not isinstance(row.get("input"), str):
        yield "needs a 'case_id' of the suite, or the 'input' that was answered"


def _labelled(row: Mapping[str, Any], judge: Judge, cases: Mapping[str, Case]) -> Labelled:
    case = cases.get(row.get("case_id", ""))
    context = row.get("context", None if case is None else case.context)
    expected = row.get("expected", None if case is None else case.expected)
    passages = passages_in(context)
    seen = Shown(
        question=row["input"] if "input" in row else question_of(case),
        context=shown(passages) if passages else None,
        expected=expected
        if expected is None or isinstance(expected, str)
        else orjson.dumps(expected).decode(),
    )
    answers = (row["first"], row["second"]) if judge.answers == "preference" else (row["output"],)
    return Labelled(seen, answers, str(_label(row["label"], judge)))


def question_of(case: Case | None) -> str:
    """The question as a judge sees it: without system prompts, turns named where there are several."""
    if case is None:
        return ""
    turns = [m for m in case.messages if m.get("role") not in {"system", "developer"}]
    if len(turns) == 1:
        return case.prompt
    return "\n\n".join(f"{turn['role']}: {turn.get('content')}" for turn in turns)


def _label(label: Any, judge: Judge) -> str | None:
    if judge.answers == "claims" and isinstance(label, bool):
        return FAITHFUL if label else UNFAITHFUL
    if judge.answers == "scale" and isinstance(label, int) and not isinstance(label, bool):
        label = str(label)
    return label if isinstance(label, str) and label in categories(judge) else None


def _hint(judge: Judge) -> str:
    answer = '"first": ..., "second": ...' if judge.answers == "preference" else '"output": ...'
    return f'a line is {{"case_id": ..., {answer}, "label": {categories(judge)[-1]!r}}}'
