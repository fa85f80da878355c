// The module mimocorb._core: the ports of a ring for Python, and nothing else. Wording, dtypes and
// waiting policy are in Python (mimocorb.buffers.shared_memory).
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "core_bindings.hpp"

namespace mimocorb::bindings {
namespace {

// When Python ends, it ends the threads that ask for its lock, by unwinding their stacks; through
// this code that cannot be done, and the program would abort. So before Python begins to end, nobody
// is on the way back to it any more, and who comes later stays here until the process has gone.
struct EndOfPython {
  std::atomic<bool> has_come{false};
  std::atomic<int> coming_back{0};
  std::thread::id ended_by;

  bool is_for_this_thread() const {
    return has_come.load() && ended_by != std::this_thread::get_id();
  }
};
EndOfPython end_of_python;

[[noreturn]] void stay_here() {
  for (;;) pause();
}

// Python's lock is let go of around everything that may sleep.
void* release_python() { return PyGILState_Check() != 0 ? PyEval_SaveThread() : nullptr; }
void regain_python(void* state) {
  if (state == nullptr) return;
  ++end_of_python.coming_back;
  if (end_of_python.is_for_this_thread()) {
    --end_of_python.coming_back;
    stay_here();
  }
  PyEval_RestoreThread(static_cast<PyThreadState*>(state));
  --end_of_python.coming_back;
}

void bind_end(nb::module_& m) {
  // A forked child has none of the other threads.
  pthread_atfork(nullptr, nullptr, [] { end_of_python.coming_back = 0; });
  m.def("python_ends", [] {
    end_of_python.ended_by = std::this_thread::get_id();
    end_of_python.has_come = true;
    const nb::gil_scoped_release released;
    while (end_of_python.coming_back > 0) sched_yield();
  });
  nb::module_::import_("atexit").attr("register")(m.attr("python_ends"));
#ifdef NDEBUG
  // What threads still hold that go on while Python ends is no leak, and no concern of the user.
  nb::set_leak_warnings(false);
#endif
}

void bind_limits(nb::module_& m) {
  m.attr("LAYOUT_VERSION") = kLayoutVersion;
  m.attr("MAX_SLOTS") = kMaxSlots;
  m.attr("MAX_SLOT_BYTES") = kMaxSlotBytes;
  m.attr("MAX_HANDLES") = kMaxHandles;
  m.attr("GROUP_LIMIT") = kGroupLimit;
  m.attr("DELIVERY_LIMIT") = GroupWord::kMaxDelivery - 1;
  m.def("bytes_needed",
        [](std::uint32_t number_of_slots, std::uint64_t slot_bytes, std::uint32_t max_groups) {
          return bytes_needed({number_of_slots, slot_bytes, max_groups});
        },
        "number_of_slots"_a, "slot_bytes"_a, "max_groups"_a);
}

}  // namespace
}  // namespace mimocorb::bindings

NB_MODULE(_core, m) {
  using namespace mimocorb::bindings;
  // What a program still holds when Python ends (a reader in a traceback, say) is no fault of it, and
  // the system takes it back; a page of warnings would frighten only.
  nb::set_leak_warnings(false);
  mimocorb::set_blocking_hooks({release_python, regain_python});
  bind_end(m);
  bind_fault(m);
  bind_limits(m);
  bind_control(m);
  bind_writer(m);
  bind_reader(m);
  bind_observer(m);
  bind_account(m);
}
