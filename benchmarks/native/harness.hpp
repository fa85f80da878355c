// harness.hpp: processes that report what they saw, and the check that nothing was lost. The C++
// side of measure.py, with the same result on standard output.
#pragma once

#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

namespace harness {

inline constexpr std::int64_t kEnd = -1;
inline constexpr std::uint32_t kSlots = 128;
inline constexpr std::size_t kSamples = 4250;
inline constexpr std::size_t kChannels = 4;

struct Shape {
  std::string name;
  int writers, groups, readers;
  std::int64_t events;  // per writer
  std::size_t slot_bytes;
};

struct Seen {
  std::int64_t count = 0;
  std::int64_t total = 0;
  double first_s = 0.0;
  double last_s = 0.0;
};

inline double now_s() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

inline Shape shape_from(int argc, char** argv) {
  const std::vector<Shape> known = {
      {"1-1", 1, 1, 1, 2'000'000, 40},
      {"1-2", 1, 1, 2, 2'000'000, 40},
      {"2-2", 2, 2, 1, 500'000, 40},
      {"interleaved", 1, 1, 1, 50'000, kSamples * kChannels * sizeof(double)},
      {"contiguous", 1, 1, 1, 50'000, kSamples * kChannels * sizeof(double)},
  };
  for (Shape shape : known) {
    if (argc < 2 || shape.name != argv[1]) continue;
    if (argc == 4 && std::strcmp(argv[2], "--events") == 0) shape.events = std::atoll(argv[3]);
    if (argc == 2 || (argc == 4 && shape.events > 0)) return shape;
  }
  std::fprintf(stderr, "usage: %s 1-1|1-2|2-2|interleaved|contiguous [--events N]\n", argv[0]);
  std::exit(2);
}

// Runs every reader and writer in a process of its own and prints {"rate_hz": …} or {"wrong": …}.
inline int run(const Shape& shape, const std::function<Seen(int group)>& read,
               const std::function<void(int writer)>& write) {
  struct Child {
    pid_t pid;
    int report;
    int group;  // -1: a writer
  };
  std::vector<Child> children;
  const auto start = [&](int group, const std::function<Seen()>& work) {
    int ends[2];
    if (pipe(ends) != 0) std::exit(1);
    const pid_t pid = fork();
    if (pid < 0) std::exit(1);
    if (pid == 0) {
      const Seen seen = work();
      _exit(::write(ends[1], &seen, sizeof seen) == sizeof seen ? 0 : 1);
    }
    close(ends[1]);
    children.push_back({pid, ends[0], group});
  };
  for (int g = 0; g < shape.groups; ++g)
    for (int r = 0; r < shape.readers; ++r) start(g, [&] { return read(g); });
  for (int w = 0; w < shape.writers; ++w) start(-1, [&] { write(w); return Seen{}; });

  std::vector<Seen> groups(static_cast<std::size_t>(shape.groups));
  double first_s = 1e300, last_s = 0.0;
  bool died = false;
  for (const Child& child : children) {
    Seen seen;
    died |= ::read(child.report, &seen, sizeof seen) != sizeof seen;
    waitpid(child.pid, nullptr, 0);
    if (child.group < 0) continue;
    groups[static_cast<std::size_t>(child.group)].count += seen.count;
    groups[static_cast<std::size_t>(child.group)].total += seen.total;
    if (seen.first_s < first_s) first_s = seen.first_s;
    if (seen.last_s > last_s) last_s = seen.last_s;
  }
  const std::int64_t expected = shape.writers * shape.events;
  const std::int64_t expected_total = shape.writers * (shape.events * (shape.events - 1) / 2);
  for (const Seen& group : groups) {
    if (!died && group.count == expected && group.total == expected_total) continue;
    std::printf("{\"wrong\": \"%lld events with sum %lld%s\"}\n", static_cast<long long>(group.count),
                static_cast<long long>(group.total), died ? "; a process died" : "");
    return 0;
  }
  std::printf("{\"rate_hz\": %.1f}\n", static_cast<double>(expected) / (last_s - first_s));
  return 0;
}

}  // namespace harness
