"""Minutes of hostile bytes: whatever the input, `validate` answers with findings or one sentence, soon.

`LIFTGATE_FUZZ_SECONDS` sets how long (default 30) and `LIFTGATE_FUZZ_SEED` where to begin, so that a failure,
which prints its seed, can be played again.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from liftgate.cli import main
from liftgate.errors import ExitCode

EXAMPLES: Final = Path(__file__).parents[1] / "examples"
SECONDS: Final = float(os.environ.get("LIFTGATE_FUZZ_SECONDS", "30"))
FIRST_SEED: Final = int(os.environ.get("LIFTGATE_FUZZ_SEED", "0"))
HANG_S: Final = 60

pytestmark = pytest.mark.acceptance

ODD_TEXTS: Final = (
    "", "\x00", "\ud800", "\u202e", "\ufeff", "é" * 999, "<|endoftext|>", "9" * 400, "4111 1111 1111 1111",
    "a@b.co", "::error::x", "a\nb", "\u2028", "𝕒" * 50, "GB82 WEST 1234 5698 7654 32", "[" * 999, "user:",
    "2001:db8::1", "+44 20 7946 0000", "{\"a\":" * 50, "sk-" + "a" * 48, "-" * 70_000, "x " * 40_000,
)  # fmt: skip
ODD_VALUES: Final[tuple[Any, ...]] = (
    None, True, 0, -1, 0.5, 10**30, 1e308, [], {}, [[]], [None], {"": ""}, "assistant", "tool", {"role": "user"},
)  # fmt: skip
ODD_BYTES: Final = (
    b"\xff\xfe", b"\xef\xbb\xbf", b"\x00", b"\r\n", b"\n\n", b"NaN", b"-Infinity", b"\\ud800", b'"', b"{", b"}",
    b"\x1f\x8b", b"version https://git-lfs.github.com/spec/v1\n", b"\xc0\x80", b"\xf4\x90\x80\x80", b"1e999",
)  # fmt: skip


def test_no_input_ends_in_a_traceback_or_a_hang(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seeds = [path.read_bytes() for path in sorted(EXAMPLES.glob("*/*/*.jsonl"))]
    options = [
        [],
        *(["--target", name] for name in ("openai", "azure", "bedrock-nova", "bedrock-claude", "trl")),
    ]
    until = time.monotonic() + SECONDS
    tried = 0
    file, golden = tmp_path / "v1.0.0.train.jsonl", tmp_path / "golden.jsonl"
    while time.monotonic() < until:
        seed = FIRST_SEED + tried
        chance = random.Random(seed)  # noqa: S311
        file.write_bytes(_mutated(chance, chance.choice(seeds)))
        golden.write_bytes(_mutated(chance, chance.choice(seeds)))
        words = ["validate", str(file), "--json", *chance.choice(options)]
        if chance.random() < 0.5:
            words += ["--golden", str(golden)]
        with _told(seed, words), _no_longer_than(HANG_S):
            code = main(words)
        out, _ = capsys.readouterr()
        assert code in {ExitCode.PASS, ExitCode.BLOCKED, ExitCode.BAD_INPUT}, (seed, words)
        if code != ExitCode.BAD_INPUT:
            report = json.loads(out)
            assert report["outcome"] == ("pass" if code == ExitCode.PASS else "block"), (seed, words)
        tried += 1
    print(f"{tried} inputs, seeds {FIRST_SEED} to {FIRST_SEED + tried - 1}")  # noqa: T201
    assert tried > 100


@pytest.mark.parametrize(
    "write",
    [
        lambda out: out.write(b'{"messages": "' + b"x" * 100_000_000 + b'"}\n'),
        lambda out: out.write(b"[" * 1_000_000),
        lambda out: out.write(b'{"a":' * 1_000_000 + b"1" + b"}" * 1_000_000),
        lambda out: out.write(b"\n" * 10_000_000),
        lambda out: out.write(b"{}\n" * 300_000),
        lambda out: out.write(b'"' + b"\\u0022" * 1_000_000 + b'"\n'),
        lambda out: out.write(
            json.dumps({"messages": [{"role": "user", "content": "a"}] * 200_000}).encode() + b"\n"
        ),
        lambda out: out.write(
            json.dumps({"messages": [{"role": "user", "content": "1" * 3_000_000}]}).encode() + b"\n"
        ),
    ],
    ids=["100 MB line", "a million brackets", "a million keys deep", "ten million blank lines",
         "300,000 empty rows", "a million escapes", "200,000 turns", "three million digits"],
)  # fmt: skip
def test_a_monstrous_file_is_answered(write: Callable[[Any], Any], tmp_path: Path) -> None:
    file = tmp_path / "monster.jsonl"
    with file.open("wb") as out:
        write(out)
    with _no_longer_than(5 * HANG_S):
        assert main(["validate", str(file), "--json"]) == ExitCode.BLOCKED


def _mutated(chance: random.Random, data: bytes) -> bytes:
    for _ in range(chance.randint(1, 6)):
        data = chance.choice((_byte_level, _byte_level, _row_level))(chance, data)
    return data[:4_000_000]


def _byte_level(chance: random.Random, data: bytes) -> bytes:
    at, to = sorted((chance.randint(0, len(data)), chance.randint(0, len(data))))
    match chance.randrange(6):
        case 0:
            return data[:at] + chance.choice(ODD_BYTES) + data[at:]
        case 1:
            return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
        case 2:
            return data[:at] + data[min(to, at + 40) :]
        case 3:
            return data[:at] + data[at:to] * 2 + data[to:]
        case 4:
            return data[:to]
        case _:
            return b"\n".join(chance.sample(lines := data.split(b"\n"), len(lines)))


def _row_level(chance: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\n")
    at = chance.randrange(len(lines))
    try:
        value = json.loads(lines[at])
    except (ValueError, RecursionError):
        return data
    for _ in range(chance.randint(1, 4)):
        value = _twisted(chance, value, chance.randint(0, 5))
    lines[at] = json.dumps(value, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    return b"\n".join(lines)


def _twisted(chance: random.Random, value: Any, depth: int) -> Any:
    if depth and isinstance(value, dict) and value:
        key = chance.choice(list(value))
        changed = dict(value)
        kind = chance.random()
        if kind < 0.1:
            changed[chance.choice(ODD_TEXTS)] = changed.pop(key)
        elif kind < 0.15:
            del changed[key]
        else:
            changed[key] = _twisted(chance, value[key], depth - 1)
        return changed
    if depth and isinstance(value, list) and value:
        at = chance.randrange(len(value))
        if chance.random() < 0.15:
            return [*value, *value[at:]]
        return [_twisted(chance, item, depth - 1) if n == at else item for n, item in enumerate(value)]
    return chance.choice((*ODD_TEXTS, *ODD_VALUES))


@contextmanager
def _told(seed: int, words: list[str]) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        raise AssertionError(f"seed {seed}: liftgate {' '.join(words)}") from error


@contextmanager
def _no_longer_than(seconds: int) -> Iterator[None]:
    """A hang is a failure of its own, not a build that never ends."""

    def ring(*_: object) -> None:
        raise TimeoutError(f"no answer within {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
