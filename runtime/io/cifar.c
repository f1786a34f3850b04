/* cifar.c: the binary form of CIFAR-10 and CIFAR-100 (https://www.cs.toronto.edu/~kriz/cifar.html). */
#include "io/io.h"

enum { PLANE = 32 * 32, PIXELS = 3 * PLANE };

int lun_cifar_count(lun_context *c, const char *what, int64_t size, const lun_cifar *kind, int64_t *records) {
  int64_t record = kind->label_bytes + PIXELS;
  *records = size / record;
  if (kind->records && size != kind->records * record)
    return lun_fail(c, LUN_EDATA, "%s: expected %lld bytes (%lld records of %lld), got %lld: %s", what,
                    (long long)(kind->records * record), (long long)kind->records, (long long)record, (long long)size,
                    size < kind->records * record ? "the file is truncated" : "the file is too long");
  if (size == 0 || size % record)
    return lun_fail(c, LUN_EDATA,
                    "%s: expected a whole number of records of %lld bytes, got %lld bytes: record %lld has %lld", what,
                    (long long)record, (long long)size, (long long)*records + 1, (long long)(size % record));
  return LUN_OK;
}

int lun_cifar_parse(lun_context *c, const char *what, const uint8_t *bytes, int64_t size, const lun_cifar *kind,
                    int64_t skip, lun_tensor *images, lun_tensor *labels) {
  int64_t n, record = kind->label_bytes + PIXELS;
  LUN_TRY(lun_cifar_count(c, what, size, kind, &n));
  if (!lun_is_dense_image(images) || images->dtype != LUN_U8 || images->shape[1] != 3 || images->shape[2] != 32 ||
      images->shape[3] != 32 || labels->dtype != LUN_I64 || !lun_is_dense(labels) || labels->ndim != 1 || skip < 0 ||
      n > images->shape[0] - skip || n > labels->shape[0] - skip)
    return lun_fail(c, LUN_ESHAPE, "%s: the tensors to fill do not hold %lld records after %lld", what, (long long)n,
                    (long long)skip);
  for (int64_t i = 0; i < n; i++) {
    const uint8_t *r = bytes + i * record;
    int label = r[kind->label_bytes - 1];
    if (label >= kind->classes)
      return lun_fail(c, LUN_EDATA, "%s: record %lld (offset %lld) has label %d; expected 0..%d", what,
                      (long long)i + 1, (long long)(i * record + kind->label_bytes - 1), label, kind->classes - 1);
    lun_i64(labels)[skip + i] = label + 1;
    const uint8_t *p = r + kind->label_bytes;
    uint8_t *d = lun_u8(images) + (skip + i) * PIXELS;
    for (int k = 0; k < PLANE; k++) {
      d[3 * k] = p[k];
      d[3 * k + 1] = p[PLANE + k];
      d[3 * k + 2] = p[2 * PLANE + k];
    }
  }
  return LUN_OK;
}
