#!/bin/sh
# Checks that the code depends in one direction only (docs/ARCHITECTURE.md, "Folders"). Prints every
# fault and exits 1 if there is one:
#   up       a file needs a layer above its own, or inside app, broker or ctl a room above its own
#   private  a header under src/<layer>/ is included by another layer
#   speaks   a header of app, broker or ctl declares what another module defines: every .c file has its
#            own header or none
#   circle   modules of app, broker or ctl need each other, directly or through others
# A module is a .c file together with the header of the same name. Module A needs module B if it
# includes B's header, or if it uses a function or variable that B defines, whichever header declares
# it (a hidden arrow).
#   scripts/check_layers.sh             prints the faults
#   scripts/check_layers.sh --figures   also prints the figures of the source
set -u
cd "$(dirname "$0")/.." || exit 1
command -v ctags >/dev/null || { echo "universal-ctags is not installed"; exit 77; }
export LC_ALL=C

# Each layer, and the layers that it may include. net and proto do not know each other, nor do hub and
# broker. ctl (the tool eventhubctl) shares with app only the room that reads the server's options.
LAYERS='
base:   base
net:    base net
proto:  base proto
hub:    base proto hub
broker: base net proto hub broker
app:    base net proto hub broker app
ctl:    base net proto hub app/config ctl'

# The rooms of a layer, lowest first; rooms on one line do not know each other. A room is a folder or
# a single module. The name of a layer stands for all its modules outside the rooms. If a layer's name
# is not listed, these may use, and be used by, any module of the layer that is not in a folder.
ROOMS='
app/config
app/conn
app/sub
app/rpc
app/http
app app/worker
app/server
app/main

ctl/term
ctl/line
ctl/link
ctl/pubsub ctl/token ctl/top ctl/bench
ctl
ctl/main

broker/core broker/interest
broker/outbox
broker/replay
broker/port
broker/fanout
broker/mem broker/redis
broker/broker'

# Headers that count as modules of their own, below the .c file of the same name. broker.h is the
# interface of its layer: the whole layer uses its types, and broker.c, which puts the layer together,
# needs the whole layer.
FACES='broker/broker.h'

sources() {
    find src include -name '*.[ch]' | sort
}

# Prints NAME FILE for each function and variable that is visible outside its file.
definitions() {
    sources | grep '\.c$' | ctags -L - -x --kinds-C=fv --extras=-F --_xformat='%N %F'
}

# Prints facts about the sources, without their comments, strings and characters:
#   include FILE LINE HEADER   declare FILE NAME   use FILE NAME   comments FILE LINES ALL-LINES
facts() {
    # shellcheck disable=SC2016 # dollars of awk
    sources | xargs awk '
    # The line without comments, strings and characters.
    function code_of(line,    out, at) {
        while (line != "") {
            if (in_comment) {
                if (!(at = index(line, "*/")))
                    return out
                in_comment = 0
                line = substr(line, at + 2)
                continue
            }
            if (!match(line, /\/\*|"(\\.|[^"\\])*"|\047(\\.|[^\047\\])*\047/))
                return out line
            out = out substr(line, 1, RSTART - 1) " "
            in_comment = substr(line, RSTART, 2) == "/*"
            line = substr(line, RSTART + (in_comment ? 2 : RLENGTH))
        }
        return out
    }

    # Names at the outermost level of a header are declarations, all others are uses.
    function take_names(code,    name, c) {
        gsub(/(\.|->) *[A-Za-z_][A-Za-z_0-9]*/, " ", code) # members
        gsub(/(struct|union|enum) +[A-Za-z_][A-Za-z_0-9]*/, " ", code)
        while (match(code, /[A-Za-z_][A-Za-z_0-9]*|[({})]/)) {
            name = substr(code, RSTART, RLENGTH)
            code = substr(code, RSTART + RLENGTH)
            if (name ~ /[({]/)
                depth++
            else if (name ~ /[)}]/)
                depth--
            else if (!((FILENAME, name) in seen) && FILENAME ~ /\.h$/ && depth == 0)
                print "declare", FILENAME, name
            else if (!((FILENAME, name) in seen) && (FILENAME ~ /\.c$/ || depth > 0))
                print "use", FILENAME, name
            seen[FILENAME, name]
        }
    }

    function count_lines() {
        if (file)
            print "comments", file, comments, lines
        file = FILENAME
        comments = lines = depth = in_comment = 0
    }

    FNR == 1 { count_lines() }
    {
        lines++
        was_in_comment = in_comment
        code = code_of($0)
        comments += code ~ /^ *$/ && (was_in_comment || /\/\*/)
    }
    /^#include "/ && !was_in_comment { split($0, part, "\""); print "include", FILENAME, FNR, part[2] }
    /^#/ && !/^#define/ { next }
    /^#/ { sub(/^#define +[A-Za-z_0-9]+/, "", code); depth++ } # what a macro names is used
    { take_names(code) }
    /^#/ { depth-- }
    END { count_lines() }'
}

# Reads definitions and facts, and prints the faults.
judge() {
    LAYERS=$LAYERS ROOMS=$ROOMS FACES=$FACES awk -v figures="$1" '
    function layer_of(module) {
        return substr(module, 1, index(module "/", "/") - 1)
    }

    # "net/outq" of src/net/outq.c, src/net/outq.h and include/net/outq.h. A header in include/ may
    # belong to a .c file in a room.
    function module_of(file,    path, found) {
        path = file
        sub(/^(src|include)\//, "", path)
        if (path in is_face)
            return path
        sub(/\.[ch]$/, "", path)
        found = layer_of(path) "/" substr(path, match(path, /[^\/]*$/))
        return file ~ /^include/ && !("src/" path ".c" in is_file) && found in home ? home[found] : path
    }

    function room_of(module,    folder) {
        folder = module
        sub(/\/[^\/]*$/, "", folder)
        return module in rank ? module : folder
    }

    function has_rooms(module) {
        return layer_of(module) in last_room
    }

    function fault(kind, text) {
        print kind ": " text
        faults++
    }

    # Reports whether the layer of `from` may use a single room of another layer, and `to` is in it.
    function shares(from, to) {
        return room_of(to) != layer_of(to) && knows[layer_of(from)] ~ " " room_of(to) " "
    }

    # Returns whether `to` is above `from`, or in another room on the same line.
    function is_up(from, to,    a, b) {
        if (!(layer_of(from) in knows) || shares(from, to))
            return 0
        if (index(knows[layer_of(from)], " " layer_of(to) " ") == 0)
            return 1
        a = room_of(from)
        b = room_of(to)
        if (layer_of(from) != layer_of(to) || a == b || to in is_face)
            return 0
        if (!(a in rank)) # outside the rooms
            return b ~ /\/.*\// || is_folder[b] || b == last_room[layer_of(b)]
        if (!(b in rank))
            return 0
        return rank[b] > rank[a] || (rank[b] == rank[a] && is_folder[a] && is_folder[b])
    }

    function add_arrow(from, to, why) {
        if (from == to)
            return
        if (!((from, to) in arrow)) {
            arrow[from, to] = why
            heads[from] = heads[from] " " to
            n_arrows++
        }
        if (room_of(from) != room_of(to) && !((room_of(from), room_of(to)) in room_arrow)) {
            room_arrow[room_of(from), room_of(to)]
            n_room_arrows++
        }
    }

    # ---- circles (Tarjan: modules that reach each other) ----

    function sort_words(words, n,    i, j, word) {
        for (i = 2; i <= n; i++) {
            word = words[i]
            for (j = i - 1; j > 0 && words[j] > word; j--)
                words[j + 1] = words[j]
            words[j + 1] = word
        }
    }

    function report_circle(module,    members, n, text, i, j) {
        do {
            members[++n] = stack[depth]
            delete on_stack[stack[depth]]
        } while (stack[depth--] != module)
        if (n == 1 || !has_rooms(module))
            return
        sort_words(members, n)
        for (i = 1; i <= n; i++)
            text = text " " members[i]
        fault("circle", n " modules need each other:" text)
        n_circles++
        for (i = 1; n <= 6 && i <= n; i++)
            for (j = 1; j <= n; j++)
                if ((members[i], members[j]) in arrow)
                    print "    " members[i] " " arrow[members[i], members[j]]
    }

    function visit(module,    to, n, i) {
        order[module] = low[module] = ++visited
        stack[++depth] = module
        on_stack[module]
        n = split(heads[module], to, " ")
        for (i = 1; i <= n; i++) {
            if (!(to[i] in order)) {
                visit(to[i])
                if (low[to[i]] < low[module])
                    low[module] = low[to[i]]
            } else if (to[i] in on_stack && order[to[i]] < low[module])
                low[module] = order[to[i]]
        }
        if (low[module] == order[module])
            report_circle(module)
    }

    # ---- the tables at the top of this script ----

    function read_tables(    lines, n, i, part, m, j) {
        n = split(ENVIRON["LAYERS"], lines, "\n")
        for (i = 1; i <= n; i++)
            if (split(lines[i], part, ": *") == 2)
                knows[part[1]] = " " part[2] " "
        n = split(ENVIRON["ROOMS"], lines, "\n")
        for (i = 1; i <= n; i++) {
            m = split(lines[i], part, " ")
            for (j = 1; j <= m; j++) {
                rank[part[j]] = i
                last_room[layer_of(part[j])] = part[j]
            }
        }
        n = split(ENVIRON["FACES"], part, " ")
        for (i = 1; i <= n; i++)
            is_face[part[i]]
    }

    BEGIN { read_tables() }
    $1 == "file" {
        is_file[$2]
        files[++n_files] = $2
        path = $2
        sub(/^src\//, "", path)
        sub(/\.c$/, "", path)
        name = layer_of(path) "/" substr(path, match(path, /[^\/]*$/))
        if ($2 ~ /\.c$/)
            home[name] = path
        if (path ~ /\/.*\//)
            is_folder[room_of(path)] = 1
    }
    $1 == "define" { definer[$2] = module_of($3) }
    $1 == "include" {
        from = module_of($2)
        to = "src/" $4 in is_file ? "src/" $4 : "include/" $4
        if (!(to in is_file))
            next # made by the build
        at = $2 ":" $3 ": includes " $4
        to_module = module_of(to)
        if (is_up(from, to_module))
            fault("up", at)
        if (to ~ /^src/ && layer_of(from) != layer_of(to_module) && !shares(from, to_module))
            fault("private", at)
        add_arrow(from, to_module, "includes " $4)
    }
    $1 == "declare" && $3 in definer {
        is_declared[$3]
        owner = module_of($2)
        sub(/\.h$/, "", owner) # an interface declares for its .c file
        if (owner != definer[$3] && has_rooms(owner))
            speaks[$2] = speaks[$2] " " $3 " (" definer[$3] ".c)"
    }
    $1 == "use" && $3 in definer && $3 in is_declared {
        from = module_of($2)
        if (is_up(from, definer[$3]) && !((from, definer[$3]) in arrow))
            fault("up", $2 ": uses " $3 ", which " definer[$3] ".c defines")
        add_arrow(from, definer[$3], "uses " $3 " of " definer[$3])
    }
    END {
        for (i = 1; i <= n_files; i++)
            if (speaks[files[i]])
                fault("speaks", files[i] ": declares" speaks[files[i]])
        for (i = 1; i <= n_files; i++) {
            module = module_of(files[i])
            if (!(module in order))
                visit(module)
            n_rooms += !(room_of(module) in is_room)
            is_room[room_of(module)]
        }
        if (figures)
            printf "%d modules, %d arrows between them; %d rooms, %d arrows between them; %d circles\n",
                visited, n_arrows, n_rooms, n_room_arrows, n_circles
        exit faults > 0
    }'
}

# Functions, their sizes, and the share of comments: lines with nothing but a comment on them.
print_figures() { # FACTS
    sources | grep '\.c$' |
        ctags -L - -x --kinds-C=f --_xformat='%{end} %{line} %N %F' |
        awk '{ print $1 - $2 + 1 }' | sort -n >"$work/sizes"
    awk '
        { size[NR] = $1 }
        END {
            printf "%d functions; lines of a function: median %d, 90th percentile %d, longest %d\n",
                NR, size[int((NR + 1) / 2)], size[int(NR * 0.9 + 0.5)], size[NR]
        }' "$work/sizes"
    awk -v functions="$(wc -l <"$work/sizes")" '
        $1 == "comments" { kind = substr($2, length($2)); comments[kind] += $3; lines[kind] += $4 }
        END {
            printf "%.1f functions in 1,000 lines of .c\n", 1000 * functions / lines["c"]
            for (kind in lines)
                printf ".%s: %d lines, %.1f %% of them comments\n",
                    kind, lines[kind], 100 * comments[kind] / lines[kind]
        }' "$1"
}

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
facts >"$work/facts"
{
    sources | sed 's/^/file /'
    definitions | sed 's/^/define /'
    grep '^include' "$work/facts"
    grep '^declare' "$work/facts"
    grep '^use' "$work/facts"
} >"$work/all"

figures=0
[ "${1-}" = --figures ] && figures=1
judge $figures <"$work/all"
status=$?
[ $figures -eq 0 ] || print_figures "$work/facts"
exit $status
