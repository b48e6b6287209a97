#!/bin/sh
# Makes a Redis Cluster of the six servers that the name redis-cluster resolves to, unless they are one already.
set -eu
is_ok() { redis-cli -h redis-cluster cluster info | grep -q '^cluster_state:ok'; }

is_ok && exit
addresses=$(getent ahostsv4 redis-cluster | awk '{ print $1 ":6379" }' | sort -u)
# shellcheck disable=SC2086
redis-cli --cluster create $addresses --cluster-replicas 1 --cluster-yes
until is_ok; do sleep 1; done
