// Recovery beside the living: what is theirs stays theirs, and only the dead are counted.
#include <sys/resource.h>

#include "bytes.hpp"
#include "check.hpp"
#include "invariants.hpp"
#include "mimocorb/wait.hpp"

using namespace mimocorb;
using namespace mimocorb::testing;

namespace {

constexpr std::uint32_t kDead = 7;

// A ring in the middle of its work: living writers and readers hold slots and events.
void at_work(Stage* stage) {
  stage->put(stage->writer.get(), 2);
  stage->colleagues.push_back(stage->open_reader(0));
  stage->colleagues[0]->take(1);
  stage->claim_and_fill(stage->writer.get(), 1);
}

int entered = 0;
int left = 0;
int token = 0;

}  // namespace

TEST("taking over the lock leaves everything to the living") {
  Stage stage(2);
  at_work(&stage);
  set_owner_died(*stage.segment);
  const RingLedger ledger = stage.control.ledger();
  CHECK_EQUAL(ledger.in_hand, 1U);
  CHECK_EQUAL(ledger.torn, 0U);
  CHECK_EQUAL(ledger.writers, 1U);
  CHECK_EQUAL(ledger.groups[0].held, 1U);
  CHECK_EQUAL(ledger.groups[0].redelivered, 0U);
  CHECK(slot_word(*stage.segment, 2).state == SlotState::kClaimed);
  CHECK(group_word(*stage.segment, 0, 0).state == DueState::kHeld);
  CHECK(violations(*stage.segment).empty());
}

TEST("the dead are told from the living of the same role") {
  for (const Role role : {Role::kWriter, Role::kReader}) {
    Stage stage(2);
    at_work(&stage);
    set_dead_handle(*stage.segment, kDead, role, role == Role::kWriter ? stage.token : 0);
    CHECK_EQUAL(stage.control.reap(true), 1U);
    CHECK_EQUAL(stage.control.reap(true), 0U);
    CHECK(slot_word(*stage.segment, 2).state == SlotState::kClaimed);
    CHECK(group_word(*stage.segment, 0, 0).state == DueState::kHeld);
    CHECK(violations(*stage.segment).empty());
    const RingLedger ledger = stage.control.ledger();
    CHECK_EQUAL(ledger.torn, 0U);
    CHECK_EQUAL(ledger.groups[0].redelivered, 0U);
  }
}

TEST("what was refused to the dead stays in the ledger") {
  Stage stage(1);
  set_dead_handle(*stage.segment, kDead, Role::kWriter, stage.token);
  stage.segment->handle(kDead).refused[static_cast<std::size_t>(WaitCause::kFull)] = 5;
  set_owner_died(*stage.segment);
  CHECK_EQUAL(stage.control.ledger().refused_full, 5U);  // recovers
  CHECK_EQUAL(stage.control.ledger().writers, 1U);
  CHECK_EQUAL(stage.control.ledger().refused_full, 5U);
}

TEST("looking for the dead is done by one of those who wait, not by each") {
  Stage stage(1);
  set_dead_handle(*stage.segment, kDead, Role::kReader, 0);
  // Somebody has looked just now: in the future, as this machine may be slow to come to the next line.
  stage.segment->header().liveness_checked_ns = monotonic_ns() + 3'600'000'000'000;
  CHECK_EQUAL(stage.control.reap(false), 0U);
  stage.segment->header().liveness_checked_ns = 0;
  CHECK_EQUAL(stage.control.reap(false), 1U);
}

TEST("a sleeper that finds a dead colleague takes at once what that had in hand") {
  Stage stage(1);
  stage.put(stage.writer.get(), 1);
  Segment& ring = *stage.segment;
  const auto reader = stage.open_reader(0);
  reader->take(1);
  const auto other = stage.open_reader(0);
  set_dead_handle(ring, kDead, Role::kReader, 0);
  set(&ring.group_word(0, 0), GroupWord{DueState::kHeld, 1, kDead, 0, 0, 0});
  ring.header().liveness_checked_ns = 0;
  CHECK_EQUAL(other->wait_and_take(1, 1'000'000, 0).status, kOk);
}

TEST("a sleeper that wakes by itself counts itself out") {
  Stage stage(1);
  const auto reader = stage.open_reader(0);
  reader->wait_and_take(1, 100'000, 0);
  CHECK_EQUAL(stage.segment->group(0).data.sleepers.load(), 0U);
  CHECK(stage.segment->handle(1).sleeping == Sleeping::kNot);
}

TEST("with the queues full to the last slot, giving back still finds room") {
  Stage stage(1);
  stage.put(stage.writer.get(), kSlots);
  const auto reader = stage.open_reader(0);
  reader->take(kSlots);
  CHECK_EQUAL(reader->give_back(), kSlots);
  CHECK((queue_of(*stage.segment, 0) == std::vector<std::uint32_t>{0, 1, 2, 3}));
  CHECK(violations(*stage.segment).empty());
}

TEST("giving back and quarantining for a removed group changes nothing") {
  Stage stage(2);
  stage.put(stage.writer.get(), 2);
  const auto reader = stage.open_reader(0);
  reader->take(2);
  std::uint64_t abandoned = 0;
  CHECK(stage.control.remove_group(0, &abandoned).ok());
  const auto before = all_bytes(*stage.segment);
  CHECK_EQUAL(reader->give_back(), 2U);
  CHECK(all_bytes(*stage.segment) == before);
  CHECK_EQUAL(stage.control.ledger().groups[0].abandoned, 2U);
}

TEST("a process without a descriptor left can neither make nor open a ring, and is told so") {
  const auto ring = make_segment();
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{0, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  std::unique_ptr<Segment> made;
  const Outcome creation = Segment::create({4, 8, 1}, &made);
  const Outcome opening = Segment::open(getpid(), ring->descriptor(), ring->header().identity,
                                        Access::kReader, &made);
  setrlimit(RLIMIT_NOFILE, &before);
  CHECK(creation.fault == Fault::kSystem);
  CHECK_EQUAL(creation.error_number, EMFILE);
  CHECK(opening.fault == Fault::kSystem);
  CHECK_EQUAL(opening.error_number, EMFILE);
}

TEST("memory that cannot be mapped is an error with its number (F18)") {
  rlimit before{};
  getrlimit(RLIMIT_AS, &before);
  const rlimit little{1, before.rlim_max};
  const auto ring = make_segment();
  setrlimit(RLIMIT_AS, &little);
  std::unique_ptr<Segment> opened;
  const Outcome outcome = Segment::open(getpid(), ring->descriptor(), ring->header().identity,
                                        Access::kReader, &opened);
  setrlimit(RLIMIT_AS, &before);
  CHECK(outcome.fault == Fault::kSystem);
  CHECK_EQUAL(outcome.error_number, ENOMEM);
}

TEST("a host language is let go of around each sleep, and taken again") {
  set_blocking_hooks({[]() -> void* { ++entered; return &token; },
                      [](void* given) { left += given == &token ? 1 : 0; }});
  sleep_ns(1000);
  Stage stage(1);
  stage.open_reader(0)->wait_and_take(1, 1000, 0);
  set_blocking_hooks({nullptr, nullptr});
  CHECK_EQUAL(entered, 2);
  CHECK_EQUAL(left, 2);
}
