// Measurements on one recorded trace. Knows neither rings nor Python.
//
// All but the levels work on
//
//     x[i] = (sample[i] - baseline) * scale
//
// where `scale` carries the calibration and the polarity (negative pulses: a negative scale). A
// range is [begin, end) in samples, inside the trace. What has no value is not-a-number: a time
// that does not exist, and every result of samples that are not finite.
//
//   median           the middle sample of a range, or the mean of the two middle ones
//   most probable    the half-sample mode of a range (D. R. Bickel, R. Fruehwirth, Comput. Stat.
//                    Data Anal. 50 (2006) 3500, doi:10.1016/j.csda.2005.07.011): the densest half of
//                    the sorted samples, the densest half of that, and so on; of equally dense ones,
//                    which the steps of a digitizer make, the middle one
//   rms              of the samples about a level, without those that are farther than three robust
//                    standard deviations (1.4826 times the median distance) or one step of the
//                    digitizer from it, divided by 0.98658, which a normal distribution cut there has
//   leading edge     the first point where x comes from below to a threshold, interpolated
//   constant         the last point before the highest sample where x comes from below to a fraction
//   fraction         of it, interpolated: it does not move with the height of the pulse
//   integral         sum of x over a range
//   smooth           mean of the samples at most width / 2 (rounded down) away, of fewer at the ends
//   trapezoid        pulses that decay by a factor `decay` per sample become trapezoids of the height
//                    of the undecayed pulse: with the pole-zero correction
//                    y[n] = x[n] + (1 - decay) * (x[0] + ... + x[n-1]), the mean of the last `rise`
//                    samples of y less that of `rise` samples before a gap of `flat` ones. x is 0
//                    before the trace. (V. T. Jordanov, G. F. Knoll, Nucl. Instrum. Meth. A 345 (1994)
//                    337, doi:10.1016/0168-9002(94)91011-1, written as two running sums.)
//   correlation      out[k] = sum over i of x[k + i] * pattern[i]
#pragma once

#include <cstddef>
#include <vector>

#include "mimocorb/samples.hpp"

namespace mimocorb::waveform {

struct Level {
  double value;
  double rms;
};

struct Range {
  std::size_t begin;
  std::size_t end;
};

struct Conversion {
  double baseline = 0.0;  // in the unit of the samples
  double scale = 1.0;
};

struct Height {
  double value;
  double position;  // sample index of the first highest sample
};

// Working memory that is kept between calls.
struct Scratch {
  std::vector<double> values;
  std::vector<double> distances;
};

enum class LevelKind { kMean, kMedian, kMostProbable };

Level level(const Trace& trace, Range range, LevelKind kind, Scratch& scratch);
Height height(const Trace& trace, Conversion conversion, Range range);
double leading_edge(const Trace& trace, Conversion conversion, Range range, double threshold);
double constant_fraction(const Trace& trace, Conversion conversion, Range range, double fraction);
double integral(const Trace& trace, Conversion conversion, Range range);

// `out` has as many values as the trace has samples.
void smooth(const Trace& trace, Conversion conversion, std::size_t width, Scratch& scratch, double* out);

struct Trapezoid {
  std::size_t rise;  // samples, at least 1
  std::size_t flat;  // samples
  double decay;      // factor per sample, 1: no decay
};
void trapezoid(const Trace& trace, Conversion conversion, const Trapezoid& shape, Scratch& scratch, double* out);

// `out` has size - count + 1 values, none if the pattern is longer than the trace.
void correlate(const Trace& trace, Conversion conversion, const double* pattern, std::size_t count,
               Scratch& scratch, double* out);

}  // namespace mimocorb::waveform
