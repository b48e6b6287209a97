#!/usr/bin/env bash
# Tests the part of steps.sh that checks what a suite needs: one message names everything that is missing.
set -euo pipefail
cd "$(dirname "$0")"
failed=0

# Runs the lines as a suite named "suite", and compares its exit status and its output on stderr.
expect() { # STATUS LINES OUTPUT
  local output status=0
  output=$(bash -euc ". ./steps.sh; $2; needs_are_met; echo it runs" suite 2>&1) || status=$?
  [ "$status" = "$1" ] && [ "$output" = "$3" ] && return
  printf 'after: %s\nexpected %s: %s\ngot %s: %s\n' "$2" "$1" "$3" "$status" "$output"
  failed=1
}

HEAD='FAILED: suite cannot run on this machine'
expect 0 'true' 'it runs'
expect 0 'need_commands bash=bash sed=sed; need_files /dev/null=base-files' 'it runs'
expect 0 'need_space 1 /nowhere/at/all; need_to_work "true" true' 'it runs'
expect 1 'need_commands bash=bash no-such-command=first; need_files /no/such/file=second; need_commands no-such=first' \
  "$HEAD
  packages are missing: apt-get install --no-install-recommends first second"
expect 1 'id() { echo 1000; }; need_root; need_commands no-such-command=package' \
  "$HEAD
  it must be run as root
  packages are missing: apt-get install --no-install-recommends package"
expect 0 'id() { echo 0; }; need_root' 'it runs'
expect 1 'df() { printf "Avail\n 70\n"; }; need_space 71 /nowhere' \
  "$HEAD
  /nowhere needs 71 MB, and only 70 MB are free"
# shellcheck disable=SC2016 # the lines are expanded by the suite
expect 1 'is_refused() { [ "$1" != 81 ]; }; need_free_ports 80 81' \
  "$HEAD
  port 81 of 127.0.0.1 is in use"
expect 1 'need_to_work "a container" sh -c "echo first; echo not permitted >&2; exit 1"' \
  "$HEAD
  a container does not work here: not permitted"
expect 1 'need "no build" false; need_to_work "a container" touch /must/not/be/tried' \
  "$HEAD
  no build"
exit $failed
