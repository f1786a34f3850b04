/* fuzz_npy.c: damaged .npy files. */
#include "fuzz.h"

static int read_npy(lun_context *c, const uint8_t *bytes, int64_t size, lun_tensor **out) {
  return lun_npy_parse(c, "fuzz.npy", bytes, size, out);
}

int main(int argc, char **argv) {
  lun_context *c;
  if (lun_open(&c)) return 2;
  static const char *const headers[] = {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }",
                                        "{'descr': '|b1', 'fortran_order': False, 'shape': (24,), }",
                                        "{'descr': '>f8', 'fortran_order': False, 'shape': (3, 1), }"};
  int bad = 0;
  for (int k = 0; k < 3; k++) {
    uint8_t seed[256] = "\x93NUMPY\x01";
    int n = (int)strlen(headers[k]);
    seed[8] = (uint8_t)n;
    memcpy(seed + 10, headers[k], (size_t)n);
    for (int i = 0; i < 24; i++) seed[10 + n + i] = (uint8_t)(i * 37);
    bad |= fuzz_run("npy", c, seed, 10 + n + 24, read_npy, fuzz_rounds(argc, argv));
  }
  lun_close(c);
  return bad;
}
