/* png.c: PNG through libpng, whose errors are longjmps: they end in this file. */
#include "io/io.h"

#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  char text[200]; /* libpng's message */
  const uint8_t *bytes;
  int64_t size, at;
  uint8_t *out; /* writing */
  int64_t capacity;
} stream;

bool lun_is_png(const uint8_t *bytes, int64_t size) { return size >= 8 && !png_sig_cmp(bytes, 0, 8); }

static void on_error(png_structp png, png_const_charp text) {
  stream *s = png_get_error_ptr(png);
  snprintf(s->text, sizeof s->text, "%s", text);
  longjmp(png_jmpbuf(png), 1);
}
static void on_warning(png_structp png, png_const_charp text) { (void)png, (void)text; }

static void read_bytes(png_structp png, png_bytep to, png_size_t n) {
  stream *s = png_get_io_ptr(png);
  if ((int64_t)n > s->size - s->at) png_error(png, "the file ends in the middle");
  memcpy(to, s->bytes + s->at, n);
  s->at += (int64_t)n;
}

static void write_bytes(png_structp png, png_bytep from, png_size_t n) {
  stream *s = png_get_io_ptr(png);
  if ((int64_t)n > s->capacity - s->size) {
    int64_t more = 2 * (s->capacity + (int64_t)n);
    uint8_t *grown = realloc(s->out, (size_t)more);
    if (!grown) png_error(png, "out of memory");
    s->out = grown;
    s->capacity = more;
  }
  memcpy(s->out + s->size, from, n);
  s->size += (int64_t)n;
}
static void flush(png_structp png) { (void)png; }

/* Everything the file may hold becomes 8-bit gray or RGB; alpha is dropped, as PIL's convert("RGB") does. */
static int simplify(png_structp png, png_infop info, int channels) {
  int color = png_get_color_type(png, info);
  bool gray = !(color & PNG_COLOR_MASK_COLOR);
  png_set_expand(png);
  png_set_strip_16(png);
  png_set_strip_alpha(png);
  if (gray && channels == 3) png_set_gray_to_rgb(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  return channels ? channels : gray ? 1 : 3;
}

/* The part of reading that libpng may leave by longjmp: nothing in here is owned by a local variable. */
static int decode(lun_context *c, const char *what, png_structp png, png_infop info, stream *s, int channels,
                  lun_tensor **out, png_bytep **rows) {
  if (setjmp(png_jmpbuf(png)))
    return lun_fail(c, LUN_EDATA, "%s: offset %lld: not a readable PNG: %s", what, (long long)s->at, s->text);
  png_set_read_fn(png, s, read_bytes);
  png_set_user_limits(png, LUN_IMAGE_SIDE, LUN_IMAGE_SIDE);
  png_read_info(png, info);
  if (channels == 1 && (png_get_color_type(png, info) & PNG_COLOR_MASK_COLOR))
    return lun_fail(c, LUN_EDATA, "%s: expected a gray image, got a colour one", what);
  int64_t h = png_get_image_height(png, info), w = png_get_image_width(png, info);
  /* Deflate packs at most 1032 to 1: a header that promises more than the file can hold costs no memory. */
  if (h * (int64_t)png_get_rowbytes(png, info) / 1032 > s->size)
    return lun_fail(c, LUN_EDATA, "%s: the header promises %lld x %lld pixels; %lld bytes cannot hold them", what,
                    (long long)h, (long long)w, (long long)s->size);
  int64_t kept = simplify(png, info, channels);
  if ((int64_t)png_get_rowbytes(png, info) != w * kept)
    return lun_fail(c, LUN_EDATA, "%s: expected %lld bytes a row, got %lld", what, (long long)(w * kept),
                    (long long)png_get_rowbytes(png, info));
  LUN_TRY(lun_empty_image(c, LUN_U8, LUN_CPU, (int64_t[]){1, kept, h, w}, out));
  *rows = malloc((size_t)h * sizeof **rows);
  if (!*rows) return lun_fail(c, LUN_EMEM, "%s: out of memory", what);
  for (int64_t y = 0; y < h; y++) (*rows)[y] = lun_u8(*out) + y * w * kept;
  png_read_image(png, *rows);
  png_read_end(png, NULL);
  return LUN_OK;
}

/* libpng reserves what a chunk claims before it looks for the bytes: walk over the lengths first. */
static int check_chunks(lun_context *c, const char *what, const uint8_t *bytes, int64_t size) {
  for (int64_t at = 8; at < size;) {
    int64_t left = size - at - 12; /* length, type and checksum */
    int64_t claimed = left < 0 ? 0
                               : (int64_t)bytes[at] << 24 | (int64_t)bytes[at + 1] << 16 | (int64_t)bytes[at + 2] << 8 |
                                     (int64_t)bytes[at + 3];
    if (claimed > left)
      return lun_fail(c, LUN_EDATA, "%s: offset %lld: not a readable PNG: a chunk of %lld bytes where %lld are left",
                      what, (long long)at, (long long)claimed, (long long)(left < 0 ? 0 : left));
    if (!memcmp(bytes + at + 4, "IEND", 4)) break; /* what follows the picture is nobody's concern */
    at += claimed + 12;
  }
  return LUN_OK;
}

int lun_png_decode(lun_context *c, const char *what, const uint8_t *bytes, int64_t size, int channels,
                   lun_tensor **out) {
  *out = NULL;
  if (!lun_is_png(bytes, size)) return lun_fail(c, LUN_EDATA, "%s: offset 0: expected the signature of a PNG", what);
  LUN_TRY(check_chunks(c, what, bytes, size));
  stream s = {.bytes = bytes, .size = size};
  png_bytep *rows = NULL;
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &s, on_error, on_warning);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  int st =
      info ? decode(c, what, png, info, &s, channels, out, &rows) : lun_fail(c, LUN_EMEM, "%s: out of memory", what);
  png_destroy_read_struct(&png, &info, NULL);
  free(rows);
  if (st) lun_release(*out), *out = NULL;
  return st;
}

static int encode(lun_context *c, const lun_tensor *image, int ntext, const char *const *text, png_structp png,
                  png_infop info, stream *s) {
  int64_t channels = image->shape[1], h = image->shape[2], w = image->shape[3];
  if (setjmp(png_jmpbuf(png))) return lun_fail(c, LUN_EDATA, "png: cannot encode: %s", s->text);
  png_set_write_fn(png, s, write_bytes, flush);
  png_set_IHDR(png, info, (png_uint_32)w, (png_uint_32)h, 8, channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY,
               PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  for (int k = 0; k < ntext; k++) {
    png_text t = {.compression = PNG_TEXT_COMPRESSION_NONE,
                  .key = (char *)text[2 * k],
                  .text = (char *)text[2 * k + 1],
                  .text_length = strlen(text[2 * k + 1])};
    png_set_text(png, info, &t, 1);
  }
  png_write_info(png, info);
  for (int64_t y = 0; y < h; y++) png_write_row(png, lun_u8(image) + y * w * channels);
  png_write_end(png, NULL);
  return LUN_OK;
}

int lun_png_encode(lun_context *c, const lun_tensor *image, int ntext, const char *const *text, lun_tensor **out) {
  char shape[128];
  *out = NULL;
  if (image->dtype != LUN_U8 || !lun_is_dense_image(image) || image->shape[0] != 1 ||
      (image->shape[1] != 1 && image->shape[1] != 3) || image->shape[2] < 1 || image->shape[3] < 1 ||
      image->shape[2] > LUN_IMAGE_SIDE || image->shape[3] > LUN_IMAGE_SIDE)
    return lun_fail(c, LUN_ESHAPE, "png: expected one u8 image (1,1|3,h,w) of at most %d pixels a side, got %s of %s",
                    LUN_IMAGE_SIDE, lun_shape_text(image->ndim, image->shape, shape, sizeof shape),
                    lun_dtype_name(image->dtype));
  stream s = {0};
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &s, on_error, on_warning);
  png_infop info = png ? png_create_info_struct(png) : NULL;
  int st = info ? encode(c, image, ntext, text, png, info, &s) : lun_fail(c, LUN_EMEM, "png: out of memory");
  png_destroy_write_struct(&png, &info);
  if (!st) st = lun_empty(c, LUN_U8, LUN_CPU, 1, (int64_t[]){s.size}, out);
  if (!st) memcpy(lun_data(*out), s.out, (size_t)s.size);
  free(s.out);
  return st;
}
