// wait.hpp: clocks, spinning and sleeping. Everything that may block goes through here.
#pragma once

#include <atomic>
#include <cstdint>

namespace mimocorb {

std::int64_t monotonic_ns();

inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield" ::: "memory");
#endif
}

// A host language with a global lock sets these to let go of it while this thread sleeps.
struct BlockingHooks {
  void* (*enter)();
  void (*leave)(void*);
};
void set_blocking_hooks(BlockingHooks hooks);

class MayBlock {
 public:
  MayBlock();
  ~MayBlock();
  MayBlock(const MayBlock&) = delete;
  MayBlock& operator=(const MayBlock&) = delete;

 private:
  void* token_;
};

// No sleep is longer than this: whoever should have woken us may have been killed before it could.
inline constexpr std::int64_t kLongestSleep_ns = 50'000'000;

// Sleeps while *word == expected, at most `timeout_ns`. Returns early on a signal.
void futex_sleep(std::atomic<std::uint32_t>* word, std::uint32_t expected, std::int64_t timeout_ns);
void futex_wake(std::atomic<std::uint32_t>* word, std::uint32_t sleepers);
void sleep_ns(std::int64_t duration_ns);

}  // namespace mimocorb
