"""`liftgate data export`: a file to upload, or every line that cannot be in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from liftgate.cli import main
from liftgate.commands.data import run_action
from liftgate.errors import InputError
from liftgate.files import sha256_file

USER = {"role": "user", "content": "Where is it?"}
ANSWER = {"role": "assistant", "content": "On its way."}


def row(name: str, **beside: Any) -> dict[str, Any]:
    metadata = {"id": name, "source": "human", "reviewed": True}
    return {"messages": [USER, ANSWER], **beside, "metadata": metadata}


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))
    return path


def export(file: Path, target: str, *words: str) -> int:
    return run_action(
        "export", [str(file), "--target", target, "--out", str(file.parent / "out.jsonl"), *words]
    )


def test_export_writes_the_rows_and_says_what_it_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "rows.jsonl", row("a"), row("b"))
    assert export(file, "openai", "--json", "--ids", str(tmp_path / "ids.jsonl")) == 0
    out, line = (
        tmp_path / "out.jsonl",
        b'{"messages":[{"role":"user","content":"Where is it?"},'
        + (b'{"role":"assistant","content":"On its way."}]}\n'),
    )
    assert out.read_bytes() == line * 2
    assert json.loads(capsys.readouterr().out) == {
        "schema_version": 1,
        "outcome": "pass",
        "findings": [],
        "target": "openai",
        "file": str(out),
        "rows": 2,
        "bytes": 2 * len(line),
        "sha256": sha256_file(out),
        "ids": str(tmp_path / "ids.jsonl"),
    }
    assert [json.loads(line) for line in (tmp_path / "ids.jsonl").read_bytes().splitlines()] == [
        {"line": 1, "id": "a", "source": f"{file}:1"},
        {"line": 2, "id": "b", "source": f"{file}:2"},
    ]


def test_azure_gets_a_byte_order_mark_and_validate_accepts_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "rows.jsonl", row("a"))
    assert export(file, "azure") == 0
    out = tmp_path / "out.jsonl"
    assert out.read_bytes().startswith(b'\xef\xbb\xbf{"messages"')
    assert capsys.readouterr().err == f"{out}: 1 rows for azure, sha256 {sha256_file(out)}\n"
    main(["validate", str(out), "--target", "azure", "--json"])
    rules = {finding["rule"] for finding in json.loads(capsys.readouterr().out)["findings"]}
    assert "byte-order-mark" not in rules


def test_every_line_that_cannot_be_written_is_named_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tools = [{"type": "function", "function": {"name": "track"}}]
    file = write(
        tmp_path / "rows.jsonl",
        row("a"),
        row("b", tools=tools),
        {"instruction": "Translate", "output": "Bonjour"},
        row("c", tools=tools),
    )
    with file.open("a") as out:
        out.write('{"messages": [}\n')
    assert export(file, "bedrock-nova") == 10
    assert not (tmp_path / "out.jsonl").exists()
    assert capsys.readouterr().err == (
        f"{file}:2: error: defines tools [inexpressible-row]\n"
        f"{file}:3: error: the Alpaca form; write 'instruction' and 'input' as one user message and 'output' as "
        "an assistant message in 'messages' [inexpressible-row]\n"
        f"{file}:4: error: defines tools [inexpressible-row]\n"
        f"{file}:5: error: not valid JSON (column 15) [invalid-json]\n"
        f"{tmp_path / 'out.jsonl'}: not written, 4 findings\n"
    )
    assert export(file, "bedrock-nova", "--json") == 10
    said = json.loads(capsys.readouterr().out)
    assert said["outcome"] == "block"
    assert [finding["line"] for finding in said["findings"]] == [2, 3, 4, 5]


def test_a_failed_export_leaves_the_earlier_file_alone(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", {"messages": [USER]})
    (tmp_path / "out.jsonl").write_text("earlier")
    assert export(file, "openai") == 10
    assert (tmp_path / "out.jsonl").read_text() == "earlier"
    assert {path.name for path in tmp_path.iterdir()} == {"rows.jsonl", "out.jsonl"}


def test_the_file_that_is_read_is_never_overwritten(tmp_path: Path) -> None:
    file = write(tmp_path / "rows.jsonl", row("a"))
    with pytest.raises(InputError, match="is the file that is read"):
        run_action("export", [str(file), "--target", "openai", "--out", str(file)])
    with pytest.raises(InputError, match="same file"):
        export(file, "openai", "--ids", str(tmp_path / "out.jsonl"))


def test_an_empty_or_absent_file_is_no_export(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no rows"):
        export(write(tmp_path / "rows.jsonl"), "openai")
    with pytest.raises(InputError, match="no such dataset"):
        export(tmp_path / "gone.jsonl", "openai")


def test_another_targets_rows_are_converted(tmp_path: Path) -> None:
    file = write(
        tmp_path / "rows.jsonl",
        {"prompt": "Where is it?", "completion": "On its way."},
        {
            "schemaVersion": "bedrock-conversation-2024",
            "system": [{"text": "Be brief."}],
            "messages": [
                {"role": "user", "content": [{"text": "Where is it?"}]},
                {"role": "assistant", "content": [{"text": "On its way."}]},
            ],
        },
    )
    assert export(file, "openai") == 0
    assert [json.loads(line) for line in (tmp_path / "out.jsonl").read_bytes().splitlines()] == [
        {"messages": [USER, ANSWER]},
        {"messages": [{"role": "system", "content": "Be brief."}, USER, ANSWER]},
    ]
