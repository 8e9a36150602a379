// SPDX-License-Identifier: Apache-2.0
//
// To-host mode's sinks: a SystemView recording (.svdat), or a .heapline trace made by the recorder.

#pragma once

// `destination`: PATH.heapline for a trace of the recorder; any other path, file://path or tcp://host:port for
// SystemView; NULL or empty: no host, and heap_trace_start in to-host mode says so.
void hl_heap_trace_open_host(const char *destination);
// Ends a recording that the program did not stop.
void hl_heap_trace_close_host(void);
