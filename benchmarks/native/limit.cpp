// The limit that the machine sets: one writer, one reader, a lock-free ring between two processes
// that gives up everything that makes a ring useful (recovery, ledger, groups, several writers).
//
//   1-1           40 B events
//   contiguous    136 kB: memcpy into the slot in one process, sum of one channel in the other
//   interleaved   the same, a channel being every fourth value
//
// Who has to wait looks for 50 µs, then sleeps on a futex.
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <atomic>

#include "harness.hpp"

namespace {

using harness::kEnd;
using harness::kSlots;
using Count = std::atomic<std::uint32_t>;

constexpr double kSpin_s = 50e-6;

// A count that one side moves and the other waits for.
struct alignas(64) Side {
  Count count{0};
  Count sleeping{0};

  void add_one() {
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_seq_cst);
    if (sleeping.load(std::memory_order_seq_cst) != 0)
      syscall(SYS_futex, &count, FUTEX_WAKE, 1, nullptr, nullptr, 0);
  }

  // Waits until the count is no longer `seen`; returns it.
  std::uint32_t wait_beyond(std::uint32_t seen) {
    std::uint32_t now = count.load(std::memory_order_acquire);
    if (now != seen) return now;
    const double until_s = harness::now_s() + kSpin_s;
    do {
      for (int i = 0; i < 16; ++i) {
        now = count.load(std::memory_order_acquire);
        if (now != seen) return now;
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
      }
    } while (harness::now_s() < until_s);
    sleeping.store(1, std::memory_order_seq_cst);
    while ((now = count.load(std::memory_order_seq_cst)) == seen)
      syscall(SYS_futex, &count, FUTEX_WAIT, seen, nullptr, nullptr, 0);
    sleeping.store(0, std::memory_order_relaxed);
    return now;
  }
};

struct Ring {
  Side written;
  Side read;
};

// The number is the first value, int32 in small events and double in waveforms, as in shapes.py.
void put_small(std::uint8_t* slot, std::int64_t number) {
  const auto value = static_cast<std::int32_t>(number);
  std::memcpy(slot, &value, sizeof value);
}

std::int64_t get_small(const std::uint8_t* slot) {
  std::int32_t value = 0;
  std::memcpy(&value, slot, sizeof value);
  return value;
}

// Eight sums at a time: one alone would wait for each addition rather than for the memory.
template <std::size_t Stride>
std::int64_t sum_of_channel(const std::uint8_t* slot) {
  const auto* values = reinterpret_cast<const double*>(slot);
  constexpr std::size_t kLanes = 8;
  double sums[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= harness::kSamples; i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += values[(i + lane) * Stride];
  double total = 0.0;
  for (; i < harness::kSamples; ++i) total += values[i * Stride];
  for (const double sum : sums) total += sum;
  return static_cast<std::int64_t>(total);
}

template <class Put>
void write_all(const harness::Shape& shape, Ring* ring, std::uint8_t* payload, Put put) {
  std::uint32_t read = 0;
  for (std::int64_t number = 0; number <= shape.events; ++number) {
    const auto index = static_cast<std::uint32_t>(number);
    while (index - read >= kSlots) read = ring->read.wait_beyond(read);
    put(payload + index % kSlots * shape.slot_bytes, number < shape.events ? number : kEnd);
    ring->written.add_one();
  }
}

template <class Get>
harness::Seen read_all(const harness::Shape& shape, Ring* ring, const std::uint8_t* payload, Get get) {
  harness::Seen seen;
  std::uint32_t written = 0;
  for (std::uint32_t index = 0;; ++index) {
    if (written == index) written = ring->written.wait_beyond(index);
    if (index == 0) seen.first_s = harness::now_s();
    const std::int64_t number = get(payload + index % kSlots * shape.slot_bytes);
    if (number == kEnd) break;
    ring->read.add_one();
    ++seen.count;
    seen.total += number;
  }
  seen.last_s = harness::now_s();
  return seen;
}

}  // namespace

int main(int argc, char** argv) {
  const harness::Shape shape = harness::shape_from(argc, argv);
  if (shape.writers * shape.groups * shape.readers != 1) {
    std::fprintf(stderr, "%s: this ring has one writer and one reader\n", argv[0]);
    return 2;
  }
  const std::size_t bytes = 4096 + kSlots * shape.slot_bytes;
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) return 1;
  Ring* ring = new (memory) Ring;
  std::uint8_t* payload = static_cast<std::uint8_t*>(memory) + 4096;

  if (shape.name == "1-1")
    return harness::run(
        shape, [&](int) { return read_all(shape, ring, payload, get_small); },
        [&](int) { write_all(shape, ring, payload, put_small); });

  std::vector<std::uint8_t> source(shape.slot_bytes);
  const auto copy = [&](std::uint8_t* slot, std::int64_t number) {
    const auto value = static_cast<double>(number);
    std::memcpy(source.data(), &value, sizeof value);
    std::memcpy(slot, source.data(), source.size());
  };
  const auto sum = shape.name == "contiguous" ? sum_of_channel<1> : sum_of_channel<harness::kChannels>;
  return harness::run(
      shape, [&](int) { return read_all(shape, ring, payload, sum); },
      [&](int) { write_all(shape, ring, payload, copy); });
}
