"""Local training: real, resumable to the bit, and refusing what it cannot train."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from liftgate.cli import main
from liftgate.training.adapters import read_adapter
from toy_project import at_step, make_project


def train(root: Path, store: Path) -> int:
    return main(["train", "--alias", "toy", "--root", str(root), "--store", str(store)])


def adapter_in(store: Path) -> str:
    (folder,) = (store / "adapters").iterdir()
    return read_adapter(folder).sha256


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """Sixty steps: three checkpoints."""
    return make_project(tmp_path_factory.mktemp("project"), tiny_model, epochs=10)


@pytest.fixture(scope="module")
def undisturbed(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("undisturbed")
    assert train(project, store) == 0
    return store


def test_the_loss_falls_and_the_folder_holds_no_pickle(undisturbed: Path) -> None:
    (folder,) = (undisturbed / "adapters").iterdir()
    losses = read_adapter(folder).evidence["losses"]
    assert [entry["step"] for entry in losses] == list(range(1, 61))
    assert losses[-1]["loss"] < losses[0]["loss"] * 0.9
    assert sorted(file.name for file in folder.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "liftgate-adapter.json",
    ]
    assert not (undisturbed / "work").exists() or not list((undisturbed / "work").iterdir())


def test_training_again_finds_the_adapter(
    project: Path, undisturbed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(project, undisturbed) == 0
    assert "already trained" in capsys.readouterr().err


@pytest.mark.parametrize("step", [5, 33, 59])
def test_a_crash_at_any_step_resumes_to_the_same_adapter(
    project: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    class Crash(BaseException):
        pass

    def crash() -> None:
        raise Crash

    with monkeypatch.context() as patched:
        at_step(patched, step, crash)
        with pytest.raises(Crash):
            train(project, tmp_path)
    assert not (tmp_path / "adapters").exists()
    assert train(project, tmp_path) == 0
    assert adapter_in(tmp_path) == adapter_in(undisturbed)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_request_to_stop_keeps_the_step_and_says_how_to_go_on(
    project: Path,
    undisturbed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
) -> None:
    with monkeypatch.context() as patched:
        at_step(patched, 27, lambda: signal.raise_signal(number))
        assert train(project, tmp_path) == 5
    err = capsys.readouterr().err
    assert "stopped at step 2" in err
    assert "liftgate train --alias toy" in err
    assert train(project, tmp_path) == 0
    assert adapter_in(tmp_path) == adapter_in(undisturbed)


def test_another_manifest_than_the_approved_one_is_refused(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(
        ["train", "--alias", "toy", "--root", str(project), "--store", str(tmp_path), "--digest", "0" * 64]
    )
    assert code == 2
    assert "estimate again" in capsys.readouterr().err


def test_a_row_over_the_limit_stops_with_its_line_and_is_never_cut(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_project(tmp_path / "root", tiny_model)
    train_file = root / "datasets" / "toy" / "v1.0.0.train.jsonl"
    rows = [json.loads(line) for line in train_file.read_text().splitlines()]
    secret = "heliotrope"
    rows[6]["messages"][1]["content"] = f"{secret} " * 600
    train_file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert train(root, tmp_path / "store") == 2
    err = capsys.readouterr().err
    assert "v1.0.0.train.jsonl:7: " in err
    assert "max_length is 512" in err
    assert secret not in err


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("rnk: 4", "did you mean 'rank'"),
        ("target_modules: [no_such_proj]", "no LoRA can be placed"),
        ("layers: [7]", "no LoRA can be placed"),
    ],
)
def test_a_training_section_that_cannot_work_is_refused(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str], written: str, said: str
) -> None:
    root = make_project(tmp_path / "root", tiny_model)
    card = root / "datasets" / "toy" / "card.yaml"
    card.write_text(card.read_text().replace("layers: all", written))
    assert train(root, tmp_path / "store") == 2
    assert said in capsys.readouterr().err


def test_a_full_disk_is_one_clear_error_and_nothing_half_written(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_project(tmp_path / "root", tiny_model)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("liftgate.training.tuning.publish.seal", full)
        assert train(root, tmp_path / "store") == 2
    err = capsys.readouterr().err
    assert "No space left on device" in err
    assert "liftgate train --alias toy" in err
    assert (
        not list((tmp_path / "store" / "adapters").glob("*"))
        if (tmp_path / "store" / "adapters").exists()
        else True
    )
    assert train(root, tmp_path / "store") == 0
