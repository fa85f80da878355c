#include "mimocorb/time_account.hpp"

#include <algorithm>
#include <atomic>
#include <bit>

namespace mimocorb {
namespace {

// Eight bins for each factor of two; interval_edges_ns() in meter_page.py has the edges.
constexpr std::int64_t kLongestInterval_ns = (std::int64_t{1} << 43) - 1;

int bin_of(std::int64_t interval_ns) {
  const auto ns = static_cast<std::uint64_t>(std::clamp<std::int64_t>(interval_ns, 0, kLongestInterval_ns));
  const int octave = static_cast<int>(std::bit_width(ns));
  return (octave << 3) + static_cast<int>((ns << 4 >> octave) & 7);
}

}  // namespace

// After the time of what has ended (A2).
void TimeAccount::do_from_now_on(std::int64_t activity) {
  activity_ = activity;
  std::atomic_ref<std::int64_t>(words_[kDoing]).store(activity, std::memory_order_release);
}

void TimeAccount::begin(std::int64_t now_ns) {
  since_ns_ = slot_ns_ = now_ns;
  do_from_now_on(kLive);
  words_[kBegan] = now_ns;
}

std::int64_t TimeAccount::switch_to(std::int64_t activity, std::int64_t now_ns) {
  const std::int64_t before = activity_;
  spent(before) += now_ns - since_ns_;
  since_ns_ = now_ns;
  do_from_now_on(activity);
  return before;
}

void TimeAccount::source_begins(std::int64_t now_ns) {
  if (activity_ != kLive) switch_to(kLive, now_ns);
  live_at_event_ns_ = live_at_slot_ns_ = spent(kLive);
  slot_ns_ = since_ns_;
}

double TimeAccount::deadtime() const {
  const std::int64_t interval_ns = since_ns_ - slot_ns_;
  const std::int64_t active_ns = spent(kLive) - live_at_slot_ns_;
  return interval_ns > 0 ? 1.0 - static_cast<double>(active_ns) / static_cast<double>(interval_ns) : 0.0;
}

void TimeAccount::event_is_published(std::int64_t count, std::int64_t now_ns) {
  slot_ns_ = since_ns_;
  switch_to(kLive, now_ns);
  const std::int64_t live_ns = live_at_slot_ns_ = spent(kLive);
  words_[kIntervals + bin_of(live_ns - live_at_event_ns_)] += 1;
  if (count > 1) words_[kIntervals] += count - 1;
  live_at_event_ns_ = live_ns;
}

void TimeAccount::event_is_dropped(std::int64_t now_ns) {
  slot_ns_ = since_ns_;
  live_at_slot_ns_ = spent(kLive);
  switch_to(kLive, now_ns);
}

void TimeAccount::device_was_dead(std::int64_t dead_ns, std::int64_t now_ns) {
  if (activity_ != kLive) return;
  switch_to(kLive, now_ns);
  owed_ns_ += std::max<std::int64_t>(dead_ns, 0);
  const std::int64_t taken_ns = std::min(owed_ns_, spent(kLive) - live_at_event_ns_);
  spent(kLive) -= taken_ns;  // as below
  spent(kReadingOut) += taken_ns;
  owed_ns_ -= taken_ns;
}

void TimeAccount::event_is_refused(std::int64_t now_ns) {
  switch_to(kEnded, now_ns);
  const std::int64_t vain_ns = spent(kLive) - live_at_event_ns_;
  spent(kLive) -= vain_ns;  // a reader in between sees time that is yet to be counted, never too much
  spent(kEnded) += vain_ns;
}

}  // namespace mimocorb
