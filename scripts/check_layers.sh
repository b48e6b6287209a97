#!/bin/sh
# Fails on an #include that points up a layer (docs/ARCHITECTURE.md):
#   base <- net, proto <- hub, broker <- app; net and proto never see each other, nor hub broker.
cd "$(dirname "$0")/.." || exit 1

bad=0
check() { # check LAYER MAY-INCLUDE...
    layer=$1
    shift
    allowed=$(printf '%s|' "$@")
    found=$(grep -nE '#include "[a-z]+/' -r "src/$layer" "include/$layer" |
        grep -vE "#include \"(${allowed%|})/")
    [ -z "$found" ] && return
    printf 'layer %s may include only: %s\n%s\n' "$layer" "$*" "$found"
    bad=1
}

check base base
check net base net
check proto base proto
check hub base proto hub
check broker base net proto hub broker
check app base net proto hub broker app
exit $bad
