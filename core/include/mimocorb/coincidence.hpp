// Coincidences of times. Knows neither rings nor Python.
//
//   pairs     of two sorted lists of whole nanoseconds: all (i, j) with
//             |b[j] - a[i] - delay| <= window. With a delay that no physical process has they are
//             accidental.
//   groups    of pulses that are sorted by event, and by time within each: a group begins with the
//             first pulse that is not in one, and holds all pulses of the event at most `window`
//             later. A time that is not a number is a group of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mimocorb::coincidence {

struct Pair {
  std::int64_t first;
  std::int64_t second;
};

// Appends the pairs in the order of a, and then of b. Differences outside of 64 bits are far apart.
void pairs(const std::int64_t* a, std::size_t in_a, const std::int64_t* b, std::size_t in_b,
           std::int64_t window, std::int64_t delay, std::vector<Pair>& found);

// Fills `group` with the number of the group of each pulse; returns how many groups there are.
std::size_t groups(const std::int64_t* event, const double* time, std::size_t count, double window,
                   std::int64_t* group);

}  // namespace mimocorb::coincidence
