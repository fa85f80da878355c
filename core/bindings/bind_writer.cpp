// One open writer.
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
           [](const Writer& w, std::uint32_t first, nb::handle metadata) {
             WriterPort& port = w.use();
             const MetadataRows rows(metadata);
             for (std::uint32_t i = 0; i < rows.size(); ++i)
               if (!port.set_metadata(first + i, rows[i].metadata)) raise("not-in-hand", 0, first + i);
           },
           "first"_a, "metadata"_a)
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
      // The rows at `index` with the metadata at `places`, into the slots in hand from the one at `at` on.
      .def("fill_claimed",
           [](const Writer& w, std::uint32_t at, nb::handle rows, nb::handle index, nb::handle metadata,
              nb::handle places) {
             WriterPort& port = w.use();
             const PlainRows memory(rows, *w.segment);
             const MetadataRows known(metadata);
             const Places of_row(index), of_metadata(places);
             if (of_row.size() != of_metadata.size()) raise("wrong-size", 0, of_row.size());
             for (std::size_t i = 0; i < of_row.size(); ++i)
               if (!port.fill_claimed(at + i, memory.row(of_row[i]), known.at(of_metadata[i])))
                 raise("not-in-hand", 0, at + i);
           },
           "at"_a, "rows"_a, "index"_a, "metadata"_a, "places"_a)
      .def("put_event",
           [](const Writer& w, nb::handle source, std::int64_t counter, PythonAccount& account) {
             const double arrived_s = 1e-9 * static_cast<double>(utc_ns());
             const int status = put(w, source, {counter, arrived_s, account.account.deadtime()});
             if (status == kOk) account.account.event_is_published(1, account.now_ns());
             return status;
           },
           "source"_a, "counter"_a, "account"_a)
      // As many of the rows from `first` on as find room, in runs of neighbours.
      .def("put_many",
           [](const Writer& w, nb::handle rows, nb::handle metadata, std::uint32_t first) {
             WriterPort& port = use(w);
             const PlainRows memory(rows, *w.segment);
             const MetadataRows known(metadata);
             const auto count = static_cast<std::uint32_t>(known.size());
             if (memory.size() != count) raise("wrong-size", 0, memory.size());
             std::uint32_t done = first;
             int status = kOk;
             while (done < count) {
               const Run run = port.claim(count - done);
               status = run.status;
               if (status != kOk) break;
               for (std::uint32_t i = 0; i < run.count; ++i, ++done)
                 port.fill_claimed(i, memory.row(done), known[done]);
               port.publish();
             }
             return done > first || status == kOk ? static_cast<int>(done - first) : status;
           },
           "rows"_a, "metadata"_a, "first"_a)
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
