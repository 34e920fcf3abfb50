"""A thousand worlds of crashes, doubles, late lists and lost answers: never two jobs, never a lost one."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest

from launch_world import MANIFEST, PRICE, START, Actor, Killed, World, order
from liftgate.errors import LiftgateError
from liftgate.training.approval import Terms, issue
from liftgate.training.jobs import Job, JobState
from liftgate.training.launch import NotApproved, Unresolved
from liftgate.training.ledger import Entry
from liftgate.training.standing import read_standing

WORLDS = 1000


def approval(at: datetime.datetime) -> Entry:
    terms = Terms(MANIFEST, Decimal("1.50"), PRICE, "d" * 64, "author", "octocat/toy", "pull/7")
    return issue(terms, approver="owner", at=at, max_age_hours=72, run=None)


def play(seed: int) -> World:
    """Launches at once, each crash followed by a rerun, each refusal by a person's approval, until all is quiet."""
    world = World(seed)
    approvals = [approval(START - datetime.timedelta(hours=1))]
    count = 0

    def launch(in_s: float, *, relaunch: bool = False) -> None:
        nonlocal count
        count += 1
        world.faulty = count < 12
        world.spawn(order(f"run-{count}", approval=approvals[-1], relaunch=relaunch), in_s)

    def ended(actor: Actor) -> None:
        if isinstance(actor.outcome, Job) and actor.outcome.state is JobState.SUCCEEDED:
            return
        again_in = world.random.choice([0, 5, 300, 4000])
        if isinstance(actor.outcome, Unresolved | NotApproved | Job):
            # A person looks at it, and allows one more job.
            world.at += datetime.timedelta(seconds=1)
            approvals.append(approval(world.at))
            launch(again_in, relaunch=True)
        elif isinstance(actor.outcome, LiftgateError | Killed):
            launch(again_in, relaunch=actor.order.relaunch)
        else:
            raise actor.outcome

    for _ in range(world.random.choice([1, 2, 3])):
        launch(world.random.choice([0, 0, 1, 30]))
    world.run(ended)
    return world


def holds(world: World) -> None:
    jobs = world.provider.jobs
    alive = [job for job in jobs if world.provider._now(job).state is not JobState.FAILED]
    assert len(alive) == 1, f"{len(alive)} jobs are paid for"
    standing = read_standing(world.ledger, MANIFEST.digest)
    assert sorted(each["job_id"] for each in standing.jobs) == sorted(job.id for job in jobs)
    assert all(Decimal(each["estimated_usd"]) == Decimal("1.50") for each in standing.jobs)
    assert standing.current is not None
    assert standing.current["job_id"] == alive[0].id
    finished = standing.finished[alive[0].id]
    assert (finished["state"], finished["trained_tokens"], finished["usd"]) == ("succeeded", 12_345, "1.24")
    spent = [lock["approval"] for lock in standing.consumed_locks]
    assert len(spent) == len(set(spent)), "an approval was used twice"
    assert len(jobs) <= len(set(spent))
    assert len(set(world.provider.attempts)) == len(jobs), "two jobs were asked for under one attempt"


def played(seeds: range) -> tuple[int, int]:
    """Play the worlds; the processes that were killed, and the worlds with more than one process."""
    killed = doubled = 0
    for seed in seeds:
        world = play(seed)
        try:
            holds(world)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}\n" + "\n".join(world.trace[-200:])) from error
        killed += sum(isinstance(actor.outcome, Killed) for actor in world.actors)
        doubled += len(world.actors) > 1
    return killed, doubled


def test_of_a_hundred_interleavings_each_creates_one_job_and_loses_none() -> None:
    killed, doubled = played(range(100))
    assert killed > 100
    assert doubled > 50


@pytest.mark.acceptance
@pytest.mark.parametrize("first", range(0, WORLDS, 100))
def test_of_a_thousand_interleavings_each_creates_one_job_and_loses_none(first: int) -> None:
    killed, doubled = played(range(10_000 + first, 10_100 + first))
    assert killed > 100
    assert doubled > 50
