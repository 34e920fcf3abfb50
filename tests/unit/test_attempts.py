"""Attempts on one golden set: who counts as another one, and what so many of them mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from liftgate import EvalRun, Policy
from liftgate.commands.asking.attempts import Place, count_attempt
from liftgate.errors import InputError
from liftgate.verdict.attempts import Attempts, candidate_key


def counted(path: Path, candidate: str, alias: str = "toy", golden: str = "g1") -> Place:
    return count_attempt(path, alias=alias, golden_sha256=golden, candidate_sha256=candidate)


def test_each_candidate_counts_once_and_keeps_its_place(tmp_path: Path) -> None:
    path = tmp_path / "store" / "attempts.jsonl"
    assert [counted(path, name).number for name in ("a", "b", "a", "c", "b")] == [1, 2, 1, 3, 2]
    assert len(path.read_text().splitlines()) == 3


def test_another_alias_and_another_golden_set_count_for_themselves(tmp_path: Path) -> None:
    path = tmp_path / "attempts.jsonl"
    counted(path, "a")
    assert counted(path, "b", alias="other").number == 1
    assert counted(path, "b", golden="g2").number == 1
    assert counted(path, "b").number == 2


@pytest.mark.parametrize("damage", [b"{", b"[]\n", b'{"alias": 1}\n', b"\xff\xfe\n"])
def test_a_damaged_line_is_told_and_the_next_one_stays_whole(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "attempts.jsonl"
    counted(path, "a")
    with path.open("ab") as file:
        file.write(damage)
    number, (finding,) = counted(path, "b")
    assert (number, finding.rule) == (2, "attempts-uncounted")
    assert counted(path, "b").number == 2


def test_a_file_that_cannot_be_read_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="attempts cannot be counted"):
        counted(tmp_path, "a")


def test_so_many_attempts_pass_by_luck_and_past_the_limit_the_report_asks_for_fresh_cases() -> None:
    policy = Policy(max_attempts=3)
    third, fourth = Attempts.of(3, policy), Attempts.of(4, policy)
    assert third.to_dict() == {"number": 3, "chance": 0.05, "by_luck": 0.142625, "limit": 3}
    assert third.findings == []
    assert [finding.message for finding in fourth.findings] == [
        "this is attempt 4 on this golden set, and the policy allows 3: one of so many worthless candidates passes by "
        "luck with a chance of up to 18.5%; refresh the golden set"
    ]


def test_a_candidate_is_its_model_and_how_it_is_asked_not_what_it_is_compared_with() -> None:
    rows = [{"case_id": "c", "scores": {"m": 1.0}}]

    def key(**meta: object) -> str:
        return candidate_key(EvalRun.from_rows(rows, model="m", **meta))

    one = key(identity={"adapter": "a"}, suite_sha256="s1")
    assert key(identity={"adapter": "a"}, suite_sha256="s2") == one
    assert key(identity={"adapter": "b"}, suite_sha256="s1") != one
    assert key(identity={"adapter": "a"}, prompt_sha256="p") != one
