#include "mimocorb/segment.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <utility>

#include "mimocorb/liveness.hpp"
#include "mimocorb/wait.hpp"

namespace mimocorb {
namespace {

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

Outcome system_fault(int error_number) { return {Fault::kSystem, error_number, 0}; }

// Where each part begins, written into the header once and read from there by everybody.
std::uint64_t lay_out(const Shape& shape, RingHeader* header) {
  const std::uint64_t n = shape.number_of_slots;
  const std::uint64_t groups = shape.max_groups;
  std::uint64_t end = round_up(sizeof(RingHeader), kPage);
  const auto place = [&end](std::uint64_t bytes) {
    const std::uint64_t begin = end;
    end = round_up(end + bytes, kCacheLine);
    return begin;
  };
  header->offset_handles = place(sizeof(HandleRecord) * kMaxHandles);
  header->offset_tokens = place(sizeof(TokenRecord) * kMaxTokens);
  header->offset_groups = place(sizeof(GroupRecord) * groups);
  header->offset_slots = place(sizeof(SlotRecord) * n);
  header->offset_torn_marks = place(sizeof(Word) * n);
  header->offset_group_words = place(sizeof(Word) * n * (groups - 1));
  header->offset_queues = place(sizeof(std::uint32_t) * n * groups);
  header->offset_free_marks = place(n);
  header->offset_times = place(sizeof(std::int64_t) * n);
  header->offset_payload = round_up(end, kPage);
  header->slot_stride = round_up(shape.slot_bytes, kCacheLine);
  header->total_bytes = round_up(header->offset_payload + header->slot_stride * n, kPage);
  return header->total_bytes;
}

// Copied into memory that a processor's caches still hold, a large event takes half the time. But an
// observer has to find the newest event unharmed for a while after it has been read.
std::uint32_t usual_slots(std::uint64_t number_of_slots, std::uint64_t slot_stride) {
  constexpr std::uint64_t kCache_bytes = 2U << 20;
  constexpr std::uint64_t kLeast = 8;
  return static_cast<std::uint32_t>(
      std::min(number_of_slots, std::max(kLeast, kCache_bytes / slot_stride)));
}

bool within_limits(const Shape& shape) {
  return shape.number_of_slots >= 1 && shape.number_of_slots <= kMaxSlots &&
         shape.slot_bytes >= 1 && shape.slot_bytes <= kMaxSlotBytes && shape.max_groups >= 1 &&
         shape.max_groups <= kGroupLimit && shape.max_deliveries >= 1 &&
         shape.max_deliveries < GroupWord::kMaxDelivery &&
         (!shape.is_sized || shape.slot_bytes > kSlotHeadBytes);
}

// Whether a header that has been found in memory could be the work of create(): whoever has written
// into it by mistake must not lead others to places outside of the memory.
bool fits_together(const RingHeader& found, int descriptor) {
  const Shape shape{found.number_of_slots, found.slot_bytes, found.max_groups,
                    found.max_deliveries, found.is_sized != 0};
  if (!within_limits(shape)) return false;
  RingHeader plan{};
  lay_out(shape, &plan);
  struct stat file {};
  return fstat(descriptor, &file) == 0 &&
         static_cast<std::uint64_t>(file.st_size) == plan.total_bytes &&
         found.total_bytes == plan.total_bytes && found.slot_stride == plan.slot_stride &&
         found.offset_handles == plan.offset_handles &&
         found.offset_tokens == plan.offset_tokens && found.offset_groups == plan.offset_groups &&
         found.offset_slots == plan.offset_slots &&
         found.offset_torn_marks == plan.offset_torn_marks &&
         found.offset_group_words == plan.offset_group_words &&
         found.offset_queues == plan.offset_queues &&
         found.offset_free_marks == plan.offset_free_marks &&
         found.offset_payload == plan.offset_payload && found.usual_slots >= 1 &&
         found.usual_slots <= found.number_of_slots;
}

int make_lock(pthread_mutex_t* lock) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  const int error = pthread_mutex_init(lock, &attributes);
  pthread_mutexattr_destroy(&attributes);
  return error;
}

}  // namespace

std::uint64_t bytes_needed(const Shape& shape) {
  if (!within_limits(shape)) return 0;
  RingHeader scratch{};
  return lay_out(shape, &scratch);
}

Outcome Segment::create(const Shape& shape, std::unique_ptr<Segment>* made) {
  if (!within_limits(shape)) return {Fault::kTooLarge, 0, 0};
  std::unique_ptr<Segment> segment(new (std::nothrow) Segment);
  if (segment == nullptr) return system_fault(ENOMEM);
  RingHeader plan{};
  const std::uint64_t total = lay_out(shape, &plan);

  segment->descriptor_ = memfd_create("mimocorb-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (segment->descriptor_ < 0) return system_fault(errno);
  fchmod(segment->descriptor_, S_IRUSR | S_IWUSR);
  // posix_fallocate and not ftruncate: the pages are ours from now on, or this fails here.
  int error = 0;
  do {
    error = posix_fallocate(segment->descriptor_, 0, static_cast<off_t>(total));
  } while (error == EINTR);
  if (error != 0) return system_fault(error);
  if (fcntl(segment->descriptor_, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return system_fault(errno);
  const Outcome mapped = segment->map(Access::kWriter, plan.offset_payload, total);
  if (!mapped.ok()) return mapped;

  // Fresh pages are zero, which is the empty state of every record; only the header needs filling.
  RingHeader& header = segment->header();
  header.layout_version = kLayoutVersion;
  header.header_bytes = sizeof(RingHeader);
  if (getrandom(header.identity, sizeof header.identity, 0) !=
      static_cast<ssize_t>(sizeof header.identity))
    return system_fault(errno);
  header.total_bytes = plan.total_bytes;
  header.number_of_slots = shape.number_of_slots;
  header.max_groups = shape.max_groups;
  header.max_deliveries = shape.max_deliveries;
  header.is_sized = shape.is_sized ? 1 : 0;
  header.slot_bytes = shape.slot_bytes;
  header.slot_stride = plan.slot_stride;
  header.offset_handles = plan.offset_handles;
  header.offset_tokens = plan.offset_tokens;
  header.offset_groups = plan.offset_groups;
  header.offset_slots = plan.offset_slots;
  header.offset_torn_marks = plan.offset_torn_marks;
  header.offset_group_words = plan.offset_group_words;
  header.offset_queues = plan.offset_queues;
  header.offset_free_marks = plan.offset_free_marks;
  header.offset_times = plan.offset_times;
  header.usual_slots = usual_slots(shape.number_of_slots, plan.slot_stride);
  header.offset_payload = plan.offset_payload;
  const ProcessId self = this_process();
  if (self.start_time == 0) return system_fault(errno);
  header.creator_pid = self.pid;
  header.creator_start_time = self.start_time;
  header.pid_namespace = pid_namespace();
  header.created_ns = monotonic_ns();
  header.next_sequence.store(1, std::memory_order_relaxed);
  if ((error = make_lock(&header.lock)) != 0) return system_fault(error);
  segment->find_parts();
  std::memset(segment->free_marks(), 1, shape.number_of_slots);
  header.free_count.store(shape.number_of_slots, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  header.magic = kMagic;
  *made = std::move(segment);
  return {};
}

Outcome Segment::open(std::int32_t creator_pid, int fd, const std::uint64_t identity[2],
                      Access access, std::unique_ptr<Segment>* opened) {
  std::unique_ptr<Segment> segment(new (std::nothrow) Segment);
  if (segment == nullptr) return system_fault(ENOMEM);
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/fd/%d", creator_pid, fd);
  const int descriptor =
      ::open(path, (access == Access::kObserver ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return system_fault(errno);
  // The descriptor may by now name something else, so read the header as plain bytes first.
  alignas(RingHeader) unsigned char bytes[sizeof(RingHeader)];
  const ssize_t got = pread(descriptor, bytes, sizeof bytes, 0);
  const auto* seen = reinterpret_cast<const RingHeader*>(bytes);
  Outcome outcome;
  if (got < 16 || seen->magic != kMagic) {
    outcome = {Fault::kNotARing, 0, 0};
  } else if (seen->layout_version != kLayoutVersion) {
    outcome = {Fault::kOtherLayout, 0, seen->layout_version};
  } else if (got != static_cast<ssize_t>(sizeof bytes) || seen->identity[0] != identity[0] ||
             seen->identity[1] != identity[1]) {
    outcome = {Fault::kNotARing, 0, 0};
  } else if (seen->header_bytes != sizeof(RingHeader) || !fits_together(*seen, descriptor)) {
    outcome = {Fault::kDamaged, 0, 0};
  } else if (seen->pid_namespace != pid_namespace()) {
    outcome = {Fault::kOtherNamespace, 0, 0};
  } else {
    segment->descriptor_ = descriptor;
    outcome = segment->map(access, seen->offset_payload, seen->total_bytes);
    segment->descriptor_ = -1;
  }
  ::close(descriptor);
  if (!outcome.ok()) return outcome;
  segment->find_parts();
  *opened = std::move(segment);
  return {};
}

Outcome Segment::map(Access access, std::uint64_t control_bytes, std::uint64_t total_bytes) {
  const int control_protection =
      access == Access::kObserver ? PROT_READ : PROT_READ | PROT_WRITE;
  const int payload_protection = access == Access::kWriter ? PROT_READ | PROT_WRITE : PROT_READ;
  void* control = mmap(nullptr, control_bytes, control_protection, MAP_SHARED, descriptor_, 0);
  if (control == MAP_FAILED) return system_fault(errno);
  control_ = static_cast<std::uint8_t*>(control);
  control_bytes_ = control_bytes;
  const std::uint64_t payload_bytes = total_bytes - control_bytes;
  void* payload = mmap(nullptr, payload_bytes, payload_protection, MAP_SHARED, descriptor_,
                       static_cast<off_t>(control_bytes));
  if (payload == MAP_FAILED) return system_fault(errno);
  payload_ = static_cast<std::uint8_t*>(payload);
  payload_bytes_ = payload_bytes;
  return {};
}

void Segment::find_parts() {
  const RingHeader& h = header();
  number_of_slots_ = h.number_of_slots;
  max_groups_ = h.max_groups;
  slots_ = at<SlotRecord>(h.offset_slots);
  torn_marks_ = at<Word>(h.offset_torn_marks);
  group_words_ = at<Word>(h.offset_group_words);
  queues_ = at<std::uint32_t>(h.offset_queues);
  free_marks_ = at<std::uint8_t>(h.offset_free_marks);
  times_ = at<std::int64_t>(h.offset_times);
}

Segment::~Segment() {
  if (payload_ != nullptr) munmap(payload_, payload_bytes_);
  if (control_ != nullptr) munmap(control_, control_bytes_);
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace mimocorb
