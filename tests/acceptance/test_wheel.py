"""The wheel, built as a release builds it, in an environment with nothing else, away from any checkout."""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.acceptance


def run(folder: Path, *words: str, home: Path) -> subprocess.CompletedProcess[str]:
    """A command as somebody has it who knows nothing but PATH."""
    environment = {
        "PATH": f"{home / 'venv/bin'}{os.pathsep}/usr/bin{os.pathsep}/bin",
        "HOME": str(home),
        "GIT_CEILING_DIRECTORIES": str(folder.parent),
        **{
            f"GIT_{role}_{part}": "t@t.invalid"
            for role in ("AUTHOR", "COMMITTER")
            for part in ("NAME", "EMAIL")
        },
    }
    return subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("empty")
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": tools, "LIFTGATE_DIST": str(home / "dist")}
    environment.pop("GITHUB_REF_TYPE", None)
    done = subprocess.run(
        ["bash", str(ROOT / ".ci/build"), str(home)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return home


def test_init_and_doctor_work_outside_the_repository(home: Path, tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311 — reproducible, not secret
    words = [
        a + b for a in ("ka", "lo", "mi", "nu", "re", "so", "ta", "vi") for b in ("ban", "cor", "den", "fil")
    ]
    with (tmp_path / "tickets.csv").open("w", newline="", encoding="utf-8") as handle:
        rows = [
            (" ".join(chance.sample(words, 9)), ("billing", "order", "refund")[i % 3]) for i in range(1200)
        ]
        csv.writer(handle).writerows([("ticket", "intent"), *rows])
    action = f"octo/liftgate@{'0' * 40}"
    made = run(tmp_path, "liftgate", "init", "desk", "--data", "tickets.csv", "--owner", "octo", "--action", action,
               home=home)  # fmt: skip
    assert made.returncode == 0, made.stderr
    validate, commit, last = [line.strip() for line in made.stdout.splitlines()[-3:]]
    for command in (validate, commit, last.replace("run", "plan")):
        done = run(tmp_path, "bash", "-c", command, home=home)
        assert done.returncode == 0, (command, done.stderr)
    assert "desk: validate → estimate → train → evaluate → compare → gate" in done.stdout + done.stderr
    assert (tmp_path / ".github/workflows/report.yml").is_file()
    doctor = run(tmp_path, "liftgate", "doctor", "--json", home=home)
    lines = json.loads(doctor.stdout)["lines"]
    # The alias trains here, and the empty environment has no torch: that is what is to fix, and how.
    assert [line["fix"] for line in lines if line["state"] == "fix"] == ["pip install 'liftgate[local]'"]
    assert doctor.returncode == 10


def test_a_missing_extra_is_one_sentence(home: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"messages": [{"role": "user", "content": "hello"}]}\n')
    done = run(tmp_path, "liftgate", "validate", "rows.jsonl", "--with", "secrets", home=home)
    assert done.returncode == 3, done.stderr
    assert done.stderr.endswith("  hint: pip install 'liftgate[secrets]'\n")


def test_the_wheel_is_the_program_and_its_templates_and_nothing_else(home: Path) -> None:
    import zipfile

    (wheel,) = (home / "dist").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].removesuffix(".dist-info").split("-")[0] for name in names} == {"liftgate"}
    source = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src/liftgate").rglob("*")}
    templates = {name for name in names if name.startswith("liftgate/onboarding/templates/")}
    assert {name for name in names if name.startswith("liftgate/")} - templates <= source
    assert {f"liftgate/onboarding/templates/evals/{name}.yaml" for name in ("prices", "sunsets")} <= templates
