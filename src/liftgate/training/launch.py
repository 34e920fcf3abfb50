"""Launch a hosted training exactly once, whatever crashes, doubles or is lost on the way.

Four layers: a create-only lock, the ledger's record of the job, a look-up at the provider before every create,
and the provider's own idempotency. plan -> approved -> locked -> (found | submitted) -> recorded -> finished; the
ledger holds every step, so the same command goes on wherever another one stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from liftgate.errors import InputError, LiftgateError, ProviderError, ReplyLost, StillRunning
from liftgate.training.approval import parse_time, rfc3339
from liftgate.training.job_log import Clock, JobLog, Permit, Unrecorded
from liftgate.training.jobs import Job, JobState, Submission, Trainer
from liftgate.training.ledger import SEAL, Entry, Ledger, lock_name, plan_name
from liftgate.training.standing import Standing

LOOK_UPS_S: Final = (0.0, 2.0, 5.0, 10.0, 20.0, 40.0, 60.0)
"""Waits before each look-up of a job whose create may have happened: providers list new jobs late."""
HOLD_S: Final = 600.0
"""A holder creates within so many seconds of taking its lock, or not at all."""
RELAUNCH_AFTER_S: Final = 7_200.0
"""Longer than any holder's upload and create can last after HOLD_S: nobody is still about to create then."""
MOST_POLL_FAILURES: Final = 5


@dataclass(frozen=True)
class Order:
    """One manifest to launch. `holder` is unique to this process; `command` is what a person runs to go on.

    Without a permit nothing is ever created: the order only finds, follows and cancels.
    """

    submission: Submission
    permit: Permit | None
    holder: str
    command: str
    relaunch: bool = False

    @property
    def digest(self) -> str:
        """Of the manifest."""
        return self.submission.manifest.digest


class NotApproved(LiftgateError):
    """Another job of this manifest needs an approval of its own."""


class Unresolved(ProviderError):
    """A create may have happened, and no look-up finds its job."""


class Launch:
    """One order, carried as far as it goes."""

    def __init__(self, order: Order, trainer: Trainer, ledger: Ledger, clock: Clock) -> None:
        self.order, self.trainer, self.ledger, self.clock = order, trainer, ledger, clock
        self.log = JobLog(order.digest, order.holder, order.command, ledger, clock)

    def start(self) -> Job:
        """The one job of this manifest: known, found, or created now.

        Raises `StillRunning` while another launch is at it, `Unresolved` when a create is in doubt, `NotApproved`
        when a further job was not approved, and whatever the provider or the ledger raises.
        """
        standing = self.log.standing()
        if standing.current is not None:
            return self.poll(standing.current["job_id"])
        if standing.unresolved and (job := self._look_up(standing)) is not None:
            return job
        if standing.unresolved:
            standing = self.log.standing()
            if standing.current is not None:
                return self.poll(standing.current["job_id"])
        self._may_go_on(standing)
        return self._create(standing)

    def resume(self) -> Job:
        """The job that an earlier command launched; nothing is ever created. Raises `InputError` without one."""
        standing = self.log.standing()
        if standing.current is not None:
            return self.poll(standing.current["job_id"])
        if standing.jobs:
            return self.poll(standing.jobs[-1]["job_id"])
        if standing.unresolved and (job := self._look_up(standing)) is not None:
            return job
        if standing.unresolved:
            raise self._in_doubt(self.log.standing())
        raise InputError(
            "nothing was launched under this digest, so there is nothing to resume",
            hint=self.order.command,
        )

    def poll(self, job_id: str) -> Job:
        """The job as it is now; its end is recorded once."""
        job = self.trainer.poll(job_id)
        self.log.ended(job)
        return job

    def follow(
        self,
        job: Job,
        *,
        deadline_s: float | None,
        interval_s: float,
        tell: Callable[[Job], None] = lambda job: None,
    ) -> Job:
        """Poll until the job has ended. Raises `StillRunning` at the deadline; the job goes on by itself."""
        start, failures = self.clock.now(), 0
        tell(job)
        while not job.state.is_final:
            waited = (self.clock.now() - start).total_seconds()
            if deadline_s is not None and waited >= deadline_s:
                raise StillRunning(
                    f"job {job.id} is still {job.state} after {deadline_s:g} s; it goes on without this command",
                    hint=self.order.command,
                )
            left = interval_s if deadline_s is None else min(interval_s, deadline_s - waited)
            self.clock.sleep(left)
            try:
                job, failures = self.poll(job.id), 0
            except ProviderError as error:
                failures += 1
                if failures >= MOST_POLL_FAILURES:
                    raise ProviderError(
                        error.sentence,
                        problems=error.problems,
                        hint=f"{error.hint + '; ' if error.hint else ''}the job goes on, then: {self.order.command}",
                    ) from None
                continue
            tell(job)
        return job

    def cancel(self, by: str) -> Job:
        """Ask the provider to stop the job, and write down who did."""
        standing = self.log.standing()
        job = standing.current
        job_id = self.resume().id if job is None else job["job_id"]
        self.log.append("cancel-requested", job_id=job_id, by=by)
        stopped = self.trainer.cancel(job_id)
        self.log.ended(stopped)
        return stopped

    def answered(self, job: Job, model_id: str, *, answered: bool) -> None:
        """Write down whether the trained model answered its first question."""
        self.log.append("smoke", job_id=job.id, model_id=model_id, answered=answered)

    def _may_go_on(self, standing: Standing) -> None:
        """Refuse a further job that nobody approved after the last one was in doubt or had ended."""
        if not standing.may_have_created or standing.lock is None:
            return
        if standing.unresolved and (not self.order.relaunch or self._age_s(standing.lock) < RELAUNCH_AFTER_S):
            raise self._in_doubt(standing)
        approval = self.order.permit.approval if self.order.permit else None
        fresh = (
            approval is not None
            and approval[SEAL] not in standing.consumed
            and parse_time(approval["issued_at"])
            > max(parse_time(lock["at"]) for lock in standing.consumed_locks)
        )
        if not (self.order.relaunch and fresh):
            ended = ", ".join(sorted({str(each["state"]) for each in standing.finished.values()}))
            raise NotApproved(
                f"a job of this manifest was launched before{f' and {ended}' if ended else ''}; another one costs "
                "again and needs an approval given since",
                hint=f"liftgate approve, then {self.order.command} --relaunch",
            )

    def _create(self, standing: Standing) -> Job:
        order, attempt = self.order, standing.attempt + 1
        permit = order.permit
        if permit is None:
            raise NotApproved("nothing allows this launch", hint=order.command)
        self._plan()
        locked_at = self.clock.now()
        approval = permit.approval
        lock = {
            "schema_version": 1,
            "entry": "lock",
            "digest": order.digest,
            "attempt": attempt,
            "holder": order.holder,
            "at": rfc3339(locked_at),
            "approval": None if approval is None else approval[SEAL],
            "usd": f"{permit.usd:f}",
            "price_sha256": permit.price_sha256,
            "tokens": permit.tokens,
            "usd_per_mtok": None if permit.usd_per_mtok is None else f"{permit.usd_per_mtok:f}",
        }
        if not self.ledger.create(lock_name(order.digest, attempt), lock):
            return self._behind_another()
        try:
            # A job may be there that this ledger does not know: its own was lost, or another one launched it.
            if (found := self._adopt(attempt)) is not None:
                return found
            if (self.clock.now() - locked_at).total_seconds() >= HOLD_S:
                raise StillRunning(
                    "the launch stood still for too long to be sure that it is the only one; nothing was created",
                    hint=order.command,
                )
            job = self.trainer.submit(self._numbered(attempt))
        except ReplyLost:
            if (found := self._look_up(self.log.standing())) is not None:
                return found
            raise self._in_doubt(self.log.standing()) from None
        except Unrecorded:
            raise
        except LiftgateError:
            self.log.append("released", attempt=attempt)
            raise
        self.log.submitted(job, attempt, found=False)
        self.log.ended(job)
        return job

    def _numbered(self, attempt: int) -> Submission:
        # A provider that knows repeated requests by a token must not answer a relaunch with the job before it.
        submission = self.order.submission
        return replace(submission, metadata={**submission.metadata, "liftgate_attempt": str(attempt)})

    def _plan(self) -> None:
        name = plan_name(self.order.digest)
        if self.ledger.read(name) is None:
            manifest = self.order.submission.manifest.to_dict()
            body = {"schema_version": 1, "entry": "plan", "digest": self.order.digest, "manifest": manifest}
            # Whoever writes it first names the same manifest: its digest is the entry's name.
            self.ledger.create(name, {**body, "at": rfc3339(self.clock.now())})

    def _behind_another(self) -> Job:
        """Another launch took the lock first: its job is ours, too."""
        standing = self.log.standing()
        if standing.current is not None:
            return self.poll(standing.current["job_id"])
        if (job := self._look_up(standing)) is not None:
            return job
        raise self._in_doubt(self.log.standing())

    def _look_up(self, standing: Standing) -> Job | None:
        """The job of an unresolved lock, by the ledger or by the provider, asked for several times."""
        failure: ProviderError | None = None
        for wait_s in LOOK_UPS_S:
            if wait_s:
                self.clock.sleep(wait_s)
            standing = self.log.standing()
            if standing.current is not None:
                return self.poll(standing.current["job_id"])
            if not standing.unresolved:
                return None
            try:
                if (found := self._adopt(standing.attempt)) is not None:
                    return found
                failure = None
            except ProviderError as error:
                failure = error
        if failure is not None:
            raise failure
        return None

    def _adopt(self, attempt: int) -> Job | None:
        """Record every job of this digest that the ledger does not know; the one that stands for it, or None."""
        listed = self.trainer.find(self.order.digest)
        standing = self.log.standing()
        unknown = [job for job in listed if job.digest == self.order.digest and not standing.knows(job.id)]
        for job in unknown:
            self.log.submitted(job, attempt, found=True)
            self.log.ended(job)
        rank = {JobState.SUCCEEDED: 0, JobState.FAILED: 2, JobState.CANCELLED: 2}
        return min(unknown, key=lambda job: rank.get(job.state, 1), default=None)

    def _age_s(self, lock: Entry) -> float:
        return (self.clock.now() - parse_time(lock["at"])).total_seconds()

    def _in_doubt(self, standing: Standing) -> LiftgateError:
        if standing.lock is None or not standing.unresolved:
            return StillRunning("another launch of this manifest came to its end", hint=self.order.command)
        age_s, since = self._age_s(standing.lock), standing.lock["at"]
        if age_s < RELAUNCH_AFTER_S:
            minutes = int((RELAUNCH_AFTER_S - age_s) // 60) + 1
            return StillRunning(
                f"a launch took the lock at {since} and its job is not listed yet; nothing else was created",
                hint=f"{self.order.command} (looks again; a relaunch is possible in {minutes} minutes)",
            )
        return Unresolved(
            f"a launch took the lock at {since} and left no job; the provider lists none with this digest",
            hint="look at the provider's own list of jobs; if there is none: liftgate approve, then "
            f"{self.order.command} --relaunch",
        )
