/* augment.h: the random decisions of one augmented view, and how they are drawn, for the CPU and for CUDA. */
#ifndef LUN_OPS_AUGMENT_H
#define LUN_OPS_AUGMENT_H

#include "core/rng.h"
#include "ops/image_pixel.h"

/* What the user sets. Probabilities in [0, 1]; jitter strengths as in torchvision's ColorJitter. */
typedef struct {
  double scale[2], ratio[2];
  double flip;
  double jitter, strength[4]; /* probability; brightness, contrast, saturation, hue */
  double gray;
  double blur, sigma[2];
  double solarize, threshold;
} augment_policy;

enum { AUGMENT_SETTINGS = 16 };

/* From the ops' settings, in their order. */
LUN_PURE augment_policy augment_policy_of(const double *a) {
  augment_policy p = {{a[0], a[1]}, {a[2], a[3]}, a[4],           a[5],  {a[6], a[7], a[8], a[9]},
                      a[10],        a[11],        {a[12], a[13]}, a[14], a[15]};
  return p;
}

/* What was drawn for one sample and view. */
typedef struct {
  image_box box;
  bool flip, jitter, gray, blur, solarize;
  int order[4]; /* steps 1..4: brightness, contrast, saturation, hue */
  float factor[4];
  double sigma;
} augment_choice;

/* Draws are addressed, never consumed: each decision has its own word of its own block, so a decision that is not
** needed shifts no other. Counter: (block + view * 2^16, epoch, sample, sample >> 32). */
enum { AUGMENT_SWITCHES, AUGMENT_MORE, AUGMENT_FACTORS, AUGMENT_CROP /* and the nine blocks after it */ };

LUN_PURE lun_draw4 augment_draw(lun_stream s, int64_t epoch, int64_t sample, int64_t view, int block) {
  return lun_philox(s, (uint32_t)block + ((uint32_t)view << 16), (uint32_t)epoch, (uint32_t)sample,
                    (uint32_t)((uint64_t)sample >> 32));
}

LUN_PURE double augment_between(uint32_t u, const double *range) {
  return range[0] + (range[1] - range[0]) * lun_uniform(u);
}

/* torchvision's RandomResizedCrop: ten attempts at an area and a ratio, then the largest central box that fits. */
LUN_PURE image_box augment_box(const augment_policy *p, lun_stream s, int64_t epoch, int64_t sample, int64_t view,
                               int h, int w) {
  double logs[2] = {log(p->ratio[0]), log(p->ratio[1])}, area = (double)h * w;
  for (int k = 0; k < 10; k++) {
    lun_draw4 d = augment_draw(s, epoch, sample, view, AUGMENT_CROP + k);
    double target = area * augment_between(d.v[0], p->scale), ratio = exp(augment_between(d.v[1], logs));
    double bw = rint(sqrt(target * ratio)), bh = rint(sqrt(target / ratio));
    if (bw < 1 || bw > w || bh < 1 || bh > h) continue;
    image_box box = {0, 0, (int)bh, (int)bw};
    box.top = (int)lun_below(d.v[2], (uint32_t)(h - box.height + 1));
    box.left = (int)lun_below(d.v[3], (uint32_t)(w - box.width + 1));
    return box;
  }
  double shape = (double)w / h;
  image_box box = {0, 0, h, w};
  if (shape < p->ratio[0])
    box.height = (int)rint(w / p->ratio[0]);
  else if (shape > p->ratio[1])
    box.width = (int)rint(h * p->ratio[1]);
  if (box.height < 1) box.height = 1;
  if (box.width < 1) box.width = 1;
  box.top = (h - box.height) / 2;
  box.left = (w - box.width) / 2;
  return box;
}

/* The index-th of the 24 orders of 1..4 in the factorial number system. */
LUN_PURE void augment_order(uint32_t index, int order[4]) {
  int left[4] = {1, 2, 3, 4}, radix = 6;
  for (int k = 0; k < 4; k++) {
    int at = (int)index / radix;
    index %= (uint32_t)radix;
    order[k] = left[at];
    for (int j = at; j < 3; j++) left[j] = left[j + 1];
    if (k < 2) radix /= 3 - k;
  }
}

LUN_PURE augment_choice augment_choose(const augment_policy *p, lun_stream s, int64_t epoch, int64_t sample,
                                       int64_t view, int h, int w) {
  lun_draw4 a = augment_draw(s, epoch, sample, view, AUGMENT_SWITCHES);
  lun_draw4 b = augment_draw(s, epoch, sample, view, AUGMENT_MORE);
  lun_draw4 f = augment_draw(s, epoch, sample, view, AUGMENT_FACTORS);
  augment_choice c;
  c.box = augment_box(p, s, epoch, sample, view, h, w);
  c.flip = lun_uniform(a.v[0]) < p->flip;
  c.jitter = lun_uniform(a.v[1]) < p->jitter;
  c.gray = lun_uniform(a.v[2]) < p->gray;
  c.blur = lun_uniform(a.v[3]) < p->blur;
  c.solarize = lun_uniform(b.v[0]) < p->solarize;
  c.sigma = augment_between(b.v[1], p->sigma);
  augment_order(lun_below(b.v[2], 24), c.order);
  for (int k = 0; k < 4; k++) {
    double v = p->strength[k], range[2] = {k == 3 ? -v : v < 1 ? 1 - v : 0, k == 3 ? v : 1 + v};
    c.factor[k] = (float)augment_between(f.v[k], range);
  }
  return c;
}

#endif
