"""Must show: killed at twenty random steps, a training ends with the very adapter of an undisturbed one."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from killed_training import kill_at, start, train
from liftgate.training.adapters import Adapter, read_adapter
from toy_project import make_project

pytestmark = [pytest.mark.acceptance, pytest.mark.local]
KILLS = 20
STEPS = 30
SEED = 20261126
LIFTGATE = Path(sys.executable).with_name("liftgate")


def project_at(root: Path, tiny_model: Path, steps: int) -> Path:
    root = make_project(root, tiny_model, epochs=5)
    card = root / "datasets" / "toy" / "card.yaml"
    card.write_text(
        card.read_text().replace(
            "rank: 4", f"rank: 4, dropout: 0.1, checkpoints: {{steps: {steps}, keep: 2}}"
        )
    )
    return root


def adapter_in(store: Path) -> Adapter:
    (folder,) = (store / "adapters").iterdir()
    return read_adapter(folder)


def test_killed_at_twenty_random_steps_it_ends_with_the_undisturbed_adapter(
    tmp_path: Path, tiny_model: Path
) -> None:
    project = project_at(tmp_path / "project", tiny_model, 4)
    assert train(project, tmp_path / "undisturbed") == 0
    expected = adapter_in(tmp_path / "undisturbed")
    draw = random.Random(SEED)  # noqa: S311 - reproducible, not a secret
    went_on_from = []
    for number, step in enumerate(draw.sample(range(1, STEPS), KILLS)):
        store = tmp_path / str(number)
        kill_at(start(project, store), store, step)
        assert not (store / "adapters").exists(), step
        assert train(project, store) == 0
        adapter = adapter_in(store)
        went_on_from.append(adapter.evidence["resumed_from_step"])
        assert adapter.sha256 == expected.sha256, step
        assert adapter.evidence["losses"] == expected.evidence["losses"], step
    assert len(set(went_on_from)) > 3


SCRIPT = """\
set -u
mount -t tmpfs -o size=1m tmpfs "$STORE"
"$LIFTGATE" train --alias toy --root "$ROOT" --store "$STORE"
echo "first $?"
find "$STORE" -name 'checkpoint-*' | sed 's/.*-/kept /'
mount -o remount,size=64m "$STORE"
"$LIFTGATE" train --alias toy --root "$ROOT" --store "$STORE"
echo "second $?"
cp -r "$STORE/adapters" "$OUT"
"""


def test_a_disk_that_is_really_full_keeps_the_last_checkpoint(tmp_path: Path, tiny_model: Path) -> None:
    unshare = shutil.which("unshare")
    if (
        unshare is None
        or subprocess.run([unshare, "-Urm", "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no mount namespace of our own here")
    project = project_at(tmp_path / "project", tiny_model, 2)
    card = project / "datasets" / "toy" / "card.yaml"
    card.write_text(card.read_text().replace("keep: 2", "keep: 50"))
    assert train(project, tmp_path / "undisturbed") == 0
    store = tmp_path / "store"
    store.mkdir()
    environment = {
        "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
        "HOME": str(tmp_path),
        "OMP_NUM_THREADS": "1",
        "LIFTGATE": str(LIFTGATE),
        "ROOT": str(project),
        "STORE": str(store),
        "OUT": str(tmp_path / "out"),
    }
    done = subprocess.run(
        [unshare, "-Urm", "sh", "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False
    )
    assert "first 2\n" in done.stdout, done.stderr
    assert "second 0\n" in done.stdout, done.stderr
    assert "cannot be written: the disk is full; the one of step " in done.stderr
    kept = {int(line.removeprefix("kept ")) for line in done.stdout.splitlines() if line.startswith("kept ")}
    assert f"the one of step {max(kept)} is kept" in done.stderr
    (folder,) = (tmp_path / "out").iterdir()
    assert read_adapter(folder).sha256 == adapter_in(tmp_path / "undisturbed").sha256
