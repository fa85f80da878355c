// Coincidences of times. Thin: types, lengths and the GIL, no algorithm.
#include "kernels.hpp"

#include <nanobind/ndarray.h>

#include <cstdint>
#include <vector>

#include "mimocorb/coincidence.hpp"

namespace mimocorb::kernels {
namespace {

using Whole = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Times = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Groups = nb::ndarray<std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

nb::bytearray pairs(const Whole& a, const Whole& b, std::int64_t window, std::int64_t delay) {
  if (window < 0) {
    throw nb::value_error("a window is at least 0");
  }
  std::vector<coincidence::Pair> found;
  {
    const nb::gil_scoped_release released;
    coincidence::pairs(a.data(), a.shape(0), b.data(), b.shape(0), window, delay, found);
  }
  return nb::bytearray(found.data(), found.size() * sizeof(coincidence::Pair));
}

std::size_t groups(const Whole& event, const Times& time, double window, const Groups& out) {
  if (event.shape(0) != time.shape(0) || event.shape(0) != out.shape(0)) {
    throw nb::value_error("event, time and out have one value for each pulse");
  }
  const nb::gil_scoped_release released;
  return coincidence::groups(event.data(), time.data(), time.shape(0), window, out.data());
}

}  // namespace

void register_coincidences(nb::module_& module) {
  module.def("pairs", &pairs, "Pairs of two sorted lists of times, in a window; see coincidence.hpp.");
  module.def("groups", &groups, "Pulses of an event that belong together, by time.");
}

}  // namespace mimocorb::kernels
