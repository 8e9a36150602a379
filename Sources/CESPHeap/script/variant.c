// SPDX-License-Identifier: Apache-2.0
//
// From a variant's name to a chip's options. External memory is configured wherever the chip has
// any, as it was when the recordings were made, except in v4.4, where it would change every heap.

#include "variant.h"

#include <string.h>

static const struct {
    const char *name;
    enum hl_idf idf;
} versions[] = {
    {"v44", HL_IDF_4_4}, {"v448", HL_IDF_4_4_8}, {"v53", HL_IDF_5_3},
    {"v54", HL_IDF_5_4}, {"v55", HL_IDF_5_5},
};

static const struct {
    const char *name;
    enum hl_poisoning poisoning;
    enum hl_tracking tracking;
    bool trace, hash;
} configurations[] = {
    {"none", HL_POISONING_NONE, HL_TRACKING_OFF, false, false},
    {"light", HL_POISONING_LIGHT, HL_TRACKING_OFF, false, false},
    {"comp", HL_POISONING_COMPREHENSIVE, HL_TRACKING_OFF, false, false},
    {"task", HL_POISONING_NONE, HL_TRACKING_KEEP_DELETED, false, false},
    {"taskdel", HL_POISONING_NONE, HL_TRACKING_ALIVE, false, false},
    {"taskcomp", HL_POISONING_COMPREHENSIVE, HL_TRACKING_KEEP_DELETED, false, false},
    {"trace", HL_POISONING_NONE, HL_TRACKING_OFF, true, false},
    {"tracehash", HL_POISONING_NONE, HL_TRACKING_OFF, true, true},
};

bool hl_variant_parse(struct hl_script *script) {
    const char *name = script->options->variant;
    enum hl_idf idf = HL_IDF_5_5;
    const char *dot = strchr(name, '.');
    if (strcmp(name, "v44trace") == 0) {
        idf = HL_IDF_4_4_8;
        name = "trace";
    } else if (dot) {
        size_t length = (size_t)(dot - name), i = 0, count = sizeof versions / sizeof *versions;
        while (i < count &&
               (strlen(versions[i].name) != length || strncmp(versions[i].name, name, length) != 0))
            i++;
        if (i == count)
            return hl_script_refuse(script, "unknown version in variant '%.40s'", name);
        idf = versions[i].idf;
        name = dot + 1;
    }
    for (size_t i = 0; i < sizeof configurations / sizeof *configurations; i++) {
        if (strcmp(configurations[i].name, name) != 0)
            continue;
        script->chip_options.idf = idf;
        script->chip_options.poisoning = configurations[i].poisoning;
        script->chip_options.tracking = configurations[i].tracking;
        script->chip_options.psram = idf != HL_IDF_4_4;
        script->trace = configurations[i].trace;
        script->trace_hash = configurations[i].hash;
        return true;
    }
    return hl_script_refuse(script, "unknown variant '%.40s'", script->options->variant);
}
