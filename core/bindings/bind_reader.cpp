// One open reader of a group.
#include <algorithm>

#include "core_bindings.hpp"

namespace mimocorb::bindings {
namespace {

MetadataRow row_of(const ReaderPort& port, std::uint32_t slot) { return {port.metadata(slot), port.may_repeat(slot)}; }

}  // namespace

void bind_reader(nb::module_& m) {
  using Reader = Holder<ReaderPort>;
  nb::class_<Reader>(m, "Reader")
      .def_static("open",
                  [](const Address& address, std::uint32_t group) {
                    auto reader = std::make_unique<Reader>();
                    reader->segment = open_segment(address, Access::kReader);
                    check(ReaderPort::open(reader->segment, group, &reader->port));
                    return reader;
                  },
                  "address"_a, "group"_a)
      .def("advance", [](const Reader& r) { return slot_or_status(r.use().advance()); })
      .def("advance_batch",
           [](const Reader& r, std::uint32_t count) { return as_tuple(r.use().advance(count)); }, "count"_a)
      .def("take", [](const Reader& r, std::uint32_t count) { return as_tuple(r.use().take(count)); }, "count"_a)
      .def("scatter", [](const Reader& r, bool scattered) { r.use().scatter(scattered); }, "scattered"_a)
      .def("are_neighbours",
           [](const Reader& r) {
             const auto& in_hand = r.use().in_hand();
             return std::ranges::adjacent_find(in_hand, [](auto one, auto next) { return next != one + 1; }) ==
                    in_hand.end();
           })
      .def("held_by_others", [](const Reader& r) { return r.use().held_by_others(); })
      .def("slots_in_hand",
           [](const Reader& r, nb::handle array) {
             const auto& in_hand = r.use().in_hand();
             const PlainArray<std::int64_t> slots(array);
             if (slots.size() != in_hand.size()) raise("wrong-size", 0, slots.size());
             for (std::size_t i = 0; i < in_hand.size(); ++i) slots[i] = in_hand[i];
           },
           "slots"_a)
      .def("acknowledge", [](const Reader& r) { return r.use().acknowledge(); })
      .def("acknowledge_first",
           [](const Reader& r, std::uint32_t count) { return r.use().acknowledge_first(count); }, "count"_a)
      .def("poisonous",
           [](const Reader& r) {
             const ReaderPort& port = r.use();
             if (port.in_hand().empty()) raise("not-in-hand");
             return port.in_hand().back();
           })
      .def("give_back",
           [](const Reader& r, bool failed, std::uint32_t count) { return r.use().give_back(failed, count); },
           "failed"_a = true, "count"_a = ReaderPort::kAll)
      .def("quarantine", [](const Reader& r, std::uint32_t count) { return r.use().quarantine(count); },
           "count"_a = ReaderPort::kAll)
      .def("absolve", [](const Reader& r) { r.use().absolve(); })
      .def("metadata",
           [](const Reader& r, std::uint32_t slot) {
             const ReaderPort& port = r.use();
             check_run(*r.segment, slot, 1);
             const Metadata m = port.metadata(slot);
             return std::tuple{m.counter, m.timestamp_s, m.deadtime, m.time_ns};
           },
           "slot"_a)
      .def("metadata_in_hand",
           [](const Reader& r, nb::handle metadata) {
             const ReaderPort& port = r.use();
             const auto& in_hand = port.in_hand();
             const PlainArray<MetadataRow> rows(metadata);
             if (rows.size() != in_hand.size()) raise("wrong-size", 0, rows.size());
             for (std::size_t i = 0; i < in_hand.size(); ++i) rows[i] = row_of(port, in_hand[i]);
           },
           "metadata"_a)
      .def("metadata_at",
           [](const Reader& r, nb::handle places, nb::handle metadata) {
             const ReaderPort& port = r.use();
             const auto& in_hand = port.in_hand();
             const Places chosen(places);
             const PlainArray<MetadataRow> rows(metadata);
             if (rows.size() != chosen.size()) raise("wrong-size", 0, rows.size());
             for (std::size_t i = 0; i < chosen.size(); ++i) {
               const auto place = static_cast<std::uint64_t>(chosen[i]);
               if (place >= in_hand.size()) raise("no-such-row", 0, place);
               rows[i] = row_of(port, in_hand[place]);
             }
           },
           "places"_a, "metadata"_a)
      .def("sequence",
           [](const Reader& r, std::uint32_t slot) {
             const ReaderPort& port = r.use();
             check_run(*r.segment, slot, 1);
             return port.sequence(slot);
           },
           "slot"_a)
      .def("delivery",
           [](const Reader& r, std::uint32_t slot) {
             const ReaderPort& port = r.use();
             check_run(*r.segment, slot, 1);
             return port.delivery(slot);
           },
           "slot"_a)
      .def("may_repeat",
           [](const Reader& r) {
             const ReaderPort& port = r.use();
             return std::ranges::any_of(port.in_hand(), [&](std::uint32_t slot) { return port.may_repeat(slot); });
           })
      .def("copy",
           [](const Reader& r, std::uint32_t slot, nb::handle target) {
             const ReaderPort& port = r.use();
             check_run(*r.segment, slot, 1);
             port.copy(slot, PlainMemory(target, *r.segment, PyBUF_WRITABLE).data());
           },
           "slot"_a, "target"_a)
      .def("copy_all",
           [](const Reader& r, nb::handle rows) {
             const ReaderPort& port = r.use();
             const PlainRows memory(rows, *r.segment, PyBUF_STRIDES | PyBUF_WRITABLE);
             for (std::size_t i = 0; i < port.in_hand().size(); ++i)
               port.copy(port.in_hand()[i], memory.row(static_cast<std::int64_t>(i)));
           },
           "rows"_a)
      .def("slot",
           [](const Reader& r, std::uint32_t i) {
             r.use();
             return view_of_slot<const std::uint8_t>(r.segment, i);
           },
           "index"_a)
      .def("slots",
           [](const Reader& r, std::uint32_t first, std::uint32_t count) {
             r.use();
             return view_of_slots<const std::uint8_t>(r.segment, first, count);
           },
           "first"_a, "count"_a)
      .def("wait_and_take",
           [](const Reader& r, std::uint32_t count, double timeout_s, double spin_s) {
             Run run{};
             wait_for(timeout_s, [&](std::int64_t left) {
               run = r.use().wait_and_take(std::max(count, 1U), left, to_ns(spin_s));
               return run.status;
             });
             r.use();  // a signal's handler that closes gives back what was taken
             return as_tuple(run);
           },
           "count"_a, "timeout_s"_a, "spin_s"_a)
      .def("wait_turn",
           [](const Reader& r, std::uint32_t slot, double timeout_s, double spin_s) {
             r.use();
             check_run(*r.segment, slot, 1);
             return wait_for(timeout_s, [&](std::int64_t left) {
               return r.use().wait_turn(slot, left, to_ns(spin_s));
             });
           },
           "slot"_a, "timeout_s"_a, "spin_s"_a)
      .def("waited_ns", [](const Reader& r) { return r.use().waited_ns(); })
      .def("geometry", [](const Reader& r) {
             r.use();
             return geometry(*r.segment);
           })
      .def("close", [](Reader& r) { r.close(); });
}

}  // namespace mimocorb::bindings
