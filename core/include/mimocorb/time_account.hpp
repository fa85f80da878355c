// time_account.hpp: what a process does with its time, in a page that others read at any moment.
//
// Whole nanoseconds by activity; each moment belongs to exactly one. The page is an array of words
// (int64) whose layout and promises A1 and A2 are in mimocorb/components/meter_page.py. Every word is
// written by one store of one process. The moments come from outside, so that the account can be
// tested with any clock.
#pragma once

#include <cstdint>

namespace mimocorb {

class TimeAccount {
 public:
  // Activities that the account itself knows; the others are numbers to it.
  static constexpr std::int64_t kLive = 1, kReadingOut = 2, kEnded = 8;
  static constexpr std::uint64_t kPageBytes = 8192;

  explicit TimeAccount(std::int64_t* page) : words_(page) {}

  void begin(std::int64_t now_ns);
  // Do something else from now on; returns what was done before.
  std::int64_t switch_to(std::int64_t activity, std::int64_t now_ns);

  // --- a source: live, until an event is there; reading out, until it is published

  void source_begins(std::int64_t now_ns);
  void event_is_there(std::int64_t now_ns) {
    if (activity_ == kLive) switch_to(kReadingOut, now_ns);
  }
  // The dead part of the time from event to event. An interval ends when the event has its slot; to
  // fill this belongs to the next interval. So no time is left out, and none counts twice.
  [[nodiscard]] double deadtime() const;
  // Of a block of `count` events, only the first has had to be waited for.
  void event_is_published(std::int64_t count, std::int64_t now_ns);
  void event_is_dropped(std::int64_t now_ns);
  // The device says that it was dead for so long since its last event: that was not live. What
  // events behind each other leave no room for is owed, and taken off the live time that follows.
  void device_was_dead(std::int64_t dead_ns, std::int64_t now_ns);
  // What was waited since the last event is not live: the source could not have got rid of one.
  void event_is_refused(std::int64_t now_ns);

  [[nodiscard]] std::int64_t activity() const { return activity_; }
  [[nodiscard]] std::int64_t since_ns() const { return since_ns_; }

 private:
  static constexpr int kBegan = 1, kDoing = 2, kSpent = 8, kIntervals = 128;

  [[nodiscard]] std::int64_t& spent(std::int64_t activity) const { return words_[kSpent + activity]; }
  void do_from_now_on(std::int64_t activity);

  std::int64_t* words_;
  std::int64_t activity_ = 0;
  std::int64_t since_ns_ = 0;
  std::int64_t live_at_event_ns_ = 0;
  std::int64_t owed_ns_ = 0;
  std::int64_t slot_ns_ = 0, live_at_slot_ns_ = 0;
};

}  // namespace mimocorb
