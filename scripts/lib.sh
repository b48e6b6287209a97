# shellcheck shell=bash disable=SC2034
# Functions for the other scripts, which source this file.

# Debian packages that the build needs, that the tests need as well, and that the lint needs as well.
BUILD_PACKAGES=(cmake ninja-build gcc libc6-dev pkg-config libcurl4-openssl-dev libhiredis-dev libjansson-dev
  libssl-dev zlib1g-dev)
TEST_PACKAGES=(libcmocka-dev libjwt-dev redis-server universal-ctags clang libclang-rt-14-dev ca-certificates
  llvm chromium haproxy nginx-light caddy openssl curl python3)
LINT_PACKAGES=(clang-tidy cppcheck shellcheck)

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "needs root or sudo for: $*"
  fi
}

is_installed() { # PACKAGE
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Installs the packages that are missing, if any.
need_packages() {
  local package missing=()
  command -v dpkg-query >/dev/null ||
    { say "This is not Debian or Ubuntu. Make sure that these packages are installed: $*"; return; }
  for package; do
    is_installed "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "Installing ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Installs the packages of the commands that are missing. The commands need not come from apt.
need_commands() { # COMMAND=PACKAGE...
  local pair packages=()
  for pair; do
    command -v "${pair%%=*}" >/dev/null || packages+=("${pair#*=}")
  done
  [ ${#packages[@]} -eq 0 ] || need_packages "${packages[@]}"
}

# Configures a preset the first time, and builds what has changed. Passes further arguments to cmake.
build_preset() { # PRESET [CMAKE-ARGUMENT...]
  local preset=$1
  shift
  [ -f "build/$preset/build.ninja" ] || cmake --preset "$preset" "$@" >/dev/null
  (
    set -o pipefail
    cmake --build --preset "$preset" -- --quiet | sed '/^ninja: no work to do\.$/d' # which --quiet does not silence
  )
}
