#include "mimocorb/pulse.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstring>

namespace mimocorb::pulse {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::size_t kBlockSize = 32;

template <typename T>
double mean_of_first(const Samples<T>& samples, std::size_t count) {
  double sum = 0.0;
  for (std::size_t i = 0; i < count; ++i) {
    sum += static_cast<double>(samples[i]);
  }
  return sum / static_cast<double>(count);
}

// The one pass over the trace: x[i] and the extremes of every block into scratch. x grows or falls
// with the sample, also after rounding: its extremes are those of the samples. A block with an x
// that is not finite gets the whole number line, so that it is always looked at sample by sample.
template <typename T>
void take_over(const Samples<T>& samples, const Measurement& measurement, Scratch& scratch) {
  const std::size_t size = samples.size();
  const std::size_t in_baseline = std::min(measurement.baseline_samples, size);
  const double baseline =
      in_baseline > 0 ? mean_of_first(samples, in_baseline) : measurement.baseline;
  const double scale = measurement.scale;
  const auto value = [=](double sample) { return (sample - baseline) * scale; };
  scratch.x.resize(size);
  scratch.blocks.resize((size + kBlockSize - 1) / kBlockSize);
  std::array<T, kBlockSize> room{};
  for (std::size_t begin = 0; begin < size; begin += kBlockSize) {
    const std::size_t count = std::min(kBlockSize, size - begin);
    const std::byte* const block = samples.side_by_side(begin, count, room);
    double* const x = scratch.x.data() + begin;
    for (std::size_t i = 0; i < count; ++i) {
      T sample;
      std::memcpy(&sample, block + i * sizeof(T), sizeof sample);
      x[i] = value(static_cast<double>(sample));
    }
    const Extremes of_samples = extremes<T>(block, count);
    const double a = value(of_samples.lowest), b = value(of_samples.highest);
    scratch.blocks[begin / kBlockSize] = std::isfinite(a) && std::isfinite(b)
                                             ? Block{std::min(a, b), std::max(a, b)}
                                             : Block{-kInfinity, kInfinity};
  }
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

// The lowest sample before the trace rises above the peak or begins; of equally low ones that next
// to the peak. A block that stays below the peak is passed in one step: where in it the lowest
// sample lies is looked for at the end, in one block only.
std::size_t left_base(const Scratch& scratch, std::size_t peak) {
  const std::vector<double>& x = scratch.x;
  const double height = x[peak];
  double lowest = height;
  std::size_t search_from = peak;  // the base is the first sample at or to the left of it ...
  for (std::size_t i = peak; i > 0;) {
    if (i % kBlockSize == 0) {
      const Block& block = scratch.blocks[i / kBlockSize - 1];
      if (block.is_finite() && block.highest <= height) {
        if (block.lowest < lowest) {
          lowest = block.lowest;
          search_from = i - 1;
        }
        i -= kBlockSize;
        continue;
      }
    }
    --i;
    if (!(x[i] <= height)) {
      break;
    }
    if (x[i] < lowest) {
      lowest = x[i];
      search_from = i;
    }
  }
  while (x[search_from] != lowest) {  // ... that is as low as that
    --search_from;
  }
  return search_from;
}

// The same to the right.
std::size_t right_base(const Scratch& scratch, std::size_t peak) {
  const std::vector<double>& x = scratch.x;
  const double height = x[peak];
  double lowest = height;
  std::size_t search_from = peak;
  for (std::size_t i = peak + 1; i < x.size();) {
    if (i % kBlockSize == 0) {
      const Block& block = scratch.blocks[i / kBlockSize];
      if (block.is_finite() && block.highest <= height) {
        if (block.lowest < lowest) {
          lowest = block.lowest;
          search_from = i;
        }
        i += kBlockSize;
        continue;
      }
    }
    if (!(x[i] <= height)) {
      break;
    }
    if (x[i] < lowest) {
      lowest = x[i];
      search_from = i;
    }
    ++i;
  }
  while (x[search_from] != lowest) {
    ++search_from;
  }
  return search_from;
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

// The first of the lowest samples from `begin` to before `end`, whole blocks in one step.
std::size_t lowest_between(const Scratch& scratch, std::size_t begin, std::size_t end) {
  const std::vector<double>& x = scratch.x;
  double lowest = x[begin];
  std::size_t search_from = begin;
  for (std::size_t i = begin + 1; i < end;) {
    const bool at_block =
        i % kBlockSize == 0 && i + kBlockSize <= end && scratch.blocks[i / kBlockSize].is_finite();
    const double value = at_block ? scratch.blocks[i / kBlockSize].lowest : x[i];
    if (value < lowest) {
      lowest = value;
      search_from = i;
    }
    i += at_block ? kBlockSize : 1;
  }
  while (x[search_from] != lowest) {
    ++search_from;
  }
  return search_from;
}

// Integrals come last: where a window is cut depends on which neighbours were accepted.
void integrate(const Scratch& scratch, const Measurement& measurement, Pulse* pulses,
               std::size_t count) {
  const std::vector<double>& x = scratch.x;
  std::size_t border = 0;  // first sample that belongs to pulse k
  for (std::size_t k = 0; k < count; ++k) {
    const auto peak = static_cast<std::size_t>(pulses[k].position);
    std::size_t next_border = x.size();
    if (k + 1 < count) {
      const auto next = static_cast<std::size_t>(pulses[k + 1].position);
      next_border = lowest_between(scratch, peak, next);
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
  with_samples(trace, [&](const auto& samples) { take_over(samples, measurement, scratch); });
  find_peaks(conditions.height, lowest_possible_height(conditions, scratch.blocks), scratch);
  keep_distance(conditions.distance, scratch);

  const std::vector<double>& x = scratch.x;
  const std::size_t already_there = found.size();
  for (const std::int32_t position : scratch.peaks) {
    const auto peak = static_cast<std::size_t>(position);
    const double height = x[peak];
    // Most peaks of a noisy pulse are lower than a neighbour, which one side is enough to see.
    const std::size_t left = left_base(scratch, peak);
    if (height - x[left] < conditions.prominence.lower) {
      continue;
    }
    const std::size_t right = right_base(scratch, peak);
    const double prominence = height - std::max(x[left], x[right]);
    if (!conditions.prominence.contains(prominence)) {
      continue;
    }
    const double level = height - prominence * 0.5;
    const double time = left_crossing(x, peak, left, level);
    const double width = right_crossing(x, peak, right, level) - time;
    if (conditions.width.contains(width)) {
      found.push_back({channel, position, time, height, prominence, width, 0.0});
    }
  }
  integrate(scratch, measurement, found.data() + already_there, found.size() - already_there);
}

}  // namespace mimocorb::pulse
