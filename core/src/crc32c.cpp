#include "mimocorb/crc32c.hpp"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#define MIMOCORB_CRC_INSTRUCTION 1
#define MIMOCORB_CRC_TARGET __attribute__((target("sse4.2")))
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>
#define MIMOCORB_CRC_INSTRUCTION 1
#define MIMOCORB_CRC_TARGET __attribute__((target("+crc")))
#endif

namespace mimocorb::crc32c {
namespace {

constexpr std::uint32_t kPolynomial = 0x82f63b78;  // reflected

// What a byte does to the checksum, and, in row r, a byte with r zero bytes behind it.
using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 1U) != 0 ? (crc >> 1U) ^ kPolynomial : crc >> 1U;
    }
    tables[0][byte] = crc;
  }
  for (std::size_t row = 1; row < tables.size(); ++row) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[row - 1][byte];
      tables[row][byte] = (before >> 8U) ^ tables[0][before & 0xffU];
    }
  }
  return tables;
}

constexpr Tables kTables = make_tables();

std::uint32_t by_table(std::uint32_t crc, const unsigned char* at, std::size_t size) {
  for (; size >= 8; at += 8, size -= 8) {
    crc ^= static_cast<std::uint32_t>(at[0]) | static_cast<std::uint32_t>(at[1]) << 8U |
           static_cast<std::uint32_t>(at[2]) << 16U | static_cast<std::uint32_t>(at[3]) << 24U;
    crc = kTables[7][crc & 0xffU] ^ kTables[6][(crc >> 8U) & 0xffU] ^
          kTables[5][(crc >> 16U) & 0xffU] ^ kTables[4][crc >> 24U] ^ kTables[3][at[4]] ^
          kTables[2][at[5]] ^ kTables[1][at[6]] ^ kTables[0][at[7]];
  }
  for (; size > 0; ++at, --size) {
    crc = kTables[0][(crc ^ *at) & 0xffU] ^ (crc >> 8U);
  }
  return crc;
}

#if defined(MIMOCORB_CRC_INSTRUCTION)

// The instruction has a result after three cycles and can begin in each: three stretches of the
// data are in work together, and joined by what a stretch of zero bytes does to a checksum.
constexpr std::size_t kStretchBytes = 4096;
constexpr int kStretchDoublings = 12;

using Operator = std::array<std::uint32_t, 32>;  // linear: the image of each bit

constexpr std::uint32_t apply(const Operator& matrix, std::uint32_t vector) {
  std::uint32_t sum = 0;
  for (std::size_t bit = 0; vector != 0; ++bit, vector >>= 1U) {
    if ((vector & 1U) != 0) {
      sum ^= matrix[bit];
    }
  }
  return sum;
}

constexpr std::array<std::array<std::uint32_t, 256>, 4> make_stretch() {
  Operator matrix{};
  for (std::size_t bit = 0; bit < 32; ++bit) {  // one zero byte
    const std::uint32_t vector = std::uint32_t{1} << bit;
    matrix[bit] = (vector >> 8U) ^ kTables[0][vector & 0xffU];
  }
  for (int doubling = 0; doubling < kStretchDoublings; ++doubling) {
    Operator twice{};
    for (std::size_t bit = 0; bit < 32; ++bit) {
      twice[bit] = apply(matrix, matrix[bit]);
    }
    matrix = twice;
  }
  std::array<std::array<std::uint32_t, 256>, 4> stretch{};
  for (std::size_t row = 0; row < 4; ++row) {
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
      stretch[row][byte] = apply(matrix, byte << (8 * row));
    }
  }
  return stretch;
}

static_assert(kStretchBytes == std::size_t{1} << kStretchDoublings);
constexpr auto kStretch = make_stretch();

std::uint32_t behind_a_stretch(std::uint32_t crc) {
  return kStretch[0][crc & 0xffU] ^ kStretch[1][(crc >> 8U) & 0xffU] ^
         kStretch[2][(crc >> 16U) & 0xffU] ^ kStretch[3][crc >> 24U];
}

MIMOCORB_CRC_TARGET inline std::uint32_t step(std::uint32_t crc, const unsigned char* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
#if defined(__x86_64__)
  return static_cast<std::uint32_t>(_mm_crc32_u64(crc, word));
#else
  return __crc32cd(crc, word);
#endif
}

MIMOCORB_CRC_TARGET inline std::uint32_t small_step(std::uint32_t crc, unsigned char byte) {
#if defined(__x86_64__)
  return _mm_crc32_u8(crc, byte);
#else
  return __crc32cb(crc, byte);
#endif
}

MIMOCORB_CRC_TARGET std::uint32_t by_instruction(std::uint32_t crc, const unsigned char* at,
                                                 std::size_t size) {
  for (; size >= 3 * kStretchBytes; at += 3 * kStretchBytes, size -= 3 * kStretchBytes) {
    std::uint32_t second = 0;
    std::uint32_t third = 0;
    for (std::size_t byte = 0; byte < kStretchBytes; byte += 8) {
      crc = step(crc, at + byte);
      second = step(second, at + kStretchBytes + byte);
      third = step(third, at + 2 * kStretchBytes + byte);
    }
    crc = behind_a_stretch(behind_a_stretch(crc) ^ second) ^ third;
  }
  for (; size >= 8; at += 8, size -= 8) {
    crc = step(crc, at);
  }
  for (; size > 0; ++at, --size) {
    crc = small_step(crc, *at);
  }
  return crc;
}

bool processor_has_it() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("sse4.2") != 0;
#else
  return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
#endif
}

#else

std::uint32_t by_instruction(std::uint32_t crc, const unsigned char* at, std::size_t size) {
  return by_table(crc, at, size);
}

bool processor_has_it() { return false; }

#endif

}  // namespace

bool is_available(Path path) {
  static const bool has_instruction = processor_has_it();
  return path == Path::kTable || has_instruction;
}

std::uint32_t extend(std::uint32_t before, const void* data, std::size_t size) {
  const Path path = is_available(Path::kInstruction) ? Path::kInstruction : Path::kTable;
  return extend_by(path, before, data, size);
}

std::uint32_t extend_by(Path path, std::uint32_t before, const void* data, std::size_t size) {
  const auto* at = static_cast<const unsigned char*>(data);
  const std::uint32_t crc = ~before;
  return ~(path == Path::kInstruction ? by_instruction(crc, at, size) : by_table(crc, at, size));
}

}  // namespace mimocorb::crc32c
