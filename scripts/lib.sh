# shellcheck shell=bash disable=SC2034
# Shared by scripts/run and scripts/test, which source it.

# What the server is built with, what the tests need besides, and the lint: Debian's package names.
BUILD_PACKAGES=(cmake ninja-build gcc libc6-dev pkg-config libhiredis-dev libjansson-dev libssl-dev
  libjwt-dev zlib1g-dev)
TEST_PACKAGES=(libcmocka-dev redis-server universal-ctags clang libclang-rt-14-dev ca-certificates
  llvm chromium haproxy nginx-light openssl curl)
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

# Installs those of the packages that are not there; does nothing when all are.
need_packages() {
  local package missing=()
  command -v dpkg-query >/dev/null ||
    { say "Not Debian or Ubuntu: make sure yourself that these are there: $*"; return; }
  for package; do
    is_installed "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "Installing ${missing[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# The packages for commands that may also have come from elsewhere than apt.
need_commands() { # COMMAND=PACKAGE...
  local pair packages=()
  for pair; do
    command -v "${pair%%=*}" >/dev/null || packages+=("${pair#*=}")
  done
  [ ${#packages[@]} -eq 0 ] || need_packages "${packages[@]}"
}

# Configures a preset the first time, and builds what has changed. More arguments go to cmake.
build_preset() { # PRESET [CMAKE-ARGUMENT...]
  local preset=$1
  shift
  [ -f "build/$preset/build.ninja" ] || cmake --preset "$preset" "$@" >/dev/null
  cmake --build --preset "$preset" -- --quiet
}
