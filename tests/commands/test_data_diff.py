"""`liftgate data diff` and the data diff of `liftgate run`: sides, output, refusals."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from liftgate.cli import main
from liftgate.config import schema
from toy_project import git, make_project, row, write_jsonl

Data = dict[str, Any]


def diff(*words: str | Path) -> int:
    return main(["data", "diff", *map(str, words)])


def valid(document: Any) -> Data:
    assert list(Draft202012Validator(schema("data-diff")).iter_errors(document)) == []
    assert isinstance(document, dict)
    return document


def rows(*intents: str, start: int = 0) -> list[Data]:
    return [
        row(n, intent, f"question number {n} about {n * 7919}") for n, intent in enumerate(intents, start)
    ]


def write_card(folder: Path, *versions: str) -> Path:
    """A card with these releases; each file must lie there already."""

    def entry(version: str) -> str:
        halves = [
            f"    {half}: {{file: v{version}.{half}.jsonl, sha256: {sha256(path)}}}\n"
            for half in ("train", "validation")
            if (path := folder / f"v{version}.{half}.jsonl").exists()
        ]
        return f"  - version: {version}\n{''.join(halves)}"

    card = folder / "card.yaml"
    card.write_text(
        "version: 1\nalias: toy\ntask: classification\ndescription: toy\nowner: us\nlicence: CC0-1.0\n"
        f"releases:\n{''.join(map(entry, versions))}"
    )
    return card


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def release(folder: Path, version: str, train: list[Data], validation: list[Data] | None = None) -> None:
    write_jsonl(folder / f"v{version}.train.jsonl", train)
    if validation is not None:
        write_jsonl(folder / f"v{version}.validation.jsonl", validation)


BEFORE = rows("refund", "refund", "order", "order")


def after() -> list[Data]:
    relabelled = row(1, "billing", "question number 1 about 7919")
    return [*BEFORE[2:], relabelled, *rows("billing", "billing", start=10)]


def test_two_files_as_a_person_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_jsonl(Path("a.jsonl"), BEFORE)
    write_jsonl(Path("b.jsonl"), after())
    assert diff("a.jsonl", "b.jsonl") == 0
    assert capsys.readouterr().err == TEXT


TEXT = """\
a.jsonl → b.jsonl: 4 → 5 rows.

rows        count  where
----------  -----  ------------
added           2  b.jsonl:4, 5
removed         1  a.jsonl:1
relabelled      1  b.jsonl:3
unchanged       2

relabelled from  to       rows
---------------  -------  ----
refund           billing     1

class       before      after         share
-------  ---------  ---------  ------------
billing   0 (0.0%)  3 (60.0%)  +60.0 points
refund   2 (50.0%)   0 (0.0%)  −50.0 points
order    2 (50.0%)  2 (40.0%)  −10.0 points

source               before       after       share
---------------  ----------  ----------  ----------
human, reviewed  4 (100.0%)  5 (100.0%)  0.0 points

tokens    before  after
--------  ------  -----
all rows     147    185
shortest      36     37
median        37     37
P95           37     37
longest       37     37

also            before  after
--------------  ------  -----
system prompts       1      1
"""


def test_the_object_fits_its_schema_on_stdout_and_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_jsonl(tmp_path / "a.jsonl", BEFORE)
    write_jsonl(tmp_path / "b.jsonl", after())
    out = tmp_path / "out" / "data-diff.json"
    assert diff(tmp_path / "a.jsonl", tmp_path / "b.jsonl", "--json", "--out", out) == 0
    said = valid(json.loads(capsys.readouterr().out))
    assert valid(json.loads(out.read_bytes())) == said
    assert said["changes"]["moves"] == [{"from_class": "refund", "to_class": "billing", "rows": 1}]
    assert (said["before"]["rows"], said["after"]["rows"]) == (4, 5)


def test_a_folder_stands_for_its_newest_release_both_halves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, versions in (("a", ["1.9.0", "1.10.0"]), ("b", ["1.0.0"])):
        for number, version in enumerate(versions):
            start = 10 * number
            release(
                tmp_path / name,
                version,
                rows("refund", "order", start=start),
                rows("order", start=90 + start),
            )
        if name == "a":
            write_card(tmp_path / name, *versions)
    assert diff(tmp_path / "a", tmp_path / "b", "--json") == 0
    said = valid(json.loads(capsys.readouterr().out))
    assert said["before"]["name"] == f"1.10.0 of {tmp_path}/a/card.yaml"
    assert said["after"]["name"] == f"1.0.0 of {tmp_path}/b"
    assert [Path(file["path"]).name for file in said["before"]["files"]] == [
        "v1.10.0.train.jsonl",
        "v1.10.0.validation.jsonl",
    ]


def test_one_card_is_held_against_the_release_before_its_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "datasets" / "toy"
    release(folder, "1.0.0", BEFORE, rows("order", start=50))
    release(folder, "1.1.0", after(), rows("order", start=50))
    write_card(folder, "1.1.0", "1.0.0")
    monkeypatch.chdir(tmp_path)
    assert diff("toy", "--json") == 0
    said = valid(json.loads(capsys.readouterr().out))
    assert (said["before"]["name"], said["after"]["name"]) == ("1.0.0", "1.1.0")
    assert said["changes"]["added"] == {
        "rows": 2,
        "places": ["datasets/toy/v1.1.0.train.jsonl:4", "datasets/toy/v1.1.0.train.jsonl:5"],
    }
    write_card(folder, "1.0.0")
    assert diff("toy") == 0
    assert capsys.readouterr().err.startswith("First release: 1.0.0 with 5 rows, nothing to compare with.\n")


def repository(root: Path) -> Path:
    """A base commit with release 1.0.0 of toy; returns the dataset folder."""
    folder = root / "datasets" / "toy"
    release(folder, "1.0.0", BEFORE)
    write_card(folder, "1.0.0")
    git(root, "init", "-q", "-b", "main")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "base")
    return folder


@pytest.mark.parametrize("kept", [True, False])
def test_the_newest_release_of_a_commit_is_read_from_disk_or_from_the_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kept: bool
) -> None:
    folder = repository(tmp_path)
    release(folder, "1.1.0", after())
    write_card(folder, "1.0.0", "1.1.0") if kept else write_card(folder, "1.1.0")
    if not kept:
        (folder / "v1.0.0.train.jsonl").unlink()
    monkeypatch.chdir(tmp_path)
    assert diff("toy", "--base", "main", "--json") == 0
    said = valid(json.loads(capsys.readouterr().out))
    assert (said["before"]["name"], said["before"]["rows"], said["after"]["rows"]) == ("1.0.0", 4, 5)
    assert said["changes"]["removed"]["places"] == ["datasets/toy/v1.0.0.train.jsonl:1"]


def test_a_release_that_the_base_holds_already_is_no_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    repository(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert diff("datasets/toy", "--base", "HEAD") == 0
    assert capsys.readouterr().err == "No row changed: 1.0.0 holds the same 4 rows as 1.0.0 in the base.\n"


def test_an_empty_file_is_a_side_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"")
    write_jsonl(tmp_path / "b.jsonl", after())
    assert diff(tmp_path / "a.jsonl", tmp_path / "b.jsonl", "--json") == 0
    said = valid(json.loads(capsys.readouterr().out))
    assert (said["before"]["rows"], said["tokens_before"]) == (0, None)


POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a.jsonl"], "a.jsonl stands alone"),
        (["a.jsonl", "b.jsonl", "a.jsonl"], "a diff has two sides"),
        (["a.jsonl", "a.jsonl", "--base", "HEAD"], "a diff has two sides"),
        (["a.jsonl", "nothing.jsonl"], "nothing.jsonl: no such dataset"),
        (["a.jsonl", "empty"], "empty holds neither card.yaml nor vX.Y.Z.train.jsonl"),
        (["toi"], "did you mean 'toy'"),
        (["toy", "--base", "no-such-ref"], "no-such-ref"),
        (["a.jsonl", "a.jsonl", "--encoding", "klingon"], "'klingon' is not an encoding here"),
        (["a.jsonl", "pointer.jsonl"], "a Git LFS pointer"),
        (["a.jsonl", "broken.jsonl"], "broken.jsonl:1"),
        (["a.jsonl", "lost"], "v1.0.0.train.jsonl: no such dataset file"),
    ],
)
def test_what_cannot_be_compared_is_one_clear_error(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    said: str,
) -> None:
    repository(tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in ("a.jsonl", "b.jsonl"):
        write_jsonl(Path(name), BEFORE)
    Path("empty").mkdir()
    Path("pointer.jsonl").write_text(POINTER)
    Path("broken.jsonl").write_text('{"messages": [{"content": "my secret sentence"\n')
    release(Path("lost"), "1.0.0", BEFORE)
    write_card(Path("lost"), "1.0.0")
    Path("lost/v1.0.0.train.jsonl").unlink()
    assert diff(*words) == 2
    err = capsys.readouterr().err
    assert said in err
    assert "my secret sentence" not in err
    assert "Traceback" not in err


def pointer_to(data: bytes) -> str:
    return (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{hashlib.sha256(data).hexdigest()}\n"
        f"size {len(data)}\n"
    )


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("in_tree", ["data", "pointer", "nothing"])
def test_a_base_in_git_lfs_is_read_where_its_data_lies(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    stored: bool,
    in_tree: str,
) -> None:
    folder = repository(tmp_path)
    file = folder / "v1.0.0.train.jsonl"
    data = file.read_bytes()
    file.write_text(pointer_to(data))
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "lfs")
    oid = hashlib.sha256(data).hexdigest()
    if stored:
        kept = tmp_path / ".git" / "lfs" / "objects" / oid[:2] / oid[2:4] / oid
        kept.parent.mkdir(parents=True)
        kept.write_bytes(data)
    if in_tree == "data":
        file.write_bytes(data)
    elif in_tree == "nothing":
        file.unlink()
    release(folder, "1.1.0", after())
    write_card(folder, "1.1.0")
    monkeypatch.chdir(tmp_path)
    code = diff("toy", "--base", "HEAD", "--json")
    said = capsys.readouterr()
    if stored or in_tree == "data":
        assert code == 0
        assert valid(json.loads(said.out))["before"]["rows"] == 4
    else:
        assert code == 2
        assert "v1.0.0.train.jsonl: a Git LFS pointer stands here instead of the data" in said.err


def test_a_base_whose_file_was_edited_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = repository(tmp_path)
    release(folder, "1.0.0", BEFORE[:2])
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "edited")
    monkeypatch.chdir(tmp_path)
    assert diff("toy", "--base", "HEAD~1", "--json") == 0
    assert valid(json.loads(capsys.readouterr().out))["changes"]["removed"]["rows"] == 2
    assert diff("toy", "--base", "HEAD") == 2
    assert "v1.0.0.train.jsonl at HEAD is not what its card pins" in capsys.readouterr().err


def test_a_run_puts_the_diff_into_folder_comment_and_page(tmp_path: Path, tiny_model: Path) -> None:
    root = make_project(tmp_path, tiny_model)
    git(root, "init", "-q", "-b", "main")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "base")
    git(root, "switch", "-q", "-c", "change")
    folder = root / "datasets" / "toy"
    train = [json.loads(line) for line in (folder / "v1.0.0.train.jsonl").read_text().splitlines()]
    validation = [json.loads(line) for line in (folder / "v1.0.0.validation.jsonl").read_text().splitlines()]
    # An e-mail address blocks the run before anything is trained; the reviewer still sees what changed.
    train.append(row(500, "order", "write to jane.doe@corp-mail.com about the parcel from spring"))
    hashes = [write_jsonl(folder / f"v1.1.0.{half}.jsonl", found) for half, found in
              (("train", train), ("validation", validation))]  # fmt: skip
    with (folder / "card.yaml").open("a") as card:
        card.write(
            f"  - version: 1.1.0\n    train: {{file: v1.1.0.train.jsonl, sha256: {hashes[0]}}}\n"
            f"    validation: {{file: v1.1.0.validation.jsonl, sha256: {hashes[1]}}}\n"
        )
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "release")
    assert main(["run", "--root", str(root), "--out", str(root / "out"), "--base", "main"]) == 10
    out = root / "out" / "toy"
    made = valid(json.loads((out / "data-diff.json").read_bytes()))
    assert made["changes"]["added"] == {"rows": 1, "places": ["datasets/toy/v1.1.0.train.jsonl:25"]}
    assert json.loads((out / "report.json").read_bytes())["data_diff"] == made
    comment, page = (out / "comment.md").read_text(), (out / "report.html").read_text()
    assert "<details><summary>Data diff</summary>\n\n1.0.0 → 1.1.0: 30 → 31 rows.\n" in comment
    assert '<h2 id="data-diff">Data diff</h2>' in page
    assert "jane.doe" not in comment + page + json.dumps(made)


def test_a_run_without_a_diff_says_why_and_never_shows_an_old_one(tmp_path: Path, tiny_model: Path) -> None:
    root = make_project(tmp_path, tiny_model)
    folder, out = root / "datasets" / "toy", root / "out" / "toy"
    train = (folder / "v1.0.0.train.jsonl").read_text()
    (folder / "v1.0.1.train.jsonl").write_text(train + train)
    with (folder / "card.yaml").open("a") as card:
        pinned = sha256(folder / "v1.0.1.train.jsonl")
        card.write(f"  - version: 1.0.1\n    train: {{file: v1.0.1.train.jsonl, sha256: {pinned}}}\n")
    run = ["run", "--root", str(root), "--out", str(root / "out"), "--alias", "toy"]
    assert main(run) == 10
    assert valid(json.loads((out / "data-diff.json").read_bytes()))["changes"]["added"]["rows"] == 24
    (folder / "v1.0.0.train.jsonl").unlink()
    assert main(run) == 10
    report = json.loads((out / "report.json").read_bytes())
    assert report["data_diff"] is None
    assert not (out / "data-diff.json").exists()
    (found,) = [each for each in report["findings"] if each["rule"] == "no-data-diff"]
    assert (found["severity"], found["path"]) == ("warning", "datasets/toy/card.yaml")
    assert found["message"] == (
        "no data diff can be made: datasets/toy/v1.0.0.train.jsonl: no such dataset file"
    )
    assert "Data diff" not in (out / "comment.md").read_text()
