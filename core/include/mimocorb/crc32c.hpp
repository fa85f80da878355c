// crc32c.hpp: the checksum of recorded data, CRC-32C (Castagnoli) of RFC 3720.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mimocorb::crc32c {

// Ways to compute it. All give the same number; which one this processor has is found out once.
enum class Path { kTable, kInstruction };

[[nodiscard]] bool is_available(Path path);

// Checksum of `size` bytes that follow others with the checksum `before` (0: there are none).
[[nodiscard]] std::uint32_t extend(std::uint32_t before, const void* data, std::size_t size);

[[nodiscard]] std::uint32_t extend_by(Path path, std::uint32_t before, const void* data,
                                      std::size_t size);

}  // namespace mimocorb::crc32c
