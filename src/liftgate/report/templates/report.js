(() => {
  "use strict";
  const source = document.getElementById("case-data");
  if (!source) return;
  const { arms, base, candidate, cases } = JSON.parse(source.textContent);
  const byId = (id) => document.getElementById(id);
  const [bucket, left, right, query, more] = ["bucket", "left", "right", "query", "more"].map(byId);
  const table = byId("answers");
  const body = byId("rows");
  const CHUNK = 60;

  // Every string goes in as text: nothing a model wrote is ever parsed as markup.
  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };

  const OUTCOMES = {
    disagree: "Disagreements",
    regression: "Regressions",
    fix: "Fixes",
    neither: "Both wrong",
    both: "Both right",
    unscored: "Unscored",
    all: "All",
  };

  const outcome = (scores) => {
    const a = scores[left.selectedIndex];
    const b = scores[right.selectedIndex];
    if (a == null || b == null) return "unscored";
    if (b > a) return "fix";
    if (b < a) return "regression";
    return a >= 1 ? "both" : "neither";
  };
  const belongs = (chosen, kind) =>
    chosen === "all" || chosen === kind || (chosen === "disagree" && (kind === "fix" || kind === "regression"));

  for (const [select, index] of [[left, base], [right, candidate]]) {
    arms.forEach((name) => select.append(make("option", "", name)));
    select.selectedIndex = Math.max(0, index);
  }

  const names = new Map();
  for (const [, pairs] of cases)
    for (const [dimension, name] of pairs) {
      if (!names.has(dimension)) names.set(dimension, new Set());
      names.get(dimension).add(name);
    }
  const choices = [null];
  bucket.append(make("option", "", "every bucket"));
  for (const [dimension, values] of names) {
    const group = make("optgroup");
    group.label = dimension;
    for (const value of [...values].sort()) {
      choices.push([dimension, value]);
      group.append(make("option", "", `${dimension}=${value}`));
    }
    bucket.append(group);
  }

  const counts = {};
  for (const [key, title] of Object.entries(OUTCOMES)) {
    const label = make("label");
    const radio = make("input");
    radio.type = "radio";
    radio.name = "outcome";
    radio.value = key;
    radio.checked = key === "disagree";
    counts[key] = make("b");
    label.append(radio, title, counts[key]);
    byId("outcomes").append(label);
  }
  const chosenOutcome = () => document.querySelector("input[name=outcome]:checked").value;

  const answer = (text, score, name) => {
    const cell = make("div");
    cell.setAttribute("role", "cell");
    cell.dataset.name = name;
    if (score !== undefined) {
      const verdict = score == null ? "unscored" : score >= 1 ? "right" : "wrong";
      const word = { right: "✓ right", wrong: "✗ wrong", unscored: "? unscored" }[verdict];
      const partly = score > 0 && score < 1 ? ` (${score.toFixed(2)})` : "";
      cell.append(make("span", verdict, word + partly));
    }
    const shown = make("span", text == null || text === "" ? "none" : "text", text == null ? "not kept" : text || "empty");
    shown.dir = "auto";
    cell.append(shown);
    return cell;
  };

  const row = ([id, pairs, expected, outputs, scores]) => {
    // Blocks with roles, not a table: a browser lays out a whole table again for every row that is added.
    const line = make("div");
    line.setAttribute("role", "row");
    const head = make("div", "", id);
    head.setAttribute("role", "rowheader");
    head.append(make("span", "buckets", pairs.map(([dimension, name]) => `${dimension}=${name}`).join(", ")));
    const [l, r] = [left.selectedIndex, right.selectedIndex];
    line.append(
      head,
      answer(expected, undefined, "expected"),
      answer(outputs[l], scores[l], arms[l]),
      answer(outputs[r], scores[r], arms[r]),
    );
    return line;
  };

  let shown = [];
  let drawn = 0;
  const draw = () => {
    const rows = document.createDocumentFragment();
    for (const item of shown.slice(drawn, drawn + CHUNK)) rows.append(row(item));
    drawn = Math.min(shown.length, drawn + CHUNK);
    body.append(rows);
    more.hidden = drawn >= shown.length;
    table.hidden = shown.length === 0;
  };

  const apply = () => {
    const pair = choices[bucket.selectedIndex];
    const words = query.value.trim().toLowerCase();
    const within = cases.filter(
      ([id, pairs, , outputs]) =>
        (!pair || pairs.some(([dimension, name]) => dimension === pair[0] && name === pair[1])) &&
        (!words || id.toLowerCase().includes(words) || outputs.some((text) => text && text.toLowerCase().includes(words))),
    );
    const kinds = within.map((item) => outcome(item[4]));
    for (const key of Object.keys(OUTCOMES)) counts[key].textContent = kinds.filter((kind) => belongs(key, kind)).length;
    const chosen = chosenOutcome();
    shown = within.filter((_, i) => belongs(chosen, kinds[i]));
    drawn = 0;
    body.replaceChildren();
    byId("left-name").textContent = arms[left.selectedIndex];
    byId("right-name").textContent = arms[right.selectedIndex];
    draw();
    byId("count").textContent = `${shown.length} of ${cases.length} cases`;
  };

  const form = byId("filters");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", apply);
  more.addEventListener("click", () => {
    const next = drawn;
    draw();
    // The button moves away under a keyboard user: put them on the first new row.
    const first = body.children[next];
    if (first) {
      first.tabIndex = -1;
      first.focus();
    }
  });
  if ("IntersectionObserver" in window)
    new IntersectionObserver((entries) => entries.some((e) => e.isIntersecting) && drawn < shown.length && draw(), {
      rootMargin: "800px",
    }).observe(more);
  form.hidden = false;
  apply();
})();
