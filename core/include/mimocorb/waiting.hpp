// waiting.hpp: how the ports of writers and readers wait: looking, giving way, asleep; and the time of it.
// Shared by the sources of the ring; not for its users.
#pragma once

#include <algorithm>
#include <cstdint>

#include "mimocorb/layout.hpp"
#include "mimocorb/wait.hpp"

namespace mimocorb {

// Looks at `condition` for up to `spin_ns`; the clock is read only now and then.
template <class Condition>
bool spin_until(Condition condition, std::int64_t spin_ns) {
  if (spin_ns <= 0) return condition();
  const std::int64_t until = monotonic_ns() + spin_ns;
  do {
    for (int i = 0; i < 16; ++i) {
      if (condition()) return true;
      relax();
    }
  } while (monotonic_ns() < until);
  return false;
}

// The same for longer: between looks, others that are ready to run on this core go first. With more
// processes than cores, one of them is likely to be the one that is waited for.
template <class Condition>
bool give_way_until(Condition condition, std::int64_t duration_ns) {
  if (duration_ns <= 0) return false;
  const std::int64_t until = monotonic_ns() + duration_ns;
  const MayBlock may_block;
  do {
    if (condition()) return true;
    give_way();
  } while (monotonic_ns() < until);
  return false;
}

// Says that somebody looks for what comes on a channel, unless another one does already.
class Looking {
 public:
  Looking(std::uint32_t handle, WaitChannel* channel) : looking_(&channel->looking), me_(handle + 1) {
    if (looking_->load(std::memory_order_relaxed) == 0)
      looking_->store(me_, std::memory_order_relaxed);
  }
  ~Looking() {
    if (is_ours()) looking_->store(0, std::memory_order_relaxed);
  }
  [[nodiscard]] bool is_ours() const { return looking_->load(std::memory_order_relaxed) == me_; }
  Looking(const Looking&) = delete;
  Looking& operator=(const Looking&) = delete;

 private:
  std::atomic<std::uint32_t>* looking_;
  std::uint32_t me_;
};

// Whether `condition` came true while there was patience to look for it. Of all who wait on a channel
// one looks: what comes is for one of them, and the others would take the processor from whoever works.
template <class Condition>
bool found_by_looking(std::uint32_t handle, WaitChannel* channel, Condition condition,
                      std::int64_t asked_ns, std::int64_t timeout_ns, Patience* patience) {
  const Looking looking(handle, channel);
  if (!looking.is_ours()) return false;
  const std::int64_t more_ns = std::min(patience->beyond_ns(asked_ns), timeout_ns - asked_ns);
  if (!spin_until(condition, std::min(asked_ns, timeout_ns)) && !give_way_until(condition, more_ns))
    return false;
  patience->found();
  return true;
}

// Counts the time from construction to destruction as waiting for one cause.
class WaitingTime {
 public:
  WaitingTime(HandleRecord* record, WaitCause cause)
      : record_(record), cause_(static_cast<std::uint32_t>(cause)), since_(monotonic_ns()) {
    record_->waiting_cause.store(cause_, std::memory_order_relaxed);
    record_->waiting_since_ns.store(since_, std::memory_order_relaxed);
  }
  ~WaitingTime() {
    record_->waiting_since_ns.store(0, std::memory_order_relaxed);
    record_->waited_ns[cause_].fetch_add(so_far_ns(), std::memory_order_relaxed);
  }
  [[nodiscard]] std::int64_t so_far_ns() const { return monotonic_ns() - since_; }
  WaitingTime(const WaitingTime&) = delete;
  WaitingTime& operator=(const WaitingTime&) = delete;

 private:
  HandleRecord* record_;
  std::uint32_t cause_;
  std::int64_t since_;
};

inline std::int64_t waited(const HandleRecord& record, WaitCause cause) {
  return record.waited_ns[static_cast<std::size_t>(cause)].load(std::memory_order_relaxed);
}

}  // namespace mimocorb
