"""Every command that the documentation shows is run here, or parsed here and run by the test that is named.

A command that is neither fails. Words in capitals stand for a value of the reader's; `...` for what a page has
said before.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from docs_reading import ROOT, Shown, commands, inline_commands, pages
from liftgate.cli import COMMANDS, main, parser_for
from liftgate.commands.demo import stage
from openai_server import OpenAIServer
from toy_project import git

SUITE = "evals/support-intent/suite.yaml"
MEANT: Final = {
    "N": "7",
    "K/N": "2/4",
    "D": "d" * 64,
    "SHA": "5" * 40,
    "A": "support-intent",
    "ALIAS": "support-intent",
    "WHO": "ana",
    "NAME": "some-model",
}
BEFORE: Final = {
    "evaluate": ["--suite", SUITE, "--model", "some-model", "--endpoint", "openai", "--out", "runs/again"],
}
AFTER: Final = {"--suite": SUITE, "--model": "some-model", "--out": "runs/again"}
"""What a lone `...` repeats, and what it stands for after an option."""

RUN: Final = {
    "validate --base main": {0},
    "validate --base origin/main": {0},
    "validate --alias support-intent": {0},
    "validate --explain duplicate-row": {0},
    "validate --explain golden-near-leak": {0},
    "validate rows.jsonl --golden golden.jsonl --card card.yaml --policy policy.yaml": {0, 10},
    "validate datasets/support-intent/v1.0.0.train.jsonl --golden evals/support-intent/golden.jsonl": {0, 10},
    "data diff support-intent --base main": {0},
    "data adopt test.jsonl --as cases --id-prefix golden-b --out more.jsonl": {0},
    "data cluster more.jsonl --out clustered.jsonl": {0},
    "init tickets --data tickets.jsonl --reviewed --locale en": {0},
    "init tickets --data tickets.jsonl --system-prompt 'Route the ticket.' --reviewed --locale en": {0},
    "data adopt train.jsonl --source human --reviewed --locale en --id-prefix row --without "
    "evals/support-intent/golden.jsonl --system 'Route the ticket.' --out rows.jsonl": {0},
    "data split rows.jsonl --version 1.1.0 --out datasets/support-intent": {0},
    "data scrub rows.jsonl --out scrubbed --mapping ../mapping.json": {0},
    "data export datasets/support-intent/v1.0.0.train.jsonl --target trl --out rows.trl.jsonl": {0},
    "plan --base main": {0},
    "estimate --alias support-intent": {0},
    f"evaluate --suite {SUITE} --model NAME --endpoint openai --base-url URL --out runs/NAME": {0},
    f"evaluate --suite {SUITE} --model NAME --endpoint openai --base-url URL --out runs/new": {0},
    f"evaluate --suite {SUITE} --model gpt-4.1-mini --endpoint openai --out runs/mini": {0},
    f"evaluate --suite {SUITE} --arm prompt-v2 --model NAME --endpoint openai --out runs/prompt-v2": {0},
    f"evaluate --suite {SUITE} --model NAME --endpoint openai --no-store --only golden-001 --out runs/key": {
        0
    },
    f"evaluate --suite {SUITE} --endpoint recorded --recorded evals/support-intent/old --out runs/old": {0},
    "evaluate --suite ... --endpoint recorded --recorded evals/support-intent/old --out runs/old": {0},
    "evaluate --cases cases.jsonl --scorer exact_match --endpoint recorded --recorded answers.jsonl --out runs/again": {
        0
    },
    "evaluate ... --shard 2/4 --out shard-2": {0},
    "evaluate ... --shared-store base.sqlite": {0},
    "evaluate --suite ... --model org/base --endpoint openai --base-url http://host:8000/v1 --api-key-env '' "
    "--out runs/base": {0},
    "evaluate --suite ... --model tuned-3f9c21 --endpoint openai --base-url http://host:8000/v1 --api-key-env '' "
    "--out runs/tuned": {0},
    "merge-runs shard-1 shard-2 shard-3 shard-4 --out runs/mini": {0},
    "compare --base runs/a --candidate runs/b --out judged --json": {10, 11},
    "compare --base runs/old --candidate runs/new --out judged": {10, 11},
    "record --suite ... --model old --endpoint openai --shutdown 2026-12-01 --out evals/support-intent/old": {
        0
    },
    f"record --suite {SUITE} --model ft:gpt-4.1-mini-2025-04-14:acme:support:AbC123 --endpoint openai "
    "--shutdown 2026-12-01 --out evals/support-intent/old": {0},
    f"noise --suite {SUITE} --model NAME --endpoint openai": {0},
    "store export answers.jsonl": {0},
    "store import answers.jsonl --store base.sqlite": {0},
    "store verify": {0},
    "registry promote support-intent v1.0.0": {0},
    "registry rollback support-intent": {0},
    "registry check --base main": {0},
    "registry export env --out registry.env": {0},
    "registry verify": {11},
    "decide support-intent": {11},
    "decide support-intent --json": {11},
}

ELSEWHERE: Final = {
    "run --base main": ("trains for minutes", "acceptance/test_demo.py"),
    "run --pull ": ("needs GitHub and a finished training", "commands/test_shared_run.py"),
    "gate --run .liftgate/support-intent": ("needs a finished run", "commands/test_reviews.py"),
    "registry verify --report ": ("needs a finished run", "commands/test_reviews.py"),
    "registry verify support-intent v1.1.0": ("needs a ledger", "commands/test_registry_verify.py"),
    "decide support-intent --measure": ("needs a model that answers", "commands/test_decide_measure.py"),
    "decide support-intent --report ": ("needs a finished run", "commands/test_decide.py"),
    "registry add support-intent": ("needs a finished run", "commands/test_registry_change.py"),
    "registry promote support-intent v1.1.0": ("needs two variants", "commands/test_registry_change.py"),
    "registry record ": ("needs a finished run and a ledger", "commands/test_shared_run.py"),
    "registry trace MODEL_ID": ("needs a ledger", "commands/test_registry_trace.py"),
    "registry export litellm": ("needs a served model", "commands/test_registry_serve.py"),
    "load-test support-intent": ("needs a served variant", "commands/test_load_test.py"),
    "backlog support-intent": ("needs runs of three prompts", "commands/test_backlog_command.py"),
    "reevaluate --ledger git:origin": ("needs a served variant", "commands/test_reevaluate.py"),
    "status --ledger git:origin": ("needs a ledger", "commands/test_status_command.py"),
    "estimate --alias toy": ("of another repository", "commands/test_docs_plugins.py"),
    "approve --alias toy": ("of another repository", "commands/test_docs_plugins.py"),
    "train --alias toy": ("of another repository", "commands/test_docs_plugins.py"),
    "validate --explain shouting-answer": ("a rule that a guide adds", "commands/test_docs_plugins.py"),
    "validate tests/examples/shouting-answer": ("a rule that a guide adds", "commands/test_docs_plugins.py"),
    "approve --alias A": ("needs a hosted training", "commands/test_hosted_train.py"),
    "estimate --alias A": ("needs a hosted training", "commands/test_estimate.py"),
    "train --alias A": ("needs a hosted training", "commands/test_hosted_train.py"),
    "approve --pull": ("needs GitHub", "commands/test_approve_pull.py"),
    "train --pull": ("needs GitHub", "commands/test_approve_pull.py"),
    "poll --ledger git:origin": ("needs open jobs", "commands/test_poll.py"),
    "doctor bedrock": ("needs an AWS account", "commands/test_doctor.py"),
    "serve --alias": ("needs an AWS account", "commands/test_bedrock_story.py"),
    "evaluate --suite ... --model eu.amazon": ("needs an AWS account", "commands/test_endpoints.py"),
    "evaluate --suite ... --model gpt-4.1-mini --endpoint openai --batch": (
        "needs a batch API",
        "commands/test_endpoints.py",
    ),
    "evaluate --suite ... --model ... --endpoint bedrock": (
        "needs an AWS account",
        "unit/test_bedrock_batches.py",
    ),
    "evaluate --suite evals/ALIAS/suite.yaml": ("needs a served adapter", "acceptance/test_real_server.py"),
    "watch canary": ("needs a served variant and a ledger", "commands/test_canary_asking.py"),
    "watch sample": ("needs a request log", "commands/test_watch_actions.py"),
    "watch shadow": ("needs a request log", "commands/test_watch_actions.py"),
    "watch": ("needs a request log, a ledger or GitHub", "commands/test_watch.py"),
    "doctor": ("looks at this machine", "commands/test_doctor_whole.py"),
    "init --protect": ("needs GitHub", "commands/test_init_protect.py"),
    "init router --data train.jsonl --golden": ("needs CLINC150", "commands/test_init.py"),
    "validate --alias router": ("needs CLINC150", "commands/test_init.py"),
    "decide router --measure": ("needs a model that answers", "commands/test_decide_measure.py"),
    "estimate --alias router --calibrate": ("trains ten steps", "commands/test_foreseen.py"),
    "init tickets --data train.jsonl --golden": ("needs three files of one task", "commands/test_init.py"),
    "calibrate --labels labels.jsonl": ("needs a judge and people's labels", "commands/test_judged.py"),
}


def shown() -> list[Shown]:
    return [each for page in pages() for each in commands(page)]


def words_of(command: Shown) -> list[str]:
    """What a reader would type."""
    words: list[str] = []
    for word in command.words:
        last = words[-1] if words else ""
        if word == "..." and last not in AFTER:
            words += BEFORE[command.words[0]]
        else:
            meant = AFTER[last] if word == "..." else MEANT.get(word, word)
            words.append(meant.replace("<alias>", "support-intent"))
    return words


def where(command: Shown) -> tuple[str, str] | None:
    found = [said for start, said in ELSEWHERE.items() if command.text.startswith(start)]
    return found[0] if found else None


@pytest.mark.parametrize("command", shown(), ids=lambda each: f"{each.place} {each.words[0]}")
def test_every_command_is_taken_by_its_parser(command: Shown, capsys: pytest.CaptureFixture[str]) -> None:
    name, *rest = words_of(command)
    assert name in COMMANDS
    try:
        parser_for(name).parse_args(rest)
    except SystemExit:
        pytest.fail(f"{command.place}: {capsys.readouterr().err}")


def test_every_command_in_running_text_is_one() -> None:
    odd = []
    for command in (each for page in pages() for each in inline_commands(page)):
        name = command.words[0]
        if name in COMMANDS:
            known = parser_for(name).format_help() + json.dumps(_actions(name))
            odd += [
                f"{command.place}: {name} {word}"
                for word in command.words[1:]
                if re.fullmatch(r"--[a-z-]+", word) and word not in known and not _deeper(command, word)
            ]
        elif not re.fullmatch(r"[A-Z|.]+", name):
            odd.append(f"{command.place}: {name}")
    assert odd == []


def _actions(name: str) -> list[str]:
    folder = ROOT / "src" / "liftgate" / "commands" / name.replace("-", "_")
    return sorted(path.stem for path in folder.glob("*.py")) if folder.is_dir() else []


def _deeper(command: Shown, word: str) -> bool:
    """Whether an action of the command, such as `registry add`, takes the word."""
    folder = ROOT / "src" / "liftgate" / "commands"
    return any(f'"{word}"' in path.read_text("utf-8") for path in folder.rglob("*.py"))


def test_every_command_is_run_here_or_by_a_test_that_is_there() -> None:
    neither = {each.text for each in shown() if each.text not in RUN and where(each) is None}
    assert neither == set()
    assert set(RUN) - {each.text for each in shown()} <= {
        "store verify",
        "validate --explain golden-near-leak",
    }
    unused = [start for start in ELSEWHERE if not any(each.text.startswith(start) for each in shown())]
    assert unused == []
    for why, test in ELSEWHERE.values():
        names = list(ast.walk(ast.parse((ROOT / "tests" / test).read_bytes())))
        assert why
        assert any(isinstance(node, ast.FunctionDef) and node.name.startswith("test_") for node in names), (
            test
        )


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(answer=lambda body: '{"intent": "refund", "priority": "low"}') as running:
        yield running


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, server: OpenAIServer) -> Path:
    """The template as the demo stages it, with fewer cases, an origin, answered runs and a recording."""
    root = stage(ROOT, tmp_path_factory.mktemp("docs"), "support-intent")
    git(root, "switch", "-q", "main")
    for name, kept in (("golden", 55), ("safety", 4)):
        path = root / "evals" / "support-intent" / f"{name}.jsonl"
        lines = path.read_bytes().splitlines(keepends=True)
        # Enough where the risk is high, or the gate would stop everything; golden-001 for who asks by its name.
        lines.sort(key=lambda line: (b'"golden-001"' not in line, b'"risk": "high"' not in line))
        path.write_bytes(b"".join(lines[:kept]))
    git(root, "commit", "-q", "-a", "-m", "fewer cases")
    git(root, "switch", "-q", "first-fine-tune")
    git(root, "rebase", "-q", "main")
    git(root, "remote", "add", "origin", str(root))
    git(root, "fetch", "-q", "origin")
    rows = (root / "datasets/support-intent/v1.0.0.train.jsonl").read_bytes().splitlines(keepends=True)
    (root / "rows.jsonl").write_bytes(b"".join(rows[:80]))
    (root / "train.jsonl").write_bytes(b"".join(rows[:80]))
    (root / "test.jsonl").write_bytes(b"".join(rows[80:110]))
    for name, source in (
        ("golden.jsonl", "evals/support-intent/golden.jsonl"),
        ("cases.jsonl", "evals/support-intent/golden.jsonl"),
        ("more.jsonl", "evals/support-intent/golden.jsonl"),
        ("tickets.jsonl", "datasets/support-intent/v1.0.0.train.jsonl"),
        ("card.yaml", "datasets/support-intent/card.yaml"),
        ("policy.yaml", "evals/policy.yaml"),
    ):
        shutil.copyfile(root / source, root / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("OPENAI_API_KEY", "k")
        asked = ["--suite", SUITE, "--endpoint", "openai", "--base-url", server.url, "--model", "some-model"]
        for out in ("runs/a", "runs/b", "runs/new"):
            assert main(["evaluate", *asked, "--out", out]) == 0
        for k in "1234":
            assert main(["evaluate", *asked, "--shard", f"{k}/4", "--out", f"shard-{k}"]) == 0
        assert main(["record", *asked, "--shutdown", "2026-12-01", "--out", "evals/support-intent/old"]) == 0
        assert main(["store", "export", "answers.jsonl"]) == 0
        assert main(["store", "import", "answers.jsonl", "--store", "base.sqlite"]) == 0
        shutil.copytree(root / "runs/a", root / "runs/old")
        shutil.copyfile(root / "runs/a/results.jsonl", root / "answers.jsonl")
    return root


@pytest.mark.parametrize("text", RUN)
def test_a_command_of_the_documentation_does_what_it_says(
    text: str,
    template: Path,
    server: OpenAIServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = tmp_path / "template"
    shutil.copytree(template, root)
    monkeypatch.chdir(root)
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    words = words_of(Shown("", 0, tuple(shlex.split(text))))
    words = [server.url if word in {"URL", "http://host:8000/v1"} else word for word in words]
    if "openai" in words and "--base-url" not in words:
        words += ["--base-url", server.url]
    if words[0] == "store":
        (root / "answers.jsonl").unlink()
        if words[1] == "import":
            assert main(["store", "export", "answers.jsonl"]) == 0
    if words[:2] == ["data", "adopt"]:
        (root / words[words.index("--out") + 1]).unlink(missing_ok=True)
    if words[0] == "record":
        shutil.rmtree(root / "evals" / "support-intent" / "old")
    if words[:2] == ["registry", "rollback"]:
        path = root / "models.yaml"
        path.write_text(path.read_text().replace("rollout_percent: 0", "rollout_percent: 5"))
    assert main(words) in RUN[text], capsys.readouterr().err
