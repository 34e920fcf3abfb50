"""`liftgate demo`: the template's dataset as a pull request of a throw-away repository, judged from end to end."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
from pathlib import Path

from liftgate.errors import ExitCode, InputError

_FIXED = {
    # Fixed names and dates give fixed commit ids, so a second run writes the same bytes.
    "GIT_AUTHOR_NAME": "Liftgate demo",
    "GIT_AUTHOR_EMAIL": "demo@liftgate.invalid",
    "GIT_COMMITTER_NAME": "Liftgate demo",
    "GIT_COMMITTER_EMAIL": "demo@liftgate.invalid",
    "GIT_AUTHOR_DATE": "2026-11-25T09:00:00Z",
    "GIT_COMMITTER_DATE": "2026-11-25T09:00:00Z",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the template is, and where the demo works."""
    parser.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="the template (default: here)"
    )
    parser.add_argument("--alias", default="support-intent", help="which alias of the template")
    parser.add_argument("--out", type=Path, default=Path(".liftgate"), metavar="DIR", help="run folder")
    parser.add_argument(
        "--story",
        action="store_true",
        help="then play the whole story: bad rows, price, approval, verdict, 5%%, rollback, backlog",
    )
    parser.add_argument("--open", action="store_true", help="show report.html in a browser at the end")


def run(arguments: argparse.Namespace) -> int:
    """Stage the pull request and run the gate on it; 0 on any verdict."""
    from liftgate.commands.command_line.saying import say
    from liftgate.commands.run import judge
    from liftgate.files import write_json
    from liftgate.project import plan_of

    repository = stage(arguments.root, arguments.out / "demo", arguments.alias)
    say(f"A pull request adds datasets/{arguments.alias}/ and a variant at 0% to models.yaml ({repository}).")
    plan, base, head = plan_of(repository, "main", "HEAD")
    write_json(arguments.out / "plan.json", {**plan.to_dict(), "base": base, "head": head})
    say(f"plan\n  change kinds: {', '.join(plan.kinds)}; steps: {' → '.join(plan.steps(arguments.alias))}")
    _, verdicts = judge(plan, repository, arguments.out, arguments.out / "store", base, "make demo")
    if arguments.story:
        from liftgate.commands.demo_story import play

        play(arguments.root, arguments.out, arguments.alias, say)
    say(
        f"\nThe demo reached a verdict: {', '.join(verdicts.values())}. (Any verdict ends the demo with exit 0.)"
    )
    if arguments.open:
        import webbrowser

        webbrowser.open((arguments.out / arguments.alias / "report.html").absolute().as_uri())
    return ExitCode.PASS


def needed(root: Path, alias: str) -> None:
    """Raises `InputError` where the template is not."""
    for path in (
        "models.yaml",
        f"datasets/{alias}/card.yaml",
        f"evals/{alias}/suite.yaml",
        "evals/policy.yaml",
    ):
        if not (root / path).is_file():
            raise InputError(
                f"{root / path}: no such file", hint="run the demo in a checkout of the template"
            )


def stage(root: Path, folder: Path, alias: str) -> Path:
    """A repository whose `main` holds the ruler and whose branch adds the subject; rebuilt each time."""
    needed(root, alias)
    repository = folder / "repository"
    shutil.rmtree(repository, ignore_errors=True)
    repository.mkdir(parents=True)
    git(repository, "init", "-q", "-b", "main")
    shutil.copytree(root / "evals", repository / "evals")
    (repository / "models.yaml").write_bytes(without_variants(root / "models.yaml"))
    _commit(repository, "The ruler: golden set, safety suite, policy, prices")
    git(repository, "switch", "-q", "-c", "first-fine-tune")
    shutil.copytree(root / "datasets" / alias, repository / "datasets" / alias)
    shutil.copyfile(root / "models.yaml", repository / "models.yaml")
    _commit(repository, f"Fine-tune {alias}")
    return repository


def without_variants(path: Path) -> bytes:
    """The registry with its default models alone."""
    import yaml

    from liftgate.registry.models import read_models

    data = read_models(path.read_bytes(), str(path)).document.data
    models = {name: {"default": entry["default"]} for name, entry in data["models"].items()}
    return yaml.safe_dump({"version": 1, "models": models}, sort_keys=True).encode()


def _commit(repository: Path, message: str) -> None:
    git(repository, "add", "--all")
    git(repository, "commit", "-q", "--no-verify", "-m", message)


def git(repository: Path, *arguments: str, at: str | None = None) -> str:
    """Run git under the demo's name, at a fixed time unless another is given; gives what it printed."""
    dates = {} if at is None else {"GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at}
    done = subprocess.run(
        ["git", "-C", str(repository), "-c", "core.autocrlf=false", *arguments],
        env={**os.environ, **_FIXED, **dates},
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise InputError(f"git {arguments[0]} failed: {done.stderr.decode('utf-8', 'replace').strip()[:200]}")
    return done.stdout.decode("utf-8", "replace")
