"""Two or three lines that show each command at work, for its --help. A test parses every one."""

from __future__ import annotations

from typing import Final

_ALIAS: Final = "support-intent"
_SUITE: Final = f"evals/{_ALIAS}/suite.yaml"
_TRAIN: Final = f"datasets/{_ALIAS}/v1.0.0.train.jsonl"

EXAMPLES: Final[dict[str, tuple[str, ...]]] = {
    "plan": ("--base main", "--base origin/main --json"),
    "validate": (
        "--base main",
        f"--alias {_ALIAS}",
        "rows.jsonl --golden golden.jsonl --target openai --json",
    ),
    "estimate": (f"--alias {_ALIAS}", f"--alias {_ALIAS} --version 1.1.0 --json"),
    "approve": (
        f"--alias {_ALIAS} --digest {'0' * 64} --by ana",
        f"--alias {_ALIAS} --digest {'0' * 64} --from-github --ledger git:origin --change pull/7",
    ),
    "train": (f"--alias {_ALIAS}", f"--alias {_ALIAS} --wait --deadline 7200"),
    "poll": ("--ledger git:origin", "--ledger git:origin --json"),
    "serve": (f"--alias {_ALIAS} --wait", f"--alias {_ALIAS} --provisioned 1 --most-usd-per-hour 25"),
    "evaluate": (
        f"--suite {_SUITE} --arm prompt-v2 --model embedded --endpoint local --out runs/prompt-v2",
        f"--suite {_SUITE} --model gpt-x --endpoint openai --concurrency 8 --max-usd 2 --out runs/gpt-x",
        "--cases cases.jsonl --scorer exact_match --model m --endpoint openai --base-url http://127.0.0.1:8000/v1 "
        "--out runs/m",
    ),
    "merge-runs": ("shard-1 shard-2 --out runs/whole",),
    "noise": (
        f"--suite {_SUITE} --model embedded --endpoint local",
        f"--suite {_SUITE} --model gpt-x --endpoint openai --runs 5 --out noise.json",
    ),
    "record": (
        f"--suite {_SUITE} --model gpt-old --endpoint openai --shutdown 2027-01-14 --out evals/{_ALIAS}/old",
        f"--suite {_SUITE} --model gpt-old --endpoint openai --repeats 3 --out evals/{_ALIAS}/old",
    ),
    "store": ("verify", "export answers.jsonl", "import answers.jsonl --store .liftgate/responses.sqlite"),
    "calibrate": (
        f"--labels graded.jsonl --judge evals/{_ALIAS}/judges/faithfulness.yaml --out evals/{_ALIAS}/calibration.json",
        f"--labels graded.jsonl --judge evals/{_ALIAS}/judges/tone.yaml --suite {_SUITE} --out calibration.json --json",
    ),
    "compare": (
        "--base runs/base --candidate runs/candidate --out judged",
        "--base runs/base --candidate runs/candidate --policy evals/policy.yaml --out judged --json",
    ),
    "gate": (
        f"--run .liftgate/{_ALIAS}",
        "--run .liftgate/support-intent --to-decide",
        "--verify report.json",
    ),
    "publish": ("--dry-run --base main", "--pull 7 --ledger git:origin"),
    "run": ("--base main", f"--alias {_ALIAS}", "--base main --wait --deadline 7200"),
    "decide": (_ALIAS, f"{_ALIAS} --report .liftgate/{_ALIAS}/report.json --json"),
    "data": (f"diff {_ALIAS} --base main", "split rows.jsonl --version 1.0.0 --out datasets/tickets"),
    "data export": (
        f"{_TRAIN} --target openai --out rows.openai.jsonl",
        f"{_TRAIN} --target trl --out rows.trl.jsonl",
    ),
    "data split": (
        "rows.jsonl --version 1.1.0 --out datasets/support-intent",
        "rows.jsonl --validation-share 0.2 --seed 7 --out halves",
    ),
    "data diff": (f"{_ALIAS} --base main", "old.jsonl new.jsonl --json"),
    "data scrub": ("rows.jsonl --out scrubbed --mapping ../mapping.json",),
    "data augment": ("rows.jsonl --out varied.jsonl",),
    "data cluster": ("golden.jsonl --write", "golden.jsonl --out clustered.jsonl"),
    "data adopt": (
        "theirs.jsonl --source human --locale en --id-prefix row --out rows.jsonl",
        "test.jsonl --as cases --id-prefix golden --out golden.jsonl",
    ),
    "registry": ("check --base main", f"promote {_ALIAS} v1.0.0"),
    "registry check": ("--base main", "before.yaml after.yaml --json"),
    "registry add": (f"{_ALIAS} --recorded --pull-request", f"{_ALIAS} --run .liftgate/{_ALIAS} --write"),
    "registry promote": (f"{_ALIAS} v1.0.0", f"{_ALIAS} v1.0.0 --pull-request"),
    "registry rollback": (f"{_ALIAS} --write", f"{_ALIAS} v1.0.0 --pull-request"),
    "registry resolve": (_ALIAS, f"{_ALIAS} --json"),
    "registry export": ("litellm --out litellm.yaml", "env"),
    "registry trace": (f"{_ALIAS}-v1.0.0", "ft:gpt-x:acme:support:AbC123 --json"),
    "registry record": (f".liftgate/{_ALIAS} --ledger git:origin",),
    "registry verify": (_ALIAS, f"--report report.json --run .liftgate/{_ALIAS}"),
    "load-test": (f"{_ALIAS} --requests 500", f"{_ALIAS} --variant v1.0.0 --seconds 60 --concurrency 16"),
    "watch": ("--log requests.jsonl", "--log requests.jsonl.gz --issues"),
    "reevaluate": (_ALIAS, ""),
    "backlog": (_ALIAS, f"{_ALIAS} --json"),
    "status": ("", "--json"),
    "init": (
        "tickets --data tickets.csv --system-prompt prompt.txt",
        "tickets --data rows.jsonl --provider bedrock --base-model amazon.nova-lite-v1:0 --region us-east-1",
        "--protect --repository owner/name --owner @org/team",
    ),
    "doctor": ("", "--online --json", "bedrock --bucket tickets --region us-east-1"),
    "demo": ("", "--out .liftgate"),
    "completion": ("bash > ~/.local/share/bash-completion/completions/liftgate", "fish | source"),
}
"""Command, or command and action → what follows it on each line."""


def shown(command: str) -> str:
    """The part of --help, empty for a command without examples."""
    lines = [f"  liftgate {command} {words}".rstrip() for words in EXAMPLES.get(command, ())]
    return "\n".join(["examples:", *lines]) if lines else ""
