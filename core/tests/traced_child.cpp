#include "traced_child.hpp"

#include <linux/futex.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "stage.hpp"

namespace mimocorb::testing {
namespace {

constexpr long kBreakpoint = 0xcc;

user_regs_struct registers(pid_t pid) {
  user_regs_struct all{};
  must(ptrace(PTRACE_GETREGS, pid, nullptr, &all) == 0, "PTRACE_GETREGS");
  return all;
}

long peek(pid_t pid, std::uint64_t address) {
  errno = 0;
  const long word = ptrace(PTRACE_PEEKDATA, pid, address, nullptr);
  must(errno == 0, "PTRACE_PEEKDATA");
  return word;
}

void poke(pid_t pid, std::uint64_t address, long word) {
  must(ptrace(PTRACE_POKEDATA, pid, address, word) == 0, "PTRACE_POKEDATA");
}

}  // namespace

TracedChild::TracedChild(const std::function<void()>& prepare,
                         const std::function<void()>& operate) {
  pid_ = fork();
  must(pid_ >= 0, "fork");
  if (pid_ == 0) {
    prepare();
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(1);
    raise(SIGSTOP);
    operate();
    raise(SIGSTOP);
    _exit(0);
  }
  int status = 0;
  must(waitpid(pid_, &status, 0) == pid_ && WIFSTOPPED(status), "the child cannot be traced");
  ptrace(PTRACE_SETOPTIONS, pid_, nullptr, PTRACE_O_EXITKILL);
  robust_list_head* head = nullptr;
  std::size_t length = 0;
  must(syscall(SYS_get_robust_list, pid_, &head, &length) == 0, "get_robust_list");
  robust_head_ = reinterpret_cast<std::uint64_t>(head);
}

TracedChild::~TracedChild() { kill(); }

bool TracedChild::possible() {
  const pid_t pid = fork();
  if (pid == 0) _exit(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 ? 0 : 1);
  int status = 0;
  return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TracedChild::Stop TracedChild::wait_for_stop() const {
  int status = 0;
  must(waitpid(pid_, &status, 0) == pid_ && WIFSTOPPED(status), "the child ended by itself");
  if (WSTOPSIG(status) == SIGSTOP) return Stop::kEnd;
  must(WSTOPSIG(status) == SIGTRAP, "the child got a signal of its own");
  return Stop::kTrap;
}

bool TracedChild::step() {
  must(ptrace(PTRACE_SINGLESTEP, pid_, nullptr, nullptr) == 0, "PTRACE_SINGLESTEP");
  return wait_for_stop() == Stop::kTrap;
}

bool TracedChild::run_to(std::uint64_t address, int visit) {
  const long original = peek(pid_, address);
  for (int seen = 1;; ++seen) {
    poke(pid_, address, (original & ~0xffL) | kBreakpoint);
    must(ptrace(PTRACE_CONT, pid_, nullptr, nullptr) == 0, "PTRACE_CONT");
    if (wait_for_stop() == Stop::kEnd) return false;
    poke(pid_, address, original);
    user_regs_struct all = registers(pid_);
    must(all.rip == address + 1, "stopped elsewhere");
    all.rip = address;
    must(ptrace(PTRACE_SETREGS, pid_, nullptr, &all) == 0, "PTRACE_SETREGS");
    if (seen == visit) return true;
    if (!step()) return false;
  }
}

std::uint64_t TracedChild::instruction() const {
  errno = 0;
  const long at = ptrace(PTRACE_PEEKUSER, pid_, offsetof(user_regs_struct, rip), nullptr);
  must(errno == 0, "PTRACE_PEEKUSER");
  return static_cast<std::uint64_t>(at);
}

RobustState TracedChild::robust() const {
  const auto word = [this](std::size_t offset) {
    return static_cast<std::uint64_t>(peek(pid_, robust_head_ + offset));
  };
  return {word(offsetof(robust_list_head, list)), word(offsetof(robust_list_head, list_op_pending))};
}

void TracedChild::kill_only() {
  ::kill(pid_, SIGKILL);
  siginfo_t how{};
  must(waitid(P_PID, static_cast<id_t>(pid_), &how, WEXITED | WNOWAIT) == 0, "waitid");
}

void TracedChild::collect() {
  int status = 0;
  must(waitpid(pid_, &status, 0) == pid_ && WIFSIGNALED(status), "the child was not killed");
  pid_ = -1;
}

void TracedChild::kill() {
  if (pid_ < 0) return;
  kill_only();
  collect();
}

}  // namespace mimocorb::testing
