"""`liftgate data scrub`: what it writes, who may read it, and what it refuses."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from liftgate.commands.data import overview, run_action
from liftgate.commands.validate import validate_files
from liftgate.errors import InputError
from liftgate.files import sha256_file

ROW = {
    "messages": [
        {"role": "user", "content": "I am sue.hague@rhyta.com, card 4539 5787 6362 1486"},
        {"role": "assistant", "content": "Thank you, the card ending in 1486 is blocked."},
    ],
    "metadata": {"id": "a", "source": "human", "reviewed": True},
}
CASE = {"id": "g", "input": "My mail is SUE.HAGUE@rhyta.com", "expected": {"mail": "sue.hague@rhyta.com"}}


def write(path: Path, *rows: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))
    return path


def scrub(*files: Path, out: Path, mapping: Path, more: tuple[str, ...] = ()) -> int:
    return run_action("scrub", [*map(str, files), "--out", str(out), "--mapping", str(mapping), *more])


def test_train_today_and_eval_tomorrow_share_placeholders_and_only_the_owner_reads_the_mapping(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train, golden = write(tmp_path / "train.jsonl", ROW), write(tmp_path / "golden.jsonl", CASE)
    out, mapping = tmp_path / "out", tmp_path / "private" / "mapping.json"
    assert scrub(train, out=out, mapping=mapping) == 0
    assert scrub(golden, out=out, mapping=mapping, more=("--json",)) == 0
    said = capsys.readouterr()
    assert said.err == (
        f"{out}/train.jsonl: 1 CARD, 1 EMAIL replaced in 1 lines\n"
        f"{out}/train.jsonl:1: still names a part of a replaced value\n"
        "2 values have placeholders, 2 of them new\n"
    )
    assert json.loads(said.out) == {
        "schema_version": 1,
        "files": [
            {
                "file": str(out / "golden.jsonl"),
                "sha256": sha256_file(out / "golden.jsonl"),
                "replaced": {"EMAIL": 2},
                "lines_changed": 1,
                "lines_naming_a_part": [],
            }
        ],
        "values": 2,
        "new_values": 0,
    }
    assert json.loads((out / "golden.jsonl").read_text()) == {
        "id": "g",
        "input": "My mail is <EMAIL_1>",
        "expected": {"mail": "<EMAIL_1>"},
    }
    assert mapping.stat().st_mode & 0o777 == 0o600
    assert "hague" not in (said.out + said.err).lower()


def test_scrubbed_rows_pass_the_privacy_rules(tmp_path: Path) -> None:
    train, golden = write(tmp_path / "train.jsonl", ROW), write(tmp_path / "golden.jsonl", CASE)
    scrub(train, golden, out=tmp_path / "out", mapping=tmp_path / "m.json")
    report = validate_files(tmp_path / "out/train.jsonl", golden=[tmp_path / "out/golden.jsonl"])
    rules = {finding["rule"] for finding in report["findings"]}
    assert not rules & {"pii", "secret", "inconsistent-placeholder", "reserved-text", "schema"}


def test_a_mapping_is_refused_where_git_would_keep_it_and_taken_where_it_is_ignored(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    train = write(tmp_path / "rows" / "train.jsonl", ROW)
    mapping = tmp_path / "private" / "mapping.json"
    with pytest.raises(InputError, match="would be kept by git") as refusal:
        scrub(train, out=tmp_path / "out", mapping=mapping)
    assert "gitignore" in str(refusal.value)
    assert not (tmp_path / "out").exists()
    (tmp_path / ".gitignore").write_text("private/\n")
    assert scrub(train, out=tmp_path / "out", mapping=mapping) == 0
    subprocess.run(["git", "-C", str(tmp_path), "add", "-f", str(mapping)], check=True)
    with pytest.raises(InputError, match="would be kept by git"):
        scrub(train, out=tmp_path / "again", mapping=mapping)


def test_nothing_is_overwritten_and_names_must_differ(tmp_path: Path) -> None:
    one, two = write(tmp_path / "a" / "x.jsonl", ROW), write(tmp_path / "b" / "x.jsonl", ROW)
    with pytest.raises(InputError, match="nothing is overwritten"):
        scrub(one, out=tmp_path / "a", mapping=tmp_path / "m.json")
    with pytest.raises(InputError, match="two files are named"):
        scrub(one, two, out=tmp_path / "c", mapping=tmp_path / "m.json")
    assert not (tmp_path / "m.json").exists()


@pytest.mark.parametrize("content", ["", "[]", '{"schema_version": 1}', '{"schema_version": 1, "values": 3}'])
def test_a_foreign_mapping_file_is_refused(tmp_path: Path, content: str) -> None:
    train, mapping = write(tmp_path / "train.jsonl", ROW), tmp_path / "m.json"
    mapping.write_text(content)
    with pytest.raises(InputError):
        scrub(train, out=tmp_path / "out", mapping=mapping)
    assert mapping.read_text() == content


def test_without_an_action_the_actions_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    from liftgate.cli import main

    assert main(["data"]) == 2
    assert capsys.readouterr().out == overview()
