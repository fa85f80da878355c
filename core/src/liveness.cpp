#include "mimocorb/liveness.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace mimocorb {
namespace {

struct ProcessStat {
  bool found;
  char state;
  std::uint64_t start_time;
};

// Field 3 (state) and field 22 (start time) of /proc/<pid>/stat, see proc(5). The command name in
// field 2 may hold spaces and brackets, so the fields are counted from the last ')'.
ProcessStat read_stat(std::int32_t pid) {
  char path[32];
  std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return {false, 0, 0};
  char text[1024];
  const ssize_t got = read(file, text, sizeof text - 1);
  close(file);
  if (got <= 0) return {false, 0, 0};
  text[got] = '\0';
  const char* at = std::strrchr(text, ')');
  if (at == nullptr || at[1] == '\0') return {false, 0, 0};
  const char state = at[2];
  for (int field = 3; field <= 22; ++field) {
    at = std::strchr(at + 1, ' ');
    if (at == nullptr) return {false, 0, 0};
  }
  return {true, state, std::strtoull(at + 1, nullptr, 10)};
}

// A zombie main thread may leave other threads running: the pidfd becomes readable only when the
// whole process has ended.
bool has_ended(std::int32_t pid) {
  const long descriptor = syscall(SYS_pidfd_open, pid, 0);
  if (descriptor < 0) return true;
  pollfd question{static_cast<int>(descriptor), POLLIN, 0};
  const bool ended = poll(&question, 1, 0) == 1;
  close(static_cast<int>(descriptor));
  return ended;
}

std::atomic<std::uint64_t> forks{0};
[[maybe_unused]] const int fork_hook = pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1); });

}  // namespace

ProcessId this_process() {
  const std::int32_t pid = getpid();
  return {pid, read_stat(pid).start_time};
}

std::uint64_t pid_namespace() {
  struct stat status{};
  return stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
}

bool is_alive(const ProcessId& process) {
  const ProcessStat now = read_stat(process.pid);
  if (!now.found || now.start_time != process.start_time) return false;
  if (now.state == 'Z' || now.state == 'X') return !has_ended(process.pid);
  return true;
}

std::uint64_t fork_generation() { return forks.load(std::memory_order_relaxed); }

}  // namespace mimocorb
