// The lock of a ring, sleeping and waking: what every port does around its transitions.
#include "mimocorb/ring.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "mimocorb/liveness.hpp"
#include "mimocorb/locked.hpp"
#include "mimocorb/wait.hpp"

namespace mimocorb {
namespace {

constexpr int kTriesBeforeBlocking = 100;
constexpr std::uint32_t kEveryone = 0x7fffffff;
const std::uint64_t kProcessors = static_cast<std::uint64_t>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));

}  // namespace

Ring::Ring(std::shared_ptr<Segment> segment) noexcept
    : segment_(std::move(segment)),
      header_(segment_->header()),
      fork_generation_(mimocorb::fork_generation()) {}

bool Ring::foreign() const { return fork_generation_ != mimocorb::fork_generation(); }

bool Ring::creator_alive() const {
  return is_alive({header_.creator_pid, header_.creator_start_time});
}

// --- the lock ---------------------------------------------------------------------------------

// With a host language's lock around us, blocking on ours and coming back with both would make
// everybody wait for the host. So: wait until ours is free without keeping it, then try again.
void Ring::lock() {
  for (;;) {
    int error = EBUSY;
    for (int i = 0; i < kTriesBeforeBlocking && error == EBUSY; ++i) {
      error = pthread_mutex_trylock(&header_.lock);
      if (error == EBUSY) relax();
    }
    if (error == EOWNERDEAD) take_over();
    if (error == 0 || error == EOWNERDEAD) return;
    // Anything else means that someone unlocked unrepaired: to go on would be to damage data.
    if (error != EBUSY) std::abort();
    const MayBlock may_block;
    note_sleep();
    if (pthread_mutex_lock(&header_.lock) == EOWNERDEAD) take_over();
    pthread_mutex_unlock(&header_.lock);
  }
}

// Never unlock unrepaired: that would make the lock unusable for ever.
void Ring::take_over() {
  recover_after_owner_death();
  pthread_mutex_consistent(&header_.lock);
}

void Ring::unlock() { pthread_mutex_unlock(&header_.lock); }

// Lock held. Moves the futex only if someone sleeps on it who is not being woken already, so that
// waking costs nothing otherwise.
bool Ring::signal(WaitChannel* channel, std::uint32_t wanted) {
  const std::uint32_t sleepers = channel->sleepers.load(std::memory_order_relaxed);
  if (sleepers <= channel->woken) return false;
  const std::uint32_t asleep = sleepers - channel->woken;
  channel->woken += wanted < asleep ? wanted : asleep;
  channel->turn.fetch_add(1, std::memory_order_relaxed);
  return true;
}

// Lock held. Those who are awake come back for more. One more is woken if that takes long: what is due
// would keep them busy for longer than waking takes, or none of them has come for as long. More of them
// than there are processors finish no sooner, unless they wait for something else: then it has to take
// the longer, the more they are. Readers that calculate may be kept from a processor for long, by
// whatever else runs there, and more of them would only wait with them.
bool Ring::needs_a_reader(const GroupRecord& group) const {
  constexpr std::uint64_t kWorthWaking_ns = 200'000;
  const std::uint64_t due = group.queue_count.load(std::memory_order_relaxed);
  const std::uint32_t sleepers = group.data.sleepers.load(std::memory_order_relaxed);
  if (due == 0 || sleepers == 0 || group.data.woken > 0) return false;
  if (group.readers <= sleepers) return true;
  const bool is_looked_for = group.data.looking.load(std::memory_order_relaxed) != 0;
  if (is_looked_for && due == 1) return false;
  if (group.round_ns == 0) return true;
  const std::uint64_t awake =
      std::clamp(group.held.load(std::memory_order_relaxed), 1U, group.readers - sleepers);
  const std::uint32_t slots = segment_->number_of_slots();
  if (awake < kProcessors && due >= slots - slots / 4) return true;
  if (awake >= kProcessors && group.asleep < GroupRecord::kAlways / 4) return false;
  const std::int64_t silence_ns = is_looked_for ? 0 : header_.newest_ns - group.asked_ns;
  const std::uint64_t takes_ns =
      std::max(due * group.round_ns, static_cast<std::uint64_t>(std::max<std::int64_t>(silence_ns, 0)));
  return takes_ns / awake > kWorthWaking_ns * std::max(awake, kProcessors) / kProcessors;
}

// Lock held. A writer that waits has something to write, so each of them is woken, but by the one
// before: a reader that woke a writer with every event would do nothing else.
bool Ring::needs_a_writer() const {
  if (header_.space.sleepers.load(std::memory_order_relaxed) == 0 || header_.space.woken > 0) return false;
  const std::uint32_t free = header_.free_count.load(std::memory_order_relaxed);
  const bool is_looked_for = header_.space.looking.load(std::memory_order_relaxed) != 0;
  return free > (is_looked_for ? segment_->number_of_slots() / 4 : 0);
}

// Lock held. The futexes are moved now and woken after the lock is released, so that who wakes does
// not run into our lock.
void Ring::signal_all(Wakes* wakes) {
  const std::uint32_t wanted = wakes->everyone ? kEveryone : 1;
  for (std::uint64_t rest = wakes->groups; rest != 0; rest &= rest - 1) {
    const auto g = static_cast<std::uint32_t>(__builtin_ctzll(rest));
    GroupRecord& group = segment_->group(g);
    if (!(wakes->everyone || needs_a_reader(group)) || !signal(&group.data, wanted))
      wakes->groups &= ~(1ULL << g);
  }
  for (std::uint64_t rest = wakes->turns; rest != 0; rest &= rest - 1) {
    const auto g = static_cast<std::uint32_t>(__builtin_ctzll(rest));
    if (!signal(&segment_->group(g).turn, kEveryone)) wakes->turns &= ~(1ULL << g);
  }
  if (wakes->space && (!(wakes->everyone || needs_a_writer()) || !signal(&header_.space, wanted)))
    wakes->space = false;
  if (wakes->progress && !signal(&header_.progress, kEveryone)) wakes->progress = false;
}

void Ring::wake(const Wakes& wakes) {
  const std::uint32_t wanted = wakes.everyone ? kEveryone : 1;
  for (std::uint64_t rest = wakes.groups; rest != 0; rest &= rest - 1) {
    const auto group = static_cast<std::uint32_t>(__builtin_ctzll(rest));
    futex_wake(&segment_->group(group).data.turn, wanted);
  }
  for (std::uint64_t rest = wakes.turns; rest != 0; rest &= rest - 1) {
    const auto group = static_cast<std::uint32_t>(__builtin_ctzll(rest));
    futex_wake(&segment_->group(group).turn.turn, kEveryone);
  }
  if (wakes.space) futex_wake(&header_.space.turn, wanted);
  if (wakes.progress) futex_wake(&header_.progress.turn, kEveryone);
}

void Ring::wake_everyone(Wakes* wakes) {
  for (std::uint32_t g = 0; g < segment_->max_groups(); ++g)
    if (is_active(segment_->group(g))) wakes->groups |= 1ULL << g;
  wakes->turns = wakes->groups;
  wakes->space = true;
  wakes->progress = true;
  wakes->everyone = true;
}

// --- sleeping ---------------------------------------------------------------------------------

void Ring::count_in(std::uint32_t handle, Sleeping how, WaitChannel* channel, std::uint32_t* turn) {
  segment_->handle(handle).sleeping = how;
  count_up(&channel->sleepers);
  *turn = channel->turn.load(std::memory_order_relaxed);
}

void Ring::count_out(std::uint32_t handle, WaitChannel* channel) {
  segment_->handle(handle).sleeping = Sleeping::kNot;
  settle(channel);
}

// Lock held. One sleeper less, and one wake-up less that is on its way.
void Ring::settle(WaitChannel* channel) {
  channel->sleepers.fetch_sub(1, std::memory_order_relaxed);
  if (channel->woken > 0) --channel->woken;
}

// A sleep that nobody ended may mean that whoever should have ended it is dead.
int Ring::after_sleep(std::uint32_t turn_then, const WaitChannel& channel) {
  if (channel.turn.load(std::memory_order_relaxed) != turn_then) return kOk;
  if (reap(false) > 0) return kOk;
  return creator_alive() ? kNotNow : kOrphaned;
}

}  // namespace mimocorb
