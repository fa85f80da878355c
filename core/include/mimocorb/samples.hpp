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
#include <type_traits>

namespace mimocorb {

enum class SampleType { kFloat64, kFloat32, kInt64, kInt32, kInt16, kInt8, kUint64, kUint32, kUint16, kUint8 };

struct Trace {
  const std::byte* first;
  std::ptrdiff_t stride_bytes;
  std::size_t size;  // samples
  SampleType type;
};

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
