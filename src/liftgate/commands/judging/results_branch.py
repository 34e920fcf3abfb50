"""Finished run folders on a branch of their own, one archive a content key, written once by default-branch jobs.

An archive is trusted for nothing: it is unpacked within bounds, its report is made again from its answers, and the
ledger must say the same of it.
"""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from liftgate.commands.judging.content import Hashes
from liftgate.errors import InputError, LiftgateError
from liftgate.findings import Finding, Severity
from liftgate.path_names import colliding, odd_name
from liftgate.training.ledger import Ledger, verdict_name
from liftgate.training.ledger_git import GitBranch

if TYPE_CHECKING:
    from liftgate.commands.judging.evidence import Judged

BRANCH: Final = "liftgate-results"
MOST_FILES: Final = 2_000
MOST_BYTES: Final = 100_000_000
MOST_PACKED: Final = 50_000_000
_BLOCK: Final = 512
# The ruler lies in git, and what is rendered is rendered anew.
_LEFT_OUT: Final = frozenset({"ruler", "comment.md", "report.html"})


@dataclass(frozen=True)
class ResultsBranch:
    """The branch `liftgate-results` of a remote; `root` is any clone of it."""

    root: Path
    remote: str = "origin"

    @property
    def branch(self) -> GitBranch:
        """Where archives are read and written."""
        return GitBranch(self.root, self.remote, BRANCH)


def results_place(key: str) -> str:
    """What a ledger entry says of where an archive lies."""
    return f"{BRANCH}/{key}.tar.gz"


def pack(folder: Path) -> bytes:
    """A run folder as one archive; the same files give the same bytes. Raises `InputError` for one too large."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    packed = packer.compress(_tar(folder)) + packer.flush()
    if len(packed) > MOST_PACKED:
        raise InputError(
            f"{folder}: packed it has {len(packed):,} bytes, and {MOST_PACKED:,} are kept at most"
        )
    return packed


def unpack(packed: bytes, folder: Path) -> None:
    """Write the files of an archive that `pack` wrote into a folder that is new.

    Raises `InputError` for any other archive, before a file of it is written: links, devices, names that lead
    elsewhere, more files or bytes than a run has, anything beside them.
    """
    tar = _inflated(packed)
    try:
        files = dict(_members(tar))
    except (tarfile.TarError, ValueError, OverflowError, EOFError, OSError):
        raise _foreign("it is no tar archive") from None
    if next(colliding(files), None):
        raise _foreign("two of its names are one")
    folder.mkdir(parents=True)
    for name, data in files.items():
        target = folder / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                file.write(data)
        except OSError:
            raise _foreign("a file stands where it has a folder") from None
    if _tar(folder) != tar:
        # Whatever an archive can hide between its files is not what was written here.
        raise _foreign("it holds more than its files")


def keep_results(root: Path, remote: str, key: str, folder: Path) -> str:
    """Put a run folder on the branch under its key; returns its place. A place that is taken keeps what it has.

    Raises `InputError` when it is taken by something else, `LedgerRefused` when the branch takes nothing.
    """
    packed = pack(folder)
    branch = ResultsBranch(root, remote).branch
    name = f"{key}.tar.gz"
    if not branch.put_new(name, packed):
        kept = branch.get(name)
        if kept is None or _inflated(kept) != _inflated(packed):
            raise InputError(
                f"the results branch holds other results under {key[:12]}…",
                hint=f"the first ones stand; if nobody recorded them in the ledger, take {name} off the branch",
            )
    return results_place(key)


def find_results(
    results: ResultsBranch, ledger: Ledger, key: str, hashes: Hashes, folder: Path
) -> tuple[Judged | None, list[Finding]]:
    """The verdict under a content key, made again from its stored answers in `folder`, which is new.

    None without a finding where nothing is stored. Whatever is stored and does not hold counts for nothing, and a
    finding says why: it is never judged anew in silence.
    """
    from liftgate.commands.judging.evidence import rebuild
    from liftgate.files import read_json

    entry = ledger.read(verdict_name(key))
    packed = results.branch.get(f"{key}.tar.gz")
    if entry is None and packed is None:
        return None, []
    if entry is None or packed is None:
        return None, [_one_sided(missing="results" if packed is None else "ledger")]
    if entry["results"] != results_place(key) or entry["alias"] != hashes.alias:
        return None, [_altered("the ledger's entry is of other results")]
    try:
        unpack(packed, folder)
        judged = rebuild(folder)
        written = read_json(folder / "report.json")
    except LiftgateError as error:
        return None, [_altered(error.sentence.replace(f"{folder}/", ""))]
    report = judged.report
    if written != report or report["report_sha256"] != entry["report_sha256"]:
        return None, [_altered("their answers give another report than the ledger has")]
    if report["verdict"] != entry["verdict"]:
        return None, [_altered("their answers give another verdict than the ledger has")]
    if different := list(hashes.differences(report)):
        return None, different
    return judged, []


def _one_sided(missing: str) -> Finding:
    if missing == "ledger":
        message = (
            "results lie on the results branch that the ledger does not know; only the two together count, so "
            "they are left out"
        )
        return Finding("results-not-recorded", Severity.WARNING, message)
    return Finding(
        "results-missing",
        Severity.ERROR,
        "the ledger has a verdict for this content whose results are gone; restore the results branch",
    )


def _altered(why: str) -> Finding:
    return Finding(
        "results-altered",
        Severity.ERROR,
        f"the stored results of this content do not hold: {why}; find out who wrote to the results branch",
    )


def _foreign(why: str) -> InputError:
    return InputError(f"the archive was not written by Liftgate: {why}")


def _tar(folder: Path) -> bytes:
    """The files of a folder as a tar archive without anything that a clock, an account or a disk adds."""
    made = io.BytesIO()
    total = 0
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for count, path in enumerate(_files(folder), start=1):
            name = path.relative_to(folder).as_posix()
            total += path.stat().st_size
            if why := odd_name(name):
                raise InputError(f"{folder}: a path in it {why}")
            if count > MOST_FILES or total > MOST_BYTES:
                raise InputError(
                    f"{folder}: a run folder is kept with up to {MOST_FILES:,} files and {MOST_BYTES:,} bytes"
                )
            about = tarfile.TarInfo(name)
            about.size, about.mode = path.stat().st_size, 0o644
            try:
                with path.open("rb") as file:
                    archive.addfile(about, file)
            except ValueError:
                raise InputError(f"{folder}: the name of a file in it is too long to be kept") from None
    return made.getvalue()


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*"), key=lambda each: each.relative_to(folder).as_posix()):
        if path.relative_to(folder).parts[0] in _LEFT_OUT:
            continue
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise InputError(f"{path}: no plain file; a run folder holds nothing else")
        if path.is_file():
            yield path


def _inflated(packed: bytes) -> bytes:
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        tar = unpacker.decompress(packed, MOST_BYTES + _BLOCK * (MOST_FILES * 2 + 40))
    except zlib.error:
        raise _foreign("it is not compressed as one") from None
    if not unpacker.eof or unpacker.unused_data or unpacker.unconsumed_tail:
        raise _foreign("it is cut off, too large, or something follows it")
    return tar


def _members(tar: bytes) -> Iterator[tuple[str, bytes]]:
    total = 0
    with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as archive:
        for count, member in enumerate(archive, start=1):
            total += member.size
            if member.type != tarfile.REGTYPE or member.issparse() or member.pax_headers:
                raise _foreign("it holds something that is no plain file")
            if odd_name(member.name):
                raise _foreign("a name in it leads elsewhere")
            if count > MOST_FILES or total > MOST_BYTES:
                raise _foreign("it holds more than a run")
            held = archive.extractfile(member)
            data = held.read() if held else b""
            if len(data) != member.size:
                raise _foreign("it is cut off")
            yield member.name, data
