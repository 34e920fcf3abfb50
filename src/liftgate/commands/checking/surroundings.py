"""What stands around a dataset file: the other half of its split, earlier releases, the base branch, the suite."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liftgate.config import load, parse_yaml
from liftgate.data import lfs, release, s3, storage
from liftgate.data.asking import Asking
from liftgate.data.card import Card, ReleasedFile, read_card
from liftgate.data.dataset import Dataset, absent, read_rows
from liftgate.data.golden import Cases, Suite, read_cases
from liftgate.data.release import Before, Releases, Standing
from liftgate.errors import InputError, LiftgateError
from liftgate.files import cache_folder, read_bytes, sha256_bytes, sha256_file
from liftgate.findings import Finding, Severity

if TYPE_CHECKING:
    from liftgate.evaluation.prompts import Prompt

_RELEASED = re.compile(r"v\d+\.\d+\.\d+\.(train|validation)\.jsonl")


def read_dataset(path: Path, card: Card | None = None) -> Dataset:
    """Read a dataset, streaming where the file can be sought.

    A Git LFS pointer is followed and an s3:// address fetched as the card pins it; without data behind them the
    dataset is absent, with a finding. Raises `InputError` when the file cannot be opened.
    """
    name = storage.as_written(path)
    try:
        place = _fetched(name, card) if name.startswith(s3.SCHEME) else storage.data_path(path)
    except storage.PointerOnly as error:
        return absent(name, "lfs-pointer", error.finding)
    except s3.Unpinned:
        # `releases` meets the same refusal, and its finding stands at the card's line.
        return Dataset(name, (), 0, absent=True)
    try:
        with place.open("rb") as stream:
            return read_rows(stream if stream.seekable() else stream.read(), name)
    except (OSError, ValueError):
        # Reading it whole fails the same way, in the words that every file gets.
        return read_rows(read_bytes(place, "dataset"), name)


def read_golden(path: Path) -> Cases:
    """Golden or safety cases, a Git LFS pointer followed. Raises `InputError` for cases that cannot be used."""
    suite: Suite = "safety" if "safety" in path.name else "quality"
    try:
        return read_cases(storage.read_data(path, "golden set"), str(path), suite)
    except storage.PointerOnly as error:
        finding = Finding("lfs-pointer", Severity.ERROR, error.finding, str(path), 1)
        return Cases(str(path), (), suite, findings=(finding,))


def sibling(file: Path, card: Card | None = None) -> Dataset | None:
    """The other half of the split: as the card says, or the file beside it whose name says so."""
    own = release.release_of(card, _name(file)) if card else None
    if card and own:
        others = [part for _, part in own.halves if part.file != _name(file)]
        return next(_read_all(card, others), None)
    for half, other in ((".train.", ".validation."), (".validation.", ".train.")):
        if half in file.name:
            path = file.with_name(file.name.replace(half, other))
            return read_dataset(path) if path.is_file() else None
    return None


def history(card: Card, file: Path) -> tuple[Dataset, ...]:
    """Every file of the card's other releases whose data can be had, each once, in the card's order."""
    own = release.release_of(card, _name(file))
    kept = {_name(file)} | ({part.file for _, part in own.halves} if own else set())
    others = {part.file: part for one in card.releases for _, part in one.halves if part.file not in kept}
    return tuple(_read_all(card, others.values()))


def releases(card: Card, file: Path, base: str | None = None) -> Releases:
    """The card's releases against the files on disk and, with a base commit, against that commit."""
    name = _name(file)
    folder = Path(card.path).parent
    parts = {part.file: part for one in card.releases for _, part in one.halves}
    found = {key: _standing(file if key == name else folder / key, part) for key, part in parts.items()}
    before = None if base is None else _before(base, card, found)
    for key in before.found if before else ():
        # Released in the base and named by no release now: what lies on disk decides what is said of it.
        found.setdefault(key, _standing(folder / key, None))
    return Releases(name, release.release_of(card, name), found, before)


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


def _name(file: Path) -> str:
    """The file as a card names it."""
    written = storage.as_written(file)
    return written if written.startswith(s3.SCHEME) else file.name


def _read_all(card: Card, parts: Iterable[ReleasedFile]) -> Iterator[Dataset]:
    for part in parts:
        if part.file.startswith(s3.SCHEME):
            yield read_dataset(Path(part.file), card)
            continue
        path = Path(card.path).parent / part.file
        if path.is_file() and storage.placing_problem(path) is None:
            yield read_dataset(path)


def _fetched(address: str, card: Card | None) -> Path:
    if problem := s3.address_problem(address):
        raise InputError(problem)
    own = release.release_of(card, address) if card else None
    if card is None or own is None:
        raise InputError(
            f"{address} is pinned by no card",
            hint="name the card that holds its sha256: --card datasets/<alias>/card.yaml",
        )
    part = next(part for _, part in own.halves if part.file == address)
    return storage.released_path(Path(card.path).parent, part)


def _standing(path: Path, part: ReleasedFile | None) -> Standing:
    if part and part.file.startswith(s3.SCHEME):
        try:
            s3.fetch(part.file, part.sha256, part.version_id, cache_folder())
        except s3.Unpinned as error:
            return Standing(problem=error.finding)
        return Standing(part.sha256)
    if problem := storage.placing_problem(path):
        return Standing(problem=problem)
    if not path.is_file():
        return Standing()
    try:
        return Standing(sha256_file(storage.data_path(path)))
    except storage.PointerOnly as error:
        return Standing(error.oid, None if error.oid else error.sentence)
    except OSError as error:
        return Standing(problem=f"cannot be read: {error.strerror}")


def repository_of(card: Card, base: str) -> Path:
    """The top folder of the repository that the card lies in. Raises `InputError` when it lies in none."""
    from liftgate.repository import git

    try:
        top = git(Path(card.path).absolute().parent, "rev-parse", "--show-toplevel")
    except LiftgateError:
        raise InputError(
            f"--base {base}: {card.path} lies in no git repository", hint="leave --base out"
        ) from None
    return Path(top.decode().removesuffix("\n"))


def _before(base: str, card: Card, found: Mapping[str, Standing]) -> Before:
    from liftgate.repository import commit_of, git, listing, merge_base

    folder = Path(card.path).absolute().parent
    root = repository_of(card, base)
    for each in (folder, *folder.parents):
        if each.resolve() == root.resolve() and not each.is_symlink():
            break
        if each.is_symlink():
            raise InputError(
                f"{each} is a symlink, so the history of {card.path} is not known",
                hint="commit the folder itself",
            )
    commit = merge_base(root, commit_of(root, base))
    inside = folder.resolve().relative_to(root.resolve()).as_posix()
    blobs = listing(root, commit, inside)
    name = Path(card.path).name
    if name not in blobs:
        return Before(base)
    try:
        earlier = read_card(git(root, "cat-file", "blob", blobs[name]), f"{card.path} at {base}").releases
    except InputError as error:
        return Before(
            base, found=_hashes(root, blobs, list(filter(_RELEASED.fullmatch, blobs))), unreadable=str(error)
        )
    parts = [part for one in earlier for _, part in one.halves]
    # The bytes in the base are read only where what lies on disk is not what the base's card pinned.
    moved = [part.file for part in parts if found.get(part.file, Standing()).sha256 != part.sha256]
    return Before(base, earlier, _hashes(root, blobs, moved))


def _hashes(root: Path, blobs: Mapping[str, str], names: list[str]) -> dict[str, str]:
    from liftgate.repository import git

    hashes = {}
    for name in dict.fromkeys(names):
        if name in blobs:
            data = git(root, "cat-file", "blob", blobs[name])
            pointer = lfs.read_pointer(data) if lfs.is_pointer(data) else None
            hashes[name] = pointer.oid if pointer else sha256_bytes(data)
    return hashes
