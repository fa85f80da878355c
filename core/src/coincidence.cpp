#include "mimocorb/coincidence.hpp"

#include <limits>

namespace mimocorb::coincidence {
namespace {

// a + b, at most as far as 64 bits reach.
std::int64_t sum(std::int64_t a, std::int64_t b) {
  std::int64_t result;
  if (!__builtin_add_overflow(a, b, &result)) {
    return result;
  }
  return b < 0 ? std::numeric_limits<std::int64_t>::min() : std::numeric_limits<std::int64_t>::max();
}

}  // namespace

void pairs(const std::int64_t* a, std::size_t in_a, const std::int64_t* b, std::size_t in_b,
           std::int64_t window, std::int64_t delay, std::vector<Pair>& found) {
  std::size_t begin = 0;
  for (std::size_t i = 0; i < in_a; ++i) {
    const std::int64_t centre = sum(a[i], delay);
    const std::int64_t low = sum(centre, -window), high = sum(centre, window);
    while (begin < in_b && b[begin] < low) {
      ++begin;
    }
    for (std::size_t j = begin; j < in_b && b[j] <= high; ++j) {
      found.push_back({static_cast<std::int64_t>(i), static_cast<std::int64_t>(j)});
    }
  }
}

std::size_t groups(const std::int64_t* event, const double* time, std::size_t count, double window,
                   std::int64_t* group) {
  std::int64_t number = -1;
  std::size_t first = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const bool same = i > 0 && event[i] == event[first] && time[i] - time[first] <= window;
    if (!same) {
      ++number;
      first = i;
    }
    group[i] = number;
  }
  return static_cast<std::size_t>(number + 1);
}

}  // namespace mimocorb::coincidence
