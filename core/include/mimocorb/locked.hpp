// locked.hpp: shared by the sources of the ring; not for its users.
#pragma once

#include "mimocorb/liveness.hpp"
#include "mimocorb/ring.hpp"

namespace mimocorb {

// The moment at which a transition happens. The fences keep the compiler (and, for observers, the
// processor) from moving anything across it: a process may be killed before or after this store,
// and what was written before and after must be exactly what the source says.
inline void commit(Word* word, std::uint64_t value) {
  std::atomic_thread_fence(std::memory_order_acq_rel);
  word->store(value, std::memory_order_release);
  std::atomic_thread_fence(std::memory_order_acq_rel);
}

// The same where another process may do it at the same time; false if it did.
inline bool replace(Word* word, std::uint64_t expected, std::uint64_t value) {
  std::atomic_thread_fence(std::memory_order_acq_rel);
  const bool done = word->compare_exchange_strong(expected, value, std::memory_order_acq_rel);
  std::atomic_thread_fence(std::memory_order_acq_rel);
  return done;
}

// Counts under the lock that are read without it, as hints, by those who spin.
inline void count_up(std::atomic<std::uint32_t>* count, std::uint32_t by = 1) {
  count->store(count->load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}
inline void count_down(std::atomic<std::uint32_t>* count, std::uint32_t by = 1) {
  count->store(count->load(std::memory_order_relaxed) - by, std::memory_order_relaxed);
}

inline bool is_active(const GroupRecord& group) {
  return group.state.load(std::memory_order_relaxed) ==
         static_cast<std::uint64_t>(GroupState::kActive);
}

inline ProcessId process_of(const HandleRecord& handle) {
  return {handle.pid.load(std::memory_order_relaxed),
          handle.start_time.load(std::memory_order_relaxed)};
}

// Holds the lock while it lives. Futexes are moved under the lock and woken after it is released,
// so that who wakes does not run into our lock.
class Ring::Locked {
 public:
  explicit Locked(Ring* ring) : ring_(ring) { ring_->lock(); }
  ~Locked() {
    if (wakes.any()) ring_->signal_all(&wakes);
    ring_->unlock();
    if (wakes.any()) ring_->wake(wakes);
  }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

  Wakes wakes;

 private:
  Ring* ring_;
};

}  // namespace mimocorb
