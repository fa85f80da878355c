// refusals.hpp: system calls of the core that fail, or meet what another process does, when a test
// wants it. The linker puts these in the place of the real ones (CMakeLists.txt: --wrap).
#pragma once

#include <functional>
#include <string>

namespace mimocorb::testing {

// What the next calls do; `refusals() = {}` at the end of a test.
struct Refusals {
  int interrupted_allocations = 0;  // so many calls of posix_fallocate end with EINTR
  bool seals = false, random_bytes = false, locks = false, namespaces = false;
  bool objects = false;  // no memory of the process's own for a segment or a port
  int mappings_until_refusal = -1;   // so many succeed, then one fails
  int read_error = 0;                // of reading files of /proc
  std::string stat_of_process;       // what they hold instead, if not empty
  bool stat_is_empty = false;
  int abort_exits_with = 0;            // in place of a signal, if not 0
  std::function<void()> when_opening;  // before a file is opened
  std::function<void()> when_copying;  // after bytes have been copied
};

// The refusals that are in force; there is always one set, with no refusal in it.
Refusals& refusals();

}  // namespace mimocorb::testing
