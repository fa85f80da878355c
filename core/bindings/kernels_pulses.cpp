// Searching pulses. Thin: types and the GIL, no algorithm.
#include "kernels.hpp"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/vector.h>

#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "mimocorb/pulse.hpp"

namespace mimocorb::kernels {
namespace {

// Below this many samples letting other threads run costs more than it gives.
constexpr std::size_t kWorthReleasingTheGil = 8192;

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

std::optional<SampleType> sample_type(const Py_buffer& view) {
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

std::vector<Trace> traces_of(const Py_buffer& view) {
  const std::optional<SampleType> type = sample_type(view);
  if (!type || view.ndim != 2) {
    throw nb::type_error("traces must be a 2-D array (channels, samples) of a native real dtype");
  }
  const auto samples = static_cast<std::size_t>(view.shape[1]);
  if (samples > pulse::kLongestTrace) {
    throw nb::value_error("a trace may have at most 2**31 - 1 samples");
  }
  std::vector<Trace> traces;
  for (Py_ssize_t channel = 0; channel < view.shape[0]; ++channel) {
    const auto* first = static_cast<const std::byte*>(view.buf) + channel * view.strides[0];
    traces.push_back({first, view.strides[1], samples, *type});
  }
  return traces;
}

using Pair = std::pair<double, double>;

nb::bytearray find_pulses(nb::handle array, Pair height, Pair prominence, Pair width,
                          double distance, const std::vector<double>& scale, double baseline,
                          std::size_t baseline_samples, std::size_t integral_before,
                          std::size_t integral_after) {
  // One per thread: a search then allocates nothing, and threads do not meet.
  thread_local pulse::Scratch scratch;
  thread_local std::vector<pulse::Pulse> found;
  const BorrowedArray borrowed(array);
  const std::vector<Trace> traces = traces_of(borrowed.view());
  if (scale.size() != traces.size()) {
    throw nb::value_error("scale must have one value per channel");
  }
  if (!(distance >= 1.0)) {
    throw nb::value_error("distance must be at least 1 sample");
  }
  const pulse::Conditions conditions{{height.first, height.second},
                                     {prominence.first, prominence.second},
                                     {width.first, width.second},
                                     distance};
  const auto search = [&] {
    found.clear();
    for (std::size_t channel = 0; channel < traces.size(); ++channel) {
      const pulse::Measurement measurement{baseline, scale[channel], baseline_samples,
                                           integral_before, integral_after};
      pulse::find_pulses(traces[channel], static_cast<std::int32_t>(channel), conditions,
                         measurement, scratch, found);
    }
  };
  if (traces.size() * (traces.empty() ? 0 : traces[0].size) >= kWorthReleasingTheGil) {
    const nb::gil_scoped_release released;
    search();
  } else {
    search();
  }
  return nb::bytearray(found.data(), found.size() * sizeof(pulse::Pulse));
}

}  // namespace

void register_pulses(nb::module_& module) {
  module.def("find_pulses", &find_pulses, nb::arg("traces"), nb::arg("height"),
             nb::arg("prominence"), nb::arg("width"), nb::arg("distance"), nb::arg("scale"),
             nb::arg("baseline"), nb::arg("baseline_samples"), nb::arg("integral_before"),
             nb::arg("integral_after"),
             "Pulses of every row of traces (channels, samples), as packed records; see pulse.hpp.");
}

}  // namespace mimocorb::kernels
