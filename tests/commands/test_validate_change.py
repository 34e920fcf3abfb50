"""`liftgate validate --base`: the datasets of a pull request by the ruler of its base."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from liftgate.cli import main
from liftgate.config import schema
from toy_project import git, make_project, row, write_jsonl

FAR_AWAY = "2999-01-31"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository whose `main` holds everything, with a branch `change` checked out."""
    root = make_project(tmp_path / "toy", Path("/nowhere"))
    git(root, "init", "-q", "-b", "main")
    commit(root)
    git(root, "switch", "-q", "-c", "change")
    return root


def commit(root: Path) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", "x")


def land(root: Path, name: str, text: str) -> None:
    """Put a file on `main`, under the change."""
    git(root, "switch", "-q", "main")
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)
    commit(root)
    git(root, "switch", "-q", "-C", "change")


def release(root: Path, *extra: dict[str, Any], version: str = "1.1.0") -> Path:
    """Commit a new version: the rows of 1.0.0 and some more."""
    folder = root / "datasets" / "toy"
    old = [json.loads(line) for line in (folder / "v1.0.0.train.jsonl").read_text().splitlines()]
    train = folder / f"v{version}.train.jsonl"
    sha256 = write_jsonl(train, [*old, *extra])
    half = folder / f"v{version}.validation.jsonl"
    shutil.copy(folder / "v1.0.0.validation.jsonl", half)
    with (folder / "card.yaml").open("a") as card:
        card.write(
            f"  - version: {version}\n    train: {{file: {train.name}, sha256: {sha256}}}\n"
            f"    validation: {{file: {half.name}, sha256: {hashlib.sha256(half.read_bytes()).hexdigest()}}}\n"
        )
    commit(root)
    return train


def extra(id_: str, text: str, intent: str = "refund") -> dict[str, Any]:
    made = row(0, intent, text)
    made["metadata"]["id"] = id_
    return made


MAIL = extra("n1", "kindly write to shop@example.com about the lamp that came back")


def validate(
    root: Path, capsys: pytest.CaptureFixture[str], *more: str, base: str | None = "main"
) -> tuple[int, dict[str, Any]]:
    code = main(["validate", "--root", str(root), *(["--base", base] if base else []), *more, "--json"])
    out = json.loads(capsys.readouterr().out)
    assert list(Draft202012Validator(schema("validation")).iter_errors(out)) == []
    return code, out


def said(change: dict[str, Any]) -> list[tuple[str, str, str, int | None]]:
    found = [*change["findings"], *(f for file in change["files"] for f in file["findings"])]
    return [(f["rule"], f["severity"], f["path"], f["line"]) for f in found]


def test_a_clean_release_passes_file_by_file(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    release(root, extra("n1", "the lantern flickers since friday, refund it"))
    code, change = validate(root, capsys)
    assert (code, change["outcome"], change["aliases"]["toy"]["release"]) == (0, "pass", "1.1.0")
    assert [(file["alias"], file["path"], file["rows"]) for file in change["files"]] == [
        ("toy", "datasets/toy/v1.1.0.train.jsonl", 25),
        ("toy", "datasets/toy/v1.1.0.validation.jsonl", 6),
    ]
    assert change["base"] == git(root, "rev-parse", "main").strip()


def test_golden_cases_policy_and_prompts_are_those_of_the_base(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    golden = root / "evals" / "toy" / "golden.jsonl"
    question = json.loads(golden.read_text().splitlines()[0])["messages"][0]["content"]
    (root / "evals" / "policy.yaml").write_text(
        "version: 1\nrules: {golden-leak: off, golden-power: off, small-bucket: off}\n"
    )
    release(root, extra("n1", question.upper()))
    code, change = validate(root, capsys)
    assert code == 10
    assert ("golden-leak", "error", "datasets/toy/v1.1.0.train.jsonl", 25) in said(change)
    assert [f["rule"] for f in change["findings"]] == ["split-this-pr"]
    leak = next(f for f in change["files"][0]["findings"] if f["rule"] == "golden-leak")
    assert leak["message"] == "same prompt as golden case 'refund-0' (evals/toy/golden.jsonl:1)"


WAIVER = f"""version: 1
waivers:
  - rule: pii
    rows: [n1]
    owner: ana
    reason: a public address
    expires: {FAR_AWAY}
"""


def test_a_waiver_in_the_base_counts_and_one_in_the_change_does_not(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    release(root, MAIL)
    (root / "evals" / "toy" / "waivers.yaml").write_text(WAIVER)
    commit(root)
    code, change = validate(root, capsys)
    assert code == 10
    assert ("pii", "error", "datasets/toy/v1.1.0.train.jsonl", 25) in said(change)
    git(root, "reset", "-q", "--hard", "main")
    land(root, "evals/toy/waivers.yaml", WAIVER)
    release(root, MAIL)
    code, change = validate(root, capsys)
    assert code == 0
    assert said(change) == [("pii", "notice", "datasets/toy/v1.1.0.train.jsonl", 25)]
    assert change["counts"] == {"errors": 0, "warnings": 0, "notices": 1, "waived": 1}
    assert change["files"][0]["waived"][0]["reason"] == "a public address"


def test_the_id_of_a_waived_row_lends_nothing_to_a_second_row(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    land(root, "evals/toy/waivers.yaml", WAIVER)
    release(root, MAIL, extra("n1", "another one: bob@example.com asks for the heater", "order"))
    _, change = validate(root, capsys)
    assert [f[1] for f in said(change) if f[0] == "pii"] == ["error", "error"]


def test_an_expired_and_a_misspelt_waiver_are_findings_at_their_line(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = WAIVER.replace(FAR_AWAY, "2020-01-31") + WAIVER.partition("waivers:\n")[2].replace("pii", "pi")
    land(root, "evals/toy/waivers.yaml", text)
    release(root, MAIL)
    code, change = validate(root, capsys)
    assert code == 10
    assert [(f["rule"], f["severity"], f["path"], f["line"]) for f in change["findings"]] == [
        ("waiver-expired", "warning", "evals/toy/waivers.yaml", 3),
        ("waiver-unused", "warning", "evals/toy/waivers.yaml", 8),
    ]


def test_a_change_of_nothing_that_is_gated_says_so(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "README.md").write_text("x")
    commit(root)
    assert main(["validate", "--root", str(root), "--base", "main"]) == 0
    assert capsys.readouterr().err == (
        "nothing to validate: no dataset changed, nor anything that one is held against\n"
    )
    code, change = validate(root, capsys)
    assert (code, change["files"], change["outcome"]) == (0, [], "pass")


def test_rows_that_are_not_committed_are_no_silent_pass(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "datasets" / "toy" / "v1.1.0.train.jsonl").write_text("{}\n")
    code, change = validate(root, capsys)
    assert code == 0
    assert said(change) == [("uncommitted-change", "warning", "datasets/toy/v1.1.0.train.jsonl", None)]


def test_a_named_alias_is_validated_though_nothing_of_it_changed(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, change = validate(root, capsys, "--alias", "toy")
    assert (code, len(change["files"])) == (0, 2)
    code, change = validate(root, capsys, "--alias", "toy", base=None)
    assert (code, len(change["files"]), change["base"]) == (0, 2, None)


def test_a_new_alias_without_a_ruler_is_blocked_with_the_way_and_its_rows_are_still_checked(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = root / "datasets" / "fresh"
    sha256 = write_jsonl(folder / "v1.0.0.train.jsonl", [MAIL])
    (folder / "card.yaml").write_text(
        "version: 1\nalias: fresh\ntask: classification\ndescription: d\nowner: us\nlicence: CC0-1.0\n"
        f"releases:\n  - version: 1.0.0\n    train: {{file: v1.0.0.train.jsonl, sha256: {sha256}}}\n"
    )
    commit(root)
    code, change = validate(root, capsys)
    assert code == 10
    rules = {rule for rule, *_ in said(change)}
    assert {"unknown-alias", "pii"} <= rules


def test_the_way_that_a_new_alias_is_told_to_go_is_open(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(root / "evals" / "toy", root / "evals" / "fresh")
    commit(root)
    code, change = validate(root, capsys)
    assert (code, said(change), change["files"]) == (0, [], [])


def test_a_dataset_without_a_card_is_blocked_and_its_changed_rows_are_still_checked(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = release(root, MAIL)
    train.with_name("card.yaml").unlink()
    commit(root)
    code, change = validate(root, capsys)
    assert code == 10
    assert ("missing-card", "error", "datasets/toy/card.yaml", None) in said(change)
    assert ("pii", "error", "datasets/toy/v1.1.0.train.jsonl", 25) in said(change)


def test_a_release_without_its_file_is_blocked_at_the_line_of_the_card(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    release(root, MAIL)
    for path in (root / "datasets" / "toy").glob("v1.1.0.*"):
        path.unlink()
    commit(root)
    code, change = validate(root, capsys)
    assert code == 10
    assert said(change) == [("missing-dataset-file", "error", "datasets/toy/card.yaml", 12)] * 2


@pytest.mark.parametrize(("registered", "code", "severity"), [(True, 10, "error"), (False, 0, "warning")])
def test_a_deleted_dataset_blocks_while_its_alias_is_registered(
    root: Path, capsys: pytest.CaptureFixture[str], registered: bool, code: int, severity: str
) -> None:
    if not registered:
        land(root, "models.yaml", (root / "models.yaml").read_text().replace("  toy:", "  other:"))
    shutil.rmtree(root / "datasets" / "toy")
    commit(root)
    got, change = validate(root, capsys)
    assert (got, said(change)) == (code, [("dataset-deleted", severity, "datasets/toy", None)])


def test_an_edited_release_is_not_hidden_behind_a_symlinked_folder(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "datasets").rename(root / "moved")
    (root / "datasets").symlink_to("moved")
    (root / "moved" / "toy" / "v1.0.0.train.jsonl").write_text("{}\n")
    commit(root)
    assert main(["validate", "--root", str(root), "--base", "main"]) in {2, 10}
    assert "symlink" in capsys.readouterr().err


def test_a_symlink_is_not_followed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = release(root)
    train.unlink()
    train.symlink_to("/etc/passwd")
    commit(root)
    code, change = validate(root, capsys)
    assert code == 10
    assert ("not-a-plain-file", "error", "datasets/toy/v1.1.0.train.jsonl", None) in said(change)
    assert [file["path"] for file in change["files"]] == ["datasets/toy/v1.1.0.validation.jsonl"]


def test_every_file_that_cannot_be_used_is_told_in_one_run(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    land(root, "evals/policy.yaml", "version: 1\nno_such_key: 1\n")
    land(root, "evals/toy/golden.jsonl", "nonsense\n")
    land(root, "evals/toy/waivers.yaml", "version: 1\nwaivers: 7\n")
    (root / "datasets" / "toy" / "card.yaml").write_text("version: 1\n")
    commit(root)
    base = git(root, "rev-parse", "main")[:12]
    assert main(["validate", "--root", str(root), "--base", "main"]) == 2
    err = capsys.readouterr().err
    for place in (f"{base}:evals/policy.yaml:2", f"{base}:evals/toy/golden.jsonl:1", "card.yaml:1"):
        assert place in err
    assert err.count("error: ") >= 3
    assert "Traceback" not in err


def test_one_file_with_everything_unreadable_is_told_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "policy.yaml").write_text("version: 1\nno_such_key: 1\nrules: {duplicat-row: off}\n")
    (tmp_path / "card.yaml").write_text("version: 7\n")
    (tmp_path / "golden.jsonl").write_text("nonsense\n")
    words = [f"--{name}={tmp_path / name}.yaml" for name in ("policy", "card", "waivers")]
    words += ["--golden", str(tmp_path / "golden.jsonl"), "--golden", str(tmp_path / "absent.jsonl")]
    assert main(["validate", str(tmp_path / "rows.jsonl"), *words, "--encoding", "latin"]) == 2
    err = capsys.readouterr().err.replace(f"{tmp_path}/", "")
    heads = [line for line in err.splitlines() if line.startswith("error: ")]
    assert sorted(heads) == [
        "error: 'latin' is not an encoding here",
        "error: absent.jsonl: no such golden set",
        "error: card.yaml has 7 problems",
        "error: golden.jsonl has 1 problem",
        "error: policy.yaml has 1 problem",
        "error: policy.yaml sets the severity of rules that do not exist",
        "error: rows.jsonl: no such dataset",
        "error: waivers.yaml: no such waivers",
    ]
    assert "policy.yaml:3 $.rules['duplicat-row']" in err
    assert "did you mean 'duplicate-row'?" in err


def test_a_policy_that_lowers_what_cannot_be_waived_is_told_in_every_report(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = (root / "evals" / "policy.yaml").read_text()
    land(root, "evals/policy.yaml", policy.replace("{golden", "{secret: off, gate-rule-lowered: off, golden"))
    release(root)
    assert main(["validate", "--root", str(root), "--base", "main"]) == 2
    assert "'gate-rule-lowered' is not a rule whose severity a policy sets" in capsys.readouterr().err
    git(root, "reset", "-q", "--hard", "main")
    land(root, "evals/policy.yaml", policy.replace("{golden", "{secret: off, golden"))
    release(root)
    code, change = validate(root, capsys)
    assert code == 0
    assert said(change) == [("gate-rule-lowered", "warning", "evals/policy.yaml", 3)]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ([], "give FILE.jsonl, --base REF or --alias NAME"),
        (["x.jsonl", "--alias", "toy"], "leave the file out"),
        (["--alias", "toy", "--golden", "g.jsonl"], "the repository's own files are used"),
        (["--alias", "toy", "--annotations"], "give --base REF"),
        (["--alias", "tou"], "did you mean 'toy'"),
        (["--base", "nowhere"], "fetch it first"),
        (["--explain", "duplicat-row"], "did you mean 'duplicate-row'"),
    ],
)
def test_words_that_do_not_go_together_are_refused_with_a_hint(
    root: Path, capsys: pytest.CaptureFixture[str], words: list[str], hint: str
) -> None:
    assert main(["validate", "--root", str(root), *words]) == 2
    assert hint in capsys.readouterr().err


def test_a_rule_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "--explain", "duplicate-row"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("duplicate-row\n\nA row repeats")
    assert "Fix: keep one of them." in out
    assert main(["validate", "--explain", "waiver-expired"]) == 0


def test_an_id_with_two_meanings_is_explained_with_both(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "--explain", "unknown-model"]) == 0
    told = """\
unknown-model

In a promotion: No finished job of the ledger made this model.
Fix: correct the id; for a model that was trained elsewhere, lower this rule in the policy's `rules`.

Elsewhere: Requests went to a model, or by an alias, that `models.yaml` does not name.
Why: somebody serves a model that no gate has seen.
Fix: register it, or find who sends them; the finding names the first line of the log.
Severity: error.
"""
    assert capsys.readouterr().out == told
    assert main(["validate", "--explain", "report-gone"]) == 2
    assert capsys.readouterr().err.startswith("error: 'report-gone' is not the id of a finding")


def test_on_actions_lines_of_the_diff_are_annotated_and_the_rest_is_in_the_summary(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    train = release(root, MAIL, MAIL | {"metadata": {**MAIL["metadata"], "id": "n2"}})
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    assert main(["validate", "--root", str(root), "--base", "main", "--json"]) == 10
    out, err = capsys.readouterr()
    assert json.loads(out)["outcome"] == "block"
    name = "datasets/toy/" + train.name
    assert err == "".join(
        f"::error file={name},line={line},title=Liftgate%3A {rule}::{message}%0A"
        f"Why, and how to fix it: docs/rules.md#{rule}\n"
        for rule, line, message in [
            ("pii", 25, "holds an e-mail address"),
            ("duplicate-row", 26, "repeats line 25"),
            ("pii", 26, "holds an e-mail address"),
        ]
    )
    assert (tmp_path / "summary.md").read_text() == SUMMARY


SUMMARY = """\
## Liftgate data gate: blocked, 3 errors in 2 files

| file | rows | tokens | errors | warnings | notices | outcome |
| --- | --: | --: | --: | --: | --: | --- |
| `datasets/toy/v1.1.0.train.jsonl` | 26 | 1,016 | 3 | 0 | 0 | **✗ block** |
| `datasets/toy/v1.1.0.validation.jsonl` | 6 | 235 | 0 | 0 | 0 | ✓ pass |

| rule | errors | warnings | notices |
| --- | --: | --: | --: |
| `pii` | 2 | 0 | 0 |
| `duplicate-row` | 1 | 0 | 0 |

### Findings

What each rule means and how to fix it: docs/rules.md

- **error** `pii` `datasets/toy/v1.1.0.train.jsonl:25`: holds an e-mail address
- **error** `duplicate-row` `datasets/toy/v1.1.0.train.jsonl:26`: repeats line 25
- **error** `pii` `datasets/toy/v1.1.0.train.jsonl:26`: holds an e-mail address
"""


def test_a_summary_that_cannot_be_written_changes_nothing(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    release(root)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    assert main(["validate", "--root", str(root), "--base", "main", "--annotations"]) == 0
    assert "the job summary cannot be written: Is a directory" in capsys.readouterr().err


def test_people_read_places_one_sum_and_where_to_go_on(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    land(root, "evals/toy/waivers.yaml", WAIVER)
    release(root, MAIL, extra("n2", "where is my parcel, the amber one", "refund"), {"messages": []})
    assert main(["validate", "--root", str(root), "--base", "main"]) == 10
    assert capsys.readouterr().err == PEOPLE


PEOPLE = """\
datasets/toy/v1.1.0.train.jsonl:27: error: $.messages: must not be empty [schema]
datasets/toy/v1.1.0.train.jsonl:25: notice: holds an e-mail address (waived by ana until 2999-01-31: a public address)\
 [pii]
datasets/toy/v1.1.0.train.jsonl: 27 rows, 1,014 tokens (o200k_base): block
datasets/toy/v1.1.0.validation.jsonl: 6 rows, 235 tokens (o200k_base): pass
toy: 12 golden cases pass a true lift of +30.0 points 80% of the time; 195 more would do for +6.0 points
toy: golden cases to add: intent=billing 36, intent=order 36, intent=refund 36
blocked, 1 error, 1 notice (1 waived) in 2 files
why, and how to fix it: liftgate validate --explain schema (all rules: docs/rules.md)
"""


POWER = ("golden-power", "small-bucket")


def without_rules(root: Path) -> str:
    lines = (root / "evals" / "policy.yaml").read_text().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("rules:"))


def test_what_the_golden_set_can_prove_is_told_once_for_an_alias(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    land(root, "evals/policy.yaml", without_rules(root))
    release(root, extra("n1", "the lantern flickers since friday, refund it"))
    code, change = validate(root, capsys)
    assert (code, len(change["files"])) == (0, 2)
    assert said(change) == [(rule, "warning", "evals/toy/golden.jsonl", None) for rule in POWER]
    power = change["aliases"]["toy"]["power"]
    assert (power["cases"], power["measured_in_reports"]) == (12, 0)
    assert [bucket["name"] for bucket in power["small_buckets"]] == ["billing", "order", "refund"]


def test_a_small_bucket_of_high_risk_blocks_before_anything_is_paid(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    land(root, "evals/policy.yaml", without_rules(root))
    suite = (root / "evals" / "toy" / "suite.yaml").read_text()
    land(root, "evals/toy/suite.yaml", suite.replace("buckets: [intent]", "buckets: [intent, risk]"))
    golden = [json.loads(line) for line in (root / "evals" / "toy" / "golden.jsonl").read_text().splitlines()]
    for case in golden:
        case["buckets"]["risk"] = "high"
    land(root, "evals/toy/golden.jsonl", "".join(json.dumps(case) + "\n" for case in golden))
    release(root)
    code, change = validate(root, capsys)
    assert code == 10
    assert ("small-bucket", "error", "evals/toy/golden.jsonl", None) in said(change)


def test_a_change_of_the_ruler_is_told_what_the_new_golden_set_proves(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    golden = root / "evals" / "toy" / "golden.jsonl"
    golden.write_text("".join(golden.read_text().splitlines(keepends=True)[:6]))
    git(root, "commit", "-q", "-a", "-m", "fewer cases")
    _, change = validate(root, capsys)
    assert change["aliases"]["toy"]["power"]["cases"] == 6


def test_disagreement_that_sealed_reports_measured_is_used_and_no_other(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from liftgate.report.seal import seal

    counts = {"both": 60, "fixes": 20, "regressions": 9, "neither": 9}
    report = {"schema_version": 1, "comparison": {"lift": {"n": 98}, "counts": counts}}
    land(root, "evals/reports/toy/v1.json", json.dumps(seal(report)))
    land(root, "evals/reports/toy/v2.json", json.dumps({**seal(report), "alias": "altered"}))
    land(root, "evals/reports/toy/v3.json", "{")
    release(root)
    _, change = validate(root, capsys)
    power = change["aliases"]["toy"]["power"]
    assert (power["disagreement"], power["measured_in_reports"]) == (0.3, 1)


def test_one_file_with_its_suite_is_told_the_power_too(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = root / "datasets" / "toy" / "v1.0.0.train.jsonl"
    asked = ["validate", str(file), "--suite", str(root / "evals" / "toy" / "suite.yaml"), "--json"]
    main(asked)
    with_suite = json.loads(capsys.readouterr().out)
    assert with_suite["power"]["cases"] == 12
    assert {f["rule"] for f in with_suite["findings"] if f["path"].endswith("golden.jsonl")} == set(POWER)
    main([asked[0], asked[1], "--json"])
    assert "power" not in json.loads(capsys.readouterr().out)
