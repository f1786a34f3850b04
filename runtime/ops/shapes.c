/* shapes.c: the embedded data set: small scenes drawn from a seed, with exact masks of what makes the class.
**
** Class k is an object of shape k with texture k mod 5 (core). It lies on a background whose kind is k with a chosen
** probability and any kind otherwise (spurious). Colours, pose, phase, clutter and noise are nuisances. Every number is
** a function of (seed, split, sample id): images can be made in any order and in parts. The pixel loops use only
** operations that IEEE 754 rounds exactly, uncontracted, so that every CPU draws the same bytes. */
#include "core/op.h"
#include "core/rng.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("fp-contract=off")
#endif

enum { KINDS = 10, TEXTURES = 5, MAX_CLUTTER = 16, LATTICE = 6 };

typedef struct {
  int shape, texture;
  float x, y, radius; /* in pixels */
  float cosine, sine, frequency, phase;
  float tone[2][3];
} thing;

typedef struct {
  int kind;
  float cosine, sine, frequency, phase[2];
  float tone[2][3];
  float lattice[LATTICE][LATTICE];
} backdrop;

typedef struct {
  int size, clutter;
  float noise;
  backdrop back;
  thing other[MAX_CLUTTER], object;
} scene;

static float unit(float x) { return x < 0 ? 0 : x > 1 ? 1 : x; }
static float fabsf_(float x) { return x < 0 ? -x : x; }
static float greater(float a, float b) { return a > b ? a : b; }
static float smaller(float a, float b) { return a < b ? a : b; }

/* A triangle wave of period 1 in [-1, 1]. */
static float wave(float x) {
  float f = x - floorf(x);
  return fabsf_(f - 0.5f) * 4 - 1;
}

static float triangle(float u, float v) { return greater(v - 0.5f, 0.8660254f * fabsf_(u) - 0.5f * v - 0.5f); }

/* Negative inside, in units of the object's radius; (u, v) is the object's own frame, v down. */
static float outline(int shape, float u, float v) {
  float a = fabsf_(u), b = fabsf_(v), r = sqrtf(u * u + v * v);
  switch (shape) {
  case 0: return r - 0.85f;                                                            /* disc */
  case 1: return greater(a, b) - 0.75f;                                                /* square */
  case 2: return triangle(u, v);                                                       /* triangle */
  case 3: return smaller(triangle(u, v), triangle(u, -v));                             /* hexagram */
  case 4: return smaller(greater(a - 0.95f, b - 0.3f), greater(a - 0.3f, b - 0.95f));  /* cross */
  case 5: return fabsf_(r - 0.68f) - 0.24f;                                            /* ring */
  case 6: return greater(r - 0.95f, 0.72f - sqrtf((u - 0.45f) * (u - 0.45f) + v * v)); /* crescent */
  case 7: return greater(b - 0.85f * a - 0.1f, a - 0.95f);                             /* bow tie */
  case 8: return sqrtf(greater(a - 0.65f, 0) * greater(a - 0.65f, 0) + v * v) - 0.32f; /* bar */
  default:
    return smaller(greater(fabsf_(u + 0.5f) - 0.3f, b - 0.85f), greater(a - 0.8f, fabsf_(v - 0.55f) - 0.3f)); /* L */
  }
}

/* Share of the second tone in [0, 1]. */
static float texture(int kind, float u, float v, float f, float phase) {
  float w;
  switch (kind) {
  case 0: w = wave(u * f + phase); break;                              /* stripes */
  case 1: w = 2 * wave(u * f + phase) * wave(v * f + phase); break;    /* checks */
  case 2: w = wave(sqrtf(u * u + v * v) * f + phase); break;           /* rings */
  case 3: w = wave(u * f + phase) + wave(v * f - phase) - 0.5f; break; /* dots */
  default: return unit(0.5f + 0.5f * v);                               /* shading */
  }
  return unit(0.5f + 1.5f * w);
}

static float ground(const backdrop *b, float s, float t) {
  float u = b->cosine * s + b->sine * t, v = b->cosine * t - b->sine * s, f = b->frequency, w;
  float p = b->phase[0], q = b->phase[1];
  switch (b->kind) {
  case 0: w = wave(v * f + p); break;                                            /* horizontal bands */
  case 1: w = wave(u * f + p); break;                                            /* vertical bands */
  case 2: w = wave((u + v) * f * 0.7f + p); break;                               /* diagonal bands */
  case 3: w = 2 * wave(u * f * 0.7f + p) * wave(v * f * 0.7f + q); break;        /* checks */
  case 4: w = wave(sqrtf((s - p) * (s - p) + (t - q) * (t - q)) * f + p); break; /* rings around a point */
  case 5: {                                                                      /* blobs: value noise */
    float x = unit(s) * (LATTICE - 1.001f), y = unit(t) * (LATTICE - 1.001f);
    int i = (int)x, j = (int)y;
    float dx = x - i, dy = y - j;
    w = (b->lattice[j][i] * (1 - dx) + b->lattice[j][i + 1] * dx) * (1 - dy) +
        (b->lattice[j + 1][i] * (1 - dx) + b->lattice[j + 1][i + 1] * dx) * dy;
    w = 4 * w - 2;
    break;
  }
  case 6: return unit(v);                                                    /* sky: a vertical gradient */
  case 7: return unit(1.4f * sqrtf((s - p) * (s - p) + (t - q) * (t - q)));  /* a spot of light */
  case 8: w = wave(u * f * 1.6f + p) + wave(v * f * 1.6f + q) - 0.7f; break; /* dots */
  default: w = wave(v * f + 0.35f * wave(u * f + q) + p);                    /* zigzag */
  }
  return unit(0.5f + w);
}

/* ---- draws ---- */

typedef struct {
  lun_stream stream;
  uint64_t id;
  uint32_t block;
  int left;
  lun_draw4 words;
} dice; /* walks the counter of one sample */

static uint32_t roll(dice *d) {
  if (d->left == 0) {
    d->words = lun_philox(d->stream, d->block++, 0, (uint32_t)d->id, (uint32_t)(d->id >> 32));
    d->left = 4;
  }
  return d->words.v[--d->left];
}

static float between(dice *d, float lo, float hi) { return lo + (hi - lo) * lun_uniform(roll(d)); }

/* A colour of the given lightness: gray plus a random chroma. */
static void tint(dice *d, float lightness, float *rgb) {
  float chroma = between(d, 0, 0.35f), r[3];
  for (int k = 0; k < 3; k++) r[k] = between(d, -1, 1);
  float mean = (r[0] + r[1] + r[2]) / 3;
  for (int k = 0; k < 3; k++) rgb[k] = unit(lightness + chroma * (r[k] - mean));
}

static void turn(dice *d, float degrees, float *cosine, float *sine) {
  double a = between(d, -degrees, degrees) * (3.14159265358979323846 / 180);
  *cosine = (float)cos(a);
  *sine = (float)sin(a);
}

static void place(dice *d, const scene *s, float lo, float hi, float margin, float degrees, thing *o) {
  o->radius = between(d, lo, hi) * (float)s->size;
  o->x = between(d, margin, 1 - margin) * (float)s->size;
  o->y = between(d, margin, 1 - margin) * (float)s->size;
  turn(d, degrees, &o->cosine, &o->sine);
  o->frequency = between(d, 1.6f, 2.4f);
  o->phase = between(d, 0, 1);
}

static void draw_scene(dice *d, int label, int classes, float correlation, float degrees, scene *s) {
  bool own = lun_uniform(roll(d)) < correlation;
  int any = (int)lun_below(roll(d), (uint32_t)classes);
  s->back.kind = own ? label : any;
  /* Lightness of ground and object differ by at least 0.3, so that the object can be seen in gray. */
  float light = between(d, 0, 1), gap = between(d, 0.35f, 0.65f), object = light + gap;
  object = object > 1 ? object - 1 : object;
  light = 0.08f + 0.84f * light;
  object = 0.08f + 0.84f * object;
  for (int k = 0; k < 2; k++) tint(d, light + (k ? 0.14f : -0.14f), s->back.tone[k]);
  for (int k = 0; k < 2; k++) tint(d, object + (k ? 0.16f : -0.16f), s->object.tone[k]);
  turn(d, 12, &s->back.cosine, &s->back.sine);
  s->back.frequency = between(d, 2.2f, 3.8f);
  for (int k = 0; k < 2; k++) s->back.phase[k] = between(d, 0, 1);
  for (int j = 0; j < LATTICE; j++)
    for (int i = 0; i < LATTICE; i++) s->back.lattice[j][i] = between(d, 0, 1);
  s->object.shape = label;
  s->object.texture = label % TEXTURES;
  place(d, s, 0.24f, 0.38f, 0.34f, degrees, &s->object);
  for (int k = 0; k < s->clutter; k++) {
    thing *o = &s->other[k];
    o->shape = (int)lun_below(roll(d), KINDS);
    o->texture = (int)lun_below(roll(d), TEXTURES);
    float tone = between(d, 0.1f, 0.9f);
    for (int j = 0; j < 2; j++) tint(d, tone + (j ? 0.1f : -0.1f), o->tone[j]);
    place(d, s, 0.07f, 0.13f, 0.04f, 180, o);
  }
}

/* ---- pixels ---- */

/* Paints the thing over rgb; returns its coverage of the pixel whose centre is (x, y). */
static float paint(const thing *o, float x, float y, float *rgb) {
  float dx = (x - o->x) / o->radius, dy = (y - o->y) / o->radius;
  if (dx * dx + dy * dy > 2.6f) return 0;
  float u = o->cosine * dx + o->sine * dy, v = o->cosine * dy - o->sine * dx;
  float cover = unit(0.5f - outline(o->shape, u, v) * o->radius);
  if (cover <= 0) return 0;
  float t = texture(o->texture, u, v, o->frequency, o->phase);
  for (int k = 0; k < 3; k++) rgb[k] += cover * (o->tone[0][k] + t * (o->tone[1][k] - o->tone[0][k]) - rgb[k]);
  return cover;
}

static void render(const scene *s, dice *d, uint8_t *rgb8, uint8_t *core, uint8_t *spurious) {
  for (int y = 0; y < s->size; y++)
    for (int x = 0; x < s->size; x++) {
      float px = (float)x + 0.5f, py = (float)y + 0.5f, rgb[3], hidden = 0;
      float g = ground(&s->back, px / (float)s->size, py / (float)s->size);
      for (int k = 0; k < 3; k++) rgb[k] = s->back.tone[0][k] + g * (s->back.tone[1][k] - s->back.tone[0][k]);
      for (int k = 0; k < s->clutter; k++) hidden = greater(hidden, paint(&s->other[k], px, py, rgb));
      float cover = paint(&s->object, px, py, rgb);
      for (int k = 0; k < 3; k++) {
        float v = rgb[k] + s->noise * (2 * lun_uniform(roll(d)) - 1);
        *rgb8++ = (uint8_t)(255 * unit(v) + 0.5f);
      }
      *core++ = cover > 0.5f;
      *spurious++ = cover <= 0.5f && hidden <= 0.5f;
    }
}

enum { N, SIZE, CLASSES, CORRELATION, SEED, SPLIT, START, CLUTTER, ROTATION, NOISE };

static int need_int(lun_call *c, int arg, int64_t lo, int64_t hi) {
  int64_t v = c->arg[arg].i;
  if (v >= lo && v <= hi) return LUN_OK;
  return lun_bad(c, LUN_EARG, "%s must lie in %lld..%lld, got %lld", lun_arg_name(c, arg), (long long)lo, (long long)hi,
                 (long long)v);
}

static int need_float_in(lun_call *c, int arg, double lo, double hi) {
  double v = c->arg[arg].f;
  if (v >= lo && v <= hi) return LUN_OK;
  return lun_bad(c, LUN_EARG, "%s must lie in [%g, %g], got %g", lun_arg_name(c, arg), lo, hi, v);
}

static int shapes_shape(lun_call *c) {
  LUN_TRY(need_int(c, N, 0, 100000000));
  LUN_TRY(need_int(c, SIZE, 8, 1024));
  LUN_TRY(need_int(c, CLASSES, 2, KINDS));
  LUN_TRY(need_float_in(c, CORRELATION, 0, 1));
  LUN_TRY(need_int(c, START, 1, INT64_MAX / 2));
  LUN_TRY(need_int(c, CLUTTER, 0, MAX_CLUTTER));
  LUN_TRY(need_float_in(c, ROTATION, 0, 180));
  LUN_TRY(need_float_in(c, NOISE, 0, 1));
  int64_t n = c->arg[N].i, size = c->arg[SIZE].i;
  LUN_TRY(lun_out(c, 0, LUN_U8, 4, (int64_t[]){n, 3, size, size}));
  LUN_TRY(lun_out(c, 1, LUN_I64, 1, &n));
  LUN_TRY(lun_out(c, 2, LUN_U8, 3, (int64_t[]){n, size, size}));
  LUN_TRY(lun_out(c, 3, LUN_U8, 3, (int64_t[]){n, size, size}));
  return lun_out(c, 4, LUN_I64, 1, &n);
}

static int shapes_cpu(lun_call *c) {
  int64_t n = c->arg[N].i, size = c->arg[SIZE].i, classes = c->arg[CLASSES].i, plane = size * size;
  char name[32];
  snprintf(name, sizeof name, "shapes.%.*s", (int)strcspn(c->arg[SPLIT].s, " "), c->arg[SPLIT].s);
  lun_stream stream = lun_stream_make((uint64_t)c->arg[SEED].i, name);
#pragma omp parallel for num_threads(c->threads) schedule(static)
  for (int64_t i = 0; i < n; i++) {
    if (lun_poll(c)) continue;
    uint64_t id = (uint64_t)(c->arg[START].i + i);
    dice d = {.stream = stream, .id = id};
    int label = (int)((id - 1) % (uint64_t)classes);
    scene s = {.size = (int)size, .clutter = (int)c->arg[CLUTTER].i, .noise = (float)c->arg[NOISE].f};
    draw_scene(&d, label, (int)classes, (float)c->arg[CORRELATION].f, (float)c->arg[ROTATION].f, &s);
    render(&s, &d, lun_u8(c->out[0]) + i * 3 * plane, lun_u8(c->out[2]) + i * plane, lun_u8(c->out[3]) + i * plane);
    lun_i64(c->out[1])[i] = label + 1;
    lun_i64(c->out[4])[i] = s.back.kind + 1;
  }
  return lun_poll(c) ? lun_interrupted(c) : LUN_OK;
}

static const char *const shapes_samples[] = {"n=3 size=16 seed=1", "n=2 size=8 classes=4 correlation=0 seed=2 start=9",
                                             "n=0 seed=1", NULL};
const lun_op LUN_ROW(shapes) = {
    .name = "shapes",
    .args = "n:int size:int=32 classes:int=10 correlation:float=0.8 seed:int=1 split:choice(train|test|heldout)=train "
            "start:int=1 clutter:int=3 rotation:float=30 noise:float=0.04 -> images:image labels core spurious grounds",
    .doc = "Scenes start .. start+n-1 of a data set that is drawn, not read: an object of the class on a background.\n"
           "images (n,3,size,size) u8; labels (n) i64, 1..classes in turn; core and spurious (n,size,size) u8, 1 where "
           "the pixel is the object, or bare background; grounds (n) i64, the kind of background, 1..classes.\n"
           "Background kind k belongs to class k with probability correlation, else any kind is drawn.\n"
           "clutter: small distracting objects; rotation: of the object, at most so many degrees; noise: uniform, "
           "amplitude per channel in [0, 1].\n"
           "Every scene is a function of (seed, split, its number): parts made apart are the same.",
    .shape = shapes_shape,
    .cpu = shapes_cpu,
    .no_grad = "data",
    .no_cuda = LUN_TAKES_NO_TENSOR,
    .samples = shapes_samples,
};
