// traced_child.hpp: a child process that runs one instruction at a time, and dies when told to.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>

namespace mimocorb::testing {

// What the kernel looks at when a thread dies: the list of robust locks it holds, and the one it
// is just taking or releasing.
struct RobustState {
  std::uint64_t first;
  std::uint64_t pending;
  bool operator==(const RobustState&) const = default;
};

class TracedChild {
 public:
  // Forks. The child runs `prepare`, stops, and will run `operate` when stepped.
  TracedChild(const std::function<void()>& prepare, const std::function<void()>& operate);
  ~TracedChild();
  TracedChild(const TracedChild&) = delete;
  TracedChild& operator=(const TracedChild&) = delete;

  // Whether a child can be traced here at all (not in every container).
  static bool possible();

  bool step();  // one instruction; false when the operation has come to its end
  // At full speed until the instruction at `address` comes up for the `visit`-th time, counting
  // from here; false when the operation ended before.
  bool run_to(std::uint64_t address, int visit);
  [[nodiscard]] std::uint64_t instruction() const;  // address of the next one
  [[nodiscard]] RobustState robust() const;
  [[nodiscard]] pid_t pid() const { return pid_; }
  void kill();      // SIGKILL; returns when the process is gone
  void kill_only();  // SIGKILL; returns when the process is a zombie
  void collect();   // the zombie

 private:
  enum class Stop { kTrap, kEnd };
  Stop wait_for_stop() const;

  pid_t pid_ = -1;
  std::uint64_t robust_head_ = 0;
};

}  // namespace mimocorb::testing
