#include "mimocorb/wait.hpp"

#include <linux/futex.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

namespace mimocorb {
namespace {

std::int64_t read_clock(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

BlockingHooks hooks{nullptr, nullptr};
thread_local std::int64_t sleeps_for_the_ring = 0;

std::int64_t to_ns(const timeval& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::int64_t>(time.tv_usec) * 1'000;
}

timespec to_timespec(std::int64_t ns) {
  return {static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
}

}  // namespace

std::int64_t monotonic_ns() { return read_clock(CLOCK_MONOTONIC); }
std::int64_t utc_ns() { return read_clock(CLOCK_REALTIME); }

ThreadTime thread_time() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return {to_ns(usage.ru_utime) + to_ns(usage.ru_stime), usage.ru_nvcsw - sleeps_for_the_ring};
}

void note_sleep() { ++sleeps_for_the_ring; }

void set_blocking_hooks(BlockingHooks wanted) { hooks = wanted; }

MayBlock::MayBlock() : token_(hooks.enter != nullptr ? hooks.enter() : nullptr) {}

MayBlock::~MayBlock() {
  if (hooks.leave != nullptr) hooks.leave(token_);
}

void futex_sleep(std::atomic<std::uint32_t>* word, std::uint32_t expected,
                 std::int64_t timeout_ns) {
  const timespec timeout = to_timespec(std::min(timeout_ns, kLongestSleep_ns));
  const MayBlock may_block;
  note_sleep();
  syscall(SYS_futex, word, FUTEX_WAIT, expected, &timeout, nullptr, 0);
}

void futex_wake(std::atomic<std::uint32_t>* word, std::uint32_t sleepers) {
  syscall(SYS_futex, word, FUTEX_WAKE, sleepers, nullptr, nullptr, 0);
}

void give_way() { sched_yield(); }

void sleep_ns(std::int64_t duration_ns) {
  const timespec duration = to_timespec(duration_ns);
  const MayBlock may_block;
  nanosleep(&duration, nullptr);
}

}  // namespace mimocorb
