#!/usr/bin/env bash
# Writes the options of the binary into docs/configuration.md and docs/eventhub.conf.5, the most
# important ones into README.md, and its metrics into docs/monitoring.md, each between the lines
# "... made by scripts/docs.sh" and "end of ...". Does the same with the commands of eventhubctl, which is
# beside the binary, in docs/eventhubctl.md and docs/eventhubctl.1. Also writes eventhub.conf.example.
#   scripts/docs.sh [--check] [BINARY]     --check changes nothing and fails on a difference
set -euo pipefail
cd "$(dirname "$0")/.."

# The options that README.md lists.
README_OPTIONS='LISTEN_PORT|ENABLE_SSL|WORKER_THREADS|BROKER|JWT_SECRET|DISABLE_AUTH|REDIS_HOST|REDIS_PORT|REDIS_PASSWORD'
README_OPTIONS+='|REDIS_PREFIX|REDIS_POOL_SIZE|MAX_CACHE_LENGTH|DEFAULT_CACHE_TTL|PING_INTERVAL|WEBSOCKET_HANDSHAKE_TIMEOUT'
README_OPTIONS+='|ALLOWED_ORIGINS'

# Prints the file with the text between its markers replaced.
with_options() { # FILE TEXT
  TEXT=$2 awk '
    /end of (options|metrics|commands)/ { print ENVIRON["TEXT"]; skip = 0; ends++ }
    !skip { print }
    /(options|metrics|commands): made by scripts\/docs.sh/ { skip = 1; begins++ }
    END { exit !(begins == 1 && ends == 1) }' "$1"
}

update() { # FILE TEXT
  local new
  new=$(with_options "$1" "$2") || { echo "$1: the marker lines are not there" >&2; exit 1; }
  replace "$1" "$new"
}

# Turns the text of /metrics into a Markdown table, one row for each family.
metrics_table() {
  awk -v tick='`' '
    function row() {
      if (name) printf "| %s%s%s | %s | %s | %s |\n", tick, name, tick, type, labels, help
    }
    BEGIN { print "| metric | type | label | meaning |\n| --- | --- | --- | --- |" }
    /^# HELP / { row(); name = $3; labels = ""; help = substr($0, length($3) + 9) }
    /^# TYPE / { type = $4 }
    /^[^#].*[{]/ && type != "histogram" && name !~ /_info$/ {
      split($0, part, /[{}="]+/)
      labels = labels ? labels ", " tick part[3] tick : tick part[2] tick ": " tick part[3] tick
    }
    END { row() }'
}

replace() { # FILE TEXT
  local file=$1 new=$2
  if printf '%s\n' "$new" | cmp -s - "$file"; then return; fi
  if [ "$check" = no ]; then
    printf '%s\n' "$new" >"$file"
    echo "$file: written"
    return
  fi
  printf '%s\n' "$new" | diff -u "$file" - || true
  echo "$file does not agree with the programs: run scripts/docs.sh" >&2
  status=1
}

check=no status=0
if [ "${1-}" = --check ]; then
  check=yes
  shift
fi
binary=${1:-build/dev/eventhub}
markdown=$("$binary" --help=markdown)
man=$("$binary" --help=man)
update docs/configuration.md "$markdown"
update README.md "$(grep -E "^\| (option|---|\`($README_OPTIONS)\`) \|" <<<"$markdown")"
update docs/eventhub.conf.5 "$man"
update docs/monitoring.md "$("$binary" --help=metrics | metrics_table)"
tool=$(dirname "$binary")/eventhubctl
update docs/eventhubctl.md "$("$tool" help --format markdown)"
update docs/eventhubctl.1 "$("$tool" help --format man)"
replace eventhub.conf.example "$("$binary" --help=conf)"
exit $status
