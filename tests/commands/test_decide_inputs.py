"""`liftgate decide` on documents half written, wrong or hostile: a sentence, a place, a way out, an exit code."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from decision_examples import ALIAS, ASKED, PAPER, REPORT, TRIED, paper, report
from liftgate.cli import main

Said = tuple[int, str]
Decide = Callable[..., Said]


@pytest.fixture
def decide(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Decide:
    """Writes decision.yaml where something is given, and runs the command where it lies: (exit code, stderr)."""
    monkeypatch.chdir(tmp_path)
    for path, data in ((PAPER, paper()), (REPORT, report()), ("evals/policy.yaml", b"version: 1\n")):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(data)

    def run(document: bytes | str | None = None, *words: str) -> Said:
        if document is not None:
            Path(PAPER).write_bytes(document.encode() if isinstance(document, str) else document)
        code = main(["decide", *(words or (ALIAS,))])
        return code, capsys.readouterr().err

    return run


INIT = """\
version: 1
alias: support-intent
requirements:
  labels: 8
  labelled_rows: 722
# Still open: write each answer in the place of its question, and take away the `# ` before it.
# Under requirements, two spaces further in; leave out what nobody knows:
#   must_cite_sources:         true or false
#   policy_updates_per_month:  how often?
#   labels_stable_months:      for how long?
#   locales:                   a list
# Beside them:
# question:        one sentence
# paths_tried:     a list
# recommendation:  prompt, rag, routing or fine-tune
# reasons:         a list of sentences
# owner:           the team
# decided_on:      a day
"""
OPEN = """\
support-intent: not decided, 6 questions are open; so far the matrix cannot tell
  a better prompt    not known yet
  retrieval          not known yet
  routing and tools  not known yet
  fine-tuning        not known yet
  because a form to learn: fixed labels, or a schema that prompts do not hold
  missing: evals/support-intent/decision.yaml:8 requirements.must_cite_sources: true or false: must an answer name \
where it comes from? Then retrieve, do not tune.
  missing: evals/support-intent/decision.yaml:9 requirements.policy_updates_per_month: how often does what is right \
change? Such facts belong in retrieval.
to be answered by people; nothing that costs money is trained before:
  evals/support-intent/decision.yaml:13 question: one sentence: what should this model decide or write, and for whom?
  evals/support-intent/decision.yaml:14 paths_tried: a list of {path: prompt, arm: prompt-v2, outcome: what the report \
says, report: its file}; also rag, routing, fine-tune; [] where nothing was tried
  evals/support-intent/decision.yaml:15 recommendation: prompt, rag, routing or fine-tune: what do the numbers of the \
report say?
  evals/support-intent/decision.yaml:16 reasons: a list of sentences
  evals/support-intent/decision.yaml:17 owner: the team that answers for it
  evals/support-intent/decision.yaml:18 decided_on: the day, such as "2026-01-31"
"""
DONE = """\
support-intent: fine-tuning, by the matrix and by the document
  a better prompt    tried, falls short
  retrieval          not for this task
  routing and tools  not for this task
  fine-tuning        suits the task
  because no facts to cite or to keep up with: retrieval has nothing to give
  because a form to learn: fixed labels, or a schema that prompts do not hold
  because the newest prompt gains too little over the best before it: prompting is at its plateau
  because the cheapest road that clears the bar wins: fine-tuning
"""


def test_from_what_init_writes_to_a_recommendation_one_answer_at_a_time(decide: Decide) -> None:
    code, said = decide(INIT)
    assert (code, said) == (11, OPEN)
    text, headlines = INIT, []
    answers = {
        **{key: json.dumps(value) for key, value in ASKED.items() if f"#   {key}:" in INIT},
        "question": "Which queue?",
        "paths_tried": json.dumps(list(TRIED)),
        "recommendation": "fine-tune",
        "reasons": "[It is better.]",
        "owner": "support",
        "decided_on": '"2026-11-25"',
    }
    assert len(answers) == 10
    for key, value in answers.items():
        (asked,) = (line for line in text.splitlines() if re.match(rf"# +{key}:", line))
        indent = asked[2 : asked.index(key)]
        text = text.replace(asked, f"{indent}{key}: {value}")
        code, said = decide(text)
        headlines.append((code, said.partition("\n")[0].removeprefix("support-intent: ")))
    asks = "so far the matrix"
    assert headlines == [
        (11, f"not decided, 6 questions are open; {asks} cannot tell"),
        (11, f"not decided, 6 questions are open; {asks} says a better prompt"),
        (11, f"not decided, 6 questions are open; {asks} says a better prompt"),
        (11, f"not decided, 6 questions are open; {asks} says a better prompt"),
        (11, f"not decided, 5 questions are open; {asks} says a better prompt"),
        (11, f"not decided, 4 questions are open; {asks} says fine-tuning"),
        (11, f"not decided, 3 questions are open; {asks} says fine-tuning"),
        (11, f"not decided, 2 questions are open; {asks} says fine-tuning"),
        (11, f"not decided, 1 question is open; {asks} says fine-tuning"),
        (0, "fine-tuning, by the matrix and by the document"),
    ]
    assert said == DONE


@pytest.mark.parametrize("empty", ["", "null", '""', "TODO", "todo!", "TBD.", "???", "...", "not said yet"])
@pytest.mark.parametrize("key", ["question", "recommendation", "owner", "decided_on"])
def test_an_empty_answer_or_a_placeholder_is_an_open_question_on_its_own_line(
    decide: Decide, key: str, empty: str
) -> None:
    text = re.sub(rf"(?m)^{key}:.*$", f"{key}: {empty}", paper().decode())
    line = 1 + text[: text.index(f"\n{key}:") + 1].count("\n")
    code, said = decide(text)
    assert code == 11
    assert said.startswith("support-intent: not decided, 1 question is open;")
    assert f"\n  {PAPER}:{line} {key}: " in said


def test_machines_read_what_is_open(decide: Decide, capsys: pytest.CaptureFixture[str]) -> None:
    Path(PAPER).write_text(INIT)
    assert main(["decide", ALIAS, "--json"]) == 11
    told = json.loads(capsys.readouterr().out)
    assert (told["outcome"], told["document"], told["recommendation"]) == ("incomplete", None, None)
    assert [(each["key"], each["line"]) for each in told["open"]] == [
        ("question", 13),
        ("paths_tried", 14),
        ("recommendation", 15),
        ("reasons", 16),
        ("owner", 17),
        ("decided_on", 18),
    ]


def changed(old: str, new: str) -> bytes:
    text = paper().decode()
    assert old in text
    return text.replace(old, new).encode()


FORM = "  hint: what to write is in docs/guides/decide.md, each key in docs/files.md\n"


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (
            changed("labels: 8", "labels: many").replace(b"_sources: false", b"_sources: maybe"),
            f"{PAPER} has 2 problems\n"
            f"  {PAPER}:5 $.requirements.must_cite_sources: expected boolean or null, found \"maybe\"\n"
            f"  {PAPER}:8 $.requirements.labels: expected integer or null, found \"many\"\n{FORM}",
        ),
        (
            changed("stable_months: 9", "stable_months: -9").replace(b"per_month: 0", b"per_month: .nan"),
            f"{PAPER} has 2 problems\n"
            f"  {PAPER}:6 $.requirements.policy_updates_per_month: expected number, found no number (.nan)\n"
            f"  {PAPER}:9 $.requirements.labels_stable_months: -9 must be at least 0\n{FORM}",
        ),
        (
            changed("labels: 8", f"labels: {'9' * 400}"),
            f"{PAPER} has 1 problem\n"
            f"  {PAPER}:8 $.requirements.labels: {'9' * 57}... must be at most 100000\n{FORM}",
        ),
        (
            changed("labelled_rows", "labeled_rows").replace(b"\nowner", b"\nownr"),
            f"{PAPER} has 2 problems\n"
            f"  {PAPER}:14 $.requirements.labeled_rows: 'labeled_rows' is not a key here; did you mean "
            f"'labelled_rows'?\n"
            f"  {PAPER}:27 $.ownr: 'ownr' is not a key here; did you mean 'owner'?\n{FORM}",
        ),
        (
            changed("2026-11-25", "2026-02-31"),
            f"{PAPER} has 1 problem\n  {PAPER}:28 $.decided_on: 2026-02-31 is not a day\n{FORM}",
        ),
        (
            changed("alias: support-intent", "alias: triage"),
            f"{PAPER}:2: the decision document is of another alias\n  hint: alias: {ALIAS}\n",
        ),
        (
            paper() + b"# " + b"x" * 200_000,
            f"{PAPER} has {len(paper()) + 200_002:,} bytes, and at most 200,000 are read\n"
            "  hint: a decision document is a page for people; what was measured stays in the reports it names\n",
        ),
        (
            b"a: &a [x, x]\nb: [*a, *a]\n" + paper(),
            f"{PAPER}:1: YAML anchors and aliases are not supported\n  hint: write the value out\n",
        ),
        (b"version: " + b"[" * 3_000, f"{PAPER}:1: not valid YAML: exceeded maximum nesting depth\n{FORM}"),
        (
            paper() + b"version: 1\n",
            f"{PAPER} has 1 problem\n  {PAPER}:29 $: the key 'version' stands here twice\n{FORM}",
        ),
        (b"[1]\n", f"{PAPER} has 1 problem\n  {PAPER}:1 $: expected object, found [1]\n{FORM}"),
        (b"", f"{PAPER}: the file is empty\n  hint: see docs/files.md for its form\n"),
        (paper() + b"\xff", f"{PAPER}:29: not UTF-8\n  hint: save the file as UTF-8\n"),
        (
            paper(question="x").replace(b": x\n", b': !!python/object/apply:os.system ["id"]\n'),
            f"{PAPER} has 1 problem\n  {PAPER}:3 $.question: expected string, found [\"id\"]\n{FORM}",
        ),
        (
            paper(paths_tried=[dict(TRIED[0])] * 51),
            f"{PAPER} has 1 problem\n  {PAPER}:15 $.paths_tried: has 51 items, at most 50 are read\n{FORM}",
        ),
        (
            paper(reasons=["x" * 1_001]),
            f"{PAPER} has 1 problem\n  {PAPER}:26 $.reasons[0]: has 1,001 characters, at most 1,000 are read\n{FORM}",
        ),
    ],
    ids=range(16),
)  # fmt: skip
def test_what_cannot_be_used_is_told_whole(decide: Decide, document: bytes, said: str) -> None:
    assert decide(document) == (2, f"error: {said}")


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ("../../etc/passwd", "a report lies under evals/reports/support-intent/, and this path leads elsewhere"),
        ("/etc/passwd", "a report lies under evals/reports/support-intent/, and this path leads elsewhere"),
        (
            f"evals/reports/{ALIAS}/../other/prompts.json",
            "a report lies under evals/reports/support-intent/, and this path leads elsewhere",
        ),
        (f"evals/reports/{ALIAS}/link.json", "there is no such report"),
        (f"evals/reports/{ALIAS}/none.json", "there is no such report"),
        (f"evals/reports/{ALIAS}/of-another.json", "the report is of 'triage'"),
    ],
)  # fmt: skip
def test_a_report_that_is_not_this_repositorys_report_of_this_alias_counts_for_nothing(
    decide: Decide, named: str, why: str
) -> None:
    folder = Path(REPORT).parent
    (folder / "link.json").symlink_to(Path(REPORT).resolve())
    (folder / "of-another.json").write_bytes(report(alias="triage"))
    tried = [dict(TRIED[0]), {**TRIED[1], "report": named}]
    code, said = decide(paper(paths_tried=tried))
    assert code == 11
    assert f"  {PAPER}:20: a better prompt (prompt-v2): {why} [path-not-measured]\n" in said


def test_a_link_is_no_document(decide: Decide, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.yaml").write_bytes(paper())
    Path(PAPER).unlink()
    Path(PAPER).symlink_to(tmp_path / "elsewhere.yaml")
    assert decide() == (
        2,
        f"error: {PAPER}: is no plain file of this repository\n"
        "  hint: commit the document itself, not a link to it\n",
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("../x",), "ALIAS is the name that callers use, and no path"),
        (("",), "ALIAS is the name that callers use, and no path"),
        ((ALIAS, "--root", "nowhere"), "nowhere: no such folder"),
        ((ALIAS, "--report", "evals"), "evals: is no file"),
        ((ALIAS, "--report", "evals/policy.yaml"), "evals/policy.yaml: the file is no report.json of this version"),
    ],
)  # fmt: skip
def test_words_that_lead_nowhere_are_refused(decide: Decide, words: tuple[str, ...], said: str) -> None:
    code, told = decide(None, *words)
    assert code == 2
    assert told.startswith(f"error: {said}\n  hint: ")


HOSTILE = "</details> @octo ![x](https://evil.example) \x1b[31m `|\n::error::x\n# x"


def test_hostile_words_change_no_line_of_a_terminal(decide: Decide) -> None:
    tame = decide(paper(question="Why?", reasons=["It is."], owner="us"))
    assert decide(paper(question=HOSTILE, reasons=[HOSTILE], owner=HOSTILE)) == tame
    code, said = decide(
        paper(paths_tried=[{**TRIED[0], "arm": HOSTILE, "outcome": HOSTILE, "report": HOSTILE}])
    )
    assert code == 11
    assert "\x1b" not in said
    assert "a better prompt (an arm with an odd name): a report lies under" in said
    assert not any(line.startswith(("::", "#")) for line in said.splitlines())
