#!/bin/sh
# share.sh PROGRAM: a run is looked at before it is made (--dry-run), made, packed into one file, and made again from that file
# elsewhere, by the program from outside; bundles that were tampered with are refused.
set -u
. "$(dirname "$0")/../checks.sh"
cd "$folder" || exit 1

said() { # said NAME CODE PATTERN COMMAND...: exit code, and a shell pattern that stdout and stderr together must match
  name=$1 code=$2 pattern=$3 ok=yes
  shift 3
  "$@" >"$folder/said" 2>&1
  got=$?
  text=$(cat "$folder/said")
  [ "$got" = "$code" ] || ok=no
  # shellcheck disable=SC2254 # a pattern
  case $text in $pattern) ;; *) ok=no ;; esac
  [ $ok = yes ] || echo "# exit code $got, expected $code"
  result "$name" $ok "$folder/said"
}

mkdir here base there
cat >base/common.lua <<'RECIPE'
return {
  format = 1, name = "shared", seed = 3,
  data = { shapes = { kind = "shapes", n_train = 64, n_test = 32, classes = 4, size = 16 } },
  model = { backbone = "resnet18", width = 4, projector = { 16, 8 }, precision = "f32" },
  stages = {
    { name = "pretrain", task = "moco", data = "shapes:train", epochs = 1, batch = 16, queue = 32, augment = "symmetric", monitor = 0,
      optim = { kind = "sgd", lr = 0.05 } },
    { name = "probe", task = "linear_probe", from = "pretrain", data = "shapes:train", test = "shapes:test" },
  },
}
RECIPE
echo 'return { extends = "base/common.lua", about = "a base and a setting" }' >recipe.lua

list() { find . -not -name said -printf '%p %s %T@ %C@\n' | sort; }

# The folder that holds everything is the same before and after, and no file is opened to write or made.
dry_writes_nothing() {
  list >/dev/null # find itself opens the folders
  before=$(list)
  "$program" run --dry-run recipe.lua >"$folder/said" || return 1
  [ "$before" = "$(list)" ] || { echo "something was written"; return 1; }
  if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
    # What was opened to write, made, moved or removed, terminals and devices apart.
    # The leak search of a sanitized build cannot run under strace.
    ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" strace -f -qq -e trace=file -o "$folder/../share.$$.trace" "$program" run --dry-run recipe.lua >/dev/null 2>&1 || return 1
    found=$(grep -E 'O_WRONLY|O_RDWR|O_CREAT|mkdir|rename|unlink|link\(|chmod' "$folder/../share.$$.trace" | grep -v -E '/dev/|ENOENT|readlink')
    rm -f "$folder/../share.$$.trace"
    [ -z "$found" ] || { echo "$found"; return 1; }
  fi
}

same() { # same A B: metrics and weights of two runs
  cmp "$1/metrics.jsonl" "$2/metrics.jsonl" && cmp "$1/checkpoints/pretrain/weights.safetensors" "$2/checkpoints/pretrain/weights.safetensors"
}

# A byte of the recipe's text becomes another.
tampered() {
  sed 's/a base and a setting/a base and a settinh/' shared.bundle >tampered.bundle
  ! cmp -s shared.bundle tampered.bundle || return 99
  "$program" run --out "$folder/no" tampered.bundle
}

cut_off() {
  head -c 2000 shared.bundle >cut.bundle
  "$program" check cut.bundle
}

said "a dry run writes nothing" 0 "*" dry_writes_nothing
said "it shows layers, memory and time" 0 "*encoder.layer1.0*BasicBlock*memory  about*time    about*" "$program" run --dry-run recipe.lua
said "the run" 0 "*run directory: here/run*" "$program" run --progress none --set pretrain.optim.lr=0.1 --out here/run recipe.lua
said "packed" 0 "bundle: shared.bundle (*" "$program" pack here/run --out shared.bundle
mv here/run base recipe.lua there/
said "the bundle is valid" 0 "*recipe 'shared' is valid*extends base/common.lua*" "$program" check shared.bundle
said "a dry run of it" 0 "*bundle  of lunette*\"lr\":0.1*" "$program" run --dry-run shared.bundle
said "run elsewhere" 0 "*run directory: here/again*" "$program" run --progress none --out here/again shared.bundle
said "the same bytes" 0 "*" same there/run here/again
said "verify says bit-equal" 0 "*bit-equal to those of the bundle*" "$program" verify here/again
said "diff of the bundle and the run" 0 "*bundle of a run*equal*" "$program" diff shared.bundle here/again
said "a byte changed: refused on one line" 2 "tampered.bundle: the bundle is refused: part 'recipe.lua' does not have its SHA-256" tampered
said "cut off: refused" 2 "cut.bundle: the bundle is refused: it is cut off*" cut_off
said "nothing was made of them" 1 "" test -e "$folder/no"
said "help" 0 "usage: lunette pack*--out FILE*" "$program" help pack

finish
