// SPDX-License-Identifier: Apache-2.0
//
// What each thread or task did. For a part of the run it is known where the page has every event, as of emulated chips.

const threads = {
  start(panel) {
    const several = recorded.processes.length > 1;
    const owner = (row) => recorded.processes[row.process];
    const kind = recorded.threads.some((row) => row.task) ? "Task" : "Thread";
    const columns = [
      { key: "name", label: kind, text: (row) => row.name, value: (row) => row.name },
      { ...numberColumn("tid", "ID", (tid) => (kind === "Task" ? `0x${tid.toString(16)}` : String(tid)), (row) => row.tid, { total: null }), hover: null },
      numberColumn("bytes", "Allocated", bytes, (row) => row.bytes), numberColumn("allocations", "Allocations", shortCount, (row) => row.allocations),
      numberColumn("frees", "Frees", shortCount, (row) => row.frees),
      numberColumn("foreignFrees", `…of other ${kind.toLowerCase()}s' blocks`, shortCount, (row) => row.foreignFrees),
      numberColumn("temporary", "Temporary", shortCount, (row) => row.temporary),
      numberColumn("liveBytes", "Never freed", bytes, (row) => row.liveBytes), numberColumn("liveBlocks", "Blocks never freed", shortCount, (row) => row.liveBlocks),
    ];
    if (several) columns.splice(1, 0, { key: "process", label: "Process", text: (row) => `${owner(row).name} ${owner(row).pid}`, value: (row) => owner(row).pid, hover: (row) => owner(row).command });
    this.table = new Table({ name: "threads", columns, sort: ["bytes", "descending"], searchText: (row) => `${row.name} ${owner(row).command}` });
    panel.append(make("p.note", { hidden: !onlySurvivors }, survivorsNote), this.table.element);
  },
  scope: () => (rangedEvents() ? "" : "the whole run, not the selection"),
  draw() {
    const events = rangedEvents();
    this.table.set(events ? this.ranged(events) : recorded.threads);
  },

  /** Who freed a block is not in the events. */
  ranged(events) {
    const rows = new Map(recorded.threads.map((row) => [`${row.process}/${row.index}`, { ...row, bytes: 0, allocations: 0, frees: null, foreignFrees: null, temporary: null, liveBytes: 0, liveBlocks: 0 }]));
    const place = (event) => `${event.process}/${event.address}`;
    const alive = new Map();  // of the blocks allocated in the range, those that nothing frees until the end
    for (const event of eventRows()) {
      if (event.freed) alive.delete(place(event));
      else alive.set(place(event), event);
    }
    for (const event of events) {
      const row = rows.get(`${event.process}/${event.thread}`);
      if (!row || event.freed) continue;
      row.allocations++;
      row.bytes += event.size;
      if (alive.get(place(event)) !== event) continue;
      row.liveBlocks++;
      row.liveBytes += event.size;
    }
    return [...rows.values()].filter((row) => row.allocations);
  },
};
