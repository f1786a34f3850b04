#!/bin/sh
# determinism.sh PROGRAM: the same recipe and seed give the same bytes: run twice, with 1 and with 4 loader threads, and killed in
# the middle (SIGKILL) and resumed. Compared are metrics.jsonl and every weights file. The method has all that a resumed run could
# lose: a slow copy of the encoder, queues, a momentum on a schedule.
set -u
. "$(dirname "$0")/../checks.sh"

cat >"$folder/recipe.lua" <<'RECIPE'
return {
  format = 1, name = "determinism", seed = 3,
  data = { shapes = { kind = "shapes", n_train = 192, n_test = 64, classes = 4, size = 16 } },
  model = { backbone = "resnet18", width = 4, projector = { 16, 8 }, precision = "f32" },
  stages = {
    { name = "pretrain", task = "moco", data = "shapes:train", epochs = 8, batch = 32, queue = 80, augment = "symmetric", monitor = 64,
      optim = { kind = "sgd", lr = 0.05, weight_decay = 5e-4 }, save = { every_epochs = 1, keep = 2 } },
    { name = "regularized", like = "pretrain", from = "pretrain", epochs = 2, monitor = 0,
      regularize = { kind = "qscore", epsilon = 1, features = "all" } },
    { name = "probe", task = "linear_probe", from = "regularized", data = "shapes:train", test = "shapes:test" },
  },
}
RECIPE

run() { "$program" run --progress none --out "$folder/$1" "$folder/recipe.lua"; }

same() { # same A B: metrics and weights of two runs
  cmp "$folder/$1/metrics.jsonl" "$folder/$2/metrics.jsonl" || return 1
  for stage in pretrain regularized; do
    cmp "$folder/$1/checkpoints/$stage/weights.safetensors" "$folder/$2/checkpoints/$stage/weights.safetensors" || return 1
  done
}

# Kill the run once its first checkpoint of the long stage is there, so that some is lost and some is kept.
killed_and_resumed() {
  "$program" run --progress none --out "$folder/killed" "$folder/recipe.lua" &
  victim=$!
  tries=0
  until ls "$folder/killed/checkpoints/pretrain" 2>/dev/null | grep -q '^e0003'; do
    tries=$((tries + 1))
    [ "$tries" -gt 1200 ] && break
    kill -0 "$victim" 2>/dev/null || break
    sleep 0.05
  done
  kill -KILL "$victim" 2>/dev/null
  wait "$victim" 2>/dev/null
  grep -q '"state": "running"' "$folder/killed/status.json" || { echo "the run ended before it was killed"; return 1; }
  "$program" resume --progress none "$folder/killed" && same one killed
}

check "a run ends well" run one
check "the same recipe and seed again" run two
check "twice the same bytes" same one two
check "with four loader threads" "$program" run --progress none --set pretrain.loader_threads=4 --out "$folder/four" "$folder/recipe.lua"
check "one and four loader threads give the same bytes" same one four
check "killed in the middle and resumed: the same bytes" killed_and_resumed
check "another seed gives other bytes" sh -c '"$1" run --progress none --set seed=4 --out "$2/other" "$2/recipe.lua" && ! cmp -s "$2/one/metrics.jsonl" "$2/other/metrics.jsonl"' sh "$program" "$folder"
finish
