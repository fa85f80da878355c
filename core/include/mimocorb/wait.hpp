// wait.hpp: clocks, spinning and sleeping. Everything that may block goes through here.
#pragma once

#include <atomic>
#include <cstdint>

namespace mimocorb {

std::int64_t monotonic_ns();
std::int64_t utc_ns();

// What this thread has done so far.
struct ThreadTime {
  std::int64_t processor_ns;  // in whole µs
  std::int64_t sleeps;        // for anything but the ring: that is, in the functions of its user
};
ThreadTime thread_time();

inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield" ::: "memory");
#endif
}

// How long to look before sleeping: as asked, and kFactor times as long while waits are short.
// Being woken takes longer than a short wait, so that two processes of about the same speed would
// fall asleep by turns. What is tried in vain is not tried again for a while: it takes a core from
// whoever else would work.
class Patience {
 public:
  static constexpr std::int64_t kFactor = 20;
  static constexpr std::int64_t kShortWait_ns = 200'000;
  static constexpr int kWaitsUntilNextTrial = 16;

  [[nodiscard]] std::int64_t beyond_ns(std::int64_t asked_ns) const {
    return patient_ ? (kFactor - 1) * asked_ns : 0;
  }
  void found() { patient_ = true; }
  void slept(std::int64_t waited_ns) {
    const bool was_in_vain = patient_;
    if (was_in_vain) waits_until_trial_ = kWaitsUntilNextTrial;
    patient_ = waited_ns < kShortWait_ns && waits_until_trial_ == 0;
    if (waits_until_trial_ > 0) --waits_until_trial_;
  }

 private:
  bool patient_ = false;
  int waits_until_trial_ = 0;
};

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

// Sleeps while *word == expected, at most `timeout_ns` and at most kLongestSleep_ns. Returns early on a
// signal.
void futex_sleep(std::atomic<std::uint32_t>* word, std::uint32_t expected, std::int64_t timeout_ns);
void futex_wake(std::atomic<std::uint32_t>* word, std::uint32_t sleepers);
void sleep_ns(std::int64_t duration_ns);
void note_sleep();  // of this thread, for the ring
void give_way();    // to other processes that are ready to run on this core

}  // namespace mimocorb
