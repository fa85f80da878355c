// The module mimocorb._core: the ports of a ring for Python, and nothing else. Wording, dtypes and
// waiting policy are in Python (mimocorb.buffers.shared_memory).
#include "core_bindings.hpp"

namespace mimocorb::bindings {
namespace {

// Python's lock is let go of around everything that may sleep.
void* release_python() { return PyGILState_Check() != 0 ? PyEval_SaveThread() : nullptr; }
void regain_python(void* state) {
  if (state != nullptr) PyEval_RestoreThread(static_cast<PyThreadState*>(state));
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
  mimocorb::set_blocking_hooks({release_python, regain_python});
  bind_fault(m);
  bind_limits(m);
  bind_control(m);
  bind_writer(m);
  bind_reader(m);
  bind_observer(m);
  bind_account(m);
}
