#include "aftermath.hpp"

#include <cinttypes>
#include <cstdio>

#include "invariants.hpp"
#include "mimocorb/liveness.hpp"

namespace mimocorb::testing {
namespace {

std::string text(const char* format, std::uint64_t a, std::uint64_t b = 0, std::uint64_t c = 0) {
  char buffer[200];
  std::snprintf(buffer, sizeof buffer, format, a, b, c);
  return buffer;
}

class Aftermath {
 public:
  Aftermath(Stage* stage, const Picture& before, const Limits& limits)
      : stage_(*stage), before_(before), limits_(limits) {}

  std::vector<std::string> run() {
    stage_.control.reap(true);
    after_ = picture(&stage_, 0);
    add(violations(*stage_.segment));
    compare_writing();
    for (std::uint32_t g = 0; g < kGroups; ++g) compare_group(g);
    if (found_.empty()) use_to_the_end();
    return std::move(found_);
  }

 private:
  void add(const std::vector<std::string>& more) {
    found_.insert(found_.end(), more.begin(), more.end());
  }
  void expect(bool good, const std::string& otherwise) {
    if (!good) found_.push_back(otherwise);
  }
  void at_most(const char* what, std::uint64_t before, std::uint64_t after, std::uint64_t limit) {
    expect(after >= before && after - before <= limit,
           std::string(what) + text(": %" PRIu64 " became %" PRIu64 ", at most %" PRIu64 " more",
                                    before, after, limit));
  }

  void compare_writing() {
    const RingLedger &b = before_.ledger, &a = after_.ledger;
    at_most("claimed", b.claimed, a.claimed, limits_.claims);
    at_most("published", b.published, a.published, limits_.publishes);
    at_most("aborted", b.aborted, a.aborted, limits_.aborts);
    at_most("refused", b.refused_full + b.refused_paused, a.refused_full + a.refused_paused,
            limits_.refusals);
    expect(a.claimed == a.published + a.aborted + a.torn + a.in_hand, "the ring's ledger");
    // What the dead had in hand, or claimed at last, was published, aborted or is torn.
    expect(a.in_hand == b.in_hand - before_.in_dying_hands,
           text("in hand: %" PRIu64 ", of which the living had %" PRIu64, a.in_hand,
                b.in_hand - before_.in_dying_hands));
  }

  void compare_group(std::uint32_t g) {
    const Picture::Group &b = before_.groups[g], &a = after_.groups[g];
    if (a.state != GroupState::kUnused)
      expect(a.ledger.offered == a.ledger.acknowledged + a.ledger.quarantined + a.ledger.pending +
                                    a.ledger.held + a.ledger.abandoned,
             text("ledger of group %" PRIu64, g));
    if (b.state == GroupState::kActive && a.state == GroupState::kActive) {
      compare_due(g);
    } else if (b.state == GroupState::kActive) {
      expect(limits_.removes_group_0 && g == 0, text("group %" PRIu64 " is gone", g));
      expect(a.ledger.abandoned == b.due.size(), "abandoned events do not agree");
      expect(a.ledger.acknowledged == b.ledger.acknowledged, "acknowledged by a removed group");
    } else if (a.state == GroupState::kActive) {
      expect(limits_.adds_group, text("group %" PRIu64 " from nowhere", g));
      expect(a.due.size() == a.ledger.offered, "a new group does not owe all it was offered");
      expect(a.due.size() == before_.ready, "a new group lacks events of the ring");
    }
  }

  // Every event that was due still is, unless the dead held it and may have finished with it.
  void compare_due(std::uint32_t g) {
    const Picture::Group &b = before_.groups[g], &a = after_.groups[g];
    const std::uint32_t takes = g == 0 ? limits_.takes : 0;
    std::uint64_t finished = 0, taken = 0, back = 0;
    for (const auto& [sequence, was] : b.due) {
      const bool dying = was.state == DueState::kHeld && before_.dying[was.owner];
      const auto is = a.due.find(sequence);
      if (is == a.due.end()) {
        ++finished;
        expect(dying, text("group %" PRIu64 ": event %" PRIu64 " is lost", g, sequence));
        continue;
      }
      const bool same = is->second.state == was.state && is->second.owner == was.owner;
      if (dying) ++back;
      if (is->second.delivery == was.delivery + 1) {
        ++taken;
        expect(was.state == DueState::kPending && is->second.state == DueState::kPending,
               text("group %" PRIu64 ": event %" PRIu64 " was handed out", g, sequence));
      } else {
        expect(is->second.delivery == was.delivery,
               text("group %" PRIu64 ": delivery of event %" PRIu64, g, sequence));
      }
      expect(dying ? is->second.state == DueState::kPending : same,
             text("group %" PRIu64 ": event %" PRIu64 " changed hands", g, sequence));
    }
    for (const auto& [sequence, is] : a.due)
      if (b.due.count(sequence) == 0)
        expect(sequence > before_.ledger.published && sequence <= after_.ledger.published &&
                   is.state == DueState::kPending && is.delivery == 0,
               text("group %" PRIu64 ": event %" PRIu64 " is due again", g, sequence));
    expect(a.due.size() + finished ==
               b.due.size() + after_.ledger.published - before_.ledger.published,
           text("group %" PRIu64 " lacks new events", g));
    const std::uint64_t acknowledged = a.ledger.acknowledged - b.ledger.acknowledged;
    const std::uint64_t quarantined = a.ledger.quarantined - b.ledger.quarantined;
    at_most("acknowledged", b.ledger.acknowledged, a.ledger.acknowledged,
            g == 0 ? limits_.acknowledges : 0);
    at_most("quarantined", b.ledger.quarantined, a.ledger.quarantined,
            g == 0 ? limits_.quarantines : 0);
    expect(finished == acknowledged + quarantined, "finished events are not in the ledger");
    expect(taken <= takes, "events were taken that nobody asked for");
    expect(a.ledger.redelivered - b.ledger.redelivered == taken + back,
           text("redelivered: %" PRIu64 " more, must be %" PRIu64,
                a.ledger.redelivered - b.ledger.redelivered, taken + back));
  }

  // What is due arrives, once and in order; then the ring does its work as on the first day.
  void use_to_the_end() {
    if (stage_.segment->header().readers_ended.load() != 0) return;
    stage_.control.pause(false);
    stage_.control.end_after(0);
    const bool ending = after_.ledger.ending;
    if (!stage_.writer && !ending) stage_.writer = stage_.open_writer();
    if (stage_.writer) stage_.writer->publish();
    drain();
    for (const auto& colleague : stage_.colleagues) colleague->acknowledge();
    expect(stage_.control.ledger().free_slots == kSlots, "slots do not come back");
    for (int round = 0; round < 2 && !ending; ++round) {
      stage_.put(stage_.writer.get(), round == 0 ? kSlots : 2);
      drain();
    }
    expect(stage_.control.ledger().free_slots == kSlots, "slots do not come back later");
    stage_.control.end_writers();
    for (std::uint32_t g = 0; g < kGroups; ++g)
      if (after_.groups[g].state == GroupState::kActive)
        expect(stage_.open_reader(g)->advance().status == kEnded, "the stream does not end");
    add(violations(*stage_.segment));
  }

  void drain() {
    for (std::uint32_t g = 0; g < kGroups; ++g) {
      if (after_.groups[g].state != GroupState::kActive) continue;
      const Picture now = picture(&stage_, 0);
      const auto reader = stage_.open_reader(g);
      for (const auto& [sequence, due] : now.groups[g].due) {
        if (due.state != DueState::kPending) continue;
        const Run run = reader->advance();
        if (run.status != kOk) return expect(false, text("group %" PRIu64 " gets nothing", g));
        std::int64_t id = 0;
        expect(is_whole(*stage_.segment, run.first, &id), "an event is not whole");
        expect(reader->sequence(run.first) == sequence, "out of order");
        expect(reader->delivery(run.first) == due.delivery + 1, "delivery is not counted on");
      }
      const int last = reader->advance().status;
      expect(last == kNotNow || last == kEnded, text("group %" PRIu64 " gets too much", g));
    }
  }

  Stage& stage_;
  const Picture& before_;
  const Limits& limits_;
  Picture after_;
  std::vector<std::string> found_;
};

}  // namespace

Picture picture(Stage* stage, std::int32_t victim) {
  const Segment& ring = *stage->segment;
  Picture seen;
  seen.ledger = stage->control.ledger();
  for (std::uint32_t i = 0; i < kMaxHandles; ++i) {
    const HandleRecord& record = ring.handle(i);
    seen.dying.push_back(record.state.load() != 0 &&
                         (record.pid == victim || !is_alive({record.pid, record.start_time})));
  }
  for (std::uint32_t g = 0; g < kGroups; ++g) {
    Picture::Group group{static_cast<GroupState>(ring.group(g).state.load()), {}, {}};
    for (const GroupLedger& ledger : seen.ledger.groups)
      if (ledger.group == g) group.ledger = ledger;
    for (std::uint32_t s = 0; s < kSlots; ++s) {
      if (SlotWord::decode(ring.slot(s).word.load()).state != SlotState::kReady) continue;
      const GroupWord word = GroupWord::decode(ring.group_word(s, g).load());
      if (group.state == GroupState::kActive &&
          (word.state == DueState::kPending || word.state == DueState::kHeld))
        group.due[ring.slot(s).sequence.load()] = {word.state, word.delivery, word.owner};
    }
    seen.groups.push_back(group);
  }
  for (std::uint32_t s = 0; s < kSlots; ++s) {
    const SlotWord word = SlotWord::decode(ring.slot(s).word.load());
    if (word.state == SlotState::kClaimed && seen.dying[word.owner]) ++seen.in_dying_hands;
    if (word.state == SlotState::kReady) ++seen.ready;
  }
  return seen;
}

std::vector<std::string> aftermath(Stage* stage, const Picture& before, const Limits& limits) {
  return Aftermath(stage, before, limits).run();
}

}  // namespace mimocorb::testing
