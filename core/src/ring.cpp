// The lock of a ring, sleeping and waking: what every port does around its transitions.
#include "mimocorb/ring.hpp"

#include <cerrno>
#include <cstdlib>

#include "mimocorb/liveness.hpp"
#include "mimocorb/locked.hpp"
#include "mimocorb/wait.hpp"

namespace mimocorb {
namespace {

constexpr int kTriesBeforeBlocking = 100;

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

void Ring::wake(const Wakes& wakes) {
  for (std::uint64_t rest = wakes.groups; rest != 0; rest &= rest - 1) {
    const auto group = static_cast<std::uint32_t>(__builtin_ctzll(rest));
    futex_wake(&segment_->group(group).data.turn, wakes.events);
  }
  for (std::uint64_t rest = wakes.turns; rest != 0; rest &= rest - 1) {
    const auto group = static_cast<std::uint32_t>(__builtin_ctzll(rest));
    futex_wake(&segment_->group(group).turn.turn, Wakes::kEveryone);
  }
  if (wakes.slots > 0) futex_wake(&header_.space.turn, wakes.slots);
  if (wakes.progress) futex_wake(&header_.progress.turn, Wakes::kEveryone);
}

void Ring::wake_everyone(Wakes* wakes) {
  for (std::uint32_t g = 0; g < segment_->max_groups(); ++g)
    if (is_active(segment_->group(g))) wakes->groups |= 1ULL << g;
  wakes->turns = wakes->groups;
  wakes->events = Wakes::kEveryone;
  wakes->slots = Wakes::kEveryone;
  wakes->progress = true;
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
