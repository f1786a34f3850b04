/* fuzz_jpeg.c: damaged JPEG files, baseline and progressive, RGB, gray and CMYK, with an EXIF block. */
#include "fuzz.h"

#include <jpeglib.h>

static int read_jpeg(lun_context *c, const uint8_t *bytes, int64_t size, lun_tensor **out) {
  return lun_jpeg_decode(c, "fuzz.jpg", bytes, size, out);
}

static unsigned long encode(int channels, bool progressive, uint8_t **out) {
  static const uint8_t exif[] = "Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0";
  struct jpeg_compress_struct j;
  struct jpeg_error_mgr errors;
  unsigned long size = 0;
  uint8_t row[17 * 4];
  j.err = jpeg_std_error(&errors);
  jpeg_create_compress(&j);
  *out = NULL;
  jpeg_mem_dest(&j, out, &size);
  j.image_width = 17;
  j.image_height = 13;
  j.input_components = channels;
  j.in_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_set_defaults(&j);
  if (progressive) jpeg_simple_progression(&j);
  jpeg_start_compress(&j, TRUE);
  jpeg_write_marker(&j, JPEG_APP0 + 1, exif, sizeof exif - 1);
  for (int y = 0; y < 13; y++) {
    for (int i = 0; i < 17 * channels; i++) row[i] = (uint8_t)(i * 31 + y * 7);
    JSAMPROW at = row;
    jpeg_write_scanlines(&j, &at, 1);
  }
  jpeg_finish_compress(&j);
  jpeg_destroy_compress(&j);
  return size;
}

int main(int argc, char **argv) {
  lun_context *c;
  if (lun_open(&c)) return 2;
  int bad = 0;
  for (int k = 0; k < 6; k++) {
    uint8_t *seed;
    unsigned long size = encode((int[]){1, 3, 4}[k % 3], k >= 3, &seed);
    bad |= fuzz_run("jpeg", c, seed, (int64_t)size, read_jpeg, fuzz_rounds(argc, argv) / 2);
    free(seed);
  }
  lun_close(c);
  return bad;
}
