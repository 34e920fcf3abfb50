"""`liftgate init ALIAS --data FILE`: from somebody's rows to an alias that the gate takes, and nothing overwritten."""

from __future__ import annotations

import csv
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import REAL_DATA
from liftgate.cli import main
from liftgate.config import check, load, parse_yaml
from liftgate.errors import ExitCode

_ENDS = ("ban", "cor", "den", "fil")
WORDS = [
    a + b for a in ("ka", "lo", "mi", "nu", "re", "so", "ta", "vi", "xe", "zo", "bra", "cle") for b in _ENDS
]
LABELS = ("billing", "order", "refund")
SYSTEM = "Route the message. Answer with one label."


def questions(count: int, seed: int = 0) -> list[tuple[str, str]]:
    """(question, label), every question other words."""
    chance = random.Random(seed)  # noqa: S311
    return [(" ".join(chance.sample(WORDS, 9)), LABELS[i % len(LABELS)]) for i in range(count)]


def write_table(path: Path, pairs: list[tuple[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows([("ticket", "intent"), *pairs])
    return path


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def chat(question: str, label: str) -> dict[str, Any]:
    said = [("system", SYSTEM), ("user", question), ("assistant", label)]
    return {"messages": [{"role": role, "content": text} for role, text in said]}


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def init(data: Path, root: Path, *more: str, alias: str = "desk") -> int:
    return main(["init", alias, "--data", str(data), "--root", str(root), *more])


def validated(root: Path, capsys: pytest.CaptureFixture[str]) -> tuple[str, set[str]]:
    """(outcome, ids of the rules that said something)."""
    capsys.readouterr()
    main(["validate", "--alias", "desk", "--root", str(root), "--json"])
    report = json.loads(capsys.readouterr().out)
    return str(report["outcome"]), set(re.findall(r'"rule": "([a-z-]+)"', json.dumps(report)))


SAID = """\
table.csv: 1,200 examples; UTF-8, comma between cells; question: column 'ticket'; answer: column 'intent'
  task: classification (by the answers, 3 labels); system prompt: from the command line
  824 training rows, 169 for validation, 207 golden cases
  warning: the system prompt names 0 of 3 labels, so a model that was not trained cannot answer, and any training \
looks like lift; prompt-v2 lists them

written:
  datasets/desk/card.yaml
  datasets/desk/v1.0.0.train.jsonl
  datasets/desk/v1.0.0.validation.jsonl
  evals/desk/decision.yaml
  evals/desk/golden.jsonl
  evals/desk/prompts/prompt-v1.yaml
  evals/desk/prompts/prompt-v2.yaml
  evals/desk/safety.jsonl
  evals/desk/suite.yaml
  evals/policy.yaml
  evals/prices.yaml
  evals/sunsets.yaml
  models.yaml
  .github/liftgate/schemas/ (10 schemas for your editor)

golden set, a proposal out of the rows: 207 cases; as many as the policy's lift asks for

to be said by people:
  evals/desk/decision.yaml: its questions, and what prompts reach (liftgate decide desk --measure); nothing is paid \
for or promoted before
  evals/desk/golden.jsonl: has a person looked at every case?
  evals/desk/safety.jsonl: a start of a few cases; which failure of yours must never happen?
  datasets/desk/card.yaml: owner, licence, data_classification, description, provenance, personal_data
  rows say source human, not reviewed, where they said nothing: --source, --reviewed
  CODEOWNERS: who must agree (--owner @org/team, or liftgate init --protect)
  .github/workflows: --action OWNER/NAME@COMMIT of Liftgate's repository copies them

next (the ruler lands before what it measures, on GitHub as a pull request of its own):
  liftgate validate --alias desk
  git init -q -b main && git add evals/desk evals/policy.yaml evals/prices.yaml evals/sunsets.yaml .github && \
git commit -q -m 'Ruler of desk' && git switch -q -c desk-v1 && git add datasets/desk models.yaml && \
git commit -q -m 'Dataset of desk'
  liftgate run --base main
"""


def test_from_a_table_in_an_empty_folder_to_an_alias_whose_next_commands_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    # The folder that pytest gives may lie in a repository; here none does.
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    data = write_table(Path("table.csv"), questions(1200))
    assert init(data, Path(), "--system-prompt", SYSTEM) == ExitCode.PASS
    assert capsys.readouterr().out == SAID
    assert validated(Path(), capsys) == ("pass", set())
    commands = [line.strip() for line in SAID.splitlines()[-3:]]
    who = {
        f"GIT_{role}_{part}": "t@t.invalid" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")
    }
    place = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    plan = [commands[0], commands[1], commands[2].replace("run", "plan")]
    for command in plan:
        done = subprocess.run(
            ["bash", "-c", command],
            env={**os.environ, **who, **place},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert done.stdout + done.stderr == (
        "change kinds: data, promotion\ndesk: validate → estimate → train → evaluate → compare → gate\n"
    )


def test_every_document_passes_its_schema_and_names_one_that_is_there(tmp_path: Path) -> None:
    data = write_table(tmp_path / "table.csv", questions(400))
    root = tmp_path / "new"
    assert init(data, root, "--owner", "@octo/team", "--locale", "en", "--classification", "internal") == 0
    documents = [path for path in root.rglob("*.yaml") if ".github" not in path.parts]
    assert len(documents) == 9
    for path in documents:
        first = path.read_text("utf-8").splitlines()[0]
        named = path.parent / first.removeprefix("# yaml-language-server: $schema=")
        assert named.is_file(), path
        problems = check(parse_yaml(path.read_bytes(), path.name), named.name.removesuffix(".schema.json"))
        expected = 6 if path.name == "decision.yaml" else 0
        assert len(problems) == expected, (path, problems)
    decision = parse_yaml((root / "evals/desk/decision.yaml").read_bytes(), "decision.yaml").data
    # What the data says is there; nobody's answer is invented.
    assert decision == {
        "version": 1,
        "alias": "desk",
        "requirements": {"labels": 3, "locales": ["en"], "labelled_rows": 300},
    }
    assert (root / ".github/CODEOWNERS").read_text("utf-8").splitlines()[3].split() == [
        "/evals/",
        "@octo/team",
    ]


def test_no_question_is_on_two_sides_and_the_examples_of_the_prompt_are_training_rows(tmp_path: Path) -> None:
    assert init(write_table(tmp_path / "table.csv", questions(600)), tmp_path / "new") == 0
    dataset, evals = tmp_path / "new/datasets/desk", tmp_path / "new/evals/desk"
    sides = [
        {row["messages"][-2]["content"] for row in rows_of(dataset / f"v1.0.0.{half}.jsonl")}
        for half in ("train", "validation")
    ]
    golden = {case["messages"][-1]["content"] for case in rows_of(evals / "golden.jsonl")}
    assert len(sides[0] | sides[1] | golden) == len(sides[0]) + len(sides[1]) + len(golden) == 600
    prompt = load((evals / "prompts/prompt-v2.yaml").read_bytes(), "prompt-v2.yaml", "prompt").data
    assert len(prompt["examples"]) == 3
    assert {example["input"] for example in prompt["examples"]} <= sides[0]


@pytest.mark.parametrize("form", ["chat", "completion", "keys"])
def test_json_lines_of_every_usual_form_are_taken(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = questions(300)
    rows = {
        "chat": [chat(*pair) for pair in pairs],
        "completion": [{"prompt": q, "completion": a} for q, a in pairs],
        "keys": [{"id": i, "text": q, "intent": a} for i, (q, a) in enumerate(pairs)],
    }[form]
    assert init(write_lines(tmp_path / "rows.jsonl", rows), tmp_path / "new") == 0
    outcome, rules = validated(tmp_path / "new", capsys)
    assert (outcome, rules - {"too-few-rows"}) == ("pass", {"golden-power", "small-bucket"})


def test_json_answers_are_extracted_and_graded_field_by_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"input": question, "output": {"intent": label, "number": index, "name": None if index % 4 else "x"}}
        for index, (question, label) in enumerate(questions(300))
    ]
    assert (
        init(write_lines(tmp_path / "rows.jsonl", rows), tmp_path / "new", "--system-prompt", "Read it.") == 0
    )
    suite = load((tmp_path / "new/evals/desk/suite.yaml").read_bytes(), "suite.yaml", "suite").data
    assert (suite["task"], [s if isinstance(s, str) else s["field"] for s in suite["scorers"]]) == (
        "extraction",
        ["exact_match", "json_valid", "intent", "number", "name"],
    )
    assert rows_of(tmp_path / "new/evals/desk/golden.jsonl")[0]["expected"].keys() == {
        "intent",
        "number",
        "name",
    }
    assert validated(tmp_path / "new", capsys)[0] == "pass"


def test_json_answers_of_a_few_kinds_are_classes_by_their_first_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"input": question, "output": json.dumps({"intent": label, "priority": ("high", "low")[index % 2]})}
        for index, (question, label) in enumerate(questions(900))
    ]
    assert (
        init(write_lines(tmp_path / "rows.jsonl", rows), tmp_path / "new", "--system-prompt", "Route it.")
        == 0
    )
    suite = load((tmp_path / "new/evals/desk/suite.yaml").read_bytes(), "suite.yaml", "suite").data
    assert (suite["task"], suite["buckets"]) == ("classification", ["intent"])
    row = rows_of(tmp_path / "new/datasets/desk/v1.0.0.train.jsonl")[0]
    assert row["metadata"]["label"] == json.loads(row["messages"][-1]["content"])["intent"]
    assert validated(tmp_path / "new", capsys) == ("pass", set())


def test_free_text_asks_for_a_scorer_that_suits_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"prompt": asked, "completion": f"{answer} indeed"} for (asked, _), (answer, _) in
            zip(questions(300), questions(300, seed=1), strict=True)]  # fmt: skip
    assert (
        init(write_lines(tmp_path / "rows.jsonl", rows), tmp_path / "new", "--system-prompt", "Write.") == 0
    )
    said = capsys.readouterr().out
    assert "task: style (by the answers)" in said
    assert "evals/desk/suite.yaml: exact_match asks too much of free text" in said
    assert validated(tmp_path / "new", capsys)[0] == "pass"


def test_a_question_with_two_answers_is_left_out_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = [
        *questions(300),
        ("Where is it?", "order"),
        ("where is it", "refund"),
        ("", "order"),
        ("alone", ""),
    ]
    pairs.append(pairs[0])
    assert init(write_table(tmp_path / "table.csv", pairs), tmp_path / "new") == 0
    left = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  left out")]
    assert left == [
        "  left out: 2 that give one question several answers",
        "  left out: 1 without an answer",
        "  left out: 1 without a question",
        "  left out: 1 that repeat a question",
    ]


def test_hostile_cells_stay_text_in_every_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = ["null", "yes: no", "- #x", "1e5", '{"a', "=1+1|'!A0", "*a &b", "%TAG", "ä\u2028\x85b", "@x `y`"]
    pairs = [
        (f"{question} {labels[i % 10]}", labels[i % 10]) for i, (question, _) in enumerate(questions(400))
    ]
    assert init(write_table(tmp_path / "table.csv", pairs), tmp_path / "new") == 0
    found = {
        row["messages"][-1]["content"] for row in rows_of(tmp_path / "new/datasets/desk/v1.0.0.train.jsonl")
    }
    assert found == set(labels)
    prompt = load((tmp_path / "new/evals/desk/prompts/prompt-v2.yaml").read_bytes(), "p.yaml", "prompt").data
    assert {example["output"] for example in prompt["examples"]} == set(labels)
    assert validated(tmp_path / "new", capsys)[0] == "pass"


def test_nothing_is_ever_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "repo"
    (root / "evals").mkdir(parents=True)
    (root / "evals/policy.yaml").write_text("version: 1\nmin_lift: 0.10\n")
    registry = "version: 1\nmodels:\n  # ours\n  old:\n    default: {model_id: m, provider: openai}\n"
    (root / "models.yaml").write_text(registry)
    data = write_table(tmp_path / "table.csv", questions(300))
    assert init(data, root) == ExitCode.PASS
    said = capsys.readouterr().out
    assert "  kept as it is: evals/policy.yaml\n" in said
    assert "  models.yaml (one entry more)\n" in said
    assert (root / "evals/policy.yaml").read_text() == "version: 1\nmin_lift: 0.10\n"
    assert (root / "models.yaml").read_text().startswith(registry + "  desk:\n    default:\n")
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    (root / "evals/desk/safety.jsonl").unlink()
    del before[root / "evals/desk/safety.jsonl"]
    assert init(data, root) == ExitCode.BAD_INPUT
    assert (
        capsys.readouterr().err == "error: models.yaml:6: desk is there already\n  hint: take another alias\n"
    )
    (root / "models.yaml").write_text(registry)
    assert init(data, root) == ExitCode.BAD_INPUT
    assert capsys.readouterr().err == (
        "error: 8 of the files of desk exist, and init overwrites none\n"
        "  datasets/desk/card.yaml: exists\n"
        "  datasets/desk/v1.0.0.train.jsonl: exists\n"
        "  datasets/desk/v1.0.0.validation.jsonl: exists\n"
        "  evals/desk/decision.yaml: exists\n"
        "  evals/desk/golden.jsonl: exists\n"
        "  evals/desk/prompts/prompt-v1.yaml: exists\n"
        "  evals/desk/prompts/prompt-v2.yaml: exists\n"
        "  evals/desk/suite.yaml: exists\n"
        "  evals/desk/safety.jsonl: would be written\n"
        "  hint: take another alias, or move these files away\n"
    )
    before[root / "models.yaml"] = registry.encode()
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_a_disk_that_refuses_half_way_leaves_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "repo"
    root.mkdir()
    (root / "evals").write_text("a file where a folder is wanted")
    data = write_table(tmp_path / "table.csv", questions(300))
    assert init(data, root) == ExitCode.BAD_INPUT
    assert capsys.readouterr().err == (
        "error: evals/desk: cannot be written: Not a directory; nothing was changed\n"
        "  hint: free the place and run the same command again\n"
    )
    assert [path.name for path in root.iterdir()] == ["evals"]


def test_a_dry_run_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "repo"
    assert init(write_table(tmp_path / "table.csv", questions(300)), root, "--dry-run") == 0
    assert "would write, with no --dry-run:\n  datasets/desk/card.yaml\n" in capsys.readouterr().out
    assert not root.exists()


def test_workflows_run_the_named_commit_of_the_action(tmp_path: Path) -> None:
    commit, root = "0123456789abcdef" * 2 + "01234567", tmp_path / "repo"
    data = write_table(tmp_path / "table.csv", questions(300))
    assert init(data, root, "--action", f"octo/liftgate@{commit}") == 0
    files = sorted((root / ".github/workflows").iterdir())
    own = Path(__file__).parents[2] / ".github/workflows"
    assert {path.name for path in files} == {path.name for path in own.iterdir()} - {"ci.yml", "release.yml"}
    text = "".join(path.read_text("utf-8") for path in files)
    assert "uses: ./" not in text
    wanted = sum(path.read_text("utf-8").count("uses: ./\n") for path in own.glob("*.yml"))
    assert text.count(f"uses: octo/liftgate@{commit}\n") == wanted > 0


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            ("--action", "octo/liftgate@v1"),
            "--action takes OWNER/NAME@COMMIT with the 40 hex digits of a commit",
        ),
        (("--provider", "openai"), "--provider openai needs --base-model"),
        (("--system-prompt", " "), "--system-prompt is empty"),
        (("--system-prompt", "a\x1bb"), "the system prompt holds a control character"),
        (("--input", "tickte"), "there is no column 'tickte'; did you mean 'ticket'?"),
        (("--cases", "0"), "--cases is a number of golden cases"),
        (("--protect",), "--protect sets up GitHub, ALIAS and --data a dataset; they are two commands"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(
    more: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_table(tmp_path / "table.csv", questions(300))
    assert init(data, tmp_path / "repo", *more) == ExitCode.BAD_INPUT
    assert said in capsys.readouterr().err
    assert not (tmp_path / "repo").exists()


@pytest.mark.parametrize("alias", ["Desk", "../desk", "reports", "a--b", "x" * 61])
def test_an_alias_is_words_and_hyphens(
    alias: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_table(tmp_path / "table.csv", questions(300))
    assert init(data, tmp_path / "repo", alias=alias) == ExitCode.BAD_INPUT
    assert capsys.readouterr().err.startswith("error: an alias is lower-case words joined by hyphens")


def test_bad_lines_are_all_named_and_no_row_is_quoted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = "kestrel-" * 4
    rows = [chat(secret, "order") for _ in range(3)]
    path = write_lines(tmp_path / "rows.jsonl", rows)
    path.write_text(path.read_text() + f'{{"messages": "{secret}"\n["{secret}"]\n')
    assert init(path, tmp_path / "new") == ExitCode.BAD_INPUT
    err = capsys.readouterr().err
    assert f"{path}:4: " in err
    assert f"{path}:5: expected an object; write one object a line\n" in err
    assert "kestrel" not in err


@pytest.mark.skipif(not REAL_DATA.is_dir(), reason="the shared data folder is not here")
@pytest.mark.parametrize(
    ("name", "labels"), [("clinc150/subset4.train.chat.jsonl", 61), ("banking77/train.chat.jsonl", 77)]
)
def test_real_data_becomes_an_alias_without_an_error(
    name: str, labels: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert init(REAL_DATA / name, tmp_path) == 0
    assert f"classification (by the answers, {labels} labels)" in capsys.readouterr().out
    outcome, rules = validated(tmp_path, capsys)
    assert outcome == "pass"
    assert rules <= {
        "near-duplicate-row",
        "contradictory-label",
        "small-bucket",
        "class-imbalance",
        "small-class",
    }


@pytest.mark.local
def test_the_gate_runs_on_what_init_wrote(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = write_table(Path("table.csv"), questions(90))
    assert init(data, Path(), "--system-prompt", "Route.", "--base-model", str(tiny_model)) == 0
    code = main(["run", "--alias", "desk", "--out", "out"])
    # The tiny model is bad at everything: what counts is that a verdict is reached.
    assert code in {ExitCode.BLOCKED, ExitCode.INSUFFICIENT_EVIDENCE}
    report = json.loads(Path("out/desk/report.json").read_text("utf-8"))
    assert report["comparison"]["lift"]["n"] == 22


def test_own_test_and_validation_files_stay_what_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [(f"{text} {index}", label) for index, (text, label) in enumerate(questions(600))]
    held, apart, train = asked[:120], asked[120:205], asked[205:]
    near = f"{held[0][0]} please"
    files = {
        "train": [*train, (held[1][0], held[1][1]), (apart[0][0], apart[0][1])],
        "test": [*held, (near, held[0][1]), held[2]],
        "val": [*apart, held[3]],
    }
    paths = {name: write_table(tmp_path / f"{name}.csv", rows) for name, rows in files.items()}
    root = tmp_path / "new"
    own = ("--golden", str(paths["test"]), "--validation", str(paths["val"]))
    assert init(paths["train"], root, *own) == ExitCode.PASS
    said = capsys.readouterr().out.replace(f"{tmp_path}/", "")
    assert said.startswith(
        "train.csv: 397 examples; UTF-8, comma between cells; question: column 'ticket'; answer: column 'intent'\n"
        "  task: classification (by the answers, 3 labels); system prompt: from the labels, since nobody gave one\n"
        "  395 training rows, 85 for validation, 121 golden cases\n"
        "  left out: 1 that give a golden or safety case away\n"
        "  left out: 1 that nearly repeat a question of the validation file\n"
        "test.csv: 122 examples; UTF-8, comma between cells; question: column 'ticket'; answer: column 'intent'\n"
        "  left out: 1 that repeat a question\n"
        "val.csv: 86 examples; UTF-8, comma between cells; question: column 'ticket'; answer: column 'intent'\n"
        "  left out: 1 that give a golden or safety case away\n"
        "\nwritten:\n"
    )
    assert "golden set, out of test.csv: 121 cases; the policy's lift asks for 207\n" in said
    golden = rows_of(root / "evals/desk/golden.jsonl")
    assert [case["messages"][0]["content"] for case in golden] == [*(text for text, _ in held), near]
    # Near copies among the cases count as one question, not as two.
    assert [case.get("cluster_id") for case in golden if "cluster_id" in case] == ["near-golden-0001"] * 2
    rows = rows_of(root / "datasets/desk/v1.0.0.validation.jsonl")
    assert [row["messages"][1]["content"] for row in rows] == [text for text, _ in apart]
    assert rows[0]["metadata"]["id"] == "val-00002"
    outcome, rules = validated(root, capsys)
    assert (outcome, rules & {"split-leak", "split-near-leak", "golden-leak", "card-mismatch"}) == (
        "pass",
        set(),
    )


def test_a_validation_file_of_another_size_than_the_policy_asks_for_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_table(tmp_path / "table.csv", questions(300))
    apart = write_table(tmp_path / "val.csv", questions(30, seed=5))
    assert init(data, tmp_path / "new", "--validation", str(apart)) == 0
    assert (
        "  warning: 11.8% of the rows are for validation and evals/policy.yaml asks for 15% to 20%, so validate will "
        "block: data.validation_share, or no --validation\n"
    ) in capsys.readouterr().out
    assert validated(tmp_path / "new", capsys)[0] == "block"


def test_as_many_golden_cases_as_are_asked_for_every_class_by_its_size(tmp_path: Path) -> None:
    held = questions(200, seed=1) + [(f"{text} more", "order") for text, _ in questions(400, seed=2)]
    test = write_table(tmp_path / "test.csv", held)
    data = write_table(tmp_path / "table.csv", questions(300))
    assert init(data, tmp_path / "new", "--golden", str(test), "--cases", "90") == 0
    counts = dict.fromkeys(LABELS, 0)
    for case in rows_of(tmp_path / "new/evals/desk/golden.jsonl"):
        counts[case["expected"]] += 1
    assert sum(counts.values()) == 90
    # By size alone, billing and refund would have ten and nine; an even part would be thirty.
    assert (counts["billing"], counts["refund"]) == (15, 14)
    assert init(data, tmp_path / "carved", "--cases", "60") == 0
    assert len(rows_of(tmp_path / "carved/evals/desk/golden.jsonl")) == 60


def test_a_prompt_that_names_no_label_is_told_and_the_second_prompt_lists_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_table(tmp_path / "table.csv", questions(300))
    warning = "so a model that was not trained cannot answer, and any training looks like lift"
    assert init(data, tmp_path / "new", "--system-prompt", "Route: refund or not?") == 0
    assert f"warning: the system prompt names 1 of 3 labels, {warning}; prompt-v2" in capsys.readouterr().out
    prompts = [
        load((tmp_path / f"new/evals/desk/prompts/{name}.yaml").read_bytes(), name, "prompt").data["system"]
        for name in ("prompt-v1", "prompt-v2")
    ]
    assert prompts == ["Route: refund or not?", "Route: refund or not?\nLabels: billing, order, refund"]
    assert init(data, tmp_path / "named") == 0
    assert warning not in capsys.readouterr().out
