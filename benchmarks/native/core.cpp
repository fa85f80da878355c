// The ring of mimocorb without Python: the ports that the bindings call, in the same order as a
// Python writer (get_new_buffer, process_buffer) and reader (get) with one event per call.
#include "harness.hpp"
#include "mimocorb/ring.hpp"

namespace {

using namespace mimocorb;

constexpr std::int64_t kSpin_ns = 5'000;
constexpr std::int64_t kForever_ns = 3'600'000'000'000;

void must(const Outcome& outcome) {
  if (!outcome.ok()) std::abort();
}

void write_all(const harness::Shape& shape, const std::shared_ptr<Segment>& segment,
               std::uint32_t token) {
  std::unique_ptr<WriterPort> port;
  must(WriterPort::open(segment, token, &port));
  const std::int64_t marks = shape.readers;
  for (std::int64_t number = 0; number < shape.events + marks; ++number) {
    Run run = port->advance();
    for (; run.status == kNotNow; run = port->advance()) port->wait(kForever_ns, kSpin_ns);
    if (run.status != kOk) std::abort();
    const auto value = static_cast<std::int32_t>(number < shape.events ? number : harness::kEnd);
    std::memcpy(segment->payload_of(run.first), &value, sizeof value);
    port->publish();
  }
}

harness::Seen read_all(const harness::Shape& shape, const std::shared_ptr<Segment>& segment,
                       std::uint32_t group) {
  std::unique_ptr<ReaderPort> port;
  must(ReaderPort::open(segment, group, &port));
  harness::Seen seen;
  for (int ends = 0; ends < shape.writers;) {
    Run run = port->advance();
    while (run.status == kNotNow) run = port->wait_and_take(1, kForever_ns, kSpin_ns);
    if (run.status != kOk) std::abort();
    if (seen.first_s == 0.0) seen.first_s = harness::now_s();
    std::int32_t value = 0;
    std::memcpy(&value, segment->payload_of(run.first), sizeof value);
    if (value == harness::kEnd) {
      ++ends;
    } else {
      ++seen.count;
      seen.total += value;
    }
  }
  seen.last_s = harness::now_s();
  port->acknowledge();
  return seen;
}

}  // namespace

int main(int argc, char** argv) {
  const harness::Shape shape = harness::shape_from(argc, argv);
  std::unique_ptr<Segment> made;
  must(Segment::create({harness::kSlots, shape.slot_bytes, 16}, &made));
  const std::shared_ptr<Segment> segment = std::move(made);
  ControlPort control(segment);
  std::vector<std::uint32_t> tokens(static_cast<std::size_t>(shape.writers));
  std::vector<std::uint32_t> groups(static_cast<std::size_t>(shape.groups));
  for (std::uint32_t& token : tokens) must(control.add_token(&token));
  for (std::uint32_t& group : groups) must(control.add_group(&group));
  return harness::run(
      shape, [&](int g) { return read_all(shape, segment, groups[static_cast<std::size_t>(g)]); },
      [&](int w) { write_all(shape, segment, tokens[static_cast<std::size_t>(w)]); });
}
