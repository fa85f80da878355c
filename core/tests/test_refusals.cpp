// What the system refuses, and what others do at the worst moment: made to happen, then told or repaired.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "bytes.hpp"
#include "check.hpp"
#include "invariants.hpp"
#include "mimocorb/liveness.hpp"
#include "mimocorb/wait.hpp"
#include "refusals.hpp"

using namespace mimocorb;
using namespace mimocorb::testing;

namespace {

constexpr std::uint32_t kDead = 7;

Outcome create() {
  std::unique_ptr<Segment> made;
  return Segment::create({kSlots, kSlotBytes, kGroups}, &made);
}

// Runs `act` in a child, whose counts of coverage are kept, and returns what it exits with.
template <class Act>
int in_child(Act act) {
  const pid_t pid = fork();
  if (pid == 0) std::exit(act() ? 0 : 1);
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::atomic<bool> may_die{false};

}  // namespace

TEST("each step of making a ring that the system refuses is an error with its number (F18)") {
  const auto fails_with = [](int error) {
    const Outcome outcome = create();
    refusals() = {};
    CHECK(outcome.fault == Fault::kSystem);
    CHECK_EQUAL(outcome.error_number, error);
  };
  refusals().seals = true;
  fails_with(EPERM);
  refusals().random_bytes = true;
  fails_with(ENOSYS);
  refusals().locks = true;
  fails_with(ENOMEM);
  for (const int mappings : {0, 1}) {
    refusals().mappings_until_refusal = mappings;
    fails_with(ENOMEM);
  }
}

TEST("without memory for a segment or a port there is none, and nobody is asked for more (F18)") {
  Stage stage(1);
  const auto before = all_bytes(*stage.segment);
  std::unique_ptr<Segment> segment;
  std::unique_ptr<WriterPort> writer;
  std::unique_ptr<ReaderPort> reader;
  refusals().objects = true;
  for (const Outcome& outcome :
       {create(),
        Segment::open(getpid(), stage.segment->descriptor(), stage.segment->header().identity,
                      Access::kReader, &segment),
        WriterPort::open(stage.segment, stage.token, &writer),
        ReaderPort::open(stage.segment, 0, &reader)}) {
    CHECK(outcome.fault == Fault::kSystem);
    CHECK_EQUAL(outcome.error_number, ENOMEM);
  }
  refusals() = {};
  CHECK(all_bytes(*stage.segment) == before);
}

TEST("reserving memory that a signal interrupts goes on") {
  refusals().interrupted_allocations = 2;
  CHECK(create().ok());
  CHECK_EQUAL(refusals().interrupted_allocations, 0);
}

TEST("a process that cannot find out when it began neither makes a ring nor joins one") {
  Stage stage(1);
  CHECK_EQUAL(in_child([&stage] {
                refusals().read_error = EACCES;
                std::unique_ptr<ReaderPort> reader;
                const bool refused = ReaderPort::open(stage.segment, 0, &reader).fault == Fault::kSystem;
                return refused && create().fault == Fault::kSystem;
              }),
              0);
}

TEST("a process namespace that cannot be told is one of its own") {
  refusals().namespaces = true;
  CHECK_EQUAL(pid_namespace(), 0U);
  refusals() = {};
  CHECK(pid_namespace() != 0);
}

TEST("only a clear word of the system makes a process dead") {
  const ProcessId self = this_process();
  const auto seen_alive = [&self](const std::string& text) {
    refusals().stat_of_process = text;
    refusals().stat_is_empty = text.empty();
    const bool alive = is_alive(self);
    refusals() = {};
    return alive;
  };
  const auto stat_of = [&self](char state, int threads) {
    std::string text = "1 (a name) ";
    text += state;
    for (int field = 4; field <= 21; ++field)
      text += ' ' + std::to_string(field == 20 ? threads : 0);
    return text + ' ' + std::to_string(self.start_time) + ' ';
  };
  CHECK(seen_alive(""));
  CHECK(seen_alive("no bracket"));
  CHECK(seen_alive("1 (a name)"));
  CHECK(seen_alive("1 (a name) S 0"));
  CHECK(seen_alive(stat_of('S', 1)));
  CHECK(!seen_alive(stat_of('Z', 1)));
  CHECK(!seen_alive(stat_of('X', 1)));
  CHECK(seen_alive(stat_of('Z', 2)));
  refusals().read_error = EIO;
  CHECK(is_alive(self));
  refusals().read_error = ESRCH;  // it ended between opening and reading
  CHECK(!is_alive(self));
  refusals() = {};
}

TEST("a file that is too short or stops in the header is not a ring") {
  const auto ring = make_segment();
  std::unique_ptr<Segment> opened;
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{64}}) {
    const int file = memfd_create("not a ring", MFD_CLOEXEC);
    must(write(file, &ring->header(), bytes) == static_cast<ssize_t>(bytes), "no memory");
    CHECK(Segment::open(getpid(), file, ring->header().identity, Access::kReader, &opened).fault ==
          Fault::kNotARing);
    close(file);
  }
}

TEST("the dead whom somebody else has recovered meanwhile are left alone") {
  for (const bool reused : {false, true}) {
    Stage stage(1);
    HandleRecord& record = stage.segment->handle(kDead);
    set_dead_handle(*stage.segment, kDead, Role::kReader, 0);
    refusals().when_opening = [&record, reused] {
      if (reused) {
        record.pid = getpid();
        record.start_time = this_process().start_time;
      } else {
        record.state = 0;
      }
    };
    CHECK_EQUAL(stage.control.reap(true), 0U);
    CHECK_EQUAL(record.state.load(), reused ? 1U : 0U);
  }
}

TEST("who blocks at the lock takes it over from an owner that dies meanwhile") {
  Stage stage(1);
  stage.put(stage.writer.get(), 1);
  std::atomic<bool> is_locked{false};
  may_die = false;
  std::thread owner([&] {
    pthread_mutex_lock(&stage.segment->header().lock);
    is_locked = true;
    while (!may_die) std::this_thread::yield();
  });  // ends with the lock
  while (!is_locked) std::this_thread::yield();
  set_blocking_hooks({[]() -> void* {
                        may_die = true;
                        return nullptr;
                      },
                      [](void*) {}});
  CHECK_EQUAL(stage.control.ledger().published, 1U);
  set_blocking_hooks({nullptr, nullptr});
  owner.join();
  CHECK(violations(*stage.segment).empty());
}

TEST("a lock that was released unrepaired stops whoever comes, instead of damaging data") {
  CHECK_EQUAL(in_child([] {
                refusals().abort_exits_with = 42;
                Stage stage(1);
                set_owner_died(*stage.segment);
                pthread_mutex_lock(&stage.segment->header().lock);
                pthread_mutex_unlock(&stage.segment->header().lock);
                stage.control.ledger();
                return true;
              }),
              42);
}

TEST("who waits for the ring to be drained is woken by the last acknowledgement") {
  Stage stage(1);
  stage.put(stage.writer.get(), 1);
  const auto reader = stage.open_reader(0);
  reader->take(1);
  std::thread acknowledging([&] {
    while (stage.segment->header().progress.sleepers.load() == 0) std::this_thread::yield();
    reader->acknowledge();
  });
  bool drained = false;
  while (!drained) drained = stage.control.wait_drained(10'000'000'000);
  acknowledging.join();
  CHECK_EQUAL(stage.segment->header().progress.sleepers.load(), 0U);
}

#if !defined(__SANITIZE_THREAD__)  // which copies in a loop instead
TEST("a copy during which the slot was claimed is not handed out (F5)") {
  for (const bool is_claimed : {true, false}) {
    Stage stage(1);
    stage.put(stage.writer.get(), 1);
    const ObserverPort observer(stage.segment);
    std::vector<std::uint8_t> target(kSlotBytes);
    Snapshot seen{};
    SlotRecord& record = stage.segment->slot(0);
    refusals().when_copying = [&record, is_claimed] {
      if (is_claimed)
        set(&record.word, SlotWord{SlotState::kClaimed, 0, 2});
      else
        record.sequence = 99;
    };
    const bool got = observer.snapshot(target.data(), &seen);
    CHECK_EQUAL(got, !is_claimed);  // a slot that stands still again is copied at the next try
    if (got) CHECK_EQUAL(seen.sequence, 99U);
    refusals() = {};
  }
}
#endif
