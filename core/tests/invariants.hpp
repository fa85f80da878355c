// invariants.hpp: the invariants I1–I8 of layout.hpp and the truth of its caches, checked from
// outside by a second piece of code that shares nothing with the ring but the layout.
#pragma once

#include <string>
#include <vector>

#include "mimocorb/segment.hpp"

namespace mimocorb::testing {

// What does not hold, in words; empty if all is well. The ring must stand still, its lock free.
std::vector<std::string> violations(const Segment& segment);

}  // namespace mimocorb::testing
