"""`liftgate train` asks the provider for its limits and for the end of the base before it creates a job."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("openai", reason="needs the extra openai")

from hosted_project import approve, make_hosted_project, train
from openai_finetuning_server import FineTuningServer
from openai_submissions import BASE


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FineTuningServer]:
    with FineTuningServer() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        for name in ("GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_ACTOR"):
            monkeypatch.delenv(name, raising=False)
        yield running


@pytest.fixture
def project(tmp_path: Path, server: FineTuningServer) -> Path:
    root = make_hosted_project(tmp_path, server.url)
    assert approve(root) == 0
    return root


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err.splitlines()[-1]


def test_a_base_that_openai_ends_sooner_than_our_table_knows_is_not_trained_on(
    project: Path, server: FineTuningServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.models[BASE] = "2026-11-01"
    assert train(project) == 10
    assert (
        f"error: openai {BASE} and what is trained on it ended on 2026-11-01; the policy wants 180 days; "
        "train instead on" in said(capsys)
    )
    assert (server.jobs, server.files) == ({}, {})


def test_a_dataset_over_the_limits_is_not_uploaded(
    project: Path, server: FineTuningServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.limits = {"data": [{"model": BASE, "max_examples": 11, "max_epochs": 2}]}
    assert train(project) == 10
    assert capsys.readouterr().err.splitlines()[-2:] == [
        f"error: 12 rows, and the provider takes 11 for one job on {BASE} [over-model-limit]",
        f"error: 3 epochs, and the provider takes 2 for one job on {BASE} [over-model-limit]",
    ]
    assert (server.jobs, server.files) == ({}, {})


@pytest.mark.parametrize("mode", ["403", "404", "500"])
def test_limits_that_cannot_be_asked_for_warn_and_the_launch_goes_on(
    project: Path, server: FineTuningServer, capsys: pytest.CaptureFixture[str], mode: str
) -> None:
    server.fail("GET", "/fine_tuning/model_limits", mode, times=3)
    assert train(project) == 5
    assert "\nwarning: the limits are not known: openai " in f"\n{capsys.readouterr().err}"
    assert len(server.jobs) == 1


def test_an_end_that_cannot_be_asked_for_is_left_to_our_table(
    project: Path, server: FineTuningServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.fail("GET", "/models/.*", "500", times=3)
    assert train(project) == 5
    assert "warning: the end of the base is ours to know: openai answered 500" in capsys.readouterr().err
    assert len(server.jobs) == 1


def test_nothing_is_launched_while_nobody_says_how_long_the_base_lives(
    tmp_path: Path, server: FineTuningServer
) -> None:
    root = make_hosted_project(tmp_path, server.url)
    table = root / "evals" / "sunsets.yaml"
    table.write_text(table.read_text().replace(BASE, "gpt-other"))
    assert approve(root) == 0
    server.fail("GET", "/models/.*", "500", times=3)
    assert train(root) == 4
    assert server.jobs == {}
    assert train(root) == 5
    assert len(server.jobs) == 1
