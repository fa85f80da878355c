#include "mimocorb/fields.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace mimocorb::fields {
namespace {

constexpr std::size_t kPieceBytes = 16 * 1024;  // half of a first-level cache

// Fields of one size that fill their records, `Count` of them: a loop that compilers turn into
// instructions for several values at once.
template <typename Value, std::size_t Count>
#if defined(__GNUC__) && !defined(__clang__)
__attribute__((optimize("O3")))
#endif
void part_alike(const unsigned char* from, std::size_t records, unsigned char* const* columns) {
  const auto* __restrict values = reinterpret_cast<const Value*>(from);
  Value* __restrict first = reinterpret_cast<Value*>(columns[0]);
  Value* __restrict second = reinterpret_cast<Value*>(columns[1]);
  if constexpr (Count == 2) {
    for (std::size_t at = 0; at < records; ++at) {
      first[at] = values[2 * at];
      second[at] = values[2 * at + 1];
    }
  } else {
    Value* __restrict third = reinterpret_cast<Value*>(columns[2]);
    Value* __restrict fourth = reinterpret_cast<Value*>(columns[3]);
    for (std::size_t at = 0; at < records; ++at) {
      first[at] = values[4 * at];
      second[at] = values[4 * at + 1];
      third[at] = values[4 * at + 2];
      fourth[at] = values[4 * at + 3];
    }
  }
}

template <std::size_t Bytes>
void copy_values(const unsigned char* from, std::size_t stride, std::size_t count,
                 unsigned char* to) {
  for (std::size_t at = 0; at < count; ++at) {
    std::memcpy(to + at * Bytes, from + at * stride, Bytes);
  }
}

void copy_field(const unsigned char* from, std::size_t stride, std::size_t count,
                std::size_t bytes, unsigned char* to) {
  switch (bytes) {
    case 1: return copy_values<1>(from, stride, count, to);
    case 2: return copy_values<2>(from, stride, count, to);
    case 4: return copy_values<4>(from, stride, count, to);
    case 8: return copy_values<8>(from, stride, count, to);
    default: break;
  }
  for (std::size_t at = 0; at < count; ++at, from += stride, to += bytes) {
    std::memcpy(to, from, bytes);
  }
}

// Whether these are `fields.size()` fields of `bytes` bytes that lie one behind the other and fill
// their records, at addresses that fit.
bool are_alike(const Records& records, std::span<const Field> fields, std::size_t bytes) {
  std::uintptr_t addresses = reinterpret_cast<std::uintptr_t>(records.begin) |
                             static_cast<std::uintptr_t>(records.slot_stride);
  for (std::size_t number = 0; number < fields.size(); ++number) {
    if (fields[number].bytes != bytes || fields[number].offset != number * bytes) {
      return false;
    }
    addresses |= reinterpret_cast<std::uintptr_t>(fields[number].column);
  }
  return records.record_bytes == fields.size() * bytes && addresses % bytes == 0;
}

using PartAlike = void (*)(const unsigned char*, std::size_t, unsigned char* const*);

PartAlike quick_way(const Records& records, std::span<const Field> fields) {
  const std::size_t count = fields.size();
  if (count != 2 && count != 4) {
    return nullptr;
  }
  if (are_alike(records, fields, 2)) {
    return count == 2 ? part_alike<std::uint16_t, 2> : part_alike<std::uint16_t, 4>;
  }
  if (are_alike(records, fields, 4)) {
    return count == 2 ? part_alike<std::uint32_t, 2> : part_alike<std::uint32_t, 4>;
  }
  if (are_alike(records, fields, 8)) {
    return count == 2 ? part_alike<std::uint64_t, 2> : part_alike<std::uint64_t, 4>;
  }
  return nullptr;
}

}  // namespace

void part(const Records& given, std::span<const Field> fields) {
  Records records = given;
  const std::size_t slot_bytes = records.records_per_slot * records.record_bytes;
  if (records.slot_stride == static_cast<std::ptrdiff_t>(slot_bytes)) {  // nothing in between
    records.records_per_slot *= records.slots;
    records.slots = 1;
  }
  const PartAlike part_alike_fields = quick_way(records, fields);
  const std::size_t piece = std::max<std::size_t>(1, kPieceBytes / records.record_bytes);
  std::size_t done = 0;
  for (std::size_t slot = 0; slot < records.slots; ++slot) {
    const unsigned char* begin =
        records.begin + static_cast<std::ptrdiff_t>(slot) * records.slot_stride;
    for (std::size_t first = 0; first < records.records_per_slot; first += piece) {
      const std::size_t count = std::min(piece, records.records_per_slot - first);
      const unsigned char* from = begin + first * records.record_bytes;
      if (part_alike_fields != nullptr) {
        unsigned char* columns[4] = {};
        for (std::size_t number = 0; number < fields.size(); ++number) {
          columns[number] = fields[number].column + done * fields[number].bytes;
        }
        part_alike_fields(from, count, columns);
      } else {
        for (const Field& field : fields) {
          copy_field(from + field.offset, records.record_bytes, count, field.bytes,
                     field.column + done * field.bytes);
        }
      }
      done += count;
    }
  }
}

}  // namespace mimocorb::fields
