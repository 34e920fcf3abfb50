"""A training on the team's own GPU costs money, too: the ledger's approval lets it start, nothing is written there."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra local")

from liftgate.cli import main
from liftgate.project import read_subject
from liftgate.training.base_model import pinned_revision, resolve_base
from toy_project import make_project


@pytest.fixture
def project(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_ACTOR"):
        monkeypatch.delenv(name, raising=False)
    root = make_project(tmp_path / "project", tiny_model)
    dear(root, "3.60")
    return root


def dear(root: Path, usd_per_hour: str) -> None:
    path = root / "evals" / "prices.yaml"
    rest = path.read_text().split("\n", 3)[3]
    path.write_text(
        f'version: 1\nprices:\n  - {{provider: local, model: "*", usd_per_hour: "{usd_per_hour}", '
        f'tokens_per_second: 10, source: ours, checked_on: "2026-11-25"}}\n{rest}'
    )


def digest_of(root: Path) -> str:
    subject = read_subject(root, "toy")
    return subject.manifest(pinned_revision(str(subject.training["base"]))).digest


def train(root: Path, *words: str) -> int:
    places = ("--root", str(root), "--store", str(root / "store"), "--ledger", str(root / "ledger"))
    return main(["train", "--alias", "toy", *places, *words])


def approve(root: Path, by: str = "owner") -> int:
    words = ["approve", "--alias", "toy", "--digest", digest_of(root), "--by", by, "--author", "ann"]
    return main([*words, "--root", str(root), "--ledger", str(root / "ledger")])


def test_the_revision_of_a_base_is_known_without_loading_it(tiny_model: Path) -> None:
    assert pinned_revision(str(tiny_model)) == resolve_base(str(tiny_model)).revision
    assert pinned_revision("embedded").startswith("sha256:b179c952")
    assert pinned_revision(f"org/model@{'a' * 40}") == "a" * 40


def test_a_priced_training_starts_once_it_is_approved(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(project) == 10
    assert "needs an approval; nothing was started [approval-missing]" in capsys.readouterr().err
    assert approve(project, by="ann") == 2
    assert approve(project) == 0
    assert "liftgate run --alias toy" in capsys.readouterr().err
    assert train(project, "--author", "bob") == 10
    assert "for the change of another author" in capsys.readouterr().err
    assert train(project, "--change", "pull/8") == 10
    assert "it is for another change" in capsys.readouterr().err
    held = sorted(each.name for each in (project / "ledger").rglob("*.json"))
    assert train(project, "--author", "ann") == 0
    assert sorted(each.name for each in (project / "ledger").rglob("*.json")) == held
    # What is trained needs no approval any more.
    dear(project, "36")
    assert train(project) == 0


def test_an_approval_is_void_when_the_price_or_the_rows_changed(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert approve(project) == 0
    dear(project, "7.20")
    assert train(project) == 10
    assert "the price has changed since" in capsys.readouterr().err


def test_a_price_above_the_approved_ceiling_starts_nothing(
    project: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tokenizer that makes far more of the rows than any that was measured."""
    monkeypatch.setattr("liftgate.training.billing.MOST_SHARE", Decimal("0.76"))
    assert approve(project) == 0
    assert train(project) == 10
    told = capsys.readouterr().err
    assert "by the model's own tokenizer [approval-missing]" in told
    assert not (project / "store" / "adapters").exists()
