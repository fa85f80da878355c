// liveness.hpp: who is still alive. A process is named by its id and its start time, so that a
// reused process id is not mistaken for its predecessor. Timeouts alone never declare anyone dead.
#pragma once

#include <cstdint>

namespace mimocorb {

struct ProcessId {
  std::int32_t pid;
  std::uint64_t start_time;  // clock ticks since boot, field 22 of /proc/<pid>/stat
  bool operator==(const ProcessId&) const = default;
};

// Start time 0, and errno, if the system will not tell.
ProcessId this_process();
std::uint64_t pid_namespace();

// False if that process has ended (a zombie has ended) or its id belongs to another one by now.
// True if that cannot be found out at the moment.
bool is_alive(const ProcessId& process);

// Grows by one in every forked child: a handle opened before the fork is the parent's.
std::uint64_t fork_generation();

}  // namespace mimocorb
