#!/bin/sh
# Devices are looked for when they are asked for, and what keeps one from being used is said in plain words. The backends
# here are small ones that are compiled on the spot. usage: device.sh PROGRAM
source=$(cd "$(dirname "$0")/../.." && pwd)
. "$(dirname "$0")/../checks.sh"

# says NAME CODE TEXT COMMAND...: the exit code, and TEXT somewhere in what is printed.
says() {
  name=$1 code=$2 text=$3
  shift 3
  "$@" >"$folder/out" 2>&1
  got=$?
  ok=no
  [ "$got" = "$code" ] && grep -qF -- "$text" "$folder/out" && ok=yes
  [ $ok = yes ] || echo "# exit code $got, expected $code with \"$text\""
  result "$name" $ok "$folder/out"
}

# backend FILE ABI DEVICE REASON: a shared object that says it is of this ABI for this device and opens with this reason
# ("": it opens, and has no memory).
backend() {
  cat >"$folder/backend.c" <<END
#include "lunette_device.h"
static int open_device(lun_context *c) { return sizeof "$4" > 1 ? lun_fail(c, LUN_EDEVICE, "%s", "$4") : LUN_OK; }
static void close_device(lun_context *c) { (void)c; }
static int none(lun_context *c, int64_t bytes, void **out) { *out = 0; return lun_fail(c, LUN_EMEM, "no %lld bytes", (long long)bytes); }
static void describe(lun_context *c, char *buf, size_t size) { (void)c; if (size) buf[0] = 0; }
static const lun_kernel kernels[] = {{0, 0}};
static const lun_device_backend backend = {{$2, "test", $3, kernels, none, 0, 0, 0}, open_device, close_device, 0, 0, 0, describe};
const lun_device_backend *lun_device_backend_get(void) { return &backend; }
END
  "${CC:-cc}" -shared -fPIC -I"$source/runtime/include" "$folder/backend.c" -o "$1"
}

make='lunette.zeros(1, {device = "cuda"})'
with() { # with LIBRARY COMMAND...
  library=$1
  shift
  env LUNETTE_CUDA_LIBRARY="$library" "$@"
}
echo "not a library" >"$folder/text.so"
echo "int answer = 42;" >"$folder/empty.c"
"${CC:-cc}" -shared -fPIC "$folder/empty.c" -o "$folder/empty.so"
backend "$folder/old.so" 1 LUN_CUDA ""
backend "$folder/cpu.so" LUN_DEVICE_ABI LUN_CPU ""
backend "$folder/absent.so" LUN_DEVICE_ABI LUN_CUDA "no NVIDIA driver"
backend "$folder/good.so" LUN_DEVICE_ABI LUN_CUDA ""

says "a library that is not there" 4 'LUNETTE_CUDA_LIBRARY names /nowhere.so, and no such file can be read' with /nowhere.so "$program" -e "$make"
says "a file that is no library" 4 'text.so' with "$folder/text.so" "$program" -e "$make"
says "a library that is no backend" 4 'is no backend: it has no function lun_device_backend_get' with "$folder/empty.so" "$program" -e "$make"
says "another version of the interface" 4 'speaks version 1 of the interface' with "$folder/old.so" "$program" -e "$make"
says "a backend for another device" 4 'is a backend for another device' with "$folder/cpu.so" "$program" -e "$make"
says "the backend's own reason" 4 'is not available: no NVIDIA driver; use device = "cpu"' with "$folder/absent.so" "$program" -e "$make"
says "the reason again at the second attempt" 0 'no NVIDIA driver' with "$folder/absent.so" "$program" -e "pcall(lunette.zeros, 1, {device = 'cuda'}) print(select(2, pcall(lunette.zeros, 1, {device = 'cuda'})))"
says "a device that comes up" 4 'no 4 bytes' with "$folder/good.so" "$program" -e "$make"
says "doctor says why not" 0 'absent: no NVIDIA driver' with "$folder/absent.so" "$program" doctor
says "lunette.device says why not" 0 'false	cuda: absent: no NVIDIA driver' with "$folder/absent.so" "$program" -e 'print(lunette.device "cuda")'
says "nothing is loaded before it is asked for" 0 'false' with "$folder/good.so" "$program" -e 'local x = lunette.ones(3) + 1
  print(io.open("/proc/self/maps"):read("a"):find("good.so", 1, true) ~= nil)'
says "it is loaded afterwards" 0 'true' with "$folder/good.so" "$program" -e 'lunette.device "cuda"
  print(io.open("/proc/self/maps"):read("a"):find("good.so", 1, true) ~= nil)'

cat >"$folder/recipe.lua" <<'END'
return {format = 1, name = "device", data = {shapes = {kind = "shapes", n_train = 16, n_test = 8, size = 16}},
  model = {backbone = "conv4", width = 4, projector = {4}},
  stages = {{name = "pretrain", task = "simclr", data = "shapes:train", epochs = 1, batch = 8,
             optim = {kind = "sgd", lr = 0.1}, augment = "symmetric"}}}
END
run() { with "$folder/absent.so" "$program" run "$folder/recipe.lua" --progress none "$@"; }
says "a recipe for a device that is absent" 4 'no NVIDIA driver' run --set device=cuda --out "$folder/a"
says "\"auto\" takes the CPU where there is none" 0 '' run --out "$folder/b"
says "and says so in its provenance" 0 '"device":"cpu"' tr -d ' \n' <"$folder/b/provenance.json"

finish
