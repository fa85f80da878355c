// Measurements on traces. Thin: types, lengths and the GIL, no algorithm. `out` is filled.
#include "kernels.hpp"
#include "traces.hpp"

#include <nanobind/ndarray.h>

#include <cstdint>

#include "mimocorb/waveform.hpp"

namespace mimocorb::kernels {
namespace {

using Numbers = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Places = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Table = nb::ndarray<double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

void require(bool holds, const char* what) {
  if (!holds) {
    throw nb::value_error(what);
  }
}

// The traces of an array with what belongs to each of them; arrays of one number are for all.
class Rows {
 public:
  Rows(nb::handle array, const Table& out, std::size_t columns)
      : borrowed_(array), traces_(traces_of(borrowed_.view())), out_(out.data()), columns_(columns) {
    require(out.shape(0) == traces_.size() && out.shape(1) == columns, "out has the wrong shape");
  }

  [[nodiscard]] std::size_t count() const { return traces_.size(); }
  [[nodiscard]] std::size_t samples() const { return traces_.empty() ? 0 : traces_[0].size; }

  template <typename Array>
  void require_one_each(const Array& values) const {
    require(values.shape(0) == 1 || values.shape(0) == traces_.size(), "one number, or one for each trace");
  }

  // Calls `work(trace, row, out)` for each trace, without the GIL where that is worth it.
  template <typename Work>
  void for_each(const Work& work) const {
    const auto all = [&] {
      for (std::size_t row = 0; row < traces_.size(); ++row) {
        work(traces_[row], row, out_ + row * columns_);
      }
    };
    if (count() * samples() >= kWorthReleasingTheGil) {
      const nb::gil_scoped_release released;
      all();
    } else {
      all();
    }
  }

 private:
  BorrowedArray borrowed_;
  std::vector<Trace> traces_;
  double* out_;
  std::size_t columns_;
};

template <typename Array>
auto of_row(const Array& values, std::size_t row) {
  return values.data()[values.shape(0) == 1 ? 0 : row];
}

class Conversions {
 public:
  Conversions(const Rows& rows, const Numbers& baseline, const Numbers& scale)
      : baseline_(baseline), scale_(scale) {
    rows.require_one_each(baseline);
    rows.require_one_each(scale);
  }
  waveform::Conversion operator[](std::size_t row) const {
    return {of_row(baseline_, row), of_row(scale_, row)};
  }

 private:
  const Numbers& baseline_;
  const Numbers& scale_;
};

// Ranges are cut at the ends of the trace.
class Ranges {
 public:
  Ranges(const Rows& rows, const Places& begin, const Places& end)
      : begin_(begin), end_(end), samples_(static_cast<std::int64_t>(rows.samples())) {
    rows.require_one_each(begin);
    rows.require_one_each(end);
  }
  waveform::Range operator[](std::size_t row) const {
    const auto inside = [this](std::int64_t place) {
      return static_cast<std::size_t>(std::min(std::max<std::int64_t>(place, 0), samples_));
    };
    return {inside(of_row(begin_, row)), inside(of_row(end_, row))};
  }

 private:
  const Places& begin_;
  const Places& end_;
  std::int64_t samples_;
};

waveform::Scratch& scratch_of_thread() {
  thread_local waveform::Scratch scratch;
  return scratch;
}

void levels(nb::handle traces, const Places& begin, const Places& end, int kind, const Table& out) {
  const Rows rows(traces, out, 2);
  const Ranges ranges(rows, begin, end);
  require(kind >= 0 && kind <= 2, "kind is 0 (mean), 1 (median) or 2 (most probable)");
  rows.for_each([&](const Trace& trace, std::size_t row, double* result) {
    const waveform::Level found = waveform::level(
        trace, ranges[row], static_cast<waveform::LevelKind>(kind), scratch_of_thread());
    result[0] = found.value;
    result[1] = found.rms;
  });
}

void heights(nb::handle traces, const Numbers& baseline, const Numbers& scale, const Places& begin,
             const Places& end, const Table& out) {
  const Rows rows(traces, out, 2);
  const Conversions conversions(rows, baseline, scale);
  const Ranges ranges(rows, begin, end);
  rows.for_each([&](const Trace& trace, std::size_t row, double* result) {
    const waveform::Height found = waveform::height(trace, conversions[row], ranges[row]);
    result[0] = found.value;
    result[1] = found.position;
  });
}

// One number for each trace, from a range of it and a parameter.
template <double (*kMeasure)(const Trace&, waveform::Conversion, waveform::Range, double)>
void measured(nb::handle traces, const Numbers& baseline, const Numbers& scale, const Places& begin,
              const Places& end, double parameter, const Table& out) {
  const Rows rows(traces, out, 1);
  const Conversions conversions(rows, baseline, scale);
  const Ranges ranges(rows, begin, end);
  rows.for_each([&](const Trace& trace, std::size_t row, double* result) {
    *result = kMeasure(trace, conversions[row], ranges[row], parameter);
  });
}

void integrals(nb::handle traces, const Numbers& baseline, const Numbers& scale, const Places& begin,
               const Places& end, const Table& out) {
  const Rows rows(traces, out, 1);
  const Conversions conversions(rows, baseline, scale);
  const Ranges ranges(rows, begin, end);
  rows.for_each([&](const Trace& trace, std::size_t row, double* result) {
    *result = waveform::integral(trace, conversions[row], ranges[row]);
  });
}

void smooth(nb::handle traces, const Numbers& baseline, const Numbers& scale, std::size_t width,
            const Table& out) {
  const Rows rows(traces, out, out.shape(1));
  require(out.shape(1) == rows.samples() || rows.count() == 0, "out has as many samples as the traces");
  const Conversions conversions(rows, baseline, scale);
  rows.for_each([&](const Trace& trace, std::size_t row, double* result) {
    waveform::smooth(trace, conversions[row], width, scratch_of_thread(), result);
  });
}

void trapezoid(nb::handle traces, const Numbers& baseline, const Numbers& scale, std::size_t rise,
               std::size_t flat, double decay, const Table& out) {
  const Rows rows(traces, out, out.shape(1));
  require(out.shape(1) == rows.samples() || rows.count() == 0, "out has as many samples as the traces");
  require(rise > 0 && rise <= kLongestTrace && flat <= kLongestTrace, "rise is at least 1 sample");
  const Conversions conversions(rows, baseline, scale);
  rows.for_each([&](const Trace& trace, std::size_t row, double* result) {
    waveform::trapezoid(trace, conversions[row], {rise, flat, decay}, scratch_of_thread(), result);
  });
}

void correlate(nb::handle traces, const Numbers& baseline, const Numbers& scale,
               const Numbers& pattern, const Table& out) {
  const Rows rows(traces, out, out.shape(1));
  require(rows.count() == 0 || out.shape(1) + pattern.shape(0) == rows.samples() + 1,
          "out has samples - pattern + 1 columns");
  const Conversions conversions(rows, baseline, scale);
  rows.for_each([&](const Trace& trace, std::size_t row, double* result) {
    waveform::correlate(trace, conversions[row], pattern.data(), pattern.shape(0),
                        scratch_of_thread(), result);
  });
}

}  // namespace

void register_waveforms(nb::module_& module) {
  module.def("levels", &levels, "Level and rms of each trace, by mean, median or most probable value.");
  module.def("heights", &heights, "Highest value of each trace and its sample.");
  module.def("leading_edges", &measured<waveform::leading_edge>, "Times of a threshold.");
  module.def("constant_fractions", &measured<waveform::constant_fraction>, "Times of a fraction.");
  module.def("integrals", &integrals, "Sum over a range of each trace.");
  module.def("smooth", &smooth, "Running mean of each trace.");
  module.def("trapezoid", &trapezoid, "Pole-zero correction and trapezoidal shaping.");
  module.def("correlate", &correlate, "Correlation of each trace with a pattern.");
}

}  // namespace mimocorb::kernels
