// Records into columns. Thin: buffers, their sizes and the GIL, no algorithm.
#include "kernels.hpp"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <deque>
#include <tuple>
#include <vector>

#include "mimocorb/fields.hpp"

namespace mimocorb::kernels {
namespace {

class Borrowed {
 public:
  Borrowed(nb::handle object, int flags) {
    if (PyObject_GetBuffer(object.ptr(), &view_, flags) != 0) {
      throw nb::python_error();
    }
  }
  ~Borrowed() { PyBuffer_Release(&view_); }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;

  [[nodiscard]] const Py_buffer& view() const { return view_; }

 private:
  Py_buffer view_{};
};

using Target = std::tuple<std::size_t, std::size_t, nb::handle>;

void part_fields(nb::handle records, const std::vector<Target>& targets) {
  const Borrowed source(records, PyBUF_STRIDES);
  const Py_buffer& view = source.view();
  if (view.ndim != 2 || view.itemsize <= 0 || view.strides[1] != view.itemsize) {
    throw nb::value_error("records have to be an array of two dimensions, each row in one piece");
  }
  const fields::Records all{static_cast<const unsigned char*>(view.buf),
                            static_cast<std::size_t>(view.shape[0]), view.strides[0],
                            static_cast<std::size_t>(view.shape[1]),
                            static_cast<std::size_t>(view.itemsize)};
  std::deque<Borrowed> columns;
  std::vector<fields::Field> found;
  for (const auto& [offset, bytes, column] : targets) {
    const Py_buffer& target = columns.emplace_back(column, PyBUF_WRITABLE).view();
    const std::size_t needed = all.slots * all.records_per_slot * bytes;
    if (offset + bytes > all.record_bytes || static_cast<std::size_t>(target.len) != needed) {
      throw nb::value_error("a column has to be as large as all values of its field");
    }
    found.push_back({offset, bytes, static_cast<unsigned char*>(target.buf)});
  }
  const nb::gil_scoped_release released;
  fields::part(all, found);
}

}  // namespace

void register_fields(nb::module_& module) {
  module.def("part_fields", &part_fields, nb::arg("records"), nb::arg("targets"),
             "Copy fields of records, (offset, bytes, column) each, into their columns.");
}

}  // namespace mimocorb::kernels
