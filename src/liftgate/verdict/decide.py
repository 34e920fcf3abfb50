"""The decision matrix: which road an alias should take before anybody pays for a training. Pure.

Four roads, the cheapest first. A road is open when the task asks for what it gives, and is left when it was tried and
does not clear the bar. The first open road that is not left wins. What nobody knows is not guessed: every way in
which it could turn out is looked at, and where they lead to different roads the matrix says what is missing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, get_args

Road = Literal["prompt", "rag", "routing", "fine-tune"]
ROADS: Final[tuple[Road, ...]] = get_args(Road)
"""The cheapest first."""
IN_WORDS: Final[Mapping[Road, str]] = {
    "prompt": "a better prompt",
    "rag": "retrieval",
    "routing": "routing and tools",
    "fine-tune": "fine-tuning",
}
NEVER: Final = "never fine-tune for knowledge alone (facts belong in retrieval)"
CHEAPEST: Final = "the cheapest road that clears the bar wins"
Known = bool | None
State = Literal["clears", "open", "left", "closed", "unknown"]


@dataclass(frozen=True)
class Thresholds:
    """Where an answer turns from no to yes. `min_lift`, `min_rows` and `min_valid_json` are the policy's.

    Two labels or more make a classification. A plateau is a newest prompt version that gains less than `min_lift`
    over the best one before.
    """

    updates_per_month: float = 1.0
    stable_months: float = 6.0
    rows_per_label_and_locale: int = 20
    min_rows: int = 500
    min_lift: float = 0.03
    min_valid_json: float = 0.98


@dataclass(frozen=True)
class Tried:
    """One road that was tried, as its report has it; None where no usable report says so.

    `score` is the mean of the primary metric, `valid_json` the share of answers that parse; `ruler` tells which golden
    set and metric they were measured by, since scores by different ones are not compared.
    """

    road: Road
    arm: str | None = None
    clears: Known = None
    score: float | None = None
    valid_json: float | None = None
    ruler: str | None = None


@dataclass(frozen=True)
class Questions:
    """The matrix' questions, answered; None where nobody knows."""

    facts: Known = None
    form: Known = None
    stable: Known = None
    rows: Known = None
    prompt_clears: Known = False
    plateau: Known = False
    rag_clears: Known = False
    rag_tried: Known = False
    routing_clears: Known = False
    routing_tried: Known = False

    def known(self) -> Iterator[Questions]:
        """Every way in which the open questions could be answered."""
        unknown = [name for name, value in vars(self).items() if value is None]
        for values in itertools.product((False, True), repeat=len(unknown)):
            yield Questions(**{**vars(self), **dict(zip(unknown, values, strict=True))})


@dataclass(frozen=True)
class Advice:
    """What the matrix says. `recommendation` is None when something decisive is `missing`, or when no road is left."""

    recommendation: Road | None
    reasons: tuple[str, ...]
    missing: tuple[str, ...]
    questions: Questions
    roads: Mapping[Road, State] = field(default_factory=dict)

    @property
    def decided(self) -> bool:
        """Whether nothing decisive is missing."""
        return not self.missing

    def to_dict(self) -> dict[str, Any]:
        """The form that `--json` prints."""
        return {
            "recommendation": self.recommendation,
            "reasons": list(self.reasons),
            "missing": list(self.missing),
            "questions": dict(vars(self.questions)),
            "roads": dict(self.roads),
        }


def road_of(asked: Questions) -> Road | None:
    """The matrix itself, for questions that are all answered; None when every open road is left."""
    return next((road for road in ROADS if state_of(road, asked) in ("clears", "open")), None)


def state_of(road: Road, asked: Questions) -> State:
    """Whether a road is closed to this task, or left because it was tried and falls short."""
    match road:
        case "prompt":
            opened, clears, tried = not asked.facts, asked.prompt_clears, asked.plateau
        case "rag":
            opened, clears, tried = bool(asked.facts), asked.rag_clears, asked.rag_tried
        case "routing":
            both = bool(asked.facts and asked.form)
            opened, clears, tried = both or not asked.stable, asked.routing_clears, asked.routing_tried
        case "fine-tune":
            opened, clears, tried = bool(asked.form and asked.stable and asked.rows), False, False
    # What is proven to clear the bar counts, asked for or not; but facts in a prompt grow old unseen.
    if clears and not (road == "prompt" and asked.facts):
        return "clears"
    if not opened:
        return "closed"
    return "left" if tried else "open"


def advise(
    requirements: Mapping[str, Any], tried: Sequence[Tried], thresholds: Thresholds | None = None
) -> Advice:
    """What the matrix says of a task. `requirements` are those of decision.yaml, `tried` in the order of trying."""
    limits = thresholds or Thresholds()
    tried = [of_use(each, requirements.get("score_needed")) for each in tried]
    asked = _questions(requirements, tried, limits)
    roads = {road_of(each) for each in asked.known()}
    states = {road: _same([state_of(road, each) for each in asked.known()]) for road in ROADS}
    if len(roads) > 1:
        missing = tuple(_missing(requirements, tried, asked, limits))
        reasons = tuple(_reasons(requirements, tried, asked, limits, None))
        return Advice(None, reasons, missing, asked, states)
    (road,) = roads
    return Advice(road, tuple(_reasons(requirements, tried, asked, limits, road)), (), asked, states)


def of_use(tried: Tried, needed: float | None) -> Tried:
    """What was tried, held to the score that the task needs: above a base that is never right, any prompt is better."""
    if needed is None or tried.clears is False:
        return tried
    if tried.score is None:
        return replace(tried, clears=None)
    return replace(tried, clears=tried.clears if tried.score >= needed else False)


def _same(states: list[State]) -> State:
    return states[0] if len(set(states)) == 1 else "unknown"


def rows_needed(requirements: Mapping[str, Any], limits: Thresholds) -> int | None:
    """Labelled rows that a training needs; None while labels or locales are unknown."""
    labels, locales = requirements.get("labels"), requirements.get("locales")
    if labels is None or locales is None:
        return None
    each: int = limits.rows_per_label_and_locale * max(labels, 1) * max(len(locales), 1)
    return max(limits.min_rows, each)


def plateau(tried: Sequence[Tried], limits: Thresholds) -> Known:
    """Whether the newest prompt version gains less than `min_lift` over the best before it, by one ruler."""
    prompts = [each for each in tried if each.road == "prompt"]
    if not prompts:
        return False
    newest = prompts[-1]
    before = [each.score for each in prompts[:-1] if each.ruler == newest.ruler and each.score is not None]
    if newest.score is None:
        return None
    if len(before) < len(prompts) - 1:
        return None
    if not before:
        return False
    # Scores are means of whole numbers of cases; what is left of a float must not make a gain.
    return round(newest.score - max(before), 9) < limits.min_lift


def _questions(requirements: Mapping[str, Any], tried: Sequence[Tried], limits: Thresholds) -> Questions:
    labels = requirements.get("labels")
    classes = None if labels is None else labels >= 2
    stable = _at_least(requirements.get("labels_stable_months"), limits.stable_months)
    return Questions(
        facts=_either(
            requirements.get("must_cite_sources"),
            _at_least(requirements.get("policy_updates_per_month"), limits.updates_per_month),
        ),
        form=_either(classes, _schema_fails(requirements, tried, limits)),
        # Without labels there is nothing that could move.
        stable=True if classes is False else stable,
        rows=_enough(requirements, limits),
        prompt_clears=_clears(tried, "prompt"),
        plateau=plateau(tried, limits),
        rag_clears=_clears(tried, "rag"),
        rag_tried=any(each.road == "rag" for each in tried),
        routing_clears=_clears(tried, "routing"),
        routing_tried=any(each.road == "routing" for each in tried),
    )


def _at_least(value: float | None, least: float) -> Known:
    return None if value is None else value >= least


def _either(one: Known, other: Known) -> Known:
    if one or other:
        return True
    return None if one is None or other is None else False


def _clears(tried: Sequence[Tried], road: Road) -> Known:
    found = [each.clears for each in tried if each.road == road]
    if True in found:
        return True
    return None if None in found else False


def valid_json(tried: Sequence[Tried]) -> float | None:
    """The best share of parsable answers that an untrained road reached; None where none was measured."""
    return max(
        (t.valid_json for t in tried if t.road != "fine-tune" and t.valid_json is not None), default=None
    )


def _schema_fails(requirements: Mapping[str, Any], tried: Sequence[Tried], limits: Thresholds) -> Known:
    fields = requirements.get("schema_fields")
    if fields == 0:
        return False
    best = valid_json(tried)
    if fields is None or best is None:
        return None
    return best < limits.min_valid_json


def _enough(requirements: Mapping[str, Any], limits: Thresholds) -> Known:
    rows, needed = requirements.get("labelled_rows"), rows_needed(requirements, limits)
    if rows is None:
        return None
    if needed is None:
        return False if rows < limits.min_rows else None
    return bool(rows >= needed)


def _missing(
    requirements: Mapping[str, Any], tried: Sequence[Tried], asked: Questions, limits: Thresholds
) -> Iterator[str]:
    """What to find out: of the open questions those that change the road."""
    decisive = [name for name, value in vars(asked).items() if value is None and _matters(asked, name)]
    wanted = {
        "facts": ("must_cite_sources", "policy_updates_per_month"),
        "form": ("labels", "schema_fields"),
        "stable": ("labels", "labels_stable_months"),
        "rows": ("labelled_rows", "labels", "locales"),
    }
    told = dict.fromkeys(
        f"requirements.{key}"
        for name in decisive
        for key in wanted.get(name, ())
        if requirements.get(key) is None
    )
    yield from told
    if "form" in decisive and requirements.get("schema_fields") and valid_json(tried) is None:
        yield "the share of answers that parse (json_valid), in a report under paths_tried"
    for road in ("prompt", "rag", "routing"):
        if f"{road}_clears" in decisive or (road == "prompt" and "plateau" in decisive):
            silent = [
                each.arm or "without an arm" for each in tried if each.road == road and each.score is None
            ]
            names = f" ({', '.join(silent)})" if silent else ""
            yield f"a report of what was tried by {IN_WORDS[road]}{names}, by one golden set"


def _matters(asked: Questions, name: str) -> bool:
    for each in asked.known():
        turned = Questions(**{**vars(each), name: not getattr(each, name)})
        if road_of(turned) != road_of(each):
            return True
    return False


def _reasons(
    requirements: Mapping[str, Any],
    tried: Sequence[Tried],
    asked: Questions,
    limits: Thresholds,
    road: Road | None,
) -> Iterator[str]:
    """In the matrix' own terms: what the task asks for, what was tried, and why that leads here."""
    yield from _of_the_task(requirements, asked, limits)
    yield from _of_what_was_tried(asked)
    yield from _of_what_is_needed(requirements.get("score_needed"), tried)
    if road is not None:
        yield f"{CHEAPEST}: {IN_WORDS[road]}"


def _of_the_task(requirements: Mapping[str, Any], asked: Questions, limits: Thresholds) -> Iterator[str]:
    if asked.facts:
        cites = "sources must be cited" if requirements.get("must_cite_sources") else "the facts change"
        yield f"{cites}: {NEVER}"
    elif asked.facts is False:
        yield "no facts to cite or to keep up with: retrieval has nothing to give"
    if asked.form:
        yield "a form to learn: fixed labels, or a schema that prompts do not hold"
    elif asked.form is False:
        yield "no form to learn: fewer than two labels, and prompts hold the schema"
    if asked.stable is False:
        yield (
            f"the labels were stable for less than {limits.stable_months:g} months: a router's table is changed in "
            "minutes, weights are not"
        )
    if asked.rows is False:
        needed = rows_needed(requirements, limits) or limits.min_rows
        yield f"too few labelled rows to train on: {requirements['labelled_rows']} of {needed}"


def _of_what_is_needed(needed: float | None, tried: Sequence[Tried]) -> Iterator[str]:
    scores = [each.score for each in tried if each.road != "fine-tune" and each.score is not None]
    if needed is not None and scores and max(scores) < needed:
        yield f"the best without a training reaches {max(scores):.1%}, and {needed:.1%} is needed"


def _of_what_was_tried(asked: Questions) -> Iterator[str]:
    if asked.prompt_clears:
        yield "a prompt clears the bar"
    elif asked.plateau:
        yield "the newest prompt gains too little over the best before it: prompting is at its plateau"
    elif asked.plateau is False and asked.facts is False:
        yield "prompting is not at its plateau yet"
    if asked.rag_clears:
        yield "retrieval clears the bar"
    elif asked.rag_tried and asked.rag_clears is False:
        yield "retrieval was tried and does not clear the bar"
    if asked.routing_clears:
        yield "routing and tools clear the bar"
    elif asked.routing_tried and asked.routing_clears is False:
        yield "routing and tools were tried and do not clear the bar"
