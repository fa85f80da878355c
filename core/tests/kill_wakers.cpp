// kill_wakers: kills a process while it does what another one sleeps for. The sleeper must come to
// its event, its slot or its end: by the wake-up, or, when that was never sent, because no sleep is
// longer than 50 ms and whoever wakes looks for the dead. Nobody else touches the ring meanwhile,
// unless the deed had not been done; then the parent does it.
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "trace.hpp"
#include "stage.hpp"

namespace mimocorb::testing {
namespace {

constexpr int kSkipped = 77;  // for ctest
constexpr std::size_t kEvery = 16;
constexpr int kWatchdog_s = 60;
constexpr std::int64_t kSleep_ns = 10'000'000'000;

enum Fate : int { kServed = 10, kSawTheEnd = 11 };

struct Case {
  const char* name;
  std::uint32_t groups;
  void (*setup)(Stage&);         // in the parent
  int (*sleep)(Stage&);          // in the sleeper: returns its fate
  void (*prepare)(Stage&);       // in the child
  void (*operate)(Stage&);       // in the child: does what the sleeper waits for
  bool (*done)(const Stage&);    // whether it was done, or death itself does it
  void (*do_it_instead)(Stage&);  // in the parent
  Fate fate;
};

int fate_of(const Run& run) { return run.status == kOk ? kServed : kSawTheEnd; }

// Events are taken by group 1 in the parent, so that the sleeping readers are in group 0.
int reader_sleeps(Stage& stage) {
  const auto port = stage.open_reader(0);
  Run run = port->take(1);
  while (run.status != kOk && run.status != kEnded) run = port->wait_and_take(1, kSleep_ns, 0);
  return fate_of(run);
}
int writer_sleeps(Stage& stage) {
  const auto port = stage.open_writer();
  Run run = port->claim(1);
  for (; run.status != kOk && run.status != kEnded; run = port->claim(1)) port->wait(kSleep_ns, 0);
  return fate_of(run);
}

SlotState slot_state(const Stage& stage, std::uint32_t slot) {
  return SlotWord::decode(stage.segment->slot(slot).word.load()).state;
}

void nothing(Stage&) {}
void full(Stage& stage) { stage.put(stage.writer.get(), kSlots); }
void almost_full(Stage& stage) { stage.put(stage.writer.get(), kSlots - 1); }
void paused(Stage& stage) { stage.control.pause(true); }
void one_event(Stage& stage) { stage.put(stage.writer.get(), 1); }
void no_other_writer(Stage& stage) {
  must(stage.control.promise(stage.token, 1).ok(), "no promise");
  stage.writer.reset();
}

void holds_a_slot(Stage& stage) {
  stage.own_writer = stage.open_writer();
  stage.claim_and_fill(stage.own_writer.get(), 1);
}
void is_the_promised_writer(Stage& stage) {
  must(WriterPort::open(stage.segment, stage.token, &stage.own_writer).ok(), "no writer");
}
void is_a_colleague(Stage& stage) { stage.own_reader = stage.open_reader(0); }
void holds_an_event(Stage& stage) {
  stage.own_reader = stage.open_reader(0);
  must(stage.own_reader->take(1).status == kOk, "nothing to take");
}

// Looks, sleeps, and leaves without an event: whoever publishes meanwhile may count on it.
void wait_in_vain(Stage& stage) { stage.own_reader->wait_and_take(1, 100'000, 2'000); }
void publish(Stage& stage) { stage.own_writer->publish(); }
void abort_it(Stage& stage) { stage.own_writer->abort(); }
void close_writer(Stage& stage) { stage.own_writer->close(); }
void acknowledge(Stage& stage) { stage.own_reader->acknowledge(); }
void give_back(Stage& stage) { stage.own_reader->give_back(); }
void resume(Stage& stage) { stage.control.pause(false); }
void end_writers(Stage& stage) { stage.control.end_writers(); }
void end_readers(Stage& stage) { stage.control.end_readers(); }
void remove_group(Stage& stage) {
  std::uint64_t abandoned = 0;
  stage.control.remove_group(0, &abandoned);
}

bool always(const Stage&) { return true; }
bool never(const Stage&) { return false; }
bool is_published(const Stage& stage) { return slot_state(stage, 0) == SlotState::kReady; }
bool is_done(const Stage& stage) {
  return GroupWord::decode(stage.segment->group_word(0, 0).load()).state == DueState::kDone;
}
bool is_resumed(const Stage& stage) { return stage.segment->header().paused.load() == 0; }
bool is_ending(const Stage& stage) { return stage.segment->header().ending.load() != 0; }
bool readers_end(const Stage& stage) { return stage.segment->header().readers_ended.load() != 0; }
bool is_removed(const Stage& stage) {
  return stage.segment->group(0).state.load() == static_cast<std::uint64_t>(GroupState::kRemoved);
}

void put_instead(Stage& stage) { stage.put(stage.writer.get(), 1); }
void acknowledge_instead(Stage& stage) {
  const auto reader = stage.open_reader(0);
  while (reader->wait_and_take(1, kSleep_ns, 0).status == kNotNow) {
  }
  reader->acknowledge();
}

const Case kCases[] = {
    {"publish; a reader sleeps", 1, nothing, reader_sleeps, holds_a_slot, publish, is_published, put_instead, kServed},
    {"wait in vain; a colleague sleeps", 1, nothing, reader_sleeps, is_a_colleague, wait_in_vain, never, put_instead, kServed},
    {"give back; a colleague sleeps", 1, one_event, reader_sleeps, holds_an_event, give_back, always, nothing, kServed},
    {"acknowledge; a writer sleeps", 1, full, writer_sleeps, holds_an_event, acknowledge, is_done, acknowledge_instead, kServed},
    {"abort; a writer sleeps", 1, almost_full, writer_sleeps, holds_a_slot, abort_it, always, nothing, kServed},
    {"resume; a writer sleeps", 1, paused, writer_sleeps, nothing, resume, is_resumed, resume, kServed},
    {"close the last writer; a reader sleeps", 1, no_other_writer, reader_sleeps, is_the_promised_writer, close_writer, always, nothing, kSawTheEnd},
    {"end the writers; a reader sleeps", 1, nothing, reader_sleeps, nothing, end_writers, is_ending, end_writers, kSawTheEnd},
    {"end the writers; a writer sleeps", 1, full, writer_sleeps, nothing, end_writers, is_ending, end_writers, kSawTheEnd},
    {"end the readers; a reader sleeps", 1, nothing, reader_sleeps, nothing, end_readers, readers_end, end_readers, kSawTheEnd},
    {"remove the group; its reader sleeps", 2, nothing, reader_sleeps, nothing, remove_group, is_removed, remove_group, kSawTheEnd},
};

// A process that sleeps on the ring, stopped by SIGSTOP in its sleep so that it cannot interfere
// while the other one is stepped.
class Sleeper {
 public:
  Sleeper(Stage* stage, int (*sleep)(Stage&)) {
    pid_ = fork();
    must(pid_ >= 0, "fork");
    if (pid_ == 0) _exit(sleep(*stage));
    while (!stopped_asleep(*stage->segment)) resume();
  }
  ~Sleeper() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;

  void resume() const { ::kill(pid_, SIGCONT); }

  // Its fate, or −1 if it still sleeps when the watchdog bites.
  int fate() {
    const timespec pause{0, 1'000'000};
    for (int i = 0; i < kWatchdog_s * 1000; ++i) {
      int status = 0;
      if (waitpid(pid_, &status, WNOHANG) == pid_) {
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
      }
      nanosleep(&pause, nullptr);
    }
    return -1;
  }

 private:
  bool stopped_asleep(const Segment& ring) const {
    const timespec pause{0, 200'000};
    nanosleep(&pause, nullptr);
    ::kill(pid_, SIGSTOP);
    int status = 0;
    must(waitpid(pid_, &status, WUNTRACED) == pid_ && WIFSTOPPED(status), "the sleeper ended");
    const auto& lock = *reinterpret_cast<std::atomic<std::uint32_t>*>(&ring.header().lock);
    if (lock.load() != 0) return false;
    for (std::uint32_t i = 0; i < kMaxHandles; ++i) {
      const HandleRecord& record = ring.handle(i);
      if (record.state.load() != 0 && record.pid.load() == pid_) return record.sleeping != Sleeping::kNot;
    }
    return false;
  }

  pid_t pid_ = -1;
};

TracedChild start(const Case& of, Stage* stage) {
  return TracedChild([&of, stage] { of.prepare(*stage); }, [&of, stage] { of.operate(*stage); });
}

// The child takes its part first, and then the sleeper goes to sleep for lack of it.
bool survives(const Case& of, const Trace& trace, std::size_t n) {
  Stage stage(of.groups);
  of.setup(stage);
  TracedChild child = start(of, &stage);
  Sleeper sleeper(&stage, of.sleep);
  advance_to(&child, trace, n);
  child.kill();
  const bool done = of.done(stage);
  sleeper.resume();
  if (!done) of.do_it_instead(stage);
  const int fate = sleeper.fate();
  if (fate == of.fate) return true;
  std::printf("  %s, killed after %zu instructions: the sleeper's fate is %d\n", of.name, n, fate);
  return false;
}

unsigned run(const Case& of) {
  Trace trace;
  {
    Stage stage(of.groups);
    of.setup(stage);
    TracedChild child = start(of, &stage);
    const Sleeper sleeper(&stage, of.sleep);
    trace = record(*stage.segment, &child);
  }
  unsigned kills = 0;
  unsigned bad = 0;
  for (std::size_t n = 0; n < trace.points(); ++n) {
    if (!trace.visible[n] && n % kEvery != 0) continue;
    ++kills;
    if (!survives(of, trace, n)) ++bad;
  }
  std::printf("%-40s %7zu %8u %5u\n", of.name, trace.points(), kills, bad);
  std::fflush(stdout);
  return bad;
}

}  // namespace
}  // namespace mimocorb::testing

int main() {
  using namespace mimocorb::testing;
  if (!TracedChild::possible()) {
    std::printf("skipped: no process may be traced here (ptrace is refused)\n");
    return kSkipped;
  }
  stay_on_one_processor();
  std::printf("%-40s %7s %8s %5s\n", "operation", "instr.", "kills", "bad");
  unsigned bad = 0;
  for (const Case& of : kCases) bad += run(of);
  std::printf("bad in all: %u\n", bad);
  return bad == 0 ? 0 : 1;
}
