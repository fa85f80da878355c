// Who takes part: attaching, leaving, finding the dead, and the end of the stream that follows.
#include <cerrno>

#include "mimocorb/liveness.hpp"
#include "mimocorb/locked.hpp"
#include "mimocorb/wait.hpp"

namespace mimocorb {
namespace {

constexpr std::int64_t kLivenessInterval_ns = 40'000'000;

}  // namespace

// model: ATTACH. A promise is taken after the handle stands, by an absolute value that recovery can
// store again: killed in between, the promise is neither lost nor taken twice.
Outcome Ring::open_handle(Role role, std::uint32_t port, std::uint32_t* handle) {
  reap(true);  // make room where the dead still stand, and see the ring as it is
  const ProcessId self = this_process();
  if (self.start_time == 0) return {Fault::kSystem, errno, 0};
  Locked locked(this);
  if (role == Role::kReader &&
      (port >= segment_->max_groups() || !is_active(segment_->group(port))))
    return {Fault::kNoSuchPort, 0, port};
  if (role == Role::kWriter &&
      (port >= kMaxTokens ||
       (segment_->token(port).promised.load(std::memory_order_relaxed) & TokenRecord::kInUse) == 0))
    return {Fault::kNoSuchPort, 0, port};
  std::uint32_t index = 0;
  while (index < kMaxHandles && segment_->handle(index).state.load(std::memory_order_relaxed) != 0)
    ++index;
  if (index == kMaxHandles) return {Fault::kHandlesFull, 0, kMaxHandles};

  HandleRecord& record = segment_->handle(index);
  record.role = role;
  record.port = port;
  record.pid.store(self.pid, std::memory_order_relaxed);
  record.start_time.store(self.start_time, std::memory_order_relaxed);
  record.sleeping = Sleeping::kNot;
  record.waiting_since_ns.store(0, std::memory_order_relaxed);
  for (auto& waited : record.waited_ns) waited.store(0, std::memory_order_relaxed);
  record.owes_promise = 0;
  record.reservation = 0;
  if (role == Role::kWriter) {
    const std::uint64_t promised = segment_->token(port).promised.load(std::memory_order_relaxed);
    const auto left = static_cast<std::uint32_t>(promised & ~TokenRecord::kInUse);
    record.promise_target = left > 0 ? left - 1 : 0;
    record.owes_promise = 1;
  }
  if (index >= header_.handles_used.load(std::memory_order_relaxed))
    header_.handles_used.store(index + 1, std::memory_order_relaxed);
  commit(&record.state, 1);
  if (role == Role::kWriter) {
    commit(&segment_->token(port).promised, TokenRecord::kInUse | record.promise_target);
    record.owes_promise = 0;
    ++segment_->token(port).open;
    ++header_.open_writers;
    settle_reservations(Reservation::kWithdraw);
    update_ended(&locked.wakes);
  } else {
    ++segment_->group(port).readers;
  }
  *handle = index;
  return {};
}

// model: DETACH. Nothing may be in hand any more.
void Ring::leave(std::uint32_t handle, Wakes* wakes) {
  HandleRecord& record = segment_->handle(handle);
  settle_reservation(handle, Reservation::kWithdraw);
  commit(&record.state, 0);
  if (record.role == Role::kWriter) {
    for (std::size_t cause = 0; cause < kWaitCauses; ++cause)
      header_.waited_ns[cause] += record.waited_ns[cause].load(std::memory_order_relaxed);
    --segment_->token(record.port).open;
    --header_.open_writers;
    update_ended(wakes);
  } else {
    GroupRecord& group = segment_->group(record.port);
    group.waited_ns +=
        record.waited_ns[static_cast<std::size_t>(WaitCause::kData)].load(std::memory_order_relaxed);
    --group.readers;
  }
}

std::uint32_t Ring::reap(bool force) {
  const std::int64_t now = monotonic_ns();
  const std::int64_t last = header_.liveness_checked_ns.load(std::memory_order_relaxed);
  if (!force && now - last < kLivenessInterval_ns) return 0;
  header_.liveness_checked_ns.store(now, std::memory_order_relaxed);

  std::uint32_t dead[kMaxHandles];
  ProcessId who[kMaxHandles];
  std::uint32_t found = 0;
  const ProcessId self = this_process();
  const std::uint32_t handles = header_.handles_used.load(std::memory_order_relaxed);
  for (std::uint32_t i = 0; i < handles; ++i) {
    const HandleRecord& record = segment_->handle(i);
    if (record.state.load(std::memory_order_acquire) == 0) continue;
    const ProcessId process = process_of(record);
    if (process == self) continue;
    if (is_alive(process)) continue;
    dead[found] = i;
    who[found] = process;
    ++found;
  }
  if (found == 0) return 0;

  Locked locked(this);
  std::uint32_t reclaimed = 0;
  for (std::uint32_t k = 0; k < found; ++k) {
    const HandleRecord& record = segment_->handle(dead[k]);
    // Someone else may have recovered it meanwhile and the place may have a new owner.
    if (record.state.load(std::memory_order_relaxed) == 0 || process_of(record) != who[k]) continue;
    reclaim(dead[k]);
    ++reclaimed;
  }
  if (reclaimed > 0) {
    rebuild_caches();
    wake_everyone(&locked.wakes);
  }
  return reclaimed;
}

// The stream has ended when claims are over, or when every promised writer has come and gone.
void Ring::update_ended(Wakes* wakes) {
  std::uint32_t tokens = 0;
  std::uint32_t live = 0;
  for (std::uint32_t t = 0; t < kMaxTokens; ++t) {
    const TokenRecord& token = segment_->token(t);
    const std::uint64_t promised = token.promised.load(std::memory_order_relaxed);
    if ((promised & TokenRecord::kInUse) == 0) break;  // tokens are given out in order
    ++tokens;
    if (promised != TokenRecord::kInUse || token.open > 0) ++live;
  }
  const bool ended = header_.ending.load(std::memory_order_relaxed) != 0 || (tokens > 0 && live == 0);
  const bool was = header_.stream_ended.load(std::memory_order_relaxed) != 0;
  // SYNC stream-end: pairs with ObserverPort::wait
  header_.stream_ended.store(ended ? 1 : 0, std::memory_order_release);
  if (ended && !was) wake_everyone(wakes);
}

// With the last event that was asked for, claims are over.
void Ring::end_at_limit(Wakes* wakes) {
  const std::uint64_t limit = header_.event_limit.load(std::memory_order_relaxed);
  if (limit == 0 || header_.next_sequence.load(std::memory_order_relaxed) <= limit) return;
  header_.ending.store(1, std::memory_order_relaxed);
  update_ended(wakes);
  wake_everyone(wakes);
}

}  // namespace mimocorb
