"""One launch and its faults, one at a time. Thousands of them at once: test_launch_interleavings."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from launch_world import MANIFEST, PRICE, START, Memory, Provider, order
from liftgate.errors import InputError, ProviderError, StillRunning
from liftgate.training.approval import Terms, issue
from liftgate.training.job_log import Clock, Unrecorded
from liftgate.training.jobs import Job, JobState
from liftgate.training.launch import HOLD_S, LOOK_UPS_S, RELAUNCH_AFTER_S, Launch, NotApproved, Unresolved
from liftgate.training.ledger import Entry, Ledger
from liftgate.training.standing import read_standing


class Scene:
    """A provider, a ledger, and a clock that only sleeping moves."""

    def __init__(self) -> None:
        self.at = START
        self.slept: list[float] = []
        self.provider = Provider(now=lambda: self.at)
        self.memory = Memory()
        self.ledger = Ledger(self.memory)

    def launch(
        self, holder: str = "run-1", *, approval: Entry | None = None, relaunch: bool = False
    ) -> Launch:
        wanted = order(holder, approval=approval or self.approval(), relaunch=relaunch)
        return Launch(wanted, self.provider, self.ledger, Clock(lambda: self.at, self.sleep))

    def approval(self, at: datetime.datetime = START) -> Entry:
        terms = Terms(MANIFEST, Decimal("1.50"), PRICE, "d" * 64, "ann", "octocat/toy", "pull/7")
        return issue(terms, approver="owner", at=at, max_age_hours=72, run=None)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += datetime.timedelta(seconds=seconds)

    def later(self, seconds: float) -> None:
        self.at += datetime.timedelta(seconds=seconds)

    def once(self, call: str, fault: Any) -> None:
        """The next such call goes wrong, the others do not."""
        left = [fault]
        self.provider.fault = lambda name: left.pop() if name == call and left else None

    def events(self) -> list[str]:
        return [str(each["event"]) for each in read_standing(self.ledger, MANIFEST.digest).events]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_launch_creates_one_job_and_the_same_command_again_reads_it(scene: Scene) -> None:
    job = scene.launch().start()
    assert (job.id, job.state) == ("ftjob-1", JobState.RUNNING)
    assert scene.provider.calls == ["find", "submit"]
    for holder in ("run-1", "run-2"):
        assert scene.launch(holder).start().id == "ftjob-1"
    assert scene.provider.calls == ["find", "submit", "poll", "poll"]
    scene.later(700)
    done = scene.launch("run-3").start()
    assert done.model_id == "ft:ftjob-1"
    assert scene.events() == ["submitted", "finished"]
    standing = read_standing(scene.ledger, MANIFEST.digest)
    assert standing.finished["ftjob-1"]["usd"] == "1.24"
    assert standing.consumed == {scene.approval()["entry_sha256"]}


def test_a_reply_that_was_lost_is_looked_up_until_the_list_shows_the_job(scene: Scene) -> None:
    scene.once("submit", "lost-after")
    scene.provider.lag_s = 30
    assert scene.launch().start().id == "ftjob-1"
    assert scene.slept == [2.0, 5.0, 10.0, 20.0]
    (submitted,) = read_standing(scene.ledger, MANIFEST.digest).jobs
    assert submitted["found"] is True
    assert submitted["estimated_usd"] == "1.50"


def test_a_request_that_was_lost_refuses_until_a_fresh_approval_allows_another(scene: Scene) -> None:
    scene.once("submit", "lost-before")
    with pytest.raises(StillRunning) as waiting:
        scene.launch().start()
    assert str(waiting.value) == (
        "a launch took the lock at 2026-11-25T09:00:00Z and its job is not listed yet; nothing else was created\n"
        "  hint: liftgate train --alias toy (looks again; a relaunch is possible in 118 minutes)"
    )
    assert scene.slept == list(LOOK_UPS_S[1:])
    fresh = scene.approval(START + datetime.timedelta(seconds=10))
    with pytest.raises(StillRunning):
        scene.launch("run-2", approval=fresh, relaunch=True).start()
    scene.later(RELAUNCH_AFTER_S)
    with pytest.raises(Unresolved) as refused:
        scene.launch("run-3", approval=fresh).start()
    assert str(refused.value) == (
        "a launch took the lock at 2026-11-25T09:00:00Z and left no job; the provider lists none with this digest\n"
        "  hint: look at the provider's own list of jobs; if there is none: liftgate approve, then "
        "liftgate train --alias toy --relaunch"
    )
    with pytest.raises(NotApproved, match="needs an approval given since"):
        scene.launch("run-4", relaunch=True).start()
    assert scene.provider.jobs == []
    assert scene.launch("run-5", approval=fresh, relaunch=True).start().id == "ftjob-1"
    assert scene.provider.attempts == ["2"]


def test_a_relaunch_that_finds_the_lost_job_adopts_it(scene: Scene) -> None:
    scene.once("submit", "lost-after")
    scene.provider.lag_s = RELAUNCH_AFTER_S + 100
    with pytest.raises(StillRunning):
        scene.launch().start()
    scene.later(RELAUNCH_AFTER_S)
    fresh = scene.approval(START + datetime.timedelta(seconds=10))
    assert scene.launch("run-2", approval=fresh, relaunch=True).start().id == "ftjob-1"
    assert len(scene.provider.jobs) == 1


@pytest.mark.parametrize("call", ["find", "submit"])
def test_an_error_before_a_job_exists_gives_the_lock_back(scene: Scene, call: str) -> None:
    scene.once(call, ProviderError("429 too many requests"))
    with pytest.raises(ProviderError, match="429"):
        scene.launch().start()
    assert scene.events() == ["released"]
    assert scene.launch("run-2").start().id == "ftjob-1"
    assert scene.events() == ["released", "submitted"]
    assert scene.slept == []


def test_a_poll_that_fails_loses_nothing(scene: Scene) -> None:
    scene.launch().start()
    scene.once("poll", ProviderError("401 the key has expired"))
    with pytest.raises(ProviderError, match="401"):
        scene.launch("run-2").start()
    assert scene.launch("run-3").start().id == "ftjob-1"
    assert scene.events() == ["submitted"]


def refusing(scene: Scene, folder: str, kind: str = "refuse") -> None:
    scene.memory.fault = lambda name: kind if name.startswith(folder) else None


def test_a_ledger_that_takes_no_lock_starts_nothing(scene: Scene) -> None:
    refusing(scene, "locks/")
    with pytest.raises(ProviderError, match="takes no entry"):
        scene.launch().start()
    assert scene.provider.calls == []


def test_a_ledger_that_does_not_take_the_record_names_the_job_and_the_next_run_finds_it(scene: Scene) -> None:
    refusing(scene, "jobs/")
    with pytest.raises(Unrecorded) as refused:
        scene.launch().start()
    assert str(refused.value) == (
        "job ftjob-1 runs at openai, and the ledger did not take its record: the ledger takes no entry\n"
        "  hint: mend the ledger, then: liftgate train --alias toy (it finds the job and creates no other)"
    )
    scene.memory.fault = lambda name: None
    assert scene.launch("run-2").start().id == "ftjob-1"
    assert len(scene.provider.jobs) == 1
    assert scene.events() == ["submitted"]


def test_a_lock_that_was_written_though_its_answer_was_lost_refuses_rather_than_guesses(scene: Scene) -> None:
    refusing(scene, "locks/", "lose")
    with pytest.raises(ProviderError):
        scene.launch().start()
    scene.memory.fault = lambda name: None
    with pytest.raises(StillRunning):
        scene.launch("run-2").start()
    assert scene.provider.jobs == []


def test_a_job_that_another_ledger_launched_is_found_before_anything_is_created(scene: Scene) -> None:
    scene.launch().start()
    scene.memory.files.clear()
    assert scene.launch("run-2").start().id == "ftjob-1"
    assert scene.provider.calls == ["find", "submit", "find"]
    assert read_standing(scene.ledger, MANIFEST.digest).jobs[0]["found"] is True


def test_jobs_of_other_manifests_are_never_adopted_whatever_the_provider_lists(scene: Scene) -> None:
    stranger = Job("openai", "ftjob-9", JobState.SUCCEEDED, "succeeded", "e" * 64, model_id="ft:x")
    scene.provider.find = lambda digest: [stranger]  # type: ignore[method-assign]
    assert scene.launch().start().id == "ftjob-1"


def test_a_holder_that_stood_still_for_too_long_creates_nothing(scene: Scene) -> None:
    scene.provider.step = lambda what: scene.later(HOLD_S) if what == "after find" else None
    with pytest.raises(StillRunning, match="stood still for too long"):
        scene.launch().start()
    assert scene.provider.jobs == []
    assert scene.events() == ["released"]


def failed(scene: Scene) -> None:
    scene.provider.ends = lambda number: JobState.FAILED if number == 1 else JobState.SUCCEEDED
    launch = scene.launch()
    job = launch.follow(launch.start(), deadline_s=None, interval_s=60)
    assert job.state is JobState.FAILED


def test_after_a_failed_job_another_one_takes_a_fresh_approval_and_the_word(scene: Scene) -> None:
    failed(scene)
    fresh = scene.approval(scene.at)
    for approval, relaunch in ((None, False), (None, True), (fresh, False)):
        with pytest.raises(NotApproved) as refused:
            scene.launch("run-2", approval=approval, relaunch=relaunch).start()
        assert str(refused.value) == (
            "a job of this manifest was launched before and failed; another one costs again and needs an approval "
            "given since\n  hint: liftgate approve, then liftgate train --alias toy --relaunch"
        )
    assert scene.launch("run-3", approval=fresh, relaunch=True).start().id == "ftjob-2"
    standing = read_standing(scene.ledger, MANIFEST.digest)
    assert [each["job_id"] for each in standing.jobs] == ["ftjob-1", "ftjob-2"]
    assert standing.finished["ftjob-1"]["error_code"] == "server_error"
    scene.later(700)
    with pytest.raises(InputError):
        scene.launch("run-4").log.ledger.keep(f"locks/{MANIFEST.digest}/002.json", _lock(2))


def _lock(attempt: int) -> dict[str, Any]:
    about = {"digest": MANIFEST.digest, "attempt": attempt, "holder": "x", "at": "2026-11-25T09:00:00Z"}
    return {
        "schema_version": 1,
        "entry": "lock",
        **about,
        "approval": None,
        "usd": "1",
        "price_sha256": PRICE,
    }


def test_an_approval_that_a_launch_used_allows_no_second_job(scene: Scene) -> None:
    fresh = scene.approval(START + datetime.timedelta(seconds=90))
    scene.provider.ends = lambda number: JobState.FAILED
    for holder, approval, relaunch in (("run-1", None, False), ("run-2", fresh, True)):
        launch = scene.launch(holder, approval=approval, relaunch=relaunch)
        scene.later(60)
        launch.follow(launch.start(), deadline_s=None, interval_s=60)
    with pytest.raises(NotApproved):
        scene.launch("run-3", approval=fresh, relaunch=True).start()
    assert len(scene.provider.jobs) == 2


def test_a_cancelled_job_is_written_down_with_who_did_it(scene: Scene) -> None:
    scene.launch().start()
    assert scene.launch("run-2").cancel("owner").state is JobState.CANCELLED
    standing = read_standing(scene.ledger, MANIFEST.digest)
    assert [each["event"] for each in standing.events] == ["submitted", "cancel-requested", "finished"]
    assert standing.events[1]["by"] == "owner"
    with pytest.raises(NotApproved, match="launched before and cancelled"):
        scene.launch("run-3").start()


def test_a_job_that_never_ends_is_left_running_at_the_deadline(scene: Scene) -> None:
    scene.provider.runs_s = float("inf")
    launch = scene.launch()
    seen: list[Job] = []
    with pytest.raises(StillRunning) as left:
        launch.follow(launch.start(), deadline_s=100, interval_s=30, tell=seen.append)
    assert str(left.value) == (
        "job ftjob-1 is still running after 100 s; it goes on without this command\n"
        "  hint: liftgate train --alias toy"
    )
    assert scene.slept == [30, 30, 30, 10]
    assert len(seen) == 5
    assert scene.launch("run-2").resume().id == "ftjob-1"


def test_a_provider_that_stumbles_while_it_is_followed_is_asked_again_a_few_times(scene: Scene) -> None:
    launch = scene.launch()
    job = launch.start()
    stumbles = [ProviderError("503")] * 4
    scene.provider.fault = lambda call: stumbles.pop() if stumbles else None
    assert launch.follow(job, deadline_s=None, interval_s=200).state is JobState.SUCCEEDED
    scene.provider.fault = lambda call: ProviderError("401 expired")
    scene.provider.runs_s = float("inf")
    with pytest.raises(ProviderError, match="401 expired\n  hint: the job goes on, then: liftgate train"):
        launch.follow(job, deadline_s=None, interval_s=1)


def test_resuming_creates_nothing(scene: Scene) -> None:
    with pytest.raises(InputError, match="nothing was launched under this digest"):
        scene.launch().resume()
    scene.once("submit", "lost-after")
    scene.provider.lag_s = 1e6
    with pytest.raises(StillRunning):
        scene.launch().start()
    with pytest.raises(StillRunning):
        scene.launch("run-2").resume()
    scene.provider.lag_s = 0
    assert scene.launch("run-3").resume().id == "ftjob-1"
    assert len(scene.provider.jobs) == 1


def test_resuming_a_failed_job_tells_of_it(scene: Scene) -> None:
    failed(scene)
    assert scene.launch("run-2").resume().state is JobState.FAILED


SECRETS = ("sk-kestrel-0123456789abcdef", "please send the money back", "https://b/k?X-Amz-Signature=kestrel")


@pytest.mark.parametrize("planted", SECRETS)
def test_nothing_that_a_provider_says_reaches_the_ledger(scene: Scene, planted: str) -> None:
    def with_words(poll: Callable[[str], Job]) -> Callable[[str], Job]:
        def polled(job_id: str) -> Job:
            job = poll(job_id)
            about = {"error_message": planted, "details": {"url": planted}, "provider_status": planted}
            return Job(**{**_fields(job), **about, "error_code": planted[:40], "state": JobState.FAILED})

        return polled

    scene.launch().start()
    scene.provider.poll = with_words(scene.provider.poll)  # type: ignore[method-assign, assignment]
    scene.launch("run-2").start()
    written = b"".join(scene.memory.files.values()).decode()
    assert planted[:40] not in written
    assert "kestrel" not in written
    assert "money" not in written
    assert json.loads(scene.memory.files[f"jobs/{MANIFEST.digest}/002.json"])["state"] == "failed"


def _fields(job: Job) -> dict[str, Any]:
    return {name: getattr(job, name) for name in job.__dataclass_fields__}
