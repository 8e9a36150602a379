// SPDX-License-Identifier: Apache-2.0
//
// What is chosen: the range of time, the measure, the search. Views listen; values of stacks for the chosen range come from
// here. For the whole run they are the exact sums of the recording; for a range they are added up from its spans.

const recorded = new Recorded(page.now);
const before = page.before ? new Recorded(page.before) : null;

/** Of blocks that were freed, mode leaks keeps totals only, and mode count of all: what a view then cannot show. */
const modes = new Set([recorded, ...(before ? [before] : [])].flatMap((data) => data.recording.modes.split(", ")));
const onlySurvivors = modes.has("leaks"), onlyTotals = modes.size > 0 && [...modes].every((mode) => mode === "count" || mode === "off");
const survivorsNote = "Of blocks that were freed there are only totals (mode leaks): record with --mode all to see them.";

/** Why a measure of stacks is not known, and what to record instead; empty where it is. */
const absence = (measure) => (onlySurvivors && !measure.startsWith("live") ? "Not known in mode leaks: record with --mode all." : "");
const offered = Object.keys(measures).filter((measure) => !absence(measure));

/** Why there is no view by stack, and what to record instead. */
function stacksAbsence() {
  if (onlyTotals) return "This recording holds totals only (mode count): record with --mode all to see who allocated.";
  if (!recorded.totals.allocations) return "Nothing was allocated while this was recorded.";
  if (recorded.processes.some((process) => process.source === "esp")) return "No stacks were recorded: set CONFIG_HEAP_TRACING_STACK_DEPTH to 2 or more to see who allocated.";
  return "No stacks were recorded (depth 0): record with --depth 32 to see who allocated.";
}

const firstTab = before ? "changes" : "flame";

const chosen = {
  range: null, measure: offered[0], inverted: false, search: "", zoom: "", trim: true, tab: "flame",
  listeners: [],
  onChange(listener) { this.listeners.push(listener); },
  set(change) {
    const changed = Object.keys(change).filter((key) => JSON.stringify(this[key]) !== JSON.stringify(change[key]));
    if (!changed.length) return;
    Object.assign(this, change);
    if (changed.includes("range")) ranged = null;
    this.save();
    for (const listener of this.listeners) listener(changed);
  },
  /** The state as the part of the address after #, so that it can be sent to somebody. */
  save() {
    const parts = new URLSearchParams();
    if (this.tab !== firstTab) parts.set("tab", this.tab);
    if (this.measure !== offered[0]) parts.set("measure", this.measure);
    if (this.inverted) parts.set("inverted", "1");
    if (!this.trim) parts.set("trim", "0");
    if (this.search) parts.set("search", this.search);
    if (this.zoom) parts.set("zoom", this.zoom);
    if (this.range) parts.set("range", this.range.join("-"));
    const text = parts.toString();
    try {
      history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
    } catch { /* a page without an address of its own */ }
  },
  load() {
    const parts = new URLSearchParams(location.hash.slice(1));
    const spans = recorded.activity ? recorded.activity.spans : 0;
    const range = (parts.get("range") || "").split("-").map(Number);
    const valid = range.length === 2 && range.every(Number.isInteger) && range[0] >= 0 && range[0] < range[1] && range[1] <= spans;
    this.tab = parts.get("tab") || firstTab;
    this.measure = offered.includes(parts.get("measure")) ? parts.get("measure") : offered[0];
    this.inverted = parts.get("inverted") === "1";
    this.trim = parts.get("trim") !== "0";
    this.search = parts.get("search") || "";
    this.zoom = parts.get("zoom") || "";
    this.range = valid ? range : null;
  },
};

let ranged = null;

/** Values of all rows by measure, for the chosen range [from, to) of spans. */
function values() {
  if (!chosen.range || !recorded.entries) return recorded.site;
  if (!ranged) ranged = addUp(recorded, chosen.range[0], chosen.range[1]);
  return ranged;
}

function addUp(data, from, to) {
  const { entries, births } = data;
  const sum = {};
  for (const measure of [...Object.keys(measures), "netBytes"]) sum[measure] = new Float64Array(data.rows);
  for (let i = entries.first[from]; i < entries.first[to]; i++) {
    const row = entries.row[i];
    sum.allocations[row] += entries.allocations[i];
    sum.bytes[row] += entries.bytes[i];
    sum.temporary[row] += entries.temporary[i];
    sum.netBytes[row] += entries.liveBytes[i];
  }
  // The peak of a range: the end of its span after which most bytes were alive.
  let live = 0, best = -Infinity, bestSpan = from;
  for (let span = 0; span < to; span++) {
    for (let i = entries.first[span]; i < entries.first[span + 1]; i++) live += entries.liveBytes[i];
    if (span >= from && live > best) {
      best = live;
      bestSpan = span;
    }
  }
  for (let i = 0; i < entries.first[bestSpan + 1]; i++) {
    sum.peakBytes[entries.row[i]] += entries.liveBytes[i];
    sum.peakBlocks[entries.row[i]] += entries.liveBlocks[i];
  }
  if (births) {
    for (let i = births.first[from]; i < births.first[to]; i++) {
      sum.liveBytes[births.row[i]] += births.bytes[i];
      sum.liveBlocks[births.row[i]] += births.blocks[i];
    }
  }
  sum.node = data.site.node;
  sum.peakSpan = bestSpan;
  return sum;
}

const total = (column) => column.reduce((sum, value) => sum + value, 0);

/** Nanoseconds of a range of spans. */
function rangeTimes() {
  if (!chosen.range) return [0, recorded.duration];
  const { width } = recorded.activity;
  return [chosen.range[0] * width, Math.min(chosen.range[1] * width, recorded.duration)];
}

/** Sizes or lifetimes of the chosen range as a whole run's are recorded: rows of [lowest, highest, count, sum], and quantiles. */
function rangedHistogram(name) {
  if (!chosen.range) return recorded[name];
  const sums = new Map();
  for (const span of recorded.activity[name].slice(...chosen.range)) {
    for (const [octave, [number, sum]] of span) {
      const now = sums.get(octave) || [0, 0];
      sums.set(octave, [now[0] + number, now[1] + sum]);
    }
  }
  const rows = [...sums].sort((a, b) => a[0] - b[0]).map(([octave, [number, sum]]) => (octave ? [2 ** (octave - 1), 2 ** octave - 1, number, sum] : [0, 0, number, sum]));
  const all = rows.reduce((sum, row) => sum + row[2], 0);
  const quantiles = [0.5, 0.9, 0.99].map((share) => {
    let seen = 0;
    const row = rows.find((item) => (seen += item[2]) >= share * all);
    return all ? row[1] : null;
  });
  return { rows, quantiles };
}

/** The chip's events in the chosen range, if the page has every event; else null. */
function rangedEvents() {
  if (!chosen.range || !recorded.events || !recorded.events.total) return null;
  const rows = eventRows(), [from, to] = rangeTimes();
  return rows.length < recorded.events.total ? null : rows.filter((event) => event.time >= from && event.time < to);
}

/** What the chosen range and measure mean, where that is not obvious. */
function meaning() {
  if (!chosen.range) return "";
  const { exactStacks, width } = recorded.activity;
  const notes = [];
  if (chosen.measure.startsWith("peak")) notes.push(`What was alive at the end of the fullest ${duration(width)} of the selection.`);
  if (chosen.measure.startsWith("live")) {
    notes.push(recorded.births ? "What was allocated within the selection and is alive at the end of the recording." : "Not known for a selection in mode sample.");
  }
  if (exactStacks < recorded.kept || recorded.otherStacks) {
    notes.push(`Within a selection ${count(exactStacks)} of ${count(recorded.siteCount)} stacks are told apart; the others are one line.`);
  }
  return notes.join(" ");
}
