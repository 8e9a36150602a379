// SPDX-License-Identifier: Apache-2.0
//
// What each thread or task did. Threads are known for the whole run only.

const threads = {
  start(panel) {
    const several = recorded.processes.length > 1;
    const owner = (row) => recorded.processes[row.process];
    const columns = [
      { key: "name", label: recorded.threads.some((row) => row.task) ? "Task" : "Thread", text: (row) => row.name, value: (row) => row.name, hover: (row) => `id ${row.tid}` },
      numberColumn("bytes", "Allocated", bytes, (row) => row.bytes), numberColumn("allocations", "Allocations", shortCount, (row) => row.allocations),
      numberColumn("frees", "Frees", shortCount, (row) => row.frees),
      numberColumn("foreignFrees", "…of other threads' blocks", shortCount, (row) => row.foreignFrees),
      numberColumn("temporary", "Temporary", shortCount, (row) => row.temporary),
      numberColumn("liveBytes", "Never freed", bytes, (row) => row.liveBytes), numberColumn("liveBlocks", "Blocks never freed", shortCount, (row) => row.liveBlocks),
    ];
    if (several) columns.splice(1, 0, { key: "process", label: "Process", text: (row) => `${owner(row).name} ${owner(row).pid}`, value: (row) => owner(row).pid, hover: (row) => owner(row).command });
    this.table = new Table({ name: "threads", columns, sort: ["bytes", "descending"], searchText: (row) => `${row.name} ${owner(row).command}` });
    panel.append(make("p.note", { id: "threads-note" }), this.table.element);
  },
  draw() {
    byId("threads-note").textContent = chosen.range ? "Threads are added up for the whole run, not for the selection." : "";
    byId("threads-note").hidden = !chosen.range;
    this.table.set(recorded.threads);
  },
};
