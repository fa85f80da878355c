// Traces of NumPy arrays, in place.
#pragma once

#include <nanobind/nanobind.h>

#include <cstring>
#include <optional>
#include <vector>

#include "mimocorb/samples.hpp"

namespace mimocorb::kernels {

namespace nb = nanobind;

// Below this many samples letting other threads run costs more than it gives.
inline constexpr std::size_t kWorthReleasingTheGil = 8192;

// The samples of a NumPy array through the buffer protocol: read-only arrays and any stride.
class BorrowedArray {
 public:
  explicit BorrowedArray(nb::handle array) {
    if (PyObject_GetBuffer(array.ptr(), &view_, PyBUF_STRIDES | PyBUF_FORMAT) != 0) {
      throw nb::python_error();
    }
  }
  ~BorrowedArray() { PyBuffer_Release(&view_); }
  BorrowedArray(const BorrowedArray&) = delete;
  BorrowedArray& operator=(const BorrowedArray&) = delete;

  [[nodiscard]] const Py_buffer& view() const { return view_; }

 private:
  Py_buffer view_{};
};

inline std::optional<SampleType> sample_type(const Py_buffer& view) {
  const char* format = view.format;
  if (format != nullptr && std::strchr("=^@", *format) != nullptr) {
    ++format;  // native byte order, not aligned
  }
  if (format == nullptr || std::strlen(format) != 1) {
    return std::nullopt;
  }
  const bool is_signed = std::strchr("bhilq", *format) != nullptr;
  const bool is_unsigned = std::strchr("BHILQ", *format) != nullptr;
  if (*format == 'd') return SampleType::kFloat64;
  if (*format == 'f') return SampleType::kFloat32;
  if (!is_signed && !is_unsigned) return std::nullopt;
  switch (view.itemsize) {
    case 8: return is_signed ? SampleType::kInt64 : SampleType::kUint64;
    case 4: return is_signed ? SampleType::kInt32 : SampleType::kUint32;
    case 2: return is_signed ? SampleType::kInt16 : SampleType::kUint16;
    case 1: return is_signed ? SampleType::kInt8 : SampleType::kUint8;
    default: return std::nullopt;
  }
}

inline std::vector<Trace> traces_of(const Py_buffer& view) {
  const std::optional<SampleType> type = sample_type(view);
  if (!type || view.ndim != 2) {
    throw nb::type_error("traces must be a 2-D array (channels, samples) of a native real dtype");
  }
  const auto samples = static_cast<std::size_t>(view.shape[1]);
  if (samples > kLongestTrace) {
    throw nb::value_error("a trace may have at most 2**31 - 1 samples");
  }
  std::vector<Trace> traces;
  for (Py_ssize_t channel = 0; channel < view.shape[0]; ++channel) {
    const auto* first = static_cast<const std::byte*>(view.buf) + channel * view.strides[0];
    traces.push_back({first, view.strides[1], samples, *type});
  }
  return traces;
}

}  // namespace mimocorb::kernels
