// stage.hpp: a small ring for tests, with events that tell whether they are whole.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "mimocorb/ring.hpp"

namespace mimocorb::testing {

inline constexpr std::uint32_t kSlots = 4;
inline constexpr std::uint64_t kSlotBytes = 64;
inline constexpr std::uint32_t kGroups = 3;

// A fresh ring, or the end of the test program.
std::shared_ptr<Segment> make_segment(std::uint32_t slots = kSlots,
                                      std::uint64_t slot_bytes = kSlotBytes);

// Every 8 bytes of an event hold its id, which is also its counter.
void fill(const Segment& segment, std::uint32_t slot, std::int64_t id);
bool is_whole(const Segment& segment, std::uint32_t slot, std::int64_t* id);

// The ring of one test. Parent and child of a killed operation each open their own ports.
struct Stage {
  explicit Stage(std::uint32_t groups = 2);

  std::uint32_t add_group();
  std::unique_ptr<WriterPort> open_writer();  // promised first, so that it leaves the stream open
  std::unique_ptr<ReaderPort> open_reader(std::uint32_t group);
  // Claims, fills and publishes `count` events one by one.
  void put(WriterPort* port, std::uint32_t count);
  // Claims `count` slots and fills them; they stay in hand.
  void claim_and_fill(WriterPort* port, std::uint32_t count);

  std::shared_ptr<Segment> segment;
  ControlPort control;
  std::uint32_t token = 0;
  std::int64_t next_id = 1;
  std::unique_ptr<WriterPort> writer;  // the parent's
  std::vector<std::unique_ptr<ReaderPort>> colleagues;  // the parent's
  // The child's, opened there.
  std::unique_ptr<WriterPort> own_writer;
  std::unique_ptr<ReaderPort> own_reader;
  std::unique_ptr<ObserverPort> own_observer;
};

// Ends the program with a message unless `outcome` is good: for what cannot fail in a test's set-up.
void must(bool outcome, const char* what);

}  // namespace mimocorb::testing
