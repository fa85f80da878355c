// Observing: copy, then check that the slot stood still meanwhile. Reads only, takes no lock.
#include <algorithm>
#include <cstring>

#include "mimocorb/liveness.hpp"
#include "mimocorb/ring.hpp"
#include "mimocorb/wait.hpp"

namespace mimocorb {
namespace {

constexpr int kTries = 4;
constexpr std::int64_t kLook_ns = 1'000'000;
constexpr std::int64_t kLivenessInterval_ns = 100'000'000;

// The slot may be written to while it is copied: on purpose a race, found by the check afterwards,
// which throws the copy away. The thread sanitizer is told so here and nowhere else; as it looks
// into memcpy all the same, it gets a loop.
#if defined(__SANITIZE_THREAD__)
__attribute__((no_sanitize("thread"), noinline)) void copy_moving(void* target, const void* source,
                                                                  std::size_t bytes) {
  auto* to = static_cast<volatile std::uint8_t*>(target);
  const auto* from = static_cast<const volatile std::uint8_t*>(source);
  for (std::size_t i = 0; i < bytes; ++i) to[i] = from[i];
}
#else
void copy_moving(void* target, const void* source, std::size_t bytes) {
  std::memcpy(target, source, bytes);
}
#endif

}  // namespace

ObserverPort::ObserverPort(std::shared_ptr<Segment> segment) : segment_(std::move(segment)) {}

// model: COPY. SYNC slot-content: the claim of a slot is stored before any byte of its new content;
// so if the word did not change while we copied, none of the bytes did.
bool ObserverPort::copy_slot(std::uint32_t slot, std::uint8_t* target, Snapshot* seen) const {
  const SlotRecord& record = segment_->slot(slot);
  const SlotWord before = SlotWord::decode(record.word.load(std::memory_order_acquire));
  const std::uint64_t sequence = record.sequence.load(std::memory_order_relaxed);
  if (before.state == SlotState::kClaimed || sequence == 0) return false;
  const RingHeader& header = segment_->header();
  const std::uint8_t* content = segment_->payload_of(slot);
  std::uint64_t first_word = 0;
  if (header.is_sized != 0) copy_moving(&first_word, content, sizeof first_word);
  copy_moving(target, content, segment_->bytes_to_copy(first_word));
  seen->sequence = sequence;
  copy_moving(&seen->metadata.counter, &record.counter, sizeof record.counter);
  copy_moving(&seen->metadata.timestamp_s, &record.timestamp_s, sizeof record.timestamp_s);
  copy_moving(&seen->metadata.deadtime, &record.deadtime, sizeof record.deadtime);
  std::uint16_t has_time = 0;
  copy_moving(&has_time, &record.has_time, sizeof has_time);
  seen->metadata.time_ns = kNoTime;
  if (has_time != 0) copy_moving(&seen->metadata.time_ns, &segment_->time_ns(slot), sizeof(std::int64_t));
  copy_moving(&seen->published_ns, &record.published_ns, sizeof record.published_ns);
  std::atomic_thread_fence(std::memory_order_acquire);
  const SlotWord after = SlotWord::decode(record.word.load(std::memory_order_relaxed));
  return after.generation == before.generation &&
         record.sequence.load(std::memory_order_relaxed) == sequence;
}

bool ObserverPort::snapshot(std::uint8_t* target, Snapshot* seen) const {
  const RingHeader& header = segment_->header();
  for (int i = 0; i < kTries; ++i) {
    const std::uint32_t newest = header.newest_slot.load(std::memory_order_acquire);
    if (newest == 0 || newest > segment_->number_of_slots()) return false;
    if (copy_slot(newest - 1, target, seen)) return true;
    relax();
  }
  // The newest is being overwritten all the time: the newest of those that stand still, then.
  std::uint64_t best = 0;
  std::uint32_t best_slot = 0;
  for (std::uint32_t s = 0; s < segment_->number_of_slots(); ++s) {
    const SlotRecord& record = segment_->slot(s);
    const std::uint64_t sequence = record.sequence.load(std::memory_order_relaxed);
    if (sequence > best && SlotWord::decode(record.word.load(std::memory_order_relaxed)).state !=
                               SlotState::kClaimed) {
      best = sequence;
      best_slot = s;
    }
  }
  return best > 0 && copy_slot(best_slot, target, seen);
}

std::uint64_t ObserverPort::newest() const {
  return segment_->header().next_sequence.load(std::memory_order_acquire) - 1;
}

// SYNC publish-order: an event has its number and its slot is READY before next_sequence passes it. So
// an event before `next` that is not seen in a slot has been finished with.
std::uint64_t ObserverPort::oldest_unfinished() const {
  std::uint64_t oldest = segment_->header().next_sequence.load(std::memory_order_acquire);
  for (std::uint32_t s = 0; s < segment_->number_of_slots(); ++s) {
    const SlotRecord& record = segment_->slot(s);
    if (SlotWord::decode(record.word.load(std::memory_order_acquire)).state != SlotState::kReady) continue;
    const std::uint64_t sequence = record.sequence.load(std::memory_order_relaxed);
    if (sequence != 0) oldest = std::min(oldest, sequence);
  }
  return oldest;
}

int ObserverPort::wait(std::uint64_t newer_than, std::int64_t timeout_ns) {
  const RingHeader& header = segment_->header();
  // SYNC stream-end: the end is stored after the number of the last event. So whoever has seen the
  // end, looked for first, sees that number.
  const bool ended = header.stream_ended.load(std::memory_order_acquire) != 0 ||
                     header.readers_ended.load(std::memory_order_acquire) != 0;
  if (newest() > newer_than) return kOk;
  if (ended) return kEnded;
  const std::int64_t now = monotonic_ns();
  if (now - liveness_checked_ns_ > kLivenessInterval_ns) {
    liveness_checked_ns_ = now;
    if (!is_alive({header.creator_pid, header.creator_start_time})) return kOrphaned;
  }
  // An observer may not write into the ring, so nobody knows that it sleeps: it looks again.
  sleep_ns(timeout_ns < kLook_ns ? timeout_ns : kLook_ns);
  return newest() > newer_than ? kOk : kNotNow;
}

}  // namespace mimocorb
