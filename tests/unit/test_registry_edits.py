"""One value of models.yaml changed in its text: rightly, or not at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate.config import parse_yaml
from liftgate.errors import InputError
from liftgate.registry.edits import with_dials, with_entry_of, with_papers
from liftgate.registry.models import read_models
from liftgate.registry.proposal import patch, with_variant

BLOCK = """\
# The registry.
version: 1
models:
  toy:   # the first
    default: {model_id: m, provider: local}
    variants:
      v1.0.0:
        model_id: old   # rollout_percent: 0
        provider: local
        dataset: {version: 1.0.0}
        flag: "rollout_percent: 0"
        rollout_percent: 0   # carefully
      # the next
      v1.1.0: {model_id: t, provider: local, dataset: {version: 1.1.0}, flag: f, "rollout_percent":0, owner: é}
  other: {default: {model_id: n, provider: local}, variants: {v1.0.0: {model_id: u, provider: local, dataset: {version: 1.0.0}, flag: g, rollout_percent: 0}}}
"""  # noqa: E501
KEY = ("models", "toy", "variants")


def percent(text: str, alias: str, variant: str) -> int:
    found: int = parse_yaml(text, "m").data["models"][alias]["variants"][variant]["rollout_percent"]
    return found


def test_a_block_entry_changes_in_one_line() -> None:
    assert patch(BLOCK, with_dials(BLOCK, "toy", {"v1.0.0": 5})) == (
        "--- a/models.yaml\n"
        "+++ b/models.yaml\n"
        "@@ -9,7 +9,7 @@\n"
        "         provider: local\n"
        "         dataset: {version: 1.0.0}\n"
        '         flag: "rollout_percent: 0"\n'
        "-        rollout_percent: 0   # carefully\n"
        "+        rollout_percent: 5   # carefully\n"
        "       # the next\n"
        "       v1.1.0: {model_id: t, provider: local, dataset: {version: 1.1.0}, flag: f, "
        '"rollout_percent":0, owner: é}\n'
        "   other: {default: {model_id: n, provider: local}, variants: {v1.0.0: {model_id: u, provider: local, "
        "dataset: {version: 1.0.0}, flag: g, rollout_percent: 0}}}\n"
    )


@pytest.mark.parametrize(("alias", "variant"), [("toy", "v1.0.0"), ("toy", "v1.1.0"), ("other", "v1.0.0")])
@pytest.mark.parametrize(
    "form",
    [
        lambda text: text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: text.rstrip("\n"),
        lambda text: text.replace("# carefully", "# 😀 \t \ufffd carefully"),
        lambda text: text.replace("rollout_percent: 0   #", "rollout_percent: 0x0   #"),
        lambda text: text.replace("rollout_percent: 0   #", 'rollout_percent: !!int "0"   #'),
        lambda text: text.replace(
            "        rollout_percent: 0   #", "        ? rollout_percent\n        : 0   #"
        ),
        lambda text: "--- # a document\n" + text + "...\n",
    ],
    ids=[
        "plain",
        "crlf",
        "bom",
        "no last line end",
        "odd letters",
        "hex",
        "tagged",
        "complex key",
        "document",
    ],
)
def test_every_form_of_yaml_keeps_all_other_bytes(
    alias: str, variant: str, form: Callable[[str], str]
) -> None:
    text = form(BLOCK)
    made = with_dials(text, alias, {variant: 25})
    assert percent(made, alias, variant) == 25
    at = next(i for i, (a, b) in enumerate(zip(text, made, strict=False)) if a != b)
    tail = len(text) - at
    assert any(text[at + cut :] == made[at + 2 :] for cut in range(1, min(tail, 12)))


def test_two_values_change_at_once() -> None:
    made = with_dials(BLOCK, "toy", {"v1.0.0": 95, "v1.1.0": 5})
    assert (percent(made, "toy", "v1.0.0"), percent(made, "toy", "v1.1.0")) == (95, 5)
    assert len(made) == len(BLOCK) + 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (BLOCK.replace("rollout_percent: 0   #", "rollout_percent: &zero 0   #"), "anchors"),
        (BLOCK.replace("flag: f", "flag: f, rollout_percent: 5"), "stands here twice"),
        (BLOCK.replace("        provider: local\n", "\tprovider: local\n"), "not valid YAML"),
        (
            BLOCK.replace("        rollout_percent: 0   # carefully\n", ""),
            "there is no $.models.toy.variants",
        ),
        (
            BLOCK.replace("rollout_percent: 0   #", "rollout_percent: [0]   #"),
            "there is no $.models.toy.variants",
        ),
        (BLOCK.replace("# carefully", "# care\u2028fully"), "not valid YAML"),
        (BLOCK + "---\nversion: 1\n", "not valid YAML"),
    ],
    ids=["anchor", "twice", "tab", "missing", "list", "line separator", "two documents"],
)
def test_what_cannot_be_edited_rightly_is_refused_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(InputError) as refused:
        with_dials(text, "toy", {"v1.0.0": 5})
    assert sentence in str(refused.value)


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=40), st.integers(0, 100)
)
def test_whatever_stands_in_a_comment_or_a_text_only_the_number_changes(odd: str, to: int) -> None:
    quoted = odd.replace("'", "''")
    text = BLOCK.replace("# carefully", f"# {odd}").replace("owner: é", f"owner: '{quoted}'")
    try:
        parse_yaml(text, "m")
    except InputError:
        return
    made = with_dials(text, "toy", {"v1.0.0": to})
    at = text.index("rollout_percent: 0   #") + len("rollout_percent: ")
    assert made == text[:at] + str(to) + text[at + 1 :]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_an_entry_is_put_back_byte_for_byte(line_end: str) -> None:
    before = BLOCK.replace("\n", line_end)
    after = before.replace("rollout_percent: 0   # carefully", "rollout_percent: 95").replace(
        '"rollout_percent":0', '"rollout_percent":5'
    )
    old = read_models(before).aliases["toy"]
    assert with_entry_of(after, read_models(after), old) == before


def test_an_entry_from_a_clone_with_other_line_ends_keeps_those_of_the_file() -> None:
    old = read_models(BLOCK).aliases["toy"]
    crlf = BLOCK.replace("\n", "\r\n")
    after = crlf.replace("rollout_percent: 0   #", "rollout_percent: 5   #")
    assert with_entry_of(after, read_models(after), old) == crlf


def test_an_entry_that_shares_its_line_is_refused_or_put_back_alone() -> None:
    def line(first: int, second: int) -> str:
        def alias(percent: int, flag: str) -> str:
            entry = f"dataset: {{version: 1.0.0}}, flag: {flag}, rollout_percent: {percent}"
            model = "model_id: t, provider: local"
            return f"{{default: {{{model}}}, variants: {{v1: {{{model}, {entry}}}}}}}"

        return f"version: 1\nmodels: {{a: {alias(first, 'f')}, b: {alias(second, 'g')}}}\n"

    old = read_models(line(0, 0)).aliases["a"]
    now = line(5, 5)
    with pytest.raises(InputError, match="cannot be put back"):
        with_entry_of(now, read_models(now), old)


def test_a_new_variant_has_the_line_ends_of_its_file() -> None:
    crlf = BLOCK.replace("\n", "\r\n")
    made = with_variant(crlf, "toy", "v2.0.0", {"model_id": "t", "rollout_percent": 0})
    assert made.count("\n") == made.count("\r\n")
    assert parse_yaml(made, "m").data["models"]["toy"]["variants"]["v2.0.0"]["rollout_percent"] == 0


PIN = {"path": "evals/reports/toy/v.shadow.json", "sha256": "1" + 63 * "f"}
LINE = f'{{path: evals/reports/toy/v.shadow.json, sha256: "{PIN["sha256"]}"}}'


def lines(before: str, after: str) -> list[str]:
    return [line for line in patch(before, after).splitlines()[2:] if line[0] in "+-"]


def test_a_paper_is_one_line_before_the_dial() -> None:
    made = with_papers(BLOCK, "toy", "v1.0.0", {"shadow_report": PIN})
    assert lines(BLOCK, made) == [f"+        shadow_report: {LINE}"]
    drill = {"on": "2026-11-25", "by": "Rita: ops", "seconds": 40}
    both = with_papers(
        made, "toy", "v1.0.0", {"rollback_drill": drill, "shadow_report": {**PIN, "path": "x"}}
    )
    assert lines(made, both) == [
        f"-        shadow_report: {LINE}",
        f'+        shadow_report: {{path: x, sha256: "{PIN["sha256"]}"}}',
        '+        rollback_drill: {on: "2026-11-25", by: "Rita: ops", seconds: 40}',
    ]
    assert with_papers(BLOCK, "toy", "v1.0.0", {}) == BLOCK


@pytest.mark.parametrize(("alias", "variant"), [("toy", "v1.1.0"), ("other", "v1.0.0")])
def test_a_paper_goes_into_an_entry_on_one_line(alias: str, variant: str) -> None:
    made = with_papers(BLOCK, alias, variant, {"load_report": PIN})
    assert parse_yaml(made, "m").data["models"][alias]["variants"][variant]["load_report"] == PIN
    assert len(made.splitlines()) == len(BLOCK.splitlines())
    again = with_papers(made, alias, variant, {"load_report": {**PIN, "path": "z"}})
    assert len(again) == len(made) - len(PIN["path"]) + 1


def test_a_paper_written_as_a_block_keeps_its_lines() -> None:
    block = "        shadow_report:\n          # of monday\n          path: x\n          sha256: y # z\n"
    text = BLOCK.replace("        rollout_percent: 0   #", f"{block}        rollout_percent: 0   #")
    made = with_papers(text, "toy", "v1.0.0", {"shadow_report": PIN})
    assert lines(text, made) == [
        "-          path: x",
        "-          sha256: y # z",
        f"+          path: {PIN['path']}",
        f'+          sha256: "{PIN["sha256"]}" # z',
    ]
    with pytest.raises(InputError, match="there is no"):
        with_papers(text, "toy", "v1.0.0", {"shadow_report": {**PIN, "more": 1}})


def test_line_ends_of_windows_stay() -> None:
    text = BLOCK.replace("\n", "\r\n")
    made = with_papers(text, "toy", "v1.0.0", {"shadow_report": PIN})
    assert made.replace("\r\n", "\n") == with_papers(BLOCK, "toy", "v1.0.0", {"shadow_report": PIN})
    assert made.count("\n") == made.count("\r\n")
