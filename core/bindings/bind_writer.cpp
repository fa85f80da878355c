// One open writer.
#include <nanobind/stl/optional.h>

#include <optional>

#include "core_bindings.hpp"
#include "time_account.hpp"

namespace mimocorb::bindings {
namespace {

// The port, for who wants a slot: one that another thread has in hand would be published half-filled.
WriterPort& use(const Holder<WriterPort>& w) {
  WriterPort& port = w.use();
  if (port.in_other_hands()) raise_used_by_two_threads();
  return port;
}

void check_times(const std::optional<Counters>& times_ns, std::uint32_t count) {
  if (times_ns && times_ns->size() != count) raise("wrong-size", 0, times_ns->size());
}

std::int64_t time_at(const std::optional<Counters>& times_ns, std::uint32_t i) {
  return times_ns ? (*times_ns)(i) : kNoTime;
}

// Claimed, filled, dated and published in one call; waits for nothing.
int put(const Holder<WriterPort>& w, nb::handle source, const Metadata& metadata) {
  WriterPort& port = use(w);
  const PlainMemory memory(source, *w.segment);
  const Run run = port.advance();
  if (run.status != kOk) return run.status;
  port.fill(run.first, memory.data());
  port.set_metadata(run.first, metadata);
  port.publish();
  return kOk;
}

}  // namespace

void bind_writer(nb::module_& m) {
  using Writer = Holder<WriterPort>;
  nb::class_<Writer>(m, "Writer")
      .def_static("open",
                  [](const Address& address, std::uint32_t token) {
                    auto writer = std::make_unique<Writer>();
                    writer->segment = open_segment(address, Access::kWriter);
                    check(WriterPort::open(writer->segment, token, &writer->port));
                    return writer;
                  },
                  "address"_a, "token"_a)
      .def("advance", [](const Writer& w) { return slot_or_status(use(w).advance()); })
      .def("advance_batch",
           [](const Writer& w, std::uint32_t count) { return as_tuple(use(w).advance(count)); }, "count"_a)
      .def("claim", [](const Writer& w, std::uint32_t count) { return as_tuple(use(w).claim(count)); }, "count"_a)
      // Anywhere, beside what is in hand; how many, or why there is none.
      .def("claim_anywhere",
           [](const Writer& w, std::uint32_t count) {
             WriterPort& port = use(w);
             std::uint32_t claimed = 0;
             while (claimed < count) {
               const Run run = port.claim(count - claimed);
               if (run.status != kOk) return claimed > 0 ? static_cast<int>(claimed) : run.status;
               claimed += run.count;
             }
             return static_cast<int>(claimed);
           },
           "count"_a)
      .def("publish", [](const Writer& w) { return w.use().publish(); })
      .def("publish_first", [](const Writer& w, std::uint32_t count) { return w.use().publish(count); }, "count"_a)
      .def("abort", [](const Writer& w) { return w.use().abort(); })
      .def("set_metadata",
           [](const Writer& w, std::uint32_t slot, std::int64_t counter, double timestamp_s, double deadtime,
              std::int64_t time_ns) {
             if (!w.use().set_metadata(slot, {counter, timestamp_s, deadtime, time_ns})) raise("not-in-hand", 0, slot);
           },
           "slot"_a, "counter"_a, "timestamp_s"_a, "deadtime"_a, "time_ns"_a = kNoTime)
      .def("mark_repeat",
           [](const Writer& w, std::uint32_t slot) {
             if (!w.use().mark_repeat(slot)) raise("not-in-hand", 0, slot);
           },
           "slot"_a)
      .def("set_metadata_run",
           [](const Writer& w, std::uint32_t first, const Counters& counters, const Floats& timestamps_s,
              const Floats& deadtimes, const std::optional<Counters>& times_ns) {
             WriterPort& port = w.use();
             const std::uint32_t count = same_length(counters, timestamps_s, deadtimes);
             check_times(times_ns, count);
             for (std::uint32_t i = 0; i < count; ++i) {
               const std::uint32_t slot = first + i;
               if (!port.set_metadata(slot, {counters(i), timestamps_s(i), deadtimes(i), time_at(times_ns, i)}))
                 raise("not-in-hand", 0, slot);
             }
           },
           "first"_a, "counters"_a, "timestamps_s"_a, "deadtimes"_a, "times_ns"_a = nb::none())
      .def("fill",
           [](const Writer& w, std::uint32_t slot, nb::handle source) {
             WriterPort& port = w.use();
             const PlainMemory memory(source, *w.segment);
             if (!port.fill(slot, memory.data())) raise("not-in-hand", 0, slot);
           },
           "slot"_a, "source"_a)
      .def("put",
           [](const Writer& w, nb::handle source, std::int64_t counter, double timestamp_s, double deadtime) {
             return put(w, source, {counter, timestamp_s, deadtime});
           },
           "source"_a, "counter"_a, "timestamp_s"_a, "deadtime"_a)
      // The rows `index[first:first + count]` of `rows`, into the slots in hand from the one at `at` on.
      .def("fill_claimed",
           [](const Writer& w, const std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>& where,
              nb::handle rows, const Counters& index, const std::tuple<Counters, Floats, Floats>& metadata,
              const std::tuple<std::optional<Marks>, std::optional<Counters>>& beside) {
             auto [at, first, count] = where;
             const auto& [may_repeat, times_ns] = beside;
             const auto& [counters, timestamps_s, deadtimes] = metadata;
             WriterPort& port = w.use();
             const PlainRows memory(rows, *w.segment);
             const std::uint32_t all = same_length(counters, timestamps_s, deadtimes);
             if (index.size() != all || (may_repeat && may_repeat->size() != all) || first > all || count > all - first)
               raise("wrong-size", 0, index.size());
             check_times(times_ns, all);
             for (std::uint32_t i = first; i < first + count; ++i, ++at) {
               const Metadata of_event{counters(i), timestamps_s(i), deadtimes(i), time_at(times_ns, i)};
               const bool marked = may_repeat && (*may_repeat)(i);
               if (!port.fill_claimed(at, memory.row(index(i)), of_event, marked)) raise("not-in-hand", 0, at);
             }
           },
           "where"_a, "rows"_a, "index"_a, "metadata"_a, "beside"_a)
      .def("put_event",
           [](const Writer& w, nb::handle source, std::int64_t counter, PythonAccount& account) {
             const double arrived_s = 1e-9 * static_cast<double>(utc_ns());
             const int status = put(w, source, {counter, arrived_s, account.account.deadtime()});
             if (status == kOk) account.account.event_is_published(1, account.now_ns());
             return status;
           },
           "source"_a, "counter"_a, "account"_a)
      // As many of the rows as find room: the rows `index[first:]` of `rows`, in runs of neighbours.
      .def("put_many",
           [](const Writer& w, nb::handle rows, const Counters& index,
              const std::tuple<Counters, Floats, Floats>& metadata, std::uint32_t first,
              const std::optional<Counters>& times_ns) {
             const auto& [counters, timestamps_s, deadtimes] = metadata;
             WriterPort& port = use(w);
             const PlainRows memory(rows, *w.segment);
             const std::uint32_t count = same_length(counters, timestamps_s, deadtimes);
             if (index.size() != count) raise("wrong-size", 0, index.size());
             check_times(times_ns, count);
             for (std::uint32_t i = first; i < count; ++i) static_cast<void>(memory.row(index(i)));  // before anything is claimed
             std::uint32_t done = first;
             int status = kOk;
             while (done < count) {
               const Run run = port.claim(count - done);
               status = run.status;
               if (status != kOk) break;
               for (std::uint32_t i = 0; i < run.count; ++i, ++done) {
                 port.fill(run.first + i, memory.row(index(done)));
                 port.set_metadata(run.first + i,
                                   {counters(done), timestamps_s(done), deadtimes(done), time_at(times_ns, done)});
               }
               port.publish();
             }
             return done > first || status == kOk ? static_cast<int>(done - first) : status;
           },
           "rows"_a, "index"_a, "metadata"_a, "first"_a, "times_ns"_a = nb::none())
      .def("slot",
           [](const Writer& w, std::uint32_t i) {
             w.use();
             return view_of_slot<std::uint8_t>(w.segment, i);
           },
           "index"_a)
      .def("slots",
           [](const Writer& w, std::uint32_t first, std::uint32_t count) {
             w.use();
             return view_of_slots<std::uint8_t>(w.segment, first, count);
           },
           "first"_a, "count"_a)
      .def("wait",
           [](const Writer& w, double timeout_s, double spin_s) {
             return wait_for(timeout_s,
                             [&](std::int64_t left) { return w.use().wait(left, to_ns(spin_s)); });
           },
           "timeout_s"_a, "spin_s"_a)
      .def("refuse", [](const Writer& w) { return w.use().refuse(); })
      .def("waited_ns",
           [](const Writer& w) {
             const WriterPort& port = w.use();
             return std::tuple{port.waited_ns(WaitCause::kFull), port.waited_ns(WaitCause::kPaused)};
           })
      .def("geometry", [](const Writer& w) {
             w.use();
             return geometry(*w.segment);
           })
      .def("close", [](Writer& w) { w.close(); });
}

}  // namespace mimocorb::bindings
