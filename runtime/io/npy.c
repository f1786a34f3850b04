/* npy.c: NumPy's .npy, versions 1 and 2: magic, version, header length, a Python dict literal, the elements. */
#include "io/io.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const struct {
  lun_dtype dtype;
  const char *descr;
} dtypes[] = {{LUN_F32, "<f4"}, {LUN_F64, "<f8"}, {LUN_F16, "<f2"},
              {LUN_I64, "<i8"}, {LUN_U8, "|u1"},  {LUN_BOOL, "|b1"}};

typedef struct {
  lun_context *c;
  const char *what, *text;
  int64_t at, size, base; /* base: offset of text in the file, for messages */
} cursor;

static int bad(cursor *p, const char *expected) {
  int left = (int)(p->size - p->at < 16 ? p->size - p->at : 16);
  return lun_fail(p->c, LUN_EDATA, "%s: offset %lld: expected %s, got \"%.*s\"", p->what, (long long)(p->base + p->at),
                  expected, left > 0 ? left : 0, p->text + p->at);
}

static void blanks(cursor *p) {
  while (p->at < p->size && isspace((unsigned char)p->text[p->at])) p->at++;
}

static bool take(cursor *p, const char *word) {
  int64_t n = (int64_t)strlen(word);
  blanks(p);
  if (p->size - p->at < n || memcmp(p->text + p->at, word, (size_t)n)) return false;
  p->at += n;
  return true;
}

static int quoted(cursor *p, char *buf, size_t capacity) {
  blanks(p);
  char quote = p->at < p->size ? p->text[p->at] : 0;
  if (quote != '\'' && quote != '"') return bad(p, "a quoted string");
  const char *start = p->text + p->at + 1, *end = memchr(start, quote, (size_t)(p->size - p->at - 1));
  if (!end || (size_t)(end - start) >= capacity) return bad(p, "a short quoted string");
  memcpy(buf, start, (size_t)(end - start));
  buf[end - start] = 0;
  p->at += end - start + 2;
  return LUN_OK;
}

static int number(cursor *p, int64_t *out) {
  blanks(p);
  int64_t v = 0, start = p->at;
  for (; p->at < p->size && isdigit((unsigned char)p->text[p->at]); p->at++)
    if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, p->text[p->at] - '0', &v))
      return bad(p, "a size below 2^63");
  *out = v;
  return p->at == start ? bad(p, "a whole number") : LUN_OK;
}

typedef struct {
  int dtype, ndim; /* dtype: index into dtypes */
  bool fortran, big;
  int64_t shape[LUN_MAX_DIMS];
} description;

static int parse_descr(cursor *p, description *d) {
  char descr[16];
  LUN_TRY(quoted(p, descr, sizeof descr));
  d->big = descr[0] == '>';
  for (size_t k = 0; k < sizeof dtypes / sizeof *dtypes; k++)
    if (strlen(descr) == 3 && !strcmp(descr + 1, dtypes[k].descr + 1) && strchr("<>|=", descr[0])) {
      d->dtype = (int)k;
      return LUN_OK;
    }
  return lun_fail(p->c, LUN_EDATA, "%s: dtype '%s' is not read; expected one of <f4 <f8 <f2 <i8 |u1 |b1", p->what,
                  descr);
}

static int parse_shape(cursor *p, description *d) {
  if (!take(p, "(")) return bad(p, "a shape in parentheses");
  while (!take(p, ")")) {
    if (d->ndim == LUN_MAX_DIMS) return bad(p, "at most 8 axes");
    LUN_TRY(number(p, &d->shape[d->ndim++]));
    if (!take(p, ",")) {
      if (!take(p, ")")) return bad(p, "',' or ')'");
      break;
    }
  }
  return LUN_OK;
}

static int parse_dict(cursor *p, description *d) {
  bool have[3] = {false, false, false};
  if (!take(p, "{")) return bad(p, "'{'");
  while (!take(p, "}")) {
    char key[32];
    LUN_TRY(quoted(p, key, sizeof key));
    if (!take(p, ":")) return bad(p, "':'");
    if (!strcmp(key, "descr") && !have[0]) {
      have[0] = true;
      LUN_TRY(parse_descr(p, d));
    } else if (!strcmp(key, "fortran_order") && !have[1]) {
      have[1] = true;
      d->fortran = take(p, "True");
      if (!d->fortran && !take(p, "False")) return bad(p, "True or False");
    } else if (!strcmp(key, "shape") && !have[2]) {
      have[2] = true;
      LUN_TRY(parse_shape(p, d));
    } else
      return lun_fail(p->c, LUN_EDATA, "%s: the header's key '%s' was not expected", p->what, key);
    if (!take(p, ",") && (blanks(p), p->at >= p->size || p->text[p->at] != '}')) return bad(p, "',' or '}'");
  }
  return have[0] && have[1] && have[2] ? LUN_OK : bad(p, "the keys descr, fortran_order and shape");
}

static void swap_bytes(uint8_t *p, int64_t n, int64_t size) {
  for (int64_t i = 0; i < n; i++, p += size)
    for (int64_t k = 0; k < size / 2; k++) {
      uint8_t t = p[k];
      p[k] = p[size - 1 - k];
      p[size - 1 - k] = t;
    }
}

/* Elements in column-major order become row-major: a view with the strides of the file is copied. */
static int from_fortran(lun_context *c, const description *d, lun_tensor **t) {
  lun_tensor *dense, view = **t;
  LUN_TRY(lun_empty(c, dtypes[d->dtype].dtype, LUN_CPU, d->ndim, d->shape, &dense));
  int64_t s = 1;
  view.ndim = d->ndim;
  for (int i = 0; i < d->ndim; i++) view.shape[i] = d->shape[i], view.stride[i] = s, s *= d->shape[i];
  int st = lun_copy(dense, &view);
  lun_release(st ? dense : *t);
  if (!st) *t = dense;
  return st;
}

int lun_npy_parse(lun_context *c, const char *what, const uint8_t *bytes, int64_t size, lun_tensor **out) {
  *out = NULL;
  if (size < 10 || memcmp(bytes, "\x93NUMPY", 6))
    return lun_fail(c, LUN_EDATA, "%s: offset 0: expected the magic of a .npy file, \\x93NUMPY", what);
  int version = bytes[6];
  if (version < 1 || version > 3)
    return lun_fail(c, LUN_EDATA, "%s: offset 6: expected format version 1, 2 or 3, got %d", what, version);
  int64_t start = version == 1 ? 10 : 12, length = bytes[8] | bytes[9] << 8;
  if (version > 1 && size >= 12) length |= (int64_t)bytes[10] << 16 | (int64_t)bytes[11] << 24;
  if (size < start || length > size - start)
    return lun_fail(c, LUN_EDATA, "%s: offset 8: the header claims %lld bytes, the file has %lld after it", what,
                    (long long)length, (long long)(size - start));
  cursor p = {c, what, (const char *)bytes + start, 0, length, start};
  description d = {0};
  LUN_TRY(parse_dict(&p, &d));
  int64_t n = 1, need, body = size - start - length;
  for (int i = 0; i < d.ndim; i++) LUN_TRY(lun_mul(c, n, d.shape[i], &n));
  LUN_TRY(lun_mul(c, n, lun_dtype_size(dtypes[d.dtype].dtype), &need));
  if (need != body)
    return lun_fail(c, LUN_EDATA, "%s: offset %lld: expected %lld bytes of elements, got %lld", what,
                    (long long)(start + length), (long long)need, (long long)body);
  LUN_TRY(lun_empty(c, dtypes[d.dtype].dtype, LUN_CPU, d.ndim, d.shape, out));
  if (need) memcpy(lun_data(*out), bytes + start + length, (size_t)need);
  if (d.big) swap_bytes(lun_data(*out), n, lun_dtype_size(dtypes[d.dtype].dtype));
  if (dtypes[d.dtype].dtype == LUN_BOOL)
    for (int64_t i = 0; i < n; i++) lun_u8(*out)[i] = lun_u8(*out)[i] != 0;
  int st = d.fortran && d.ndim > 1 && n > 0 ? from_fortran(c, &d, out) : LUN_OK;
  if (st) lun_release(*out), *out = NULL;
  return st;
}

int lun_npy_header(lun_context *c, const lun_tensor *t, char *buf, int64_t capacity, int64_t *size) {
  const char *descr = NULL;
  for (size_t k = 0; k < sizeof dtypes / sizeof *dtypes; k++)
    if (dtypes[k].dtype == t->dtype) descr = dtypes[k].descr;
  if (!descr)
    return lun_fail(c, LUN_EDTYPE, "npy: NumPy has no %s; convert with :to(\"f32\") first", lun_dtype_name(t->dtype));
  if (capacity < 448) return lun_fail(c, LUN_EARG, "npy: the header needs 448 bytes");
  char dict[400];
  int n = snprintf(dict, sizeof dict, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
  for (int i = 0; i < t->ndim; i++) /* (3,) and (2, 3): as Python writes tuples */
    n += snprintf(dict + n, sizeof dict - (size_t)n, "%s%lld%s", i ? " " : "", (long long)t->shape[i],
                  i + 1 < t->ndim || t->ndim == 1 ? "," : "");
  n += snprintf(dict + n, sizeof dict - (size_t)n, "), }");
  int64_t total = (10 + n + 1 + 63) / 64 * 64; /* blanks and a newline fill the last block */
  memcpy(buf, "\x93NUMPY\x01\x00", 8);
  buf[8] = (char)((total - 10) & 255);
  buf[9] = (char)((total - 10) >> 8);
  memcpy(buf + 10, dict, (size_t)n);
  memset(buf + 10 + n, ' ', (size_t)(total - 10 - n - 1));
  buf[total - 1] = '\n';
  *size = total;
  return LUN_OK;
}
