"""Functions of somebody's own: whatever they do, an answer is graded or unscored by name, never zero."""

from __future__ import annotations

from pathlib import Path

import pytest

from liftgate.errors import InputError
from liftgate.evaluation.own_scorers import Graded, OwnScorer, grade

SOURCE = """\
import os, sys, time

def score(output, case):
    print("noise on stdout")
    if output == "raise":
        raise ValueError(case["expected"])
    if output == "exit":
        os._exit(3)
    if output == "sys.exit":
        sys.exit(1)
    if output == "hang":
        time.sleep(60)
    if output == "key":
        return "LIFTGATE_TEST_KEY" in os.environ
    return {"half": 0.5, "nan": float("nan"), "two": 2, "none": None, "text": "1", "yes": True}.get(
        output, float(output == case["expected"])
    )
"""


def scorer(tmp_path: Path, source: str = SOURCE, function: str = "score") -> OwnScorer:
    (tmp_path / "mine.py").write_text(source, "utf-8")
    return OwnScorer.read(tmp_path / "mine.py", function)


def graded(own: OwnScorer, *outputs: str, timeout_s: float = 20) -> list[Graded]:
    asked = [{"output": output, "case": {"id": "a", "expected": "refund"}} for output in outputs]
    return grade(own, asked, timeout_s=timeout_s)


def test_a_function_grades_and_whatever_is_no_score_is_unscored(tmp_path: Path) -> None:
    outputs = ("refund", "billing", "half", "yes", "none", "nan", "two", "text", "raise")
    assert graded(scorer(tmp_path), *outputs) == [
        Graded(1.0),
        Graded(0.0),
        Graded(0.5),
        Graded(1.0),
        Graded(None),
        Graded(None, "not-a-score"),
        Graded(None, "not-a-score"),
        Graded(None, "not-a-score"),
        Graded(None, "error: ValueError"),
    ]


def test_a_crash_or_a_hang_costs_its_own_answer_only(tmp_path: Path) -> None:
    outputs = ("refund", "exit", "refund", "hang", "sys.exit", "half")
    assert graded(scorer(tmp_path), *outputs, timeout_s=1.5) == [
        Graded(1.0),
        Graded(None, "crashed"),
        Graded(1.0),
        Graded(None, "timeout"),
        Graded(None, "crashed"),
        Graded(0.5),
    ]


def test_a_scorer_that_always_crashes_is_given_up(tmp_path: Path) -> None:
    found = graded(scorer(tmp_path), *["exit"] * 8)
    reasons = [each.unscored for each in found]
    assert reasons == ["crashed"] * 5 + ["not-run: the scorer crashed or hung too often"] * 3


def test_the_function_sees_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFTGATE_TEST_KEY", "secret")
    assert graded(scorer(tmp_path), "key") == [Graded(0.0)]


def test_its_version_is_its_content(tmp_path: Path) -> None:
    one = scorer(tmp_path).sha256
    assert scorer(tmp_path).sha256 == one
    assert scorer(tmp_path, SOURCE + "# v2\n").sha256 != one


@pytest.mark.parametrize(
    ("source", "function", "sentence"),
    [
        ("def score(output, case:\n", "score", "mine.py:1: not valid Python: "),
        (
            "x = 1\ndef scored(o, c): return 1\n",
            "score",
            "mine.py: no function 'score' here\n  hint: functions: scored",
        ),
        ("x = 1\ndef score(output): return 1\n", "score", "mine.py:2: score must take two arguments"),
        ("x = '\x00'\n", "score", "mine.py"),
    ],
)
def test_a_file_that_cannot_grade_is_refused_without_being_run(
    tmp_path: Path, source: str, function: str, sentence: str
) -> None:
    with pytest.raises(InputError) as error:
        scorer(tmp_path, source, function)
    assert str(error.value).replace(f"{tmp_path}/", "").startswith(sentence)


def test_a_file_that_fails_on_import_is_refused_by_the_name_of_its_error(tmp_path: Path) -> None:
    own = scorer(tmp_path, "import no_such_module_here\ndef score(output, case): return 1\n")
    with pytest.raises(InputError, match=r"mine\.py: cannot be imported: ModuleNotFoundError"):
        graded(own, "refund")
