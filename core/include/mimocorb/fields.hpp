// fields.hpp: records of several fields, taken apart into one column for each field.
#pragma once

#include <cstddef>
#include <span>

namespace mimocorb::fields {

// Where the records are: `slots` pieces of memory, `slot_stride` bytes from one to the next, each
// with `records_per_slot` records one behind the other.
struct Records {
  const unsigned char* begin;
  std::size_t slots;
  std::ptrdiff_t slot_stride;
  std::size_t records_per_slot;
  std::size_t record_bytes;
};

// A field of them, and the memory of its column: as many values as there are records.
struct Field {
  std::size_t offset;
  std::size_t bytes;
  unsigned char* column;
};

// Copy every field into its column. The records are read once, piece by piece, as long as a piece is
// in the cache of the processor.
void part(const Records& records, std::span<const Field> fields);

}  // namespace mimocorb::fields
