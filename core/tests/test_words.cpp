// The words of layout.hpp: what is packed comes out again, and neighbours do not touch each other.
#include "bytes.hpp"
#include "check.hpp"

using namespace mimocorb;
using namespace mimocorb::testing;

TEST("a slot word keeps its three fields, up to their largest values") {
  for (const SlotState state : {SlotState::kFree, SlotState::kClaimed, SlotState::kReady})
    for (const std::uint32_t owner : {0U, 1U, 511U, kNoHandle})
      for (const std::uint64_t generation : {0ULL, 1ULL, (1ULL << 40) - 1}) {
        const SlotWord back = SlotWord::decode(SlotWord{state, owner, generation}.encode());
        CHECK(back.state == state);
        CHECK_EQUAL(back.owner, owner);
        CHECK_EQUAL(back.generation, generation);
      }
}

TEST("a group word keeps its six fields, up to their largest values") {
  for (const DueState state : {DueState::kNone, DueState::kHeld, DueState::kQuarantined})
    for (const std::uint32_t delivery : {0U, GroupWord::kMaxDelivery})
      for (const std::uint32_t owner : {0U, 511U, kNoHandle})
        for (const std::uint32_t failed : {0U, GroupWord::kMaxDelivery})
         for (const std::uint32_t quarantined : {0U, 0xffffU})
          for (const std::uint32_t redelivered : {0U, GroupWord::kMaxRedelivered}) {
            const GroupWord back = GroupWord::decode(
                GroupWord{state, delivery, owner, failed, quarantined, redelivered}.encode());
            CHECK(back.state == state);
            CHECK_EQUAL(back.delivery, delivery);
            CHECK_EQUAL(back.owner, owner);
            CHECK_EQUAL(back.failed, failed);
            CHECK_EQUAL(back.quarantined, quarantined);
            CHECK_EQUAL(back.redelivered, redelivered);
          }
}

TEST("a torn mark keeps generation and count") {
  const TornMark back = TornMark::decode(TornMark{(1ULL << 40) - 1, 0xffffff}.encode());
  CHECK_EQUAL(back.generation, (1ULL << 40) - 1);
  CHECK_EQUAL(back.count, 0xffffffU);
}

TEST("fresh memory is the empty state of everything") {
  const auto ring = make_segment();
  for (std::uint32_t s = 0; s < kSlots; ++s) CHECK(slot_word(*ring, s).state == SlotState::kFree);
  CHECK(group_word(*ring, 0, 0).state == DueState::kNone);
  CHECK_EQUAL(ring->handle(0).state.load(), 0U);
  CHECK_EQUAL(ring->header().next_sequence.load(), 1U);
  CHECK_EQUAL(ring->header().free_count.load(), kSlots);
}
