"""`liftgate watch canary` over the wire: the same prompts once a week, changes found, silence never a good sign."""

from __future__ import annotations

import datetime
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from liftgate.cli import main
from liftgate.commands.launching import hosted
from liftgate.commands.sources.ledgers import open_ledger
from liftgate.training.ledger import verdict_name
from openai_server import OpenAIServer
from toy_project import answer, git, make_project

DIGEST = "d" * 64
MONDAY = datetime.datetime(2026, 12, 7, 4, 41, tzinfo=datetime.UTC)
PRICE = '{provider: openai, model: "*", input_usd_per_mtok: "10", output_usd_per_mtok: "20", batch_ratio: 0.5, source: ours, checked_on: "2026-11-25"}'  # noqa: E501
ENDS = "version: 1\nsunsets:\n" + "".join(
    f'  - {{provider: openai, model: {name}, shutdown_on: "2031-01-01", source: page, checked_on: "2026-11-20"}}\n'
    for name in ("base", "tuned")
)


def registry(url: str, percent: int = 25, more: str = "") -> str:
    pins = "{version: 1.0.0, train_sha256: " + "ab" * 32 + "}"
    dials = f"manifest_digest: {DIGEST}, flag: toy-v1, rollout_percent: {percent}"
    return (
        "version: 1\nmodels:\n  toy:\n"
        f"    default: {{model_id: base, provider: openai, base_url: {url}}}\n"
        "    variants:\n"
        f"      v1.0.0: {{model_id: tuned, provider: openai, base_url: {url}, dataset: {pins}, {dials}}}\n{more}"
    )


@dataclass
class World:
    root: Path
    server: OpenAIServer
    now: datetime.datetime = MONDAY
    answers: dict[str, Callable[[str], str]] = field(default_factory=dict)

    def run(self, *words: str) -> int:
        return main([*words, "--root", str(self.root), "--ledger", str(self.root / "ledger")])

    def canary(self, *words: str) -> int:
        return self.run("watch", "canary", *words)

    def reevaluate(self, *words: str) -> int:
        return self.run("reevaluate", "--live", "--out", str(self.root / f"out-{self.now:%j}"), *words)

    def look(self, *subjects: str) -> dict[str, list[tuple[str, str]]]:
        """What `liftgate watch` says of each model's canary."""
        subjects = subjects or ("toy/v1.0.0", "toy/default")
        place = self.root / "said.json"
        place.unlink(missing_ok=True)
        ledger = ["--ledger", str(self.root / "ledger"), "--today", f"{self.now:%Y-%m-%d}"]
        with place.open("w") as file, pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdout", file)
            assert main(["watch", "--root", str(self.root), *ledger, "--json"]) == 0
        told = json.loads(place.read_text())["subjects"]
        rules = ("silent-weights", "no-canary")
        return {
            name: [(each["rule"], each["severity"]) for each in found if each["rule"] in rules]
            for name, found in told.items()
            if name in subjects
        }

    def judged(self, at: datetime.datetime) -> None:
        said = {"schema_version": 1, "entry": "verdict", "verdict": "pass", "alias": "toy", "results": "x"}
        key = f"{int(at.timestamp()):064x}"
        more = {"manifest_digest": DIGEST, "key": key, "report_sha256": key, "at": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
        open_ledger(str(self.root / "ledger"), self.root).keep(verdict_name(key), {**said, **more})

    def week(self) -> None:
        self.now += datetime.timedelta(days=7)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    root = make_project(tmp_path / "toy", tmp_path / "model")
    rows = (root / "evals/toy/golden.jsonl").read_text("utf-8").splitlines()
    right = {json.loads(r)["messages"][0]["content"]: json.loads(r)["expected"]["intent"] for r in rows}
    prices = root / "evals/prices.yaml"
    lines = [line for line in prices.read_text().splitlines() if "openai" not in line]
    prices.write_text("\n".join([*lines, f"  - {PRICE}"]) + "\n")
    (root / "evals/sunsets.yaml").write_text(ENDS)
    with OpenAIServer() as server:
        (root / "models.yaml").write_text(registry(server.url))
        git(root, "init", "--quiet", "--initial-branch", "main")
        git(root, "add", ".")
        git(
            root, "-c", "user.name=t", "-c", "user.email=t@t.invalid", "commit", "--quiet", "--message", "toy"
        )
        made = World(root, server)
        made.answers["tuned"] = lambda asked: answer(right[asked]) if asked in right else "{}"
        made.answers["base"] = lambda asked: "{}"
        server.answer = lambda body: made.answers[body["model"]](body["messages"][-1]["content"])
        monkeypatch.setattr(hosted, "utc_now", lambda: made.now)
        made.judged(MONDAY - datetime.timedelta(days=10))
        yield made


def test_a_model_that_does_not_change_is_asked_once_a_week_and_nothing_is_said(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert world.look() == {
        "toy/v1.0.0": [("no-canary", "notice")],
        "toy/default": [("no-canary", "notice")],
    }
    capsys.readouterr()
    assert world.canary() == 0
    asked = world.server.count
    assert capsys.readouterr().err == (
        "toy v1.0.0: 36 requests, at most $0.03\n"
        "toy v1.0.0 (tuned): 12 prompts asked 3 times for $0.01; the first look, which later ones are held against\n"
        "toy default: 36 requests, at most $0.03\n"
        "toy default (base): 12 prompts asked 3 times for $0.01; the first look, which later ones are held against\n"
    )
    assert asked == 2 * 3 * min(20, len((world.root / "evals/toy/golden.jsonl").read_text().splitlines()))
    assert world.canary("--json") == 0
    again = json.loads(capsys.readouterr().out)
    assert world.server.count == asked, "the same week"
    assert [(each["subject"], each["code"], each["asked"]) for each in again["looks"]] == [
        ("v1.0.0", 0, 0),
        ("default", 0, 0),
    ]
    for _ in range(3):
        world.week()
        assert world.canary() == 0
    assert world.server.count == 4 * asked
    assert world.look() == {"toy/v1.0.0": [], "toy/default": []}
    kept = [path.read_text() for path in (world.root / "ledger/looks").rglob("*.json")]
    assert len(kept) == 8
    texts = {body["messages"][-1]["content"] for body in world.server.bodies} | {"intent", "refund"}
    assert not any(text in each for text in texts for each in kept)


def test_weights_that_change_under_their_id_are_found_evaluated_at_once_and_told_for_a_week(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert world.canary() == 0
    world.week()
    world.answers["tuned"] = lambda asked: "{}" if "refund" in asked else answer("billing")
    assert world.canary() == 10
    said = capsys.readouterr().err
    assert "the same prompts are answered differently since 2026-12-07T04:41:00Z" in said
    assert world.look()["toy/v1.0.0"] == [("silent-weights", "error")]
    models = world.root / "models.yaml"
    models.write_text(registry(world.server.url, 0))
    assert world.look()["toy/v1.0.0"] == [], "a rollback cures"
    models.write_text(registry(world.server.url))
    before = world.server.count
    assert world.canary() == 10, "the second run of a week asks nothing and says the same"
    assert world.server.count == before
    capsys.readouterr()
    assert world.reevaluate() == 0, "it is worse, and still better than the default model"
    assert "toy v1.0.0: due at once: the same prompts are answered diff" in capsys.readouterr().err
    world.now += datetime.timedelta(hours=2)
    assert world.look()["toy/v1.0.0"] == [("silent-weights", "warning")]
    before = world.server.count
    assert world.reevaluate() == 0
    assert "judged 0 days ago, due after 30" in capsys.readouterr().err
    assert world.server.count == before
    world.week()
    assert world.canary() == 0
    assert world.look()["toy/v1.0.0"] == []


def test_a_default_model_that_changed_makes_every_variant_that_is_held_against_it_due(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert world.canary() == 0
    world.week()
    world.answers["base"] = lambda asked: answer("billing")
    assert world.canary() == 10
    assert world.look() == {"toy/v1.0.0": [], "toy/default": [("silent-weights", "error")]}
    capsys.readouterr()
    world.reevaluate()
    assert "toy v1.0.0: due at once: the default model: the same prompts" in capsys.readouterr().err
    world.now += datetime.timedelta(hours=2)
    assert world.look()["toy/default"] == [("silent-weights", "warning")]


def test_a_noisy_model_is_not_taken_for_a_changed_one(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    turns = itertools.count()
    world.answers["tuned"] = lambda asked: "yes" if next(turns) % 2 else "no"
    others = itertools.count()
    world.answers["base"] = lambda asked: f"answer {next(others)}"
    for _ in range(4):
        assert world.canary() == 0
        world.week()
    assert world.look()["toy/v1.0.0"] == []
    said = capsys.readouterr().err
    assert "only 0 of them got an answer twice, so a change can hardly be told from noise" in said


def test_a_provider_that_is_down_is_told_the_others_are_asked_and_the_week_is_tried_again(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.server.faults = lambda number, body: "404" if body["model"] == "tuned" else None
    assert world.canary() == 4
    said = capsys.readouterr().err
    assert "toy v1.0.0 (tuned): not asked: " in said and "toy default (base): 12 prompts asked" in said
    assert world.look()["toy/v1.0.0"] == [("no-canary", "notice")]
    world.server.faults = lambda number, body: "400" if body["model"] == "tuned" and number % 3 else None
    assert world.canary() == 4
    assert "prompts have two answers (" in capsys.readouterr().err
    world.server.faults = None
    world.now += datetime.timedelta(days=1)
    before = world.server.count
    assert world.canary() == 0
    assert world.server.count == before + 36, "only what was not asked"
    world.now += datetime.timedelta(days=15)
    assert world.look() == {
        "toy/v1.0.0": [("no-canary", "warning")],
        "toy/default": [("no-canary", "warning")],
    }


def test_a_key_a_price_or_a_suite_that_is_missing_is_told_and_is_no_all_clear(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    models = world.root / "models.yaml"
    models.write_text(registry("https://api.example.com/v1"))
    assert world.canary() == 2
    assert capsys.readouterr().err.count("not asked: no key for api.example.com; export OPENAI_API_KEY") == 2
    models.write_text(registry(world.server.url))
    prices = world.root / "evals/prices.yaml"
    prices.write_text(
        "".join(line + "\n" for line in prices.read_text().splitlines() if "openai" not in line)
    )
    assert world.canary() == 2
    assert "not asked: no price is known for the answers of openai 'tuned'" in capsys.readouterr().err
    (world.root / "evals/toy/suite.yaml").unlink()
    assert world.canary() == 2
    assert "not asked: 'toy' has no suite" in capsys.readouterr().err
    assert (world.server.count, open_ledger(str(world.root / "ledger"), world.root).names("looks")) == (0, [])


def test_what_does_not_fit_the_budget_is_not_sent(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert world.canary("--max-usd", "0.01") == 11
    assert world.server.count == 0
    said = capsys.readouterr().err
    assert "not asked: it may cost $0.03, and $0.01 is all that an alias may spend here" in said


def test_files_of_this_machine_and_what_nobody_gets_are_not_asked(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    pins = "{version: 1.0.0, train_sha256: " + "ab" * 32 + "}"
    hosted = f"model_id: unserved, provider: openai, base_url: {world.server.url}"
    local = (
        f"      v2.0.0: {{model_id: ours, provider: local, base: tiny, dataset: {pins}, flag: toy-v2, "
        "rollout_percent: 75}\n"
        f"      v3.0.0: {{{hosted}, dataset: {pins}, flag: toy-v3, rollout_percent: 0}}\n"
    )
    (world.root / "models.yaml").write_text(registry(world.server.url, 25, local))
    assert world.canary() == 0
    assert {body["model"] for body in world.server.bodies} == {"tuned"}
    said = capsys.readouterr().err
    assert (
        "toy v2.0.0 (ours): not asked: its weights are files of your own, which do not change under their hash"
        in said
    )
    assert "unserved" not in said and "default" not in said, "all callers get a variant"


def test_odd_names_are_kept_by_their_hash_and_an_alias_without_suite_and_variants_needs_none(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    models = world.root / "models.yaml"
    text = registry(world.server.url).replace("model_id: tuned", 'model_id: "tuned é {x}"')
    plain = f"  plain:\n    default: {{model_id: base, provider: openai, base_url: {world.server.url}}}\n"
    models.write_text(text + plain)
    world.answers["tuned é {x}"] = world.answers["tuned"]
    assert world.canary() == 0
    said = capsys.readouterr().err
    assert "plain default (base): not asked: it has no suite, and no variant is held against it" in said
    assert world.look("plain/default") == {"plain/default": []}
    world.week()
    world.answers["tuned é {x}"] = world.answers["base"]
    assert world.canary() == 10
    assert world.look()["toy/v1.0.0"] == [("silent-weights", "error")]


def test_a_few_cases_prove_nothing_and_words_that_do_not_go_together_are_refused(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    golden = world.root / "evals/toy/golden.jsonl"
    golden.write_text("".join(line + "\n" for line in golden.read_text().splitlines()[:4]))
    assert world.canary("toy") == 11
    assert "the golden set has 4 cases, and a change can be proven on 5 at least" in capsys.readouterr().err
    assert world.canary("nobody") == 2
    assert world.canary("--kept", "x") == 2
    assert world.canary("--run", "x") == 2
    assert world.canary("toy", "--run", "x", "--max-usd", "1") == 2


def test_looks_lie_on_the_ledgers_branch_and_the_first_of_a_week_stands(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    remote = tmp_path / "remote.git"
    git(tmp_path, "init", "--quiet", "--bare", str(remote))
    git(world.root, "remote", "add", "origin", str(remote))
    words = ["watch", "canary", "--root", str(world.root), "--ledger", "git:origin"]
    assert main(words) == 0
    names = git(remote, "ls-tree", "-r", "--name-only", "liftgate-ledger").split()
    assert len(names) == 2 and all(name.startswith("looks/") and "/2026-W50-" in name for name in names)
    tip = git(remote, "rev-parse", "liftgate-ledger")
    assert main(words) == 0
    assert git(remote, "rev-parse", "liftgate-ledger") == tip
    world.week()
    world.answers["tuned"] = lambda asked: "{}"
    assert main(words) == 10
    assert main(["watch", "--root", str(world.root), "--ledger", "git:origin", "--strict"]) == 10
    said = capsys.readouterr().err
    assert "\n  models.yaml:6: error: the same prompts are answered differently since 2026-12-07" in said
    assert "[silent-weights]" in said


def test_a_rule_that_the_policy_switches_off_makes_nothing_due(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert world.canary() == 0
    world.week()
    world.answers["tuned"] = lambda asked: "{}"
    policy = world.root / "evals/policy.yaml"
    policy.write_text(policy.read_text().replace("rules: {", "rules: {silent-weights: off, "))
    assert "silent-weights" in policy.read_text()
    assert world.canary() == 0
    assert world.reevaluate() == 0
    assert "judged 17 days ago, due after 30" in capsys.readouterr().err
