// kill_sweep: kills a process after every single instruction of every operation of the ring, and
// looks each time whether the ring is repaired, nothing is lost, nothing is delivered twice unmarked,
// and all goes on. Then the same to the process that does the repair.
//
//   kill_sweep            all operations, and the repair after every store that commits something
//   kill_sweep --all      the repair after every change, killed after every instruction (hours)
//   kill_sweep NAME …     only operations whose name contains NAME
//
// An instruction inside a loop that has changed nothing visible to others (shared memory, the
// kernel's view of held locks) leaves the same ring behind as the one before it. From its third
// round on, a loop is therefore killed only where it changes something.
#include <linux/futex.h>
#include <sched.h>

#include <cstdio>
#include <cstring>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "aftermath.hpp"
#include "traced_child.hpp"

namespace mimocorb::testing {
namespace {

constexpr int kSkipped = 77;  // for ctest
constexpr int kRoundsKilled = 2;
constexpr std::size_t kShownViolations = 3;

// How the survivors come to know of the death.
enum class Death {
  kConfirmed,  // after the process is gone
  kZombie,     // while its parent has not collected it
  kForetold,   // the kernel hands over the lock a moment before the process counts as dead
};
constexpr const char* kDeathNames[] = {"confirmed", "zombie", "foretold"};

std::atomic<std::uint32_t>& lock_word(const Segment& ring) {
  return *reinterpret_cast<std::atomic<std::uint32_t>*>(&ring.header().lock);
}

// All that outlives a process: the ring, and what the kernel does to the lock on its behalf.
class Visible {
 public:
  Visible(const Segment& ring, const TracedChild& child) : ring_(ring), child_(child) { look(); }

  bool changed() {
    const std::vector<unsigned char> before = std::move(bytes_);
    const RobustState robust_before = robust_;
    look();
    return bytes_ != before || !(robust_ == robust_before);
  }

  // The words alone, without lock and caches.
  bool committed() {
    const std::vector<std::uint64_t> before = std::move(words_);
    words_.clear();
    words_.push_back(ring_.header().next_sequence.load());
    for (std::uint32_t s = 0; s < kSlots; ++s) {
      words_.push_back(ring_.slot(s).word.load());
      words_.push_back(ring_.slot(s).torn_mark.load());
      for (std::uint32_t g = 0; g < kGroups; ++g) words_.push_back(ring_.group_word(s, g).load());
    }
    for (std::uint32_t i = 0; i < kFewHandles; ++i) words_.push_back(ring_.handle(i).state.load());
    for (std::uint32_t i = 0; i < kFewHandles; ++i) words_.push_back(ring_.token(i).promised.load());
    for (std::uint32_t g = 0; g < kGroups; ++g) words_.push_back(ring_.group(g).state.load());
    return words_ != before;
  }

 private:
  static constexpr std::uint32_t kFewHandles = 8;  // more than any scenario opens

  void look() {
    const RingHeader& header = ring_.header();
    const auto* begin = reinterpret_cast<const unsigned char*>(&header);
    const auto part = [&](std::uint64_t from, std::uint64_t bytes) {
      bytes_.insert(bytes_.end(), begin + from, begin + from + bytes);
    };
    bytes_.clear();
    part(0, sizeof(RingHeader));
    part(header.offset_handles, kFewHandles * sizeof(HandleRecord));
    part(header.offset_tokens, kFewHandles * sizeof(TokenRecord));
    part(header.offset_groups, header.offset_payload - header.offset_groups);
    robust_ = child_.robust();
  }

  const Segment& ring_;
  const TracedChild& child_;
  std::vector<unsigned char> bytes_;
  std::vector<std::uint64_t> words_;
  RobustState robust_{};
};

// An operation as it went when nobody was killed: point n is after n instructions.
struct Trace {
  std::vector<std::uint64_t> at;  // address of the next instruction
  std::vector<bool> visible;      // whether others could see a difference to point n − 1
  std::vector<bool> committed;    // whether a word changed

  [[nodiscard]] std::size_t points() const { return at.size(); }
};

Trace record(const Segment& ring, TracedChild* child) {
  Trace trace;
  Visible state(ring, *child);
  state.committed();
  bool goes_on = true;
  bool visible = true;
  bool committed = true;
  while (goes_on) {
    trace.at.push_back(child->instruction());
    trace.visible.push_back(visible);
    trace.committed.push_back(committed);
    goes_on = child->step();
    visible = state.changed();
    committed = visible && state.committed();
  }
  return trace;
}

std::vector<std::size_t> points_to_kill(const Trace& trace) {
  std::vector<std::size_t> chosen;
  std::unordered_map<std::uint64_t, int> rounds;
  for (std::size_t n = 0; n < trace.points(); ++n)
    if (++rounds[trace.at[n]] <= kRoundsKilled || trace.visible[n]) chosen.push_back(n);
  return chosen;
}

std::vector<std::size_t> points_where(const std::vector<bool>& flags) {
  std::vector<std::size_t> chosen;
  for (std::size_t n = 0; n < flags.size(); ++n)
    if (flags[n]) chosen.push_back(n);
  return chosen;
}

// Runs the child to point n: at full speed to a breakpoint shortly before, then step by step.
void advance_to(TracedChild* child, const Trace& trace, std::size_t n) {
  std::size_t anchor = 0;
  std::size_t least = n;
  int visits_at_anchor = 0;
  for (std::size_t m = n; m > 0 && n - m < least; --m) {
    int visits = 0;
    for (std::size_t k = 0; k <= m; ++k) visits += trace.at[k] == trace.at[m] ? 1 : 0;
    const std::size_t stops = n - m + 2 * static_cast<std::size_t>(visits);
    if (stops >= least) continue;
    least = stops;
    anchor = m;
    visits_at_anchor = visits;
  }
  if (anchor > 0 && !child->run_to(trace.at[anchor], visits_at_anchor)) return;
  for (std::size_t i = anchor; i < n; ++i)
    if (!child->step()) return;
}

TracedChild start(const Scenario& scenario, Stage* stage) {
  scenario.setup(*stage);
  return TracedChild([&] { scenario.prepare(*stage); }, [&] { scenario.operate(*stage); });
}

// The first act of a survivor: it takes the lock, and looks for the dead.
TracedChild start_recoverer(Stage* stage) {
  return TracedChild([] {},
                     [stage] {
                       stage->control.books();
                       stage->control.reap(true);
                     });
}

// What the kernel does when it walks the robust list of a dying thread.
void mark_owner_dead(const Segment& ring, std::int32_t owner) {
  const std::uint32_t word = lock_word(ring).load();
  if ((word & FUTEX_TID_MASK) == static_cast<std::uint32_t>(owner))
    lock_word(ring).store((word & FUTEX_WAITERS) | FUTEX_OWNER_DIED);
}

class Sweep {
 public:
  explicit Sweep(bool everything) : everything_(everything) {}

  void operation(const Scenario& scenario) {
    Trace trace;
    {
      Stage stage(scenario.groups);
      TracedChild child = start(scenario, &stage);
      trace = record(*stage.segment, &child);
    }
    const unsigned long kills_before = kills_, bad_before = bad_;
    for (const std::size_t n : points_to_kill(trace)) kill(scenario, trace, n, Death::kConfirmed);
    for (const std::size_t n : points_where(trace.visible)) {
      kill(scenario, trace, n, Death::kZombie);
      kill(scenario, trace, n, Death::kForetold);
    }
    const unsigned long first_level = kills_ - kills_before;
    for (const std::size_t n : points_where(everything_ ? trace.visible : trace.committed))
      kill_recoverers(scenario, trace, n);
    std::printf("%-36s %7zu %8lu %8lu %5lu\n", scenario.name, trace.points(), first_level,
                kills_ - kills_before - first_level, bad_ - bad_before);
    std::fflush(stdout);
    instructions_ += trace.points();
  }

  [[nodiscard]] int finish() const {
    std::printf("%-36s %7lu %8lu in all %10lu\n", "total", instructions_, kills_, bad_);
    return bad_ == 0 ? 0 : 1;
  }

 private:
  void kill(const Scenario& scenario, const Trace& trace, std::size_t n, Death death) {
    Stage stage(scenario.groups);
    TracedChild child = start(scenario, &stage);
    const Picture before = picture(&stage, child.pid());
    advance_to(&child, trace, n);
    if (death == Death::kForetold) {
      mark_owner_dead(*stage.segment, child.pid());
      stage.control.books();
    }
    child.kill_only();
    if (death == Death::kZombie) stage.control.reap(true);
    child.collect();
    judge(&stage, before, scenario, n, kDeathNames[static_cast<int>(death)]);
  }

  void kill_recoverers(const Scenario& scenario, const Trace& trace, std::size_t n) {
    Trace recovery;
    {
      Stage stage(scenario.groups);
      TracedChild child = start(scenario, &stage);
      advance_to(&child, trace, n);
      child.kill();
      TracedChild recoverer = start_recoverer(&stage);
      recovery = record(*stage.segment, &recoverer);
    }
    for (const std::size_t m :
         everything_ ? points_to_kill(recovery) : points_where(recovery.visible)) {
      Stage stage(scenario.groups);
      TracedChild child = start(scenario, &stage);
      const Picture before = picture(&stage, child.pid());
      advance_to(&child, trace, n);
      child.kill();
      TracedChild recoverer = start_recoverer(&stage);
      advance_to(&recoverer, recovery, m);
      recoverer.kill();
      judge(&stage, before, scenario, n, ("recoverer at " + std::to_string(m)).c_str());
    }
  }

  void judge(Stage* stage, const Picture& before, const Scenario& scenario, std::size_t n,
             const char* variant) {
    ++kills_;
    const std::vector<std::string> wrong = aftermath(stage, before, scenario.limits);
    if (wrong.empty()) return;
    ++bad_;
    for (std::size_t i = 0; i < wrong.size() && i < kShownViolations; ++i)
      std::printf("  %s, killed after %zu instructions, %s: %s\n", scenario.name, n, variant,
                  wrong[i].c_str());
  }

  bool everything_;
  unsigned long instructions_ = 0;
  unsigned long kills_ = 0;
  unsigned long bad_ = 0;
};

// Parent and child take turns; on one processor they do so without waking another one up.
void stay_on_one_processor() {
  cpu_set_t here;
  CPU_ZERO(&here);
  CPU_SET(static_cast<unsigned>(sched_getcpu()), &here);
  sched_setaffinity(0, sizeof here, &here);
}

}  // namespace
}  // namespace mimocorb::testing

int main(int argc, char** argv) {
  using namespace mimocorb::testing;
  bool everything = false;
  std::vector<std::string> names;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--all") == 0)
      everything = true;
    else
      names.emplace_back(argv[i]);
  }
  if (!TracedChild::possible()) {
    std::printf("skipped: no process may be traced here (ptrace is refused)\n");
    return kSkipped;
  }
  stay_on_one_processor();
  std::printf("%-36s %7s %8s %8s %5s\n", "operation", "instr.", "kills", "in rep.", "bad");
  Sweep sweep(everything);
  for (const Scenario& scenario : scenarios()) {
    bool wanted = names.empty();
    for (const std::string& name : names)
      wanted = wanted || std::strstr(scenario.name, name.c_str()) != nullptr;
    if (wanted) sweep.operation(scenario);
  }
  return sweep.finish();
}
