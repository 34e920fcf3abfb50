import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import decision_examples as decisions
import report_examples as examples
from liftgate.report.charts import curve, forest, spreads
from liftgate.report.html import csp_hash, render_html
from liftgate.report.page_cases import page_cases

HOSTILE = [
    "</script><script>alert(1)</script>",
    "</style></title></textarea></noscript><img src=https://evil.example/x onerror=alert(1)>",
    '" onload="alert(1)" x="',
    "' autofocus onfocus=alert(1) '",
    "<!--<script>",
    "]]><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "\u202eevil\u2066\x00\x1b[31m\ud800\u2028",
    "&lt;b&gt; &#60;i&#62;",
]


class Page(HTMLParser):
    """The elements of a page as a browser would see them, and the text in scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self.words: list[str] = []
        self._within = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._within = tag if tag in self.raw else ""

    def handle_endtag(self, tag: str) -> None:
        self._within = ""

    def handle_data(self, data: str) -> None:
        if self._within:
            self.raw[self._within].append(data)
        else:
            self.words.append(data)

    @property
    def shape(self) -> list[tuple[str, list[str]]]:
        return [(tag, sorted(attributes)) for tag, attributes in self.elements]

    def attribute(self, name: str) -> list[str]:
        return [value for _, attributes in self.elements if (value := attributes.get(name)) is not None]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.mark.parametrize("name", sorted(examples.EXAMPLES))
def test_a_page_needs_nothing_from_anywhere_else(name: str) -> None:
    page = Page(render_html(examples.EXAMPLES[name]()))
    assert all(link.startswith("#") for link in page.attribute("href"))
    assert not {"src", "srcset", "action", "style", "data", "poster"} & {
        a for _, all_ in page.shape for a in all_
    }
    assert not {tag for tag, _ in page.shape} & {
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "base",
        "image",
        "use",
    }
    assert not re.search(r"@import|url\(|@font-face", page.raw["style"][0])
    assert not re.search(
        r"fetch|XMLHttpRequest|import\(|innerHTML|eval|document\.write", page.raw["script"][-1]
    )


@pytest.mark.parametrize("name", sorted(examples.EXAMPLES))
def test_the_content_policy_allows_our_style_and_script_and_nothing_else(name: str) -> None:
    page = Page(render_html(examples.EXAMPLES[name]()))
    policies = [a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    style, script = csp_hash(page.raw["style"][0]), csp_hash(page.raw["script"][-1])
    assert policies == [
        f"default-src 'none'; style-src '{style}'; script-src '{script}'; base-uri 'none'; form-action 'none'"
    ]
    tags = [tag for tag, _ in page.elements]
    assert "http-equiv" in page.elements[tags.index("style") - 5][1], (
        "the policy must stand before what it allows"
    )
    assert not [a for _, attributes in page.elements for a in attributes if a.startswith("on")]


@pytest.mark.parametrize("name", ["block-by-safety", "errors", "bad-data", "waived"])
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_text(name: str, text: str) -> None:
    report = examples.EXAMPLES[name]()
    page = Page(render_html(examples.with_text(report, text)))
    harmless = Page(render_html(examples.with_text(report, "word")))
    assert page.shape == harmless.shape
    assert page.raw["style"] == harmless.raw["style"]
    assert page.raw["script"][-1] == harmless.raw["script"][-1]
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00\x1b]", page.text)


@settings(max_examples=30, deadline=None)
@given(st.text(st.sampled_from("<>/!-\"'&;=sScript{}%\\\u2028\ud800\u202e \n"), min_size=1, max_size=40))
def test_any_text_is_text(text: str) -> None:
    page = Page(render_html(examples.with_text(examples.blocked_by_safety(), f"x{text}")))
    assert page.shape == WITH_A_WORD


WITH_A_WORD = Page(render_html(examples.with_text(examples.blocked_by_safety(), "word"))).shape


def test_a_long_answer_is_cut() -> None:
    report = examples.passing()
    report["cases"][0]["outputs"]["candidate"] = "x" * 10_000_000
    assert len(render_html(report)) < 200_000


@pytest.mark.parametrize("name", sorted(examples.EXAMPLES))
def test_the_same_report_gives_the_same_bytes(name: str) -> None:
    make = examples.EXAMPLES[name]
    assert render_html(make()) == render_html(make())


def test_the_verdict_is_told_in_words_and_not_by_colour_alone() -> None:
    for make in examples.EXAMPLES.values():
        report = make()
        page = Page(render_html(report))
        opening = {"pass": "Pass, ", "block": "Blocked, do not merge"}.get(
            report["verdict"], "Insufficient evidence"
        )
        assert opening in page.text
        assert ("header", {"class": f"band {report['verdict']}"}) in page.elements


def test_every_part_every_bucket_and_every_arm_is_on_the_page() -> None:
    report = examples.blocked_by_bucket()
    text = Page(render_html(report)).text
    for bucket in report["comparison"]["buckets"]:
        assert f"{bucket['dimension']}={bucket['name']}" in text
    for arm in report["arms"]:
        assert arm["name"] in text
    assert "Bucket intent=refund" not in text
    assert "bucket intent=refund drops 32.5 points on 40 cases" in text
    assert report["lineage"]["golden_sha256"] in text


def test_a_page_without_a_comparison_has_no_empty_sections() -> None:
    page = Page(render_html(examples.nothing_to_gate()))
    assert page.attribute("href") == ["#main", "#lineage"]
    assert [tag for tag, _ in page.elements].count("section") == 1
    assert "svg" not in [tag for tag, _ in page.elements]


def test_every_link_leads_somewhere_and_every_drawing_has_a_title_and_a_description() -> None:
    page = Page(render_html(examples.passing()))
    ids = page.attribute("id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in page.attribute("href")} <= set(ids)
    labels = [a["aria-labelledby"] for tag, a in page.elements if tag == "svg" and a.get("role") == "img"]
    assert labels == ["forest-title forest-desc", "curve-title curve-desc", "spreads-title spreads-desc"]
    assert {each for label in page.attribute("aria-labelledby") for each in label.split()} <= set(ids)


def test_the_forest_puts_zero_and_all_intervals_on_one_scale() -> None:
    made = examples.blocked_by_bucket()["comparison"]
    plot = forest(made, made["buckets"])
    assert plot is not None
    assert [tick.label for tick in plot.ticks] == ["−60", "−40", "−20", "0", "+20", "+40", "+60"]
    assert plot.zero == "50"
    assert (plot.ticks[0].at, plot.ticks[-1].at) == ("2", "98")
    assert plot.rows[0].name == "all 320 cases"
    assert plot.rows[0].overall
    for row in plot.rows:
        assert 2 <= float(row.low) <= float(row.at) <= float(row.high) <= 98


@pytest.mark.parametrize("change", [0.0, 0.004, -0.004, 1.0, -1.0])
def test_a_forest_of_one_has_a_scale_too(change: float) -> None:
    made = examples.passing()["comparison"]
    made["lift"].update(mean=change, low=change, high=change)
    plot = forest(made, [])
    assert plot is not None
    assert len(plot.ticks) >= 2
    assert 2 <= float(plot.rows[0].at) <= 98


def test_without_an_interval_there_is_no_forest() -> None:
    made = examples.passing()["comparison"]
    made["lift"].update(mean=None, low=None, high=None)
    assert forest(made, []) is None


def test_the_answer_times_of_all_arms_stand_on_one_scale_from_zero() -> None:
    times = {
        "n": 240,
        "p5_ms": 100,
        "p25_ms": 200,
        "p50_ms": 250,
        "p75_ms": 300,
        "p95_ms": 480,
        "p99_ms": 500,
    }
    slower = {**times, "p99_ms": 1000.0}
    arms: list[dict[str, Any]] = [
        {"name": "base", "latency": times},
        {"name": "tuned", "latency": slower},
        {"name": "kept"},
    ]
    plot = spreads(arms)
    assert plot is not None
    assert [(tick.at, tick.label) for tick in plot.ticks] == [
        ("2", "0"),
        ("21.2", "200 ms"),
        ("40.4", "400 ms"),
        ("59.6", "600 ms"),
        ("78.8", "800 ms"),
        ("98", "1.00 s"),
    ]
    assert [(row.name, row.p5, row.p50, row.p99) for row in plot.rows] == [
        ("base", "11.6", "26", "50"),
        ("tuned", "11.6", "26", "98"),
    ]
    assert plot.rows[1].cells == ["240", "100 ms", "200 ms", "250 ms", "300 ms", "480 ms", "1.00 s"]
    assert plot.description.startswith("base: median 250 ms, P95 480 ms; tuned: ")


def test_a_report_without_answer_times_has_no_plot_of_them() -> None:
    report = examples.passing()
    for arm in report["arms"]:
        del arm["latency"]
    assert spreads(report["arms"]) is None
    assert "spreads-title" not in Page(render_html(report)).attribute("id")


def test_names_of_buckets_and_regressions_lead_to_their_cases() -> None:
    report = examples.blocked_by_bucket()
    page, data = Page(render_html(report)), json.loads(page_cases(report, "full").json)
    links = [a for tag, a in page.elements if tag == "a" and ({"data-bucket", "data-case"} & a.keys())]
    assert {a["href"] for a in links} == {"#cases"}
    buckets = [data["buckets"][int(place)] for a in links if (place := a.get("data-bucket"))]
    assert sorted(buckets) == sorted([b["dimension"], b["name"]] for b in report["comparison"]["buckets"])
    cases = [data["cases"][int(place)][0] for a in links if (place := a.get("data-case"))]
    assert cases == [case["case_id"] for case in report["regressions"]]


def test_the_loss_curve_spans_its_square_and_needs_two_points() -> None:
    drawn = curve([{"step": 10, "loss": 2.0}, {"step": 20, "loss": 1.0}, {"step": 30, "loss": 0.5}], 0.25)
    assert drawn is not None
    assert drawn.points == "0,0 500,500 1000,750"
    assert [(tick.at, tick.label) for tick in drawn.ticks] == [
        ("1000", "0"),
        ("750", "0.5"),
        ("500", "1"),
        ("250", "1.5"),
        ("0", "2"),
    ]
    assert drawn.validation is not None
    assert drawn.validation.at == "875"
    assert drawn.description == "Training loss fell from 2.000 at step 10 to 0.500 at step 30."
    assert drawn.looks == ""
    assert curve([{"step": 10, "loss": 2.0}], None) is None
    assert curve([{"step": 1, "loss": 0.0}, {"step": 1, "loss": 0.0}], None) is not None


def test_validation_losses_are_drawn_where_it_was_looked_at_them() -> None:
    losses = [{"step": 0, "loss": 2.0}, {"step": 100, "loss": 1.0}]
    looks = [{"step": 50, "loss": 1.0}, {"step": 100, "loss": 1.5}, {"step": 120, "loss": 9.0}]
    drawn = curve(losses, 1.5, looks)
    assert drawn is not None
    assert drawn.looks == "500,500 1000,250"
    one = curve(losses, 1.5, looks[:1])
    assert one is not None
    assert one.looks == ""


def test_the_page_says_why_this_road_and_what_was_tried_on_the_others() -> None:
    page = render_html({**examples.waiting_for_approval(), "road": decisions.agrees()})
    told = re.sub(
        r"\s+", " ", re.sub(r"<[^>]+>", " ", page.partition('<h2 id="road">')[2].partition("</section>")[0])
    )
    assert told.strip() == (
        "Why this road Why fine-tuning: document and matrix agree. A better prompt: tried, falls short; "
        "retrieval, routing and tools: not for this task. a better prompt tried, falls short; base: 75.8% "
        "exact_match, from which the bar is measured; prompt-v2: 76.0% exact_match, falls short retrieval not for"
        " this task routing and tools not for this task fine-tuning suits the task must cite sources no policy "
        "updates a month 0 schema fields 2 labels 8 stable for months 9 locales en, es, de labelled rows 722 No "
        "facts to cite or to keep up with: retrieval has nothing to give. A form to learn: fixed labels, or a "
        "schema that prompts do not hold. The newest prompt gains too little over the best before it: prompting "
        "is at its plateau. The cheapest road that clears the bar wins: fine-tuning. In the words of "
        "evals/support-intent/decision.yaml ( support-platform, 2026-11-25 ) Which of eight queues does a ticket "
        "go to, and how urgent is it? Two fields with ten fixed values, and no facts to look up."
    )
    hostile = examples.with_text(
        {**examples.waiting_for_approval(), "road": decisions.incomplete()}, "<b>@x</b>"
    )
    assert "<b>" not in render_html(hostile)
    assert 'id="road"' not in render_html(examples.waiting_for_approval())
