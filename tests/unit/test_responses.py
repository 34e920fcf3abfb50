"""The response store: answers survive, keys separate, damage is named."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate.errors import InputError
from liftgate.evaluation.completion import Completion, Request, Sampling, well_formed, with_well_formed_text
from liftgate.evaluation.responses import ResponseStore, response_key

ANSWER = Completion("a refund", 12.5, 30, 2, "stop", None)
REQUEST = Request(
    [{"role": "user", "content": "q"}],
    [{"type": "function"}],
    Sampling(0.0, 32, 1.0, 0),
    repeat=1,
    case_id="a",
)
IDENTITY: dict[str, Any] = {"model": "m", "base_url": "http://127.0.0.1:1/v1"}


def key_of(
    request: Request = REQUEST, kind: str = "openai", *, deterministic: bool = False, **identity: Any
) -> str:
    return response_key(kind, {**IDENTITY, **identity}, request, deterministic=deterministic)


def test_an_answer_comes_back_as_it_was(tmp_path: Path) -> None:
    whole = replace(ANSWER, tool_calls=[{"name": "f", "arguments": "{}"}], finish_reason="tool_calls")
    with ResponseStore(tmp_path / "r.sqlite") as store:
        store.put(key_of(), whole)
        assert store.get([key_of(), "0" * 64]) == {key_of(): whole}
    with ResponseStore(tmp_path / "r.sqlite") as store:
        assert store.get([key_of()]) == {key_of(): whole}
        assert len(store) == 1


FLIPS = {
    "endpoint": key_of(kind="local"),
    "model": key_of(model="n"),
    "base_url": key_of(base_url="http://127.0.0.1:2/v1"),
    "adapter": key_of(adapter_sha256="0"),
    "message text": key_of(replace(REQUEST, messages=[{"role": "user", "content": "r"}])),
    "message role": key_of(replace(REQUEST, messages=[{"role": "system", "content": "q"}])),
    "tools": key_of(replace(REQUEST, tools=None)),
    "temperature": key_of(replace(REQUEST, sampling=Sampling(0.1, 32, 1.0, 0))),
    "max_tokens": key_of(replace(REQUEST, sampling=Sampling(0.0, 33, 1.0, 0))),
    "top_p": key_of(replace(REQUEST, sampling=Sampling(0.0, 32, 0.9, 0))),
    "seed": key_of(replace(REQUEST, sampling=Sampling(0.0, 32, 1.0, 1))),
    "no seed": key_of(replace(REQUEST, sampling=Sampling(0.0, 32, 1.0, None))),
    "repeat": key_of(replace(REQUEST, repeat=2)),
}


def test_flipping_any_field_of_the_key_misses() -> None:
    assert len({key_of(), *FLIPS.values()}) == len(FLIPS) + 1


def test_the_case_id_is_no_part_of_the_key() -> None:
    assert key_of() == key_of(replace(REQUEST, case_id="b"))


def test_one_answer_of_a_deterministic_endpoint_stands_for_every_repeat() -> None:
    assert key_of(deterministic=True) == key_of(replace(REQUEST, repeat=7), deterministic=True)


@given(text=st.text(alphabet=st.characters(exclude_categories=()), max_size=50))
def test_every_text_survives_but_for_lone_surrogates(text: str) -> None:
    kept = with_well_formed_text(Completion(text))
    kept.text.encode()
    assert kept.text == well_formed(text)
    if not any("\ud800" <= char <= "\udfff" for char in text):
        assert kept.text == text


def test_half_a_character_is_replaced_and_two_halves_are_joined() -> None:
    assert well_formed("a\ud83d") == "a\N{REPLACEMENT CHARACTER}"
    assert well_formed("\ud83d\ude00") == "\N{GRINNING FACE}"
    calls = with_well_formed_text(
        Completion("", tool_calls=[{"name": "f", "arguments": "\udc00"}])
    ).tool_calls
    assert calls == [{"name": "f", "arguments": "\N{REPLACEMENT CHARACTER}"}]


def test_a_megabyte_of_hostile_text_survives(tmp_path: Path) -> None:
    hostile = Completion("\x00\x1b[2J\u202e\ufeff" * 200_000)
    with ResponseStore(tmp_path / "r.sqlite") as store:
        store.put("k", hostile)
        assert store.get(["k"]) == {"k": hostile}


def test_a_damaged_record_is_named_and_left_out(tmp_path: Path) -> None:
    path, warnings = tmp_path / "r.sqlite", list[str]()
    with ResponseStore(path) as store:
        store.put(key_of(), ANSWER)
        store.put("other", ANSWER)
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"a refund", b"a refumd", 1))
    with ResponseStore(path, warn=warnings.append) as store:
        found = store.get([key_of(), "other"])
    assert len(found) == 1
    damaged = ({key_of(), "other"} - found.keys()).pop()
    assert warnings == [f"{path}: the answer {damaged[:12]} is damaged; it will be asked for again"]


@pytest.mark.parametrize("seed", range(4))
def test_no_damaged_byte_ever_changes_an_answer_or_passes_unnamed(tmp_path: Path, seed: int) -> None:
    path, dice = tmp_path / "r.sqlite", random.Random(seed)  # noqa: S311
    answers = {f"{number:064x}": replace(ANSWER, text=f"answer {number} " * 20) for number in range(40)}
    with ResponseStore(path) as store:
        for key, answer in answers.items():
            store.put(key, answer)
    whole, silent = path.read_bytes(), 0
    for _ in range(40):
        damaged = bytearray(whole)
        damaged[dice.randrange(len(whole))] ^= 1 << dice.randrange(8)
        path.write_bytes(damaged)
        warnings: list[str] = []
        try:
            with ResponseStore(path, warn=warnings.append) as store:
                found = store.get(list(answers))
        except InputError:
            continue
        assert found.items() <= answers.items()
        silent += len(found) < len(answers) and not warnings
    assert silent == 0


def test_a_record_moved_to_another_key_is_damaged(tmp_path: Path) -> None:
    path, warnings = tmp_path / "r.sqlite", list[str]()
    with ResponseStore(path) as store:
        store.put("mine", ANSWER)
    database = sqlite3.connect(path)
    with database:
        database.execute("UPDATE responses SET key = 'theirs'")
    database.close()
    with ResponseStore(path, warn=warnings.append) as store:
        assert store.get(["theirs"]) == {}
    assert len(warnings) == 1


def test_a_store_whose_pages_are_damaged_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    with ResponseStore(path) as store:
        store.put("k", ANSWER)
    raw = bytearray(path.read_bytes())
    raw[4096:4110] = b"\xff" * 14
    path.write_bytes(raw)
    with pytest.raises(InputError, match="the response store is damaged"), ResponseStore(path) as store:
        store.get(["k"])


@pytest.mark.parametrize("content", [b'{"id": "a"}\n', b"SQLite format 4\x00"])
def test_a_file_that_is_no_store_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "golden.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match="is not a response store"):
        ResponseStore(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    database = sqlite3.connect(path)
    with database:
        database.execute("CREATE TABLE responses (a)")
    database.close()
    with pytest.raises(InputError, match="is not a response store"):
        ResponseStore(path)


def test_a_store_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    ResponseStore(path).close()
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 2")
    database.close()
    with pytest.raises(InputError, match="store version 2, this Liftgate reads 1"):
        ResponseStore(path)


def test_exported_answers_import_into_an_empty_store(tmp_path: Path) -> None:
    with ResponseStore(tmp_path / "one.sqlite") as one, ResponseStore(tmp_path / "two.sqlite") as two:
        one.put("b", ANSWER, about={"endpoint": "openai"})
        one.put("a", replace(ANSWER, text="\x00é"))
        assert one.export(tmp_path / "one.jsonl") == 2
        assert two.import_lines((tmp_path / "one.jsonl").read_bytes(), "one.jsonl") == 2
        assert two.get(["a", "b"]) == one.get(["a", "b"])
        two.export(tmp_path / "two.jsonl")
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()


def test_a_damaged_export_is_refused_with_its_line(tmp_path: Path) -> None:
    with ResponseStore(tmp_path / "r.sqlite") as store:
        store.put("a", ANSWER)
        store.export(tmp_path / "r.jsonl")
        data = (tmp_path / "r.jsonl").read_bytes()
        with pytest.raises(InputError, match=r"r\.jsonl:1: the record is damaged"):
            store.import_lines(data.replace(b"refund", b"refumd"), "r.jsonl")
        with pytest.raises(InputError, match=r"r\.jsonl:2: not a record of a response store"):
            store.import_lines(data + b"{}\n", "r.jsonl")


def test_answers_outlive_a_killed_process(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    code = (
        "import os, pathlib\n"
        "from liftgate.evaluation.completion import Completion\n"
        "from liftgate.evaluation.responses import ResponseStore\n"
        f"store = ResponseStore(pathlib.Path({str(path)!r}))\n"
        "for number in range(50): store.put(str(number), Completion(str(number)))\n"
        f"os.kill(os.getpid(), {int(signal.SIGKILL)})\n"
    )
    finished = subprocess.run([sys.executable, "-c", code], check=False)
    assert finished.returncode == -signal.SIGKILL
    with ResponseStore(path) as store:
        assert len(store.get([str(number) for number in range(50)])) == 50


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_store_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    ResponseStore(path).close()
    path.chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        with (
            pytest.raises(InputError, match="the response store cannot be used"),
            ResponseStore(path) as store,
        ):
            store.put("a", ANSWER)
    finally:
        tmp_path.chmod(0o755)
