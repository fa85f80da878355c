#include "invariants.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstdarg>
#include <cstdio>
#include <set>

#include "mimocorb/liveness.hpp"
#include "stage.hpp"

namespace mimocorb::testing {
namespace {

class Inspection {
 public:
  explicit Inspection(const Segment& segment) : ring_(segment), header_(segment.header()) {}

  std::vector<std::string> run() {
    for (std::uint32_t s = 0; s < ring_.number_of_slots(); ++s) slot(s);
    for (std::uint32_t g = 0; g < ring_.max_groups(); ++g) group(g);
    free_slots();
    handles();
    ledger();
    return std::move(found_);
  }

 private:
  __attribute__((format(printf, 2, 3))) void say(const char* format, ...) {
    char text[200];
    va_list values;
    va_start(values, format);
    std::vsnprintf(text, sizeof text, format, values);
    va_end(values);
    found_.emplace_back(text);
  }

  void equal(const char* what, std::uint64_t found, std::uint64_t expected) {
    if (found != expected) say("%s is %" PRIu64 ", must be %" PRIu64, what, found, expected);
  }

  [[nodiscard]] bool active(std::uint32_t g) const {
    return ring_.group(g).state.load() == static_cast<std::uint64_t>(GroupState::kActive);
  }

  [[nodiscard]] GroupWord group_word(std::uint32_t s, std::uint32_t g) const {
    return GroupWord::decode(ring_.group_word(s, g).load());
  }

  // I1, I2: whoever is named as an owner exists, has the right role, and lives.
  void owner(const char* what, std::uint32_t s, std::uint32_t handle, Role role, std::uint32_t group) {
    if (handle >= kMaxHandles) return say("slot %u is %s by no handle", s, what);
    const HandleRecord& record = ring_.handle(handle);
    if (record.state.load() != 1) return say("slot %u is %s by a closed handle", s, what);
    if (record.role != role) say("slot %u is %s by a handle of the wrong role", s, what);
    if (role == Role::kReader && record.port != group) say("slot %u is %s by another group", s, what);
    if (!is_alive({record.pid, record.start_time})) say("slot %u is %s by a dead process", s, what);
  }

  void slot(std::uint32_t s) {
    const SlotRecord& record = ring_.slot(s);
    const SlotWord word = SlotWord::decode(record.word.load());
    const std::uint64_t sequence = record.sequence.load();
    claimed_ += word.generation;
    torn_ += TornMark::decode(ring_.torn_mark(s).load()).count;
    std::uint32_t due = 0;
    switch (word.state) {
      case SlotState::kClaimed:
        ++in_hand_;
        owner("claimed", s, word.owner, Role::kWriter, 0);
        if (sequence != 0) say("I7: slot %u is claimed and has a sequence", s);
        return;
      case SlotState::kReserved:
        owner("reserved", s, word.owner, Role::kWriter, 0);
        if (word.owner < kMaxHandles && ring_.handle(word.owner).reservation != s + 1)
          say("slot %u is reserved for a writer that knows another", s);
        break;
      case SlotState::kReady:
        if (sequence == 0) say("slot %u is ready without a sequence", s);
        for (std::uint32_t g = 0; g < ring_.max_groups(); ++g)
          if (active(g)) due += due_word(s, g);
        equal("due of a slot", record.due, due);
        [[fallthrough]];
      case SlotState::kFree:
        if (due == 0) free_.insert(s);
        break;
      default:
        return say("slot %u is in no known state", s);
    }
    if (sequence == 0) return;
    if (!sequences_.insert(sequence).second) say("two slots have sequence %" PRIu64, sequence);
    if (sequence >= header_.next_sequence.load()) say("I4: slot %u is ahead of next_sequence", s);
    std::int64_t id = 0;
    if (!is_whole(ring_, s, &id)) say("I7: the event in slot %u is not whole", s);
  }

  // I8: the word of an active group on a READY slot. Returns 1 if the event is due.
  std::uint32_t due_word(std::uint32_t s, std::uint32_t g) {
    const GroupWord word = group_word(s, g);
    if (word.failed > word.delivery) say("slot %u has failed more often than group %u had it", s, g);
    switch (word.state) {
      case DueState::kHeld:
        owner("held", s, word.owner, Role::kReader, g);
        return 1;
      case DueState::kPending: return 1;
      case DueState::kDone:
      case DueState::kQuarantined: return 0;
      default: say("I8: group %u has no word on ready slot %u", g, s); return 0;
    }
  }

  // The queue of a group holds its pending events, oldest first.
  void group(std::uint32_t g) {
    if (!active(g)) return;
    ++active_groups_;
    const GroupRecord& record = ring_.group(g);
    std::vector<std::uint32_t> pending;
    std::uint32_t held = 0;
    for (std::uint32_t s = 0; s < ring_.number_of_slots(); ++s) {
      if (SlotWord::decode(ring_.slot(s).word.load()).state != SlotState::kReady) continue;
      const DueState due = group_word(s, g).state;
      if (due == DueState::kPending) pending.push_back(s);
      if (due == DueState::kHeld) ++held;
    }
    std::sort(pending.begin(), pending.end(), [this](std::uint32_t a, std::uint32_t b) {
      return ring_.slot(a).sequence.load() < ring_.slot(b).sequence.load();
    });
    equal("held of a group", record.held, held);
    if (queue(ring_.group_queue(g), record.queue_head, record.queue_count.load()) != pending)
      say("the queue of group %u is not its pending events in order", g);
  }

  std::vector<std::uint32_t> queue(const std::uint32_t* at, std::uint32_t head, std::uint32_t count) {
    std::vector<std::uint32_t> content;
    const std::uint32_t n = ring_.number_of_slots();
    if (head >= n || count > n) say("a queue is out of bounds: head %u, count %u", head, count);
    for (std::uint32_t i = 0; i < std::min(count, n); ++i) content.push_back(at[(head + i) % n]);
    return content;
  }

  void free_slots() {
    std::vector<std::uint32_t> marked;
    for (std::uint32_t s = 0; s < ring_.number_of_slots(); ++s)
      if (ring_.free_marks()[s] != 0) marked.push_back(s);
    equal("free slots", header_.free_count.load(), static_cast<std::uint32_t>(marked.size()));
    if (marked != std::vector<std::uint32_t>(free_.begin(), free_.end()))
      say("the marks are not the set of free slots");
  }

  void handles() {
    std::vector<std::uint32_t> open(kMaxTokens), readers(kGroupLimit), asleep(kGroupLimit),
        in_line(kGroupLimit);
    std::uint32_t writers_asleep = 0;
    for (std::uint32_t i = 0; i < kMaxHandles; ++i) {
      const HandleRecord& record = ring_.handle(i);
      if (record.state.load() == 0) continue;
      if (record.owes_promise != 0) say("handle %u still owes a promise", i);
      if (!is_alive({record.pid, record.start_time})) say("handle %u is of a dead process", i);
      if (record.role == Role::kWriter) {
        ++open[record.port];
        ++open_writers_;
        if (record.reservation > 0 &&
            SlotWord::decode(ring_.slot(record.reservation - 1).word.load()).state == SlotState::kClaimed)
          ++unsettled_;
        writers_asleep += record.sleeping == Sleeping::kForWork;
      } else {
        ++readers[record.port];
        asleep[record.port] += record.sleeping == Sleeping::kForWork;
        in_line[record.port] += record.sleeping == Sleeping::kForTurn;
      }
    }
    bool any = false, live = false;
    for (std::uint32_t t = 0; t < kMaxTokens; ++t) {
      const TokenRecord& token = ring_.token(t);
      equal("open writers of a token", token.open, open[t]);
      if ((token.promised.load() & TokenRecord::kInUse) == 0) continue;
      any = true;
      live = live || token.promised.load() != TokenRecord::kInUse || open[t] > 0;
    }
    for (std::uint32_t g = 0; g < ring_.max_groups(); ++g) {
      if (!active(g)) continue;
      equal("readers of a group", ring_.group(g).readers, readers[g]);
      equal("sleepers of a group", ring_.group(g).data.sleepers.load(), asleep[g]);
      equal("sleepers for their turn", ring_.group(g).turn.sleepers.load(), in_line[g]);
    }
    equal("sleepers for space", header_.space.sleepers.load(), writers_asleep);
    const bool ended = header_.ending.load() != 0 || (any && !live);
    equal("stream_ended", header_.stream_ended.load(), ended ? 1 : 0);
  }

  // I3, I4, I5.
  void ledger() {
      equal("torn", header_.torn, torn_);
    equal("in hand", header_.in_hand + unsettled_, in_hand_);
    equal("open writers", header_.open_writers, open_writers_);
    equal("active groups", header_.active_groups, active_groups_);
    const std::uint64_t published = header_.next_sequence.load() - 1;
    if (claimed_ < published + torn_ + in_hand_) say("I5: more accounted for than claimed");
    if (header_.newest_slot.load() > ring_.number_of_slots()) say("newest_slot is out of bounds");
  }

  const Segment& ring_;
  const RingHeader& header_;
  std::vector<std::string> found_;
  std::set<std::uint32_t> free_;
  std::set<std::uint64_t> sequences_;
  std::uint64_t claimed_ = 0;
  std::uint64_t torn_ = 0;
  std::uint32_t in_hand_ = 0;
  std::uint32_t unsettled_ = 0;  // claimed without the lock, not yet in the count
  std::uint32_t open_writers_ = 0;
  std::uint32_t active_groups_ = 0;
};

}  // namespace

std::vector<std::string> violations(const Segment& segment) { return Inspection(segment).run(); }

}  // namespace mimocorb::testing
