"""The ledger: each name once, nothing edited, in a folder and on a branch of a git remote."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from liftgate.errors import InputError
from liftgate.training.ledger import (
    Ledger,
    LedgerRefused,
    find_verdict,
    job_name,
    lock_name,
    plan_name,
    sealed,
    verdict_name,
)
from liftgate.training.ledger_folder import Folder
from liftgate.training.ledger_git import GitBranch
from toy_project import git

DIGEST, OTHER = "a" * 64, "b" * 64
AT = "2026-11-25T09:00:00Z"


def lock(holder: str, attempt: int = 1, digest: str = DIGEST) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "entry": "lock",
        "digest": digest,
        "attempt": attempt,
        "holder": holder,
        "at": AT,
        "approval": None,
        "usd": "1.00",
        "price_sha256": OTHER,
    }


def event(number: int, holder: str = "run-1", **more: Any) -> dict[str, Any]:
    about = {
        "digest": DIGEST,
        "number": number,
        "event": "released",
        "attempt": 1,
        "holder": holder,
        "at": AT,
    }
    return {"schema_version": 1, "entry": "job", **about, **more}


def verdict(key: str = DIGEST) -> dict[str, Any]:
    about = {"key": key, "verdict": "pass", "alias": "toy", "results": "runs/toy", "report_sha256": OTHER}
    return {"schema_version": 1, "entry": "verdict", "at": AT, **about}


class Place:
    """A backend, and another handle of the same place as another machine has it."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, self.folder = kind, folder
        self.clones = 0
        if kind == "git":
            subprocess.run(["git", "init", "-q", "--bare", str(folder / "remote.git")], check=True)

    def open(self) -> Ledger:
        if self.kind == "folder":
            return Ledger(Folder(self.folder / "ledger"))
        self.clones += 1
        clone = self.folder / f"clone-{self.clones}"
        git(self.folder, "init", "-q", "-b", "main", str(clone))
        git(clone, "remote", "add", "origin", str(self.folder / "remote.git"))
        return Ledger(GitBranch(clone, sleep=lambda seconds: None))


@pytest.fixture(params=["folder", "git"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(request.param, tmp_path)


def test_what_is_written_is_read_elsewhere_and_nothing_is_there_before(place: Place) -> None:
    here, there = place.open(), place.open()
    name = job_name(DIGEST, 1)
    assert there.read(name) is None
    assert list(there.entries("jobs")) == []
    here.keep(name, event(1))
    here.keep(job_name(DIGEST, 2), event(2))
    here.keep(verdict_name(OTHER), verdict(OTHER))
    assert there.read(name) == sealed(event(1))
    assert [found for found, _ in there.entries("jobs")] == [name, job_name(DIGEST, 2)]
    assert [found for found, _ in there.entries(f"jobs/{OTHER}")] == []


def test_a_second_different_write_under_one_name_is_refused_and_the_same_again_is_not(place: Place) -> None:
    here, there = place.open(), place.open()
    for name, mine, theirs in (
        (job_name(DIGEST, 1), event(1, "run-1"), event(1, "run-2")),
        (lock_name(DIGEST, 1), lock("run-1"), lock("run-2")),
    ):
        assert here.create(name, mine)
        assert not there.create(name, theirs)
        assert here.create(name, mine)
        with pytest.raises(InputError, match="already holds another"):
            there.keep(name, theirs)
        assert there.read(name) == sealed(mine)


def test_locks_are_listed_with_their_attempts(place: Place) -> None:
    ledger = place.open()
    ledger.keep(lock_name(DIGEST, 2), lock("x", 2))
    ledger.keep(lock_name(DIGEST, 1), lock("x"))
    ledger.keep(lock_name(OTHER, 1), lock("x", 1, OTHER))
    assert [name for name, _ in ledger.entries(f"locks/{DIGEST}")] == [lock_name(DIGEST, n) for n in (1, 2)]


@pytest.mark.parametrize("folder", ["jobs", "locks"])
def test_all_entries_cost_the_remote_one_question_and_one_fetch(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place("git", tmp_path)
    here, there = place.open(), place.open()
    for number in range(1, 9):
        here.keep(job_name(DIGEST, number), event(number))
        here.keep(lock_name(DIGEST, number), lock("x", number))
    asked: list[str] = []
    run = GitBranch._run

    def counted(self: GitBranch, *arguments: str, given: bytes | None = None) -> Any:
        asked.append(arguments[0])
        return run(self, *arguments, given=given)

    monkeypatch.setattr(GitBranch, "_run", counted)
    for fetches in (1, 0):
        asked.clear()
        assert len(list(there.entries(folder))) == 8
        assert (asked.count("ls-remote"), asked.count("fetch")) == (1, fetches)
        assert len(asked) <= 5


def test_a_lock_that_holds_nothing_is_not_taken_for_no_lock(tmp_path: Path) -> None:
    place = Place("git", tmp_path)
    ledger = place.open()
    ledger.keep(job_name(DIGEST, 1), event(1))
    clone = tmp_path / f"clone-{place.clones}"
    tip = git(clone, "ls-remote", "origin", "refs/heads/liftgate-ledger").split()[0]
    git(clone, "push", "-q", "origin", f"{tip}:refs/liftgate/locks/{DIGEST}/001")
    with pytest.raises(LedgerRefused, match="cannot be read"):
        list(ledger.entries("locks"))


def test_of_many_writers_at_once_one_gets_each_name_and_none_loses_another_entry(place: Place) -> None:
    ledgers = [place.open() for _ in range(4)]
    won: list[str] = []

    def write(number: int, ledger: Ledger) -> None:
        if ledger.create(lock_name(DIGEST, 1), lock(f"run-{number}")):
            won.append(f"run-{number}")
        ledger.keep(job_name(DIGEST, number + 1), event(number + 1))

    threads = [threading.Thread(target=write, args=each) for each in enumerate(ledgers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entry = ledgers[0].read(lock_name(DIGEST, 1))
    assert entry is not None
    assert won == [entry["holder"]]
    assert len(list(ledgers[0].entries("jobs"))) == 4


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (event(2), "stands under the name of another entry"),
        (event(1, error_code="please send the money back"), "does not have the form of its kind"),
        (event(1, job_id="https://bucket/x?X-Amz-Signature=1"), "does not have the form of its kind"),
        (event(1, note="a key nobody knows"), "does not have the form of its kind"),
        (event(1, schema_version=2), "does not have the form of its kind"),
    ],
)
def test_an_entry_of_another_form_is_refused_without_repeating_it(
    place: Place, body: dict[str, Any], why: str
) -> None:
    with pytest.raises(InputError, match=why) as refused:
        place.open().create(job_name(DIGEST, 1), body)
    assert "money" not in str(refused.value)
    assert "Signature" not in str(refused.value)
    assert list(place.open().entries("jobs")) == []


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (lambda entry: {**entry, "holder": "mallory"}, "was edited after it was written"),
        (lambda entry: sealed({**entry, "note": "x"}), "does not have the form of its kind"),
        (lambda entry: sealed({**entry, "number": 7}), "stands under the name of another entry"),
        (lambda entry: [], "was edited after it was written"),
    ],
)
def test_an_edited_entry_is_refused_when_read(tmp_path: Path, edit: Callable[[Any], Any], why: str) -> None:
    ledger = Ledger(Folder(tmp_path))
    ledger.keep(job_name(DIGEST, 1), event(1))
    file = tmp_path / job_name(DIGEST, 1)
    file.write_text(json.dumps(edit(json.loads(file.read_text()))))
    with pytest.raises(InputError, match=why):
        ledger.read(job_name(DIGEST, 1))


def test_a_file_of_another_form_in_the_ledger_is_told(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "notes.txt").write_text("x")
    with pytest.raises(InputError, match="a file of another form under jobs/"):
        list(Ledger(Folder(tmp_path)).entries("jobs"))


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text("a file where the folder should be")
    with pytest.raises(LedgerRefused, match="cannot be used"):
        Ledger(Folder(tmp_path / "ledger")).create(job_name(DIGEST, 1), event(1))


def test_a_folder_that_cannot_be_listed_is_not_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text("a file where the folder should be")
    with pytest.raises(LedgerRefused, match="cannot be used"):
        list(Ledger(Folder(tmp_path / "ledger")).entries("jobs"))
    assert list(Ledger(Folder(tmp_path / "none yet")).entries("jobs")) == []


def test_the_branch_is_an_orphan_and_work_tree_index_and_hooks_stay_as_they_are(tmp_path: Path) -> None:
    place = Place("git", tmp_path)
    ledger = place.open()
    clone = tmp_path / "clone-1"
    (clone / "staged.txt").write_text("staged\n")
    git(clone, "add", "staged.txt")
    (clone / "loose.txt").write_text("loose\n")
    hook = clone / ".git" / "hooks" / "pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntouch ../ran\nexit 1\n")
    hook.chmod(0o755)
    before = git(clone, "status", "--porcelain"), (clone / ".git" / "index").read_bytes()
    ledger.keep(job_name(DIGEST, 1), event(1))
    ledger.keep(job_name(DIGEST, 2), event(2))
    ledger.keep(lock_name(DIGEST, 1), lock("x"))
    assert (git(clone, "status", "--porcelain"), (clone / ".git" / "index").read_bytes()) == before
    assert not (tmp_path / "ran").exists()
    assert not git(clone, "branch").strip()
    remote = tmp_path / "remote.git"
    assert git(remote, "rev-list", "--count", "liftgate-ledger").strip() == "2"
    assert git(remote, "ls-tree", "-r", "--name-only", "liftgate-ledger").split() == [
        job_name(DIGEST, 1),
        job_name(DIGEST, 2),
    ]


def hook(remote: Path, name: str, script: str) -> None:
    file = remote / "hooks" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


@pytest.mark.parametrize("name", [job_name(DIGEST, 1), lock_name(DIGEST, 1)])
def test_a_refused_push_says_why_and_repeats_nothing_of_the_address(tmp_path: Path, name: str) -> None:
    place = Place("git", tmp_path)
    ledger = place.open()
    hook(tmp_path / "remote.git", "pre-receive", "echo kestrel-token >&2; exit 1")
    body = event(1) if name.startswith("jobs") else lock("x")
    with pytest.raises(LedgerRefused) as refused:
        ledger.create(name, body)
    assert str(refused.value) == (
        "the ledger on liftgate-ledger takes no entry: the remote's own rules declined the push\n"
        "  hint: only jobs of the default branch write it, with contents: write; then run the same command again"
    )


@pytest.mark.parametrize("name", [job_name(DIGEST, 1), lock_name(DIGEST, 1)])
def test_a_push_whose_answer_is_lost_counts_as_written(tmp_path: Path, name: str) -> None:
    place = Place("git", tmp_path)
    ledger = place.open()
    killed = '[ "$1" = committed ] && kill -9 "$PPID"; exit 0'
    hook(tmp_path / "remote.git", "reference-transaction", killed)
    body = event(1) if name.startswith("jobs") else lock("x")
    assert ledger.create(name, body)
    (tmp_path / "remote.git" / "hooks" / "reference-transaction").unlink()
    assert place.open().read(name) == sealed(body)


def test_a_remote_that_is_not_there_is_refused_not_taken_for_empty(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "clone")
    ledger = Ledger(GitBranch(tmp_path / "clone", str(tmp_path / "nowhere.git")))
    with pytest.raises(LedgerRefused, match="cannot be read: the remote is not a git repository"):
        ledger.read(job_name(DIGEST, 1))


def test_a_busy_branch_is_tried_a_bounded_number_of_times(tmp_path: Path) -> None:
    place = Place("git", tmp_path)
    slept: list[float] = []
    place.open()
    ledger = Ledger(GitBranch(tmp_path / "clone-1", sleep=slept.append))
    ledger.keep(job_name(DIGEST, 1), event(1))
    # A ref that is being written by another push can be read, and takes nothing.
    (tmp_path / "remote.git" / "refs" / "heads" / "liftgate-ledger.lock").touch()
    git(tmp_path / "remote.git", "config", "core.filesRefLockTimeout", "0")
    with pytest.raises(LedgerRefused, match="changed 12 times while one entry was written"):
        ledger.keep(job_name(DIGEST, 2), event(2))
    assert len(slept) == 12


def test_a_verdict_counts_only_while_its_results_still_say_so(tmp_path: Path) -> None:
    ledger = Ledger(Folder(tmp_path))
    ledger.keep(verdict_name(DIGEST), verdict())
    asked: list[str] = []

    def recompute(answer: tuple[str, str] | None) -> Callable[[str], tuple[str, str] | None]:
        def look(location: str) -> tuple[str, str] | None:
            asked.append(location)
            return answer

        return look

    assert find_verdict(ledger, DIGEST, recompute((DIGEST, "pass"))) == sealed(verdict())
    for differs in (None, (DIGEST, "block"), (OTHER, "pass")):
        assert find_verdict(ledger, DIGEST, recompute(differs)) is None
    assert find_verdict(ledger, OTHER, recompute((OTHER, "pass"))) is None
    assert asked == ["runs/toy"] * 4


def test_names_outside_the_ledger_are_a_bug_not_a_file(tmp_path: Path) -> None:
    for name in ("plans/../../x.json", "plans/x.json", f"other/{DIGEST}.json", plan_name(DIGEST) + "\n"):
        with pytest.raises(ValueError, match="no name of a ledger entry"):
            Ledger(Folder(tmp_path)).read(name)
