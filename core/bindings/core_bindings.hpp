// core_bindings.hpp: what the parts of the module mimocorb._core have in common.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/unique_ptr.h>

#include <cmath>
#include <memory>
#include <tuple>
#include <type_traits>

#include "mimocorb/ring.hpp"
#include "mimocorb/wait.hpp"

namespace mimocorb::bindings {

namespace nb = nanobind;
using namespace nb::literals;

void bind_fault(nb::module_& m);
void bind_control(nb::module_& m);
void bind_writer(nb::module_& m);
void bind_reader(nb::module_& m);
void bind_observer(nb::module_& m);
void bind_account(nb::module_& m);

// Raises the CoreFault that bind_fault() has made; Python words it.
[[noreturn]] void raise(const char* reason, int error_number = 0, std::uint64_t detail = 0);
void check(const Outcome& outcome);

[[noreturn]] void raise_used_after_close();
[[noreturn]] void raise_used_in_a_fork();
[[noreturn]] void raise_used_by_two_threads();

// Process id of the creator, its descriptor, identity of the ring in two halves.
using Address = std::tuple<std::int32_t, int, std::uint64_t, std::uint64_t>;

std::shared_ptr<Segment> open_segment(const Address& address, Access access);

// Holds a port until close(); refuses use afterwards and in a forked child.
template <class Port>
struct Holder {
  std::unique_ptr<Port> port;
  std::shared_ptr<Segment> segment;

  Port& use() const {
    if (!port) raise_used_after_close();
    if (port->foreign()) raise_used_in_a_fork();
    return *port;
  }
  void close() {
    port.reset();
    segment.reset();
  }
};

// Waits in slices that signals can interrupt, until `slice` answers or `timeout_s` (inf: never) is over.
// The handler of a signal is Python and may close the port, so each slice asks for it anew.
template <class Slice>
int wait_for(double timeout_s, Slice slice) {
  constexpr double kForever_s = 1e9;
  const double bounded_s = std::isnan(timeout_s) ? 0.0 : std::fmin(std::fmax(timeout_s, 0.0), kForever_s);
  const std::int64_t until = monotonic_ns() + static_cast<std::int64_t>(bounded_s * 1e9);
  for (;;) {
    const std::int64_t left = until - monotonic_ns();
    const int status = slice(left > 0 ? left : 0);
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
    if (status != kNotNow) return status;
    if (left <= 0) return kNotNow;
  }
}

// A time to look for: bounded, as it is multiplied.
inline std::int64_t to_ns(double seconds) {
  constexpr double kLongest_s = 1e6;
  return static_cast<std::int64_t>(1e9 * std::fmin(std::fmax(seconds, 0.0), kLongest_s));
}

// --- slots ------------------------------------------------------------------------------------

inline std::tuple<int, std::uint32_t> as_tuple(const Run& run) {
  return run.status == kOk ? std::tuple{static_cast<int>(run.first), run.count}
                           : std::tuple{run.status, std::uint32_t{0}};
}

inline int slot_or_status(const Run& run) {
  return run.status == kOk ? static_cast<int>(run.first) : run.status;
}

// Number of slots, and bytes of a slot: what a set-up dictionary says has to agree.
std::tuple<std::uint32_t, std::uint64_t> geometry(const Segment& segment);

void check_run(const Segment& segment, std::uint32_t first, std::uint32_t count);

// A view keeps the mapping alive, whatever happens to the port.
nb::capsule keep_alive(const std::shared_ptr<Segment>& segment);

// Bytes of one slot, and of neighbouring ones in rows. `Byte` is const for readers.
template <class Byte>
using Bytes = nb::ndarray<nb::numpy, Byte>;

template <class Byte>
Bytes<Byte> view_of_slot(const std::shared_ptr<Segment>& segment, std::uint32_t slot) {
  check_run(*segment, slot, 1);
  return Bytes<Byte>(segment->payload_of(slot), {segment->header().slot_bytes}, keep_alive(segment));
}

template <class Byte>
Bytes<Byte> view_of_slots(const std::shared_ptr<Segment>& segment, std::uint32_t first,
                          std::uint32_t count) {
  check_run(*segment, first, count);
  const RingHeader& header = segment->header();
  return Bytes<Byte>(segment->payload_of(first), {count, header.slot_bytes}, keep_alive(segment),
                     {static_cast<std::int64_t>(header.slot_stride), 1});
}

// The memory of an object that is as large as a slot and lies in one piece. Asked for without format,
// which NumPy would make a string for, slower than the copy of a small event.
class PlainMemory {
 public:
  PlainMemory(nb::handle object, const Segment& segment, int flags = PyBUF_SIMPLE);
  ~PlainMemory() { PyBuffer_Release(&view_); }
  PlainMemory(const PlainMemory&) = delete;
  PlainMemory& operator=(const PlainMemory&) = delete;

  [[nodiscard]] void* data() const { return view_.buf; }

 private:
  Py_buffer view_{};
};

// The memory of several events: rows as large as a slot, each in one piece, in equal distances.
class PlainRows {
 public:
  PlainRows(nb::handle object, const Segment& segment, int flags = PyBUF_STRIDES);
  ~PlainRows() { PyBuffer_Release(&view_); }
  PlainRows(const PlainRows&) = delete;
  PlainRows& operator=(const PlainRows&) = delete;

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(view_.shape[0]); }
  [[nodiscard]] void* row(std::int64_t index) const;  // raises no-such-row

 private:
  Py_buffer view_{};
};

// An array in one piece; with const items, one that may be read-only. Only the size of its items is
// looked at: to ask for their type takes longer than what is done with a few of them.
template <class Item>
class PlainArray {
 public:
  explicit PlainArray(nb::handle object) {
    const int flags = std::is_const_v<Item> ? PyBUF_SIMPLE : PyBUF_WRITABLE;
    if (PyObject_GetBuffer(object.ptr(), &view_, flags) != 0) throw nb::python_error();
    if (view_.itemsize == sizeof(Item)) return;
    const auto bytes = static_cast<std::uint64_t>(view_.itemsize);
    PyBuffer_Release(&view_);
    raise("wrong-size", 0, bytes);
  }
  ~PlainArray() { PyBuffer_Release(&view_); }
  PlainArray(const PlainArray&) = delete;
  PlainArray& operator=(const PlainArray&) = delete;

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(view_.len) / sizeof(Item); }
  Item& operator[](std::size_t i) const { return static_cast<Item*>(view_.buf)[i]; }
  // Raises no-such-row; negative places, too.
  Item& at(std::int64_t i) const {
    if (static_cast<std::uint64_t>(i) >= size()) raise("no-such-row", 0, static_cast<std::uint64_t>(i));
    return (*this)[static_cast<std::size_t>(i)];
  }

 private:
  Py_buffer view_{};
};

using Places = PlainArray<const std::int64_t>;
using MetadataRows = PlainArray<const MetadataRow>;

}  // namespace mimocorb::bindings
