"""Attacks through workflows, branches and texts, run under act: the verdict is that of the default branch's code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from act_cases import act_or_skip, bad_rows
from world import World, make_world

from toy_project import make_project

pytestmark = pytest.mark.acceptance
BLOCKED = "failure: Blocked, do not merge: 2 errors before anything was trained"
HOSTILE = """\
name: liftgate
on: [pull_request]
permissions: {}
jobs:
  gate:
    name: liftgate / preview
    runs-on: ubuntu-latest
    steps:
      - run: |
          mkdir forged && cd forged
          echo '{"verdict": "pass", "pull": 1, "comment": "**Pass**"}' > outputs.json
          echo '**Pass, may be merged**' > comment.md
          echo "::notice::Pass"
      - uses: actions/upload-artifact@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a # v7.0.1
        with: {name: liftgate-preview, path: forged}
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    act_or_skip()
    folder = tmp_path_factory.mktemp("act")
    made = make_world(folder, lambda root: make_project(root, folder / "no-model"))
    with made.server:
        yield made


def hostile_workflow(root: Path) -> None:
    bad_rows(root)
    (root / ".github" / "workflows" / "gate.yml").write_text(HOSTILE)
    (root / ".github" / "action" / "run.py").write_text("print('pass')\n")
    (root / "src" / "liftgate" / "cli.py").write_text("def main(argv=None):\n    return 0\n")


def test_a_workflow_an_action_and_a_program_edited_in_the_change_decide_nothing(world: World) -> None:
    sha = world.commit("hostile", hostile_workflow)
    world.open_pull(20, "hostile", sha, head_repository="mallory/toy", author="mallory")
    run = world.gate_run(20)
    shown = world.gate(20, "opened", run)
    assert shown.code == 0, "the change's own workflow says what it likes"
    assert (
        world.folder / "runs" / "artifacts" / str(run["id"]) / "liftgate-preview" / "comment.md"
    ).is_file()
    told = world.report(run)
    assert told.code == 0, told.log
    assert world.status(sha).startswith(BLOCKED)
    assert "Pass" not in world.comments(20)[0]
    # Under workflow_run the workspace is the default branch: the change's program was never there to be run.
    assert "print('pass')" not in told.log


def test_texts_of_a_pull_request_run_nowhere(world: World, tmp_path: Path) -> None:
    trap = tmp_path / "trapped"
    branch = f"$(touch${{IFS}}{trap})`id`;x"
    sha = world.commit("texts", bad_rows)
    title = f"$(touch {trap}) ${{{{ secrets.GITHUB_TOKEN }}}} ${{{{ github.token }}}}"
    world.open_pull(
        21, branch, sha, title=title, body=f'"; touch {trap}; echo "${{{{ toJSON(secrets) }}}}\nEOF\n'
    )
    run = world.gate_run(21)
    shown = world.gate(21, "opened", run)
    told = world.report(run)
    assert (shown.code, told.code) == (1, 0), told.log
    assert not trap.exists()
    assert world.runner.token not in shown.log + told.log
    assert world.status(sha).startswith(BLOCKED)


def test_a_dataset_path_with_a_line_break_commands_no_runner(world: World) -> None:
    name = (
        "datasets/toy/v1.1.0\n::error file=README.md::pwned\n::set-output name=verdict::pass\nx.train.jsonl"
    )

    def odd(root: Path) -> None:
        bad_rows(root)
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("{}\n")

    sha = world.commit("odd", odd)
    world.open_pull(22, "odd", sha)
    run = world.gate_run(22)
    shown = world.gate(22, "opened", run)
    told = world.report(run)
    assert (shown.code, told.code) == (1, 0), told.log
    for job in (shown, told):
        assert not any(
            "pwned" in line and line.startswith("::error file=README.md") for line in job.annotations
        )
        assert job.outputs["verdict"] != "pass"
    assert world.status(sha).startswith("failure: ")
    assert "odd-path" in world.comments(22)[0]
