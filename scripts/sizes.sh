#!/bin/sh
# Prints the files over 450 lines and the functions over 60, and fails when there are any.
cd "$(dirname "$0")/.." || exit 1
command -v ctags >/dev/null || { echo "universal-ctags is not installed"; exit 77; }

found=$(
    find src include -name '*.[ch]' -exec wc -l {} + |
        awk '$2 != "total" && $1 > 450 { print $1 " lines: " $2 }'
    find src tests -name '*.c' |
        ctags -L - -x --kinds-C=f --_xformat='%{end} %{line} %N %F' |
        awk '$1 - $2 >= 60 { print $1 - $2 + 1 " lines: " $3 "() in " $4 }'
)
[ -z "$found" ] && exit 0
echo "$found"
exit 1
