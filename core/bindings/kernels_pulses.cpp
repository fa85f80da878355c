// Searching pulses. Thin: types and the GIL, no algorithm.
#include "kernels.hpp"
#include "traces.hpp"

#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/vector.h>

#include <utility>
#include <vector>

#include "mimocorb/pulse.hpp"

namespace mimocorb::kernels {
namespace {

using Pair = std::pair<double, double>;
using Times = nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;  // may be empty

nb::bytearray find_pulses(nb::handle array, Pair height, Pair prominence, Pair width,
                          double distance, const std::vector<double>& scale,
                          const std::vector<double>& baseline,
                          double integral_before, double integral_after, const Times& times) {
  // One per thread: a search then allocates nothing, and threads do not meet.
  thread_local pulse::Scratch scratch;
  thread_local std::vector<pulse::Pulse> found;
  const BorrowedArray borrowed(array);
  const std::vector<Trace> traces = traces_of(borrowed.view());
  if (scale.size() != traces.size() || baseline.size() != traces.size()) {
    throw nb::value_error("scale and baseline must have one value per channel");
  }
  const std::size_t samples = traces.empty() ? 0 : traces[0].size;
  if (times.size() != 0 && (times.shape(1) != samples ||
                            (times.shape(0) != 1 && times.shape(0) != traces.size()))) {
    throw nb::value_error("times have as many samples as the traces, in one row or in one for each");
  }
  const auto times_of = [&](std::size_t channel) {
    return times.size() == 0 ? nullptr
                             : times.data() + (times.shape(0) == 1 ? 0 : channel * samples);
  };
  const pulse::Conditions conditions{{height.first, height.second},
                                     {prominence.first, prominence.second},
                                     {width.first, width.second},
                                     distance};
  const auto search = [&] {
    found.clear();
    for (std::size_t channel = 0; channel < traces.size(); ++channel) {
      const pulse::Measurement measurement{baseline[channel], scale[channel], integral_before,
                                           integral_after, times_of(channel)};
      pulse::find_pulses(traces[channel], static_cast<std::int32_t>(channel), conditions,
                         measurement, scratch, found);
    }
  };
  if (traces.size() * samples >= kWorthReleasingTheGil) {
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
             nb::arg("baseline"), nb::arg("integral_before"), nb::arg("integral_after"),
             nb::arg("times"),
             "Pulses of every row of traces (channels, samples), as packed records; see pulse.hpp.");
}

}  // namespace mimocorb::kernels
