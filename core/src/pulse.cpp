#include "mimocorb/pulse.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>

namespace mimocorb::pulse {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::size_t kBlockSize = 64;

// x[i], from the sample where it lies. What is never asked for is never converted.
template <typename T>
class Values {
 public:
  Values(const Samples<T>& samples, const Measurement& measurement)
      : samples_(samples), baseline_(measurement.baseline), scale_(measurement.scale) {}

  [[nodiscard]] std::size_t size() const { return samples_.size(); }
  [[nodiscard]] double of(double sample) const { return (sample - baseline_) * scale_; }
  double operator[](std::size_t i) const { return of(static_cast<double>(samples_[i])); }
  [[nodiscard]] const Samples<T>& samples() const { return samples_; }

 private:
  const Samples<T>& samples_;
  double baseline_;
  double scale_;
};

// The time of a place between samples: in samples, or as the times of the samples say.
class Clock {
 public:
  explicit Clock(const double* times) : times_(times) {}

  [[nodiscard]] bool is_uniform() const { return times_ == nullptr; }
  double operator[](std::size_t i) const {
    return times_ == nullptr ? static_cast<double>(i) : times_[i];
  }
  double at(double place) const {
    if (times_ == nullptr) {
      return place;
    }
    const auto i = static_cast<std::size_t>(place);
    const double part = place - static_cast<double>(i);
    return part > 0.0 ? times_[i] + part * (times_[i + 1] - times_[i]) : times_[i];
  }
  // The time that a sample stands for: half of the way to its neighbours.
  double step(std::size_t i, std::size_t size) const {
    if (times_ == nullptr || size < 2) {
      return 1.0;
    }
    const std::size_t before = i > 0 ? i - 1 : 0, after = i + 1 < size ? i + 1 : i;
    const double all = times_[after] - times_[before];
    return after - before == 2 ? all / 2 : all;
  }

 private:
  const double* times_;
};

// The one pass over the trace: the extremes of every block into scratch. x grows or falls
// with the sample, also after rounding: its extremes are those of the samples. A block with an x
// that is not finite gets the whole number line, so that it is always looked at sample by sample.
template <typename T>
void survey(const Values<T>& x, Scratch& scratch) {
  const std::size_t size = x.size();
  scratch.blocks.resize((size + kBlockSize - 1) / kBlockSize);
  std::array<T, kBlockSize> room{};
  for (std::size_t begin = 0; begin < size; begin += kBlockSize) {
    const std::size_t count = std::min(kBlockSize, size - begin);
    const Extremes found = extremes<T>(x.samples().side_by_side(begin, count, room), count);
    const double a = x.of(found.lowest), b = x.of(found.highest);
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
template <typename X>
void find_peaks(const X& x, const Interval& height, double bound, Scratch& scratch) {
  scratch.peaks.clear();
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
    double before = x[begin - 1];
    for (std::size_t i = begin; i < end; ++i) {
      const double here = x[i];
      const bool rises = before < here;
      before = here;
      if (here < bound || !rises) {
        continue;
      }
      std::size_t after = i + 1;
      while (after < last && x[after] == here) {
        ++after;
      }
      if (x[after] < here && height.contains(here)) {
        scratch.peaks.push_back(static_cast<std::int32_t>((i + after - 1) / 2));
      }
    }
  }
}

// Greedy, from the highest peak down: each one kept drops the lower ones around it.
template <typename X>
void keep_distance(const X& x, const Clock& clock, double distance, Scratch& scratch) {
  auto& peaks = scratch.peaks;
  const std::size_t count = peaks.size();
  const double needed = clock.is_uniform() ? std::ceil(distance) : distance;
  if (count < 2 || needed <= 0.0 || (clock.is_uniform() && needed <= 1.0)) {
    return;
  }
  const auto time = [&](std::size_t k) { return clock[static_cast<std::size_t>(peaks[k])]; };
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
    for (std::size_t k = centre; k-- > 0 && time(centre) - time(k) < needed;) {
      scratch.dropped[k] = 1;
    }
    for (std::size_t k = centre + 1; k < count && time(k) - time(centre) < needed; ++k) {
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
template <typename X>
std::size_t left_base(const X& x, const Scratch& scratch, std::size_t peak) {
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
    const double here = x[i];
    if (!(here <= height)) {
      break;
    }
    if (here < lowest) {
      lowest = here;
      search_from = i;
    }
  }
  while (x[search_from] != lowest) {  // ... that is as low as that
    --search_from;
  }
  return search_from;
}

// The same to the right.
template <typename X>
std::size_t right_base(const X& x, const Scratch& scratch, std::size_t peak) {
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
    const double here = x[i];
    if (!(here <= height)) {
      break;
    }
    if (here < lowest) {
      lowest = here;
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
template <typename X>
double left_crossing(const X& x, std::size_t peak, std::size_t base, double level) {
  std::size_t i = peak;
  while (base < i && level < x[i]) {
    --i;
  }
  const double at = static_cast<double>(i);
  return x[i] < level && x[i + 1] != x[i] ? at + (level - x[i]) / (x[i + 1] - x[i]) : at;
}

template <typename X>
double right_crossing(const X& x, std::size_t peak, std::size_t base, double level) {
  std::size_t i = peak;
  while (i < base && level < x[i]) {
    ++i;
  }
  const double at = static_cast<double>(i);
  return x[i] < level && x[i - 1] != x[i] ? at - (level - x[i]) / (x[i - 1] - x[i]) : at;
}

// The first of the lowest samples from `begin` to before `end`, whole blocks in one step.
template <typename X>
std::size_t lowest_between(const X& x, const Scratch& scratch, std::size_t begin,
                           std::size_t end) {
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
template <typename X>
void integrate(const X& x, const Clock& clock, const Scratch& scratch,
               const Measurement& measurement, Pulse* pulses, std::size_t count) {
  std::size_t border = 0;  // first sample that belongs to pulse k
  for (std::size_t k = 0; k < count; ++k) {
    const auto peak = static_cast<std::size_t>(pulses[k].position);
    std::size_t next_border = x.size();
    if (k + 1 < count) {
      const auto next = static_cast<std::size_t>(pulses[k + 1].position);
      next_border = lowest_between(x, scratch, peak, next);
    }
    std::size_t begin = peak, end = peak + 1;
    while (begin > border && clock[peak] - clock[begin - 1] <= measurement.integral_before) {
      --begin;
    }
    while (end < next_border && clock[end] - clock[peak] <= measurement.integral_after) {
      ++end;
    }
    double sum = 0.0;
    for (std::size_t i = begin; i < end; ++i) {
      sum += clock.is_uniform() ? x[i] : x[i] * clock.step(i, x.size());
    }
    pulses[k].integral = sum;
    border = next_border;
  }
}

template <typename X>
void find(const X& x, const Clock& clock, std::int32_t channel, const Conditions& conditions,
          const Measurement& measurement, Scratch& scratch, std::vector<Pulse>& found) {
  find_peaks(x, conditions.height, lowest_possible_height(conditions, scratch.blocks), scratch);
  keep_distance(x, clock, conditions.distance, scratch);
  const std::size_t already_there = found.size();
  for (const std::int32_t position : scratch.peaks) {
    const auto peak = static_cast<std::size_t>(position);
    const double height = x[peak];
    // Most peaks of a noisy pulse are lower than a neighbour, which one side is enough to see.
    const std::size_t left = left_base(x, scratch, peak);
    if (height - x[left] < conditions.prominence.lower) {
      continue;
    }
    const std::size_t right = right_base(x, scratch, peak);
    const double prominence = height - std::max(x[left], x[right]);
    if (!conditions.prominence.contains(prominence)) {
      continue;
    }
    const double level = height - prominence * 0.5;
    const double time = clock.at(left_crossing(x, peak, left, level));
    const double width = clock.at(right_crossing(x, peak, right, level)) - time;
    if (conditions.width.contains(width)) {
      found.push_back({channel, position, time, height, prominence, width, 0.0});
    }
  }
  integrate(x, clock, scratch, measurement, found.data() + already_there,
            found.size() - already_there);
}

}  // namespace

void find_pulses(const Trace& trace, std::int32_t channel, const Conditions& conditions,
                 const Measurement& measurement, Scratch& scratch, std::vector<Pulse>& found) {
  assert(trace.size <= kLongestTrace);
  with_samples(trace, [&](const auto& samples) {
    const Values x(samples, measurement);
    survey(x, scratch);
    find(x, Clock(measurement.times), channel, conditions, measurement, scratch, found);
  });
}

}  // namespace mimocorb::pulse
