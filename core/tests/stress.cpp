// stress: threads on one ring, for the sanitizers, which do not follow memory that is shared
// between processes. One or two writers, two groups of two readers, an observer. Ends by itself.
//
//   stress [EVENTS [SLOTS [SLOT_BYTES]]]      events per writer
//
// Looked for: every event once in every group, whole, in the order of its writer; copies never torn.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

#include "invariants.hpp"
#include "stage.hpp"

using namespace mimocorb;
using namespace mimocorb::testing;

namespace {

constexpr int kMaxWriters = 2;
constexpr int kReadersPerGroup = 2;
constexpr std::int64_t kWait_ns = 1'000'000'000;
constexpr std::int64_t kSpin_ns = 2'000;
constexpr std::int64_t kWriterUnit = 1'000'000'000;  // an id is its writer times this, plus a count

std::atomic<int> wrong{0};

void expect(bool good, const char* what) {
  if (good) return;
  if (wrong.fetch_add(1) < 10) std::printf("wrong: %s\n", what);
}

void run_writer(const std::shared_ptr<Segment>& ring, std::uint32_t token, int number, std::int64_t count) {
  std::unique_ptr<WriterPort> port;
  must(WriterPort::open(ring, token, &port).ok(), "no writer");
  for (std::int64_t i = 0; i < count;) {
    const Run run = port->advance();
    if (run.status != kOk) {
      port->wait(kWait_ns, kSpin_ns);
      continue;
    }
    if (i % 7 == 6) port->abort();  // now and then for nothing
    const Run claimed = i % 7 == 6 ? port->claim(1) : run;
    if (claimed.status != kOk) continue;
    const std::int64_t id = number * kWriterUnit + i;
    fill(*ring, claimed.first, id);
    port->set_metadata(claimed.first, {id, 1.0, 0.0});
    ++i;
  }
  port->publish();
  port->close();
}

// Whom a group has heard of: the next count of each writer is not checked here, as colleagues share.
struct Received {
  std::mutex mutex;
  std::vector<std::vector<int>> times;  // by writer and count
};

std::uint64_t finished(ControlPort* control, std::uint32_t group) {
  for (const GroupLedger& ledger : control->ledger().groups)
    if (ledger.group == group) return ledger.acknowledged + ledger.quarantined;
  return 0;
}

void run_reader(const std::shared_ptr<Segment>& ring, std::uint32_t group, Received* received) {
  std::unique_ptr<ReaderPort> port;
  must(ReaderPort::open(ring, group, &port).ok(), "no reader");
  ControlPort control(ring);
  std::vector<std::int64_t> newest(kMaxWriters, -1);
  for (int turn = 0;; ++turn) {
    Run run = port->advance();
    if (run.status == kNotNow) run = port->wait_and_take(1, kWait_ns, kSpin_ns);
    if (run.status == kEnded) break;
    if (run.status == kNotNow) continue;
    if (turn % 11 == 10 && port->delivery(run.first) == 1) {
      port->give_back();  // now and then not wanted
      continue;
    }
    if (turn % 5 == 4) {  // now and then in order
      int order = kNotNow;
      while (order == kNotNow) order = port->wait_turn(run.first, kWait_ns, kSpin_ns);
      if (order == kEarlier) {
        port->give_back(false);
        continue;
      }
      expect(finished(&control, group) >= port->sequence(run.first) - 1, "its turn came too early");
    }
    std::int64_t id = 0;
    expect(is_whole(*ring, run.first, &id), "an event is not whole");
    const auto writer = static_cast<std::size_t>(id / kWriterUnit);
    const std::int64_t count = id % kWriterUnit;
    if (port->delivery(run.first) == 1) {
      expect(count > newest[writer], "first deliveries are out of order");
      newest[writer] = count;
    }
    const std::lock_guard<std::mutex> guard(received->mutex);
    ++received->times[writer][static_cast<std::size_t>(count)];
  }
  port->close();
}

void run_observer(const std::shared_ptr<Segment>& ring, long* copies) {
  ObserverPort port(ring);
  std::vector<std::int64_t> target(ring->header().slot_bytes / sizeof(std::int64_t));
  std::uint64_t newest = 0;
  for (;;) {
    const int status = port.wait(newest, kWait_ns);
    if (status == kEnded) break;
    Snapshot seen{};
    if (!port.snapshot(reinterpret_cast<std::uint8_t*>(target.data()), &seen)) continue;
    newest = seen.sequence;
    ++*copies;
    for (const std::int64_t value : target)
      if (value != seen.metadata.counter) {
        expect(false, "a copy is torn");
        break;
      }
  }
}

// What a supervisor does meanwhile.
void supervise(ControlPort* control, const std::atomic<bool>* over) {
  while (!over->load()) {
    const RingLedger ledger = control->ledger();
    expect(ledger.claimed == ledger.published + ledger.aborted + ledger.torn + ledger.in_hand, "ledger");
    control->pause(ledger.published % 3 == 0);
    control->reap(true);
    control->pause(false);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

// One ring from its first to its last event. A writer that is alone claims what was reserved for it
// while the supervisor withdraws it. Without groups, writers go round without waiting for
// anybody, and what an observer copies is overwritten under its hands.
void run(std::uint32_t number_of_groups, int writers, std::int64_t events, std::uint32_t slots,
         std::uint64_t slot_bytes) {
  const auto ring = make_segment(slots, slot_bytes);
  ControlPort control(ring);
  std::uint32_t token = 0;
  must(control.add_token(&token).ok() && control.promise(token, writers - 1).ok(), "no token");
  std::vector<Received> groups(number_of_groups);
  std::vector<std::thread> threads;
  long copies = 0;
  std::atomic<bool> over{false};
  for (Received& received : groups) {
    std::uint32_t group = 0;
    must(control.add_group(&group).ok(), "no group");
    received.times.assign(static_cast<std::size_t>(writers), std::vector<int>(static_cast<std::size_t>(events)));
    for (int i = 0; i < kReadersPerGroup; ++i)
      threads.emplace_back(run_reader, ring, group, &received);
  }
  for (int i = 0; i < writers; ++i) threads.emplace_back(run_writer, ring, token, i, events);
  std::thread observer(run_observer, ring, &copies);
  std::thread supervisor(supervise, &control, &over);
  for (std::thread& thread : threads) thread.join();
  over.store(true);
  supervisor.join();
  observer.join();
  for (const Received& received : groups)
    for (const std::vector<int>& of_writer : received.times)
      for (const int times : of_writer) expect(times == 1, "an event came not once");
  for (const std::string& violation : violations(*ring)) expect(false, violation.c_str());
  const RingLedger ledger = control.ledger();
  std::uint64_t redelivered = 0;
  for (const GroupLedger& group : ledger.groups) redelivered += group.redelivered;
  std::printf("%d writers, %u groups: %llu events, %llu redelivered, %ld copies observed, %d wrong\n",
              writers, number_of_groups, static_cast<unsigned long long>(ledger.published),
              static_cast<unsigned long long>(redelivered), copies, wrong.load());
}

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t events = argc > 1 ? std::atoll(argv[1]) : 20'000;
  const auto slots = static_cast<std::uint32_t>(argc > 2 ? std::atoi(argv[2]) : 4);
  const auto slot_bytes = static_cast<std::uint64_t>(argc > 3 ? std::atoll(argv[3]) : 256);
  run(2, 2, events, slots, slot_bytes);
  run(2, 1, events, slots, slot_bytes);
  run(0, 2, events, slots, slot_bytes);
  return wrong.load() == 0 ? 0 : 1;
}
