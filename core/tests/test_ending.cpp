// The end after a number of events, alone and together with deaths, gives, and refusals.
#include "bytes.hpp"
#include "check.hpp"
#include "invariants.hpp"

using namespace mimocorb;
using namespace mimocorb::testing;

namespace {

bool is_ending(const Stage& stage) { return stage.segment->header().ending.load() != 0; }

}  // namespace

TEST("the stream ends with the event that was asked for, and no claim goes beyond it") {
  Stage stage(1);
  stage.control.end_after(3);
  CHECK_EQUAL(stage.writer->claim(4).count, 3U);
  CHECK_EQUAL(stage.writer->claim(1).status, kNotNow);  // those in hand may become the last
  CHECK_EQUAL(stage.writer->abort(), 3U);
  stage.put(stage.writer.get(), 2);
  CHECK(!is_ending(stage));
  stage.put(stage.writer.get(), 1);
  CHECK(is_ending(stage));
  CHECK_EQUAL(stage.writer->claim(1).status, kEnded);
  CHECK(violations(*stage.segment).empty());
}

TEST("asking for no more than is there ends the stream at once, asking for 0 means no limit") {
  Stage stage(1);
  stage.put(stage.writer.get(), 2);
  stage.control.end_after(3);
  stage.control.end_after(0);
  stage.put(stage.writer.get(), 2);
  CHECK(!is_ending(stage));
  stage.control.end_after(2);
  CHECK(is_ending(stage));
}

TEST("what a dead writer held of the last events is for the others to write (F3)") {
  Stage stage(1);
  Segment& ring = *stage.segment;
  stage.control.end_after(1);
  set_dead_handle(ring, 5, Role::kWriter, stage.token);
  stage.claim_and_fill(stage.writer.get(), 1);
  set(&ring.slot(0).word, SlotWord{SlotState::kClaimed, 5, 1});  // as if it were the dead's
  const auto other = stage.open_writer();                        // reaps
  CHECK_EQUAL(ring.header().torn, 1U);
  CHECK_EQUAL(other->claim(1).status, kOk);
}

TEST("recovery ends the stream if the dead had published the last event") {
  Stage stage(1);
  stage.put(stage.writer.get(), 2);
  stage.segment->header().event_limit = 2;
  set_owner_died(*stage.segment);
  CHECK(stage.control.ledger().ended);
  CHECK(violations(*stage.segment).empty());
}

TEST("a writer that publishes or aborts last lets the others see the end") {
  for (const bool publishes : {true, false}) {
    Stage stage(1);
    const auto reader = stage.open_reader(0);
    const auto other = stage.open_writer();
    stage.claim_and_fill(stage.writer.get(), 1);
    stage.claim_and_fill(other.get(), 1);
    stage.control.end_writers();
    other->abort();
    CHECK_EQUAL(reader->advance().status, kNotNow);
    if (publishes) {
      CHECK_EQUAL(stage.writer->advance().status, kEnded);
      CHECK_EQUAL(reader->advance().status, kOk);
    } else {
      CHECK_EQUAL(stage.writer->abort(), 1U);
    }
    CHECK_EQUAL(reader->advance().status, kEnded);
  }
}
