// aftermath.hpp: whether a ring is as it must be after a process was killed inside an operation.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "scenarios.hpp"

namespace mimocorb::testing {

// The ring as its words tell it, in the terms of its users.
struct Picture {
  struct Due {
    DueState state;
    std::uint32_t delivery;
    std::uint32_t owner;
  };
  struct Group {
    GroupState state;
    GroupLedger ledger;
    std::map<std::uint64_t, Due> due;  // by sequence: pending or held
  };
  RingLedger ledger;
  std::vector<Group> groups;
  std::vector<bool> dying;  // by handle: its process is about to die, or has died
  std::uint32_t in_dying_hands = 0;  // slots
  std::uint32_t ready = 0;           // slots with an event that is due, or waits for a first group
};

// `victim`: the process that will be killed. The ring must stand still, its lock free.
Picture picture(Stage* stage, std::int32_t victim);

// Recovers, compares with what was before, then uses the ring to its end. What is wrong, in words.
std::vector<std::string> aftermath(Stage* stage, const Picture& before, const Limits& limits);

}  // namespace mimocorb::testing
