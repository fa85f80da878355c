// Errors, buffers and memory of the module mimocorb._core.
#include "core_bindings.hpp"

namespace mimocorb::bindings {
namespace {

nb::object core_fault;  // the Python class mimocorb._core.CoreFault

[[noreturn]] void raise_misuse(const char* message) {
  const nb::object misuse = nb::module_::import_("mimocorb.errors").attr("HandleMisuse");
  PyErr_SetString(misuse.ptr(), message);
  throw nb::python_error();
}

}  // namespace

void bind_fault(nb::module_& m) {
  core_fault = nb::steal(PyErr_NewException("mimocorb._core.CoreFault", PyExc_Exception, nullptr));
  m.attr("CoreFault") = core_fault;
}

void raise(const char* reason, int error_number, std::uint64_t detail) {
  PyErr_SetObject(core_fault.ptr(), nb::make_tuple(reason, error_number, detail).ptr());
  throw nb::python_error();
}

void raise_used_after_close() {
  raise_misuse("used after close(): open a new one from the set-up dictionary");
}

void raise_used_in_a_fork() {
  raise_misuse("opened before a fork and used in the child: open it in the process that uses it");
}

void raise_used_by_two_threads() {
  raise_misuse(
      "used by two threads at once, the other one has a slot in hand: give each thread a Writer of its"
      " own, or let them take turns with a lock");
}

void check(const Outcome& outcome) {
  switch (outcome.fault) {
    case Fault::kNone: return;
    case Fault::kSystem: raise("system", outcome.error_number);
    case Fault::kTooLarge: raise("too-large");
    case Fault::kNotARing: raise("not-this-ring");
    case Fault::kOtherLayout: raise("other-layout", 0, outcome.detail);
    case Fault::kDamaged: raise("damaged");
    case Fault::kOtherNamespace: raise("other-namespace");
    case Fault::kHandlesFull: raise("handles-full", 0, outcome.detail);
    case Fault::kTokensFull: raise("tokens-full", 0, outcome.detail);
    case Fault::kGroupsFull: raise("groups-full", 0, outcome.detail);
    case Fault::kNoSuchPort: raise("no-such-port", 0, outcome.detail);
  }
}

std::shared_ptr<Segment> open_segment(const Address& address, Access access) {
  const std::uint64_t identity[2] = {std::get<2>(address), std::get<3>(address)};
  std::unique_ptr<Segment> segment;
  check(Segment::open(std::get<0>(address), std::get<1>(address), identity, access, &segment));
  return segment;
}

std::tuple<std::uint32_t, std::uint64_t> geometry(const Segment& segment) {
  return {segment.number_of_slots(), segment.header().slot_bytes};
}

void check_run(const Segment& segment, std::uint32_t first, std::uint32_t count) {
  if (first >= segment.number_of_slots() || count > segment.number_of_slots() - first)
    raise("no-such-slot", 0, first);
}

nb::capsule keep_alive(const std::shared_ptr<Segment>& segment) {
  return nb::capsule(new std::shared_ptr<Segment>(segment),
                     [](void* held) noexcept { delete static_cast<std::shared_ptr<Segment>*>(held); });
}

PlainMemory::PlainMemory(nb::handle object, const Segment& segment, int flags) {
  if (PyObject_GetBuffer(object.ptr(), &view_, flags) != 0) throw nb::python_error();
  const auto bytes = static_cast<std::uint64_t>(view_.len);
  if (bytes == segment.header().slot_bytes) return;
  PyBuffer_Release(&view_);
  raise("wrong-size", 0, bytes);
}

PlainRows::PlainRows(nb::handle object, const Segment& segment, int flags) {
  if (PyObject_GetBuffer(object.ptr(), &view_, flags) != 0) throw nb::python_error();
  Py_ssize_t bytes = view_.itemsize;
  bool in_one_piece = view_.ndim > 0;
  for (int axis = view_.ndim - 1; axis > 0; --axis) {
    in_one_piece = in_one_piece && (view_.shape[axis] == 1 || view_.strides[axis] == bytes);
    bytes *= view_.shape[axis];
  }
  if (in_one_piece && static_cast<std::uint64_t>(bytes) == segment.header().slot_bytes) return;
  PyBuffer_Release(&view_);
  raise("wrong-size", 0, static_cast<std::uint64_t>(bytes));
}

void* PlainRows::row(std::int64_t index) const {
  if (index < 0 || index >= view_.shape[0]) raise("no-such-row", 0, static_cast<std::uint64_t>(index));
  return static_cast<char*>(view_.buf) + index * view_.strides[0];
}

}  // namespace mimocorb::bindings
