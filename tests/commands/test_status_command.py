"""`liftgate status` over a real repository, its ledger of trainings and verdicts, and its table of ends."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from liftgate.cli import main
from liftgate.commands.sources.ledgers import open_ledger
from liftgate.training.ledger import lock_name, verdict_name
from toy_project import make_project

DIGEST = "ab" * 32
SUNSETS = (
    "version: 1\nsunsets:\n"
    '  - {provider: openai, model: base, shutdown_on: "2027-01-15", source: ours, checked_on: "2026-11-01", '
    "alternatives: []}\n"
)


def verdict(key: str, at: str, **more: Any) -> dict[str, Any]:
    return {
        "schema_version": 1, "entry": "verdict", "key": key * 32, "verdict": "pass", "alias": "toy",
        "manifest_digest": DIGEST, "results": "runs/toy", "report_sha256": key * 32, "metric": "exact_match",
        "n": 240, "lift": 0.08, "low": 0.04, "high": 0.12, "at": at, **more,
    }  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = make_project(tmp_path / "toy", tmp_path / "model")
    pins = "dataset: {version: 1.0.0, train_sha256: " + DIGEST + "}"
    (root / "models.yaml").write_text(
        "version: 1\nmodels:\n  toy:\n    default: {model_id: base, provider: openai}\n    variants:\n"
        f"      v1.0.0: {{model_id: tuned, provider: openai, base: base, {pins}, manifest_digest: {DIGEST}, "
        "flag: toy-v1, rollout_percent: 25, owner: us, on_call: pager}\n"
    )
    (root / "evals/sunsets.yaml").write_text(SUNSETS)
    ledger = open_ledger(str(root / "ledger"), root)
    ledger.keep(verdict_name("c1" * 32), verdict("c1", "2026-09-01T06:00:00Z"))
    # The same report under the key of its content is no second measurement.
    ledger.keep(
        verdict_name("c2" * 32), {**verdict("c2", "2026-09-01T06:01:00Z"), "report_sha256": "c1" * 32}
    )
    cycle = {"cycle": "c1" * 32, "verdict_key": "c1" * 32, "usd": "0.42"}
    ledger.keep(verdict_name("c3" * 32), verdict("c3", "2026-10-02T06:00:00Z", **cycle))
    lock = {
        "schema_version": 1, "entry": "lock", "digest": DIGEST, "attempt": 1, "holder": "desk/1",
        "at": "2026-08-31T00:00:00Z", "approval": None, "usd": "12.5", "price_sha256": DIGEST,
    }  # fmt: skip
    ledger.keep(lock_name(DIGEST, 1), lock)
    return root


def said(root: Path, *words: str) -> list[str]:
    return ["status", "--root", str(root), "--today", "2026-12-01", *words]


def test_ages_ends_lift_and_spend_come_from_what_is_recorded(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(said(project, "--ledger", str(project / "ledger"), "--json")) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    (alias,) = told["aliases"]
    (variant,) = alias["variants"]
    assert variant["stale"] == {"days": 30, "on": "2026-12-31", "never": False}
    assert variant["sunset"] == alias["default_sunset"] == {"days": 45, "on": "2027-01-15", "never": False}
    assert [point["at"] for point in alias["history"]] == ["2026-09-01T06:00:00Z", "2026-10-02T06:00:00Z"]
    assert [
        (m["month"], Decimal(m["training_usd"]), Decimal(m["evaluation_usd"])) for m in told["months"]
    ] == [
        ("2026-08", Decimal("12.5"), Decimal(0)),
        ("2026-10", Decimal(0), Decimal("0.42")),
    ]
    assert err == (
        "1 alias, 1 variant live on 2026-12-01. toy v1.0.0: stale in 30 days.\n"
        "\n"
        "toy: base by default, ends in 45 days\n"
        "  v1.0.0: callers 25%; lift +8.0 points (+4.0 to +12.0); stale in 30 days; ends in 45 days\n"
        "\n"
        "spend by month (training + re-evaluation)\n"
        "  2026-08: 12.50 USD (12.50 USD + 0.00 USD)\n"
        "  2026-10: 0.42 USD (0.00 USD + 0.42 USD)\n"
    )


def test_one_file_is_written_and_the_same_day_gives_the_same_bytes(project: Path, tmp_path: Path) -> None:
    pages = [tmp_path / "one.html", tmp_path / "two.html"]
    for page in pages:
        assert main(said(project, "--ledger", str(project / "ledger"), "--html", str(page))) == 0
    assert pages[0].read_bytes() == pages[1].read_bytes()
    assert "+8.0 points (+4.0 to +12.0)" in pages[0].read_text("utf-8")


def test_without_ledger_or_table_the_page_says_what_it_does_not_know(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "evals/sunsets.yaml").unlink()
    assert main(said(project, "--ledger", str(project / "nowhere"))) == 0
    told = capsys.readouterr().err
    assert "toy v1.0.0: nothing says when it was evaluated." in told
    assert "note: No ledger was read" in told
    assert "note: There is no evals/sunsets.yaml" in told


def test_an_edited_ledger_is_no_page(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = next((project / "ledger" / "verdicts").glob("*.json"))
    entry.write_text(entry.read_text().replace("0.08", "0.80"))
    assert main(said(project, "--ledger", str(project / "ledger"))) == 2
    assert "was edited after it was written" in capsys.readouterr().err
