/* fuzz_records.c: damaged CIFAR and STL-10 files, and safetensors below its JSON header with offsets and shapes drawn
 * at random.
 */
#include "fuzz.h"

static int read_cifar(lun_context *c, const uint8_t *bytes, int64_t size, lun_tensor **out) {
  static const lun_cifar kind = {.label_bytes = 1, .classes = 10};
  int64_t n;
  LUN_TRY(lun_cifar_count(c, "fuzz.bin", size, &kind, &n));
  lun_tensor *labels = NULL;
  int st = lun_empty_image(c, LUN_U8, LUN_CPU, (int64_t[]){n, 3, 32, 32}, out);
  if (!st) st = lun_empty(c, LUN_I64, LUN_CPU, 1, &n, &labels);
  if (!st) st = lun_cifar_parse(c, "fuzz.bin", bytes, size, &kind, 0, *out, labels);
  for (int64_t i = 0; !st && i < n; i++)
    if (lun_i64(labels)[i] < 1 || lun_i64(labels)[i] > 10) exit(1);
  lun_release(labels);
  if (st) lun_release(*out), *out = NULL;
  return st;
}

static int read_stl(lun_context *c, const uint8_t *bytes, int64_t size, lun_tensor **out) {
  LUN_TRY(lun_empty_image(c, LUN_U8, LUN_CPU, (int64_t[]){2, 3, 96, 96}, out));
  int st = lun_stl_parse(c, "fuzz_X.bin", bytes, size, size & 3, *out);
  if (st) lun_release(*out), *out = NULL;
  return st;
}

/* The last 48 bytes say what the header would: shape, offsets, dtype. */
static int read_safetensors(lun_context *c, const uint8_t *bytes, int64_t size, lun_tensor **out) {
  static const char *const dtypes[] = {"F32", "BF16", "BOOL", "I64", "U8", "F8"};
  int64_t from, to, v[6];
  LUN_TRY(lun_safetensors_header(c, "fuzz", bytes, size, &from, &to));
  if (size - to < (int64_t)sizeof v) return lun_fail(c, LUN_EDATA, "fuzz: no tail");
  memcpy(v, bytes + size - sizeof v, sizeof v);
  return lun_safetensors_tensor(c, "fuzz", "x", bytes + to, size - to, dtypes[(uint64_t)v[5] % 6], (int)(v[4] & 15),
                                (int64_t[16]){v[0], v[1]}, v[2], v[3], out);
}

int main(int argc, char **argv) {
  lun_context *c;
  if (lun_open(&c)) return 2;
  int rounds = fuzz_rounds(argc, argv);
  static uint8_t records[2 * 3073];
  for (int i = 0; i < 3072; i++) records[1 + i] = records[3074 + i] = (uint8_t)i;
  records[3073] = 9;
  int bad = fuzz_run("cifar", c, records, sizeof records, read_cifar, rounds);
  static uint8_t images[2 * 27648];
  bad |= fuzz_run("stl", c, images, sizeof images, read_stl, rounds);
  uint8_t file[8 + 16 + 96 + 48] = {16};
  int64_t tail[6] = {6, 4, 0, 96, 2, 0};
  memcpy(file + sizeof file - sizeof tail, tail, sizeof tail);
  bad |= fuzz_run("safetensors", c, file, sizeof file, read_safetensors, 4 * rounds);
  lun_close(c);
  return bad;
}
