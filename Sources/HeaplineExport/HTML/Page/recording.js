// SPDX-License-Identifier: Apache-2.0
//
// How the recording was made: processes, what kept names and stacks from being whole, and the log of what was said once.

const recordingPanel = {
  start(panel) {
    const processes = new Table({ name: "processes", sort: ["start", "ascending"], searchText: (row) => `${row.pid} ${row.command}`, columns: [
      numberColumn("pid", "PID", String, (row) => row.pid, { total: null }),
      { key: "command", label: "Command", kind: "name", text: (row) => row.command, value: (row) => row.command, hover: (row) => row.command },
      numberColumn("start", "Started", duration, (row) => row.start, { total: null }),
      { key: "ending", label: "Ended", text: (row) => `${row.ending}${row.end == null ? "" : ` at ${duration(row.end)}`}`, value: (row) => row.end },
      numberColumn("allocations", "Allocations", shortCount, (row) => row.allocations), numberColumn("bytes", "Allocated", bytes, (row) => row.bytes),
      numberColumn("peakBytes", "Own peak", bytes, (row) => row.peakBytes, { total: null }), numberColumn("liveBytes", "Never freed", bytes, (row) => row.liveBytes),
      { key: "mode", label: "Mode", text: (row) => `${row.mode}, depth ${row.depth}`, value: (row) => row.mode },
    ] });
    processes.set(recorded.processes.filter((row) => row.chosen));
    panel.append(make("h3", {}, "Processes"), processes.element);
    if (recorded.problems.length) {
      const problems = new Table({ name: "problems", sort: ["what", "descending"], page: 15, searchText: (row) => row.text, columns: [
        { key: "what", label: "About", text: (row) => row.what, value: (row) => row.what },
        { key: "text", label: "What is missing", kind: "text", text: (row) => row.text, value: (row) => row.text },
        { key: "fix", label: "What to do", kind: "text", text: (row) => row.fix || "", value: (row) => row.fix || "" },
      ] });
      problems.set(recorded.problems);
      panel.append(make("h3", {}, "Names and stacks"), problems.element);
    }
  },
  draw() {},
};

const logPanel = {
  start(panel) {
    const table = new Table({ name: "log", sort: ["time", "ascending"], page: 50, searchText: (row) => row[2], columns: [
      numberColumn("time", "Time", duration, (row) => row[0], { total: null }),
      { key: "process", label: "Process", text: (row) => recorded.processes[row[1]].name, value: (row) => row[1], hover: (row) => `pid ${recorded.processes[row[1]].pid}` },
      { key: "text", label: "What", kind: "text", text: (row) => row[2], value: (row) => row[2] },
    ] });
    table.set(recorded.log.lines);
    if (recorded.log.total > recorded.log.lines.length) panel.append(make("p.note", {}, `The first ${count(recorded.log.lines.length)} of ${count(recorded.log.total)} lines.`));
    panel.append(table.element);
    this.table = table;
  },
  draw() {
    const [from, to] = rangeTimes();
    this.table.set(chosen.range ? recorded.log.lines.filter((line) => line[0] >= from && line[0] <= to) : recorded.log.lines);
  },
};
