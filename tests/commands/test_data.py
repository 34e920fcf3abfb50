"""`liftgate data`: what it writes and what it refuses."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from liftgate.cli import main
from liftgate.commands import data
from liftgate.errors import InputError
from liftgate.files import sha256_file


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    data.add_arguments(parser)
    return data.run(parser.parse_args(words))


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))
    return path


def numbered(count: int, start: int = 0) -> list[dict[str, object]]:
    return [
        {"messages": [{"role": "user", "content": f"q {n}"}, {"role": "assistant", "content": "a"}]}
        for n in range(start, start + count)
    ]


def test_split_writes_two_release_files_and_says_their_hashes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "rows.jsonl", *numbered(100))
    assert run("split", str(file), "--out", str(tmp_path / "out"), "--version", "1.2.0", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    train, validation = (tmp_path / "out" / f"v1.2.0.{half}.jsonl" for half in ("train", "validation"))
    assert said == {
        "schema_version": 1,
        "seed": 0,
        "near_clusters": 0,
        "train": {
            "file": str(train),
            "rows": 83,
            "share": 0.83,
            "sha256": sha256_file(train),
            "labels": {},
            "locales": {},
        },
        "validation": {
            "file": str(validation),
            "rows": 17,
            "share": 0.17,
            "sha256": sha256_file(validation),
            "labels": {},
            "locales": {},
        },
    }
    assert sorted(train.read_text().splitlines() + validation.read_text().splitlines()) == sorted(
        json.dumps(row, separators=(",", ":")) for row in numbered(100)
    )


def test_split_never_overwrites_a_release(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", *numbered(10))
    run("split", str(file), "--out", str(tmp_path))
    with pytest.raises(InputError, match="never overwritten"):
        run("split", str(file), "--out", str(tmp_path))


def test_split_refuses_a_file_with_a_broken_line_and_names_it(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"messages": []}\n{"messages"\n')
    with pytest.raises(InputError) as refusal:
        run("split", str(file), "--out", str(tmp_path))
    assert refusal.value.problems[0].place == f"{file}:2"


@pytest.mark.parametrize(
    "words", [("--validation-share", "2"), ("--version", "1"), ("--validation-share", "x")]
)
def test_split_refuses_odd_arguments(tmp_path: Path, words: tuple[str, str]) -> None:
    with pytest.raises(SystemExit) as refusal:
        run("split", "rows.jsonl", "--out", str(tmp_path), *words)
    assert refusal.value.code == 2


def labelled(prompt: str, label: str) -> dict[str, object]:
    said = [("system", "Answer with one label."), ("user", prompt), ("assistant", label)]
    return {"messages": [{"role": role, "content": content} for role, content in said]}


def test_adopting_chat_rows_gives_them_provenance_and_leaves_golden_prompts_out(tmp_path: Path) -> None:
    train = write(
        tmp_path / "train.jsonl",
        labelled("Where?", "order"),
        labelled("Pay!", "bill"),
        labelled("pay", "bill"),
    )
    test = write(
        tmp_path / "test.jsonl",
        labelled("where", "order"),
        labelled("Bill me", "bill"),
        labelled("Hm", "other"),
    )
    golden, rows = tmp_path / "golden.jsonl", tmp_path / "rows.jsonl"
    shared = ["--labels", "order,bill", "--answer-key", "intent", "--locale", "en"]
    run("adopt", str(test), "--as", "cases", "--id-prefix", "g", "--out", str(golden), *shared)
    run("adopt", str(train), "--reviewed", "--without", str(golden), "--out", str(rows), *shared)
    assert [json.loads(line) for line in golden.read_text().splitlines()] == [
        {
            "id": f"g-0000{n}",
            "messages": [{"role": "user", "content": prompt}],
            "expected": {"intent": label},
            "buckets": {"intent": label, "locale": "en"},
        }
        for n, prompt, label in [(1, "where", "order"), (2, "Bill me", "bill")]
    ]
    assert [json.loads(line) for line in rows.read_text().splitlines()] == [
        {
            "messages": [
                {"role": "system", "content": "Answer with one label."},
                {"role": "user", "content": "Pay!"},
                {"role": "assistant", "content": '{"intent": "bill"}'},
            ],
            "metadata": {
                "id": "row-00002",
                "source": "human",
                "reviewed": True,
                "label": "bill",
                "locale": "en",
            },
        }
    ]


def test_adopting_says_why_each_row_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def chat(question: str, answer: str) -> dict[str, object]:
        return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}

    asked = (
        ("Where is it?", "order"),
        ("where is it", "order"),
        ("WHERE IS IT", "billing"),
        ("Hello", "other"),
    )
    silent = {"messages": [{"role": "user", "content": "Who are you"}]}
    file = write(tmp_path / "rows.jsonl", *(chat(*each) for each in asked), chat("My lamp", "order"), silent)
    golden = write(tmp_path / "golden.jsonl", {"id": "g", "input": "my lamp!", "expected": "order"})
    out = tmp_path / "out.jsonl"
    words = ("adopt", str(file), "--labels", "order,billing", "--without", str(golden), "--out", str(out))
    assert run(*words) == 0
    assert capsys.readouterr().err == (
        f"{out}: 1 row\n"
        "  left out: 1 that repeat a question\n"
        "  left out: 1 that repeat a question with another answer\n"
        "  left out: 1 with another label\n"
        "  left out: 1 that give a case away\n"
        "  left out: 1 with no answer at the end\n"
    )


def test_near_copies_among_the_cases_are_not_counted_as_rows_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    question = "my card has still not arrived although it was sent two weeks ago by express mail"
    test = write(tmp_path / "t.jsonl", labelled(question, "order"), labelled(f"{question} please", "order"))
    golden, out = tmp_path / "golden.jsonl", tmp_path / "out.jsonl"
    run("adopt", str(test), "--as", "cases", "--bucket", "label", "--id-prefix", "g", "--out", str(golden))
    assert [json.loads(line)["buckets"] for line in golden.read_text().splitlines()] == [
        {"label": "order"}
    ] * 2
    rows = write(tmp_path / "rows.jsonl", labelled("Can I pay in crowns at the till?", "bill"))
    capsys.readouterr()
    run("adopt", str(rows), "--without", str(golden), "--out", str(out))
    assert capsys.readouterr().err == f"{out}: 1 row\n"
    run("adopt", str(rows), "--without", str(golden), "--out", str(golden))
    assert capsys.readouterr().err == f"{golden}: 1 row, in place of the 2 lines that were there\n"


def test_adopting_nothing_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", labelled("Where?", "order"))
    with pytest.raises(InputError, match="no row is left"):
        run("adopt", str(file), "--labels", "bill", "--out", str(tmp_path / "out.jsonl"))


def test_adopting_leaves_near_copies_of_golden_prompts_out_and_adds_the_system_prompt(tmp_path: Path) -> None:
    question = "my card has still not arrived although it was sent two weeks ago by express mail"
    train = write(
        tmp_path / "train.jsonl",
        labelled(f"{question} please", "order"),
        labelled("Can I pay in crowns at the till?", "bill"),
    )
    golden = write(tmp_path / "golden.jsonl", {"id": "g", "input": question, "expected": "order"})
    rows = tmp_path / "rows.jsonl"
    run(
        "adopt",
        str(train),
        "--reviewed",
        "--without",
        str(golden),
        "--system",
        "Route it.",
        "--out",
        str(rows),
    )
    (kept,) = [json.loads(line) for line in rows.read_text().splitlines()]
    assert [message["content"] for message in kept["messages"]] == [
        "Route it.",
        "Can I pay in crowns at the till?",
        "bill",
    ]


def test_a_near_copy_of_a_case_is_left_out_though_its_words_are_common(tmp_path: Path) -> None:
    # In one file of forty the words are boilerplate; in the validation half they would not be.
    said = "can I get a disposable virtual card for my shopping"
    rows = [f"{said}, number {n} of my many questions about cards" for n in range(40)] + [f"{said} today"]
    lines = [
        {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "card"}]}
        for text in rows
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "golden.jsonl").write_text(json.dumps({"id": "g", "input": said, "expected": "card"}) + "\n")
    words = ["data", "adopt", str(tmp_path / "rows.jsonl"), "--without", str(tmp_path / "golden.jsonl")]
    assert main([*words, "--out", str(tmp_path / "out.jsonl")]) == 0
    assert "today" not in (tmp_path / "out.jsonl").read_text()
