// SPDX-License-Identifier: Apache-2.0
//
// One core: a header and the stream.  Two: a header that says where, after itself, each core's stream begins.

#include "sysview_file.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_SECONDS = 5 };

static FILE *open_socket(const char *address, const char **problem) {
    char host[256];
    const char *colon = strrchr(address, ':');
    if (!colon || (size_t)(colon - address) >= sizeof host) {
        *problem = "not of the form tcp://host:port";
        return NULL;
    }
    memcpy(host, address, (size_t)(colon - address));
    host[colon - address] = '\0';
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    int error = getaddrinfo(host, colon + 1, &hints, &found);
    if (error != 0) {
        *problem = gai_strerror(error);
        return NULL;
    }
    // Bounds connecting, too: a host that does not answer must not hold the program up.
    const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    int descriptor = -1;
    for (const struct addrinfo *one = found; one && descriptor < 0; one = one->ai_next) {
        descriptor = socket(one->ai_family, one->ai_socktype, one->ai_protocol);
        if (descriptor >= 0)
            setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        if (descriptor >= 0 && connect(descriptor, one->ai_addr, one->ai_addrlen) != 0) {
            *problem = errno == EINPROGRESS ? "no answer" : strerror(errno);
            close(descriptor);
            descriptor = -1;
        }
    }
    freeaddrinfo(found);
    return descriptor < 0 ? NULL : fdopen(descriptor, "wb");
}

static FILE *open_destination(const char *destination, const char **problem) {
    static const char file[] = "file://", tcp[] = "tcp://";
    if (strncmp(destination, tcp, sizeof tcp - 1) == 0)
        return open_socket(destination + sizeof tcp - 1, problem);
    if (strncmp(destination, file, sizeof file - 1) == 0)
        destination += sizeof file - 1;
    FILE *file_there = fopen(destination, "wb");
    if (!file_there)
        *problem = strerror(errno);
    return file_there;
}

bool hl_sysview_file_write(const char *destination, const struct hl_sysview_stream *streams, unsigned cores) {
    const char *problem = "no connection";
    FILE *output = open_destination(destination, &problem);
    if (!output) {
        fprintf(stderr, "heapline: cannot write the recording to %s: %s\n", destination, problem);
        return false;
    }
    fprintf(output, ";\n; Version     SEGGER SystemViewer %s\n; Author      Espressif Inc\n", cores > 1 ? "V3.60" : "V2.42");
    if (cores > 1)
        fprintf(output, "; Offset Core0 0\n; Offset Core1 %zu\n", streams[0].length);
    fprintf(output, ";\n");
    bool written = true;
    for (unsigned core = 0; core < cores; core++)
        written &= fwrite(streams[core].bytes, 1, streams[core].length, output) == streams[core].length;
    written &= fclose(output) == 0;
    if (!written)
        fprintf(stderr, "heapline: the recording at %s is incomplete: %s\n", destination, strerror(errno));
    return written;
}
