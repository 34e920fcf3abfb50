"""A backlog as people read it: the pull request for data, the one for the golden set, the word on the judge.

Nothing of a case but its id and buckets is ever said, so that nobody copies a golden prompt into training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from liftgate.data.golden import Cases
from liftgate.policy import Policy
from liftgate.report import numbers
from liftgate.report.comment_markup import table
from liftgate.report.escape import Markdown, code, escape
from liftgate.verdict.decisions import ReviewDecision
from liftgate.watch.backlog import FEWEST_PAIRS, MOST_PAIRS, Row
from liftgate.watch.prompt_versions import CONSECUTIVE, Plateau

MOST_ROWS: Final = 60
_CELL: Final = 80
MARKER: Final = "<!-- liftgate-backlog -->"


@dataclass(frozen=True)
class Standing:
    """Where the next dataset stands. `reviewed` are rows that a person read, `written` slots that have their row."""

    reviewed: int
    wanted: int
    slots: int
    written: int
    plateau: Plateau | None

    @property
    def due(self) -> bool:
        """Whether rows and prompts say that a training is worth its price."""
        return self.reviewed >= self.wanted and self.plateau is not None and self.plateau.reached

    def sentences(self) -> list[str]:
        """Two sentences about rows and prompts, and one about what follows."""
        rows = f"{numbers.count(self.reviewed)} of {numbers.plural(self.wanted, 'reviewed row')} are there"
        if self.reviewed >= self.wanted:
            rows += ": the policy lets a paid training start"
        told = [f"{rows} (trigger.min_reviewed_rows).", prompts_sentence(self.plateau)]
        told.append(f"{numbers.count(self.written)} of {numbers.plural(self.slots, 'slot')} have their pair.")
        if self.due:
            told.append("Rows and prompts both say: train next.")
        return told

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        known = self.plateau
        return {
            "reviewed_rows": self.reviewed,
            "min_reviewed_rows": self.wanted,
            "slots": self.slots,
            "slots_written": self.written,
            "prompt_plateau": None if known is None else known.reached,
            "prompt_gain": None if known is None else known.gain,
            "due": self.due,
        }


def prompts_sentence(known: Plateau | None) -> str:
    """Whether prompts still gain."""
    if known is None:
        return f"Whether prompts still gain is not known: fewer than {CONSECUTIVE} versions answered the same cases."
    gained = f"the last two prompts gained {numbers.points(known.gain)} points on {numbers.plural(known.cases, 'case')}"
    wanted = f"{numbers.distance(known.wanted)} (min_lift)"
    if known.reached:
        return f"Prompts have reached their plateau: {gained}, less than {wanted}."
    return f"Prompts still gain: {gained}, at least {wanted}; another prompt is cheaper than a training."


def title(alias: str) -> str:
    """The title of the pull request for data; without numbers, since the request is kept up to date."""
    return f"Backlog of {alias}: cases for the next dataset"


def data_body(alias: str, rows: Sequence[Row], fresh: Sequence[Row], standing: Standing) -> str:
    """The pull request that asks for pairs. The same backlog reads the same."""
    placed = sorted(rows, key=lambda row: (row not in fresh, -len(row.sources), row.suite, row.case_id))
    new = f", {numbers.count(len(fresh))} of them new" if fresh else ""
    wait = "waits" if len(rows) == 1 else "wait"
    parts = [
        Markdown(MARKER),
        Markdown(
            f"**{numbers.plural(len(rows), 'case')} of {escape(alias, _CELL)} {wait} for corrected pairs{new}.**"
        ),
        Markdown(" ".join(standing.sentences())),
        *table("Case|Buckets|Why|Pairs to write", "llll", placed[:MOST_ROWS], _cells, most=MOST_ROWS),
    ]
    if len(placed) > MOST_ROWS:
        parts.append(Markdown(f"and {numbers.count(len(placed) - MOST_ROWS)} more in backlog.jsonl"))
    parts.append(
        Markdown(
            "How to fill it: write each pair by hand, or take it from reviewed production rows, as a line of the "
            f"next release below {code(f'datasets/{alias}/')}, with its slot as `metadata.id`, its `source`, and "
            f"`reviewed: true` once somebody has read it. {FEWEST_PAIRS} to {MOST_PAIRS} a case, each in words of "
            "its own: a row that repeats a golden prompt is blocked (golden-leak), and so is one with another name "
            "in it (golden-entity-swap)."
        )
    )
    parts.append(Markdown("This change adds no training row. It starts nothing and costs nothing."))
    return "\n\n".join(parts) + "\n"


def _cells(row: Row) -> Sequence[Markdown]:
    kind = "request " if row.suite == "production" else "safety case " if row.suite == "safety" else ""
    buckets = ", ".join(f"{dimension}={name}" for dimension, name in sorted(row.buckets.items()))
    slots = Markdown(f"{code(row.slots[0])} to {code('-' + row.slots[-1].rsplit('-', 1)[1])}")
    why = Markdown("; ".join(_why(source) for source in row.sources))
    return [Markdown(f"{kind}{code(row.case_id, _CELL)}"), escape(buckets, _CELL), why, slots]


def _why(source: Mapping[str, Any]) -> Markdown:
    if source["source"] == "prompts":
        names = ", ".join(code(version["prompt"], _CELL) for version in source["versions"])
        return Markdown(f"wrong under {names}")
    if source["source"] == "review":
        return Markdown(f"{escape(source['owner'], _CELL)} wants it fixed ({escape(source['decided'], 10)})")
    return Markdown(f"worse than the default under {escape(source['variant'], _CELL)} in shadow")


def golden_body(alias: str, wrong: Sequence[ReviewDecision], cases: Mapping[str, Cases]) -> str | None:
    """The pull request for the golden set, for a person to make; None when no label is said to be wrong."""
    if not wrong:
        return None
    lines = []
    for each in sorted(wrong, key=lambda item: (item.suite, item.case_id)):
        known = cases[each.suite].by_id.get(each.case_id) if each.suite in cases else None
        place = (
            "is not in the golden set any more" if known is None else f"{cases[each.suite].path}:{known.line}"
        )
        said = f"{escape(each.owner, _CELL)}, {each.decided}: {escape(each.reason)}"
        lines.append(f"- {code(each.case_id, _CELL)} ({escape(place)}): {said}")
    return (
        f"**{numbers.plural(len(wrong), 'label')} of {escape(alias, _CELL)} may be wrong, say reviewers.**\n\n"
        + "\n".join(lines)
        + "\n\nRead each case, mend `expected` or keep it, and land that alone: the golden set is the ruler. A changed "
        "golden set makes every verdict on it a new one; take the decisions out of waivers.yaml with it.\n"
    )


def judge_note(
    alias: str, wrong: Sequence[ReviewDecision], measured: tuple[str, int, float] | None, policy: Policy
) -> str | None:
    """What wrong grades mean for the judge; `measured` is its metric, human pairs and kappa. None without any."""
    if not wrong:
        return None
    cases = ", ".join(code(each.case_id, _CELL) for each in sorted(wrong, key=lambda item: item.case_id)[:20])
    if measured is None:
        known = "Nobody has measured this judge, so it gates nothing"
    else:
        metric, pairs, kappa = measured
        known = (
            f"Its κ ({escape(metric, _CELL)}) is {kappa:.2f} from {numbers.plural(pairs, 'human pair')} (the policy "
            f"wants {policy.judge.min_kappa:.2f} from {policy.judge.min_human_pairs})"
        )
    return (
        f"**{numbers.plural(len(wrong), 'grade')} of the judge of {escape(alias, _CELL)} may be wrong, say "
        f"reviewers**: {cases}.\n\n{known}. Let a person grade these cases, too, add them to "
        "the human pairs, and run `liftgate calibrate`: below the policy's κ the metric is shown and gates nothing.\n"
    )
