#!/bin/sh
# checks.sh: counted checks for scripts whose argument is the program; sourced. $program is its absolute path, $folder a folder that is
# gone at the end.
#
# result NAME yes|no [FILE...]            one check; the files are shown where it failed
# check NAME COMMAND...                   passes where the command does; otherwise what it said is shown
# expect NAME CODE OUT ERR COMMAND...     the exit code, and shell patterns that all of stdout and stderr must match; they lie
#                                         in $folder/out and $folder/err. $within: words in front of the command, such as timeout
# finish                                  the count, as tests/run reads it; false if a check failed
program=${1:?usage: $0 PROGRAM}
case $program in /*) ;; *) program=$PWD/$program ;; esac
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
passed=0 failed=0 within=

result() {
  if [ "$2" = yes ]; then
    passed=$((passed + 1))
    echo "ok - $1"
  else
    failed=$((failed + 1))
    echo "not ok - $1"
    shift 2
    for file; do sed 's/^/#   /' "$file"; done
  fi
}

check() {
  name=$1 ok=no
  shift
  "$@" >"$folder/said" 2>&1 && ok=yes
  result "$name" $ok "$folder/said"
}

expect() {
  name=$1 code=$2 out=$3 err=$4
  shift 4
  # shellcheck disable=SC2086 # words
  $within "$@" >"$folder/out" 2>"$folder/err"
  got=$?
  out_text=$(cat "$folder/out") err_text=$(cat "$folder/err") ok=yes
  [ "$got" = "$code" ] || ok=no
  # shellcheck disable=SC2254 # patterns
  case $out_text in $out) ;; *) ok=no ;; esac
  # shellcheck disable=SC2254
  case $err_text in $err) ;; *) ok=no ;; esac
  [ $ok = yes ] || echo "# exit code $got, expected $code; stdout and stderr:"
  result "$name" $ok "$folder/out" "$folder/err"
}

finish() {
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ]
}
