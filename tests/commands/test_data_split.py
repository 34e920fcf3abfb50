"""`liftgate data split` on rows with near-duplicates, labels and locales."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from liftgate.commands.data import run_action
from liftgate.data.dataset import read_rows
from liftgate.data.near import near_pairs
from liftgate.data.text import unmasked_bytes
from liftgate.errors import InputError

BANK = Path(__file__).parents[3] / "shared/data/banking77/train.chat.jsonl"


def tickets(count: int, chance: random.Random) -> list[dict[str, Any]]:
    words = [f"w{n}" for n in range(300)]
    rows: list[dict[str, Any]] = []
    for number in range(count):
        prompt = " ".join(chance.choices(words, k=14))
        if rows and chance.random() < 0.3:
            prompt = chance.choice(rows)["messages"][0]["content"] + " please"
        label, locale = (
            chance.choice(["billing", "refund", "a label of five words"]),
            chance.choice(["de", "en"]),
        )
        rows.append(
            {
                "messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": label}],
                "metadata": {"id": f"r{number}", "source": "human", "label": label, "locale": locale},
            }
        )
    return rows


def split(file: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert run_action("split", [str(file), "--out", str(out), "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def pairs_across(said: dict[str, Any]) -> int:
    halves = [read_rows(Path(said[name]["file"]).read_bytes(), name).rows for name in ("train", "validation")]
    texts = [unmasked_bytes(row.prompt) for half in halves for row in half]
    edge = len(halves[0])
    return sum((a < edge) != (b < edge) for a, b in near_pairs(texts))


def test_near_duplicates_stay_on_one_side_and_every_label_and_locale_gives_its_share(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tickets(600, random.Random(5))  # noqa: S311
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = split(file, tmp_path / "a", capsys)
    assert said["near_clusters"] > 50
    assert pairs_across(said) == 0
    assert 0.15 <= said["validation"]["share"] <= 0.2
    for column in ("labels", "locales"):
        for name, count in said["validation"][column].items():
            assert count / (count + said["train"][column][name]) == pytest.approx(0.17, abs=0.03)
    assert "a label of five words" not in json.dumps(said)
    again = split(file, tmp_path / "b", capsys)
    assert [again[half]["sha256"] for half in ("train", "validation")] == [
        said[half]["sha256"] for half in ("train", "validation")
    ]


@pytest.mark.skipif(not BANK.exists(), reason="the shared data folder is not here")
def test_no_near_pair_of_real_questions_is_parted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = split(BANK, tmp_path, capsys)
    assert pairs_across(said) == 0
    assert 0.15 <= said["validation"]["share"] <= 0.2


def test_rows_that_cannot_be_parted_are_refused(tmp_path: Path) -> None:
    row = {"messages": [{"role": "user", "content": "the same"}, {"role": "assistant", "content": "x"}]}
    file = tmp_path / "rows.jsonl"
    file.write_text(f"{json.dumps(row)}\n" * 20)
    with pytest.raises(InputError, match="cannot be halved"):
        run_action("split", [str(file), "--out", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()
