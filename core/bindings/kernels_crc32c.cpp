// The checksum of recorded data. Thin: buffers and the GIL, no algorithm.
#include "kernels.hpp"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <string>
#include <vector>

#include "mimocorb/crc32c.hpp"

namespace mimocorb::kernels {
namespace {

// Below this many bytes letting other threads run costs more than it gives.
constexpr std::size_t kWorthReleasingTheGil = 64 * 1024;

// The bytes of an object through the buffer protocol, read-only ones as well, in one piece.
class BorrowedBytes {
 public:
  explicit BorrowedBytes(nb::handle object) {
    if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_SIMPLE) != 0) {
      throw nb::python_error();
    }
  }
  ~BorrowedBytes() { PyBuffer_Release(&view_); }
  BorrowedBytes(const BorrowedBytes&) = delete;
  BorrowedBytes& operator=(const BorrowedBytes&) = delete;

  [[nodiscard]] const void* data() const { return view_.buf; }
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(view_.len); }

 private:
  Py_buffer view_{};
};

std::uint32_t checksum(nb::handle data, std::uint32_t before) {
  const BorrowedBytes bytes(data);
  if (bytes.size() < kWorthReleasingTheGil) {
    return crc32c::extend(before, bytes.data(), bytes.size());
  }
  const nb::gil_scoped_release released;
  return crc32c::extend(before, bytes.data(), bytes.size());
}

constexpr const char* kTable = "table";
constexpr const char* kInstruction = "instruction";

std::vector<std::string> paths() {
  std::vector<std::string> names{kTable};
  if (crc32c::is_available(crc32c::Path::kInstruction)) {
    names.emplace_back(kInstruction);
  }
  return names;
}

std::uint32_t checksum_by(const std::string& path, nb::handle data, std::uint32_t before) {
  const auto chosen = path == kTable ? crc32c::Path::kTable : crc32c::Path::kInstruction;
  if ((path != kTable && path != kInstruction) || !crc32c::is_available(chosen)) {
    throw nb::value_error("this processor has no such way to compute CRC-32C");
  }
  const BorrowedBytes bytes(data);
  return crc32c::extend_by(chosen, before, bytes.data(), bytes.size());
}

}  // namespace

void register_crc32c(nb::module_& module) {
  module.def("crc32c", &checksum, nb::arg("data"), nb::arg("before") = 0,
             "CRC-32C of bytes that follow others with the checksum `before`.");
  module.def("crc32c_paths", &paths, "The ways in which this processor can compute it.");
  module.def("crc32c_by", &checksum_by, nb::arg("path"), nb::arg("data"), nb::arg("before") = 0,
             "CRC-32C, computed in one of these ways.");
}

}  // namespace mimocorb::kernels
