"""Whatever ends a training early, the next one goes on from its last checkpoint, and the weights are the same."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from killed_training import kill_at, start, steps_done, train
from liftgate.errors import ExitCode
from liftgate.training.adapters import Adapter, read_adapter
from liftgate.training.tuning import completions
from liftgate.training.tuning.checks import Watch
from liftgate.training.tuning.stops import bounded, last_checkpoint
from toy_project import at_step, make_project

pytestmark = pytest.mark.local
ALONE = {"rows_at_once": 4, "accumulation": 1, "processes": 1, "shared": False}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """Thirty steps, a checkpoint at every fourth, an hour that costs something."""
    root = make_project(tmp_path_factory.mktemp("project"), tiny_model, epochs=5)
    card = root / "datasets" / "toy" / "card.yaml"
    card.write_text(card.read_text().replace("rank: 4", "rank: 4, checkpoints: {steps: 4, keep: 2}"))
    prices = root / "evals" / "prices.yaml"
    prices.write_text(prices.read_text().replace('"0"', '"3.60", tokens_per_second: 100000', 1))
    policy = root / "evals" / "policy.yaml"
    policy.write_text(policy.read_text() + "cost: {auto_approve_usd: 5}\n")
    return root


@pytest.fixture(scope="module")
def undisturbed(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Adapter:
    store = tmp_path_factory.mktemp("undisturbed")
    assert train(project, store) == 0
    return adapter_in(store)


def adapter_in(store: Path) -> Adapter:
    (folder,) = (store / "adapters").iterdir()
    return read_adapter(folder)


def work_in(store: Path) -> Path:
    (folder,) = (store / "work").iterdir()
    return folder


def test_a_killed_training_goes_on_to_the_same_weights_and_the_status_says_how_it_stands(
    project: Path, undisturbed: Adapter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(project, tmp_path, "--status") == ExitCode.BAD_INPUT
    assert "holds no training" in capsys.readouterr().err
    said: list[str] = []

    def look() -> None:
        assert train(project, tmp_path, "--status") == ExitCode.STILL_RUNNING
        said.append(capsys.readouterr().err)

    kill_at(start(project, tmp_path), tmp_path, 11, then=look)
    assert said[0].startswith("still running and billing: step ")
    assert " of 30, $0.0" in said[0]
    # Later steps may have been written; the last lines after the checkpoint are trained again.
    assert steps_done(tmp_path) >= 11
    assert train(project, tmp_path) == 0
    adapter = adapter_in(tmp_path)
    assert adapter.evidence["resumed_from_step"] >= 8
    assert adapter.evidence["losses"] == undisturbed.evidence["losses"]
    assert adapter.sha256 == undisturbed.sha256
    assert train(project, tmp_path, "--status") == 0
    assert "done: adapter" in capsys.readouterr().err


def test_the_evidence_says_speed_memory_price_and_what_it_ran_on(undisturbed: Adapter) -> None:
    evidence = undisturbed.evidence
    assert evidence["tokens_per_second"] > 0
    assert evidence["peak_memory_bytes"] > 50_000_000
    assert evidence["layout"] == ALONE
    hours = evidence["seconds"] / 3600
    assert evidence["device_hours"] == pytest.approx(hours, abs=1e-4)
    assert evidence["usd_per_device_hour"] == "3.60"
    assert hours * 3.6 <= float(evidence["usd"]) <= hours * 3.6 + 0.01
    assert {"torch", "transformers", "peft", "accelerate"} <= set(evidence["environment"]["packages"])
    assert len(evidence["environment"]["packages_sha256"]) == 64


def test_losses_are_written_a_line_a_step_while_it_trains(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        at_step(patched, 13, lambda: signal.raise_signal(signal.SIGTERM))
        assert train(project, tmp_path) == ExitCode.STILL_RUNNING
    lines = [json.loads(line) for line in (work_in(tmp_path) / "losses.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line][:13] == list(range(1, 14))
    assert [line["step"] for line in lines if "validation_loss" in line] == [12]
    assert set(lines[0]) == {"step", "loss", "learning_rate", "grad_norm"}
    beat = json.loads((work_in(tmp_path) / "heartbeat.json").read_text())
    assert (beat["state"], beat["steps"], beat["usd_per_hour"]) == ("stopped", 30, "3.60")


def test_memory_that_runs_out_halves_the_rows_at_once_and_says_so(
    project: Path,
    undisturbed: Adapter,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = needs(monkeypatch, most_rows=2, from_call=7)
    assert train(project, tmp_path) == 0
    assert (
        "warning: memory ran out with 4 rows at once: going on with 2, gathered 2 times; "
        "a step still trains on 4 rows\n"
    ) in capsys.readouterr().err
    adapter = adapter_in(tmp_path)
    assert adapter.evidence["layout"] == {**ALONE, "rows_at_once": 2, "accumulation": 2}
    assert adapter.evidence["resumed_from_step"] == 4
    assert adapter.record["manifest"] == undisturbed.record["manifest"]
    assert max(asked[7:]) == 2
    ours, theirs = ([e["loss"] for e in each.evidence["losses"]] for each in (adapter, undisturbed))
    assert ours == pytest.approx(theirs, rel=1e-4)


def test_what_ran_out_of_memory_once_is_remembered_by_the_next_command(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs(monkeypatch, most_rows=2, from_call=1)
    with monkeypatch.context() as patched:
        at_step(patched, 3, lambda: signal.raise_signal(signal.SIGTERM))
        assert train(project, tmp_path) == ExitCode.STILL_RUNNING
    asked = needs(monkeypatch, most_rows=2, from_call=1)
    assert train(project, tmp_path) == 0
    assert max(asked) == 2


def test_a_row_that_does_not_fit_alone_is_refused_with_a_way_out(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    needs(monkeypatch, most_rows=0, from_call=1)
    assert train(project, tmp_path) == ExitCode.PROVIDER_FAILED
    err = capsys.readouterr().err
    assert "memory ran out with one row at once; the longest row has " in err
    assert "gradient_checkpointing: true or method: qlora" in err


def needs(monkeypatch: pytest.MonkeyPatch, *, most_rows: int, from_call: int) -> list[int]:
    """A device that holds so many rows, from the given forward pass on; returns how many each was asked for."""
    import torch

    asked: list[int] = []
    real = completions.completion_loss

    def bounded_loss(model: Any, inputs: dict[str, Any], library: Any) -> Any:
        rows = len(inputs["labels"])
        if model.training:
            asked.append(rows)
        if model.training and rows > most_rows and len(asked) >= from_call:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return real(model, inputs, library)

    monkeypatch.setattr(completions, "completion_loss", bounded_loss)
    return asked


def test_a_loss_that_is_no_number_keeps_the_last_checkpoint(
    project: Path,
    undisturbed: Adapter,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    real = completions.completion_loss
    calls: list[int] = []

    def burst(model: Any, inputs: dict[str, Any], library: Any) -> Any:
        calls.extend([1] * model.training)
        loss, count, logits = real(model, inputs, library)
        broken = model.training and len(calls) == 15
        return (loss * float("nan") if broken else loss), count, logits

    with monkeypatch.context() as patched:
        patched.setattr(completions, "completion_loss", burst)
        assert train(project, tmp_path) == ExitCode.PROVIDER_FAILED
    assert "the loss is not a number at step 15" in capsys.readouterr().err
    kept = last_checkpoint(work_in(tmp_path))
    assert kept is not None
    assert kept.name == "checkpoint-12"
    assert train(project, tmp_path, "--status") == ExitCode.PROVIDER_FAILED
    assert "failed at step 14 of 30" in capsys.readouterr().err
    assert train(project, tmp_path) == 0
    assert adapter_in(tmp_path).sha256 == undisturbed.sha256


@pytest.mark.parametrize(
    ("where", "error"),
    [
        ("torch.save", OSError(28, "No space left on device")),
        ("torch.save", RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed")),
    ],
)
def test_a_disk_that_is_full_at_a_checkpoint_keeps_the_one_before(
    project: Path,
    undisturbed: Adapter,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    where: str,
    error: Exception,
) -> None:
    import torch

    real = torch.save
    wrote: list[str] = []

    def full(value: Any, target: Any, *given: Any, **named: Any) -> None:
        wrote.append(str(target))
        if "checkpoint-8/" in str(target):
            raise error
        real(value, target, *given, **named)

    with monkeypatch.context() as patched:
        patched.setattr(where, full)
        assert train(project, tmp_path) == ExitCode.BAD_INPUT
    err = capsys.readouterr().err
    assert "the checkpoint of step 8 cannot be written: the disk is full; the one of step 4 is kept" in err
    assert "make room, then: liftgate train --alias toy" in err
    assert wrote
    assert not (work_in(tmp_path) / "checkpoint-8").exists()
    assert train(project, tmp_path) == 0
    assert adapter_in(tmp_path).evidence["resumed_from_step"] == 4
    assert adapter_in(tmp_path).sha256 == undisturbed.sha256


def test_a_checkpoint_cut_short_by_a_kill_is_not_gone_on_from(
    project: Path, undisturbed: Adapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        at_step(patched, 14, lambda: signal.raise_signal(signal.SIGTERM))
        assert train(project, tmp_path) == ExitCode.STILL_RUNNING
    newest = last_checkpoint(work_in(tmp_path))
    assert newest is not None
    state = newest / "trainer_state.json"
    state.write_bytes(state.read_bytes()[:-200])
    (work_in(tmp_path) / "checkpoint-99").mkdir()
    assert train(project, tmp_path) == 0
    assert adapter_in(tmp_path).evidence["resumed_from_step"] == 12
    assert adapter_in(tmp_path).sha256 == undisturbed.sha256


def test_a_deadline_stops_after_the_running_step_and_keeps_it(
    project: Path, undisturbed: Adapter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(project, tmp_path, "--deadline", "0.001") == ExitCode.STILL_RUNNING
    err = capsys.readouterr().err
    assert "training stopped at step 1 of 30: its deadline came; the step is kept" in err
    assert train(project, tmp_path, "--status") == ExitCode.STILL_RUNNING
    assert "stopped at step 1 of 30" in capsys.readouterr().err
    assert train(project, tmp_path, "--resume") == 0
    assert adapter_in(tmp_path).sha256 == undisturbed.sha256


def test_a_step_that_hangs_is_ended_from_outside_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    left: list[int] = []
    hangs = threading.Event()

    def leave(code: int) -> None:
        left.append(code)
        hangs.set()

    watch = Watch()
    with bounded(watch, 5.0, 100.0, now=lambda: 105.0, leave=leave, grace_s=0.001):
        assert hangs.wait(60)
    assert left == [ExitCode.STILL_RUNNING]
    assert watch.stop
    assert watch.late
    assert "no step ended within" in capsys.readouterr().err


def test_what_ends_in_time_is_left_alone() -> None:
    left: list[int] = []
    watch = Watch()
    with bounded(watch, 5.0, 100.0, now=lambda: 100.0, leave=left.append):
        pass
    assert (left, watch.stop) == ([], False)
