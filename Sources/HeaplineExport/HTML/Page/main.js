// SPDX-License-Identifier: Apache-2.0
//
// Puts the page together: tabs, keys, theme, print. Views are made when they are first looked at.

/** What is in the place of views by stack when there are none. */
const absentStacks = { start(panel) { panel.append(make("p.note", { id: "flame-absent" }, stacksAbsence())); }, draw() {} };

const views = [
  { id: "changes", label: "Changes", view: comparison, wanted: Boolean(before) && recorded.hasStacks },
  { id: "flame", label: "Flame graph", view: flame, wanted: recorded.hasStacks, draw: () => flame.draw() },
  { id: "flame", label: "Flame graph", view: absentStacks, wanted: !recorded.hasStacks },
  { id: "stacks", label: "Stacks", view: stacks, wanted: recorded.hasStacks, badge: recorded.siteCount },
  { id: "functions", label: "Functions", view: functions, wanted: recorded.hasStacks },
  { id: "leaks", label: "Never freed", view: leaks, wanted: true, badge: onlyTotals ? null : recorded.leaks.groups },
  { id: "growth", label: "Growth", view: growth, wanted: recorded.hasStacks && recorded.growth.length > 0, badge: recorded.growth.length },
  { id: "types", label: "Types", view: types, wanted: recorded.leaks.groups > 0 },
  { id: "threads", label: recorded.threads.some((row) => row.task) ? "Tasks" : "Threads", view: threads, wanted: recorded.threads.length > 0, badge: recorded.threads.length },
  { id: "sizes", label: "Sizes and lifetimes", view: distributions, wanted: recorded.sizes.rows.length > 0 },
  { id: "fragmentation", label: "Fragmentation", view: fragmentation, wanted: recorded.fragmentation.areas.length > 0 },
  { id: "cores", label: "Cores", view: coresPanel, wanted: Boolean(recorded.cores), draw: () => coresPanel.draw() },
  { id: "heapmap", label: "Heap map", view: heapMapPanel, wanted: Boolean(recorded.heapMap && recorded.heapMap.regions.length) },
  { id: "events", label: "Events", view: eventsPanel, wanted: Boolean(recorded.events && recorded.events.total), badge: recorded.events && recorded.events.total },
  { id: "log", label: "Log", view: logPanel, wanted: recorded.log.lines.length > 0, badge: recorded.log.total },
  { id: "recording", label: "Recording", view: recordingPanel, wanted: true },
].filter((item) => item.wanted);

function drawTabs() {
  keepFocus(byId("tabs"), () => byId("tabs").replaceChildren(...views.map((item, i) => make("button", {
    type: "button", role: "tab", "data-key": item.id, id: `tab-${item.id}`, "aria-selected": String(chosen.tab === item.id), "aria-controls": `panel-${item.id}`,
    tabIndex: chosen.tab === item.id ? 0 : -1, title: `${item.label} (${i + 1})`, onclick: () => chosen.set({ tab: item.id }),
    onkeydown: (event) => {
      const place = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: -1 }[event.key];
      if (place == null) return;
      event.preventDefault();
      const next = views[(place + views.length) % views.length];
      chosen.set({ tab: next.id });
      byId(`tab-${next.id}`).focus();
    },
  }, item.label, item.badge == null ? null : make("span.count", {}, count(item.badge))))));
}

/** Next to a view's title: what it shows when that is not the selection. */
function drawScope(item) {
  const scope = chosen.range && item.view.scope ? item.view.scope() : "";
  item.panel.classList.toggle("scoped", Boolean(scope));
  item.scope.textContent = scope;
  item.scope.hidden = !scope;
}

/** Makes a view's panel if need be, and brings it up to date. */
function drawView(item) {
  const shown = chosen.tab === item.id;
  if (!item.panel) {
    if (!shown && !printing) return;
    item.scope = make("span.scope");
    item.panel = make("div.panel", { id: `panel-${item.id}`, role: "tabpanel", "aria-labelledby": `tab-${item.id}` }, make("h2", {}, item.label, " ", item.scope));
    byId("panels").append(item.panel);
    item.view.start(item.panel);
    item.stale = true;
  }
  item.panel.hidden = !shown && !printing;
  if (item.panel.hidden) return;
  if (item.stale) {
    drawScope(item);
    if (item.view.build) item.view.build();
    if (item.view.draw) item.view.draw();
    item.stale = false;
  }
}

function drawAll(changed) {
  if (changed.includes("range")) {
    drawCards();
    drawStandout();
    chart.drawState();
    chart.draw();
    for (const item of views) item.stale = true;
  }
  for (const item of views) if (item.id === "changes" && changed.includes("measure")) item.stale = true;
  const flameView = views.find((item) => item.view === flame);
  if (flameView && ["measure", "inverted", "trim"].some((key) => changed.includes(key))) flameView.stale = true;
  if (changed.includes("tab")) drawTabs();
  for (const item of views) drawView(item);
  if (flameView && flameView.panel && !flameView.stale && changed.includes("search")) flame.match();
  if (flameView && flameView.panel && !flameView.panel.hidden) flame.draw();
  if (changed.includes("search") && changed.includes("tab")) byId("tabs").scrollIntoView({ block: "nearest" });
}

// MARK: Theme

function setTheme(theme) {
  const dark = !printing && (theme === "dark" || (theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches));
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  byId("theme").textContent = { auto: "Theme: system", light: "Theme: light", dark: "Theme: dark" }[theme];
  byId("theme").dataset.theme = theme;
}
function nextTheme() {
  const order = ["auto", "light", "dark"];
  setTheme(order[(order.indexOf(byId("theme").dataset.theme) + 1) % 3]);
  drawCanvases();
}

/** What is painted has the colours and the width it was painted with. */
function drawCanvases() {
  chart.draw();
  flame.draw();
  for (const item of views) if (item.panel && (item.view === coresPanel || item.view === heapMapPanel)) item.view.draw();
}

// MARK: Keys

const shortcuts = [
  ["1 … 9", "the views, in the order of their tabs"], ["/", "search in the flame graph, or filter the table"],
  ["← →", "on the timeline: move; with Shift select a range, with Ctrl in larger steps"], ["w", "the whole run again"],
  ["m", "the next measure of the flame graph"], ["i", "flame graph inverted or not"], ["t", "allocator and start-up frames on or off"],
  ["arrows, Enter", "in the flame graph: move, zoom in"], ["Backspace, Esc", "in the flame graph: zoom out, reset"], ["d", "light, dark or as the system"], ["?", "this list"],
];

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.target;
  if (target.matches("input, select, textarea")) {
    if (event.key === "Escape") target.blur();
    return;
  }
  const number = /^[1-9]$/.test(event.key) ? Number(event.key) : 0;
  if (number >= 1 && number <= views.length) chosen.set({ tab: views[number - 1].id });
  else if (event.key === "/") {
    const field = byId(`panel-${chosen.tab}`)?.querySelector("input[type=search]");
    if (!field) return;
    event.preventDefault();
    field.focus();
    field.select();
  } else if (event.key === "w") chosen.set({ range: null });
  else if (event.key === "m") {
    chosen.set({ measure: offered[(offered.indexOf(chosen.measure) + 1) % offered.length] });
  } else if (event.key === "i") chosen.set({ inverted: !chosen.inverted });
  else if (event.key === "t") chosen.set({ trim: !chosen.trim });
  else if (event.key === "d") nextTheme();
  else if (event.key === "?") showKeys();
}

function showKeys() {
  const list = make("dl");
  for (const [keys, text] of shortcuts) list.append(make("dt", {}, make("kbd", {}, keys)), make("dd", {}, text));
  byId("keys").replaceChildren(make("h2", {}, "Keyboard"), list, make("form", { method: "dialog" }, make("button.button", {}, "Close")));
  byId("keys").showModal();
}

// MARK: Start

/** How the program ended that was run: of the images it became by exec, the last. */
function ending() {
  const own = recorded.processes.filter((process) => process.chosen);
  return own.findLast((process) => process.pid === own[0].pid)?.ending.replace(/^unknown$/, "") ?? "";
}

/** A view there is; one that only says what is missing, when it was asked for. */
function settleTab() {
  const shown = views.find((item) => item.id === chosen.tab);
  if (!shown || (shown.view === absentStacks && !location.hash.includes("tab="))) chosen.tab = views.find((item) => item.view !== absentStacks).id;
}

function start() {
  setTheme(document.documentElement.dataset.theme || "auto");
  chosen.load();
  settleTab();
  const recording = recorded.recording;
  byId("title").textContent = page.title;
  byId("title").title = page.title;
  const when = Number(recorded.startUnixNanoseconds) / 1e6;
  byId("subtitle").textContent = [before ? `compared with ${before.command} (${new Date(Number(before.startUnixNanoseconds) / 1e6).toLocaleString()})` : "", when ? new Date(when).toLocaleString() : "", duration(recorded.duration),
    ending(), recording.processes === 1 ? "1 process" : `${count(recording.processes)} processes`, `${count(recording.eventsRecorded)} events`].filter(Boolean).join(" · ");
  drawTrust();
  drawCards();
  drawStandout();
  drawTabs();
  chart.start();
  chart.drawState();
  chart.draw();
  for (const item of views) drawView(item);
  chosen.onChange(drawAll);
  byId("foot").textContent = "Made by heapline. Sums of the whole run are exact unless the line at the top says otherwise; this file needs no network.";
  byId("theme").addEventListener("click", nextTheme);
  byId("help").addEventListener("click", showKeys);
  document.addEventListener("keydown", onKey);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { setTheme(byId("theme").dataset.theme); drawCanvases(); });
  new ResizeObserver(() => { chart.draw(); flame.draw(); }).observe(byId("main"));
  addEventListener("hashchange", () => {
    chosen.load();
    settleTab();
    ranged = null;
    drawAll(["range", "tab", "measure", "search"]);
  });
  const details = byId("trust").querySelector("details");
  let wasOpen = false;
  addEventListener("beforeprint", () => {
    printing = true;
    wasOpen = details.open;
    details.open = true;
    setTheme(byId("theme").dataset.theme);  // paper is light
    for (const item of views) drawView(item);
    drawCanvases();
  });
  addEventListener("afterprint", () => {
    printing = false;
    details.open = wasOpen;
    setTheme(byId("theme").dataset.theme);
    for (const item of views) drawView(item);
    drawCanvases();
  });
  document.documentElement.dataset.ready = "1";
}

start();
