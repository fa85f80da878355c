#include "trace.hpp"

#include <sched.h>

#include <unordered_map>
#include <utility>

#include "stage.hpp"

namespace mimocorb::testing {
namespace {

constexpr int kRoundsKilled = 2;

// All that outlives a process: the ring, and what the kernel does to the lock on its behalf.
class Visible {
 public:
  Visible(const Segment& ring, const TracedChild& child) : ring_(ring), child_(child) { look(); }

  bool changed() {
    const std::vector<unsigned char> before = std::move(bytes_);
    const RobustState robust_before = robust_;
    look();
    return bytes_ != before || !(robust_ == robust_before);
  }

  // The words alone, without lock and caches.
  bool committed() {
    const std::vector<std::uint64_t> before = std::move(words_);
    words_.clear();
    words_.push_back(ring_.header().next_sequence.load());
    for (std::uint32_t s = 0; s < kSlots; ++s) {
      words_.push_back(ring_.slot(s).word.load());
      words_.push_back(ring_.torn_mark(s).load());
      for (std::uint32_t g = 0; g < kGroups; ++g) words_.push_back(ring_.group_word(s, g).load());
    }
    for (std::uint32_t i = 0; i < kFewHandles; ++i) words_.push_back(ring_.handle(i).state.load());
    for (std::uint32_t i = 0; i < kFewHandles; ++i) words_.push_back(ring_.token(i).promised.load());
    for (std::uint32_t g = 0; g < kGroups; ++g) words_.push_back(ring_.group(g).state.load());
    return words_ != before;
  }

 private:
  static constexpr std::uint32_t kFewHandles = 8;  // more than any scenario opens

  void look() {
    const RingHeader& header = ring_.header();
    const auto* begin = reinterpret_cast<const unsigned char*>(&header);
    const auto part = [&](std::uint64_t from, std::uint64_t bytes) {
      bytes_.insert(bytes_.end(), begin + from, begin + from + bytes);
    };
    bytes_.clear();
    part(0, sizeof(RingHeader));
    part(header.offset_handles, kFewHandles * sizeof(HandleRecord));
    part(header.offset_tokens, kFewHandles * sizeof(TokenRecord));
    part(header.offset_groups, header.offset_payload - header.offset_groups);
    robust_ = child_.robust();
  }

  const Segment& ring_;
  const TracedChild& child_;
  std::vector<unsigned char> bytes_;
  std::vector<std::uint64_t> words_;
  RobustState robust_{};
};

}  // namespace

Trace record(const Segment& ring, TracedChild* child) {
  Trace trace;
  Visible state(ring, *child);
  state.committed();
  bool goes_on = true;
  bool visible = true;
  bool committed = true;
  while (goes_on) {
    trace.at.push_back(child->instruction());
    trace.visible.push_back(visible);
    trace.committed.push_back(committed);
    goes_on = child->step();
    visible = state.changed();
    committed = visible && state.committed();
  }
  return trace;
}

std::vector<std::size_t> points_to_kill(const Trace& trace) {
  std::vector<std::size_t> chosen;
  std::unordered_map<std::uint64_t, int> rounds;
  for (std::size_t n = 0; n < trace.points(); ++n)
    if (++rounds[trace.at[n]] <= kRoundsKilled || trace.visible[n]) chosen.push_back(n);
  return chosen;
}

std::vector<std::size_t> points_where(const std::vector<bool>& flags) {
  std::vector<std::size_t> chosen;
  for (std::size_t n = 0; n < flags.size(); ++n)
    if (flags[n]) chosen.push_back(n);
  return chosen;
}

void advance_to(TracedChild* child, const Trace& trace, std::size_t n) {
  std::size_t anchor = 0;
  std::size_t least = n;
  int visits_at_anchor = 0;
  for (std::size_t m = n; m > 0 && n - m < least; --m) {
    int visits = 0;
    for (std::size_t k = 0; k <= m; ++k) visits += trace.at[k] == trace.at[m] ? 1 : 0;
    const std::size_t stops = n - m + 2 * static_cast<std::size_t>(visits);
    if (stops >= least) continue;
    least = stops;
    anchor = m;
    visits_at_anchor = visits;
  }
  if (anchor > 0 && !child->run_to(trace.at[anchor], visits_at_anchor)) return;
  for (std::size_t i = anchor; i < n; ++i)
    if (!child->step()) return;
}

void stay_on_one_processor() {
  cpu_set_t here;
  CPU_ZERO(&here);
  CPU_SET(static_cast<unsigned>(sched_getcpu()), &here);
  sched_setaffinity(0, sizeof here, &here);
}

}  // namespace mimocorb::testing
