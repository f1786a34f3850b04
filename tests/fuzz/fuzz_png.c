/* fuzz_png.c: damaged PNG files. Checksums of chunks are made right again in half of the rounds, else libpng would stop
** at the first one. */
#include "fuzz.h"

/* The checksum of PNG chunks (ISO 3309). */
static uint32_t checksum(const uint8_t *p, int64_t n) {
  uint32_t r = 0xffffffffu;
  for (int64_t i = 0; i < n; i++) {
    r ^= p[i];
    for (int k = 0; k < 8; k++) r = r & 1 ? r >> 1 ^ 0xedb88320u : r >> 1;
  }
  return ~r;
}

static void repair(uint8_t *p, int64_t n) {
  for (int64_t at = 8; at + 12 <= n;) {
    uint64_t length = (uint64_t)p[at] << 24 | p[at + 1] << 16 | p[at + 2] << 8 | p[at + 3];
    if (length > (uint64_t)(n - at - 12)) return;
    uint32_t sum = checksum(p + at + 4, (int64_t)length + 4);
    for (int k = 0; k < 4; k++) p[at + 8 + (int64_t)length + k] = (uint8_t)(sum >> (24 - 8 * k));
    at += (int64_t)length + 12;
  }
}

static int read_png(lun_context *c, const uint8_t *bytes, int64_t size, lun_tensor **out) {
  int channels = size % 3 == 0 ? 3 : size % 3 == 1 ? 1 : 0;
  if (size % 2 == 0) return lun_png_decode(c, "fuzz.png", bytes, size, channels == 1 ? 0 : channels, out);
  uint8_t *fixed = malloc((size_t)(size ? size : 1));
  if (!fixed) exit(2);
  memcpy(fixed, bytes, (size_t)size);
  repair(fixed, size);
  int st = lun_png_decode(c, "fuzz.png", fixed, size, channels == 1 ? 0 : channels, out);
  free(fixed);
  return st;
}

int main(int argc, char **argv) {
  lun_context *c;
  if (lun_open(&c)) return 2;
  int bad = 0;
  for (int channels = 1; channels <= 3; channels += 2) {
    lun_tensor *image, *file;
    if (lun_empty_image(c, LUN_U8, LUN_CPU, (int64_t[]){1, channels, 9, 7}, &image)) return 2;
    for (int i = 0; i < channels * 63; i++) lun_u8(image)[i] = (uint8_t)(i * 29);
    if (lun_png_encode(c, image, 1, (const char *[]){"Title", "seed"}, &file)) return 2;
    bad |= fuzz_run("png", c, lun_u8(file), lun_numel(file), read_png, fuzz_rounds(argc, argv));
    lun_release(image);
    lun_release(file);
  }
  lun_close(c);
  return bad;
}
