#!/bin/sh
# Fails on a relative link in README.md, CONTRIBUTING.md, docs/ or examples/ to a file or a heading that does not
# exist. Headings have the anchors that GitHub gives them.
cd "$(dirname "$0")/.." || exit 1

# shellcheck disable=SC2016 # backticks of Markdown
links() { # FILE: prints the targets of its links, except those in code
    awk '/^ *```/ { code = !code } !code' "$1" | sed 's/`[^`]*`//g' |
        grep -oE '\]\([^)]+\)' | sed 's/^](//; s/)$//' | grep -vE '^(https?|mailto):'
}

anchors() { # FILE
    awk '/^ *```/ { code = !code } !code && /^#+ / { sub(/^#+ +/, ""); print tolower($0) }' "$1" |
        sed 's/[^a-z0-9_ -]//g; s/ /-/g'
}

broken() { # FILE
    links "$1" | while read -r link; do
        path=${link%%#*}
        target=$1
        [ -z "$path" ] || target=$(dirname "$1")/$path
        if [ ! -e "$target" ]; then
            echo "$1: $link: no such file"
        elif [ "$link" != "$path" ] && ! anchors "$target" | grep -qxF -- "${link#*#}"; then
            echo "$1: $link: no such heading"
        fi
    done
}

found=$(for file in *.md docs/*.md tests/*/README.md examples/README.md examples/*/README.md; do broken "$file"; done)
[ -z "$found" ] && exit 0
echo "$found"
exit 1
