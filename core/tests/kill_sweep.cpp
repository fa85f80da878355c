// kill_sweep: kills a process after every single instruction of every operation of the ring, and
// looks each time whether the ring is repaired, nothing is lost, nothing is delivered twice unmarked,
// and all goes on. Then the same to the process that does the repair.
//
//   kill_sweep            all operations, and the repair after every store that commits something
//   kill_sweep --all      the repair after every change, killed after every instruction (hours)
//   kill_sweep NAME …     only operations whose name contains NAME
#include <linux/futex.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "aftermath.hpp"
#include "trace.hpp"

namespace mimocorb::testing {
namespace {

constexpr int kSkipped = 77;  // for ctest
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

TracedChild start(const Scenario& scenario, Stage* stage) {
  scenario.setup(*stage);
  return TracedChild([&] { scenario.prepare(*stage); }, [&] { scenario.operate(*stage); });
}

// The first act of a survivor: it takes the lock, and looks for the dead.
TracedChild start_recoverer(Stage* stage) {
  return TracedChild([] {},
                     [stage] {
                       stage->control.ledger();
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
      stage.control.ledger();
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
