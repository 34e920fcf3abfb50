"""The story of `liftgate demo --story`: one alias from a bad row to a rollback, on a throw-away repository.

Everything is the gate's own work, from commits to comments; only GitHub is not there, so its clicks (open, approve,
merge) are lines of text, and callers are not, so the models' answers to the golden cases are their requests.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from liftgate.commands.demo import git, needed, without_variants
from liftgate.errors import InputError, LiftgateError
from liftgate.report.folded import folded

if TYPE_CHECKING:
    from liftgate.publishing.outcome import ChangeReport

Say = Callable[[str], None]
VARIANT: Final = "v1.0.0"
# What a rented machine might cost; the template's own machine is free, and then nobody is asked.
_RATE: Final = "0.90"
_MOST_LINES: Final = 32
_REPOSITORY: Final = "octocat/toy"
# Longer answers than this no longer fit, so the application cannot read them as JSON.
_LONGEST: Final = 48


class Story:
    """A remote, a clone that people work in, a ledger, and what was said so far."""

    def __init__(self, root: Path, out: Path, alias: str, say: Say) -> None:
        self.root, self.out, self.alias, self.say = root, out, alias, say
        self.folder = out / "demo" / "story"
        self.clone, self.ledger = self.folder / "repository", self.folder / "ledger"
        self.run_folder = self.folder / "run"
        self.now = datetime.datetime.now(datetime.UTC)
        self.day, self.acts, self.pulls = 6.0, 0, 0

    def play(self) -> None:
        """All acts. Without a pass it ends where the gate ends it."""
        self._main()
        self._bad_rows()
        digest = self._mended()
        self._approved(digest)
        verdict = self._trained()
        self._judged()
        if verdict != "pass":
            self.say(f"\nThe verdict is {verdict}, so nothing is merged, and the story ends here.")
            return
        self._at_zero()
        if self._promoted():
            self._regressed()
        self._backlog()

    def _main(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        origin = self.folder / "origin.git"
        self.clone.mkdir(parents=True)
        self._git("init", "-q", "-b", "main")
        shutil.copytree(self.root / "evals", self.clone / "evals")
        prices = self.clone / "evals" / "prices.yaml"
        prices.write_text(
            prices.read_text("utf-8").replace('usd_per_hour: "0.00"', f'usd_per_hour: "{_RATE}"')
        )
        (self.clone / "models.yaml").write_bytes(without_variants(self.root / "models.yaml"))
        runbook = self.clone / "docs" / "runbooks" / "rollback.md"
        runbook.parent.mkdir(parents=True)
        runbook.write_text("# Rollback\n\nliftgate registry rollback ALIAS --pull-request\n")
        (self.clone / ".gitignore").write_text(".liftgate/\n")
        self._commit("The ruler: golden set, safety suite, policy, prices")
        git(self.folder, "clone", "-q", "--bare", str(self.clone), str(origin))
        self._git("remote", "add", "origin", str(origin.absolute()))
        self._git("fetch", "-q", "origin")

    def _bad_rows(self) -> None:
        self._act("A pull request brings rows: one of them is a golden case, another one is there twice")
        self._branch("first-fine-tune")
        datasets = self.clone / "datasets" / self.alias
        shutil.copytree(self.root / "datasets" / self.alias, datasets)
        card = datasets / "card.yaml"
        self.good = {path: path.read_bytes() for path in (*datasets.glob("*.train.jsonl"), card)}
        (train,) = datasets.glob("*1.0.0.train.jsonl")
        rows = train.read_bytes().splitlines(keepends=True)
        case = json.loads((self.clone / "evals" / self.alias / "golden.jsonl").read_bytes().splitlines()[0])
        leaked = json.loads(rows[0])
        leaked["messages"] = [m for m in leaked["messages"] if m["role"] == "system"] + [
            *(m for m in case["messages"] if m["role"] != "system"),
            {"role": "assistant", "content": json.dumps(case["expected"])},
        ]
        leaked["metadata"] |= {"id": "leaked-1", "label": case["expected"]["intent"]}
        again = json.loads(rows[1])
        again["metadata"]["id"] = "again-1"
        bad = b"".join([*rows, *(json.dumps(row).encode() + b"\n" for row in (leaked, again))])
        _replace(card, _sha256(train.read_bytes()), _sha256(bad))
        _replace(card, f"rows: {len(rows)}", f"rows: {len(rows) + 2}")
        train.write_bytes(bad)
        self._commit(f"Fine-tune {self.alias}")
        self._comment("bad-data", self._judge())

    def _mended(self) -> str:
        self._act("Both rows are taken out; now the training has a price, and somebody has to agree to it")
        for path, data in self.good.items():
            path.write_bytes(data)
        self._commit("Take out the golden case and the repetition")
        change = self._judge()
        self._comment("waiting", change)
        (outcome,) = change.outcomes
        if outcome.digest is None:
            raise InputError("the story has no training to approve", hint="liftgate demo judges the template")
        return outcome.digest

    def _approved(self, digest: str) -> None:
        self._act("Somebody who did not write the change approves exactly this training, at this price")
        words = ["--alias", self.alias, "--digest", digest, "--by", "ml-lead", "--author", "ana"]
        words += ["--repository", _REPOSITORY, "--change", f"pull/{self.pulls}"]
        self._liftgate("approve", *words, "--base", "main", *self._places())
        self._comment("approved", self._judge())

    def _trained(self) -> str:
        from liftgate.commands.launching.hosted_flow import HostedWords
        from liftgate.commands.run import judge
        from liftgate.project import plan_of

        self._act("It trains, or finds what was trained before, and both models answer the golden set")
        plan, base, _ = plan_of(self.clone, "main", "HEAD")
        words = HostedWords(str(self.ledger), "ana", _REPOSITORY, f"pull/{self.pulls}")
        _, verdicts = judge(plan, self.clone, self.run_folder, self.out / "store", base, "make demo", words)
        if verdicts[self.alias] in {"pass", "block", "insufficient-evidence"}:
            folder = str(self.run_folder / self.alias)
            self._liftgate(
                "registry", "record", folder, "--base", "main", "--results-branch", *self._places()
            )
        return verdicts[self.alias]

    def _judged(self) -> None:
        self._act("The verdict is found by content: what was paid for once is not paid for again")
        change = self._judge()
        self._comment("verdict", change)
        if change.state == "pass":
            self._merge("A code owner merges.")

    def _at_zero(self) -> None:
        self._act("The model becomes a variant at 0%: nobody gets it, but its requests may be mirrored")
        self._branch("at-zero")
        said = ["--name", VARIANT, "--model-id", f"{self.alias}-{VARIANT}", "--owner", "support-platform"]
        said += ["--on-call", "support-platform-oncall", "--runbook", "docs/runbooks/rollback.md"]
        self._registry("add", self.alias, "--run", str(self.run_folder / self.alias), *said)
        zero = "        rollout_percent: 0\n"
        _replace(self.clone / "models.yaml", zero, f"{zero}        shadow_percent: 100\n")
        self._commit(f"Add {self.alias} {VARIANT} at 0%")
        self._comment("at-zero", self._judge())
        self._merge("Merged. Two days of mirrored requests follow.")

    def _promoted(self) -> bool:
        self._act("The mirrored requests went well, so 5% of the callers may have it")
        self._branch("to-five")
        report = self._shadow(self.day, lambda output: output, "correct")
        kept = f"evals/reports/{self.alias}/{VARIANT}.shadow.json"
        shutil.copyfile(report, self.clone / kept)
        pin = f"{{path: {kept}, sha256: {_sha256(report.read_bytes())}}}"
        zero = "        rollout_percent: 0\n"
        _replace(self.clone / "models.yaml", zero, f"        shadow_report: {pin}\n{zero}")
        self._registry("promote", self.alias, VARIANT)
        self._commit(f"Promote {self.alias} {VARIANT} to 5%")
        change = self._judge()
        self._comment("promotion", change)
        if change.state != "pass":
            self.say("The registry's rules stop the promotion, so callers keep what they have.")
            return False
        self._merge("Merged: 5% of the callers get the variant.")
        return True

    def _regressed(self) -> None:
        self._act(
            "Somebody lowers the longest answer on the server; mirrored requests tell before callers do"
        )
        self._branch("back")
        self._shadow(self.day, lambda output: output[:_LONGEST], "answered")
        self._registry("rollback", self.alias)
        self._commit(f"Roll {self.alias} {VARIANT} back")
        self._comment("rollback", self._judge())
        self._merge("Merged at once: a rollback waits for no model, no provider and no statistics.")

    def _backlog(self) -> None:
        self._act("What the next dataset needs")
        words = ["--run", str(self.run_folder / self.alias), *self._places()[:2]]
        if (shadow := self.folder / "shadow.json").is_file():
            words += ["--shadow", str(shadow)]
        self.say(_indented(self._liftgate("backlog", self.alias, *words)))

    def _shadow(self, day: float, served: Callable[[str], str], metric: str) -> Path:
        """Make a request log of the golden answers as the variant serves them, and its shadow report."""
        log, out = self.folder / f"requests-{self.acts}.jsonl", self.folder / "shadow.json"
        log.write_text("".join(f"{json.dumps(line)}\n" for line in self._requests(day, served)), "utf-8")
        where = ["--log", str(log), "--metric", metric, "--out", str(out), *self._places()[:2]]
        self.say(_indented(self._liftgate("watch", "shadow", self.alias, VARIANT, *where, may={0, 10})))
        return out

    def _requests(self, day: float, served: Callable[[str], str]) -> Iterator[Mapping[str, Any]]:
        runs = self.run_folder / self.alias / "runs"
        base, ours = (_answers(runs / name / "results.jsonl") for name in ("base", "candidate"))
        golden = (self.clone / "evals" / self.alias / "golden.jsonl").read_bytes().splitlines()
        began = self.now - datetime.timedelta(days=day)
        for number, case in enumerate(map(json.loads, golden)):
            if case["id"] not in base or case["id"] not in ours:
                continue
            about = {
                "at": (began + datetime.timedelta(minutes=3 * number)).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "id": f"request-{number:03}",
                "alias": self.alias,
            }
            default = base[case["id"]]
            right = {"correct": float(_read(default) == case["expected"])}
            yield {**about, "variant": "default", "model": self._default(), "status": "ok", "scores": right}
            answer = _read(served(ours[case["id"]]))
            yield {
                **about, "variant": VARIANT, "model": f"{self.alias}-{VARIANT}", "shadow": True,
                "status": "ok" if answer is not None else "error",
                "scores": {"correct": float(answer == case["expected"])},
            }  # fmt: skip

    def _default(self) -> str:
        from liftgate.registry.models import read_models

        models = read_models((self.clone / "models.yaml").read_bytes(), "models.yaml")
        return models.alias(self.alias).default.model_id

    def _judge(self) -> ChangeReport:
        from liftgate.commands.judging.change import judge_change
        from liftgate.commands.judging.results_branch import ResultsBranch
        from liftgate.commands.sources.ledgers import open_ledger

        # The ledger's entries carry the time of now, and an entry of tomorrow counts for nothing.
        now = datetime.datetime.now(datetime.UTC)
        return judge_change(
            self.clone, "main", "HEAD",
            ledger=open_ledger(str(self.ledger), self.clone),
            results=ResultsBranch(self.clone),
            today=now.date(), now=now, author="ana", repository=_REPOSITORY, change=f"pull/{self.pulls}",
        )  # fmt: skip

    def _comment(self, name: str, change: ChangeReport) -> None:
        from liftgate.files import write_bytes
        from liftgate.report.change_comment import render_change_comment

        text = render_change_comment(change, workflow="gate", run_url=None, previous=None)
        path = self.folder / "comments" / f"{self.acts}-{name}.md"
        write_bytes(path, text.encode())
        self.say(f"  the comment ({path}):\n{_indented(folded(text))}")

    def _act(self, title: str) -> None:
        self.acts += 1
        self.say(f"\n=== {self.acts}. {title}")

    def _branch(self, name: str) -> None:
        self.pulls += 1
        self.day -= 0.1
        self._git("switch", "-q", "-c", name, "main")

    def _merge(self, said: str) -> None:
        branch = f"pull request {self.pulls}"
        head = git(self.clone, "rev-parse", "HEAD").strip()
        self._git("switch", "-q", "main")
        self._git("merge", "-q", "--no-ff", "-m", f"Merge {branch}", head)
        self._git("push", "-q", "origin", "main")
        self.day -= 1.6
        self.say(f"  {said}")

    def _commit(self, message: str) -> None:
        self._git("add", "--all")
        self._git("commit", "-q", "--no-verify", "-m", message)

    def _git(self, *words: str) -> None:
        at = (self.now - datetime.timedelta(days=self.day)).strftime("%Y-%m-%dT%H:%M:%SZ")
        git(self.clone, *words, at=at)

    def _places(self) -> list[str]:
        return ["--root", str(self.clone), "--ledger", str(self.ledger)]

    def _registry(self, action: str, *words: str) -> None:
        self.say(_indented(self._liftgate("registry", action, *words, "--write", *self._places())))

    def _liftgate(self, *words: str, may: set[int] | None = None) -> str:
        """What a command says, run as a person would."""
        module = import_module(f"liftgate.commands.{words[0].replace('-', '_')}")
        parser = argparse.ArgumentParser(prog=f"liftgate {words[0]}")
        module.add_arguments(parser)
        said = StringIO()
        with redirect_stderr(said), redirect_stdout(said):
            try:
                code = int(module.run(parser.parse_args(words[1:])))
            except LiftgateError as error:
                code = error.exit_code
                said.write(str(error))
        shown = " ".join(word for word in words if not word.startswith("/"))
        if code not in (may or {0}):
            raise InputError(
                f"the story stops at liftgate {shown}: exit {code}", hint=said.getvalue().strip()
            )
        return f"$ liftgate {' '.join(words[:3])} ...\n{said.getvalue().strip()}"


def play(root: Path, out: Path, alias: str, say: Say) -> None:
    """Play the story below `out/demo/story`, or tell it again where the same run has told it before."""
    from liftgate import __version__
    from liftgate.files import read_bytes, write_json

    needed(root, alias)
    told, report = out / "demo" / "story.json", read_bytes(out / alias / "report.json")
    key = f"{__version__}:{_sha256(report)}:{_sha256(Path(__file__).read_bytes())}"
    known = json.loads(told.read_bytes()) if told.is_file() else {}
    if known.get("key") == key and (out / "demo" / "story" / "comments").is_dir():
        say(known["text"])
        return
    lines: list[str] = []

    def tell(text: str) -> None:
        lines.append(text)
        say(text)

    Story(root, out, alias, tell).play()
    write_json(told, {"key": key, "text": "\n".join(lines)})


def _answers(path: Path) -> dict[str, str]:
    rows = map(json.loads, path.read_bytes().splitlines())
    return {
        row["case_id"]: row["output"]
        for row in rows
        if row["suite"] == "quality" and row["repeat"] == 0 and row["output"] is not None
    }


def _read(output: str) -> object:
    """An answer as an application reads it; None for one that is no JSON."""
    try:
        return json.loads(output)
    except ValueError:
        return None


def _replace(path: Path, before: str, after: str) -> None:
    path.write_text(path.read_text("utf-8").replace(before, after, 1), "utf-8")


def _sha256(data: bytes) -> str:
    from liftgate.files import sha256_bytes

    return sha256_bytes(data)


def _indented(text: str) -> str:
    lines = text.splitlines()
    more = [f"… {len(lines) - _MOST_LINES} more lines"] if len(lines) > _MOST_LINES else []
    return "\n".join(f"  │ {line}".rstrip() for line in [*lines[:_MOST_LINES], *more])
