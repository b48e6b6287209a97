# shellcheck shell=bash
# What the suites that are run by hand say and wait for. Who sources it has a die of its own.

say() { printf '%s\n' "$*"; }
ok() { printf 'ok: %s\n' "$*"; }

until_true() { # SECONDS WHAT COMMAND...
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt "$end" ] || die "waited too long for: $what"
    sleep 0.1
  done
}
