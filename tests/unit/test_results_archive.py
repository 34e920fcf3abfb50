"""Archives of finished runs: the same files give the same bytes, and nothing else is unpacked."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from liftgate.commands.judging import results_branch
from liftgate.commands.judging.results_branch import pack, unpack
from liftgate.errors import InputError


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    (folder / "runs" / "base").mkdir(parents=True)
    (folder / "report.json").write_text("{}\n")
    (folder / "runs" / "base" / "results.jsonl").write_bytes(b"x" * 1500)
    (folder / "ruler" / "evals").mkdir(parents=True)
    (folder / "ruler" / "evals" / "policy.yaml").write_text("version: 1\n")
    (folder / "comment.md").write_text("rendered")
    return folder


def archive(*members: tarfile.TarInfo, data: bytes = b"", form: int = tarfile.USTAR_FORMAT) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=form) as tar:
        for member in members:
            if member.type == tarfile.REGTYPE:
                member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return gzip.compress(made.getvalue(), mtime=0)


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    about = tarfile.TarInfo(name)
    about.type, about.linkname, about.mode = kind, link, 0o644
    return about


def test_a_run_folder_comes_back_as_it_was_without_what_is_rendered(run: Path, tmp_path: Path) -> None:
    unpack(pack(run), tmp_path / "again")
    found = {
        p.relative_to(tmp_path / "again").as_posix(): p.read_bytes()
        for p in (tmp_path / "again").rglob("*.*")
    }
    assert found == {"report.json": b"{}\n", "runs/base/results.jsonl": b"x" * 1500}


def test_neither_times_nor_modes_nor_owners_are_in_the_bytes(run: Path) -> None:
    before = pack(run)
    os.utime(run / "report.json", (1, 1))
    (run / "report.json").chmod(0o600)
    assert pack(run) == before


def test_packing_what_was_unpacked_gives_the_same_bytes(run: Path, tmp_path: Path) -> None:
    unpack(pack(run), tmp_path / "again")
    assert pack(tmp_path / "again") == pack(run)


def test_a_link_in_a_run_folder_is_not_packed(run: Path) -> None:
    (run / "runs" / "x").symlink_to("/etc/passwd")
    with pytest.raises(InputError, match="no plain file"):
        pack(run)


def dev(name: str) -> tarfile.TarInfo:
    return member(name, tarfile.CHRTYPE)


FOREIGN: dict[str, tuple[Callable[[], bytes], str]] = {
    "absolute": (lambda: archive(member("/etc/x")), "leads elsewhere"),
    "parent": (lambda: archive(member("../x")), "leads elsewhere"),
    "parent inside": (lambda: archive(member("a/../../x")), "leads elsewhere"),
    "symlink": (lambda: archive(member("a", tarfile.SYMTYPE, "/etc")), "no plain file"),
    "hard link": (lambda: archive(member("a"), member("b", tarfile.LNKTYPE, "a")), "no plain file"),
    "device": (lambda: archive(dev("a")), "no plain file"),
    "pipe": (lambda: archive(member("a", tarfile.FIFOTYPE)), "no plain file"),
    "folder": (lambda: archive(member("a", tarfile.DIRTYPE)), "no plain file"),
    "line break": (lambda: archive(member("a\nb"), form=tarfile.GNU_FORMAT), "leads elsewhere"),
    "extended header": (lambda: archive(member("é" * 60), form=tarfile.PAX_FORMAT), "no plain file"),
    "twice": (lambda: archive(member("a"), member("a")), "more than its files"),
    "case": (lambda: archive(member("a"), member("A")), "names is one|names are one"),
    "file as folder": (lambda: archive(member("a"), member("a/b")), "has a folder"),
    "no gzip": (lambda: b"PK\x03\x04", "not compressed"),
    "empty": (lambda: b"", "cut off"),
    "no tar": (lambda: gzip.compress(b"x" * 2000, mtime=0), "no tar archive"),
    "something after": (lambda: archive(member("a")) + b"more", "follows it"),
    "two streams": (lambda: archive(member("a")) * 2, "follows it"),
    "cut": (lambda: archive(member("a"), data=os.urandom(3000))[:-700], "cut off"),
    "hidden bytes": (
        lambda: gzip.compress(gzip.decompress(archive(member("a"))) + b"secret".ljust(512, b"\0"), mtime=0),
        "more than its files",
    ),
    "owner": (lambda: archive(owned()), "more than its files"),
}


def owned() -> tarfile.TarInfo:
    about = member("a")
    about.uid, about.mtime = 1000, 1
    return about


@pytest.mark.parametrize("name", FOREIGN)
def test_an_archive_that_was_not_packed_here_is_refused(name: str, tmp_path: Path) -> None:
    made, why = FOREIGN[name]
    with pytest.raises(InputError, match=why):
        unpack(made(), tmp_path / "out")
    assert not (tmp_path / "x").exists()


def test_a_bomb_is_refused_without_being_blown_up(tmp_path: Path) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join([*(packer.compress(bytes(15_000_000)) for _ in range(10)), packer.flush()])
    assert len(bomb) < 600_000
    with pytest.raises(InputError, match="too large"):
        unpack(bomb, tmp_path / "out")


def test_more_files_than_a_run_has_are_neither_packed_nor_unpacked(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = pack(run)
    monkeypatch.setattr(results_branch, "MOST_FILES", 1)
    with pytest.raises(InputError, match="more than a run"):
        unpack(packed, tmp_path / "out")
    with pytest.raises(InputError, match="up to 1 files"):
        pack(run)


@pytest.mark.parametrize("at", range(0, 200, 7))
def test_one_flipped_byte_never_unpacks_to_something_else(run: Path, tmp_path: Path, at: int) -> None:
    packed = bytearray(pack(run))
    packed[at % len(packed)] ^= 0x10
    try:
        unpack(bytes(packed), tmp_path / "out")
    except InputError:
        return
    assert pack(tmp_path / "out") == pack(run)
