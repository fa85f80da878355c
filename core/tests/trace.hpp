// trace.hpp: where an operation can be killed, and how to get there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "mimocorb/segment.hpp"
#include "traced_child.hpp"

namespace mimocorb::testing {

// An operation as it went when nobody was killed: point n is after n instructions.
struct Trace {
  std::vector<std::uint64_t> at;  // address of the next instruction
  std::vector<bool> visible;      // whether others could see a difference to point n − 1
  std::vector<bool> committed;    // whether a word changed

  [[nodiscard]] std::size_t points() const { return at.size(); }
};

// Runs the child to the end, one instruction at a time.
Trace record(const Segment& ring, TracedChild* child);

// Every instruction. Inside a loop, an instruction that has changed nothing visible to others
// leaves the same ring behind as the one before it: from its third round on, a loop is killed only
// where it changes something.
std::vector<std::size_t> points_to_kill(const Trace& trace);
std::vector<std::size_t> points_where(const std::vector<bool>& flags);

// Runs the child to point n: at full speed to a breakpoint shortly before, then step by step.
void advance_to(TracedChild* child, const Trace& trace, std::size_t n);

// Parent and child take turns; on one processor they do so without waking another one up.
void stay_on_one_processor();

}  // namespace mimocorb::testing
