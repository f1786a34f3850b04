#!/bin/sh
# sweep.sh PROGRAM: a sweep from outside: killed (SIGKILL) in the middle and resumed, stopped by Ctrl-C and resumed, with the recipe
# edited while it runs, it gives the bytes of a sweep that nothing disturbed; and each of its runs those of that run alone.
set -u
. "$(dirname "$0")/../checks.sh"

mkdir "$folder/base"
cat >"$folder/base/common.lua" <<'RECIPE'
return {
  format = 1, seed = 3,
  data = { shapes = { kind = "shapes", n_train = 96, n_test = 32, classes = 4, size = 16 } },
  model = { backbone = "conv4", width = 4, projector = { 16, 8 }, precision = "f32" },
  stages = {
    { name = "pretrain", task = "simclr", data = "shapes:train", epochs = 6, batch = 16, augment = "symmetric", monitor = false,
      optim = { kind = "sgd", lr = 0.05 }, save = { every_epochs = 1, keep = 2 } },
    { name = "probe", task = "linear_probe", from = "pretrain", data = "shapes:train", test = "shapes:test", resamples = 20 },
  },
}
RECIPE
echo 'return { extends = "base/common.lua", name = "swept" }' >"$folder/recipe.lua"

sweep() { # sweep NAME: in the background, as a shell runs a command in the foreground
  env --default-signal=INT "$program" sweep --progress none --grid pretrain.optim.lr=0.05,0.1 --seeds 3,4 --out "$folder/$1" "$folder/recipe.lua" &
  sweeper=$!
}

until_there() { # until_there PATTERN OF FILES: waits for it, while the sweep runs
  tries=0
  # shellcheck disable=SC2086 # a pattern
  until ls -d $1 >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -gt 2400 ] && return 1
    kill -0 "$sweeper" 2>/dev/null || return 1
    sleep 0.05
  done
}

same() { # same A B: what all runs of two sweeps left
  for run in "$folder/$1"/0*; do
    other=$folder/$2/$(basename "$run")
    cmp "$run/metrics.jsonl" "$other/metrics.jsonl" || return 1
    cmp "$run/checkpoints/pretrain/weights.safetensors" "$other/checkpoints/pretrain/weights.safetensors" || return 1
  done
  [ "$(ls -d "$folder/$2"/0* | wc -l)" = 4 ]
}

undisturbed() {
  sweep whole
  wait "$sweeper" || return 1
  grep -q '^| 004-lr-0.1-seed-4 | 0.1 | 4 | finished |' "$folder/whole/results.md" && [ "$(wc -l <"$folder/whole/results.csv")" = 5 ] &&
    grep -q 'href="001-lr-0.05-seed-3/report.html"' "$folder/whole/report.html" && [ -f "$folder/whole/001-lr-0.05-seed-3/report.html" ]
}

alone() {
  "$program" run --progress none --set pretrain.optim.lr=0.1 --set seed=3 --out "$folder/alone" "$folder/recipe.lua" || return 1
  cmp "$folder/alone/metrics.jsonl" "$folder/whole/003-lr-0.1-seed-3/metrics.jsonl" &&
    cmp "$folder/alone/config.json" "$folder/whole/003-lr-0.1-seed-3/config.json" &&
    "$program" diff "$folder/alone" "$folder/whole/003-lr-0.1-seed-3" && "$program" verify "$folder/whole/003-lr-0.1-seed-3"
}

killed() {
  sweep killed
  until_there "$folder/killed/002*/checkpoints/pretrain/e0002" || return 1
  kill -KILL "$sweeper"
  wait "$sweeper"
  grep -q '"state": "running"' "$folder"/killed/002*/status.json || { echo "the run ended before it was killed"; return 1; }
  mv "$folder/base/common.lua" "$folder/base/kept.lua"
  echo 'return { extends = "base/common.lua", name = "other", seed = 9 }' >"$folder/recipe.lua"
  before=$(stat -c %Y%Z "$folder"/killed/001*/metrics.jsonl)
  "$program" resume --progress none "$folder/killed" || return 1
  [ "$before" = "$(stat -c %Y%Z "$folder"/killed/001*/metrics.jsonl)" ] || { echo "a finished run was run again"; return 1; }
  grep -q 'goes on after epoch' "$folder"/killed/002*/log.txt && same whole killed
}

stopped() {
  mv "$folder/base/kept.lua" "$folder/base/common.lua"
  echo 'return { extends = "base/common.lua", name = "swept" }' >"$folder/recipe.lua"
  sweep stopped
  until_there "$folder/stopped/002*/checkpoints/pretrain/e0002" || return 1
  rm "$folder/base/common.lua" "$folder/recipe.lua"
  kill -INT "$sweeper"
  wait "$sweeper"
  code=$?
  [ "$code" = 130 ] || { echo "exit code $code"; return 1; }
  grep -q '"state": "interrupted"' "$folder"/stopped/002*/status.json || return 1
  grep -q '"state": "pending"' "$folder"/stopped/003*/status.json || return 1
  grep -q '| 002-lr-0.05-seed-4 | 0.05 | 4 | interrupted |' "$folder/stopped/results.md" || return 1
  "$program" resume --progress none "$folder/stopped" && same whole stopped
}

check "a sweep ends well, with its tables and reports" undisturbed
check "a run of it is the run alone" alone
check "killed, the recipe changed, resumed: the same bytes, finished runs untouched" killed
check "Ctrl-C, the recipe gone, resumed: exit code 130, then the same bytes" stopped
check "lunette report builds the page anew" sh -c 'rm "$2/whole/report.html" && "$1" report "$2/whole" && grep -q "4 of 4 runs finished" "$2/whole/report.html"' sh "$program" "$folder"
finish
