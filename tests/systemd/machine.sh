# shellcheck shell=bash disable=SC2034
# A Debian that boots in systemd-nspawn, with its own network that has only loopback. The base tree is made once;
# each machine is an overlay on it and is removed at the end.

WORK=${EVENTHUB_MACHINES:-/var/tmp/eventhub-machines}
BASE_TREE=$WORK/base
TREE= # the root directory of the machine
NSPAWN= # the pid of its systemd-nspawn
INIT=   # the pid of its systemd

. tests/support/steps.sh

die() {
  printf 'FAILED: %s\n' "$*" >&2
  [ -z "$INIT" ] || inside journalctl -u eventhub --no-pager -n 30 >&2 || true
  exit 1
}

# A Debian that boots, the package of Eventhub, and a token for it.
need_machine() {
  need_root
  need_commands systemd-nspawn=systemd-container debootstrap=debootstrap nsenter=util-linux pgrep=procps \
    openssl=openssl dpkg-shlibdeps=dpkg-dev
  need_build_packages
  need_space 1000 "$WORK"
  need_to_work "a mount of overlayfs in $WORK" mounts_overlay
  need_to_work "systemd-nspawn" systemd-nspawn -q --register=no --keep-unit --private-network \
    --volatile=yes --machine="eventhub-probe-$$" -D / true
}

mounts_overlay() {
  local dir status=0
  mkdir -p "$WORK"
  dir=$(mktemp -d "$WORK/probe.XXXXXX")
  mkdir "$dir"/{lower,upper,work,root}
  unshare --mount mount -t overlay overlay -o "lowerdir=$dir/lower,upperdir=$dir/upper,workdir=$dir/work" "$dir/root" || status=1
  rm -rf --one-file-system "$dir"
  return $status
}

make_base_tree() {
  [ -e "$BASE_TREE/.made" ] && return
  rm -rf --one-file-system "$BASE_TREE"
  mkdir -p "$WORK"
  debootstrap --variant=minbase \
    --include=systemd,systemd-sysv,dbus,init-system-helpers,curl,iproute2,redis-server,libcurl4,libhiredis0.14,libjansson4,ca-certificates \
    bookworm "$BASE_TREE" >"$WORK/debootstrap.log" 2>&1 ||
    { tail -n 5 "$WORK/debootstrap.log" >&2; die "debootstrap, see $WORK/debootstrap.log"; }
  printf '127.0.0.1 localhost\n::1 localhost\n' >"$BASE_TREE/etc/hosts"
  mkdir -p "$BASE_TREE/var/log/journal"
  touch "$BASE_TREE/.made"
}

make_machine() {
  local layers=$WORK/machine-$$
  make_base_tree
  mkdir -p "$layers"/{upper,work,root}
  mount -t overlay overlay -o "lowerdir=$BASE_TREE,upperdir=$layers/upper,workdir=$layers/work" "$layers/root"
  TREE=$layers/root
  trap end_machine EXIT
}

boot() {
  systemd-nspawn -D "$TREE" --register=no --keep-unit --private-network --console=pipe --boot \
    </dev/null >"$WORK/machine-$$/nspawn.log" 2>&1 &
  NSPAWN=$!
  until_true 20 "an init process" has_child_or_ended "$NSPAWN"
  INIT=$(pgrep -P "$NSPAWN") || die "systemd-nspawn: $(tail -n 1 "$WORK/machine-$$/nspawn.log")"
  until_true 60 "the machine" is_up
}

has_child_or_ended() { pgrep -P "$1" || ! kill -0 "$1"; }
is_up() {
  case $(inside systemctl is-system-running) in running | degraded) ;; *) return 1 ;; esac
}

inside() { nsenter -t "$INIT" -m -u -i -n -p -C -- "$@"; }

power_off() {
  [ -n "$NSPAWN" ] || return 0
  { [ -n "$INIT" ] && inside systemctl poweroff >/dev/null 2>&1; } || kill -KILL "$NSPAWN" 2>/dev/null || true
  wait "$NSPAWN" 2>/dev/null || true
  INIT='' NSPAWN=''
}

end_machine() {
  power_off
  umount "$TREE" || umount --lazy "$TREE" # a hanging process may use it
  rm -rf --one-file-system "$WORK/machine-$$"
}

property() { inside systemctl show -P "$1" eventhub.service; }
is_active() { [ "$(property ActiveState)" = active ]; }
main_pid() { property MainPID; }
has_restarted() { [ "$(main_pid)" != "$1" ] && is_active; } # OLD-PID
status_code() { inside curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:8080$1"; }
answers() { [ "$(status_code "$1")" = "$2" ]; } # PATH CODE

# A token with all rights, signed with the secret of the machine.
token() {
  local signed
  signed=$(printf '{"alg":"HS256"}' | b64).$(printf '{"sub":"test","read":["#"],"write":["#"]}' | b64)
  printf '%s.%s' "$signed" \
    "$(printf %s "$signed" | openssl dgst -sha256 -hmac "$(cat "$TREE/etc/eventhub/jwt-secret")" -binary | b64)"
}

b64() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

publishes() {
  inside curl -fsS -d Hello -H "Authorization: Bearer $(token)" http://127.0.0.1:8080/demo/hello | grep '"id"' >/dev/null
}

build_package() { # [RELEASE]
  [ -f build/deb/build.ninja ] || cmake --preset deb >/dev/null
  cmake --build --preset deb -- --quiet
  (cd build/deb && cpack -D "CPACK_DEBIAN_PACKAGE_RELEASE=${1:-1}" >cpack.log) || die cpack
  PACKAGE=$(find build/deb -maxdepth 1 -name "eventhub_*-${1:-1}_*.deb")
}
