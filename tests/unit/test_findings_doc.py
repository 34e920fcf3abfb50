"""Every id that the program gives a finding is explained, and everything explained is an id that it gives."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from docs_reading import ROOT, anchors
from finding_ids import SOURCE, emitted
from liftgate.data.beside import BESIDE, EXTRA
from liftgate.data.checks import RULES as DATA
from liftgate.explained import ALIKE, RULES, STAGES
from liftgate.findings import Severity
from liftgate.policy import Policy
from liftgate.registry.rules import RULES as PROMOTION
from liftgate.report.annotations import page_of
from liftgate.verdict.rules import RULES as VERDICT

IN_ROWS = {*DATA, *EXTRA, *BESIDE}
EVERY = {*IN_ROWS, *VERDICT, *PROMOTION, *RULES}
SAID_OTHERWISE = {
    # A sentence of `train --merge`, which makes no report.
    "merged-differs": {"error"},
    # `run` wanted to ask the model, so what is a notice of `train` stops it.
    "not-deployed": {"error"},
}


def test_every_id_of_the_source_is_in_a_table_and_every_entry_is_an_id_of_the_source() -> None:
    found = emitted()
    assert found.unread == []
    given = {*found.severities, *SAID_OTHERWISE}
    assert given - EVERY == set(), "explain these in src/liftgate/explained/"
    assert EVERY - given == set(), "nothing gives these any more"
    for rule, told in RULES.items():
        severities = found.severities.get(rule, set()) | SAID_OTHERWISE.get(rule, set())
        if rule in PROMOTION:
            assert told.severities <= severities, rule
        else:
            assert told.severities == severities, rule


def test_what_is_said_otherwise_than_by_a_finding_is_still_said() -> None:
    assert "[merged-differs]" in (SOURCE / "commands" / "launching" / "merging.py").read_text("utf-8")
    assert "Finding(finding.rule, Severity.ERROR" in (
        SOURCE / "commands" / "launching" / "hosted_flow.py"
    ).read_text("utf-8")
    bracketed = {
        word
        for path in SOURCE.rglob("*.py")
        for word in re.findall(r"\[([a-z]+(?:-[a-z]+)+)\]", path.read_text("utf-8"))
    }
    assert bracketed - EVERY <= {"a-z", "union-attr", "arg-type", "no-any-return"}


def test_ids_are_read_through_constants_parameters_conditions_and_loops(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text(
        'RULE = "by-constant"\n'
        'TABLE = {"x": ("by-table", Severity.NOTICE)}\n'
        "def _made(rule, severity=Severity.ERROR): return Finding(rule, Severity.WARNING, '')\n"
        "def both(a): return Finding('one-way' if a else 'other-way', Severity.ERROR, '')\n"
        "def of_table(k):\n    rule, severity = TABLE[k]\n    return Finding(rule, severity, '')\n"
        "def looped():\n    for name, rule in (('a', 'by-loop'),):\n        yield Finding(rule, Severity.ERROR, '')\n"
        "_made(RULE)\n_made('by-parameter')\n"
        "Finding(made_up(), Severity.ERROR, '')\n"
        "said = {'rule': 'by-hand', 'severity': 'error'}\n"
    )
    found = emitted(tmp_path)
    assert found.severities == {
        "by-constant": {"warning"},
        "by-parameter": {"warning"},
        "by-table": {"notice"},
        "one-way": {"error"},
        "other-way": {"error"},
        "by-loop": {"error"},
    }
    assert len(found.unread) == 2


@pytest.mark.parametrize("rule", list(RULES))
def test_an_explanation_says_what_why_and_what_to_do(rule: str) -> None:
    told = RULES[rule]
    assert told.severities <= set(Severity)
    what, why, fix = re.fullmatch(r"(.+)\nWhy: (.+)\nFix: (.+)", told.lines, re.DOTALL).groups()  # type: ignore[union-attr]
    for text in (what, why, fix):
        assert text.endswith((".", ")."))
    for page in re.findall(r"docs/[\w/-]+\.md", told.lines):
        assert (ROOT / page).is_file()


def test_an_id_stands_in_one_stage_only() -> None:
    assert len(RULES) == sum(map(len, STAGES.values()))
    assert RULES.keys() & (IN_ROWS | VERDICT.keys()) == set()
    assert {rule for rules, _ in ALIKE for rule in rules} <= EVERY


def test_the_page_is_that_of_the_tables_and_every_id_is_found_where_an_annotation_points() -> None:
    spec = importlib.util.spec_from_file_location(
        "write_findings_doc", ROOT / "tools" / "write_findings_doc.py"
    )
    assert spec
    assert spec.loader
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert (ROOT / "docs" / "findings.md").read_text("utf-8") == tool.document()
    for rule in EVERY:
        assert rule in anchors(ROOT / "docs" / page_of(rule)), rule


def test_a_policy_may_weigh_what_its_page_says_it_weighs(tmp_path: Path) -> None:
    from liftgate.commands.checking.file_check import read_policy
    from liftgate.errors import LiftgateError
    from liftgate.registry.rules import NEVER_LOWERED

    weighed = [rule for rule, told in RULES.items() if told.weighed != "nowhere"]
    path = tmp_path / "policy.yaml"
    given = sorted({*weighed, *(PROMOTION.keys() - NEVER_LOWERED)})
    path.write_text("version: 1\nrules:\n" + "".join(f"  {rule}: warning\n" for rule in given))
    policy, _ = read_policy(path)
    assert sorted(policy.rules) == given
    assert policy.fingerprint == Policy.from_dict({"rules": dict(policy.rules)}).fingerprint
    for rule in {*RULES, *NEVER_LOWERED} - set(given):
        path.write_text(f"version: 1\nrules: {{{rule}: warning}}\n")
        with pytest.raises(LiftgateError, match="rules that do not exist"):
            read_policy(path)
