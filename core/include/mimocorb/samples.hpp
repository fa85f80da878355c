// The samples of a trace in place, whatever their type and distance. Knows neither rings nor Python.
//
// A trace is one channel of a digitised event: n samples at equal time intervals, anywhere in
// memory, `stride_bytes` apart. An interleaved event (sample 0 of all channels, then sample 1, ...)
// and an event stored channel by channel therefore look the same from here:
//
//     interleaved   A0 B0 C0 D0 A1 B1 C1 D1 ...     stride of channel A = 4 values
//     contiguous    A0 A1 A2 ... B0 B1 B2 ...       stride of channel A = 1 value
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

namespace mimocorb {

enum class SampleType { kFloat64, kFloat32, kInt64, kInt32, kInt16, kInt8, kUint64, kUint32, kUint16, kUint8 };

struct Trace {
  const std::byte* first;
  std::ptrdiff_t stride_bytes;
  std::size_t size;  // samples
  SampleType type;
};

// The longest trace that is accepted: positions are 32-bit.
inline constexpr std::size_t kLongestTrace = std::numeric_limits<std::int32_t>::max();

template <typename T>
class Samples {
 public:
  explicit Samples(const Trace& trace)
      : first_(trace.first), stride_bytes_(trace.stride_bytes), size_(trace.size) {}

  [[nodiscard]] std::size_t size() const { return size_; }

  // Samples may lie at any address (packed records), hence the copy instead of a cast.
  T operator[](std::size_t i) const {
    T value;
    std::memcpy(&value, first_ + static_cast<std::ptrdiff_t>(i) * stride_bytes_, sizeof value);
    return value;
  }

  // `count` samples from `begin` on side by side: where they lie, or copied to `room`.
  template <std::size_t kMost>
  const std::byte* side_by_side(std::size_t begin, std::size_t count,
                                std::array<T, kMost>& room) const {
    assert(count <= kMost);
    if (stride_bytes_ == static_cast<std::ptrdiff_t>(sizeof(T))) {
      return first_ + begin * sizeof(T);
    }
    for (std::size_t i = 0; i < count; ++i) {
      room[i] = (*this)[begin + i];
    }
    return reinterpret_cast<const std::byte*>(room.data());
  }

 private:
  const std::byte* first_;
  std::ptrdiff_t stride_bytes_;
  std::size_t size_;
};

struct Extremes {
  double lowest;
  double highest;
};

// Extremes of `count` > 0 samples side by side, not-a-number if one of them, or their sum, is not finite. Vectors
// of 16 bytes are what every processor has that mimocorb runs on; compilers do not form them here
// by themselves, since minimum and maximum of numbers that may be NaN depend on the order.
template <typename T>
Extremes extremes(const std::byte* first, std::size_t count) {
  constexpr std::size_t kLanes = 16 / sizeof(T);
  typedef T Vector __attribute__((vector_size(16)));
  std::array<T, kLanes> rest;
  std::memcpy(rest.data(), first, sizeof(T));
  rest.fill(rest[0]);
  Vector low, high, sum{};
  std::memcpy(&low, rest.data(), sizeof low);
  high = low;
  const auto take = [&](const void* from) {
    Vector value;
    std::memcpy(&value, from, sizeof value);
    low = value < low ? value : low;
    high = value > high ? value : high;
    if constexpr (std::is_floating_point_v<T>) {
      sum += value;
    }
  };
  const std::size_t in_vectors = count / kLanes * kLanes;
  for (std::size_t i = 0; i < in_vectors; i += kLanes) {
    take(first + i * sizeof(T));
  }
  if (in_vectors < count) {
    std::memcpy(rest.data(), first + in_vectors * sizeof(T), (count - in_vectors) * sizeof(T));
    take(rest.data());
  }
  T lowest = low[0], highest = high[0], total = sum[0];
  for (std::size_t lane = 1; lane < kLanes; ++lane) {
    lowest = low[lane] < lowest ? low[lane] : lowest;
    highest = high[lane] > highest ? high[lane] : highest;
    total = static_cast<T>(total + sum[lane]);
  }
  const double zero = std::is_floating_point_v<T> ? static_cast<double>(total) * 0.0 : 0.0;
  return {static_cast<double>(lowest) + zero, static_cast<double>(highest) + zero};
}

// Calls `work` with the samples of a trace in their own type: one machine code for each type.
template <typename Work>
auto with_samples(const Trace& trace, const Work& work) {
  switch (trace.type) {
    case SampleType::kFloat32: return work(Samples<float>(trace));
    case SampleType::kInt64: return work(Samples<std::int64_t>(trace));
    case SampleType::kInt32: return work(Samples<std::int32_t>(trace));
    case SampleType::kInt16: return work(Samples<std::int16_t>(trace));
    case SampleType::kInt8: return work(Samples<std::int8_t>(trace));
    case SampleType::kUint64: return work(Samples<std::uint64_t>(trace));
    case SampleType::kUint32: return work(Samples<std::uint32_t>(trace));
    case SampleType::kUint16: return work(Samples<std::uint16_t>(trace));
    case SampleType::kUint8: return work(Samples<std::uint8_t>(trace));
    case SampleType::kFloat64: break;
  }
  return work(Samples<double>(trace));
}

}  // namespace mimocorb
