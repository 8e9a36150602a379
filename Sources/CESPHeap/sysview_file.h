// SPDX-License-Identifier: Apache-2.0
//
// The file around SystemView streams.

#pragma once

#include <stdbool.h>

#include "sysview_packet.h"

// Writes header and streams to a path, file://path or tcp://host:port.  False: said why on standard error.
bool hl_sysview_file_write(const char *destination, const struct hl_sysview_stream *streams, unsigned cores);
