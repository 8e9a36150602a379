// SPDX-License-Identifier: Apache-2.0
//
// The top of the page: what was recorded and how far to believe it, totals, and who stands out.

function drawTrust() {
  const rank = { bad: 3, warn: 2, note: 1, ok: 0 };
  const items = [...recorded.trust].sort((a, b) => rank[b.level] - rank[a.level]);
  const worst = items.length ? items[0].level : "ok";
  const serious = items.filter((item) => rank[item.level] >= 2);
  const verdict = { bad: "Numbers are incomplete", warn: "Part of the answer is missing" }[worst]
    || (recorded.recording.estimated ? "Sample: bytes alive, the peak and stacks are estimates" : recorded.recording.complete ? "Complete recording" : "Recording with known gaps");
  const recording = recorded.recording;
  const brief = serious.length
    ? serious.map((item) => item.title).join(" · ")
    : `mode ${recording.mode} · depth ${recording.depth} · ${count(recording.eventsRecorded)} events, ${count(recording.eventsLost)} lost · `
      + `${recording.processes === 1 ? "1 process" : `${count(recording.processes)} processes`}`;
  const list = make("ul");
  for (const item of items) {
    list.append(make("li", {}, make(`i.dot.${item.level}`, { title: item.level }),
      make("div", {}, make("b", {}, item.title), make("p", {}, item.detail), item.fix ? make("p.fix", {}, item.fix) : null)));
  }
  const level = serious.length ? worst : "ok";
  byId("trust").className = level;
  byId("trust").replaceChildren(make("details", { open: false },
    make("summary", {}, make(`i.dot.${level}`), make("span.verdict", {}, verdict), make("span.brief", {}, brief)), list));
}

/** Whole-run numbers are the recording's totals; those of a range are sums over its part of the timeline. */
function drawCards() {
  const totals = recorded.totals;
  const cards = [];
  const card = (id, label, value, sub, exact) =>
    cards.push(make("div.card", { title: exact || "" }, make("div.label", {}, label), make("div.value", { id, "data-exact": exact || "" }, value), make("div.sub", {}, sub)));
  const exactly = (value, unit) => (value == null ? "" : `${count(value)} ${unit}`);
  if (chosen.range) {
    const part = timelineSums();
    const seconds = (part.to - part.from) / 1e9;
    if (absence("peakBytes")) card("card-peak", "Peak in the selection", "–", "needs mode all", "");
    else card("card-peak", "Peak in the selection", bytes(part.peak), "most live bytes at one moment", exactly(part.peak, "bytes"));
    const stays = onlySurvivors ? ", of those never freed" : "";
    card("card-live", "Alive at its end", bytes(part.liveBytes), `${counted(part.liveBlocks, "block")}${stays}`, exactly(part.liveBytes, "bytes"));
    card("card-net", "Change", `${part.net >= 0 ? "+" : ""}${bytes(part.net)}`, "live bytes, end minus start", exactly(part.net, "bytes"));
    card("card-bytes", "Allocated", bytes(part.bytes), `${counted(part.allocations, "allocation")}${stays}`, exactly(part.bytes, "bytes"));
    if (absence("temporary")) card("card-temporary", "Temporary", "–", "needs mode all", "");
    else card("card-temporary", "Temporary", percent(total(values().temporary), part.allocations), `${count(total(values().temporary))} freed before the next allocation`, "");
    card("card-rate", "Rate", `${shortCount(part.allocations / seconds)}/s`, `${bytes(part.bytes / seconds)}/s`, "");
  } else {
    const seconds = recorded.duration / 1e9;
    const resident = recorded.timeline.resident.reduce((most, value) => Math.max(most, value || 0), 0);
    const old = before ? before.totals : {};
    const was = (key, format, text) => (before ? changeOf(totals[key], old[key], format) || text : text);
    card("card-peak", "Peak", bytes(totals.peakBytes), before ? was("peakBytes", bytes, "") : totals.peakBytes == null ? "needs mode all" : totals.peakNanoseconds != null ? `${counted(totals.peakBlocks, "block")}, at ${duration(totals.peakNanoseconds)}` : totals.peakBytes ? "when is not known" : "nothing was allocated", exactly(totals.peakBytes, "bytes"));
    card("card-live", "Never freed", bytes(totals.liveBytes), was("liveBytes", bytes, `${counted(totals.liveBlocks, "block")} alive at the end`), exactly(totals.liveBytes, "bytes"));
    card("card-bytes", "Allocated in total", bytes(totals.bytesAllocated), was("bytesAllocated", bytes, counted(totals.allocations, "allocation")), exactly(totals.bytesAllocated, "bytes"));
    card("card-temporary", "Temporary", totals.temporaryAllocations == null ? "–" : percent(totals.temporaryAllocations, totals.allocations),
      totals.temporaryAllocations == null ? "needs mode all" : before ? was("temporaryAllocations", shortCount, "") : `${count(totals.temporaryAllocations)} freed before the next allocation`, exactly(totals.temporaryAllocations, "allocations"));
    card("card-realloc", "Reallocations", shortCount(totals.reallocations), before ? was("reallocations", shortCount, "") : totals.failures ? `${count(totals.failures)} allocations failed` : "no allocation failed", exactly(totals.reallocations, "reallocations"));
    card("card-rate", "Rate", seconds > 0 ? `${shortCount(totals.allocations / seconds)}/s` : "–", `over ${duration(recorded.duration)}`, "");
    if (resident) card("card-rss", "Resident memory", bytes(resident), "highest seen, all processes", exactly(resident, "bytes"));
  }
  byId("cards").replaceChildren(...cards);
}

/** Sums of the timeline over the chosen range. */
function timelineSums() {
  const { width } = recorded.activity;
  const line = recorded.timeline;
  const [from, to] = rangeTimes();
  const first = Math.round(chosen.range[0] * width / line.width);
  const last = Math.min(line.count, Math.round(chosen.range[1] * width / line.width));
  const sums = { from, to, peak: 0, allocations: 0, bytes: 0, frees: 0 };
  for (let i = first; i < last; i++) {
    sums.peak = Math.max(sums.peak, line.maxLiveBytes[i]);
    sums.allocations += line.allocations[i];
    sums.bytes += line.bytes[i];
    sums.frees += line.frees[i];
  }
  sums.liveBytes = last > 0 ? line.liveBytes[last - 1] : 0;
  sums.liveBlocks = last > 0 ? line.liveBlocks[last - 1] : 0;
  sums.net = sums.liveBytes - (first > 0 ? line.liveBytes[first - 1] : 0);
  return sums;
}

/** Rows grouped by what they are called, largest first. */
function ranking(measure, limit) {
  const column = values()[measure];
  const groups = new Map();
  for (let row = 0; row < recorded.rows; row++) {
    if (!(column[row] > 0)) continue;
    const label = labels()[row];
    const group = groups.get(label.name) || { name: label.name, value: 0, via: new Map(), other: label.other };
    group.value += column[row];
    group.via.set(label.via, (group.via.get(label.via) || 0) + column[row]);
    groups.set(label.name, group);
  }
  return [...groups.values()].sort((a, b) => (a.other ? 1 : 0) - (b.other ? 1 : 0) || b.value - a.value || (a.name < b.name ? -1 : 1)).slice(0, limit);
}

let labelCache = null;
function labels() {
  if (!labelCache) {
    labelCache = Array.from({ length: recorded.rows }, (_, row) => recorded.label(row));
    tellApart(labelCache, (row) => recorded.trimmed(recorded.stack(row)).map((frame) => recorded.short(frame)));
  }
  return labelCache;
}

/** Rows that read the same so far get the innermost caller in which they differ from the first of them; `names` are a row's calls. */
function tellApart(list, names) {
  const groups = new Map();
  list.forEach((label, row) => {
    const key = `${label.name}\n${label.via}`;
    if (groups.has(key)) groups.get(key).push(row);
    else groups.set(key, [row]);
  });
  for (const rows of groups.values()) {
    if (rows.length < 2 || list[rows[0]].other) continue;
    const first = names(rows[0]);
    let nearest = 0;
    for (const row of rows.slice(1)) {
      const own = names(row);
      let at = 0;
      while (at < own.length && own[at] === first[at]) at++;
      if (at < own.length) list[row].beyond = own[at];
      if (at < first.length) nearest = nearest ? Math.min(nearest, at) : at;
    }
    if (nearest) list[rows[0]].beyond = first[nearest];
  }
}

function drawStandout() {
  const lists = [
    ["peakBytes", "Who held the peak"], ["liveBytes", "Who was never freed"],
    ["bytes", "Who allocates most"], ["temporary", "Who allocates for a moment"],
  ];
  const boxes = lists.map(([measure, title]) => {
    if (absence(measure)) return make("div.top", {}, make("h3", {}, title, make("span", {}, "–")), make("p.note", {}, absence(measure)));
    const all = total(values()[measure]);
    const list = make("ol");
    for (const group of ranking(measure, 5)) {
      const via = [...group.via].sort((a, b) => b[1] - a[1])[0][0];
      const open = () => chosen.set({ tab: "flame", measure, search: group.other ? "" : group.name });
      list.append(make("li", {}, make("button", { type: "button", title: "Show in the flame graph", onclick: open },
        make("span.name", { title: group.name }, make("bdi", {}, group.name), via ? make("span.via", {}, ` ← ${via}`) : null),
        make("span.amount", {}, `${measures[measure].format(group.value)} · ${percent(group.value, all)}`),
        make("span.meter", {}, barFill(group.value / all)))));
    }
    if (!list.children.length) list.append(make("li", {}, make("span.note", {}, "nobody")));
    return make("div.top", {}, make("h3", {}, title, make("span", {}, measures[measure].format(all))), list);
  });
  byId("standout").replaceChildren(...boxes);
  byId("standout").hidden = !recorded.hasStacks;
}

function barFill(share) {
  const fill = make("i");
  fill.style.width = `${Math.max(0, Math.min(1, share || 0)) * 100}%`;
  return fill;
}
