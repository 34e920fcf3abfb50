"""`liftgate decide`: exit codes, and what it says on the template's own document."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from liftgate.cli import main
from liftgate.digests import pretty
from liftgate.report.seal import seal
from report_examples import passing

ROOT = Path(__file__).parents[2]
ALIAS = "support-intent"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "evals" / ALIAS).mkdir(parents=True)
    for name in ("policy.yaml", f"{ALIAS}/decision.yaml"):
        shutil.copyfile(ROOT / "evals" / name, tmp_path / "evals" / name)
    return tmp_path


def decide(project: Path, *words: str) -> int:
    return main(["decide", ALIAS, "--root", str(project), *words])


def test_the_templates_document_is_told_what_it_lacks(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert decide(project, "--json") == 11
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert (told["outcome"], told["recommendation"], told["document"]) == ("incomplete", None, "fine-tune")
    missing = "a report of what was tried by a better prompt (prompt-v1, prompt-v2), by one golden set"
    assert told["missing"] == [missing]
    assert said.err.startswith(f"{ALIAS}: the matrix cannot tell yet; the document recommends fine-tune\n")
    assert f"  missing: {missing}\n" in said.err


def test_a_report_beside_tells_what_was_tried(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = json.loads(pretty(passing()))
    report["arms"] = [{**arm, "clears_bar": arm["kind"] == "prompt"} for arm in report["arms"]]
    (project / "report.json").write_bytes(pretty(seal(report)))
    assert decide(project, "--report", str(project / "report.json")) == 10
    said = "a better prompt by the matrix; the document recommends fine-tune"
    assert said in capsys.readouterr().err


def test_document_and_matrix_agree_or_differ(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = project / "evals" / ALIAS / "decision.yaml"
    cites = path.read_text("utf-8").replace("must_cite_sources: false", "must_cite_sources: true")
    path.write_text(cites, "utf-8")
    assert decide(project) == 10
    assert "retrieval by the matrix; the document recommends fine-tune" in capsys.readouterr().err
    path.write_text(cites.replace("recommendation: fine-tune", "recommendation: rag"), "utf-8")
    assert decide(project) == 0
    assert "retrieval, by the matrix and by the document" in capsys.readouterr().err


def test_what_is_not_there_is_bad_input(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decide", "support-intend", "--root", str(project)]) == 2
    assert "no decision document; did you mean 'support-intent'?" in capsys.readouterr().err
    assert decide(project, "--report", "nowhere.json") == 2
    (project / "evals" / ALIAS / "decision.yaml").write_text("version: 2\n")
    assert decide(project) == 2
