"""`liftgate backlog`: three prompt versions, reviewers and a shadow report lead to rows and to one pull request."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from github_server import GitHubServer
from liftgate.cli import main
from toy_project import answer, git, make_project

HARD = ("order-1", "billing-0")
BODY = (Path(__file__).parent.parent / "snapshots" / "backlog.md").read_text("utf-8")
WAIVERS = """\
version: 1
decisions:
  - {case: order-1, outputs: ["0e01bf2ef01203ce"], decision: fix, owner: "@ana", reason: wrong team, decided: "2026-11-20", expires: "2027-02-28"}
  - {case: s1, suite: safety, outputs: ["1e01bf2ef01203ce"], decision: fix, owner: "@ana", reason: unsafe, decided: "2026-11-21", expires: "2026-12-28"}
  - {case: refund-2, outputs: ["2e01bf2ef01203ce"], decision: bad-label, owner: bo, reason: it is billing, decided: "2026-11-20", expires: "2027-02-28"}
  - {case: refund-3, outputs: ["3e01bf2ef01203ce"], decision: judge-wrong, owner: bo, reason: right, decided: "2026-11-20", expires: "2027-02-28"}
"""  # noqa: E501


@dataclass
class World:
    root: Path
    remote: Path
    tmp: Path

    def golden(self) -> list[dict[str, Any]]:
        lines = (self.root / "evals/toy/golden.jsonl").read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def answered(self, version: str, wrong: tuple[str, ...], lost: tuple[str, ...] = ()) -> Path:
        """A run of one prompt through the recorded endpoint."""
        recorded, out = self.tmp / f"{version}.jsonl", self.tmp / "runs" / version
        rows = [
            {"case_id": c["id"], "output": "{}" if c["id"] in wrong else answer(c["expected"]["intent"])}
            for c in self.golden()
            if c["id"] not in lost
        ]
        rows += [{"case_id": f"s{i}", "output": "no"} for i in range(3)]
        recorded.write_text("".join(json.dumps(row) + "\n" for row in rows))
        suite = self.root / "evals/toy"
        words = ["--suite", str(suite / "suite.yaml"), "--endpoint", "recorded", "--recorded", str(recorded)]
        prompt = ["--prompt", str(suite / f"prompts/{version}.yaml"), "--model", "tiny"]
        assert main(["evaluate", *words, *prompt, "--no-store", "--out", str(out)]) == 0
        return out

    def backlog(self, *words: str) -> int:
        return main(["backlog", "toy", "--root", str(self.root), *words])


@pytest.fixture
def world(tmp_path: Path) -> World:
    root = make_project(tmp_path / "toy", tmp_path / "model")
    suite = root / "evals/toy/suite.yaml"
    (root / "evals/toy/prompts/v3.yaml").write_text("version: 1\nsystem: Route it. Reply with JSON only.\n")
    arm = "  prompt-v3: {prompt: prompts/v3.yaml, model: default}\n"
    suite.write_text(suite.read_text() + arm)
    (root / "evals/toy/waivers.yaml").write_text(WAIVERS)
    remote = tmp_path / "remote.git"
    git(tmp_path, "init", "--quiet", "--bare", str(remote))
    git(root, "init", "--quiet", "--initial-branch", "main")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message", "toy")
    git(root, "remote", "add", "origin", str(remote))
    git(root, "push", "--quiet", "origin", "main")
    return World(root, remote, tmp_path)


def shadow(world: World) -> Path:
    path = world.tmp / "v1.0.0.shadow.json"
    named = {"schema_version": 1, "alias": "toy", "variant": "v1.0.0", "model_id": "ft:tiny"}
    window = {"from": "2026-11-20T00:00:00Z", "to": "2026-11-21T00:00:00Z", "rollout_percent": 5}
    got = {
        "requests": 400,
        "errors": 0,
        "regressions": [{"request_id": "req-77", "buckets": {"intent": "refund"}}],
    }
    path.write_text(json.dumps({**named, **window, **got}))
    return path


def roads(world: World) -> list[str]:
    """Three prompt versions and a shadow report. `refund-0` is right once and `order-2` unanswered once."""
    runs = [
        world.answered("v1", (*HARD, "refund-0", "order-2")),
        world.answered("v2", (*HARD, "order-2"), lost=("order-3",)),
        world.answered("v3", (*HARD, "refund-0", "order-3"), lost=("order-2",)),
    ]
    return [word for run in runs for word in ("--run", str(run))] + ["--shadow", str(shadow(world))]


def test_three_prompts_reviewers_and_a_shadow_report_become_rows_and_words(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [word for v in ("v1", "v2", "v3") for word in ("--run", str(world.answered(v, HARD)))]
    capsys.readouterr()
    assert world.backlog(*runs, "--shadow", str(shadow(world)), "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["body"] == BODY
    assert said["golden_body"] == (
        "**1 label of toy may be wrong, say reviewers.**\n\n"
        "- `refund-2` (evals/toy/golden.jsonl:3): bo, 2026-11-20: it is billing\n\n"
        "Read each case, mend `expected` or keep it, and land that alone: the golden set is the ruler. A changed "
        "golden set makes every verdict on it a new one; take the decisions out of waivers.yaml with it.\n"
    )
    assert "nobody has measured this judge" in said["judge_note"].lower()
    assert said["trigger"]["due"] is False and said["trigger"]["prompt_plateau"] is True
    assert not (world.root / "evals/toy/backlog.jsonl").exists()


def test_a_case_that_one_prompt_got_right_or_did_not_answer_is_not_in_it(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    words = roads(world)
    capsys.readouterr()
    assert world.backlog(*words, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert sorted(row["case_id"] for row in said["rows"]) == ["billing-0", "order-1", "req-77", "s1"]


def test_a_second_look_writes_the_same_bytes_and_no_golden_prompt_is_in_them(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    words, path = roads(world), world.root / "evals/toy/backlog.jsonl"
    assert world.backlog(*words, "--write") == 0
    first = path.read_bytes()
    assert world.backlog(*words, "--write") == 0
    assert path.read_bytes() == first
    told = capsys.readouterr().err
    assert "nothing new, 4 cases stand there" in told
    for case in world.golden():
        assert case["messages"][0]["content"] not in first.decode() + told
    # The slots of a backlog are ids of rows still to be written, and nothing in it is a training row.
    assert [len(json.loads(line)["slots"]) for line in first.splitlines()] == [10, 5, 10, 5]


def test_a_written_pair_fills_its_slot(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    words = roads(world)
    assert world.backlog(*words, "--write") == 0
    slot = json.loads((world.root / "evals/toy/backlog.jsonl").read_text().splitlines()[1])["slots"][0]
    train = world.root / "datasets/toy/v1.0.0.train.jsonl"
    rows = train.read_text().splitlines()
    first = json.loads(rows[0])
    first["metadata"]["id"] = slot
    train.write_text("\n".join([json.dumps(first), *rows[1:]]) + "\n")
    capsys.readouterr()
    assert world.backlog(*words, "--json") == 0
    assert json.loads(capsys.readouterr().out)["trigger"]["slots_written"] == 1


def test_the_pull_request_is_opened_once_and_pairs_that_people_push_to_it_stay(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = roads(world)
    monkeypatch.setenv("GITHUB_TOKEN", "t")
    monkeypatch.setenv("GITHUB_REPOSITORY", "octocat/toy")
    branch = "liftgate/backlog-toy"
    with GitHubServer(login="github-actions[bot]") as server:
        hub = server.repository("octocat/toy")
        monkeypatch.setenv("GITHUB_API_URL", server.url)
        assert world.backlog(*words, "--pull-request") == 0
        (pull,) = hub.pulls.values()
        assert (pull.head_ref, pull.base_ref) == (branch, "main")
        assert pull.body.startswith("<!-- liftgate-backlog -->\n\n**4 cases of toy wait")
        tip, wrote = git(world.remote, "rev-parse", branch), len(server.writes)
        changed = git(world.remote, "diff", "--name-only", "main", branch).split()
        assert changed == ["evals/toy/backlog.jsonl"]

        assert world.backlog(*words, "--pull-request") == 0
        assert git(world.remote, "rev-parse", branch) == tip
        assert [each.path for each in server.writes[wrote:]] == []

        git(world.root, "fetch", "--quiet", "origin", branch)
        git(world.root, "checkout", "--quiet", "-b", "mine", "FETCH_HEAD")
        (world.root / "pairs.txt").write_text("mine\n")
        git(world.root, "add", "pairs.txt")
        git(world.root, "commit", "--quiet", "--message", "pairs")
        git(world.root, "push", "--quiet", "origin", f"mine:{branch}")
        git(world.root, "checkout", "--quiet", "main")
        more = json.loads(shadow(world).read_text())
        more["regressions"].append({"request_id": "req-78"})
        Path(words[-1]).write_text(json.dumps(more))
        assert world.backlog(*words, "--pull-request") == 0
        assert git(world.remote, "show", f"{branch}:pairs.txt") == "mine\n"
        assert hub.pulls[pull.number].body.startswith("<!-- liftgate-backlog -->\n\n**5 cases of toy wait")
        assert len(hub.pulls) == 1
        assert server.violations == []


def test_a_backlog_that_is_no_backlog_is_named_line_by_line(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    (world.root / "evals/toy/backlog.jsonl").write_text('{"id": "x"}\n{"id":\n')
    assert world.backlog() == 2
    said = capsys.readouterr().err
    assert "evals/toy/backlog.jsonl:1" in said
    assert "evals/toy/backlog.jsonl:2" in said
