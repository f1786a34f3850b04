/* watch.h: every access to memory that a kernel makes on the emulated device, looked at. The kernels are compiled with
** ThreadSanitizer's marks, and accesses.cpp stands where its library would: it drops what a thread does on its own stack
** and hands the rest on. Without LUN_CUDA_WATCH nothing is watched and these functions are empty.
**
**   races.cpp     two threads, one place, no barrier between them: what a device answers differently from run to run
**   traffic.cpp   which sectors a warp's loads and stores touch: what a device's memory has to move
*/
#ifndef CUDA_HOST_WATCH_H
#define CUDA_HOST_WATCH_H

#include <stddef.h>
#include <stdint.h>

enum class touch { read, write, atomic };

#ifdef LUN_CUDA_WATCH
/* Called by cuda_host.cpp, in this order. Names outlive the launch. */
void cuda_watch_launch(const char *op, const char *kernel);
void cuda_watch_block(int64_t number, int threads, const void *shared, size_t size);
/* Whose accesses follow, and its stack. */
void cuda_watch_thread(int number, const char *stack, size_t size);
void cuda_watch_inside(bool is);                /* whether it has its arguments, and has not ended */
void cuda_watch_barrier(void);                  /* all threads of the block met */
void cuda_watch_meet(int warp, unsigned lanes); /* these lanes of it met in __syncwarp */
/* NULL, or the first race of the launch in words, which stay until the next. */
const char *cuda_watch_end(void);
void cuda_watch_atomic(const void *p, size_t size);
#else
static inline void cuda_watch_launch(const char *, const char *) {}
static inline void cuda_watch_block(int64_t, int, const void *, size_t) {}
static inline void cuda_watch_thread(int, const char *, size_t) {}
static inline void cuda_watch_inside(bool) {}
static inline void cuda_watch_barrier(void) {}
static inline void cuda_watch_meet(int, unsigned) {}
static inline const char *cuda_watch_end(void) { return nullptr; }
static inline void cuda_watch_atomic(const void *, size_t) {}
#endif

#endif
