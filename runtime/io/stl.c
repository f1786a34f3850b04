/* stl.c: images of STL-10's binary form (https://cs.stanford.edu/~acoates/stl10/). */
#include "io/io.h"

enum { SIDE = 96, PLANE = SIDE * SIDE, PIXELS = 3 * PLANE };

int lun_stl_parse(lun_context *c, const char *what, const uint8_t *bytes, int64_t size, int64_t skip,
                  lun_tensor *images) {
  if (size == 0 || size % PIXELS)
    return lun_fail(c, LUN_EDATA,
                    "%s: expected a whole number of images of %d bytes, got %lld bytes: image %lld has %lld", what,
                    PIXELS, (long long)size, (long long)(size / PIXELS) + 1, (long long)(size % PIXELS));
  int64_t n = size / PIXELS;
  if (!lun_is_dense_image(images) || images->dtype != LUN_U8 || images->shape[1] != 3 || images->shape[2] != SIDE ||
      images->shape[3] != SIDE || skip < 0 || n > images->shape[0] - skip)
    return lun_fail(c, LUN_ESHAPE, "%s: the tensor to fill does not hold %lld images after %lld", what, (long long)n,
                    (long long)skip);
  for (int64_t i = 0; i < n; i++) {
    const uint8_t *p = bytes + i * PIXELS;
    uint8_t *d = lun_u8(images) + (skip + i) * PIXELS;
    for (int row = 0; row < SIDE; row++)
      for (int column = 0; column < SIDE; column++, d += 3)
        for (int k = 0; k < 3; k++) d[k] = p[k * PLANE + column * SIDE + row];
  }
  return LUN_OK;
}
