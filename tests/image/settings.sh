# shellcheck shell=bash
# podman and buildah with a separate store, so that they touch nothing of the machine, and with settings
# that let them run as root inside a container (no raised limits, no systemd).

. tests/support/steps.sh

die() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

WORK=${EVENTHUB_IMAGE_STORE:-/var/tmp/eventhub-image}
export CONTAINERS_STORAGE_CONF=$WORK/storage.conf CONTAINERS_CONF=$WORK/containers.conf

write_settings() {
  mkdir -p "$WORK"
  cat >"$WORK/storage.conf" <<END
[storage]
driver = "overlay"
graphroot = "$WORK/store"
runroot = "$WORK/run"
END
  cat >"$WORK/containers.conf" <<END
[containers]
default_ulimits = ["nofile=$(ulimit -Hn):$(ulimit -Hn)", "nproc=32768:32768"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
helper_binaries_dir = ["/usr/lib/podman", "/usr/libexec/podman"]
END
}

# Containers, and a Debian to make their images from.
need_containers() { # MB
  need_root
  need_commands podman=podman runc=runc debootstrap=debootstrap iptables=iptables git=git
  need_files /usr/lib/podman/netavark=netavark /usr/lib/podman/aardvark-dns=aardvark-dns
  need_space "$1" "$WORK"
  ! lacks_nothing || write_settings
  need_to_work "a container with a network" podman run --rm --rootfs /:O true
}

# Makes debian:bookworm-slim from Debian's packages, for machines without access to a registry.
make_base() {
  podman image exists "$BASE" && return
  debootstrap --variant=minbase bookworm "$WORK/rootfs" >"$WORK/debootstrap.log" 2>&1 ||
    { tail -n 5 "$WORK/debootstrap.log"; die "debootstrap, see $WORK/debootstrap.log"; }
  rm -rf "$WORK/rootfs"/var/cache/apt/archives/*.deb "$WORK/rootfs"/var/lib/apt/lists/* \
    "$WORK/rootfs"/usr/share/{doc,man,locale}/*
  tar -C "$WORK/rootfs" -c . | podman import -q --change 'CMD ["bash"]' - "$BASE"
  rm -rf --one-file-system "$WORK/rootfs"
}

# Makes a stand-in for a published image from a package of Debian, for machines without a registry.
make_stand_in() { # IMAGE PACKAGE LINES
  podman image exists "$1" && return
  printf 'FROM %s\nRUN apt-get update && apt-get install -y --no-install-recommends %s && rm -rf /var/lib/apt/lists/*\n%s\n' \
    "$BASE" "$2" "$3" >"$WORK/Dockerfile"
  buildah bud --isolation chroot --network host --pull-never --format docker -t "$1" - <"$WORK/Dockerfile" >"$WORK/stand-in.log" 2>&1 ||
    { tail -n 20 "$WORK/stand-in.log"; die "$1"; }
}
