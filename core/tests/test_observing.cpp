// Observers: a whole copy of the newest event, or none.
#include "bytes.hpp"
#include "check.hpp"

using namespace mimocorb;
using namespace mimocorb::testing;

namespace {

struct Copy {
  bool found;
  Snapshot seen;
  std::int64_t id;
};

Copy look(const Stage& stage) {
  std::int64_t target[kSlotBytes / sizeof(std::int64_t)] = {};
  Copy copy{};
  const ObserverPort observer(stage.segment);
  copy.found = observer.snapshot(reinterpret_cast<std::uint8_t*>(target), &copy.seen);
  copy.id = target[0];
  for (const std::int64_t value : target) CHECK_EQUAL(value, target[0]);
  return copy;
}

}  // namespace

TEST("an observer gets the newest event with its metadata") {
  Stage stage(1);
  CHECK(!look(stage).found);
  stage.put(stage.writer.get(), 3);
  const Copy copy = look(stage);
  CHECK(copy.found);
  CHECK_EQUAL(copy.id, 3);
  CHECK_EQUAL(copy.seen.sequence, 3U);
  CHECK_EQUAL(copy.seen.metadata.counter, 3);
  CHECK_EQUAL(copy.seen.published_ns, stage.segment->slot(2).published_ns);
}

TEST("an event that everybody has finished with can still be seen") {
  Stage stage(1);
  stage.put(stage.writer.get(), 1);
  const auto reader = stage.open_reader(0);
  reader->advance();
  reader->acknowledge();
  CHECK_EQUAL(look(stage).id, 1);
}

TEST("while the newest slot is being written, the newest of the others is seen") {
  Stage stage(0);
  stage.put(stage.writer.get(), 3);
  Segment& ring = *stage.segment;
  set(&ring.slot(2).word, SlotWord{SlotState::kClaimed, 0, 2});
  CHECK_EQUAL(look(stage).id, 2);
  ring.slot(1).sequence = 0;
  CHECK_EQUAL(look(stage).id, 1);
  ring.slot(0).sequence = 0;
  CHECK(!look(stage).found);
}

TEST("a slot that was torn or aborted is not seen") {
  Stage stage(1);
  stage.claim_and_fill(stage.writer.get(), 1);
  stage.writer->abort();
  CHECK(!look(stage).found);
}

TEST("a broken index of the newest slot is refused instead of followed") {
  Stage stage(1);
  stage.put(stage.writer.get(), 1);
  stage.segment->header().newest_slot = kSlots + 1;
  CHECK(!look(stage).found);
}

TEST("an observer waits for a newer event, the end, or the death of the maker") {
  Stage stage(1);
  ObserverPort observer(stage.segment);
  CHECK_EQUAL(observer.wait(0, 100'000), kNotNow);
  stage.put(stage.writer.get(), 1);
  CHECK_EQUAL(observer.newest(), 1U);
  CHECK_EQUAL(observer.wait(0, 100'000), kOk);
  CHECK_EQUAL(observer.wait(1, 100'000), kNotNow);
  stage.segment->header().creator_start_time += 1;
  CHECK_EQUAL(ObserverPort(stage.segment).wait(1, 100'000), kOrphaned);
  stage.control.end_readers();
  CHECK_EQUAL(observer.wait(1, 100'000), kEnded);
}
