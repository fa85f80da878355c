#include "mimocorb/pulse.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

namespace mimocorb::pulse {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::size_t kBlockSize = 32;

// Samples may lie at any address (packed records), hence the copy instead of a cast.
template <typename T>
double sample(const std::byte* address) {
  T value;
  std::memcpy(&value, address, sizeof value);
  return static_cast<double>(value);
}

template <typename T>
double mean_of_first(const Trace& trace, std::size_t count) {
  double sum = 0.0;
  const std::byte* address = trace.first;
  for (std::size_t i = 0; i < count; ++i, address += trace.stride_bytes) {
    sum += sample<T>(address);
  }
  return sum / static_cast<double>(count);
}

// Extremes of one block, in two independent chains of comparisons (the ternary forms are single
// instructions). A block with a sample that is not finite gets the whole number line, so that it
// is always looked at sample by sample.
Block extremes(const double* x, std::size_t size) {
  double low_a = kInfinity, low_b = kInfinity;
  double high_a = -kInfinity, high_b = -kInfinity;
  double zero_a = 0.0, zero_b = 0.0;  // not-a-number from the first sample that is not finite
  for (std::size_t i = 0; i + 1 < size; i += 2) {
    const double a = x[i], b = x[i + 1];
    low_a = a < low_a ? a : low_a;
    low_b = b < low_b ? b : low_b;
    high_a = a > high_a ? a : high_a;
    high_b = b > high_b ? b : high_b;
    zero_a += a * 0.0;
    zero_b += b * 0.0;
  }
  const double last = x[size - 1];
  if (std::isnan(zero_a + zero_b + last * 0.0)) {
    return {-kInfinity, kInfinity};
  }
  return {std::min({low_a, low_b, last}), std::max({high_a, high_b, last})};
}

// The one pass over the trace: x[i] and the extremes of every block into scratch.
template <typename T>
void take_over(const Trace& trace, const Measurement& measurement, Scratch& scratch) {
  const std::size_t size = trace.size;
  scratch.x.resize(size);
  scratch.blocks.clear();
  const std::size_t in_baseline = std::min(measurement.baseline_samples, size);
  const double baseline =
      in_baseline > 0 ? mean_of_first<T>(trace, in_baseline) : measurement.baseline;
  const double scale = measurement.scale;
  double* const x = scratch.x.data();
  const std::byte* address = trace.first;
  for (std::size_t begin = 0; begin < size; begin += kBlockSize) {
    const std::size_t end = std::min(begin + kBlockSize, size);
    for (std::size_t i = begin; i < end; ++i, address += trace.stride_bytes) {
      x[i] = (sample<T>(address) - baseline) * scale;
    }
    scratch.blocks.push_back(extremes(x + begin, end - begin));
  }
}

void take_over(const Trace& trace, const Measurement& measurement, Scratch& scratch) {
  switch (trace.type) {
    case SampleType::kFloat64: return take_over<double>(trace, measurement, scratch);
    case SampleType::kFloat32: return take_over<float>(trace, measurement, scratch);
    case SampleType::kInt64: return take_over<std::int64_t>(trace, measurement, scratch);
    case SampleType::kInt32: return take_over<std::int32_t>(trace, measurement, scratch);
    case SampleType::kInt16: return take_over<std::int16_t>(trace, measurement, scratch);
    case SampleType::kInt8: return take_over<std::int8_t>(trace, measurement, scratch);
    case SampleType::kUint64: return take_over<std::uint64_t>(trace, measurement, scratch);
    case SampleType::kUint32: return take_over<std::uint32_t>(trace, measurement, scratch);
    case SampleType::kUint16: return take_over<std::uint16_t>(trace, measurement, scratch);
    case SampleType::kUint8: return take_over<std::uint8_t>(trace, measurement, scratch);
  }
  assert(false);
}

// No peak below this can satisfy the conditions, since p <= h - min(x). Taken a few rounding
// errors too low: whatever is let through by that is judged exactly afterwards.
double lowest_possible_height(const Conditions& conditions, const std::vector<Block>& blocks) {
  double minimum = kInfinity;
  for (const Block& block : blocks) {
    minimum = std::min(minimum, block.lowest);
  }
  const double lower = conditions.prominence.lower;
  const double rounding =
      8.0 * std::numeric_limits<double>::epsilon() * (std::abs(minimum) + std::abs(lower));
  return std::max(conditions.height.lower, minimum + lower - rounding);
}

// The peaks (see the header) that are not lower than `bound` and meet the height condition.
void find_peaks(const Interval& height, double bound, Scratch& scratch) {
  scratch.peaks.clear();
  const std::vector<double>& x = scratch.x;
  if (x.size() < 3) {
    return;
  }
  const std::size_t last = x.size() - 1;
  for (std::size_t block = 0; block < scratch.blocks.size(); ++block) {
    if (scratch.blocks[block].highest < bound) {
      continue;
    }
    const std::size_t begin = std::max<std::size_t>(block * kBlockSize, 1);
    const std::size_t end = std::min((block + 1) * kBlockSize, last);
    for (std::size_t i = begin; i < end; ++i) {
      if (x[i] < bound || !(x[i - 1] < x[i])) {
        continue;
      }
      std::size_t after = i + 1;
      while (after < last && x[after] == x[i]) {
        ++after;
      }
      if (x[after] < x[i] && height.contains(x[i])) {
        scratch.peaks.push_back(static_cast<std::int32_t>((i + after - 1) / 2));
      }
    }
  }
}

// Greedy, from the highest peak down: each one kept drops the lower ones around it.
void keep_distance(double distance, Scratch& scratch) {
  const auto& x = scratch.x;
  auto& peaks = scratch.peaks;
  const std::size_t count = peaks.size();
  const double needed = std::ceil(distance);
  if (count < 2 || needed <= 1.0) {
    return;
  }
  const auto height = [&](std::int32_t k) {
    return x[static_cast<std::size_t>(peaks[static_cast<std::size_t>(k)])];
  };
  scratch.by_height.resize(count);
  for (std::size_t k = 0; k < count; ++k) {
    scratch.by_height[k] = static_cast<std::int32_t>(k);
  }
  std::sort(scratch.by_height.begin(), scratch.by_height.end(),
            [&](std::int32_t a, std::int32_t b) {
              return height(a) > height(b) || (height(a) == height(b) && a > b);
            });
  scratch.dropped.assign(count, 0);
  for (const std::int32_t chosen : scratch.by_height) {
    const auto centre = static_cast<std::size_t>(chosen);
    if (scratch.dropped[centre]) {
      continue;
    }
    for (std::size_t k = centre; k-- > 0 && peaks[centre] - peaks[k] < needed;) {
      scratch.dropped[k] = 1;
    }
    for (std::size_t k = centre + 1; k < count && peaks[k] - peaks[centre] < needed; ++k) {
      scratch.dropped[k] = 1;
    }
  }
  std::size_t kept = 0;
  for (std::size_t k = 0; k < count; ++k) {
    if (!scratch.dropped[k]) {
      peaks[kept++] = peaks[k];
    }
  }
  peaks.resize(kept);
}

struct Bases {
  std::size_t left;
  std::size_t right;
};

// Walks from the peak outwards. A block that stays below the peak and brings nothing lower is
// passed in one step; of equally low samples the one nearest to the peak is the base.
Bases find_bases(const Scratch& scratch, std::size_t peak) {
  const std::vector<double>& x = scratch.x;
  const std::vector<Block>& blocks = scratch.blocks;
  const double height = x[peak];
  const auto nothing_new = [&](std::size_t block, std::size_t base) {
    return blocks[block].highest <= height && blocks[block].lowest >= x[base];
  };
  Bases bases{peak, peak};
  for (std::size_t i = peak; i > 0;) {
    if (i % kBlockSize == 0 && nothing_new(i / kBlockSize - 1, bases.left)) {
      i -= kBlockSize;
      continue;
    }
    --i;
    if (!(x[i] <= height)) {
      break;
    }
    if (x[i] < x[bases.left]) {
      bases.left = i;
    }
  }
  for (std::size_t i = peak + 1; i < x.size();) {
    if (i % kBlockSize == 0 && nothing_new(i / kBlockSize, bases.right)) {
      i += kBlockSize;
      continue;
    }
    if (!(x[i] <= height)) {
      break;
    }
    if (x[i] < x[bases.right]) {
      bases.right = i;
    }
    ++i;
  }
  return bases;
}

// Where the trace crosses `level`, seen from the peak outwards and not beyond the bases.
double left_crossing(const std::vector<double>& x, std::size_t peak, std::size_t base,
                     double level) {
  std::size_t i = peak;
  while (base < i && level < x[i]) {
    --i;
  }
  const double at = static_cast<double>(i);
  return x[i] < level && x[i + 1] != x[i] ? at + (level - x[i]) / (x[i + 1] - x[i]) : at;
}

double right_crossing(const std::vector<double>& x, std::size_t peak, std::size_t base,
                      double level) {
  std::size_t i = peak;
  while (i < base && level < x[i]) {
    ++i;
  }
  const double at = static_cast<double>(i);
  return x[i] < level && x[i - 1] != x[i] ? at - (level - x[i]) / (x[i - 1] - x[i]) : at;
}

// Integrals come last: where a window is cut depends on which neighbours were accepted.
void integrate(const std::vector<double>& x, const Measurement& measurement, Pulse* pulses,
               std::size_t count) {
  std::size_t border = 0;  // first sample that belongs to pulse k
  for (std::size_t k = 0; k < count; ++k) {
    const auto peak = static_cast<std::size_t>(pulses[k].position);
    std::size_t next_border = x.size();
    if (k + 1 < count) {
      const auto next = static_cast<std::size_t>(pulses[k + 1].position);
      const auto valley = std::min_element(x.data() + peak, x.data() + next);
      next_border = static_cast<std::size_t>(valley - x.data());
    }
    const std::size_t begin =
        std::max(border, peak - std::min(peak, measurement.integral_before));
    const std::size_t room = next_border - peak;
    const std::size_t end =
        measurement.integral_after < room ? peak + measurement.integral_after + 1 : next_border;
    double sum = 0.0;
    for (std::size_t i = begin; i < end; ++i) {
      sum += x[i];
    }
    pulses[k].integral = sum;
    border = next_border;
  }
}

}  // namespace

void find_pulses(const Trace& trace, std::int32_t channel, const Conditions& conditions,
                 const Measurement& measurement, Scratch& scratch, std::vector<Pulse>& found) {
  assert(trace.size <= kLongestTrace);
  assert(conditions.distance >= 1.0);
  take_over(trace, measurement, scratch);
  find_peaks(conditions.height, lowest_possible_height(conditions, scratch.blocks), scratch);
  keep_distance(conditions.distance, scratch);

  const std::vector<double>& x = scratch.x;
  const std::size_t already_there = found.size();
  for (const std::int32_t position : scratch.peaks) {
    const auto peak = static_cast<std::size_t>(position);
    const double height = x[peak];
    const Bases bases = find_bases(scratch, peak);
    const double prominence = height - std::max(x[bases.left], x[bases.right]);
    if (!conditions.prominence.contains(prominence)) {
      continue;
    }
    const double level = height - prominence * 0.5;
    const double time = left_crossing(x, peak, bases.left, level);
    const double width = right_crossing(x, peak, bases.right, level) - time;
    if (conditions.width.contains(width)) {
      found.push_back({channel, position, time, height, prominence, width, 0.0});
    }
  }
  integrate(x, measurement, found.data() + already_there, found.size() - already_there);
}

}  // namespace mimocorb::pulse
