"""Releases: what was released stays as it was, the card says what lies on disk, and the split is a fair one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain

from liftgate.data.card import Card, Release, ReleasedFile
from liftgate.data.checks.context import Context
from liftgate.data.dataset import Dataset, Row
from liftgate.data.golden import Cases
from liftgate.data.release import FIRST_VERSIONS, Before, Releases, Standing, nexts, path_of
from liftgate.data.strata import Stratum, differs, missing, strata, uneven
from liftgate.data.text import shown
from liftgate.findings import Finding, Severity
from liftgate.policy import exact


def lfs_pointer(context: Context) -> Iterator[Finding]:
    """A Git LFS pointer stands where rows or cases should, and the data it names is not here.

    With the object in `.git/lfs/objects` the data is judged as if it stood there.
    Why: a trainer would learn three lines of text, and a leak into a golden set that was not read is not seen.
    Fix: `git lfs pull` (in a workflow: `lfs: true` at actions/checkout), or commit the data itself.
    """
    beside = [context.sibling] if context.sibling else []
    sources: list[Dataset | Cases] = [context.dataset, *beside, *context.history, *context.golden]
    told: set[str] = set()
    for source in sources:
        for finding in source.findings:
            if finding.rule == "lfs-pointer" and source.path not in told:
                told.add(source.path)
                yield finding


def released_file_edited(context: Context) -> Iterator[Finding]:
    """A release of the base branch was altered: its file, or its entry in the card, is another now or gone.

    Why: reports, adapters and approvals point at a release by its version; altered, they prove nothing.
    Fix: put the release back as it was and add a new version with the change.
    """
    releases, card = context.releases, context.card
    if releases is None or card is None or (before := releases.before) is None:
        return
    if before.unreadable is not None:
        message = (
            f"the card in the base ({before.ref}) cannot be read; released files are compared by their names"
        )
        yield Finding("released-file-edited", Severity.WARNING, message, card.path, 1)
    now = {release.version: (index, release) for index, release in enumerate(card.releases)}
    for earlier in before.releases:
        if earlier.version not in now:
            message = f"release {earlier.version} stands in the base and is gone from the card; put it back"
            yield _in_card(card, "released-file-edited", message, ("releases",))
            continue
        index, release = now[earlier.version]
        yield from _altered_entry(card, index, earlier, release)
    for name in _edited(releases, before):
        gone = releases.found.get(name, Standing()).sha256 is None
        what = "was removed" if gone else "is another file now"
        message = f"{name} was released in the base and {what}; put it back and release a new version"
        yield Finding("released-file-edited", Severity.ERROR, message, path_of(card, name))


def version_order(context: Context) -> Iterator[Finding]:
    """A new release does not follow the highest one before it: next patch, next minor or next major.

    A first release is 0.1.0 or 1.0.0. Known with a base commit only.
    Why: with a gap nobody can say whether a release is missing, and below the highest it would be the newest to none.
    Fix: number it as the finding says.
    """
    releases, card = context.releases, context.card
    if releases is None or card is None or releases.before is None or releases.before.unreadable is not None:
        return
    old = {release.version for release in releases.before.releases}
    highest = max((release.order for release in releases.before.releases), default=None)
    new = [
        (release.order, index) for index, release in enumerate(card.releases) if release.version not in old
    ]
    for order, index in sorted(new):
        allowed = FIRST_VERSIONS if highest is None else tuple(map(_dotted, nexts(highest)))
        if _dotted(order) not in allowed:
            after = "the first release is" if highest is None else f"after {_dotted(highest)} comes"
            message = f"{_dotted(order)} is out of order: {after} {_either(allowed)}"
            yield _in_card(card, "version-order", message, ("releases", index, "version"))
        highest = order if highest is None else max(order, highest)


def card_mismatch(context: Context) -> Iterator[Finding]:
    """The card does not fit what lies beside it: another sha256 or number of rows, no file, or no entry.

    Why: the card's hash is what a report and an approval point at, and it must be the hash of what is trained.
    Fix: for a release that was never merged, correct the card; a merged one is put back as it was.
    """
    releases, card = context.releases, context.card
    if releases is None or card is None:
        return
    if releases.current is None:
        message = f"no release in {card.path} names this file; add it to the card before it is trained on"
        yield context.finding("card-mismatch", message, warn=True)
    beside = [context.sibling] if context.sibling else []
    rows = {data.path: data.line_count for data in (*beside, *context.history) if not data.absent}
    if not context.dataset.absent:
        rows[path_of(card, releases.file)] = context.dataset.line_count
    edited = set(_edited(releases, releases.before)) if releases.before else set()
    for index, release in enumerate(card.releases):
        for half, file in release.halves:
            if file.file in edited:
                continue
            for key, message in _mismatches(file, releases.found.get(file.file, Standing())):
                yield _in_card(card, "card-mismatch", message, ("releases", index, half, key))
            count = rows.get(path_of(card, file.file))
            if file.rows is not None and count is not None and count != file.rows:
                message = f"{file.file} has {count} rows, the card says {file.rows}"
                yield _in_card(card, "card-mismatch", message, ("releases", index, half, "rows"))


def validation_share(context: Context) -> Iterator[Finding]:
    """The validation half is smaller or larger than the policy's share of all rows (`data.validation_share`).

    A release without a validation file is a warning. The nearest whole number of rows is always accepted.
    Why: too small a half cannot tell overfitting from noise, too large a one is taken from what is learnt.
    Fix: split again with `liftgate data split --validation-share`.
    """
    card, current = context.card, context.releases.current if context.releases else None
    if card and current and current.validation is None:
        message = f"release {current.version} has no validation file, so overfitting would not be seen"
        yield _of_release(context, "validation-share", message, "train", warn=True)
    halves = _halves(context)
    if halves is None:
        return
    counts = [half.line_count for half in halves]
    total = sum(counts)
    low, high = context.thresholds.validation_share
    least, most = exact(low) * total // 1, -(-exact(high) * total // 1)
    if total and not least <= counts[1] <= most:
        share = Fraction(counts[1], total)
        message = (
            f"{counts[1]} of {total} rows ({float(share):.1%}) are for validation; "
            f"the policy asks for {low * 100:g}% to {high * 100:g}%"
        )
        yield _of_release(context, "validation-share", message, "validation")


def split_not_stratified(context: Context) -> Iterator[Finding]:
    """The halves of the split hold another mix of labels or locales than chance explains.

    A label or locale with eight prompts that stands on one side only is an error. A share that a random split
    would show less than once in a thousand times (exact hypergeometric test of each, chi-square of all) is a warning.
    Why: a class that validation never sees can be unlearnt unseen, and a shifted mix shifts the loss.
    Fix: split again with `liftgate data split`, which gives every label and locale its share.
    """
    halves = _halves(context)
    if halves is None:
        return
    rows = [_asked_once(context, half) for half in halves]
    locales: list[list[str | None]] = [[row.locale for row in half] for half in rows]
    for what, names in (("label", _classes(context, rows)), ("locale", locales)):
        found = strata(*names)
        if all(one.name is None for one in found):
            continue
        lost = missing(found)
        for one in lost:
            there, here = ("training", "validation") if one.train else ("validation", "training")
            message = f"{_called(what, one)} has {one.size} prompts in {there} and none in {here}"
            yield _of_release(context, "split-not-stratified", message, "validation")
        rest = [one for one in found if one not in lost]
        shifted = uneven(rest)
        for one in shifted:
            message = (
                f"{_called(what, one)} has {one.validation} of its {one.size} prompts in validation, "
                f"all together {sum(s.validation for s in rest)} of {sum(s.size for s in rest)}: not by chance"
            )
            yield _of_release(context, "split-not-stratified", message, "validation", warn=True)
        if not shifted and differs(rest):
            message = f"the mix of {what}s differs between the halves by more than chance explains"
            yield _of_release(context, "split-not-stratified", message, "validation", warn=True)


def _altered_entry(card: Card, index: int, earlier: Release, release: Release) -> Iterator[Finding]:
    then, now = dict(earlier.halves), dict(release.halves)
    for half in ("train", "validation"):
        old, new = then.get(half), now.get(half)
        if old is None and new is None:
            continue
        where: tuple[str | int, ...] = ("releases", index, half)
        if old is None or new is None:
            key, what = "", "is gone" if new is None else "was added"
        elif old.file != new.file:
            key, what = "file", "names another file"
        elif old.sha256 != new.sha256:
            key, what = "sha256", "has another sha256"
        elif old.version_id != new.version_id:
            key, what = "version_id", "names another version of the object"
        elif old.rows is not None and old.rows != new.rows:
            key, what = "rows", "has another number of rows"
        else:
            continue
        message = (
            f"release {earlier.version} is in the base and its {half} entry {what}; put it back as it was"
        )
        yield _in_card(card, "released-file-edited", message, (*where, key) if key else where)


def _edited(releases: Releases, before: Before) -> list[str]:
    """Files that the base holds as released and that are not the same now, in the base card's order."""
    now = {name: standing.sha256 for name, standing in releases.found.items()}
    pinned = {file.file: file.sha256 for release in before.releases for _, file in release.halves}
    # A base card that never fitted its file is no edit of this change, so either hash will do.
    names = [name for name in dict.fromkeys([*pinned, *before.found]) if name in before.found]
    return [name for name in names if now.get(name) not in {before.found[name], pinned.get(name, "")}]


def _mismatches(file: ReleasedFile, standing: Standing) -> Iterator[tuple[str, str]]:
    if standing.problem is not None:
        yield "file", f"{file.file}: {standing.problem}"
    elif standing.sha256 is None:
        yield "file", f"{file.file} is not there; commit it or correct its name"
    elif standing.sha256 != file.sha256:
        yield "sha256", f"{file.file} has sha256 {standing.sha256}, the card says another"


def _halves(context: Context) -> tuple[Dataset, Dataset] | None:
    """Training and validation file, when both are read."""
    other = context.sibling
    if other is None or other.absent or context.dataset.absent:
        return None
    return (other, context.dataset) if context.is_validation else (context.dataset, other)


def _asked_once(context: Context, half: Dataset) -> list[Row]:
    """The first row of each prompt: copies must stay on one side, so a class made of copies cannot be split."""
    if half is context.dataset:
        return [context.rows[index] for index in context.first_asked.values()]
    return list(context.sibling_asked.values())


def _classes(context: Context, halves: Sequence[Sequence[Row]]) -> list[list[str | None]]:
    """Labels of both halves; where no row has one, short answers that repeat."""
    labels: list[list[str | None]] = [[row.label for row in half] for half in halves]
    if context.task in {"extraction", "style", "tools"} or any(map(any, labels)):
        return labels
    answers: list[list[str | None]] = [[row.answer for row in half] for half in halves]
    seen = {answer for answer in chain(*answers) if answer is not None}
    few = len(seen) * 5 <= sum(map(len, answers))
    return answers if few and all(len(answer) <= 64 for answer in seen) else labels


def _called(what: str, one: Stratum) -> str:
    return f"no {what}" if one.name is None else f"{what} {shown(one.name, 'with a long name')}"


def _of_release(context: Context, rule: str, message: str, half: str, *, warn: bool = False) -> Finding:
    """About the split: in the card where there is one, else at the validation file; the same from both halves."""
    severity = Severity.WARNING if warn else Severity.ERROR
    if context.card and context.releases and context.releases.current:
        index = context.card.releases.index(context.releases.current)
        return Finding(
            rule, severity, message, context.card.path, context.card.document.line(("releases", index, half))
        )
    halves = _halves(context)
    return Finding(rule, severity, message, halves[1].path if halves else context.path)


def _in_card(card: Card, rule: str, message: str, key: tuple[str | int, ...]) -> Finding:
    return Finding(rule, Severity.ERROR, message, card.path, card.document.line(key))


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _either(versions: Sequence[str]) -> str:
    return " or ".join([", ".join(versions[:-1]), versions[-1]]) if len(versions) > 1 else versions[0]
