// Who is woken: set the bytes of those who sleep, make one call, see how many were sent a wake-up.
#include <unistd.h>

#include <atomic>
#include <thread>

#include "bytes.hpp"
#include "check.hpp"

using namespace mimocorb;
using namespace mimocorb::testing;

namespace {

constexpr std::int64_t kSecond_ns = 1'000'000'000;

// A group of three readers of which `asleep` sleep; the first is `reader`, and awake.
struct Group {
  explicit Group(std::uint32_t asleep) : stage(1), reader(stage.open_reader(0)), record(stage.segment->group(0)) {
    record.readers = 3;
    record.data.sleepers = asleep;
  }
  ~Group() { record.data.sleepers = 0; }

  // Readers of this group need this long for an event, and one has asked for the next just now.
  void are_awake(std::uint32_t round_ns) {
    record.round_ns = round_ns;
    record.asleep = GroupRecord::kAlways;
    record.asked_ns = monotonic_ns() + kSecond_ns;
  }
  std::uint32_t woken_by_an_event() {
    record.data.woken = 0;
    stage.put(stage.writer.get(), 1);
    return record.data.woken;
  }

  Stage stage;
  std::unique_ptr<ReaderPort> reader;
  GroupRecord& record;
};

}  // namespace

TEST("an event wakes one of all readers that sleep, and none while that one is on its way") {
  Group group(3);
  CHECK_EQUAL(group.woken_by_an_event(), 1U);
  const std::uint32_t turn = group.record.data.turn.load();
  group.stage.put(group.stage.writer.get(), 1);
  CHECK_EQUAL(group.record.data.woken, 1U);
  CHECK_EQUAL(group.record.data.turn.load(), turn);
}

TEST("nobody is woken while one looks, or while those awake are soon back") {
  Group group(2);
  group.record.data.looking = 1;
  CHECK_EQUAL(group.woken_by_an_event(), 0U);
  group.record.data.looking = 0;
  group.are_awake(1'000);
  group.reader->take(1);
  CHECK_EQUAL(group.woken_by_an_event(), 0U);
  group.record.data.looking = 77;  // more is due than the one who looks can take at once
  group.record.asked_ns = 0;
  group.are_awake(kSecond_ns);
  CHECK_EQUAL(group.woken_by_an_event(), 1U);
}

TEST("one more is woken if those awake take long, have not been seen for long, or are not known") {
  for (const std::uint32_t round_ns : {0U, 1'000'000U}) {
    Group group(2);
    group.are_awake(round_ns);
    CHECK_EQUAL(group.woken_by_an_event(), 1U);
  }
  Group group(2);
  group.are_awake(1'000);
  group.record.asked_ns = 1;
  CHECK_EQUAL(group.woken_by_an_event(), 1U);
}

TEST("as many readers as there are processors are joined by one more only if they sleep meanwhile") {
  const auto processors = static_cast<std::uint32_t>(sysconf(_SC_NPROCESSORS_ONLN));
  for (const bool sleep : {true, false}) {
    Group group(1);
    group.record.readers = processors + 1;
    group.record.held = processors;
    group.are_awake(static_cast<std::uint32_t>(kSecond_ns));
    if (!sleep) group.record.asleep = 0;
    group.record.asked_ns = 1;  // and have not asked for long: they are kept from a processor
    CHECK_EQUAL(group.woken_by_an_event(), sleep ? 1U : 0U);
    group.record.held = 0;
  }
}

TEST("readers that are quick get help when the ring is nearly full") {
  if (std::thread::hardware_concurrency() < 2) return;
  Group group(2);
  group.are_awake(1'000);
  CHECK_EQUAL(group.woken_by_an_event(), 0U);
  CHECK_EQUAL(group.woken_by_an_event(), 0U);
  CHECK_EQUAL(group.woken_by_an_event(), 1U);  // the third of four slots
}

TEST("who takes an event wakes the next reader if there is work for both") {
  Group group(2);
  group.are_awake(1'000'000);
  group.stage.put(group.stage.writer.get(), 2);
  group.record.data.woken = 0;
  group.reader->take(1);
  CHECK_EQUAL(group.record.data.woken, 1U);
  group.record.data.woken = 0;
  group.reader->take(1);
  CHECK_EQUAL(group.record.data.woken, 0U);
}

TEST("a reader says how long it was away, for each event of a batch") {
  Group group(0);
  group.stage.put(group.stage.writer.get(), 4);
  group.reader->take(4);
  const std::int64_t since_ns = monotonic_ns();
  sleep_ns(4'000'000);
  group.reader->advance();
  CHECK(group.record.round_ns >= 900'000);
  CHECK(group.record.round_ns <= (monotonic_ns() - since_ns) / 4 + 1'000'000);
  CHECK(group.record.round_ns > 0);
  CHECK_EQUAL(group.record.asleep, GroupRecord::kAlways);
}

TEST("a reader that calculates did not sleep, and was at work for its processor time only") {
  Group group(0);
  group.stage.put(group.stage.writer.get(), 1);
  group.record.asleep = GroupRecord::kAlways;
  const std::int64_t before_ns = thread_time().processor_ns;
  group.reader->take(1);
  while (thread_time().processor_ns < before_ns + 2'000'000) relax();
  group.reader->advance();
  CHECK(group.record.round_ns >= 1'900'000);
  CHECK(group.record.round_ns <= thread_time().processor_ns - before_ns);
  CHECK_EQUAL(group.record.asleep, 0U);
}

TEST("a reader that waits for the ring does not sleep in the function of its user") {
  const std::int64_t before = thread_time().sleeps;
  std::atomic<std::uint32_t> word{0};
  futex_sleep(&word, 0, 1'000'000);
  CHECK(thread_time().sleeps <= before);
  sleep_ns(1'000'000);
  CHECK(thread_time().sleeps > before);
}

TEST("a slot that comes free wakes one writer, and that one the next") {
  Stage stage(1);
  RingHeader& header = stage.segment->header();
  stage.put(stage.writer.get(), kSlots);
  const auto reader = stage.open_reader(0);
  header.space.sleepers = 3;
  reader->advance();
  reader->advance();
  CHECK_EQUAL(header.space.woken, 1U);
  reader->advance();
  CHECK_EQUAL(header.space.woken, 1U);
  header.space.woken = 0;
  stage.writer->claim(1);
  CHECK_EQUAL(header.space.woken, 1U);
  header.space.woken = 0;
  header.space.looking = 1;
  reader->advance();
  CHECK_EQUAL(header.space.woken, 1U);  // more than one is free, and one looks for one
  header.space.sleepers = 0;
}

TEST("a reader that was woken and died on the way is missed after 50 ms at the latest") {
  Stage stage(1);
  GroupRecord& group = stage.segment->group(0);
  const auto reader = stage.open_reader(0);
  Run run{};
  std::thread sleeper([&] { run = reader->wait_and_take(1, 60 * kSecond_ns, 0); });
  while (group.data.sleepers.load() == 0) sleep_ns(100'000);
  set_dead_handle(*stage.segment, 7, Role::kReader, 0);
  stage.segment->handle(7).sleeping = Sleeping::kForWork;
  group.data.sleepers = 2;
  group.data.woken = 1;
  stage.put(stage.writer.get(), 1);
  CHECK_EQUAL(group.data.woken, 1U);
  sleeper.join();
  CHECK_EQUAL(run.status, kOk);
  CHECK_EQUAL(stage.segment->handle(7).state.load(), 0U);  // whoever was not woken looks for the dead
  CHECK_EQUAL(group.data.woken, 0U);
}
