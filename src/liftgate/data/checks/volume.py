"""Volume: too few rows, classes too small to be learnt, classes that drown the others."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from liftgate.data.checks.context import Context
from liftgate.data.text import shown
from liftgate.data.volume import LEAST, VOLUMES
from liftgate.findings import Finding

_NAMED = 5


def too_few_rows(context: Context) -> Iterator[Finding]:
    """The dataset has fewer rows than the policy (`data.min_rows`), the target or the task asks for.

    A policy that says nothing leaves it to the task that the suite or the card names: 500 training rows for
    `binary`, `classification` and `tools`, 800 for `extraction`, 200 for `style`. Fewer than that is a warning;
    fewer than ten rows, than the target takes, or than a number written in the policy is an error once a card
    or a target says that the file is meant for training.
    Why: providers refuse tiny files, and a lift from a handful of rows is noise.
    Fix: add rows.
    """
    count, written = len(context.rows), context.thresholds.min_rows
    least, whose = (LEAST, "training needs") if written is None else (written, "the policy asks for")
    if context.target and context.target.least_rows > least:
        least, whose = context.target.least_rows, f"{context.target.name} asks for"
    wanted = VOLUMES.get(context.task or "")
    if 0 < count < least:
        message = f"{count} usable rows; {whose} at least {least}"
        yield context.finding("too-few-rows", message, warn=not context.is_meant_for_training)
    elif wanted and written is None and not context.is_validation and 0 < count < wanted.rows:
        message = f"{count} usable rows; {_task(context)} usually takes {wanted.rows} or more"
        yield context.finding("too-few-rows", message, warn=True)


def small_class(context: Context) -> Iterator[Finding]:
    """A class has fewer rows than the policy (`data.min_rows_per_class`) or the task asks for.

    A policy that says nothing leaves it to the task that the suite or the card names: 50 rows a class for
    `binary`, `classification` and `style`, 80 for `tools`, 100 for `extraction`. Fewer than that is a warning;
    fewer than ten, or than a number written in the policy, is an error once there is a card. A class is
    `metadata.label`; without labels a short answer that many rows share, or the tool that is called.
    Why: a class hardly seen is hardly learnt, and the golden set says so only after the money is spent.
    Fix: add rows of that class, or merge it with another.
    """
    if context.is_validation or len(context.rows) < LEAST:
        return
    written = context.thresholds.min_rows_per_class
    counts = Counter(context.classes)
    hard = LEAST if written is None else written
    whose = "training needs" if written is None else "the policy asks for"
    if tiny := _below(counts, 0, hard):
        message = f"{_listed(tiny, len(counts))}; {whose} at least {hard} each"
        yield context.finding("small-class", message, warn=context.card is None)
    wanted = VOLUMES.get(context.task or "")
    if wanted and written is None and (small := _below(counts, hard, wanted.per_class)):
        message = (
            f"{_listed(small, len(counts))}; {_task(context)} usually takes {wanted.per_class} or more each"
        )
        yield context.finding("small-class", message, warn=True)


def class_imbalance(context: Context) -> Iterator[Finding]:
    """A few classes hold most of the rows: the mix teaches less than the policy's share of its classes.

    Measured by entropy: the number of equally large classes that would be as varied, over the number of
    classes there are. 0.7 (`data.min_class_evenness`) is reached by two classes at 90 to 10.
    Why: the model learns to say the frequent class, and accuracy hides it.
    Fix: add rows of the rare classes, or leave out rows of the frequent ones.
    """
    counts = Counter(context.classes)
    if context.is_validation or len(counts) < 2 or len(context.rows) < LEAST:
        return
    total = sum(counts.values())
    entropy = -sum(count / total * math.log(count / total) for count in counts.values())
    worth, least = math.exp(entropy), context.thresholds.min_class_evenness
    if worth < least * len(counts):
        (large, most), (small, fewest) = counts.most_common()[0], counts.most_common()[-1]
        message = (
            f"{_name(large)} has {most:,} rows, {_name(small)} {fewest:,} ({most / fewest:.0f} to 1): "
            f"{len(counts)} classes as uneven as this teach as much as {worth:.1f} even ones"
        )
        yield context.finding("class-imbalance", message, warn=True)


def _task(context: Context) -> str:
    return f"the task {context.task!r}"


def _below(counts: Counter[str], floor: int, least: int) -> list[tuple[str, int]]:
    found = [(name, count) for name, count in counts.items() if floor <= count < least]
    return sorted(found, key=lambda item: (item[1], item[0]))


def _listed(few: Sequence[tuple[str, int]], classes: int) -> str:
    if len(few) == 1:
        name, count = few[0]
        return f"{_name(name)} has {count} row{'' if count == 1 else 's'}"
    named = ", ".join(f"{shown(name, 'one with a long name')} {count}" for name, count in few[:_NAMED])
    more = f" and {len(few) - _NAMED} more" if len(few) > _NAMED else ""
    return f"{len(few)} of {classes} classes have few rows ({named}{more})"


def _name(name: str) -> str:
    return f"class {shown(name, 'with a long name')}"
