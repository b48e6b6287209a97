#!/bin/sh
# Prints functions of more than 60 lines, files of more than 450, and lines of more than 100 characters (in
# comments clang-format leaves them), and fails if there are any. A function that is one flat switch (no braces
# deeper than those of an `if` in a case) may reach 90 lines. The table of options may reach 600: it is data that
# is read row by row, and each option adds a row.
# Short functions are not a goal: CONTRIBUTING.md says when to split one.
cd "$(dirname "$0")/.." || exit 1
command -v ctags >/dev/null || { echo "universal-ctags is not installed"; exit 77; }

is_flat_switch() { # FILE FIRST-LINE LAST-LINE
    sed -n "$2,$3p" "$1" | awk '
        /^    switch \(/ { has_switch = 1 }
        {
            depth += gsub(/{/, "") - gsub(/}/, "")
            is_deep = is_deep || depth > 3
        }
        END { exit !has_switch || is_deep }'
}

long_files() {
    find src include -name '*.[ch]' -exec wc -l {} + |
        awk '{ most = $2 == "src/app/config/config_table.c" ? 600 : 450 }
             $2 != "total" && $1 > most { print $1 " lines: " $2 }'
}

long_functions() {
    find src tests -name '*.c' |
        ctags -L - -x --kinds-C=f --_xformat='%{end} %{line} %N %F' |
        awk '$1 - $2 + 1 > 60 { print $1 - $2 + 1, $2, $1, $3, $4 }' |
        while read -r lines first last name file; do
            [ "$lines" -le 90 ] && is_flat_switch "$file" "$first" "$last" && continue
            echo "$lines lines: $name() in $file"
        done
}

long_lines() {
    find src include -name '*.[ch]' -exec awk 'length > 100 { print length " characters: " FILENAME ":" FNR }' {} +
}

found=$(long_files; long_functions; long_lines)
[ -z "$found" ] && exit 0
echo "$found"
exit 1
