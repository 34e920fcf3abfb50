(() => {
  "use strict";
  const source = document.getElementById("case-data");
  if (!source) return;
  const { arms, base, candidate, answers, buckets, texts, cases } = JSON.parse(source.textContent);
  source.remove();
  const byId = (id) => document.getElementById(id);
  const [bucket, left, right, query, form, body] = ["bucket", "left", "right", "query", "filters", "rows"].map(byId);
  const [view, table] = [byId("answers"), byId("table")];
  const [FIRST, GROUP] = [50, 10];

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

  // choices[i] is the place in `buckets` that the i-th option stands for.
  const choices = [-1];
  bucket.append(make("option", "", "every bucket"));
  const groups = new Map();
  buckets.forEach(([dimension], place) => groups.set(dimension, [...(groups.get(dimension) || []), place]));
  for (const [dimension, places] of groups) {
    const group = make("optgroup");
    group.label = dimension;
    for (const place of places.sort((a, b) => (buckets[a][1] < buckets[b][1] ? -1 : 1))) {
      choices.push(place);
      group.append(make("option", "", buckets[place].join("=")));
    }
    bucket.append(group);
  }

  const counts = {};
  const radios = {};
  for (const [key, title] of Object.entries(OUTCOMES)) {
    const label = make("label");
    const radio = make("input");
    radio.type = "radio";
    radio.name = "outcome";
    radio.value = key;
    radio.checked = key === "disagree";
    radios[key] = radio;
    counts[key] = make("b");
    label.append(radio, title, counts[key]);
    byId("outcomes").append(label);
  }
  const chosenOutcome = () => Object.keys(radios).find((key) => radios[key].checked);

  // Where two answers part: whole words, and only when enough is the same for the rest to tell something.
  const WORD = /[\p{L}\p{N}\p{M}]/u;
  const parting = (a, b) => {
    if (a == null || b == null || a === b) return null;
    const most = Math.min(a.length, b.length);
    let start = 0;
    while (start < most && a[start] === b[start]) start++;
    while (start > 0 && WORD.test(a[start - 1])) start--;
    let end = 0;
    while (end < most - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
    while (end > 0 && WORD.test(a[a.length - end])) end--;
    return 3 * (start + end) >= Math.max(a.length, b.length) ? [start, end] : null;
  };

  const answer = (text, score, name, apart) => {
    const cell = make("div");
    cell.setAttribute("role", "cell");
    cell.dataset.name = name;
    if (score !== undefined) {
      const verdict = score == null ? "unscored" : score >= 1 ? "right" : "wrong";
      const word = { right: "✓ right", wrong: "✗ wrong", unscored: "? unscored" }[verdict];
      const partly = score > 0 && score < 1 ? ` (${score.toFixed(2)})` : "";
      cell.append(make("span", verdict, word + partly));
    }
    if (!answers) return cell;
    const shown = make("span", text == null || text === "" ? "none" : "text");
    if (text == null || text === "") shown.append(text == null ? "not kept" : "empty");
    else if (apart && apart[0] + apart[1] < text.length) {
      const end = text.length - apart[1];
      shown.append(text.slice(0, apart[0]), make("mark", "", text.slice(apart[0], end)), text.slice(end));
    } else shown.append(text);
    shown.dir = "auto";
    cell.append(shown);
    return cell;
  };

  const said = (place) => (place == null ? null : texts[place]);

  const row = ([id, places, expected, outputs, scores], number) => {
    // Blocks with roles, not a table: a browser lays out a whole table again for every row that is added.
    const line = make("div");
    line.setAttribute("role", "row");
    line.setAttribute("aria-rowindex", String(number + 2));
    const head = make("div", "", id);
    head.setAttribute("role", "rowheader");
    head.append(make("span", "buckets", places.map((place) => buckets[place].join("=")).join(", ")));
    const [l, r] = [left.selectedIndex, right.selectedIndex];
    const [ours, theirs] = [said(outputs[l]), said(outputs[r])];
    const apart = parting(ours, theirs);
    line.append(head, answer(ours, scores[l], arms[l], apart), answer(theirs, scores[r], arms[r], apart));
    if (answers) line.append(answer(said(expected), undefined, "expected"));
    return line;
  };

  let shown = [];
  let drawn = 0;
  let waiting = 0;
  const draw = (most) => {
    const end = Math.min(shown.length, drawn + most);
    while (drawn < end) {
      // A browser looks at every block that it may skip, in every frame: ten rows are one.
      const group = make("div");
      group.setAttribute("role", "rowgroup");
      for (const last = Math.min(end, drawn + GROUP); drawn < last; drawn++) group.append(row(shown[drawn], drawn));
      body.append(group);
    }
  };
  // The rest comes whenever nobody waits for anything else, so that the browser's own search finds every row.
  const later = window.requestIdleCallback ? (run) => requestIdleCallback(run) : (run) => setTimeout(run, 16);
  const drawRest = (turn) => {
    if (turn !== waiting) return;
    draw(FIRST);
    if (drawn < shown.length) later(() => drawRest(turn));
    else view.dataset.drawn = "all";
  };

  const lowered = texts.map((text) => text.toLowerCase());
  const apply = () => {
    const place = choices[bucket.selectedIndex];
    const words = query.value.trim().toLowerCase();
    const hits = lowered.map((text) => words !== "" && text.includes(words));
    const within = cases.filter(
      ([id, places, expected, outputs]) =>
        (place < 0 || places.includes(place)) &&
        (!words || id.toLowerCase().includes(words) || hits[expected] || outputs.some((output) => hits[output])),
    );
    const kinds = within.map((item) => outcome(item[4]));
    for (const key of Object.keys(OUTCOMES))
      counts[key].textContent = kinds.filter((kind) => belongs(key, kind)).length.toLocaleString("en");
    const chosen = chosenOutcome();
    shown = within.filter((_, i) => belongs(chosen, kinds[i]));
    drawn = 0;
    waiting++;
    delete view.dataset.drawn;
    body.replaceChildren();
    view.scrollTop = 0;
    view.hidden = shown.length === 0;
    byId("left-name").textContent = arms[left.selectedIndex];
    byId("right-name").textContent = arms[right.selectedIndex];
    table.setAttribute("aria-rowcount", String(shown.length + 1));
    draw(FIRST);
    const turn = waiting;
    later(() => drawRest(turn));
    byId("count").textContent =
      `${shown.length.toLocaleString("en")} of ${cases.length.toLocaleString("en")} cases`;
  };

  const choose = (key, place, words) => {
    radios[key].checked = true;
    bucket.selectedIndex = Math.max(0, choices.indexOf(place));
    query.value = words;
    apply();
  };
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", apply);
  byId("clear").addEventListener("click", () => {
    choose("disagree", -1, "");
    query.focus();
  });
  // Names in the tables above lead to their cases below.
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element && event.target.closest("a[data-bucket], a[data-case]");
    if (!link) return;
    if (link.dataset.case !== undefined) choose("all", -1, cases[link.dataset.case][0]);
    else choose("disagree", Number(link.dataset.bucket), "");
  });

  byId("answers").classList.toggle("marks-only", !answers);
  if (!answers) query.placeholder = "id";
  if (!answers) table.querySelector(".head [role=columnheader]:last-child").remove();
  form.hidden = false;
  apply();
})();
