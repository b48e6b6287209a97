#!/usr/bin/env bash
# Fails on a block in README.md, CONTRIBUTING.md, docs/ or examples/ that can be run (commands, programs,
# configurations) but is neither run by a test nor marked as not tested here. scripts/documented describes
# the marks. The named test must take the block with scripts/documented, or contain each of its commands
# word for word.
set -euo pipefail
cd "$(dirname "$0")/.."

takes() { # RUNNER FILE HEADING
  local lines
  lines=$(grep documented "$1") && grep -qF -- "$2" <<<"$lines" && grep -qF -- "$3" <<<"$lines"
}

# The runner may start a command with "nice", and may redirect its output or say what to do if it fails.
has_each_command() { # RUNNER FILE HEADING
  local command
  while read -r command; do
    grep -qxF -- "$command" < <(sed -E 'p; s/ (>|\|\| ).*//; s/^ *nice -n [0-9]+ //' "$1" | sed 's/^ *//') || return
  done < <(scripts/documented "$1" "$2" "$3" | sed 's/ *# .*//')
}

# Prints what is wrong with a block, if anything.
judge() { # FILE HEADING LANGUAGE MARK
  local runner
  case $3 in
  '' | indented) echo "the block needs a fence and a language (text if it has none)" && return ;;
  text | json) return ;;
  esac
  case $4 in
  '<!-- not tested here: '*' -->') return ;;
  '<!-- run by '*' -->') ;;
  *) echo "no mark above the block says which test runs it" && return ;;
  esac
  runner=${4#'<!-- run by '}
  runner=${runner%' -->'}
  if [ ! -f "$runner" ]; then
    echo "$runner: no such file"
  elif ! takes "$runner" "$1" "$2" && ! has_each_command "$runner" "$1" "$2"; then
    echo "$runner does not run this block"
  fi
}

status=0
for file in README.md CONTRIBUTING.md docs/*.md tests/*/README.md examples/README.md examples/*/README.md; do
  while IFS=$'\x1f' read -r line heading language mark; do
    wrong=$(judge "$file" "$heading" "$language" "$mark")
    [ -z "$wrong" ] || { echo "$file:$line: $wrong"; status=1; }
  done < <(scripts/documented --list "$file" | tr '\t' '\037')
done
exit $status
