"""`liftgate noise` against a real HTTP server that answers differently each time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from liftgate.cli import main
from openai_server import OpenAIServer


@pytest.fixture(autouse=True)
def cases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    golden = [{"id": f"g{n}", "input": f"word{n}", "expected": f"word{n}"} for n in range(40)]
    Path("golden.jsonl").write_text("".join(json.dumps(case) + "\n" for case in golden))


def noise(server: OpenAIServer, *more: str) -> int:
    words = ["noise", "--cases", "golden.jsonl", "--scorer", "exact_match", "--model", "m"]
    return main([*words, "--endpoint", "openai", "--base-url", server.url, *more])


def unsteady(number: int) -> Any:
    asked: dict[str, int] = {}

    def answer(body: dict[str, Any]) -> str:
        text = str(body["messages"][-1]["content"])
        asked[text] = asked.get(text, 0) + 1
        return "other" if text == f"word{number}" and asked[text] == 2 else text

    return answer


def test_the_same_is_asked_several_times_and_flips_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    with OpenAIServer(unsteady(7)) as server:
        assert noise(server, "--runs", "2", "--json", "--out", "noise.json") == 0
        assert server.count == 80
        assert len({json.dumps(body, sort_keys=True) for body in server.bodies}) == 40
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert json.loads(Path("noise.json").read_text()) == document
    assert document["metrics"]["exact_match"]["by_case"] == {"g7": 1.0}
    assert document["metrics"]["exact_match"]["rate"] == 0.025
    assert (document["texts_differ"], document["deterministic"]) == (1, False)
    assert err == (
        "run 1 of 2\nrun 2 of 2\n"
        "m against itself, 2 runs: 1 case answered in different words\n"
        "  exact_match    flips 2.5% (95%: 0.1% to 13.2%) of 40 cases\n"
        "    g7 100.0%\n"
        "noise alone fakes a lift of 9.4% in exact_match in 5.0% of comparisons; "
        "the widest seen here is 2.5%\n"
        "with this noise a true lift of 6.2% passes 80.0% of the time (min_lift 3.0%)\n"
        "warning: min_lift 3.0% lies below what noise alone fakes; raise it, add cases, "
        "or make the answers steadier (temperature 0, a seed)\n"
    )
    assert not Path(".liftgate").exists()


def test_a_run_of_errors_is_no_quiet_rig(capsys: pytest.CaptureFixture[str]) -> None:
    with OpenAIServer(faults="content_filter") as server:
        assert noise(server) == 4
    assert "no case was scored twice" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--runs", "1"], "--runs 1 flips nothing"), (["--only", "x"], "no case is selected")],
)
def test_bad_input_is_one_clear_error(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with OpenAIServer() as server:
        assert noise(server, *words) == 2
        assert server.count == 0
    assert capsys.readouterr().err.startswith(f"error: {said}")


def test_a_result_that_cannot_be_written_is_said_before_anything_is_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with OpenAIServer() as server:
        assert noise(server, "--out", ".") == 2
        assert server.count == 0
    assert capsys.readouterr().err == "error: --out . is a folder\n  hint: name a file\n"
