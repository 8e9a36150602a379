#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# drive_redis.sh SOCKET REQUESTS: loads the server that listens there, then ends it.
socket=$1
requests=$2
tries=0
until redis-cli -s "$socket" ping >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ $tries -gt 400 ] && exit 1
    sleep 0.05
done
redis-benchmark -s "$socket" -n "$requests" -c 20 -P 16 -r 10000 -t set,get,lpush,lpop,hset -q >/dev/null
redis-cli -s "$socket" shutdown nosave >/dev/null 2>&1
exit 0
