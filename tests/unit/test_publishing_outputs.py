"""Outputs of the step: all seven always, and no value can become another output."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate.publishing.outcome import AliasOutcome, ChangeReport, Waiting
from liftgate.publishing.outputs import NAMES, outputs, render_outputs

DIGEST, DELIMITER = "d" * 64, "liftgate_0123456789abcdef"


def read(text: str) -> dict[str, str]:
    """$GITHUB_OUTPUT as the runner reads it."""
    found, lines = {}, iter(text.split("\n"))
    for line in lines:
        if not line:
            continue
        name, heredoc, end = line.partition("<<")
        if heredoc and "=" not in name:
            found[name] = "\n".join(iter(lambda end=end: next(lines), end))  # type: ignore[misc]
        else:
            name, _, value = line.partition("=")
            found[name] = value
    return found


def waiting(usd: str, job_id: str) -> AliasOutcome:
    asked = Waiting("approval", digest=DIGEST)
    return AliasOutcome("toy", ("data",), "waiting", "", waiting=asked, digest=DIGEST, usd=usd, job_id=job_id)


def test_a_change_that_waits_for_its_training() -> None:
    done = AliasOutcome("a", ("data",), "pass", "", digest="e" * 64, usd="9")
    change = ChangeReport(("data", "evals"), "b", "a", (done, waiting(usd="12.40", job_id="ftjob-1")))
    assert outputs(change, "out dir") == {
        "verdict": "waiting",
        "change-kind": "data,evals",
        "digest": DIGEST,
        "needs-training": "true",
        "cost-usd": "12.40",
        "report-path": "out dir",
        "job-id": "ftjob-1",
    }


def test_every_output_is_there_when_nothing_could_be_judged() -> None:
    assert list(outputs(None)) == list(NAMES)
    assert (outputs(None)["verdict"], outputs(None)["needs-training"]) == ("error", "false")


@pytest.mark.parametrize("evil", ["a\nverdict=pass", "::set-output name=x::y", "${{ github.token }}", "EOF"])
def test_what_is_no_price_and_no_job_is_written_empty(evil: str) -> None:
    change = ChangeReport(("data",), "b", "a", (waiting(usd=evil, job_id=f"{evil} "),))
    assert (outputs(change)["cost-usd"], outputs(change)["job-id"]) == ("", "")


@given(
    st.dictionaries(st.sampled_from(NAMES), st.text(st.characters(codec="utf-8", exclude_characters="\r")))
)
def test_the_runner_reads_exactly_what_was_meant(values: dict[str, str]) -> None:
    assert read(render_outputs(values, DELIMITER)) == values


def test_a_guessed_delimiter_cannot_end_a_block() -> None:
    with pytest.raises(ValueError, match="holds the delimiter"):
        render_outputs({"digest": f"x\n{DELIMITER}\nverdict=pass"}, DELIMITER)
    with pytest.raises(ValueError, match="nobody can guess"):
        render_outputs({}, "EOF")


def test_plain_values_need_no_block() -> None:
    assert re.fullmatch(r"verdict=pass\n", render_outputs({"verdict": "pass"}, DELIMITER))
