# shellcheck shell=bash
# What the suites that are run by hand share: their messages, their waits, and the check at their start of what
# they need. A suite that sources this defines die.

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

# ---- what a suite needs ----
# Each need_ function notes what the machine lacks. needs_are_met reports all of it in one message and ends the
# suite, before it has built or changed anything.

LACKS=() PACKAGES=()

lacks_nothing() { [ ${#LACKS[@]} -eq 0 ] && [ ${#PACKAGES[@]} -eq 0 ]; }

need() { # WHAT COMMAND...: the command shows whether it is there
  local what=$1
  shift
  "$@" >/dev/null 2>&1 || LACKS+=("$what")
}

need_root() { need "it must be run as root" test "$(id -u)" -eq 0; }

need_commands() { # COMMAND=PACKAGE...
  local pair
  for pair; do
    PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%=*}" >/dev/null || PACKAGES+=("${pair#*=}")
  done
}

need_files() { # FILE=PACKAGE...
  local pair
  for pair; do
    [ -e "${pair%%=*}" ] || PACKAGES+=("${pair#*=}")
  done
}

# The packages that the build needs (scripts/lib.sh).
need_build_packages() {
  local name
  for name in $(. scripts/lib.sh && printf '%s ' "${BUILD_PACKAGES[@]}"); do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || PACKAGES+=("$name")
  done
}

need_free_ports() { # PORT...
  local port
  for port; do
    need "port $port of 127.0.0.1 is in use" is_refused "$port"
  done
}
is_refused() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1"); } # PORT

# What an earlier run has left in the directory counts as free, since it is used again.
need_space() { # MB DIRECTORY
  local above=$2 free used=0
  while [ ! -e "$above" ]; do above=$(dirname "$above"); done
  free=$(df -m --output=avail "$above" | tail -n 1)
  [ ! -d "$2" ] || used=$(du -sm "$2" 2>/dev/null | cut -f 1)
  need "$2 needs $1 MB, and only $((free + used)) MB are free" test $((free + used)) -ge "$1"
}

# Tries something that the machine may not permit. It comes last, because it needs the commands.
need_to_work() { # WHAT COMMAND...
  local what=$1 output
  shift
  lacks_nothing || return 0
  output=$("$@" 2>&1) || LACKS+=("$what does not work here: $(tail -n 1 <<<"$output")")
}

needs_are_met() {
  local lack
  lacks_nothing && return
  {
    printf 'FAILED: %s cannot run on this machine\n' "$0"
    [ ${#LACKS[@]} -eq 0 ] || for lack in "${LACKS[@]}"; do printf '  %s\n' "$lack"; done
    [ ${#PACKAGES[@]} -eq 0 ] ||
      printf '  packages are missing: apt-get install --no-install-recommends %s\n' \
        "$(printf '%s\n' "${PACKAGES[@]}" | sort -u | tr '\n' ' ' | sed 's/ $//')"
  } >&2
  exit 1
}
