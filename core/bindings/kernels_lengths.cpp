// Slots with events of different lengths, into one piece and back: see kSlotHeadBytes in layout.hpp.
#include "kernels.hpp"

#include <cstdint>
#include <cstring>

#include "mimocorb/layout.hpp"

namespace mimocorb::kernels {
namespace {

class Memory {
 public:
  Memory(nb::handle object, int flags) {
    if (PyObject_GetBuffer(object.ptr(), &view_, flags) != 0) throw nb::python_error();
  }
  ~Memory() { PyBuffer_Release(&view_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  [[nodiscard]] std::uint8_t* begin() const { return static_cast<std::uint8_t*>(view_.buf); }
  [[nodiscard]] std::size_t bytes() const { return static_cast<std::size_t>(view_.len); }
  [[nodiscard]] const std::int64_t* numbers() const { return static_cast<const std::int64_t*>(view_.buf); }
  [[nodiscard]] std::size_t count() const { return bytes() / sizeof(std::int64_t); }
  [[nodiscard]] const Py_buffer& view() const { return view_; }

 private:
  Py_buffer view_{};
};

// Bytes in two dimensions, each row a slot.
class Slots : public Memory {
 public:
  Slots(nb::handle object, int flags) : Memory(object, flags) {
    if (view().ndim != 2 || view().itemsize != 1 || view().strides[1] != 1 || slot_bytes() <= kSlotHeadBytes)
      throw nb::value_error("slots have to be rows of bytes, each in one piece");
  }
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(view().shape[0]); }
  [[nodiscard]] std::size_t slot_bytes() const { return static_cast<std::size_t>(view().shape[1]); }
  [[nodiscard]] std::uint8_t* slot(std::size_t i) const {
    return begin() + static_cast<std::ptrdiff_t>(i) * view().strides[0];
  }
};

void join_slots(nb::handle slots, nb::handle places, nb::handle values) {
  const Slots from(slots, PyBUF_STRIDES);
  const Memory index(places, PyBUF_SIMPLE), target(values, PyBUF_WRITABLE);
  std::size_t at = 0;
  for (std::size_t i = 0; i < index.count(); ++i) {
    const auto place = static_cast<std::uint64_t>(index.numbers()[i]);
    if (place >= from.size()) throw nb::index_error("there is no such slot");
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, from.slot(place), sizeof bytes);
    if (bytes > target.bytes() - at) throw nb::value_error("the events are longer than what they go into");
    std::memcpy(target.begin() + at, from.slot(place) + kSlotHeadBytes, bytes);
    at += bytes;
  }
  if (at != target.bytes()) throw nb::value_error("the events are shorter than what they go into");
}

void fill_slots(nb::handle values, nb::handle offsets, std::size_t record_bytes, nb::handle slots) {
  const Memory from(values, PyBUF_SIMPLE), ends(offsets, PyBUF_SIMPLE);
  const Slots to(slots, PyBUF_STRIDES | PyBUF_WRITABLE);
  if (ends.count() != to.size() + 1) throw nb::value_error("there have to be as many slots as events");
  for (std::size_t i = 0; i < to.size(); ++i) {
    const std::int64_t begin = ends.numbers()[i], end = ends.numbers()[i + 1];
    if (begin < 0 || end < begin || static_cast<std::uint64_t>(end) * record_bytes > from.bytes())
      throw nb::value_error("offsets have to rise from 0 to the number of values");
    const std::uint64_t head[2] = {static_cast<std::uint64_t>(end - begin) * record_bytes, 0};
    if (head[0] > to.slot_bytes() - kSlotHeadBytes) throw nb::value_error("an event is longer than a slot");
    std::memcpy(to.slot(i), head, sizeof head);
    std::memcpy(to.slot(i) + kSlotHeadBytes, from.begin() + static_cast<std::uint64_t>(begin) * record_bytes,
                head[0]);
  }
}

}  // namespace

void register_lengths(nb::module_& module) {
  module.def("join_slots", &join_slots, nb::arg("slots"), nb::arg("places"), nb::arg("values"),
             "Copy the events in these slots, each as long as it says, one behind the other.");
  module.def("fill_slots", &fill_slots, nb::arg("values"), nb::arg("offsets"), nb::arg("record_bytes"),
             nb::arg("slots"), "Copy events, which lie one behind the other, into slots.");
}

}  // namespace mimocorb::kernels
