/* io.h: bytes <-> tensors. Every reader parses from memory, trusts no size it reads, and says in its message which file
** (`what`), at which offset, what was expected and what came. Buffers of bytes are u8 tensors (n): counted, failable
** and reference counted like everything else.
**
** Images are u8 (1,c,h,w), stored channels-last. Files count labels from 0, tensors from 1.
*/
#ifndef LUN_IO_H
#define LUN_IO_H

#include "core/op.h"

/* ---- file.c ---- */
int lun_file_read(lun_context *c, const char *path, lun_tensor **out); /* the whole of a regular file */
typedef struct {
  const void *data;
  int64_t size;
} lun_part;
/* Writes the parts one after the other beside path, fsyncs, renames: path holds the old bytes or all the new ones. */
int lun_file_write(lun_context *c, const char *path, int nparts, const lun_part *parts);

/* ---- cifar.c ---- */
/* Records of label bytes and 3072 pixel bytes (R, G, B planes of 32x32). label_bytes: 1 (CIFAR-10) or 2 (CIFAR-100:
** coarse, fine; the fine one is taken). records: how many must be there; 0: any number >= 1. The first `skip` rows of
** images and labels are left alone, so that several files fill one tensor. */
typedef struct {
  int label_bytes, classes;
  int64_t records;
} lun_cifar;
int lun_cifar_count(lun_context *c, const char *what, int64_t size, const lun_cifar *kind, int64_t *records);
int lun_cifar_parse(lun_context *c, const char *what, const uint8_t *bytes, int64_t size, const lun_cifar *kind,
                    int64_t skip, lun_tensor *images, lun_tensor *labels);

/* ---- stl.c ---- */
/* Images of 3 planes of 96x96, each column by column, without labels. The first `skip` images are left alone, so that a
** file is read part by part. */
int lun_stl_parse(lun_context *c, const char *what, const uint8_t *bytes, int64_t size, int64_t skip,
                  lun_tensor *images);

/* ---- npy.c ---- */
int lun_npy_parse(lun_context *c, const char *what, const uint8_t *bytes, int64_t size, lun_tensor **out);
/* The header that belongs in front of t's elements, padded to 64 bytes; t must be dense. */
int lun_npy_header(lun_context *c, const lun_tensor *t, char *buf, int64_t capacity, int64_t *size);

/* ---- safetensors.c: the part below the JSON header ---- */
/* Where the header lies: *begin .. *end in the file, checked against size. */
int lun_safetensors_header(lun_context *c, const char *what, const uint8_t *bytes, int64_t size, int64_t *begin,
                           int64_t *end);
/* One tensor of the buffer after the header; from and to are its data_offsets. */
int lun_safetensors_tensor(lun_context *c, const char *what, const char *name, const uint8_t *buffer, int64_t size,
                           const char *dtype, int ndim, const int64_t *shape, int64_t from, int64_t to,
                           lun_tensor **out);
const char *lun_safetensors_dtype(lun_dtype d); /* "F32" ... */

/* ---- png.c, jpeg.c ---- */
bool lun_is_png(const uint8_t *bytes, int64_t size);
bool lun_is_jpeg(const uint8_t *bytes, int64_t size);
/* channels: 3 (gray is repeated, alpha dropped) or 1 (colour is an error), 0: as the file has it. */
int lun_png_decode(lun_context *c, const char *what, const uint8_t *bytes, int64_t size, int channels,
                   lun_tensor **out);
/* image: u8, dense channels-last (1,1|3,h,w). text: pairs of keyword and UTF-8 value, kept in tEXt chunks. */
int lun_png_encode(lun_context *c, const lun_tensor *image, int ntext, const char *const *text, lun_tensor **out);
/* Always 3 channels; EXIF orientation is applied; CMYK is converted without a colour profile. */
int lun_jpeg_decode(lun_context *c, const char *what, const uint8_t *bytes, int64_t size, lun_tensor **out);

#define LUN_IMAGE_SIDE 16384 /* the largest side a reader accepts */

#endif
