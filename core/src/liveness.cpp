#include "mimocorb/liveness.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace mimocorb {
namespace {

enum class Seen { kProcess, kNone, kUnreadable };

struct ProcessStat {
  Seen seen;
  char state;
  std::uint64_t threads;
  std::uint64_t start_time;
};

// Fields 3 (state), 20 (number of threads) and 22 (start time) of /proc/<pid>/stat, see proc(5).
// The command name in field 2 may hold spaces and brackets, so the fields are counted from the
// last ')'. Only a file that is not there says that there is no such process: that we have no
// descriptor left to open it with, for instance, says nothing about the process.
ProcessStat read_stat(std::int32_t pid) {
  char path[32];
  std::snprintf(path, sizeof path, "/proc/%d/stat", pid);
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return {errno == ENOENT ? Seen::kNone : Seen::kUnreadable, 0, 0, 0};
  char text[1024];
  const ssize_t got = read(file, text, sizeof text - 1);
  const int error = errno;
  close(file);
  if (got <= 0) return {got < 0 && error == ESRCH ? Seen::kNone : Seen::kUnreadable, 0, 0, 0};
  text[got] = '\0';
  const char* at = std::strrchr(text, ')');
  if (at == nullptr || at[1] == '\0') return {Seen::kUnreadable, 0, 0, 0};
  ProcessStat stat{Seen::kProcess, at[2], 0, 0};
  for (int field = 3; field <= 22; ++field) {
    at = std::strchr(at + 1, ' ');
    if (at == nullptr) return {Seen::kUnreadable, 0, 0, 0};
    if (field == 20) stat.threads = std::strtoull(at + 1, nullptr, 10);
  }
  stat.start_time = std::strtoull(at + 1, nullptr, 10);
  return stat;
}

std::atomic<std::uint64_t> forks{0};
std::atomic<std::uint64_t> own_start_time{0};  // 0: not read yet
[[maybe_unused]] const int fork_hook = pthread_atfork(nullptr, nullptr, [] {
  forks.fetch_add(1);
  own_start_time.store(0);
});

}  // namespace

ProcessId this_process() {
  const std::int32_t pid = getpid();
  std::uint64_t start_time = own_start_time.load(std::memory_order_relaxed);
  if (start_time == 0) {
    start_time = read_stat(pid).start_time;
    own_start_time.store(start_time, std::memory_order_relaxed);
  }
  return {pid, start_time};
}

std::uint64_t pid_namespace() {
  struct stat status{};
  return stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
}

// A zombie main thread may have left other threads running.
bool is_alive(const ProcessId& process) {
  const ProcessStat now = read_stat(process.pid);
  if (now.seen == Seen::kNone) return false;
  if (now.seen == Seen::kUnreadable) return true;  // never guess: two would hold one event
  if (now.start_time != process.start_time) return false;
  return (now.state != 'Z' && now.state != 'X') || now.threads > 1;
}

std::uint64_t fork_generation() { return forks.load(std::memory_order_relaxed); }

}  // namespace mimocorb
