// Pulse search in recorded traces. Knows neither rings nor Python.
//
// Definitions. The search works on
//
//     x[i] = (sample[i] - baseline) * scale,        0 <= i < n
//
// where `scale` carries the calibration and the polarity (negative pulses: a negative scale). Samples
// may have times t[i] of their own, which grow; else t[i] = i.
//
//   peak         a sample (or the middle, rounded down, of a run of equal samples) that is higher
//                than its neighbours on both sides; never the first or last sample of a trace
//   height       h = x[peak]
//   prominence   p = h - max(L, R); L is the lowest sample to the left of the peak before the trace
//                rises above h or begins, R the same to the right. These samples are the bases.
//   width        distance in samples between the points left and right of the peak, inside the
//                bases, where the trace crosses h - p/2 (linear interpolation between samples)
//   time         the left one of these two points: the half-height time of the leading edge. As a
//                fraction of the pulse's own size it does not move with the pulse height.
//   integral     sum of x[i] for t[peak] - integral_before <= t[i] <= t[peak] + integral_after, cut
//                at the ends of the trace and at the lowest sample between two neighbouring pulses;
//                with times, each x[i] times (t[i+1] - t[i-1]) / 2
//
// time and width are times: the place between two samples, interpolated between their times.
//
// Conditions are closed intervals and applied in this order: height, distance, prominence, width.
// `distance`: of two peaks closer than ceil(distance) samples, or with times closer than distance,
// the lower one is dropped, beginning with the highest peak of the trace; of two equally high ones
// the later is kept.
//
// Height, prominence, width, distance and their order are those of scipy.signal.find_peaks
// (https://docs.scipy.org/doc/scipy/reference/generated/scipy.signal.find_peaks.html and
// .../scipy.signal.peak_prominences.html, .../scipy.signal.peak_widths.html with rel_height 0.5);
// `time` is its left_ips. Only for equally high peaks within `distance` SciPy leaves open which
// one is kept. Not-a-number samples compare false, as there, and so never are a peak.
//
// P1  Results do not depend on the memory layout of the trace.
// P2  A trace without pulses costs one pass for the extremes of its blocks, in the type of the
//     samples: x grows or falls with the sample, also after rounding, so that its extremes are those
//     of the samples. Blocks that cannot hold a peak of the asked height and prominence are skipped,
//     and what is in them is never converted. This never changes a result: a skipped peak fails the
//     prominence condition, and being lower than all others it could not remove them either.
// P3  Nothing is written but Scratch and the result; two threads need two Scratch objects.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "mimocorb/samples.hpp"

namespace mimocorb::pulse {

// Closed; an infinite bound is no condition, so that even not-a-number (the width of a pulse beside
// an infinite sample) meets it.
struct Interval {
  static constexpr double kNone = std::numeric_limits<double>::infinity();
  double lower = -kNone;
  double upper = kNone;
  [[nodiscard]] bool contains(double value) const {
    return (lower == -kNone || lower <= value) && (upper == kNone || value <= upper);
  }
};

struct Conditions {
  Interval height;
  Interval prominence;
  Interval width;         // as times
  double distance = 1.0;  // the same
};

struct Measurement {
  double baseline = 0.0;  // in the unit of the samples
  double scale = 1.0;
  double integral_before = 0.0;  // as times
  double integral_after = 0.0;
  const double* times = nullptr;  // of the samples; none: their numbers
};

// One found pulse; the layout is that of mimocorb.analysis.pulses.PULSE_DTYPE.
struct Pulse {
  std::int32_t channel;
  std::int32_t position;  // sample index of the peak
  double time;            // samples, or as the times of these
  double height;
  double prominence;
  double width;     // the same
  double integral;  // height unit times that of times
};
static_assert(sizeof(Pulse) == 48);

// The lowest and highest x of a few consecutive samples; the whole number line if one of them is
// not finite.
struct Block {
  double lowest;
  double highest;
  [[nodiscard]] bool is_finite() const { return lowest != -Interval::kNone; }
};

// Working memory that is kept between calls, so that a search allocates nothing after the first.
struct Scratch {
  std::vector<Block> blocks;
  std::vector<std::int32_t> peaks;
  std::vector<std::int32_t> by_height;
  std::vector<unsigned char> dropped;
};

// Appends the pulses of one trace to `found`, in the order of their positions, labelled `channel`.
void find_pulses(const Trace& trace, std::int32_t channel, const Conditions& conditions,
                 const Measurement& measurement, Scratch& scratch, std::vector<Pulse>& found);

}  // namespace mimocorb::pulse
