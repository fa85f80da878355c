// Groups, promises, the end, the ledger, opening and refusing.
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>

#include "bytes.hpp"
#include "check.hpp"
#include "invariants.hpp"
#include "mimocorb/wait.hpp"

using namespace mimocorb;
using namespace mimocorb::testing;

namespace {

std::shared_ptr<Segment> open_again(const Segment& ring, Access access, Fault* fault,
                                    std::uint64_t* detail = nullptr) {
  std::unique_ptr<Segment> opened;
  const Outcome outcome =
      Segment::open(getpid(), ring.descriptor(), ring.header().identity, access, &opened);
  *fault = outcome.fault;
  if (detail != nullptr) *detail = outcome.detail;
  return opened;
}

}  // namespace

TEST("a late group gets what is still in the ring, and the ledger say since when (I6)") {
  Stage stage(1);
  stage.put(stage.writer.get(), 3);
  {
    const auto reader = stage.open_reader(0);
    reader->advance();
    reader->acknowledge();
  }
  const std::uint32_t late = stage.add_group();
  const GroupLedger ledger = stage.control.ledger().groups[late];
  CHECK_EQUAL(ledger.first_sequence, 2U);
  CHECK_EQUAL(ledger.offered, 2U);
  CHECK_EQUAL(ledger.pending, 2U);
  CHECK((queue_of(*stage.segment, late) == std::vector<std::uint32_t>{1, 2}));
  CHECK(violations(*stage.segment).empty());
}

TEST("removing a group frees what waited for it alone") {
  Stage stage(2);
  stage.put(stage.writer.get(), 2);
  const auto reader = stage.open_reader(0);
  reader->advance();
  reader->acknowledge();
  std::uint64_t abandoned = 0;
  CHECK(stage.control.remove_group(1, &abandoned).ok());
  CHECK_EQUAL(abandoned, 2U);
  CHECK(slot_word(*stage.segment, 0).state == SlotState::kFree);
  CHECK(slot_word(*stage.segment, 1).state == SlotState::kReady);
  const GroupLedger ledger = stage.control.ledger().groups[1];
  CHECK_EQUAL(ledger.offered, 2U);
  CHECK_EQUAL(ledger.abandoned, 2U);
  CHECK(stage.control.remove_group(1, &abandoned).fault == Fault::kNoSuchPort);
  CHECK(stage.control.remove_group(99, &abandoned).fault == Fault::kNoSuchPort);
  CHECK(violations(*stage.segment).empty());
}

TEST("removing a group frees no slot that another group has not finished with") {
  Stage stage(2);
  stage.put(stage.writer.get(), 3);
  const auto reader = stage.open_reader(0);
  reader->advance();
  reader->advance();  // the first is done, the second held, the third pending
  std::uint64_t abandoned = 0;
  CHECK(stage.control.remove_group(0, &abandoned).ok());
  CHECK_EQUAL(abandoned, 2U);
  for (const std::uint32_t slot : {0U, 1U, 2U}) {
    CHECK(slot_word(*stage.segment, slot).state == SlotState::kReady);
    CHECK_EQUAL(stage.segment->slot(slot).due, 1U);
  }
  CHECK(violations(*stage.segment).empty());
}

TEST("a ring for which no writer was ever promised has not ended") {
  const auto ring = make_segment();
  ControlPort control(ring);
  set_owner_died(*ring);
  CHECK(!control.ledger().ended);
}

TEST("a writer beyond those promised takes no promise") {
  Stage stage(1);
  std::unique_ptr<WriterPort> another;
  CHECK(WriterPort::open(stage.segment, stage.token, &another).ok());
  CHECK_EQUAL(stage.control.ledger().promised, 0U);
  CHECK_EQUAL(stage.control.ledger().writers, 2U);
}

TEST("groups, tokens and handles are limited, and the limit is in the answer") {
  Stage stage(kGroups);
  std::uint32_t number = 0;
  Outcome outcome = stage.control.add_group(&number);
  CHECK(outcome.fault == Fault::kGroupsFull);
  CHECK_EQUAL(outcome.detail, kGroups);
  do outcome = stage.control.add_token(&number);
  while (outcome.ok());
  CHECK(outcome.fault == Fault::kTokensFull);
  CHECK_EQUAL(number, kMaxTokens - 1);
  std::vector<std::unique_ptr<ReaderPort>> readers;
  do {
    readers.emplace_back();
    outcome = ReaderPort::open(stage.segment, 0, &readers.back());
  } while (outcome.ok());
  CHECK(outcome.fault == Fault::kHandlesFull);
  CHECK_EQUAL(outcome.detail, kMaxHandles);
  CHECK_EQUAL(stage.control.ledger().groups[0].readers, kMaxHandles - 1);
  set_owner_died(*stage.segment);
  CHECK_EQUAL(stage.control.ledger().promised, kMaxTokens - 1);  // recovery knows all of them
  CHECK(violations(*stage.segment).empty());
}

TEST("a port for a group or token that is not there is refused") {
  Stage stage(1);
  std::unique_ptr<ReaderPort> reader;
  std::unique_ptr<WriterPort> writer;
  CHECK(ReaderPort::open(stage.segment, 1, &reader).fault == Fault::kNoSuchPort);
  CHECK(ReaderPort::open(stage.segment, 99, &reader).fault == Fault::kNoSuchPort);
  CHECK(WriterPort::open(stage.segment, 1, &writer).fault == Fault::kNoSuchPort);
  CHECK(WriterPort::open(stage.segment, 9999, &writer).fault == Fault::kNoSuchPort);
  CHECK(stage.control.promise(7, 1).fault == Fault::kNoSuchPort);
  CHECK(stage.control.promise(9999, 1).fault == Fault::kNoSuchPort);
}

TEST("the stream ends with the last promised writer, and a promise opens it again") {
  Stage stage(1);
  stage.control.promise(stage.token, 1);
  stage.writer->close();
  CHECK(!stage.control.ledger().ended);
  stage.control.promise(stage.token, -5);
  CHECK(stage.control.ledger().ended);
  CHECK_EQUAL(stage.control.ledger().promised, 0U);
  stage.control.promise(stage.token, 1);
  CHECK(!stage.control.ledger().ended);
}

TEST("the ring is drained when nothing is in hand and nothing due") {
  Stage stage(1);
  CHECK(stage.control.wait_drained(0));
  stage.claim_and_fill(stage.writer.get(), 1);
  CHECK(!stage.control.wait_drained(1'000'000));
  stage.writer->publish();
  CHECK(!stage.control.wait_drained(1'000'000));
  const auto reader = stage.open_reader(0);
  reader->take(1);
  CHECK(!stage.control.wait_drained(1'000'000));
  reader->acknowledge();
  CHECK(stage.control.wait_drained(0));
}

TEST("a ring of impossible size is refused, and 0 bytes are needed for it") {
  std::unique_ptr<Segment> ring;
  for (const Shape& shape : {Shape{0, 8, 1}, Shape{kMaxSlots + 1, 8, 1}, Shape{4, 0, 1},
                             Shape{4, kMaxSlotBytes + 1, 1}, Shape{4, 8, 0},
                             Shape{4, 8, kGroupLimit + 1}, Shape{4, 8, 1, 0}, Shape{4, 8, 1, 15}}) {
    CHECK(Segment::create(shape, &ring).fault == Fault::kTooLarge);
    CHECK_EQUAL(bytes_needed(shape), 0U);
  }
  CHECK(bytes_needed({4, 8, 1}) > 0);
}

TEST("memory that the system refuses is an error with its number (F18)") {
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{kPage, before.rlim_max};
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  std::unique_ptr<Segment> ring;
  const Outcome outcome = Segment::create({4, 8, 1}, &ring);
  setrlimit(RLIMIT_FSIZE, &before);
  CHECK(outcome.fault == Fault::kSystem);
  CHECK_EQUAL(outcome.error_number, EFBIG);
}

TEST("parts of the memory do not overlap and slots are aligned") {
  const auto ring = make_segment(5, 100);
  const RingHeader& h = ring->header();
  CHECK(h.offset_handles >= sizeof(RingHeader));
  CHECK(h.offset_tokens >= h.offset_handles + kMaxHandles * sizeof(HandleRecord));
  CHECK(h.offset_groups >= h.offset_tokens + kMaxTokens * sizeof(TokenRecord));
  CHECK(h.offset_slots >= h.offset_groups + kGroups * sizeof(GroupRecord));
  CHECK(h.offset_torn_marks >= h.offset_slots + 5 * sizeof(SlotRecord));
  CHECK(h.offset_group_words >= h.offset_torn_marks + 5 * sizeof(Word));
  CHECK(h.offset_queues >= h.offset_group_words + sizeof(Word) * 5 * (kGroups - 1));
  CHECK(h.offset_free_marks >= h.offset_queues + sizeof(std::uint32_t) * 5 * kGroups);
  CHECK(h.offset_times >= h.offset_free_marks + 5);
  CHECK(h.offset_payload >= h.offset_times + 5 * sizeof(std::int64_t));
  CHECK_EQUAL(h.offset_payload % kPage, 0U);
  CHECK_EQUAL(h.slot_stride, 128U);
  CHECK(h.total_bytes >= h.offset_payload + 5 * h.slot_stride);
}

TEST("a ring is opened by identity, version and namespace, or refused (F24)") {
  const auto ring = make_segment();
  RingHeader& header = ring->header();
  Fault fault{};
  std::uint64_t detail = 0;
  CHECK(open_again(*ring, Access::kReader, &fault) != nullptr);
  header.layout_version = 99;
  open_again(*ring, Access::kReader, &fault, &detail);
  CHECK(fault == Fault::kOtherLayout);
  CHECK_EQUAL(detail, 99U);
  header.layout_version = kLayoutVersion;
  header.header_bytes += 8;
  open_again(*ring, Access::kReader, &fault);
  CHECK(fault == Fault::kDamaged);
  header.header_bytes -= 8;
  header.pid_namespace += 1;
  open_again(*ring, Access::kReader, &fault);
  CHECK(fault == Fault::kOtherNamespace);
  header.pid_namespace -= 1;
  header.magic += 1;
  open_again(*ring, Access::kReader, &fault);
  CHECK(fault == Fault::kNotARing);
  header.magic = kMagic;
  std::unique_ptr<Segment> opened;
  const std::uint64_t other[2] = {header.identity[0], header.identity[1] + 1};
  CHECK(Segment::open(getpid(), ring->descriptor(), other, Access::kReader, &opened).fault ==
        Fault::kNotARing);
  const std::uint64_t another[2] = {header.identity[0] + 1, header.identity[1]};
  CHECK(Segment::open(getpid(), ring->descriptor(), another, Access::kReader, &opened).fault ==
        Fault::kNotARing);
  CHECK(Segment::open(getpid(), 9999, header.identity, Access::kReader, &opened).fault ==
        Fault::kSystem);
}

TEST("a header that does not fit together, or not into its memory, is refused") {
  const auto ring = make_segment();
  RingHeader& header = ring->header();
  const auto refused = [&ring](auto& field) {
    const auto right = field;
    bool all = true;
    for (const std::uint64_t wrong : {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{1} << 31U}) {
      using Field = std::remove_reference_t<decltype(field)>;
      field = static_cast<Field>(wrong);
      Fault fault{};
      open_again(*ring, Access::kReader, &fault);
      all = all && (field == right || fault == Fault::kDamaged);
    }
    field = right;
    return all;
  };
  CHECK(refused(header.number_of_slots));
  CHECK(refused(header.max_groups));
  CHECK(refused(header.max_deliveries));
  CHECK(refused(header.slot_bytes));
  CHECK(refused(header.slot_stride));
  CHECK(refused(header.total_bytes));
  CHECK(refused(header.offset_handles));
  CHECK(refused(header.offset_tokens));
  CHECK(refused(header.offset_groups));
  CHECK(refused(header.offset_slots));
  CHECK(refused(header.offset_torn_marks));
  CHECK(refused(header.offset_group_words));
  CHECK(refused(header.offset_queues));
  CHECK(refused(header.offset_free_marks));
  CHECK(refused(header.offset_payload));
  CHECK(refused(header.usual_slots));
  Fault fault{};
  CHECK(open_again(*ring, Access::kReader, &fault) != nullptr);
}

TEST("memory opened twice is the same memory") {
  Stage stage(1);
  stage.put(stage.writer.get(), 1);
  Fault fault{};
  const auto again = open_again(*stage.segment, Access::kObserver, &fault);
  CHECK(again != nullptr);
  std::int64_t id = 0;
  CHECK(is_whole(*again, 0, &id));
  CHECK_EQUAL(id, 1);
}

TEST("what is held names event, holder and delivery") {
  Stage stage(2);
  CHECK(stage.control.held().empty());
  stage.put(stage.writer.get(), 3);
  const auto reader = stage.open_reader(1);
  reader->take(1);
  reader->give_back();
  reader->take(1);
  stage.claim_and_fill(stage.writer.get(), 1);
  const auto held = stage.control.held();
  CHECK_EQUAL(held.size(), 2U);
  CHECK_EQUAL(held[0].group, 1);
  CHECK_EQUAL(held[0].slot, 0U);
  CHECK_EQUAL(held[0].number, 1U);
  CHECK_EQUAL(held[0].delivery, 2U);
  CHECK_EQUAL(held[0].pid, this_process().pid);
  CHECK_EQUAL(held[1].group, Holding::kWriters);
  CHECK_EQUAL(held[1].slot, 3U);
  CHECK_EQUAL(held[1].number, 1U);
  CHECK_EQUAL(held[1].delivery, 0U);
}

TEST("who has left is not among those who have waited") {
  Stage stage(1);
  stage.open_reader(0)->wait_and_take(1, 1000, 0);
  CHECK_EQUAL(stage.control.waited().size(), 1U);  // the writer
}

TEST("how long somebody has waited counts while it waits") {
  Stage stage(1);
  const auto reader = stage.open_reader(0);
  CHECK_EQUAL(stage.control.waited().size(), 2U);
  CHECK_EQUAL(stage.control.waited()[1].waited_ns, 0);
  reader->wait_and_take(1, 2'000'000, 0);
  CHECK(stage.control.waited()[1].waited_ns >= 2'000'000);
  stage.segment->handle(1).waiting_cause = static_cast<std::uint32_t>(WaitCause::kTurn);
  stage.segment->handle(1).waiting_since_ns = monotonic_ns() - 5'000'000;
  CHECK(stage.control.waited()[1].waited_ns >= 7'000'000);
}
