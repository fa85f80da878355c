// scenarios.hpp: every operation of the ring, in the states that matter, to be killed in between.
#pragma once

#include <cstdint>
#include <vector>

#include "stage.hpp"

namespace mimocorb::testing {

// How far an operation may get before it is killed. What it has not done must not show.
struct Limits {
  std::uint32_t claims = 0;
  std::uint32_t publishes = 0;
  std::uint32_t aborts = 0;
  std::uint32_t refusals = 0;
  std::uint32_t takes = 0;        // by group 0, the child's
  std::uint32_t acknowledges = 0;  // likewise
  std::uint32_t quarantines = 0;  // likewise
  bool adds_group = false;
  bool removes_group_0 = false;
};

struct Scenario {
  const char* name;
  std::uint32_t groups;
  void (*setup)(Stage&);    // in the parent
  void (*prepare)(Stage&);  // in the child, before it is stepped
  void (*operate)(Stage&);  // in the child, instruction by instruction
  Limits limits;
};

const std::vector<Scenario>& scenarios();

}  // namespace mimocorb::testing
