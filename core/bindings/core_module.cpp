// The module mimocorb._core: the ports of a ring for Python, and nothing else. Wording, dtypes and
// waiting policy are in Python (mimocorb._buffer.shared_memory).
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/unique_ptr.h>

#include <cmath>
#include <limits>
#include <memory>
#include <tuple>

#include "mimocorb/liveness.hpp"
#include "mimocorb/ring.hpp"
#include "mimocorb/wait.hpp"

namespace nb = nanobind;
namespace mc = mimocorb;
using namespace nb::literals;

namespace {

using Bytes = nb::ndarray<nb::numpy, std::uint8_t>;
using ReadOnlyBytes = nb::ndarray<nb::numpy, const std::uint8_t>;

constexpr const char* kClosed = "used after close(): open a new one from the set-up dictionary";
constexpr const char* kForked =
    "opened before a fork and used in the child: open it in the process that uses it";

using Counters = nb::ndarray<std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Floats = nb::ndarray<double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

nb::object core_fault;  // the Python class mimocorb._core.CoreFault

[[noreturn]] void raise(const char* reason, int error_number = 0, std::uint64_t detail = 0) {
  PyErr_SetObject(core_fault.ptr(), nb::make_tuple(reason, error_number, detail).ptr());
  throw nb::python_error();
}

[[noreturn]] void raise_misuse(const char* message) {
  const nb::object misuse = nb::module_::import_("mimocorb.errors").attr("HandleMisuse");
  PyErr_SetString(misuse.ptr(), message);
  throw nb::python_error();
}

void check(const mc::Outcome& outcome) {
  switch (outcome.fault) {
    case mc::Fault::kNone: return;
    case mc::Fault::kSystem: raise("system", outcome.error_number);
    case mc::Fault::kTooLarge: raise("too-large");
    case mc::Fault::kNotARing: raise("not-this-ring");
    case mc::Fault::kOtherLayout: raise("other-layout", 0, outcome.detail);
    case mc::Fault::kOtherNamespace: raise("other-namespace");
    case mc::Fault::kHandlesFull: raise("handles-full", 0, outcome.detail);
    case mc::Fault::kTokensFull: raise("tokens-full", 0, outcome.detail);
    case mc::Fault::kGroupsFull: raise("groups-full", 0, outcome.detail);
    case mc::Fault::kNoSuchPort: raise("no-such-port", 0, outcome.detail);
  }
}

// Python's lock is let go of around everything that may sleep.
void* release_python() { return PyGILState_Check() != 0 ? PyEval_SaveThread() : nullptr; }
void regain_python(void* state) {
  if (state != nullptr) PyEval_RestoreThread(static_cast<PyThreadState*>(state));
}

// A view keeps the mapping alive, whatever happens to the port.
nb::capsule keep_alive(const std::shared_ptr<mc::Segment>& segment) {
  return nb::capsule(new std::shared_ptr<mc::Segment>(segment),
                     [](void* held) noexcept { delete static_cast<std::shared_ptr<mc::Segment>*>(held); });
}

void check_run(const std::shared_ptr<mc::Segment>& segment, std::uint32_t first, std::uint32_t count) {
  if (first >= segment->number_of_slots() || count > segment->number_of_slots() - first)
    raise("no-such-slot", 0, first);
}

std::size_t same_length(const Counters& counters, const Floats& a, const Floats& b) {
  if (a.size() != counters.size() || b.size() != counters.size()) raise("wrong-size", 0, counters.size());
  return counters.size();
}

template <class Array>
Array view(const std::shared_ptr<mc::Segment>& segment, std::uint32_t first, std::uint32_t count,
           bool flat) {
  const mc::RingHeader& header = segment->header();
  check_run(segment, first, count);
  std::uint8_t* begin = segment->payload() + header.slot_stride * first;
  const nb::capsule owner = keep_alive(segment);
  if (flat) return Array(begin, {header.slot_bytes}, owner);
  return Array(begin, {count, header.slot_bytes}, owner,
               {static_cast<std::int64_t>(header.slot_stride), 1});
}

// Waits in slices that signals can interrupt, until `slice` answers or `timeout_s` (inf: never) is over.
template <class Slice>
int wait_for(double timeout_s, Slice slice) {
  constexpr double kForever_s = 1e9;
  const double bounded_s = std::isnan(timeout_s) ? 0.0 : std::fmin(std::fmax(timeout_s, 0.0), kForever_s);
  const std::int64_t until = mc::monotonic_ns() + static_cast<std::int64_t>(bounded_s * 1e9);
  for (;;) {
    const std::int64_t left = until - mc::monotonic_ns();
    const int status = slice(left > 0 ? left : 0);
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
    if (status != mc::kNotNow) return status;
    if (left <= 0) return mc::kNotNow;
  }
}

std::int64_t to_ns(double seconds) { return static_cast<std::int64_t>(seconds * 1e9); }

// Holds a port until close(); refuses use afterwards and in a forked child.
template <class Port>
struct Holder {
  std::unique_ptr<Port> port;
  std::shared_ptr<mc::Segment> segment;

  Port& use() const {
    if (!port) raise_misuse(kClosed);
    if (port->foreign()) raise_misuse(kForked);
    return *port;
  }
  void close() { port.reset(); }
};
using Writer = Holder<mc::WriterPort>;
using Reader = Holder<mc::ReaderPort>;

struct Observer {
  std::unique_ptr<mc::ObserverPort> port;
  mc::ObserverPort& use() const {
    if (!port) raise_misuse(kClosed);
    return *port;
  }
};

// Process id of the creator, its descriptor, identity of the ring in two halves.
using Address = std::tuple<std::int32_t, int, std::uint64_t, std::uint64_t>;

std::shared_ptr<mc::Segment> open_segment(const Address& address, mc::Access access) {
  const std::uint64_t identity[2] = {std::get<2>(address), std::get<3>(address)};
  std::shared_ptr<mc::Segment> segment;
  check(mc::Segment::open(std::get<0>(address), std::get<1>(address), identity, access, &segment));
  return segment;
}

nb::tuple group_tuple(const mc::GroupBooks& g) {
  return nb::make_tuple(g.group, g.offered, g.acknowledged, g.quarantined, g.pending, g.held,
                        g.abandoned, g.redelivered, g.readers, g.waited_ns, g.first_sequence);
}

void bind_control(nb::module_& m) {
  using Control = Holder<mc::ControlPort>;
  nb::class_<Control>(m, "Ring")
      .def_static("create",
                  [](std::uint32_t number_of_slots, std::uint64_t slot_bytes, std::uint32_t max_groups,
                     std::uint32_t max_deliveries) {
                    auto ring = std::make_unique<Control>();
                    check(mc::Segment::create({number_of_slots, slot_bytes, max_groups, max_deliveries},
                                              &ring->segment));
                    ring->port = std::make_unique<mc::ControlPort>(ring->segment);
                    return ring;
                  },
                  "number_of_slots"_a, "slot_bytes"_a, "max_groups"_a, "max_deliveries"_a)
      .def("address",
           [](const Control& c) {
             c.use();
             const mc::RingHeader& h = c.segment->header();
             return nb::make_tuple(h.creator_pid, c.segment->descriptor(), h.identity[0], h.identity[1]);
           })
      .def("add_writer", [](const Control& c) { std::uint32_t t = 0; check(c.use().add_token(&t)); return t; })
      .def("promise_writer",
           [](const Control& c, std::uint32_t token, std::int32_t count) { check(c.use().promise(token, count)); },
           "token"_a, "count"_a)
      .def("add_group", [](const Control& c) { std::uint32_t g = 0; check(c.use().add_group(&g)); return g; })
      .def("remove_group",
           [](const Control& c, std::uint32_t group) {
             std::uint64_t abandoned = 0;
             check(c.use().remove_group(group, &abandoned));
             return abandoned;
           },
           "group"_a)
      .def("pause", [](const Control& c, bool paused) { c.use().pause(paused); }, "paused"_a)
      .def("end_writers", [](const Control& c) { c.use().end_writers(); })
      .def("end_after", [](const Control& c, std::uint64_t events) { c.use().end_after(events); }, "events"_a)
      .def("end_readers", [](const Control& c) { c.use().end_readers(); })
      .def("reap", [](const Control& c) { return c.use().reap(true); })
      .def("wait_drained",
           [](const Control& c, double timeout_s) {
             mc::ControlPort& port = c.use();
             return wait_for(timeout_s, [&](std::int64_t left) {
                      return port.wait_drained(left) ? mc::kOk : mc::kNotNow;
                    }) == mc::kOk;
           },
           "timeout_s"_a)
      .def("books",
           [](const Control& c) {
             const mc::RingBooks b = c.use().books();
             nb::list groups;
             for (const mc::GroupBooks& g : b.groups) groups.append(group_tuple(g));
             return nb::make_tuple(b.claimed, b.published, b.aborted, b.torn, b.in_hand, b.free_slots,
                                   b.writers, b.promised, b.paused, b.ending, b.ended, b.full_ns,
                                   b.paused_ns, b.refused_full, b.refused_paused, b.created_ns, nb::tuple(groups));
           })
      .def("held",
           [](const Control& c) {
             nb::list all;
             for (const mc::Holding& h : c.use().held())
               all.append(nb::make_tuple(h.group, h.slot, h.number, h.pid, h.delivery));
             return all;
           })
      .def("waited",
           [](const Control& c) {
             nb::list all;
             for (const mc::Waited& w : c.use().waited()) all.append(nb::make_tuple(w.pid, w.waited_ns));
             return all;
           })
      .def("close", [](Control& c) { c.close(); c.segment.reset(); });
}

std::tuple<int, std::uint32_t> as_tuple(const mc::Run& run) {
  return run.status == mc::kOk ? std::tuple{static_cast<int>(run.first), run.count}
                               : std::tuple{run.status, std::uint32_t{0}};
}

int slot_or_status(const mc::Run& run) {
  return run.status == mc::kOk ? static_cast<int>(run.first) : run.status;
}

void bind_writer(nb::module_& m) {
  nb::class_<Writer>(m, "Writer")
      .def_static("open",
                  [](const Address& address, std::uint32_t token) {
                    auto writer = std::make_unique<Writer>();
                    writer->segment = open_segment(address, mc::Access::kWriter);
                    check(mc::WriterPort::open(writer->segment, token, &writer->port));
                    return writer;
                  },
                  "address"_a, "token"_a)
      .def("advance", [](const Writer& w) { return slot_or_status(w.use().advance()); })
      .def("claim", [](const Writer& w, std::uint32_t count) { return as_tuple(w.use().claim(count)); }, "count"_a)
      .def("publish", [](const Writer& w) { return w.use().publish(); })
      .def("abort", [](const Writer& w) { return w.use().abort(); })
      .def("set_metadata",
           [](const Writer& w, std::uint32_t slot, std::int64_t counter, double timestamp_s, double deadtime) {
             if (!w.use().set_metadata(slot, {counter, timestamp_s, deadtime})) raise("not-in-hand", 0, slot);
           },
           "slot"_a, "counter"_a, "timestamp_s"_a, "deadtime"_a)
      .def("set_metadata_run",
           [](const Writer& w, std::uint32_t first, const Counters& counters, const Floats& timestamps_s,
              const Floats& deadtimes) {
             mc::WriterPort& port = w.use();
             const std::size_t count = same_length(counters, timestamps_s, deadtimes);
             for (std::size_t i = 0; i < count; ++i) {
               const auto slot = first + static_cast<std::uint32_t>(i);
               if (!port.set_metadata(slot, {counters(i), timestamps_s(i), deadtimes(i)}))
                 raise("not-in-hand", 0, slot);
             }
           },
           "first"_a, "counters"_a, "timestamps_s"_a, "deadtimes"_a)
      .def("slot", [](const Writer& w, std::uint32_t i) { w.use(); return view<Bytes>(w.segment, i, 1, true); }, "index"_a)
      .def("slots",
           [](const Writer& w, std::uint32_t first, std::uint32_t count) {
             w.use();
             return view<Bytes>(w.segment, first, count, false);
           },
           "first"_a, "count"_a)
      .def("wait",
           [](const Writer& w, double timeout_s, double spin_s) {
             mc::WriterPort& port = w.use();
             return wait_for(timeout_s, [&](std::int64_t left) { return port.wait(left, to_ns(spin_s)); });
           },
           "timeout_s"_a, "spin_s"_a)
      .def("refuse", [](const Writer& w) { return w.use().refuse(); })
      .def("waited_ns",
           [](const Writer& w) {
             const mc::WriterPort& port = w.use();
             return std::tuple{port.waited_ns(mc::WaitCause::kFull), port.waited_ns(mc::WaitCause::kPaused)};
           })
      .def("close", [](Writer& w) { w.close(); w.segment.reset(); });
}

void bind_reader(nb::module_& m) {
  nb::class_<Reader>(m, "Reader")
      .def_static("open",
                  [](const Address& address, std::uint32_t group) {
                    auto reader = std::make_unique<Reader>();
                    reader->segment = open_segment(address, mc::Access::kReader);
                    check(mc::ReaderPort::open(reader->segment, group, &reader->port));
                    return reader;
                  },
                  "address"_a, "group"_a)
      .def("advance", [](const Reader& r) { return slot_or_status(r.use().advance()); })
      .def("take", [](const Reader& r, std::uint32_t count) { return as_tuple(r.use().take(count)); }, "count"_a)
      .def("acknowledge", [](const Reader& r) { return r.use().acknowledge(); })
      .def("acknowledge_first",
           [](const Reader& r, std::uint32_t count) { return r.use().acknowledge_first(count); }, "count"_a)
      .def("poisonous",
           [](const Reader& r) {
             const mc::ReaderPort& port = r.use();
             if (port.in_hand().size() != 1) raise("not-in-hand");
             return port.in_hand().front();
           })
      .def("give_back", [](const Reader& r, bool failed) { return r.use().give_back(failed); }, "failed"_a = true)
      .def("quarantine", [](const Reader& r) { return r.use().quarantine(); })
      .def("metadata",
           [](const Reader& r, std::uint32_t slot) {
             const mc::ReaderPort& port = r.use();
             check_run(r.segment, slot, 1);
             const mc::Metadata m = port.metadata(slot);
             return std::tuple{m.counter, m.timestamp_s, m.deadtime};
           },
           "slot"_a)
      .def("metadata_run",
           [](const Reader& r, std::uint32_t first, const Counters& counters, const Floats& timestamps_s,
              const Floats& deadtimes) {
             const mc::ReaderPort& port = r.use();
             const std::size_t count = same_length(counters, timestamps_s, deadtimes);
             check_run(r.segment, first, static_cast<std::uint32_t>(count));
             for (std::size_t i = 0; i < count; ++i) {
               const mc::Metadata m = port.metadata(first + static_cast<std::uint32_t>(i));
               counters(i) = m.counter;
               timestamps_s(i) = m.timestamp_s;
               deadtimes(i) = m.deadtime;
             }
           },
           "first"_a, "counters"_a, "timestamps_s"_a, "deadtimes"_a)
      .def("sequence",
           [](const Reader& r, std::uint32_t slot) {
             const mc::ReaderPort& port = r.use();
             check_run(r.segment, slot, 1);
             return port.sequence(slot);
           },
           "slot"_a)
      .def("delivery",
           [](const Reader& r, std::uint32_t slot) {
             const mc::ReaderPort& port = r.use();
             check_run(r.segment, slot, 1);
             return port.delivery(slot);
           },
           "slot"_a)
      .def("slot", [](const Reader& r, std::uint32_t i) { r.use(); return view<ReadOnlyBytes>(r.segment, i, 1, true); }, "index"_a)
      .def("slots",
           [](const Reader& r, std::uint32_t first, std::uint32_t count) {
             r.use();
             return view<ReadOnlyBytes>(r.segment, first, count, false);
           },
           "first"_a, "count"_a)
      .def("wait",
           [](const Reader& r, double timeout_s, double spin_s) {
             mc::ReaderPort& port = r.use();
             return wait_for(timeout_s, [&](std::int64_t left) { return port.wait(left, to_ns(spin_s)); });
           },
           "timeout_s"_a, "spin_s"_a)
      .def("wait_turn",
           [](const Reader& r, std::uint32_t slot, double timeout_s, double spin_s) {
             mc::ReaderPort& port = r.use();
             check_run(r.segment, slot, 1);
             return wait_for(timeout_s, [&](std::int64_t left) {
               return port.wait_turn(slot, left, to_ns(spin_s));
             });
           },
           "slot"_a, "timeout_s"_a, "spin_s"_a)
      .def("waited_ns", [](const Reader& r) { return r.use().waited_ns(); })
      .def("close", [](Reader& r) { r.close(); r.segment.reset(); });
}

void bind_observer(nb::module_& m) {
  using Target = nb::ndarray<std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
  nb::class_<Observer>(m, "Observer")
      .def_static("open",
                  [](const Address& address) {
                    auto observer = std::make_unique<Observer>();
                    observer->port =
                        std::make_unique<mc::ObserverPort>(open_segment(address, mc::Access::kObserver));
                    return observer;
                  },
                  "address"_a)
      .def("snapshot",
           [](const Observer& o, const Target& target) -> nb::object {
             const mc::ObserverPort& port = o.use();
             if (target.size() != port.segment()->header().slot_bytes) raise("wrong-size", 0, target.size());
             mc::Snapshot seen{};
             bool copied = false;
             {
               const mc::MayBlock may_block;  // a large event takes a while to copy
               copied = port.snapshot(target.data(), &seen);
             }
             if (!copied) return nb::none();
             const double age_s = 1e-9 * static_cast<double>(mc::monotonic_ns() - seen.published_ns);
             return nb::make_tuple(seen.sequence, seen.metadata.counter, seen.metadata.timestamp_s,
                                   seen.metadata.deadtime, age_s);
           },
           "target"_a)
      .def("newest", [](const Observer& o) { return o.use().newest(); })
      .def("wait",
           [](const Observer& o, std::uint64_t newer_than, double timeout_s) {
             mc::ObserverPort& port = o.use();
             return wait_for(timeout_s, [&](std::int64_t left) { return port.wait(newer_than, left); });
           },
           "newer_than"_a, "timeout_s"_a)
      .def("close", [](Observer& o) { o.port.reset(); });
}

}  // namespace

NB_MODULE(_core, m) {
  mc::set_blocking_hooks({release_python, regain_python});
  core_fault = nb::steal(PyErr_NewException("mimocorb._core.CoreFault", PyExc_Exception, nullptr));
  m.attr("CoreFault") = core_fault;
  m.attr("LAYOUT_VERSION") = mc::kLayoutVersion;
  m.attr("MAX_SLOTS") = mc::kMaxSlots;
  m.attr("MAX_SLOT_BYTES") = mc::kMaxSlotBytes;
  m.attr("MAX_HANDLES") = mc::kMaxHandles;
  m.attr("GROUP_LIMIT") = mc::kGroupLimit;
  m.attr("DELIVERY_LIMIT") = mc::GroupWord::kMaxDelivery - 1;
  m.def("bytes_needed",
        [](std::uint32_t number_of_slots, std::uint64_t slot_bytes, std::uint32_t max_groups) {
          return mc::bytes_needed({number_of_slots, slot_bytes, max_groups});
        },
        "number_of_slots"_a, "slot_bytes"_a, "max_groups"_a);
  bind_control(m);
  bind_writer(m);
  bind_reader(m);
  bind_observer(m);
}
