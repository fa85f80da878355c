// Take, acknowledge, give back, quarantine: set the bytes, make one call, compare the bytes.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bytes.hpp"
#include "check.hpp"
#include "invariants.hpp"

using namespace mimocorb;
using namespace mimocorb::testing;

TEST("taking names the owner and counts the delivery in one word (I2)") {
  Stage stage(1);
  stage.put(stage.writer.get(), 2);
  const auto reader = stage.open_reader(0);
  const Run run = reader->take(1);
  CHECK_EQUAL(run.first, 0U);
  const GroupWord word = group_word(*stage.segment, 0, 0);
  CHECK(word.state == DueState::kHeld);
  CHECK_EQUAL(word.owner, 1U);  // handle 0 is the writer's
  CHECK_EQUAL(word.delivery, 1U);
  CHECK_EQUAL(reader->delivery(0), 1U);
  CHECK_EQUAL(reader->sequence(0), 1U);
  CHECK_EQUAL(reader->metadata(0).counter, 1);
  CHECK_EQUAL(stage.segment->group(0).held.load(), 1U);
}

TEST("the count of deliveries stops at its largest value instead of wrapping") {
  Stage stage(1);
  stage.put(stage.writer.get(), 1);
  set(&stage.segment->group_word(0, 0),
      GroupWord{DueState::kPending, GroupWord::kMaxDelivery, kNoHandle, GroupWord::kMaxDelivery, 0, 0});
  const auto reader = stage.open_reader(0);
  CHECK_EQUAL(reader->take(1).status, kPoisonous);
  CHECK_EQUAL(reader->delivery(0), GroupWord::kMaxDelivery);
}

TEST("taking several stops where neighbours end, and a poisonous event comes alone") {
  Stage stage(1);
  stage.put(stage.writer.get(), 4);
  set(&stage.segment->group_word(1, 0), GroupWord{DueState::kPending, 3, kNoHandle, 3, 0, 0});
  const auto reader = stage.open_reader(0);
  CHECK_EQUAL(reader->take(4).count, 1U);
  const Run poisonous = reader->take(4);
  CHECK_EQUAL(poisonous.status, kPoisonous);
  CHECK_EQUAL(poisonous.count, 1U);
  CHECK_EQUAL(poisonous.first, 1U);
  CHECK_EQUAL(reader->take(4).count, 2U);
  CHECK_EQUAL(reader->in_hand().size(), 4U);
}

TEST("events whose slots are no neighbours do not come together") {
  Stage stage(1);
  stage.put(stage.writer.get(), 1);
  const auto other = stage.open_writer();
  stage.claim_and_fill(other.get(), 1);
  stage.put(stage.writer.get(), 1);
  const auto reader = stage.open_reader(0);
  CHECK_EQUAL(reader->take(3).count, 1U);
  CHECK_EQUAL(reader->take(3).first, 2U);
}

TEST("who waits at the end of the stream is told so at once") {
  Stage stage(1);
  const auto reader = stage.open_reader(0);
  stage.writer->close();
  CHECK_EQUAL(reader->wait_and_take(1, 1'000'000'000, 0).status, kEnded);
  CHECK_EQUAL(stage.segment->handle(1).waited_ns[static_cast<std::size_t>(WaitCause::kData)].load(), 0);
}

TEST("an event that has failed comes alone, and so does one without a second chance") {
  Stage stage(1);
  stage.put(stage.writer.get(), 4);
  set(&stage.segment->group_word(1, 0), GroupWord{DueState::kPending, 1, kNoHandle, 1, 0, 0});
  const auto reader = stage.open_reader(0);
  CHECK_EQUAL(reader->take(4).count, 1U);
  CHECK_EQUAL(reader->take(4).count, 1U);
  CHECK_EQUAL(reader->take(4).count, 2U);
  reader->give_back();
  Stage strict(1);
  strict.segment->header().max_deliveries = 1;
  strict.put(strict.writer.get(), 2);
  CHECK_EQUAL(strict.open_reader(0)->take(4).count, 1U);
}

TEST("acknowledging the first events finishes them and leaves the rest in hand") {
  Stage stage(1);
  stage.put(stage.writer.get(), 4);
  const auto reader = stage.open_reader(0);
  CHECK_EQUAL(reader->take(4).count, 4U);
  CHECK_EQUAL(reader->acknowledge_first(3), 3U);
  CHECK(reader->in_hand() == std::vector<std::uint32_t>{3});
  CHECK(group_word(*stage.segment, 3, 0).state == DueState::kHeld);
  CHECK_EQUAL(stage.segment->group(0).held.load(), 1U);
  CHECK_EQUAL(reader->acknowledge_first(5), 1U);
  CHECK_EQUAL(reader->acknowledge_first(5), 0U);
}

TEST("taking from an empty group says so and changes nothing") {
  Stage stage(1);
  const auto reader = stage.open_reader(0);
  const auto before = all_bytes(*stage.segment);
  CHECK_EQUAL(reader->take(1).status, kNotNow);
  CHECK_EQUAL(reader->advance().status, kNotNow);
  CHECK_EQUAL(reader->acknowledge(), 0U);
  CHECK_EQUAL(reader->give_back(), 0U);
  CHECK_EQUAL(reader->quarantine(), 0U);
  CHECK(all_bytes(*stage.segment) == before);
}

TEST("a slot is freed by the last group that acknowledges, whichever that is") {
  for (const std::uint32_t first : {0U, 1U}) {
    Stage stage(2);
    stage.put(stage.writer.get(), 1);
    const auto early = stage.open_reader(first);
    const auto late = stage.open_reader(1 - first);
    early->take(1);
    late->take(1);
    CHECK_EQUAL(early->acknowledge(), 1U);
    CHECK(slot_word(*stage.segment, 0).state == SlotState::kReady);
    CHECK(group_word(*stage.segment, 0, first).state == DueState::kDone);
    CHECK_EQUAL(late->acknowledge(), 1U);
    CHECK(slot_word(*stage.segment, 0).state == SlotState::kFree);
    CHECK_EQUAL(stage.control.ledger().free_slots, kSlots);
    CHECK_EQUAL(stage.segment->slot(0).sequence.load(), 1U);  // I7: observers may still look
  }
}

TEST("quarantine finishes an event and counts it in the same word") {
  Stage stage(1);
  stage.put(stage.writer.get(), 2);
  const auto reader = stage.open_reader(0);
  reader->take(2);
  CHECK_EQUAL(reader->quarantine(), 2U);
  CHECK(group_word(*stage.segment, 0, 0).state == DueState::kQuarantined);
  const GroupLedger ledger = stage.control.ledger().groups[0];
  CHECK_EQUAL(ledger.quarantined, 2U);
  CHECK_EQUAL(ledger.acknowledged, 0U);
  CHECK_EQUAL(stage.control.ledger().free_slots, kSlots);
}

TEST("what is given back comes before all newer events, with its deliveries counted on") {
  Stage stage(1);
  stage.put(stage.writer.get(), 4);
  const auto a = stage.open_reader(0);
  const auto b = stage.open_reader(0);
  const auto c = stage.open_reader(0);
  a->take(1);
  b->take(1);
  c->take(1);
  b->give_back();
  CHECK((queue_of(*stage.segment, 0) == std::vector<std::uint32_t>{1, 3}));
  c->give_back();
  CHECK((queue_of(*stage.segment, 0) == std::vector<std::uint32_t>{1, 2, 3}));
  a->give_back();
  CHECK((queue_of(*stage.segment, 0) == std::vector<std::uint32_t>{0, 1, 2, 3}));
  CHECK(violations(*stage.segment).empty());
  CHECK_EQUAL(stage.control.ledger().groups[0].redelivered, 3U);
  CHECK_EQUAL(a->advance().first, 0U);
  CHECK_EQUAL(a->delivery(0), 2U);
}

TEST("a queue that begins at the end of its space goes on at the beginning") {
  Stage stage(1);
  const auto reader = stage.open_reader(0);
  stage.put(stage.writer.get(), 3);
  for (int i = 0; i < 3; ++i) reader->advance();
  reader->acknowledge();
  stage.put(stage.writer.get(), 3);  // slots 3, 0, 1
  reader->take(1);
  CHECK_EQUAL(reader->in_hand()[0], 3U);
  reader->give_back();
  CHECK((queue_of(*stage.segment, 0) == std::vector<std::uint32_t>{3, 0, 1}));
  CHECK(violations(*stage.segment).empty());
}

TEST("closing a reader gives back what it holds") {
  Stage stage(1);
  stage.put(stage.writer.get(), 1);
  const auto reader = stage.open_reader(0);
  reader->take(1);
  reader->close();
  reader->close();
  CHECK(group_word(*stage.segment, 0, 0).state == DueState::kPending);
  CHECK_EQUAL(stage.control.ledger().groups[0].readers, 0U);
}

TEST("a reader sees the end when nothing is due, held or still to be published") {
  Stage stage(1);
  stage.put(stage.writer.get(), 1);
  stage.claim_and_fill(stage.writer.get(), 1);
  stage.control.end_writers();
  const auto a = stage.open_reader(0);
  const auto b = stage.open_reader(0);
  CHECK_EQUAL(a->advance().status, kOk);
  CHECK_EQUAL(b->advance().status, kNotNow);  // the slot in hand may yet be published
  stage.writer->publish();
  CHECK_EQUAL(b->advance().status, kOk);
  CHECK_EQUAL(b->advance().status, kNotNow);  // what a holds may yet come back
  CHECK_EQUAL(a->advance().status, kEnded);
  CHECK_EQUAL(b->advance().status, kEnded);
}

TEST("the end of the readers overrides what is due") {
  Stage stage(1);
  stage.put(stage.writer.get(), 2);
  const auto reader = stage.open_reader(0);
  stage.control.end_readers();
  CHECK_EQUAL(reader->advance().status, kEnded);
  CHECK_EQUAL(reader->take(2).status, kEnded);
}

TEST("a reader of a removed group sees its end, and what it held is settled") {
  Stage stage(1);
  stage.put(stage.writer.get(), 2);
  const auto reader = stage.open_reader(0);
  reader->take(1);
  std::uint64_t abandoned = 0;
  CHECK(stage.control.remove_group(0, &abandoned).ok());
  CHECK_EQUAL(abandoned, 2U);
  CHECK_EQUAL(reader->acknowledge(), 1U);
  CHECK_EQUAL(reader->advance().status, kEnded);
  CHECK_EQUAL(stage.control.ledger().groups[0].acknowledged, 0U);
  CHECK(violations(*stage.segment).empty());
}

TEST("a reader waits for data or the end, and the time is counted") {
  Stage stage(1);
  const auto reader = stage.open_reader(0);
  CHECK_EQUAL(reader->wait_and_take(1, 2'000'000, 1000).status, kNotNow);
  CHECK(reader->waited_ns() >= 2'000'000);
  CHECK(stage.control.ledger().groups[0].waited_ns >= 2'000'000);
  stage.put(stage.writer.get(), 1);
  CHECK_EQUAL(reader->wait_and_take(2, 1'000'000, 0).count, 1U);
  reader->acknowledge();
  stage.segment->header().creator_start_time += 1;
  CHECK_EQUAL(reader->wait_and_take(1, 1'000'000, 0).status, kOrphaned);
  CHECK(violations(*stage.segment).empty());
}

TEST("it is an event's turn when the group has finished with all before it") {
  Stage stage(1);
  stage.put(stage.writer.get(), 4);
  const auto first = stage.open_reader(0);
  const auto second = stage.open_reader(0);
  CHECK_EQUAL(first->take(1).first, 0U);
  CHECK_EQUAL(second->take(2).count, 2U);
  CHECK_EQUAL(first->wait_turn(0, 0, 0), kOk);
  CHECK_EQUAL(second->wait_turn(1, 0, 0), kNotNow);
  CHECK_EQUAL(second->wait_turn(1, 1'000'000, 1'000), kNotNow);
  first->advance();  // holds the last one now
  CHECK_EQUAL(second->wait_turn(1, 0, 0), kOk);
  CHECK_EQUAL(second->wait_turn(2, 0, 0), kOk);  // its own first one is not in its way
  CHECK_EQUAL(first->wait_turn(3, 0, 0), kNotNow);
  second->acknowledge_first(1);
  CHECK_EQUAL(first->wait_turn(3, 0, 0), kNotNow);
  second->quarantine();
  CHECK_EQUAL(first->wait_turn(3, 0, 0), kOk);
}

TEST("who waits for its turn learns that an earlier event has come back") {
  Stage stage(2);
  stage.put(stage.writer.get(), 3);
  const auto first = stage.open_reader(0);
  const auto second = stage.open_reader(0);
  first->take(1);
  second->take(1);
  first->give_back();
  CHECK_EQUAL(second->wait_turn(1, 1'000'000, 0), kEarlier);
  CHECK_EQUAL(second->give_back(false), 1U);
  CHECK_EQUAL(group_word(*stage.segment, 0, 0).failed, 1U);
  CHECK_EQUAL(group_word(*stage.segment, 1, 0).failed, 0U);
  CHECK_EQUAL(second->advance().first, 0U);
  CHECK_EQUAL(second->wait_turn(0, 0, 0), kOk);
  CHECK_EQUAL(second->advance().first, 1U);
  CHECK_EQUAL(second->delivery(1), 2U);
  CHECK(violations(*stage.segment).empty());
}

TEST("stepping aside any number of times does not make an event poisonous") {
  Stage stage(1);
  stage.put(stage.writer.get(), 1);
  const auto reader = stage.open_reader(0);
  for (int i = 0; i < 20; ++i) {
    CHECK_EQUAL(reader->take(1).status, kOk);
    reader->give_back(false);
  }
  for (int i = 0; i < 3; ++i) {
    CHECK_EQUAL(reader->take(1).status, kOk);
    reader->give_back();
  }
  CHECK_EQUAL(reader->take(1).status, kPoisonous);
}

TEST("what a dead colleague held before is found by who waits for its turn") {
  Stage stage(1);
  stage.put(stage.writer.get(), 2);
  int ready[2];
  must(pipe(ready) == 0, "pipe");
  const pid_t pid = fork();
  must(pid >= 0, "fork");
  if (pid == 0) {
    const auto reader = stage.open_reader(0);
    reader->take(1);
    must(write(ready[1], "", 1) == 1, "write");
    for (;;) pause();
  }
  char byte = 0;
  must(read(ready[0], &byte, 1) == 1, "read");
  const auto reader = stage.open_reader(0);
  CHECK_EQUAL(reader->take(1).first, 1U);
  CHECK_EQUAL(reader->wait_turn(1, 1'000'000, 0), kNotNow);
  kill(pid, SIGKILL);
  must(waitpid(pid, nullptr, 0) == pid, "waitpid");
  close(ready[0]);
  close(ready[1]);
  int outcome = kNotNow;
  while (outcome == kNotNow) outcome = reader->wait_turn(1, 1'000'000'000, 0);
  CHECK_EQUAL(outcome, kEarlier);
}

TEST("nobody before it is left in a group that is removed") {
  Stage stage(2);
  stage.put(stage.writer.get(), 2);
  const auto first = stage.open_reader(0);
  const auto second = stage.open_reader(0);
  first->take(1);
  second->take(1);
  CHECK_EQUAL(second->wait_turn(1, 0, 0), kNotNow);
  std::uint64_t abandoned = 0;
  stage.control.remove_group(0, &abandoned);
  CHECK_EQUAL(second->wait_turn(1, 0, 0), kOk);
}
