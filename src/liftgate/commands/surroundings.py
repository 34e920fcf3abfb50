"""What stands around a dataset file: the other half of its split, earlier releases, the base branch, the suite."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftgate.config import load, parse_yaml
from liftgate.data.asking import Asking
from liftgate.data.card import Card, Release, read_card
from liftgate.data.dataset import Dataset, read_rows
from liftgate.data.release import Releases
from liftgate.errors import InputError, LiftgateError
from liftgate.files import read_bytes, sha256_bytes, sha256_file

if TYPE_CHECKING:
    from liftgate.evaluation.prompts import Prompt


def read_dataset(path: Path) -> Dataset:
    """Read a dataset, streaming where the file can be sought. Raises `InputError` when it cannot be opened."""
    try:
        with path.open("rb") as stream:
            return read_rows(stream if stream.seekable() else stream.read(), str(path))
    except OSError:
        # Reading it whole fails the same way, in the words that every file gets.
        return read_rows(read_bytes(path, "dataset"), str(path))


def sibling(file: Path) -> Dataset | None:
    """The other half of the split, when the file is named like a release and that half lies beside it."""
    for half, other in ((".train.", ".validation."), (".validation.", ".train.")):
        if half in file.name:
            path = file.with_name(file.name.replace(half, other))
            return read_dataset(path) if path.exists() else None
    return None


def current_release(card: Card, file: Path) -> Release | None:
    """The release of the card that the file belongs to."""
    for release in card.releases:
        if file.name in _files(release):
            return release
    return None


def history(card: Card, file: Path) -> tuple[Dataset, ...]:
    """Every file of the card's other releases that lies beside the card, in the card's order."""
    own = current_release(card, file)
    folder = Path(card.path).parent
    names = [name for release in card.releases if release is not own for name in _files(release)]
    return tuple(read_dataset(folder / name) for name in names if (folder / name).is_file())


def releases(card: Card, file: Path, base: str | None = None) -> Releases | None:
    """The card's releases against the files on disk and, with a base commit, against that commit."""
    current = current_release(card, file)
    if current is None:
        return None
    folder = Path(card.path).parent
    names = [name for release in card.releases for name in _files(release)]
    found = {name: sha256_file(folder / name) if (folder / name).is_file() else None for name in names}
    before, found_before = (None, {}) if base is None else _at(base, card)
    return Releases(current, found, before, found_before)


def asking(suite: Path) -> tuple[Asking, ...]:
    """How each arm of a suite asks."""
    from liftgate.evaluation.suite_folder import read_suite

    folder = read_suite(suite)
    return tuple(
        Asking(
            arm.name,
            str(suite.parent / arm.prompt) if arm.prompt else str(suite),
            prompt.system,
            tuple(prompt.examples),
            _example_lines(prompt),
            trained=arm.model == "candidate",
        )
        for arm in folder.suite.arms.values()
        for prompt in [folder.prompt(arm)]
    )


def answer_schema(suite: Path | None) -> Mapping[str, Any] | None:
    """The JSON Schema that the suite's scorers hold answers against, when one of them names one."""
    document = None if suite is None else load(read_bytes(suite, "suite"), str(suite), "suite")
    for spec in document.data["scorers"] if suite and document else ():
        written = spec.get("schema") if isinstance(spec, dict) and spec["scorer"] == "json_schema" else None
        if suite and isinstance(written, str):
            written = parse_yaml(read_bytes(suite.parent / written, "schema"), written).data
        if isinstance(written, dict):
            return written
    return None


def _example_lines(prompt: Prompt) -> tuple[int, ...]:
    if prompt.path is None or not prompt.examples:
        return ()
    document = load(read_bytes(Path(prompt.path), "prompt"), prompt.path, "prompt")
    return tuple(document.line(("examples", number)) for number in range(len(prompt.examples)))


def task(suite: Path | None, card: Card | None) -> str | None:
    """The kind of task: as the suite writes it, else the card's, else a suite's default; None without both."""
    if suite is None:
        return card.task if card else None
    written = load(read_bytes(suite, "suite"), str(suite), "suite").data.get("task")
    return str(written or (card.task if card else "classification"))


def _at(base: str, card: Card) -> tuple[tuple[Release, ...] | None, Mapping[str, str]]:
    from liftgate.repository import git, show

    folder = Path(card.path).resolve().parent
    try:
        root = Path(git(folder, "rev-parse", "--show-toplevel").decode().rstrip("\n"))
    except LiftgateError as error:
        raise InputError(
            f"--base {base}: {card.path} lies in no git repository", hint="leave --base out"
        ) from error
    inside = folder.relative_to(root.resolve()).as_posix()
    raw = show(root, base, f"{inside}/{Path(card.path).name}")
    if raw is None:
        return (), {}
    earlier = read_card(raw, f"{card.path} at {base}").releases
    contents = {name: show(root, base, f"{inside}/{name}") for release in earlier for name in _files(release)}
    return earlier, {name: sha256_bytes(data) for name, data in contents.items() if data is not None}


def _files(release: Release) -> list[str]:
    return [part.file for part in (release.train, release.validation) if part is not None]
