#!/bin/sh
# Bad input: one clear line, the right exit code, nothing lost. Every mistake that is easily made in a recipe, in data
# files and in a script, and what comes from outside: a full disk, Ctrl-C, a folder someone else changed.
# usage: bad_input.sh PROGRAM
. "$(dirname "$0")/../checks.sh"
cd "$folder" || exit 1
exec </dev/null

one_line() { result "... in one line" "$([ "$(grep -c . err)" = 1 ] && echo yes || echo no)" err; }
absent() { result "... and $1 was not made" "$([ -e "$1" ] && echo no || echo yes)"; }
raises() { # raises NAME CODE PATTERN LUA: the message in a script, after the place; a traceback may follow
  expect "$1" "$2" "" "lunette: $3*" "$program" -e "$4"
}

# ---- material ----

cat >tiny.lua <<'RECIPE'
return {
  format = 1, name = "tiny", seed = 1,
  data = { shapes = { kind = "shapes", n_train = 48, n_test = 24, size = 8 } },
  model = { width = 4, projector = { 8, 8 }, precision = "f32" },
  stages = {
    { name = "pretrain", task = "simclr", data = "shapes:train", epochs = 2, batch = 16, augment = "symmetric",
      optim = { kind = "sgd", lr = 0.06 } },
    { name = "probe", task = "linear_probe", from = "pretrain", data = "shapes:train", test = "shapes:test" },
  },
}
RECIPE
sed -e 's|shapes = { kind.*|c = { kind = "cifar10", path = ".", files = { train = { "train.bin" }, test = { "test.bin" } } } },|' \
  -e 's/shapes:/c:/g' tiny.lua >cifar.lua
records() { # records FILE COUNT [LABEL]: made-up CIFAR-10; LABEL instead of the last record's own
  "$program" -e 'local path, n, last = arg[1], tonumber(arg[2]), tonumber(arg[3])
    local f = assert(io.open(path, "wb"))
    for i = 1, n do f:write(string.char(i == n and last or (i - 1) % 10), (string.char(i * 7 % 256, i * 31 % 256, i)):rep(1024)) end
    f:close()' /dev/null "$@"
}
mkdir good short long range none few
for name in good short long range none few; do records $name/train.bin 20; done
records good/test.bin 10
head -c 10000 good/test.bin >short/test.bin
{ cat good/test.bin && echo more; } >long/test.bin
records range/test.bin 10 10
records few/test.bin 10
records few/train.bin 8

run() { "$program" run "$@" --progress none; }
resume() { "$program" resume "$@" --progress none; }

# ---- data files ----

expect "data that fits runs" 0 "run directory: fine*report: fine/report.html" "*" run cifar.lua --data-root good --out fine --set pretrain.epochs=1
expect "a missing data file" 3 "" "lunette run: data.c: no such file 'none/test.bin'*--data-root*" run cifar.lua --data-root none --out no
one_line
absent no
expect "check says so too" 0 "*none/test.bin (MISSING)*" "" "$program" check cifar.lua --data-root none
expect "a truncated data file" 3 "" "*'short/test.bin' has 10000 bytes*records of 3073*" run cifar.lua --data-root short --out no
one_line
expect "an oversized data file" 3 "" "*'long/test.bin' has 30735 bytes*" run cifar.lua --data-root long --out no
one_line
expect "a label out of range, before anything is trained" 3 "" \
  "*'range/test.bin': record 10 (offset 27657) has label 10; expected 0..9" run cifar.lua --data-root range --out no
one_line
expect "a batch larger than a data file" 2 "" "*stages.pretrain.batch is 16, but 'c:train' has only 8 images" run cifar.lua --data-root few --out no
one_line
expect "a batch larger than data made on the fly" 2 "" "*'pretrain.batch' is 64, but 'shapes:train' has only 48 images" \
  run tiny.lua --out no --set pretrain.batch=64
one_line
absent no

# ---- recipes ----

sed -e 's/epochs = 2/epoch = 2/' -e 's/projector/projectr/' -e 's/"sgd"/"sgdd"/' tiny.lua >typos.lua
expect "three typos at once" 2 "" "typos.lua:4: *'model.projectr' (did you mean 'projector'?)*typos.lua:6: *'stages.pretrain.epoch' (did you mean 'epochs'?)*typos.lua:7: *'sgdd' (did you mean 'sgd'?)" \
  run typos.lua --out no
sed -e 's/epochs = 2/epochs = "two"/' tiny.lua >type.lua
expect "a wrong type" 2 "" "type.lua:6: 'stages.pretrain.epochs' must be an integer, got a string \"two\"" run type.lua --out no
one_line
expect "a width below the minimum" 2 "" "*'model.width' must be at least 4, got 2" run tiny.lua --out no --set model.width=2
expect "--set of an unknown key" 2 "" "*'pretrain.epoch' (did you mean 'epochs'?)" run tiny.lua --out no --set pretrain.epoch=3
expect "--set of an unknown stage" 2 "" "*'pretran'*(did you mean 'pretrain'?)" run tiny.lua --out no --set pretran.epochs=3
expect "--set without a value" 2 "" "*\"pretrain\" is not of the form stage.key=value" run tiny.lua --out no --set pretrain
expect "--set of a wrong type" 2 "" "*'model.width' must be an integer, got a string \"wide\"" run tiny.lua --out no --set model.width=wide
expect "an unknown device" 2 "" "*'device': unknown value 'tpu'*" run tiny.lua --out no --set device=tpu
one_line
expect "LARS under the names of the op" 0 "*is valid*" "" "$program" check tiny.lua --set pretrain.optim.kind=lars --set pretrain.optim.eta=0.01 \
  --set pretrain.optim.clip=false --set pretrain.optim.exclude_1d=false
expect "a recipe that is not there" 2 "" "nosuch.lua: no such file" run nosuch.lua
expect "a folder without a recipe" 2 "" "*'.' is not a run directory: it has no status.json" run .
: >empty.lua
expect "an empty recipe" 2 "" "*returns one table; this file returns nothing" run empty.lua
head -c 500 good/test.bin >binary.lua
expect "a file of bytes" 2 "" "binary.lua:*" run binary.lua
echo 'while true do end' >endless.lua
expect "an endless recipe" 2 "" "endless.lua:1: gave up after * instructions" run endless.lua
if [ "$(id -u)" != 0 ]; then
  cp tiny.lua unreadable.lua && chmod 000 unreadable.lua
  expect "an unreadable recipe" 2 "" "unreadable.lua: *ermission denied*" run unreadable.lua
fi
absent no
expect "a recipe run as a script" 2 "" "lunette: 'tiny.lua' is a recipe: run it by 'lunette run tiny.lua'*" "$program" tiny.lua
one_line
expect "an unknown subcommand" 2 "" "lunette: cannot open 'trian'*" "$program" trian
expect "an unknown option" 2 "" "lunette run: unknown option '--outt' (did you mean '--out'?)*" run tiny.lua --outt no

# ---- runs ----

expect "a run" 0 "*" "" run tiny.lua --out whole
find whole -type f -exec cksum {} + | sort >before
expect "resume of a finished run" 0 "the run in 'whole' is finished; there is nothing to resume" "" resume whole
expect "a run into a folder that holds one" 2 "" "*'whole' already holds a run*" run tiny.lua --out whole
one_line
find whole -type f -exec cksum {} + | sort >after
result "... and neither touched it" "$(cmp -s before after && echo yes || echo no)" before after
expect "a run onto a file" 2 "" "*'tiny.lua' is there and is not a folder" run tiny.lua --out tiny.lua
expect "resume of a folder that holds no run" 2 "" "*'good' is not a run directory*" resume good
expect "resume of nothing" 2 "" "*no such folder 'nosuch'" resume nosuch

expect "a loss that is not a number" 5 "" "lunette run: the representations of images * hold NaN or infinity, the encoder has diverged: *output y * holds NaN*" \
  run tiny.lua --out nan --set pretrain.optim.lr=1000 --set pretrain.optim.weight_decay=10 --set pretrain.epochs=20
one_line
result "... and the report shows the failed run" "$(grep -q 'hold NaN' nan/report.html && echo yes || echo no)"

sed -e 's/name = "pretrain", task.*/name = "maps", task = "heatmaps", from = "random", data = "shapes:test", images = 2, features = 5000 },/' \
  -e '/optim =/d' -e '/linear_probe/d' tiny.lua >maps.lua
expect "more features asked for than there are" 0 "run directory: maps*" "" run maps.lua --out maps

# A file larger than the limit cannot be written, as on a full disk. The shell counts blocks of 512 bytes.
limited() { (ulimit -f 16 && "$@"); }
expect "no room for a checkpoint" 1 "" "lunette run: *weights.safetensors: cannot write: *go on with: lunette resume full" limited run tiny.lua --out full
expect "... and with room it goes on" 0 "*" "" resume full
result "... to the same metrics" "$(cmp -s whole/metrics.jsonl full/metrics.jsonl && echo yes || echo no)"

# Ctrl-C once the first epoch is through.
longer="tiny.lua --progress none --set pretrain.epochs=30"
# shellcheck disable=SC2086 # words
expect "a longer run" 0 "*" "" "$program" run $longer --out uninterrupted
# shellcheck disable=SC2086
"$program" run $longer --out stopped >out 2>err </dev/null &
run=$!
tries=0
while [ ! -s stopped/metrics.jsonl ] && [ $tries -lt 600 ]; do
  tries=$((tries + 1))
  sleep 0.05
done
kill -INT $run
wait $run
got=$?
result "Ctrl-C in training: exit code 130, got $got" "$([ $got = 130 ] && echo yes || echo no)" err
result "... says where, and how to go on" "$(grep -q 'interrupted in epoch' err && grep -q 'lunette resume stopped' err && echo yes || echo no)" err
result "... leaves a checkpoint" "$(ls stopped/checkpoints/pretrain/*/weights.safetensors >/dev/null 2>&1 && echo yes || echo no)" err
result "... and a report" "$([ -s stopped/report.html ] && echo yes || echo no)"
cp -r stopped config && cp -r stopped checkpoint && cp -r stopped status
expect "... resume goes on" 0 "*" "" resume stopped
result "... to the same bytes as without a stop" \
  "$(cmp -s stopped/metrics.jsonl uninterrupted/metrics.jsonl && cmp -s stopped/checkpoints/pretrain/weights.safetensors \
    uninterrupted/checkpoints/pretrain/weights.safetensors && echo yes || echo no)" stopped/metrics.jsonl

sed -i 's/"width": 4/"width": 8/' config/config.json
expect "a changed config.json" 2 "" "*'config/config.json' was changed since the run began*" resume config
one_line
for file in checkpoint/checkpoints/pretrain/*/weights.safetensors; do
  printf XX | dd of="$file" bs=1 seek=2000 conv=notrunc 2>/dev/null
done
expect "changed checkpoints are not used" 0 "*" "*pretrain: * damaged checkpoint(s) passed over; it begins anew*" "$program" resume checkpoint --progress plain
result "... and the run comes out the same" "$(cmp -s checkpoint/metrics.jsonl uninterrupted/metrics.jsonl && echo yes || echo no)"
echo '{' >status/status.json
expect "a broken status.json" 2 "" "lunette resume: *status.json: *" resume status

# ---- scripts ----

raises "a shape mismatch" 1 "*:1: matmul: a (2,3) and b (4,5) do not fit*" 'print(lunette.zeros(2, 3):matmul(lunette.zeros(4, 5)))'
raises "shapes in a loss" 1 "*simclr: z2 must be (4,8) like z1, got (2,8)" 'lunette.loss.simclr(lunette.zeros(4, 8), lunette.zeros(2, 8))'
raises "index 0" 1 "*index 0: positions count from 1*" 'print(lunette.zeros(2, 3)[0])'
raises "an index behind the end" 1 "*index 3 is outside axis 1, which holds 1..2*" 'print(lunette.zeros(2, 3)[3])'
raises "axis 0" 1 "*sum: axes must be among 1..2*got 0*" 'lunette.zeros(2, 3):sum(0)'
raises "a wrong argument type" 1 "*relu: argument 1, x, must be a tensor, got the string \"a\"" 'lunette.ops.relu("a")'
raises "a missing argument" 1 "*relu: argument 1, x, is missing*" 'lunette.ops.relu()'
raises "a mistyped option" 1 "*unknown option 'dtyp' (did you mean 'dtype'?)*" 'lunette.zeros(2, {dtyp = "f64"})'
raises "a mistyped function" 1 "*'zero' (did you mean 'zeros'?)*" 'lunette.zero(2)'
raises "an unknown op" 1 "*unknown op 'sofmax' (did you mean 'softmax'?)*" 'lunette.ops.sofmax(1)'
raises "an unknown device in a script" 4 "*unknown device \"tpu\": expected \"cpu\" or \"cuda\"*" 'lunette.zeros(2, {device = "tpu"})'
raises "too little memory" 4 "*out of memory on cpu: 4000000 bytes wanted*limit 1000000*" 'lunette.memory_limit(1000000) lunette.zeros(1000, 1000)'
raises "sizes beyond all numbers" 1 "*overflows*" 'lunette.zeros(1 << 40, 1 << 40)'
raises "NaN where none may be" 5 "*normalize: output y * holds NaN*" \
  'lunette.debug.trace_nan(true) lunette.ops.normalize(lunette.tensor({{0 / 0, 1}}))'
raises "use after free" 1 "*this tensor was freed*" 'local x = lunette.zeros(2) x:free() x:sum()'
raises "backward twice" 1 "*backward: this graph was already used and freed; pass keep_graph = true*" \
  'local x = lunette.ones(2, {requires_grad = true}) local y = (x * x):sum() y:backward() y:backward()'
raises "backward of what needs no gradient" 1 "*nothing this tensor was made from requires a gradient*" 'lunette.ones(2):sum():backward()'
raises "a step without gradients" 1 "*optim.sgd: no parameter has a gradient; call loss:backward() first*" \
  'local net = lunette.nn.Linear(3, 2) lunette.optim.sgd{params = net:named_parameters(), lr = 0.1}:step()'
raises "the largest of nothing" 1 "*argmax: axis 1 of x is empty*" 'lunette.zeros(0):argmax()'
raises "a loss of nothing" 1 "*simclr: z1 must hold at least one sample*" 'lunette.loss.simclr(lunette.zeros(0, 3), lunette.zeros(0, 3))'
raises "a batch of one image has no negatives" 1 "*ssl.simclr: a batch needs at least 2 images, got 1*" \
  'local m = lunette.ssl.simclr{encoder = lunette.models.resnet18{width = 4}} local x = lunette.zeros(1, 3, 8, 8) m:loss({x, x})'
raises "a network of width 0" 1 "*models.resnet: width must be a whole number of at least 1, got 0*" 'lunette.models.resnet18{width = 0}'
raises "images of one channel" 1 "*conv2d: weight * takes 3 channels, x (2,1,8,8) has 1*" 'lunette.models.resnet18{width = 4}(lunette.zeros(2, 1, 8, 8))'
raises "a heatmap of a feature there is not" 1 "*heatmap: feature must be a position in 1..32, got 99*" \
  'lunette.explain.heatmap(lunette.models.resnet18{width = 4}, lunette.zeros(3, 8, 8), {feature = 99})'
raises "a batch larger than the data in a script" 1 "*loader: a batch of 16 is larger than the data set of 8 images*" \
  'lunette.data.loader{dataset = lunette.data.shapes{n = 8, size = 8}, batch = 16, views = 2, augment = lunette.augment{preset = "symmetric"}}'
raises "more classes than there are shapes" 1 "*shapes: classes must lie in 2..10, got 20*" 'lunette.data.shapes{n = 8, classes = 20}'

raises "a script whose training diverges" 5 "*the loss of epoch 1, batch 2 is NaN: *it is the first op that made one*" '
  local method = lunette.ssl.simclr{encoder = lunette.models.resnet18{width = 4}, projector = {8, 8}}
  local loader = lunette.data.loader{dataset = lunette.data.shapes{n = 32, size = 8}, batch = 16, views = 2,
                                     augment = lunette.augment{preset = "symmetric"}}
  lunette.train{method = method, loader = loader, epochs = 2, optimizer = lunette.optim.sgd{params = method:named_parameters(), lr = 1e30}}'

# A step whose loss gets `extra`, of the representations h and a parameter; parameters stay as they were.
diverging='local function run(extra)
    local method = lunette.ssl.simclr{encoder = lunette.models.resnet18{width = 4}, projector = {8, 8}}
    local loader = lunette.data.loader{dataset = lunette.data.shapes{n = 32, size = 8}, batch = 16, views = 2,
                                       augment = lunette.augment{preset = "symmetric"}}
    local first, loss = method:named_parameters()[1].tensor, method.loss
    function method:loss(views) local l, h, z = loss(self, views) return l + extra(h, first), h, z end
    local before = first:sum():item()
    local ok, message = pcall(lunette.train, {method = method, loader = loader, epochs = 1,
                                              optimizer = lunette.optim.sgd{params = method:named_parameters(), lr = 0.1}})
    assert(first:sum():item() == before, "parameters changed")
    error(message, 0)
  end '
raises "a gradient that is NaN: the op, what came before it, and parameters as they were" 5 \
  "*the gradient of epoch 1, batch 1 is NaN: *gradient of mul: mul: output y * Before it: *gradient of sqrt: sqrt_grad: output dx *" \
  "$diverging run(function(h) return (h * 0):sqrt():sum() end)"
raises "a gradient that is infinite" 5 "*the gradient of epoch 1, batch 1 is infinite: *gradient of sqrt: sqrt_grad: output dx *" \
  "$diverging run(function(_, p) return (p - p:detach()):sqrt():sum() end)"
raises "a loss that is infinite" 5 "*the loss of epoch 1, batch 1 is infinite: *sub: output y () holds NaN or infinity*" \
  "$diverging run(function(h) return h:sum() * 0 - 1 / 0 end)"

probe='local function labels(n, first, classes)
    local t = {} for i = 1, n do t[i] = first + i % classes end return lunette.tensor(t, {dtype = "i64"}) end
  local function with_nan(x) local t = x:totable() t[2][3] = 0 / 0 return lunette.tensor(t) end
  local x, y = lunette.randn(20, 4), lunette.randn(10, 4)
  local function probe(kind, more)
    local o = {features = x, labels = labels(20, 1, 2), test_features = y, test_labels = labels(10, 1, 2)}
    for k, v in pairs(more) do o[k] = v end
    return lunette.probe[kind](o) end '
raises "labels from 0" 1 "probe.linear: labels[[]2[]] is 0, outside 1..2 (labels count from 1)" "$probe probe('linear', {labels = labels(20, 0, 2)})"
raises "NaN in features" 1 "probe.linear: features holds NaN*" "$probe probe('linear', {features = with_nan(x)})"
raises "NaN in test features" 1 "probe.linear: test_features holds NaN*" "$probe probe('linear', {test_features = with_nan(y)})"
raises "NaN in the bank of kNN" 1 "probe.knn: features holds NaN*" "$probe probe('knn', {features = with_nan(x)})"
raises "labels of one class" 1 "probe.linear: every label is 1; a probe needs samples of at least 2 classes" \
  "$probe probe('linear', {labels = labels(20, 1, 1), test_labels = labels(10, 1, 1)})"
raises "too few labels" 1 "probe.linear: 19 labels for 20 rows of features" "$probe probe('linear', {labels = labels(19, 1, 2)})"
raises "a probe on nothing" 1 "probe.linear: features holds nothing, its shape is (0,4)" \
  "$probe probe('linear', {features = lunette.zeros(0, 4), labels = lunette.zeros(0, {dtype = 'i64'})})"
raises "no neighbours" 1 "probe.knn: k must be a whole number of at least 1, got 0" "$probe probe('knn', {k = 0})"
expect "more neighbours than there are: all of them" 0 "20" "" "$program" -e "$probe print(probe('knn', {k = 50}).k)"

printf '\211PNG\r\n\032\nxxxx' >bad.png
printf '\377\330\377\340garbage' >bad.jpg
printf '\223NUMPY\001\000v\000{' >bad.npy
printf '\377\377\377\377\377\377\377\177{}' >bad.safetensors
echo text >text.png
raises "a corrupted PNG" 3 "*bad.png: *not a readable PNG*" 'lunette.image.read("bad.png")'
raises "a corrupted JPEG" 3 "*bad.jpg: not a readable JPEG*" 'lunette.image.read("bad.jpg")'
raises "no picture at all" 3 "*text.png: offset 0: expected a PNG or a JPEG*" 'lunette.image.read("text.png")'
raises "a corrupted .npy" 3 "*bad.npy: offset 8: the header claims*" 'lunette.npy.load("bad.npy")'
raises "a corrupted .safetensors" 3 "*bad.safetensors: offset 0: the header claims*" 'lunette.weights.load("bad.safetensors")'
raises "data that is not there" 3 "*nosuch/data_batch_1.bin: cannot open: No such file*" 'lunette.data.cifar10{root = "nosuch"}'
raises "a file that is not there" 3 "*nosuch.npy: cannot open: No such file*" 'lunette.npy.load("nosuch.npy")'
mkfifo pipe
raises "a file onto something else" 1 "*pipe: cannot write: it is there and is not a regular file*" 'lunette.npy.save("pipe", lunette.ones(2))'
result "... which is still there" "$([ -p pipe ] && echo yes || echo no)"

finish
