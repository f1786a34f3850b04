/* safetensors.c: the binary part of a safetensors file: u64 length of the header, the header (JSON, read and written in
** Lua, where a JSON reader is at hand), and the buffer its offsets point into.
*/
#include "io/io.h"

#include <string.h>

#define HEADER_LIMIT 100000000 /* what the format allows */

static const struct {
  lun_dtype dtype;
  const char *name;
} dtypes[] = {{LUN_F32, "F32"}, {LUN_F64, "F64"}, {LUN_F16, "F16"},  {LUN_BF16, "BF16"},
              {LUN_I64, "I64"}, {LUN_U8, "U8"},   {LUN_BOOL, "BOOL"}};

const char *lun_safetensors_dtype(lun_dtype d) {
  for (size_t k = 0; k < sizeof dtypes / sizeof *dtypes; k++)
    if (dtypes[k].dtype == d) return dtypes[k].name;
  return NULL;
}

int lun_safetensors_header(lun_context *c, const char *what, const uint8_t *bytes, int64_t size, int64_t *begin,
                           int64_t *end) {
  if (size < 8)
    return lun_fail(c, LUN_EDATA, "%s: expected 8 bytes with the length of the header, got %lld bytes in all", what,
                    (long long)size);
  uint64_t n = 0;
  for (int k = 7; k >= 0; k--) n = n << 8 | bytes[k];
  if (n > HEADER_LIMIT || (int64_t)n > size - 8)
    return lun_fail(c, LUN_EDATA,
                    "%s: offset 0: the header claims %llu bytes; the file has %lld after it, the limit is %d", what,
                    (unsigned long long)n, (long long)(size - 8), HEADER_LIMIT);
  *begin = 8;
  *end = 8 + (int64_t)n;
  return LUN_OK;
}

int lun_safetensors_tensor(lun_context *c, const char *what, const char *name, const uint8_t *buffer, int64_t size,
                           const char *dtype, int ndim, const int64_t *shape, int64_t from, int64_t to,
                           lun_tensor **out) {
  *out = NULL;
  size_t k = 0, known = sizeof dtypes / sizeof *dtypes;
  while (k < known && strcmp(dtypes[k].name, dtype)) k++;
  if (k == known)
    return lun_fail(c, LUN_EDTYPE,
                    "%s: tensor \"%.80s\": dtype %.16s is not read; expected F32 F64 F16 BF16 I64 U8 BOOL", what, name,
                    dtype);
  if (ndim > LUN_MAX_DIMS)
    return lun_fail(c, LUN_EDATA, "%s: tensor \"%.80s\": %d axes; at most %d are read", what, name, ndim, LUN_MAX_DIMS);
  if (from < 0 || to < from || to > size)
    return lun_fail(c, LUN_EDATA, "%s: tensor \"%.80s\": data_offsets [%lld, %lld] leave the buffer of %lld bytes",
                    what, name, (long long)from, (long long)to, (long long)size);
  int64_t n = 1, bytes;
  for (int i = 0; i < ndim; i++) {
    if (shape[i] < 0)
      return lun_fail(c, LUN_EDATA, "%s: tensor \"%.80s\": axis %d has size %lld", what, name, i + 1,
                      (long long)shape[i]);
    LUN_TRY(lun_mul(c, n, shape[i], &n));
  }
  LUN_TRY(lun_mul(c, n, lun_dtype_size(dtypes[k].dtype), &bytes));
  if (bytes != to - from) {
    char s[128];
    return lun_fail(c, LUN_EDATA,
                    "%s: tensor \"%.80s\": shape %s of %s takes %lld bytes, data_offsets [%lld, %lld] hold %lld", what,
                    name, lun_shape_text(ndim, shape, s, sizeof s), dtype, (long long)bytes, (long long)from,
                    (long long)to, (long long)(to - from));
  }
  LUN_TRY(lun_empty(c, dtypes[k].dtype, LUN_CPU, ndim, shape, out));
  if (bytes) memcpy(lun_data(*out), buffer + from, (size_t)bytes);
  if (dtypes[k].dtype == LUN_BOOL)
    for (int64_t i = 0; i < n; i++) lun_u8(*out)[i] = lun_u8(*out)[i] != 0;
  return LUN_OK;
}
