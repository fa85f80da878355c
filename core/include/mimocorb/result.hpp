// result.hpp: what operations of the core answer. The core throws nothing and knows no Python. Only its
// lists (slots in hand, ledger) ask for memory in a way that throws.
#pragma once

#include <cstdint>

namespace mimocorb {

// Negative answers of claim, take and wait; the same numbers as mimocorb.buffers.contract.Status.
enum Status : int {
  kOk = 0,
  kNotNow = -1,
  kPaused = -2,
  kEnded = -3,
  kOrphaned = -4,
  kPoisonous = -5,  // an event was taken, but it has failed too often: quarantine it
  kEarlier = -6,    // an event before the one in hand was given back and waits to be taken
};

// Why a ring could not be made or opened.
enum class Fault : int {
  kNone = 0,
  kSystem,       // errno tells
  kTooLarge,     // a size beyond the limits of the layout
  kNotARing,     // the descriptor is not this ring (closed and reused, or foreign)
  kOtherLayout,  // another layout version; `detail` holds the one found
  kDamaged,      // what the header says does not fit together, or not into the memory
  kOtherNamespace,
  kHandlesFull,
  kTokensFull,
  kGroupsFull,
  kNoSuchPort,
};

struct Outcome {
  Fault fault = Fault::kNone;
  int error_number = 0;
  std::uint64_t detail = 0;
  [[nodiscard]] bool ok() const { return fault == Fault::kNone; }
};

}  // namespace mimocorb
