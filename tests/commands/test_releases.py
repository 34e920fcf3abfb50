"""Releases in a real repository: what was released stays, what stands for data is followed or refused."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from liftgate.commands.checking.change_check import check_change
from liftgate.commands.data.reading import read_dataset
from liftgate.commands.validate import validate_files
from liftgate.errors import InputError
from liftgate.evaluation.suite_folder import read_suite
from liftgate.plan import Plan
from liftgate.project import read_subject, ruler_of
from toy_project import git, make_project

PUT_BACK = "put it back and release a new version"
RULES = {"lfs-pointer", "released-file-edited", "version-order", "card-mismatch"}
ASKS = ["where is my {} parcel", "the {} invoice names a wrong amount", "the money for the {} please"]
THINGS = ["amber", "basil", "cedar", "delta", "ember", "fjord", "garnet", "hazel", "indigo", "jasper"]


def rows(count: int, *, start: int = 0) -> bytes:
    made = []
    for n in range(start, start + count):
        ask = f"{ASKS[n % 3].format(THINGS[n // 3 % 10])} {THINGS[n // 30 % 10]}"
        said = [{"role": "user", "content": ask}, {"role": "assistant", "content": f"c{n % 3}"}]
        metadata = {"id": f"r{n}", "source": "human", "reviewed": True, "label": f"c{n % 3}"}
        made.append(json.dumps({"messages": said, "metadata": metadata}) + "\n")
    return "".join(made).encode()


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def pointer(data: bytes, *, size: int | None = None) -> bytes:
    stated = len(data) if size is None else size
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha(data)}\nsize {stated}\n".encode()


def keep_object(root: Path, data: bytes, *, instead: bytes | None = None) -> None:
    oid = sha(data)
    path = root / ".git" / "lfs" / "objects" / oid[:2] / oid[2:4] / oid
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if instead is None else instead)


class Shop:
    """A repository with one dataset, `datasets/shop`, whose card is written from the releases that are added."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "datasets" / "shop"
        self.folder.mkdir(parents=True)
        self.card = self.folder / "card.yaml"
        self.entries: dict[str, dict[str, tuple[str, str]]] = {}
        git(root, "init", "-q", "-b", "main")

    def release(self, version: str, train: bytes, validation: bytes | None = None) -> Path:
        halves = {"train": train, **({} if validation is None else {"validation": validation})}
        self.entries[version] = {}
        for half, data in halves.items():
            name = f"v{version}.{half}.jsonl"
            (self.folder / name).write_bytes(data)
            self.entries[version][half] = (name, sha(data))
        self.write_card()
        return self.folder / f"v{version}.train.jsonl"

    def write_card(self) -> None:
        text = "version: 1\nalias: shop\ntask: classification\ndescription: tickets\nowner: us\nlicence: CC0-1.0\n"
        text += "releases:\n"
        for version, halves in self.entries.items():
            text += f"  - version: {version}\n"
            for half, (name, sha256) in halves.items():
                text += f"    {half}:\n      file: {name}\n      sha256: {sha256}\n"
        self.card.write_text(text)

    def commit(self) -> None:
        git(self.root, "add", "-A")
        git(self.root, "commit", "-q", "-m", "change")

    def found(self, file: Path | None = None, base: str | None = "HEAD") -> list[tuple[str, str, str]]:
        """Rule, place and message of what this family finds in the newest training file."""
        newest = list(self.entries)[-1]
        report = validate_files(file or self.folder / f"v{newest}.train.jsonl", card=self.card, base=base)
        return [(f["rule"], self.place(f), f["message"]) for f in report["findings"] if f["rule"] in RULES]

    def place(self, finding: dict[str, Any]) -> str:
        name = finding["path"].removeprefix(f"{self.folder}/")
        return f"{name}:{finding['line']}" if finding["line"] else name


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path / "shop")
    made.release("1.0.0", rows(20))
    made.commit()
    return made


def test_what_was_released_and_a_new_release_beside_it_are_fine(shop: Shop) -> None:
    assert shop.found() == []
    shop.release("1.0.1", rows(21))
    assert shop.found() == []
    assert shop.found(shop.folder / "v1.0.0.train.jsonl") == []


def test_an_edited_file_is_named_whether_the_card_was_corrected_or_not(shop: Shop) -> None:
    file = shop.folder / "v1.0.0.train.jsonl"
    edited = f"v1.0.0.train.jsonl was released in the base and is another file now; {PUT_BACK}"
    file.write_bytes(rows(19))
    assert shop.found() == [("released-file-edited", "v1.0.0.train.jsonl", edited)]
    shop.release("1.0.0", rows(19))
    entry = "release 1.0.0 is in the base and its train entry has another sha256; put it back as it was"
    assert shop.found() == [
        ("released-file-edited", "card.yaml:11", entry),
        ("released-file-edited", "v1.0.0.train.jsonl", edited),
    ]


def test_both_halves_tell_the_same_finding_so_that_it_counts_once(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    shop.release("1.0.0", rows(20), rows(4, start=20))
    shop.commit()
    (shop.folder / "v1.0.0.train.jsonl").write_bytes(rows(19))
    of_train = shop.found(shop.folder / "v1.0.0.train.jsonl")
    assert len(of_train) == 1
    assert shop.found(shop.folder / "v1.0.0.validation.jsonl") == of_train


def test_a_removed_file_a_dropped_entry_and_an_added_half_are_edits(shop: Shop) -> None:
    shop.release("1.1.0", rows(25))
    shop.commit()
    (shop.folder / "v1.0.0.train.jsonl").unlink()
    removed = (
        "v1.0.0.train.jsonl was released in the base and was removed; put it back and release a new version"
    )
    assert shop.found() == [("released-file-edited", "v1.0.0.train.jsonl", removed)]
    del shop.entries["1.0.0"]
    shop.release("1.1.0", rows(25), rows(5, start=25))
    assert shop.found() == [
        (
            "released-file-edited",
            "card.yaml:7",
            "release 1.0.0 stands in the base and is gone from the card; put it back",
        ),
        (
            "released-file-edited",
            "card.yaml:12",
            "release 1.1.0 is in the base and its validation entry was added; put it back as it was",
        ),
        ("released-file-edited", "v1.0.0.train.jsonl", removed),
    ]


def test_a_release_that_landed_in_the_base_after_the_branch_left_it_is_not_missed(shop: Shop) -> None:
    git(shop.root, "checkout", "-q", "-b", "work")
    git(shop.root, "checkout", "-q", "main")
    shop.release("1.0.1", rows(21))
    shop.commit()
    git(shop.root, "checkout", "-q", "work")
    del shop.entries["1.0.1"]
    assert shop.found(base="main") == []


def test_a_base_whose_card_never_fitted_its_file_blames_the_card_not_the_change(shop: Shop) -> None:
    (shop.folder / "v1.0.0.train.jsonl").write_bytes(rows(22))
    shop.commit()
    message = f"v1.0.0.train.jsonl has sha256 {sha(rows(22))}, the card says another"
    assert shop.found() == [("card-mismatch", "card.yaml:11", message)]


@pytest.mark.parametrize("broken", ["releases: [", "version: 2\n", "\0", ""])
def test_with_a_broken_card_in_the_base_files_are_compared_by_name(shop: Shop, broken: str) -> None:
    kept = shop.card.read_text()
    shop.card.write_text(broken)
    shop.commit()
    shop.card.write_text(kept)
    unread = (
        "released-file-edited",
        "card.yaml:1",
        "the card in the base (HEAD) cannot be read; released files are compared by their names",
    )
    assert shop.found() == [unread]
    (shop.folder / "v1.0.0.train.jsonl").write_bytes(rows(19))
    assert [place for _, place, _ in shop.found()] == ["v1.0.0.train.jsonl", "card.yaml:1"]


@pytest.mark.parametrize("base", ["absent", "-absent", "", "HEAD:datasets", "HEAD~7"])
def test_a_base_that_does_not_exist_is_bad_input(shop: Shop, base: str) -> None:
    with pytest.raises(InputError, match=r"not a (commit of this repository|git revision)"):
        shop.found(base=base)


def test_without_a_repository_a_base_cannot_be_held_against(tmp_path: Path) -> None:
    (tmp_path / "card.yaml").write_text("")
    shop = Shop(tmp_path / "shop")
    shop.release("1.0.0", rows(20))
    (shop.root / ".git").rename(shop.root / "git")
    with pytest.raises(InputError, match="lies in no git repository"):
        shop.found(base="HEAD")


@pytest.mark.parametrize(
    ("new", "told"),
    [
        (["1.0.1"], []),
        (["1.1.0"], []),
        (["2.0.0"], []),
        (["1.0.1", "1.0.2", "1.1.0"], []),
        (["2.0.0", "1.1.0"], []),
        (["1.0.2"], ["1.0.2 is out of order: after 1.0.0 comes 1.0.1, 1.1.0 or 2.0.0"]),
        (["1.1.1"], ["1.1.1 is out of order: after 1.0.0 comes 1.0.1, 1.1.0 or 2.0.0"]),
        (["0.9.0"], ["0.9.0 is out of order: after 1.0.0 comes 1.0.1, 1.1.0 or 2.0.0"]),
        (["1.1.0", "3.0.0"], ["3.0.0 is out of order: after 1.1.0 comes 1.1.1, 1.2.0 or 2.0.0"]),
    ],
)
def test_versions_follow_one_another(shop: Shop, new: list[str], told: list[str]) -> None:
    for number, version in enumerate(new):
        shop.release(version, rows(21 + number))
    assert [message for rule, _, message in shop.found() if rule == "version-order"] == told
    assert shop.found(base=None) == []


@pytest.mark.parametrize(
    ("first", "accepted"), [("0.1.0", True), ("1.0.0", True), ("0.0.1", False), ("2.0.0", False)]
)
def test_the_first_release_is_a_minor_or_a_major_one(tmp_path: Path, first: str, accepted: bool) -> None:
    shop = Shop(tmp_path / "shop")
    (shop.root / "README.md").write_text("shop\n")
    shop.commit()
    shop.release(first, rows(20))
    told = [message for rule, _, message in shop.found() if rule == "version-order"]
    assert told == ([] if accepted else [f"{first} is out of order: the first release is 0.1.0 or 1.0.0"])


def test_a_file_that_no_release_names_is_a_warning(shop: Shop) -> None:
    file = shop.folder / "draft.jsonl"
    file.write_bytes(rows(20))
    report = validate_files(file, card=shop.card)
    assert [(f["severity"], f["message"]) for f in report["findings"] if f["rule"] == "card-mismatch"] == [
        ("warning", f"no release in {shop.card} names this file; add it to the card before it is trained on")
    ]


@pytest.mark.parametrize("kind", ["folder", "pipe", "symlink", "dangling"])
def test_what_is_no_plain_file_is_refused_and_never_waited_for(shop: Shop, tmp_path: Path, kind: str) -> None:
    shop.release("1.0.1", rows(21))
    old = shop.folder / "v1.0.0.train.jsonl"
    old.unlink()
    (tmp_path / "elsewhere.jsonl").write_bytes(rows(20))
    match kind:
        case "folder":
            old.mkdir()
        case "pipe":
            os.mkfifo(old)
        case "symlink":
            old.symlink_to(tmp_path / "elsewhere.jsonl")
        case _:
            old.symlink_to(tmp_path / "nowhere")
    linked = kind in {"symlink", "dangling"}
    why = (
        "a symlink out of the card's folder; put the file itself there"
        if linked
        else "no plain file stands here"
    )
    assert shop.found(base=None) == [("card-mismatch", "card.yaml:10", f"v1.0.0.train.jsonl: {why}")]
    assert [place for _, place, _ in shop.found()] == ["v1.0.0.train.jsonl"]
    shop.entries = {"1.0.0": shop.entries["1.0.0"]}
    shop.write_card()
    if kind in {"folder", "pipe"}:
        with pytest.raises(InputError, match=r"is a (folder|pipe), expected a"):
            shop.found()
    with pytest.raises(InputError, match=r"v1\.0\.0\.train\.jsonl: " + why.partition(";")[0]):
        read_subject(shop.root, "shop").data(old)


def test_a_pointer_is_judged_as_the_data_it_names_and_that_is_what_would_be_trained(shop: Shop) -> None:
    data, file = rows(20), shop.folder / "v1.0.0.train.jsonl"
    plain = validate_files(file, card=shop.card, base="HEAD")
    file.write_bytes(pointer(data))
    keep_object(shop.root, data)
    assert validate_files(file, card=shop.card, base="HEAD") == plain
    assert plain["rows"] == 20
    assert read_subject(shop.root, "shop").data(file).read_bytes() == data
    assert len(read_dataset(file).rows) == 20
    shop.commit()
    file.write_bytes(data)
    assert shop.found() == []
    file.write_bytes(rows(19))
    assert [rule for rule, _, _ in shop.found()] == ["released-file-edited"]


@pytest.mark.parametrize(
    ("stands", "kept", "message"),
    [
        (pointer(rows(20)), None, "a Git LFS pointer stands here instead of the data"),
        (
            pointer(rows(20), size=7),
            rows(20),
            "a Git LFS pointer stands here instead of the data, and the object it names has another size",
        ),
        (
            pointer(rows(20)),
            rows(20)[:-2] + b" \n",
            "a Git LFS pointer stands here instead of the data, and the object it names is damaged",
        ),
        (
            pointer(rows(20)).replace(b"sha256:", b"sha256:../../../"),
            None,
            "a broken Git LFS pointer stands here instead of the data",
        ),
    ],
)
def test_a_pointer_without_its_data_is_refused_by_its_own_rule(
    shop: Shop, stands: bytes, kept: bytes | None, message: str
) -> None:
    file = shop.folder / "v1.0.0.train.jsonl"
    file.write_bytes(stands)
    if kept is not None:
        keep_object(shop.root, rows(20), instead=kept)
    report = validate_files(file, card=shop.card)
    way_out = "run `git lfs pull`, or commit the data itself"
    pointers = [
        (f["path"], f["line"], f["message"]) for f in report["findings"] if f["rule"] == "lfs-pointer"
    ]
    assert pointers == [(str(file), 1, f"{message}; {way_out}")]
    assert report["outcome"] == "block"
    assert not {f["rule"] for f in report["findings"]} & {"invalid-json", "empty-dataset", "schema"}
    with pytest.raises(InputError, match="Git LFS pointer stands here"):
        read_subject(shop.root, "shop").data(file)
    with pytest.raises(InputError, match="Git LFS pointer stands here"):
        read_dataset(file)


def test_a_pointer_of_another_release_or_half_is_refused_too(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    shop.release("1.0.0", rows(20))
    shop.release("1.1.0", rows(20, start=30), rows(4, start=60))
    (shop.folder / "v1.0.0.train.jsonl").write_bytes(pointer(rows(20)))
    (shop.folder / "v1.1.0.validation.jsonl").write_bytes(pointer(rows(4, start=60)))
    assert [place for rule, place, _ in shop.found(base=None)] == [
        "v1.0.0.train.jsonl:1",
        "v1.1.0.validation.jsonl:1",
    ]


def test_a_golden_set_behind_a_pointer_is_followed_or_blocks(shop: Shop) -> None:
    golden = shop.root / "golden.jsonl"
    asked = json.loads(rows(1))["messages"][0]["content"]
    cases = (json.dumps({"id": "g", "input": asked, "expected": "x"}) + "\n").encode()
    golden.write_bytes(pointer(cases))
    file = shop.folder / "v1.0.0.train.jsonl"
    report = validate_files(file, golden=[golden])
    assert [(f["rule"], f["path"]) for f in report["findings"] if f["severity"] == "error"] == [
        ("lfs-pointer", str(golden))
    ]
    keep_object(shop.root, cases)
    report = validate_files(file, golden=[golden])
    assert [(f["rule"], f["line"]) for f in report["findings"] if f["severity"] == "error"] == [
        ("golden-leak", 1)
    ]


def test_the_ruler_of_the_base_follows_pointers_wherever_it_is_unpacked(tmp_path: Path) -> None:
    root = make_project(tmp_path / "project", tmp_path / "model")
    golden = root / "evals" / "toy" / "golden.jsonl"
    cases = golden.read_bytes()
    git(root, "init", "-q")
    golden.write_bytes(pointer(cases))
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "pointer")
    plan = Plan((), {}, ())
    unread = ruler_of(root, tmp_path / "run", "HEAD", plan, "toy")
    with pytest.raises(InputError, match=r"golden\.jsonl: a Git LFS pointer stands here"):
        unread.suite("toy")
    keep_object(root, cases)
    suite = ruler_of(root, tmp_path / "run", "HEAD", plan, "toy").suite("toy")
    assert suite.golden_sha256 == sha(cases)
    assert read_suite(root / "evals" / "toy" / "suite.yaml").golden_sha256 == sha(cases)


def test_a_ruler_is_taken_away_only_where_the_base_holds_another(tmp_path: Path) -> None:
    root = make_project(tmp_path / "project", tmp_path / "model")
    git(root, "init", "-q")
    for message in ("one", "two"):
        (root / "evals" / "note.txt").write_text(message)
        git(root, "add", "-A")
        git(root, "commit", "-q", "-m", message)
    run, plan = tmp_path / "run", Plan((), {}, ())
    first = ruler_of(root, run, "HEAD", plan, "toy").folder
    of_first = first.stat().st_ino
    assert ruler_of(root, run, "HEAD", plan, "toy").folder.stat().st_ino == of_first
    (first / "evals" / "left.txt").write_text("of nobody")
    (first / "evals" / "policy.yaml").write_text("edited: true")
    again = ruler_of(root, run, "HEAD", plan, "toy").folder
    assert not (again / "evals" / "left.txt").exists()
    assert (again / "evals" / "policy.yaml").read_bytes() == (root / "evals" / "policy.yaml").read_bytes()
    assert (ruler_of(root, run, "HEAD~1", plan, "toy").folder / "evals" / "note.txt").read_text() == "one"
    assert sorted(each.name for each in run.iterdir()) == [".ruler.lock", "ruler"]


@pytest.mark.parametrize(
    ("validation", "told"),
    [
        (20, None),
        (24, None),
        (10, "10 of 110 rows (9.1%) are for validation; the policy asks for 15% to 20%"),
        (60, "60 of 160 rows (37.5%) are for validation; the policy asks for 15% to 20%"),
    ],
)
def test_the_validation_half_has_the_policys_share(tmp_path: Path, validation: int, told: str | None) -> None:
    shop = Shop(tmp_path / "shop")
    file = shop.release("1.0.0", rows(100), rows(validation, start=100))
    for half in (file, file.with_name("v1.0.0.validation.jsonl")):
        report = validate_files(half, card=shop.card)
        shares = [(f["message"], f["line"]) for f in report["findings"] if f["rule"] == "validation-share"]
        assert shares == ([(told, 12)] if told else [])


def test_a_release_without_validation_rows_is_a_warning(shop: Shop) -> None:
    report = validate_files(shop.folder / "v1.0.0.train.jsonl", card=shop.card)
    assert [(f["severity"], f["line"]) for f in report["findings"] if f["rule"] == "validation-share"] == [
        ("warning", 9)
    ]


def test_halves_without_a_card_are_judged_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "a.train.jsonl").write_bytes(rows(90))
    (tmp_path / "a.validation.jsonl").write_bytes(b"".join(rows(1, start=n) for n in range(90, 150, 3)))
    report = validate_files(tmp_path / "a.train.jsonl")
    found = [(f["severity"], f["message"]) for f in report["findings"] if f["rule"] == "split-not-stratified"]
    assert found == [
        ("error", "label 'c1' has 30 prompts in training and none in validation"),
        ("error", "label 'c2' has 30 prompts in training and none in validation"),
    ]


def test_copies_of_a_prompt_count_once_since_they_cannot_be_parted(tmp_path: Path) -> None:
    (tmp_path / "a.train.jsonl").write_bytes(rows(90) + rows(1, start=91).replace(b'"c1"', b'"rare"') * 20)
    (tmp_path / "a.validation.jsonl").write_bytes(rows(18, start=120))
    report = validate_files(tmp_path / "a.train.jsonl")
    assert [f for f in report["findings"] if f["rule"] == "split-not-stratified"] == []


def test_a_change_that_edits_a_release_is_told_once_for_both_of_its_halves(tmp_path: Path) -> None:
    root = make_project(tmp_path / "project", tmp_path / "model")
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "release")
    file = root / "datasets" / "toy" / "v1.0.0.train.jsonl"
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[1:]))
    git(root, "commit", "-q", "-a", "-m", "edit")
    checked = check_change(root, base="HEAD~1", today=datetime.date(2026, 11, 25))
    told = [f for f in checked.aliases[0].everything if f.rule in RULES]
    assert [(f.rule, f.path) for f in told] == [("released-file-edited", "datasets/toy/v1.0.0.train.jsonl")]
