// Recovery: the bytes as dead processes have left them, one call, compare the bytes (F4, F5).
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "bytes.hpp"
#include "check.hpp"
#include "invariants.hpp"

using namespace mimocorb;
using namespace mimocorb::testing;

namespace {

constexpr std::uint32_t kDead = 5;

// Forks a process that runs `deed` and then waits to be killed.
template <class Deed>
pid_t start_process(const Deed& deed) {
  const pid_t pid = fork();
  must(pid >= 0, "fork");
  if (pid == 0) {
    deed();
    for (;;) pause();
  }
  return pid;
}

void wait_until_asleep(pid_t pid) {  // in pause()
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
  for (char state = 0; state != 'S' && state != 'Z';) {
    const int file = open(path, O_RDONLY);
    char text[256] = {};
    must(read(file, text, sizeof text - 1) > 0, "no /proc");
    close(file);
    state = std::strrchr(text, ')')[2];
  }
}

}  // namespace

TEST("a slot claimed by the dead is free again, torn, and counted once (F3)") {
  for (const bool counted_already : {false, true}) {
    Stage stage(1);
    Segment& ring = *stage.segment;
    set_dead_handle(ring, kDead, Role::kWriter, stage.token);
    set(&ring.slot(1).word, SlotWord{SlotState::kClaimed, kDead, 9});
    ring.slot(1).sequence = 3;
    // What a recoverer that died in its turn has left: the mark is there, the slot still claimed.
    if (counted_already) ring.torn_mark(1) = TornMark{9, 4}.encode();
    else ring.torn_mark(1) = TornMark{8, 3}.encode();
    CHECK_EQUAL(stage.control.reap(true), 1U);
    CHECK(slot_word(ring, 1).state == SlotState::kFree);
    CHECK_EQUAL(slot_word(ring, 1).generation, 9U);
    CHECK_EQUAL(ring.slot(1).sequence.load(), 0U);
    CHECK_EQUAL(TornMark::decode(ring.torn_mark(1).load()).count, 4U);
    CHECK_EQUAL(ring.header().torn, 4U);
    CHECK_EQUAL(ring.handle(kDead).state.load(), 0U);
    CHECK(violations(ring).empty());
  }
}

TEST("an event held by the dead is due again, before all newer ones, and counted (F2)") {
  Stage stage(2);
  Segment& ring = *stage.segment;
  stage.put(stage.writer.get(), 3);
  set_dead_handle(ring, kDead, Role::kReader, 0);
  set(&ring.group_word(0, 0), GroupWord{DueState::kHeld, 2, kDead, 1, 0, 6});
  CHECK_EQUAL(stage.control.reap(true), 1U);
  const GroupWord word = group_word(ring, 0, 0);
  CHECK(word.state == DueState::kPending);
  CHECK_EQUAL(word.delivery, 2U);
  CHECK_EQUAL(word.redelivered, 7U);
  CHECK((queue_of(ring, 0) == std::vector<std::uint32_t>{0, 1, 2}));
  CHECK(violations(ring).empty());
}

TEST("whoever takes over the lock repairs what was half done") {
  Stage stage(2);
  Segment& ring = *stage.segment;
  stage.put(stage.writer.get(), 2);
  ring.header().next_sequence = 2;  // PUBLISH was killed between its two stores
  set(&ring.group_word(0, 0), GroupWord{DueState::kDone, 1, kNoHandle, 0, 0, 0});
  set(&ring.group_word(0, 1), GroupWord{DueState::kDone, 1, kNoHandle, 0, 0, 0});  // ACK before FREE
  ring.header().free_count = 77;  // caches mean nothing
  ring.header().next_claim = 77;
  ring.header().in_hand = 9;

  ring.header().active_groups = 7;
  ring.group(1).queue_count = 0;
  ring.group(0).held = 5;
  ring.slot(1).due = 0;
  ring.token(0).open = 4;
  set_owner_died(ring);
  const RingLedger ledger = stage.control.ledger();
  CHECK_EQUAL(ring.header().next_sequence.load(), 3U);
  CHECK(slot_word(ring, 0).state == SlotState::kFree);
  CHECK(slot_word(ring, 1).state == SlotState::kReady);
  CHECK_EQUAL(ledger.published, 2U);
  CHECK_EQUAL(ledger.free_slots, kSlots - 1);
  CHECK(violations(ring).empty());
}

TEST("a promise that an opening writer has not taken yet is taken by the recovery") {
  Stage stage(1);
  Segment& ring = *stage.segment;
  stage.control.promise(stage.token, 3);
  set_dead_handle(ring, kDead, Role::kWriter, stage.token);
  ring.handle(kDead).owes_promise = 1;
  ring.handle(kDead).promise_target = 2;
  set_owner_died(ring);
  CHECK_EQUAL(stage.control.ledger().promised, 2U);
  CHECK(violations(ring).empty());
}

TEST("events that wait for a first group survive a recovery") {
  Stage stage(0);
  stage.put(stage.writer.get(), 3);
  set_owner_died(*stage.segment);
  stage.control.ledger();
  const std::uint32_t group = stage.add_group();
  CHECK_EQUAL(stage.control.ledger().groups[group].pending, 3U);
  CHECK(violations(*stage.segment).empty());
}

TEST("recovery wakes all who are registered as sleeping") {
  Stage stage(1);
  Segment& ring = *stage.segment;
  ring.group(0).data.sleepers = 1;
  ring.header().space.sleepers = 1;
  ring.handle(0).sleeping = Sleeping::kForWork;  // the writer's
  const auto first = stage.open_reader(0);
  const auto second = stage.open_reader(0);
  ring.handle(1).sleeping = Sleeping::kForWork;
  ring.handle(2).sleeping = Sleeping::kForTurn;
  set_dead_handle(ring, kDead, Role::kReader, 0);
  ring.handle(kDead).sleeping = Sleeping::kForWork;
  set_owner_died(ring);
  stage.control.ledger();
  CHECK_EQUAL(ring.header().space.turn.load(), 1U);
  CHECK_EQUAL(ring.header().space.sleepers.load(), 1U);
  CHECK_EQUAL(ring.group(0).data.turn.load(), 1U);
  CHECK_EQUAL(ring.group(0).data.sleepers.load(), 1U);  // without the dead
  CHECK_EQUAL(ring.group(0).turn.sleepers.load(), 1U);
}

TEST("a process is known by its start time: a reused process id is another process (F21)") {
  const ProcessId self = this_process();
  CHECK(is_alive(self));
  CHECK(!is_alive({self.pid, self.start_time + 1}));
  CHECK(!is_alive({kNoProcess, self.start_time}));
  Stage stage(1);
  stage.put(stage.writer.get(), 1);
  const auto reader = stage.open_reader(0);
  reader->take(1);
  stage.segment->handle(1).start_time += 1;
  CHECK_EQUAL(stage.control.reap(true), 1U);
  CHECK(group_word(*stage.segment, 0, 0).state == DueState::kPending);
}

TEST("a stopped process keeps what it holds, a zombie does not (F8)") {
  Stage stage(1);
  stage.put(stage.writer.get(), 1);
  const pid_t pid = start_process([&stage] {
    stage.own_reader = stage.open_reader(0);
    stage.own_reader->take(1);
  });
  wait_until_asleep(pid);
  kill(pid, SIGSTOP);
  int status = 0;
  waitpid(pid, &status, WUNTRACED);
  CHECK_EQUAL(stage.control.reap(true), 0U);
  CHECK(group_word(*stage.segment, 0, 0).state == DueState::kHeld);
  kill(pid, SIGKILL);
  siginfo_t how{};
  waitid(P_PID, static_cast<id_t>(pid), &how, WEXITED | WNOWAIT);  // dead, and still in /proc
  CHECK_EQUAL(stage.control.reap(true), 1U);
  CHECK(group_word(*stage.segment, 0, 0).state == DueState::kPending);
  waitpid(pid, &status, 0);
}

TEST("a process lives on when only its main thread has ended") {
  const pid_t pid = start_process([] {
    std::thread([] { for (;;) pause(); }).detach();
    pthread_exit(nullptr);
  });
  ProcessId process{pid, 0};
  wait_until_asleep(pid);  // or a zombie, by its main thread
  char text[256] = {};
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
  const int file = open(path, O_RDONLY);
  must(read(file, text, sizeof text - 1) > 0, "no /proc");
  close(file);
  const char* at = std::strrchr(text, ')');
  for (int field = 3; field <= 22; ++field) at = std::strchr(at + 1, ' ');
  process.start_time = std::strtoull(at + 1, nullptr, 10);
  CHECK(is_alive(process));
  kill(pid, SIGKILL);
  siginfo_t how{};
  waitid(P_PID, static_cast<id_t>(pid), &how, WEXITED | WNOWAIT);
  CHECK(!is_alive(process));
  int status = 0;
  waitpid(pid, &status, 0);
}

TEST("a process that cannot be looked at is not taken for dead") {
  Stage stage(1);
  stage.put(stage.writer.get(), 1);
  const pid_t pid = start_process([&stage] {
    stage.own_reader = stage.open_reader(0);
    stage.own_reader->take(1);
  });
  wait_until_asleep(pid);
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{0, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  CHECK_EQUAL(stage.control.reap(true), 0U);
  setrlimit(RLIMIT_NOFILE, &before);
  CHECK(group_word(*stage.segment, 0, 0).state == DueState::kHeld);
  kill(pid, SIGKILL);
  int status = 0;
  waitpid(pid, &status, 0);
  CHECK_EQUAL(stage.control.reap(true), 1U);
}

TEST("a forked child owns nothing of its parent, and closes nothing of it") {
  Stage stage(1);
  CHECK(!stage.writer->foreign());
  stage.claim_and_fill(stage.writer.get(), 1);
  const auto reader = stage.open_reader(0);
  const pid_t pid = fork();
  if (pid == 0) {
    const bool foreign = stage.writer->foreign() && reader->foreign();
    stage.writer->close();
    reader->close();
    std::exit(foreign ? 0 : 1);  // not _exit, which would forget what was covered
  }
  int status = 0;
  waitpid(pid, &status, 0);
  CHECK_EQUAL(status, 0);
  CHECK_EQUAL(stage.writer->publish(), 1U);
  CHECK_EQUAL(stage.control.ledger().writers, 1U);
  CHECK_EQUAL(stage.control.ledger().groups[0].readers, 1U);
}
