/* jpeg.c: JPEG through libjpeg's interface (libjpeg-turbo), whose errors are longjmps: they end in this file. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/io.h"

#include <jpeglib.h>
#include <jerror.h>

typedef struct {
  struct jpeg_error_mgr base;
  jmp_buf jump;
  char text[JMSG_LENGTH_MAX];
} trap;

bool lun_is_jpeg(const uint8_t *bytes, int64_t size) {
  return size >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff;
}

static void on_error(j_common_ptr info) {
  trap *t = (trap *)info->err;
  info->err->format_message(info, t->text);
  longjmp(t->jump, 1);
}

/* libjpeg paints what is missing gray and goes on; a truncated or damaged image is no training data. */
static void on_message(j_common_ptr info, int level) {
  int code = info->err->msg_code;
  if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE)) on_error(info);
}

/* EXIF orientation 1..8 from an APP1 marker, else 1. */
static int orientation(const uint8_t *p, int64_t n) {
  if (n < 14 || memcmp(p, "Exif\0\0", 6)) return 1;
  p += 6, n -= 6;
  bool big = p[0] == 'M';
#define U16(at) (big ? p[at] << 8 | p[(at) + 1] : p[(at) + 1] << 8 | p[at])
  int64_t ifd = big ? (int64_t)U16(4) << 16 | U16(6) : (int64_t)U16(6) << 16 | U16(4);
  if (ifd > n - 2) return 1;
  int entries = U16(ifd);
  for (int k = 0; k < entries; k++) {
    int64_t at = ifd + 2 + 12 * (int64_t)k;
    if (at > n - 12) return 1;
    if (U16(at) != 0x0112 || U16(at + 2) != 3) continue;
    int v = U16(at + 8);
    return v >= 1 && v <= 8 ? v : 1;
  }
#undef U16
  return 1;
}

/* Where pixel (y, x) of the stored h x w image lies in the upright one, whose width is `width`. */
static int64_t upright(int o, int64_t y, int64_t x, int64_t h, int64_t w, int64_t width) {
  int64_t v = y, u = x;
  switch (o) {
  case 2: u = w - 1 - x; break;
  case 3: v = h - 1 - y, u = w - 1 - x; break;
  case 4: v = h - 1 - y; break;
  case 5: v = x, u = y; break;
  case 6: v = x, u = h - 1 - y; break;
  case 7: v = w - 1 - x, u = h - 1 - y; break;
  case 8: v = w - 1 - x, u = y; break;
  default: break;
  }
  return v * width + u;
}

static void convert_row(const struct jpeg_decompress_struct *d, uint8_t *row, int64_t w) {
  if (d->out_color_space != JCS_CMYK) return;
  for (int64_t x = 0; x < w; x++) { /* Adobe's files hold 255 - ink */
    int k = d->saw_Adobe_marker ? row[4 * x + 3] : 255 - row[4 * x + 3];
    for (int c = 0; c < 3; c++) {
      int v = d->saw_Adobe_marker ? row[4 * x + c] : 255 - row[4 * x + c];
      row[3 * x + c] = (uint8_t)(v * k / 255); /* writes behind what it reads */
    }
  }
}

/* The part that libjpeg may leave by longjmp: nothing in here is owned by a local variable. */
static int decode(lun_context *c, const char *what, struct jpeg_decompress_struct *d, const uint8_t *bytes,
                  int64_t size, lun_tensor **out, uint8_t **row) {
  trap *t = (trap *)d->err;
  if (setjmp(t->jump))
    return lun_fail(c, LUN_EDATA, "%s: not a readable JPEG of %lld bytes: %s", what, (long long)size, t->text);
  jpeg_create_decompress(d);
  jpeg_mem_src(d, bytes, (unsigned long)size);
  jpeg_save_markers(d, JPEG_APP0 + 1, 0xffff);
  jpeg_read_header(d, TRUE);
  int o = 1;
  for (jpeg_saved_marker_ptr m = d->marker_list; m && o == 1; m = m->next) o = orientation(m->data, m->data_length);
  int64_t h = d->image_height, w = d->image_width;
  if (h > LUN_IMAGE_SIDE || w > LUN_IMAGE_SIDE)
    return lun_fail(c, LUN_EDATA, "%s: %lld x %lld pixels; at most %d a side are read", what, (long long)h,
                    (long long)w, LUN_IMAGE_SIDE);
  bool inks = d->jpeg_color_space == JCS_CMYK || d->jpeg_color_space == JCS_YCCK;
  d->out_color_space = inks ? JCS_CMYK : JCS_RGB;
  d->dct_method = JDCT_ISLOW; /* the same pixels from every build */
  jpeg_start_decompress(d);
  int64_t height = o > 4 ? w : h, width = o > 4 ? h : w;
  LUN_TRY(lun_empty_image(c, LUN_U8, LUN_CPU, (int64_t[]){1, 3, height, width}, out));
  *row = malloc((size_t)w * 4);
  if (!*row) return lun_fail(c, LUN_EMEM, "%s: out of memory", what);
  for (int64_t y = 0; y < h; y++) {
    JSAMPROW at = *row;
    jpeg_read_scanlines(d, &at, 1);
    convert_row(d, *row, w);
    if (o == 1)
      memcpy(lun_u8(*out) + 3 * y * w, *row, (size_t)(3 * w));
    else
      for (int64_t x = 0; x < w; x++) memcpy(lun_u8(*out) + 3 * upright(o, y, x, h, w, width), *row + 3 * x, 3);
  }
  jpeg_finish_decompress(d);
  return LUN_OK;
}

int lun_jpeg_decode(lun_context *c, const char *what, const uint8_t *bytes, int64_t size, lun_tensor **out) {
  *out = NULL;
  if (!lun_is_jpeg(bytes, size)) return lun_fail(c, LUN_EDATA, "%s: offset 0: expected the start of a JPEG", what);
  struct jpeg_decompress_struct d = {0};
  trap t;
  uint8_t *row = NULL;
  d.err = jpeg_std_error(&t.base);
  t.base.error_exit = on_error;
  t.base.emit_message = on_message;
  int st = decode(c, what, &d, bytes, size, out, &row);
  jpeg_destroy_decompress(&d);
  free(row);
  if (st) lun_release(*out), *out = NULL;
  return st;
}
