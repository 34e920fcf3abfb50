"""The openai trainer against a stateful service on loopback, through the real SDK: one job, whatever breaks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

pytest.importorskip("openai", reason="needs the extra openai")

from liftgate.errors import (
    InputError,
    LiftgateError,
    MissingExtra,
    ProviderError,
    ReplyLost,
    RowsRefused,
    StillRunning,
)
from liftgate.training.jobs import Job, JobState, Submission
from liftgate.training.trainers import Settings
from liftgate.training.trainers.openai import Clocks, OpenAITrainer, connect
from openai_finetuning_server import KEY, FineTuningServer
from openai_submissions import BASE, ROW_TEXT, rows, submission

CREATE = "/fine_tuning/jobs"


@dataclass
class Time:
    """A clock that a sleep moves on."""

    now_s: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds


@pytest.fixture
def server() -> Iterator[FineTuningServer]:
    with FineTuningServer() as running:
        yield running


def trainer(server: FineTuningServer, provider: str = "openai", timeout_s: float = 5.0) -> OpenAITrainer:
    time = Time()
    settings = Settings(provider, server.environment, timeout_s)
    return connect(settings, Clocks(sleep=time.sleep, now=lambda: time.now_s))


def launched(server: FineTuningServer, sent: Submission, provider: str = "openai") -> Job:
    """What a launch does: look, create, and look again when no answer came."""
    with_it = trainer(server, provider, timeout_s=0.5)
    if known := with_it.find(sent.manifest.digest):
        return known[0]
    try:
        return with_it.submit(sent)
    except ReplyLost:
        if known := with_it.find(sent.manifest.digest):
            return known[0]
        raise


def says(error: LiftgateError) -> str:
    text = f"{error} {error!r} {error.__cause__!r}"
    assert KEY not in text
    assert ROW_TEXT not in text
    return str(error)


def test_uploads_and_creates_one_job_that_carries_its_digest(
    server: FineTuningServer, tmp_path: Path
) -> None:
    sent = submission(tmp_path)
    job = trainer(server).submit(sent)
    assert (job.state, job.provider_status, job.digest) == (
        JobState.RUNNING,
        "validating_files",
        sent.manifest.digest,
    )
    (body,) = server.bodies
    assert body["metadata"]["liftgate_digest"] == sent.manifest.digest
    assert "hyperparameters" not in body
    assert body["method"]["supervised"]["hyperparameters"]["n_epochs"] == 3
    names = sorted(file["filename"] for file in server.files.values())
    assert [name.rsplit("-", 1)[0] for name in names] == [
        f"liftgate-{sent.manifest.digest[:16]}-train",
        f"liftgate-{sent.manifest.digest[:16]}-validation",
    ]
    assert server.contents[body["training_file"]] == sent.train.read_bytes()


# Each way in which the answer to the create does not arrive; the job exists in some of them.
@pytest.mark.parametrize(
    ("mode", "created"),
    [
        ("lost", 1),
        ("garbled", 1),
        ("cut", 1),
        ("hang", 1),
        ("reset", 0),
        ("500", 0),
        ("503", 0),
        ("408", 0),
        ("409", 0),
    ],
)
def test_a_create_without_an_answer_is_never_sent_again(
    server: FineTuningServer, tmp_path: Path, mode: str, created: int
) -> None:
    sent = submission(tmp_path)
    server.fail("POST", CREATE, mode)
    with pytest.raises(ReplyLost) as lost:
        trainer(server, timeout_s=0.5).submit(sent)
    says(lost.value)
    assert len(server.jobs) == created
    assert [fault.times for fault in server.faults] == [0]
    found = trainer(server).find(sent.manifest.digest)
    assert [job.id for job in found] == list(server.jobs)
    # The launch is repeated by a person: it looks first.
    launched(server, sent)
    assert len(server.jobs) == 1
    assert server.count("POST /files") == 2


@pytest.mark.parametrize("mode", ["429", "400", "401", "403", "404"])
def test_a_create_that_is_refused_made_nothing_and_may_be_tried_again(
    server: FineTuningServer, tmp_path: Path, mode: str
) -> None:
    sent = submission(tmp_path)
    server.fail("POST", CREATE, mode)
    with pytest.raises(ProviderError) as refused:
        trainer(server).submit(sent)
    says(refused.value)
    assert not isinstance(refused.value, ReplyLost)
    assert (server.count(f"POST {CREATE}"), server.jobs) == (1, {})
    launched(server, sent)
    assert (len(server.jobs), server.count("POST /files")) == (1, 2)


CALLS = [("GET", "/files"), ("POST", "/files"), ("GET", "/files/.*"), ("GET", CREATE), ("POST", CREATE)]


@pytest.mark.parametrize("mode", ["429", "500", "503", "401", "403", "garbled", "lost"])
@pytest.mark.parametrize(("method", "path"), CALLS)
def test_a_fault_at_any_call_ends_in_one_job_after_the_next_try(
    server: FineTuningServer, tmp_path: Path, method: str, path: str, mode: str
) -> None:
    sent = submission(tmp_path)
    server.fail(method, path, mode, times=3)
    for _ in range(4):
        try:
            launched(server, sent)
        except ProviderError as error:
            says(error)
    assert len(server.jobs) == 1
    assert len(server.files) == 2


def test_a_job_that_is_listed_late_is_found_when_it_is_listed(
    server: FineTuningServer, tmp_path: Path
) -> None:
    sent = submission(tmp_path)
    server.late_listing = 2
    server.fail("POST", CREATE, "lost")
    with pytest.raises(ReplyLost):
        trainer(server).submit(sent)
    looks = [len(trainer(server).find(sent.manifest.digest)) for _ in range(3)]
    assert looks == [0, 0, 1]


@pytest.mark.parametrize("filters", [True, False])
def test_finds_over_all_pages_and_trusts_no_filter(
    server: FineTuningServer, tmp_path: Path, filters: bool
) -> None:
    server.page, server.filters = 2, filters
    wanted = submission(tmp_path, seed=1)
    with_it = trainer(server)
    first = with_it.submit(wanted)
    for seed in range(2, 7):
        with_it.submit(submission(tmp_path, seed=seed))
    second = with_it.submit(wanted)
    assert [job.id for job in with_it.find(wanted.manifest.digest)] == [first.id, second.id]
    assert with_it.find("0" * 64) == []


def test_a_host_that_never_ends_its_list_ends_the_walk(server: FineTuningServer, tmp_path: Path) -> None:
    sent = submission(tmp_path)
    trainer(server).submit(sent)
    list_as_before = server._list
    server._list = lambda items, query, default=20: {  # type: ignore[method-assign]
        **list_as_before(items, {**query, "after": "none"}, default),
        "has_more": True,
    }
    assert len(trainer(server).find(sent.manifest.digest)) == 1


def test_an_upload_is_found_again_and_waited_for(server: FineTuningServer, tmp_path: Path) -> None:
    sent = submission(tmp_path)
    server.slow_files = 3
    server.fail("POST", "/files", "lost")
    trainer(server).submit(sent)
    trainer(server).submit(submission(tmp_path))
    assert (server.count("POST /files"), len(server.files)) == (2, 2)


def test_a_file_that_is_never_read_ends_resumable(server: FineTuningServer, tmp_path: Path) -> None:
    server.slow_files = 10_000
    with pytest.raises(StillRunning) as waiting:
        trainer(server).submit(submission(tmp_path))
    assert says(waiting.value) == (
        "openai has not read train.jsonl after 900 s; no job was created\n"
        "  hint: run the same command again: the upload is kept and found"
    )
    assert (waiting.value.exit_code, server.jobs) == (5, {})


def test_creates_nothing_when_the_upload_took_longer_than_a_launch_counts_on(
    server: FineTuningServer, tmp_path: Path
) -> None:
    times = iter([0.0, 1.0, 2.0, 5_401.0])
    settings = Settings("openai", server.environment)
    with pytest.raises(StillRunning, match="took too long"):
        connect(settings, Clocks(now=lambda: next(times))).submit(submission(tmp_path))
    assert server.jobs == {}


def test_processing_that_fails_names_the_lines(server: FineTuningServer, tmp_path: Path) -> None:
    server.broken_files["-train-"] = (
        f"Invalid file format. Example 4 cannot be parsed. HINT: {ROW_TEXT} Example 9"
    )
    sent = submission(tmp_path)
    with pytest.raises(RowsRefused) as refused:
        trainer(server).submit(sent)
    says(refused.value)
    assert refused.value.lines == (4,)
    assert [problem.place for problem in refused.value.problems] == [f"{sent.train}:4"]
    assert server.jobs == {}


def test_an_upload_that_is_no_json_lines_names_the_line(server: FineTuningServer, tmp_path: Path) -> None:
    sent = submission(tmp_path, data=[*rows(2), f'{{"messages": {ROW_TEXT}\n'])
    with pytest.raises(RowsRefused) as refused:
        trainer(server).submit(sent)
    says(refused.value)
    assert (refused.value.lines, server.files) == ((3,), {})


def test_a_failed_job_tells_code_and_lines_and_no_text(server: FineTuningServer, tmp_path: Path) -> None:
    with_it = trainer(server)
    job = with_it.submit(
        submission(tmp_path, data=[*rows(11), {"messages": [], "x": f"<|fim_suffix|> {ROW_TEXT}"}])
    )
    server.run(job.id)
    failed = with_it.poll(job.id)
    assert (failed.state, failed.error_code, failed.error_lines) == (
        JobState.FAILED,
        "invalid_training_file",
        (12,),
    )
    assert failed.error_message == "the provider cannot train on the training file"
    assert ROW_TEXT not in repr(failed)


def test_polls_through_every_status_to_the_model_and_its_checkpoints(
    server: FineTuningServer, tmp_path: Path
) -> None:
    with_it = trainer(server)
    server.page = 3
    job = with_it.submit(submission(tmp_path))
    states = []
    for status in ("queued", "running", "pausing", "paused", "resuming", "defragmenting"):
        server.set_status(job.id, status)
        states.append(with_it.poll(job.id).state)
    assert states == [*[JobState.RUNNING] * 3, JobState.PAUSED, *[JobState.RUNNING] * 2]
    for step in range(1, 9):
        server.metrics(job.id, step, train_loss=1 / step)
    assert [loss["step"] for loss in with_it.poll(job.id).losses] == list(range(1, 9))
    middle = [server.checkpoint(job.id, step, valid_loss=0.5) for step in (4, 6)]
    model = server.succeed(job.id, 1_234, "step,train_loss,valid_loss\n1,0.9,\n2,0.4,0.6\n")
    done = with_it.poll(job.id)
    assert (done.state, done.model_id, done.trained_tokens) == (JobState.SUCCEEDED, model, 1_234)
    assert [(c.step, c.model_id, dict(c.metrics)) for c in done.checkpoints] == [
        (4, middle[0], {"valid_loss": 0.5}),
        (6, middle[1], {"valid_loss": 0.5}),
    ]
    assert done.losses == ({"step": 1, "train_loss": 0.9}, {"step": 2, "train_loss": 0.4, "valid_loss": 0.6})
    assert (done.created_at or "")[:11] == "2025-10-09T"
    assert done.details["hyperparameters"] == {
        "batch_size": "auto",
        "learning_rate_multiplier": "auto",
        "n_epochs": 3,
    }
    assert with_it.smoke(model) == []


@pytest.mark.parametrize("mode", ["429", "500", "garbled", "lost", "401"])
def test_a_poll_that_fails_is_asked_again_later(server: FineTuningServer, tmp_path: Path, mode: str) -> None:
    with_it = trainer(server)
    job = with_it.submit(submission(tmp_path))
    server.fail("GET", f"{CREATE}/.*", mode, times=3)
    with pytest.raises(ProviderError) as failed:
        for _ in range(3):
            with_it.poll(job.id)
    says(failed.value)
    assert not isinstance(failed.value, ReplyLost)
    server.faults.clear()
    assert with_it.poll(job.id).state is JobState.RUNNING


def test_a_host_without_events_and_checkpoints_still_tells_how_the_job_stands(
    server: FineTuningServer, tmp_path: Path
) -> None:
    with_it = trainer(server)
    job = with_it.submit(submission(tmp_path))
    server.fail("GET", f"{CREATE}/.*/(events|checkpoints)", "404", times=2)
    polled = with_it.poll(job.id)
    assert (polled.state, polled.losses, polled.checkpoints) == (JobState.RUNNING, (), ())


def test_cancels_once_and_leaves_what_has_ended(server: FineTuningServer, tmp_path: Path) -> None:
    with_it = trainer(server)
    job = with_it.submit(submission(tmp_path))
    assert [with_it.cancel(job.id).state for _ in range(2)] == [JobState.CANCELLED] * 2
    with pytest.raises(ProviderError, match="knows no such thing"):
        with_it.cancel("ftjob-none")


def test_an_expired_key_and_a_forbidden_base_say_what_to_do(server: FineTuningServer, tmp_path: Path) -> None:
    wrong = {**server.environment, "OPENAI_API_KEY": "sk-expired"}
    with pytest.raises(ProviderError) as expired:
        connect(Settings("openai", wrong)).submit(submission(tmp_path))
    assert str(expired.value) == (
        "openai does not take the key when listing files (code invalid_api_key)\n"
        "  hint: check the key in OPENAI_API_KEY: it is wrong, expired or of another host"
    )
    with pytest.raises(ProviderError) as absent:
        trainer(server).submit(submission(tmp_path, base="gpt-9"))
    assert str(absent.value) == "openai refused (400) when creating the job (code model_not_available)"


def test_asks_for_limits_and_for_the_end_of_a_base(server: FineTuningServer) -> None:
    with_it = trainer(server)
    server.limits = {"object": "list", "data": [{"model": "gpt-4o-mini", "max_examples": 5}]}
    found = with_it.limit_findings(BASE, rows=6, tokens=100, epochs=3)
    assert [finding.rule for finding in found] == ["over-model-limit"]
    assert with_it.shutdown_date(BASE) is None
    server.models[BASE] = "2027-01-14"
    assert str(with_it.shutdown_date(BASE)) == "2027-01-14"
    with pytest.raises(ProviderError, match="knows no such thing"):
        with_it.shutdown_date("gpt-9")
    assert [finding.rule for finding in with_it.smoke("ft:none")] == ["model-does-not-answer"]


def test_azure_gets_marked_files_and_its_training_type(tmp_path: Path) -> None:
    # Its training type stands in no description of OpenAI's.
    with FineTuningServer(azure=True, judged=False) as server:
        environment = {**server.environment, "AZURE_OPENAI_TRAINING_TYPE": "GlobalStandard"}
        with_it = connect(Settings("azure", environment))
        with pytest.raises(InputError, match="not in the form of azure"):
            with_it.submit(submission(tmp_path))
        sent = submission(tmp_path, mark=True, provider="azure")
        job = with_it.submit(sent)
        assert server.bodies[0]["trainingType"] == "GlobalStandard"
        assert [each.id for each in with_it.find(sent.manifest.digest)] == [job.id]
        assert with_it.limit_findings(BASE, rows=1, tokens=1, epochs=1) == []
        assert with_it.shutdown_date(BASE) is None
        assert [finding.rule for finding in with_it.smoke("ft:x")] == ["not-deployed"]


@pytest.mark.parametrize("provider", ["together", "fireworks"])
def test_a_host_without_metadata_is_searched_by_suffix_and_file(tmp_path: Path, provider: str) -> None:
    with FineTuningServer(keeps_metadata=False) as server:
        sent, other = submission(tmp_path), submission(tmp_path, seed=8)
        trainer(server, provider).submit(other)
        server.fail("POST", CREATE, "lost")
        job = launched(server, submission(tmp_path), provider)
        assert "metadata" not in server.bodies[1]
        assert len(server.jobs) == 2
        for each in server.jobs.values():
            each["user_provided_suffix"] = None
        assert [each.id for each in trainer(server, provider).find(sent.manifest.digest)] == [job.id]
        assert trainer(server, provider).poll(job.id).checkpoints == ()


def test_refuses_before_it_uploads(server: FineTuningServer, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        trainer(server).submit(submission(tmp_path, hyperparameters={"rank": 8}))
    sent = submission(tmp_path)
    with pytest.raises(InputError, match="another digest"):
        trainer(server).submit(replace(sent, metadata={"liftgate_digest": "0" * 64}))
    assert server.calls == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"OPENAI_API_KEY": ""}, "no usable key in OPENAI_API_KEY"),
        ({"OPENAI_API_KEY": "two words"}, "no usable key in OPENAI_API_KEY"),
        ({"OPENAI_BASE_URL": "http://gateway.example/v1"}, "OPENAI_BASE_URL must begin with https://"),
        ({"OPENAI_BASE_URL": "https://me:secret@gateway.example"}, "OPENAI_BASE_URL is no plain address"),
    ],
)
def test_sends_no_key_to_an_odd_address(change: dict[str, str], message: str) -> None:
    with pytest.raises(InputError) as refused:
        connect(Settings("openai", {"OPENAI_API_KEY": KEY, **change}))
    assert says(refused.value).startswith(message)
    assert "secret" not in str(refused.value)


def test_azure_needs_its_address() -> None:
    with pytest.raises(InputError) as refused:
        connect(Settings("azure", {"AZURE_OPENAI_API_KEY": KEY}))
    assert str(refused.value) == (
        "azure needs the address of its fine-tuning API\n"
        "  hint: export AZURE_OPENAI_BASE_URL=https://NAME.openai.azure.com/openai/v1/"
    )


def test_follows_no_redirect_with_rows(server: FineTuningServer, tmp_path: Path) -> None:
    server.fail("POST", "/files", "307")
    with pytest.raises(ProviderError, match=r"refused \(307\) when uploading"):
        trainer(server).submit(submission(tmp_path))


def test_a_missing_sdk_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingExtra, match=r"liftgate\[openai\]"):
        connect(Settings("openai", {"OPENAI_API_KEY": KEY}))
