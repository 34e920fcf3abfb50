"""Asks what callers get the same few prompts again, once a week, and keeps the hashes of the answers in the ledger.

Whatever keeps a model from being asked is told with its exit code, and the others are asked all the same: a canary that
is silent is no sign that nothing changed.
"""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from liftgate.commands.watching.canary_looks import Canary, is_asked, look_at, subject_of
from liftgate.errors import ExitCode, InputError, LiftgateError, ProviderError, StillRunning

if TYPE_CHECKING:
    from collections.abc import Callable

    from liftgate.commands.asking.spending import Spending
    from liftgate.evaluation.limits import Limits
    from liftgate.evaluation.runner import Asking
    from liftgate.evaluation.suite_folder import SuiteFolder
    from liftgate.project import Ruler
    from liftgate.registry.models import Alias, Model, Variant
    from liftgate.training.ledger import Ledger

RANK: Final = (
    ExitCode.PASS,
    ExitCode.INSUFFICIENT_EVIDENCE,
    ExitCode.BLOCKED,
    ExitCode.MISSING_EXTRA,
    ExitCode.BAD_INPUT,
    ExitCode.PROVIDER_FAILED,
)
"""The highest of several is the one to exit with: a model that could not be asked hides behind no other."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9._:/#@-]{1,256}")


class NotAsked(LiftgateError):
    """The evidence would not suffice, or the money does not: nothing was sent."""

    exit_code = ExitCode.INSUFFICIENT_EVIDENCE


@dataclass(frozen=True)
class Told:
    """What became of one model. `asked` is how many prompts were asked now, `usd` what that cost."""

    alias: str
    subject: str
    code: ExitCode
    why: str
    model_id: str
    asked: int = 0
    usd: Decimal | None = None

    def to_dict(self) -> dict[str, Any]:
        """For `--json`."""
        usd = None if self.usd is None else f"{self.usd:f}"
        return {**vars(self), "code": int(self.code), "usd": usd}


@dataclass
class Asker:
    """Asks the models of aliases. `say` gets a line before money is spent."""

    ruler: Ruler
    ledger: Ledger
    canary: Canary
    now: datetime.datetime
    max_usd: Decimal | None
    say: Callable[[str], None]

    def ask(self, alias: Alias) -> Iterator[Told]:
        """Every model of an alias that callers get."""
        live: list[Variant | None] = [each for each in alias.variants.values() if each.rollout_percent > 0]
        tuned = sum(each.rollout_percent for each in alias.variants.values())
        suite: SuiteFolder | None = None
        spending: Spending | None = None
        for variant in [*live, *([None] if tuned < 100 else [])]:
            model = alias.default if variant is None else variant.model
            named = "default" if variant is None else variant.name
            if not is_asked(alias, variant):
                why = "not asked: its weights are files of your own, which do not change under their hash"
                yield Told(alias.name, named, ExitCode.PASS, why, model.model_id)
                continue
            if not live and not (self.ruler.folder / "evals" / alias.name / "suite.yaml").is_file():
                why = "not asked: it has no suite, and no variant is held against it"
                yield Told(alias.name, named, ExitCode.PASS, why, model.model_id)
                continue
            try:
                suite = suite or self.ruler.suite(alias.name)
                spending = spending or self._spending()
                yield self._one(alias, variant, suite, spending)
            except StillRunning as stopped:
                yield Told(
                    alias.name, named, NotAsked.exit_code, f"not kept: {stopped.sentence}", model.model_id
                )
            except LiftgateError as error:
                why = f"not asked: {error.sentence}" + (f"; {error.hint}" if error.hint else "")
                yield Told(alias.name, named, error.exit_code, why, model.model_id)

    def _spending(self) -> Spending:
        from liftgate.commands.asking.spending import Spending
        from liftgate.evaluation.limits import Purse

        most = self.ruler.policy.cost.max_eval_usd
        return Spending(Purse(most if self.max_usd is None else min(most, self.max_usd)), self.ruler.prices)

    def _one(self, alias: Alias, variant: Variant | None, suite: SuiteFolder, spending: Spending) -> Told:
        from liftgate.digests import digest
        from liftgate.findings import blocks, with_policy
        from liftgate.training.ledger import look_name
        from liftgate.watch.canary import RULE, week_of

        model, named = (alias.default, "default") if variant is None else (variant.model, variant.name)
        limits = spending.held(spending.price_of(model))
        asking = _asking(suite, model, limits, tuned=variant is not None)
        about = {
            "endpoint": asking.endpoint.kind,
            "identity": asking.endpoint.identity(),
            "sampling": asking.sampling.to_dict(),
            "prompt_sha256": asking.prompt.sha256,
        }
        asked = digest(about)
        week = week_of(self.now.astimezone(datetime.UTC).date())
        subject = subject_of(alias.name, model.model_id)
        name = look_name(subject, week, asked)
        said, usd, prompts = "asked this week already", None, 0
        if name not in self.canary.names:
            self._price(asking, model, f"{alias.name} {named}", spending)
            entry = {**self._entry(alias.name, model, asking, limits), "week": week, "asked_sha256": asked}
            usd, prompts = limits.usd, len(entry["answers"])
            if self.ledger.create(name, entry):
                said = _summary(entry, usd)
            else:
                said = "another look of this week was kept first"
            self.canary.forget()
        found = self.canary.of_default(alias) if variant is None else self.canary.of_variant(alias, variant)
        changes = [each for each in with_policy(found or (), self.ruler.policy.rules) if each.rule == RULE]
        code = ExitCode.BLOCKED if blocks(changes) else ExitCode.PASS
        calm = (
            "no change is proven"
            if self.canary.kept(subject) > 1
            else "the first look, which later ones are held against"
        )
        why = "; ".join([said, *([each.message for each in changes] or [calm])])
        return Told(alias.name, named, code, why, model.model_id, prompts, usd)

    def _price(self, asking: Asking, model: Model, who: str, spending: Spending) -> None:
        """Say what it may cost. Raises `NotAsked` when the budget does not hold it."""
        from liftgate.evaluation.forecast import ArmToAsk, forecast
        from liftgate.evaluation.later import Later

        later = Later(who, asking.endpoint, asking.prompt)
        arm = ArmToAsk(who, model.model_id, asking, later, spending.price_of(model))
        cost = forecast([arm], self.ruler.prices_path, lambda kind, name: None)
        if cost.usd is None:
            raise InputError("; ".join(finding.message for finding in cost.findings))
        most = cost.usd.rounded.high
        if spending.purse.max_usd is not None and not spending.purse.fits(cost.usd.high):
            raise NotAsked(
                f"it may cost ${most}, and ${spending.purse.max_usd} is all that an alias may spend here",
                hint="raise cost.max_eval_usd or --max-usd",
            )
        self.say(f"{who}: {len(asking.questions)} requests, at most ${most}")

    def _entry(self, alias: str, model: Model, asking: Asking, limits: Limits) -> dict[str, Any]:
        from liftgate.evaluation.runner import requests_of, run_arm
        from liftgate.files import sha256_bytes
        from liftgate.training.approval import rfc3339
        from liftgate.training.cost import money
        from liftgate.watch.canary import LEAST_PROMPTS, hashed, look_of

        answered = run_arm(
            asking.questions,
            prompt=asking.prompt,
            endpoint=asking.endpoint,
            sampling=asking.sampling,
            truncated="score",
            limits=limits,
            label=f"canary {model.model_id}",
        )
        keys = [hashed(replace(request, repeat=0).content()) for request in requests_of(asking)]
        rows = [{**row, "case_id": key} for row, key in zip(answered.rows, keys, strict=True)]
        look = look_of(alias, model.model_id, rfc3339(self.now), "", rows)
        twice = {name: answers for name, answers in look.answers.items() if len(answers) > 1}
        wanted = len(set(keys))
        if len(twice) < max(LEAST_PROMPTS, wanted / 2):
            raise ProviderError(_too_few(len(twice), wanted, answered.rows))
        return {
            "schema_version": 1,
            "entry": "look",
            "subject": subject_of(alias, model.model_id),
            "alias": alias,
            # The ledger takes plain names; the subject says which model it is all the same.
            "model_id": model.model_id
            if _PLAIN.fullmatch(model.model_id)
            else sha256_bytes(model.model_id.encode()),
            "answers": {name: list(answers) for name, answers in twice.items()},
            "usd": money(limits.usd),
            "at": look.at,
        }


def _asking(suite: SuiteFolder, model: Model, limits: Limits, *, tuned: bool) -> Asking:
    """The prompts of every look, put as callers put them: a variant by the candidate's arm, the default by base's."""
    from liftgate.commands.asking.answerers import endpoint_of
    from liftgate.commands.asking.one_arm import asking_of
    from liftgate.watch.canary import LEAST_PROMPTS, REPEATS, chosen

    arms = suite.suite.arms
    arm = suite.suite.arm(None if tuned or "base" not in arms else "base")
    only = chosen(suite.golden.by_id)
    if len(only) < LEAST_PROMPTS:
        raise NotAsked(
            f"the golden set has {len(only)} cases, and a change can be proven on {LEAST_PROMPTS} at least"
        )
    asking = asking_of(suite, arm, endpoint_of(model, limits), None, None, range(REPEATS), (), only)
    # Nothing is graded here, so no judge is paid.
    bare = [replace(question, metrics=(), buckets={}) for question in asking.questions]
    return replace(asking, questions=bare, truncated="score")


def _summary(entry: Mapping[str, Any], usd: Decimal) -> str:
    from liftgate.training.budget import cents
    from liftgate.watch.canary import LEAST_PROMPTS, REPEATS

    steady, prompts = look_at(entry).steady, len(entry["answers"])
    said = f"{prompts} prompts asked {REPEATS} times for ${cents(usd)}"
    if steady < LEAST_PROMPTS:
        said += f"; only {steady} of them got an answer twice, so a change can hardly be told from noise"
    return said


def _too_few(twice: int, wanted: int, rows: list[dict[str, Any]]) -> str:
    kinds = Counter(row["error"]["kind"] for row in rows if row["error"] is not None)
    why = ", ".join(f"{count} × {kind}" for kind, count in kinds.most_common(3))
    return f"{twice} of {wanted} prompts have two answers ({why or 'none came'}), and this look is not kept"
