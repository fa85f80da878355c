#include "mimocorb/waveform.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <limits>

namespace mimocorb::waveform {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kBlockSize = 64;
constexpr double kMedianToRms = 1.482602218505602;  // of a normal distribution
constexpr double kCut = 3.0;                        // standard deviations
constexpr double kRmsOfCutNormal = 0.9865783;       // of a normal distribution cut there

// Calls `work(x, begin, count)` with the samples of a range as numbers of double precision, block
// by block: the compiler converts side-by-side samples in vectors.
template <typename Work>
void for_each_block(const Trace& trace, Conversion conversion, Range range, const Work& work) {
  with_samples(trace, [&](const auto& samples) {
    using T = std::decay_t<decltype(samples[0])>;
    std::array<T, kBlockSize> room{};
    std::array<double, kBlockSize> x{};
    for (std::size_t begin = range.begin; begin < range.end; begin += kBlockSize) {
      const std::size_t count = std::min(kBlockSize, range.end - begin);
      const std::byte* const block = samples.side_by_side(begin, count, room);
      for (std::size_t i = 0; i < count; ++i) {
        T sample;
        std::memcpy(&sample, block + i * sizeof(T), sizeof sample);
        x[i] = (static_cast<double>(sample) - conversion.baseline) * conversion.scale;
      }
      if (!work(x.data(), begin, count)) {
        return;
      }
    }
  });
}

void copy_range(const Trace& trace, Conversion conversion, Range range, std::vector<double>& values) {
  values.resize(range.end - range.begin);
  for_each_block(trace, conversion, range, [&](const double* x, std::size_t begin, std::size_t count) {
    std::copy(x, x + count, values.data() + (begin - range.begin));
    return true;
  });
}

double sum_of(const double* x, std::size_t count) {
  std::array<double, 4> sums{};  // independent chains
  std::size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    for (std::size_t chain = 0; chain < 4; ++chain) {
      sums[chain] += x[i + chain];
    }
  }
  for (; i < count; ++i) {
    sums[0] += x[i];
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// Reorders the values.
double median_of(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) {
    return *middle;
  }
  return 0.5 * (*std::max_element(values.begin(), middle) + *middle);
}

// The start of the densest `half` of sorted values; of equally dense ones the middle one.
std::size_t densest(const double* sorted, std::size_t count, std::size_t half) {
  double least = sorted[half - 1] - sorted[0];
  std::size_t first = 0, last = 0;
  for (std::size_t i = 1; i + half <= count; ++i) {
    const double width = sorted[i + half - 1] - sorted[i];
    if (width < least) {
      least = width;
      first = i;
    }
    if (width <= least) {
      last = i;
    }
  }
  return (first + last) / 2;
}

// Sorts the values.
double half_sample_mode(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  const double* sorted = values.data();
  std::size_t count = values.size();
  while (count > 3) {
    const std::size_t half = (count + 1) / 2;
    sorted += densest(sorted, count, half);
    count = half;
  }
  if (count == 3) {
    const double below = sorted[1] - sorted[0], above = sorted[2] - sorted[1];
    if (below == above) {
      return sorted[1];
    }
    return below < above ? 0.5 * (sorted[0] + sorted[1]) : 0.5 * (sorted[1] + sorted[2]);
  }
  return count == 2 ? 0.5 * (sorted[0] + sorted[1]) : sorted[0];
}

double rms_about(double level, const std::vector<double>& values, std::vector<double>& distances) {
  distances.resize(values.size());
  double step = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < values.size(); ++i) {
    distances[i] = std::abs(values[i] - level);
    step = distances[i] > 0.0 ? std::min(step, distances[i]) : step;
  }
  const double limit = std::max(kCut * kMedianToRms * median_of(distances), step);
  double sum = 0.0;
  std::size_t count = 0;
  for (const double distance : distances) {
    if (distance <= limit) {
      sum += distance * distance;
      ++count;
    }
  }
  return std::sqrt(sum / static_cast<double>(count)) / kRmsOfCutNormal;
}

// Where the line from (at - 1, before) to (at, after) reaches `level`.
double crossing(std::size_t at, double before, double after, double level) {
  return static_cast<double>(at) - (after - level) / (after - before);
}

template <typename T>
double converted(const Samples<T>& samples, std::size_t i, Conversion conversion) {
  return (static_cast<double>(samples[i]) - conversion.baseline) * conversion.scale;
}

template <typename T>
Height height_of(const Samples<T>& samples, Conversion conversion, Range range) {
  std::array<T, kBlockSize> room{};
  Height best{kNone, kNone};
  for (std::size_t begin = range.begin; begin < range.end; begin += kBlockSize) {
    const std::size_t count = std::min(kBlockSize, range.end - begin);
    const Extremes found = extremes<T>(samples.side_by_side(begin, count, room), count);
    const double wanted = conversion.scale < 0.0 ? found.lowest : found.highest;
    const double value = (wanted - conversion.baseline) * conversion.scale;
    if (!std::isfinite(value)) {
      return {kNone, kNone};
    }
    if (!(value <= best.value)) {
      best = {value, static_cast<double>(begin)};
    }
  }
  if (std::isfinite(best.value)) {
    auto position = static_cast<std::size_t>(best.position);
    while (converted(samples, position, conversion) != best.value) {
      ++position;
    }
    best.position = static_cast<double>(position);
  }
  return best;
}

}  // namespace

Level level(const Trace& trace, Range range, LevelKind kind, Scratch& scratch) {
  if (range.begin >= range.end) {
    return {kNone, kNone};
  }
  copy_range(trace, {}, range, scratch.values);
  const auto count = static_cast<double>(scratch.values.size());
  const double mean = sum_of(scratch.values.data(), scratch.values.size()) / count;
  if (!std::isfinite(mean)) {
    return {kNone, kNone};
  }
  if (kind == LevelKind::kMean) {
    double squares = 0.0;
    for (const double value : scratch.values) {
      squares += (value - mean) * (value - mean);
    }
    return {mean, std::sqrt(squares / count)};
  }
  const double value = kind == LevelKind::kMedian ? median_of(scratch.values)
                                                  : half_sample_mode(scratch.values);
  return {value, rms_about(value, scratch.values, scratch.distances)};
}

Height height(const Trace& trace, Conversion conversion, Range range) {
  return with_samples(
      trace, [&](const auto& samples) { return height_of(samples, conversion, range); });
}

double leading_edge(const Trace& trace, Conversion conversion, Range range, double threshold) {
  double before = kNone;  // no edge without a sample below
  double time = kNone;
  for_each_block(trace, conversion, range, [&](const double* x, std::size_t begin, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      if (before < threshold && threshold <= x[i]) {
        time = crossing(begin + i, before, x[i], threshold);
        return false;
      }
      before = x[i];
    }
    return true;
  });
  return time;
}

double constant_fraction(const Trace& trace, Conversion conversion, Range range, double fraction) {
  return with_samples(trace, [&](const auto& samples) {
    const Height highest = height_of(samples, conversion, range);
    if (!(highest.value > 0.0)) {
      return kNone;
    }
    const double wanted = fraction * highest.value;
    double after = highest.value;
    for (auto i = static_cast<std::size_t>(highest.position); i-- > range.begin;) {
      const double x = converted(samples, i, conversion);
      if (x < wanted) {
        return crossing(i + 1, x, after, wanted);
      }
      after = x;
    }
    return kNone;
  });
}

double integral(const Trace& trace, Conversion conversion, Range range) {
  double sum = 0.0;
  for_each_block(trace, conversion, range, [&](const double* x, std::size_t, std::size_t count) {
    sum += sum_of(x, count);
    return true;
  });
  return std::isfinite(sum) ? sum : kNone;
}

void smooth(const Trace& trace, Conversion conversion, std::size_t width, Scratch& scratch, double* out) {
  const std::size_t size = trace.size;
  const std::size_t half = width / 2;
  copy_range(trace, conversion, {0, size}, scratch.values);
  // Sums from the first sample on: sums[i] is that of the samples before i.
  std::vector<double>& sums = scratch.distances;
  sums.resize(size + 1);
  sums[0] = 0.0;
  for (std::size_t i = 0; i < size; ++i) {
    sums[i + 1] = sums[i] + scratch.values[i];
  }
  for (std::size_t i = 0; i < size; ++i) {
    const std::size_t begin = i - std::min(i, half);
    const std::size_t end = std::min(i + half + 1, size);
    out[i] = (sums[end] - sums[begin]) / static_cast<double>(end - begin);
  }
}

void trapezoid(const Trace& trace, Conversion conversion, const Trapezoid& shape, Scratch& scratch,
               double* out) {
  assert(shape.rise > 0);
  const std::size_t size = trace.size;
  // y of the header summed up, behind as many zeros as the shape looks back, so that no sample
  // needs a question.
  const std::size_t back = 2 * shape.rise + shape.flat;
  std::vector<double>& sums = scratch.values;
  sums.assign(back + 1, 0.0);
  sums.resize(back + 1 + size);
  double sum_of_x = 0.0, sum_of_y = 0.0;
  const double lost = 1.0 - shape.decay;
  double* const after = sums.data() + back + 1;
  for_each_block(trace, conversion, {0, size}, [&](const double* x, std::size_t begin, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      sum_of_y += x[i] + lost * sum_of_x;
      sum_of_x += x[i];
      after[begin + i] = sum_of_y;
    }
    return true;
  });
  const double factor = 1.0 / static_cast<double>(shape.rise);
  const double* const now = after;
  const double* const rise_before = now - shape.rise;
  const double* const flat_before = rise_before - shape.flat;
  const double* const all_before = flat_before - shape.rise;
  for (std::size_t i = 0; i < size; ++i) {
    out[i] = ((now[i] - rise_before[i]) - (flat_before[i] - all_before[i])) * factor;
  }
}

void correlate(const Trace& trace, Conversion conversion, const double* pattern, std::size_t count,
               Scratch& scratch, double* out) {
  if (count > trace.size) {
    return;
  }
  copy_range(trace, conversion, {0, trace.size}, scratch.values);
  const std::size_t places = trace.size - count + 1;
  std::fill(out, out + places, 0.0);
  // Row by row of the pattern: the inner loop runs over many places in vectors.
  for (std::size_t i = 0; i < count; ++i) {
    const double weight = pattern[i];
    const double* const x = scratch.values.data() + i;
    for (std::size_t k = 0; k < places; ++k) {
      out[k] += weight * x[k];
    }
  }
}

}  // namespace mimocorb::waveform
