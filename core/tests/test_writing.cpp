// Claim, publish, abort: set the bytes, make one call, compare the bytes.
#include <cstring>

#include "bytes.hpp"
#include "check.hpp"
#include "invariants.hpp"

using namespace mimocorb;
using namespace mimocorb::testing;

TEST("a claim takes the next free slot and names its owner in one word (I1)") {
  Stage stage(1);
  Segment& ring = *stage.segment;
  ring.header().next_claim = 2;
  set(&ring.slot(2).word, SlotWord{SlotState::kFree, kNoHandle, 7});
  ring.slot(2).sequence = 5;
  const Run run = stage.writer->claim(1);
  CHECK_EQUAL(run.first, 2U);
  const SlotWord word = slot_word(ring, 2);
  CHECK(word.state == SlotState::kClaimed);
  CHECK_EQUAL(word.owner, 0U);
  CHECK_EQUAL(word.generation, 8U);  // I3
  CHECK_EQUAL(ring.slot(2).sequence.load(), 0U);  // I7: what was there is no event any more
  CHECK_EQUAL(ring.header().free_count.load(), kSlots - 1);
  CHECK_EQUAL(ring.header().in_hand.load(), 1U);
}

TEST("asking for nothing gives nothing, and metadata need a slot in hand") {
  Stage stage(1);
  const auto before = all_bytes(*stage.segment);
  CHECK_EQUAL(stage.writer->claim(0).count, 0U);
  CHECK(!stage.writer->set_metadata(0, {1, 1.0, 0.0}));
  CHECK(all_bytes(*stage.segment) == before);
  stage.claim_and_fill(stage.writer.get(), 2);
  CHECK(!stage.writer->set_metadata(3, {1, 1.0, 0.0}));
  stage.writer->publish();
  const auto reader = stage.open_reader(0);
  CHECK_EQUAL(reader->take(0).status, kNotNow);
  CHECK_EQUAL(reader->take(2).count, 2U);
  CHECK_EQUAL(reader->acknowledge_first(0), 0U);
  CHECK_EQUAL(reader->in_hand().size(), 2U);
}

TEST("a slot between those in hand is not in hand") {
  Stage stage(1);
  stage.claim_and_fill(stage.writer.get(), 1);
  const auto other = stage.open_writer();
  stage.claim_and_fill(other.get(), 1);
  stage.claim_and_fill(stage.writer.get(), 1);  // slots 0 and 2
  const std::uint8_t source[kSlotBytes] = {};
  CHECK(!stage.writer->set_metadata(1, {1, 1.0, 0.0}));
  CHECK(!stage.writer->fill(1, source));
  CHECK(stage.writer->fill(2, source));
}

TEST("bytes are copied into a slot in hand and out of one, and into no other") {
  Stage stage(1);
  Segment& ring = *stage.segment;
  stage.put(stage.writer.get(), 2);
  std::uint8_t source[kSlotBytes];
  for (std::size_t i = 0; i < kSlotBytes; ++i) source[i] = static_cast<std::uint8_t>(i);
  CHECK(!stage.writer->fill(1, source));
  CHECK_EQUAL(stage.writer->claim(2).first, 2U);
  const std::vector<std::uint8_t> others(ring.payload_of(0), ring.payload_of(2));
  CHECK(stage.writer->fill(2, source));
  CHECK(stage.writer->fill(3, ring.payload_of(2)));
  CHECK(stage.writer->fill(3, ring.payload_of(3)));
  CHECK((others == std::vector<std::uint8_t>(ring.payload_of(0), ring.payload_of(2))));
  stage.writer->publish();
  const auto reader = stage.open_reader(0);
  reader->take(4);
  for (const std::uint32_t slot : {2U, 3U}) {
    std::uint8_t target[kSlotBytes] = {};
    reader->copy(slot, target);
    CHECK(std::memcmp(target, source, kSlotBytes) == 0);
  }
}

TEST("who waits after a reservation was withdrawn finds the slot in the queue") {
  Stage stage(1);
  stage.put(stage.writer.get(), 1);  // and reserves
  CHECK_EQUAL(stage.writer->wait(0, 0), kOk);
  const auto other = stage.open_writer();
  CHECK_EQUAL(stage.writer->wait(0, 0), kOk);
  CHECK_EQUAL(stage.writer->advance().status, kOk);
}

TEST("a claim of several slots stops where neighbours end") {
  Stage stage(1);
  stage.segment->header().next_claim = 2;
  const auto other = stage.open_writer();
  other->claim(1);
  stage.segment->header().next_claim = 0;
  const Run run = stage.writer->claim(4);
  CHECK_EQUAL(run.first, 0U);
  CHECK_EQUAL(run.count, 2U);
  CHECK_EQUAL(stage.segment->header().free_count.load(), 1U);
}

TEST("slots freed out of order are neighbours again for who claims several") {
  Stage stage(1);
  stage.put(stage.writer.get(), kSlots);
  const auto first = stage.open_reader(0);
  const auto second = stage.open_reader(0);
  first->take(1);
  second->take(3);
  second->acknowledge();  // slots 1 to 3, and then 0
  first->acknowledge();
  CHECK_EQUAL(stage.writer->claim(kSlots).count, kSlots);
}

TEST("slots are claimed in turn, and of large ones only as many as a cache holds while they suffice") {
  constexpr std::uint32_t kMany = 32;
  const auto ring = make_segment(kMany, 1U << 19);
  const std::uint32_t usual = ring->header().usual_slots;
  CHECK(usual >= 8);
  CHECK(usual < kMany);
  CHECK_EQUAL(make_segment(kMany, 64)->header().usual_slots, kMany);
  ControlPort control(ring);
  std::uint32_t token = 0, group = 0;
  must(control.add_token(&token).ok() && control.add_group(&group).ok(), "no ports");
  std::unique_ptr<WriterPort> writer;
  std::unique_ptr<ReaderPort> reader;
  must(WriterPort::open(ring, token, &writer).ok() && ReaderPort::open(ring, group, &reader).ok(), "no ports");
  for (std::uint32_t i = 0; i < 2 * usual + 1; ++i) {
    CHECK_EQUAL(writer->claim(1).first, i % usual);
    writer->publish();
    if (i > 0) reader->advance();  // one event behind
  }
  for (std::uint32_t i = 0; i < kMany - 2; ++i) {  // none is read: so all of them, each once
    CHECK_EQUAL(writer->claim(1).status, kOk);
    writer->publish();
  }
  CHECK_EQUAL(ring->header().free_count.load(), 0U);
}

TEST("a claim on a full, paused or ending ring says why and changes nothing") {
  Stage stage(1);
  const auto refuses = [&stage](int status) {
    const auto before = all_bytes(*stage.segment);
    CHECK_EQUAL(stage.writer->claim(1).status, status);
    CHECK_EQUAL(stage.writer->advance().status, status);
    CHECK(all_bytes(*stage.segment) == before);
  };
  stage.put(stage.writer.get(), kSlots);
  refuses(kNotNow);
  stage.segment->header().paused = 1;
  refuses(kPaused);
  stage.segment->header().ending = 1;
  refuses(kEnded);
}

TEST("publishing makes the event due to every active group, and numbers it") {
  Stage stage(3);
  Segment& ring = *stage.segment;
  std::uint64_t abandoned = 0;
  stage.control.remove_group(1, &abandoned);
  ring.header().next_sequence = 42;
  set(&ring.group_word(0, 0), GroupWord{DueState::kDone, 2, kNoHandle, 1, 3, 4});
  stage.put(stage.writer.get(), 1);
  CHECK(slot_word(ring, 0).state == SlotState::kReady);
  CHECK_EQUAL(slot_word(ring, 0).owner, kNoHandle);
  CHECK_EQUAL(ring.slot(0).sequence.load(), 42U);
  CHECK_EQUAL(ring.header().next_sequence.load(), 43U);
  CHECK_EQUAL(ring.slot(0).due, 2U);
  CHECK(group_word(ring, 0, 0).state == DueState::kPending);
  CHECK_EQUAL(group_word(ring, 0, 0).delivery, 0U);
  CHECK_EQUAL(group_word(ring, 0, 0).quarantined, 3U);  // counts of the slot's whole life stay
  CHECK_EQUAL(group_word(ring, 0, 0).redelivered, 4U);
  CHECK(group_word(ring, 0, 1).state == DueState::kNone);
  CHECK(group_word(ring, 0, 2).state == DueState::kPending);
  CHECK(ring.slot(0).published_ns > 0);
}

TEST("the first of the slots in hand are published alone, each filled with its metadata and its mark") {
  Stage stage(1);
  std::uint8_t source[kSlotBytes] = {};
  stage.writer->claim(3);
  for (std::size_t at = 0; at < 3; ++at) {
    source[0] = static_cast<std::uint8_t>(7 + at);
    CHECK(stage.writer->fill_claimed(at, source, {{static_cast<std::int64_t>(70 + at), 1.5, 0.25}, at == 1}));
  }
  CHECK(!stage.writer->fill_claimed(3, source, {{73, 1.5, 0.25}, 0}));
  CHECK_EQUAL(stage.writer->publish(2), 2U);
  CHECK_EQUAL(stage.control.ledger().published, 2U);
  CHECK_EQUAL(stage.control.ledger().in_hand, 1U);
  const auto reader = stage.open_reader(0);
  CHECK_EQUAL(reader->take(3).count, 2U);
  CHECK_EQUAL(reader->metadata(1).counter, 71);
  CHECK_EQUAL(stage.segment->payload_of(1)[0], 8);
  CHECK(!reader->may_repeat(0));
  CHECK(reader->may_repeat(1));
  CHECK_EQUAL(stage.writer->publish(), 1U);
  CHECK_EQUAL(reader->take(1).first, 2U);
}

TEST("what a slot held before leaves no mark") {
  Stage stage(1);
  const std::uint8_t source[kSlotBytes] = {};
  const auto reader = stage.open_reader(0);
  for (std::uint32_t i = 0; i < 2 * kSlots; ++i) {
    const std::uint32_t slot = stage.writer->claim(1).first;
    if (i < kSlots) {
      CHECK(stage.writer->fill_claimed(0, source, {{i, 1.5, 0.25}, 1}));
    }
    stage.writer->publish();
    CHECK_EQUAL(reader->take(1).first, slot);
    CHECK(reader->may_repeat(slot) == (i < kSlots));
    reader->acknowledge();
  }
}

TEST("what comes of an event that failed may be there already") {
  Stage stage(1);
  stage.put(stage.writer.get(), 1);
  const auto reader = stage.open_reader(0);
  for (const bool failed : {false, true}) {
    const std::uint32_t slot = reader->take(1).first;
    CHECK(!reader->may_repeat(slot));
    reader->give_back(failed);
  }
  CHECK(reader->may_repeat(reader->take(1).first));
}

TEST("what is published for nobody stays in the ring until its slot is claimed") {
  Stage stage(0);
  Segment& ring = *stage.segment;
  stage.put(stage.writer.get(), kSlots);
  CHECK_EQUAL(ring.header().free_count.load(), kSlots);
  CHECK(slot_word(ring, 0).state == SlotState::kReady);
  CHECK_EQUAL(stage.writer->claim(1).first, 0U);
  CHECK(violations(ring).empty());
}

TEST("metadata are the writer's own count, the time, and dead time not measured, unless set") {
  Stage stage(1);
  const Segment& ring = *stage.segment;
  stage.writer->claim(2);
  CHECK(stage.writer->set_metadata(1, {77, 1.5, 0.25}));
  CHECK(!stage.writer->set_metadata(3, {0, 0.0, 0.0}));
  stage.writer->publish();
  CHECK_EQUAL(ring.slot(0).counter, 0);
  CHECK(ring.slot(0).timestamp_s > 1e9);
  CHECK_EQUAL(ring.slot(0).deadtime, -1.0);
  CHECK_EQUAL(ring.slot(1).counter, 77);
  CHECK_EQUAL(ring.slot(1).timestamp_s, 1.5);
  CHECK_EQUAL(ring.slot(1).deadtime, 0.25);
}

TEST("a time in whole ns is kept to the last digit, and a slot used again forgets it") {
  Stage stage(1);
  const auto reader = stage.open_reader(0);
  const std::int64_t time_ns = 1'796'023'714'220'344'501;
  CHECK_EQUAL(stage.writer->advance().first, 0U);
  CHECK(stage.writer->set_metadata(0, {1, 1.5, 0.25, time_ns}));
  stage.writer->publish();
  CHECK_EQUAL(reader->advance().first, 0U);
  CHECK_EQUAL(reader->metadata(0).time_ns, time_ns);
  std::uint32_t slot = 0;
  do {  // round to the same slot
    reader->acknowledge();
    slot = stage.writer->advance().first;
    stage.writer->publish();
    CHECK_EQUAL(reader->advance().first, slot);
  } while (slot != 0);
  CHECK_EQUAL(reader->metadata(0).time_ns, kNoTime);
}

TEST("metadata find their slot where those in hand are no neighbours") {
  Stage stage(1);
  stage.segment->header().next_claim = 3;
  stage.writer->claim(1);
  CHECK(!stage.writer->set_metadata(0, {1, 1.0, 0.0}));
  stage.writer->claim(1);
  CHECK(stage.writer->set_metadata(0, {5, 1.0, 0.0}));
  CHECK(stage.writer->set_metadata(3, {6, 1.0, 0.0}));
  CHECK_EQUAL(stage.segment->slot(0).counter, 5);
  CHECK_EQUAL(stage.segment->slot(3).counter, 6);
}

TEST("an aborted slot is free, is no event, and counts as aborted") {
  Stage stage(1);
  Segment& ring = *stage.segment;
  CHECK_EQUAL(stage.writer->abort(), 0U);
  CHECK_EQUAL(stage.writer->publish(), 0U);
  stage.writer->claim(2);
  CHECK_EQUAL(stage.writer->abort(), 2U);
  CHECK(slot_word(ring, 0).state == SlotState::kFree);
  CHECK_EQUAL(slot_word(ring, 0).generation, 1U);
  CHECK_EQUAL(ring.slot(0).sequence.load(), 0U);
  const RingLedger ledger = stage.control.ledger();
  CHECK_EQUAL(ledger.aborted, 2U);  // I5
  CHECK_EQUAL(ledger.free_slots, kSlots);
  CHECK(violations(ring).empty());
}

TEST("advancing publishes what is in hand even when nothing is free") {
  Stage stage(1);
  stage.put(stage.writer.get(), kSlots - 1);
  stage.claim_and_fill(stage.writer.get(), 1);
  CHECK_EQUAL(stage.writer->advance().status, kNotNow);
  CHECK_EQUAL(stage.control.ledger().published, kSlots);
  CHECK_EQUAL(stage.control.ledger().in_hand, 0U);
}

TEST("closing a writer aborts what is in hand and ends the stream if it was the last") {
  Stage stage(1);
  stage.claim_and_fill(stage.writer.get(), 1);
  stage.writer->close();
  stage.writer->close();
  const RingLedger ledger = stage.control.ledger();
  CHECK_EQUAL(ledger.aborted, 1U);
  CHECK_EQUAL(ledger.writers, 0U);
  CHECK(ledger.ended);
}

TEST("a writer waits for space or the end, and the time is counted by cause") {
  Stage stage(1);
  CHECK_EQUAL(stage.writer->wait(1'000'000, 0), kOk);  // there is space
  stage.put(stage.writer.get(), kSlots);
  CHECK_EQUAL(stage.writer->wait(2'000'000, 1000), kNotNow);
  CHECK(stage.writer->waited_ns(WaitCause::kFull) >= 2'000'000);
  CHECK_EQUAL(stage.writer->waited_ns(WaitCause::kPaused), 0);
  stage.control.pause(true);
  CHECK_EQUAL(stage.writer->wait(2'000'000, 0), kNotNow);
  CHECK(stage.writer->waited_ns(WaitCause::kPaused) >= 2'000'000);
  stage.control.end_writers();
  CHECK_EQUAL(stage.writer->wait(1'000'000, 0), kEnded);
  CHECK(violations(*stage.segment).empty());
  CHECK(stage.control.ledger().full_ns >= 2'000'000);
}

TEST("a claim that is given up is counted by the cause that holds then, a pause before all others") {
  Stage stage(1);
  stage.put(stage.writer.get(), kSlots);
  CHECK_EQUAL(stage.writer->refuse(), kNotNow);
  stage.control.pause(true);
  for (int i = 0; i < 2; ++i) CHECK_EQUAL(stage.writer->refuse(), kPaused);
  const RingLedger ledger = stage.control.ledger();
  CHECK_EQUAL(ledger.refused_full, 1U);
  CHECK_EQUAL(ledger.refused_paused, 2U);
  CHECK_EQUAL(ledger.claimed, kSlots);
}

TEST("refusals stay in the ledger when their writer leaves, and when others have its handle (I9)") {
  Stage stage(1);
  stage.writer->refuse();
  stage.control.pause(true);
  for (int i = 0; i < 3; ++i) {
    const auto other = stage.open_writer();
    other->refuse();
    CHECK_EQUAL(stage.segment->header().handles_used.load(), 2U);
  }
  stage.writer.reset();
  const auto reader = stage.open_reader(0);  // on the first handle
  CHECK_EQUAL(stage.control.ledger().refused_full, 1U);
  CHECK_EQUAL(stage.control.ledger().refused_paused, 3U);
}

TEST("a writer learns from its wait that the ring's maker has died") {
  Stage stage(1);
  stage.put(stage.writer.get(), kSlots);
  stage.segment->header().creator_start_time += 1;
  CHECK_EQUAL(stage.writer->wait(1'000'000, 0), kOrphaned);
}

TEST("a writer that is alone has the next slot reserved, which stays free to all eyes") {
  Stage stage(1);
  Segment& ring = *stage.segment;
  stage.put(stage.writer.get(), 1);
  const SlotWord reserved = slot_word(ring, 1);
  CHECK(reserved.state == SlotState::kReserved);
  CHECK_EQUAL(reserved.owner, 0U);
  CHECK_EQUAL(reserved.generation, 0U);
  RingLedger ledger = stage.control.ledger();
  CHECK_EQUAL(ledger.free_slots, kSlots - 1);
  CHECK_EQUAL(ledger.in_hand, 0U);
  CHECK_EQUAL(ledger.claimed, 1U);
  CHECK_EQUAL(stage.writer->wait(0, 0), kOk);
  CHECK(violations(ring).empty());
  CHECK_EQUAL(stage.writer->advance().first, 1U);
  CHECK(slot_word(ring, 1).state == SlotState::kClaimed);
  CHECK_EQUAL(slot_word(ring, 1).generation, 1U);
  CHECK(violations(ring).empty());
  ledger = stage.control.ledger();
  CHECK_EQUAL(ledger.in_hand, 1U);
  CHECK_EQUAL(ledger.claimed, 2U);
  CHECK_EQUAL(stage.writer->abort(), 1U);
  CHECK_EQUAL(stage.control.ledger().in_hand, 0U);
  CHECK(violations(ring).empty());
}

TEST("claiming what is reserved takes no lock") {
  Stage stage(1);
  stage.put(stage.writer.get(), 1);
  const auto before = all_bytes(*stage.segment);
  must(pthread_mutex_lock(&stage.segment->header().lock) == 0, "lock");
  CHECK_EQUAL(stage.writer->advance().status, kOk);
  pthread_mutex_unlock(&stage.segment->header().lock);
  CHECK(all_bytes(*stage.segment) != before);
}

TEST("a reservation is withdrawn by whatever it would stand in the way of") {
  for (const int by : {0, 1, 2, 3, 4}) {
    Stage stage(1);
    stage.put(stage.writer.get(), 1);
    std::unique_ptr<WriterPort> other;
    int expected = kOk;
    if (by == 0) other = stage.open_writer();
    if (by == 1) stage.control.pause(true), expected = kPaused;
    if (by == 2) stage.control.end_writers(), expected = kEnded;
    if (by == 3) stage.control.end_after(1), expected = kEnded;
    if (by == 4) set_owner_died(*stage.segment), stage.control.ledger();
    CHECK(slot_word(*stage.segment, 1).state == SlotState::kFree);
    CHECK(violations(*stage.segment).empty());
    const Run run = stage.writer->advance();
    CHECK_EQUAL(run.status, expected);
    if (run.status == kOk) {
      CHECK_EQUAL(run.first, 1U);
      fill(*stage.segment, 1, 7);
      stage.writer->set_metadata(1, {7, 1.0, 0.0});
    }
    stage.writer->publish();
    // Beside another writer nothing is reserved again.
    CHECK_EQUAL(slot_word(*stage.segment, 2).state == SlotState::kReserved, by == 4);
    CHECK(violations(*stage.segment).empty());
  }
}

TEST("claiming several withdraws the reservation and begins with its slot") {
  Stage stage(1);
  stage.put(stage.writer.get(), 1);
  const Run run = stage.writer->claim(2);
  CHECK_EQUAL(run.first, 1U);
  CHECK_EQUAL(run.count, 2U);
  CHECK_EQUAL(stage.writer->abort(), 2U);
  CHECK(violations(*stage.segment).empty());
}

TEST("a slot whose event no group needs is not reserved, as a new group might") {
  Stage stage(0);
  stage.put(stage.writer.get(), kSlots);
  CHECK(slot_word(*stage.segment, 0).state == SlotState::kReady);
  stage.add_group();
  CHECK_EQUAL(stage.control.ledger().groups[0].pending, kSlots);
}
