#include "stage.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace mimocorb::testing {

void must(bool outcome, const char* what) {
  if (outcome) return;
  std::fprintf(stderr, "cannot set up the test: %s\n", what);
  std::abort();
}

std::shared_ptr<Segment> make_segment(std::uint32_t slots, std::uint64_t slot_bytes) {
  std::unique_ptr<Segment> segment;
  must(Segment::create({slots, slot_bytes, kGroups}, &segment).ok(), "no memory for a ring");
  return segment;
}

void fill(const Segment& segment, std::uint32_t slot, std::int64_t id) {
  const RingHeader& header = segment.header();
  std::uint8_t* at = segment.payload_of(slot);
  for (std::uint64_t i = 0; i + sizeof id <= header.slot_bytes; i += sizeof id)
    std::memcpy(at + i, &id, sizeof id);
}

bool is_whole(const Segment& segment, std::uint32_t slot, std::int64_t* id) {
  const RingHeader& header = segment.header();
  const std::uint8_t* at = segment.payload_of(slot);
  *id = segment.slot(slot).counter;
  for (std::uint64_t i = 0; i + sizeof *id <= header.slot_bytes; i += sizeof *id)
    if (std::memcmp(at + i, id, sizeof *id) != 0) return false;
  return true;
}

Stage::Stage(std::uint32_t groups) : segment(make_segment()), control(segment) {
  must(control.add_token(&token).ok(), "no token");
  for (std::uint32_t g = 0; g < groups; ++g) add_group();
  must(WriterPort::open(segment, token, &writer).ok(), "no writer");
}

std::uint32_t Stage::add_group() {
  std::uint32_t group = 0;
  must(control.add_group(&group).ok(), "no group");
  return group;
}

std::unique_ptr<WriterPort> Stage::open_writer() {
  std::unique_ptr<WriterPort> port;
  must(control.promise(token, 1).ok(), "no promise");
  must(WriterPort::open(segment, token, &port).ok(), "no writer");
  return port;
}

std::unique_ptr<ReaderPort> Stage::open_reader(std::uint32_t group) {
  std::unique_ptr<ReaderPort> port;
  must(ReaderPort::open(segment, group, &port).ok(), "no reader");
  return port;
}

void Stage::claim_and_fill(WriterPort* port, std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) {
    const Run run = port->claim(1);
    must(run.status == kOk, "no free slot");
    fill(*segment, run.first, next_id);
    port->set_metadata(run.first, {next_id, 1.0, 0.0});
    ++next_id;
  }
}

void Stage::put(WriterPort* port, std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) {
    claim_and_fill(port, 1);
    port->publish();
  }
}

}  // namespace mimocorb::testing
