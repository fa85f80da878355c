// The ring as the process that made it holds it.
#include "core_bindings.hpp"

namespace mimocorb::bindings {
namespace {

nb::tuple group_tuple(const GroupLedger& g) {
  return nb::make_tuple(g.group, g.offered, g.acknowledged, g.quarantined, g.pending, g.held,
                        g.abandoned, g.redelivered, g.readers, g.waited_ns, g.first_sequence);
}

}  // namespace

void bind_control(nb::module_& m) {
  using Control = Holder<ControlPort>;
  nb::class_<Control>(m, "Ring")
      .def_static("create",
                  [](std::uint32_t number_of_slots, std::uint64_t slot_bytes, std::uint32_t max_groups,
                     std::uint32_t max_deliveries, bool is_sized) {
                    auto ring = std::make_unique<Control>();
                    std::unique_ptr<Segment> segment;
                    check(Segment::create({number_of_slots, slot_bytes, max_groups, max_deliveries, is_sized}, &segment));
                    ring->segment = std::move(segment);
                    ring->port = std::make_unique<ControlPort>(ring->segment);
                    return ring;
                  },
                  "number_of_slots"_a, "slot_bytes"_a, "max_groups"_a, "max_deliveries"_a, "is_sized"_a = false)
      .def("address",
           [](const Control& c) {
             c.use();
             const RingHeader& h = c.segment->header();
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
             ControlPort& port = c.use();
             return wait_for(timeout_s, [&](std::int64_t left) {
                      return port.wait_drained(left) ? kOk : kNotNow;
                    }) == kOk;
           },
           "timeout_s"_a)
      .def("ledger",
           [](const Control& c) {
             const RingLedger b = c.use().ledger();
             nb::list groups;
             for (const GroupLedger& g : b.groups) groups.append(group_tuple(g));
             return nb::make_tuple(b.claimed, b.published, b.aborted, b.torn, b.in_hand, b.free_slots,
                                   b.writers, b.promised, b.paused, b.ending, b.ended, b.full_ns,
                                   b.paused_ns, b.refused_full, b.refused_paused, b.created_ns, nb::tuple(groups));
           })
      .def("held",
           [](const Control& c) {
             nb::list all;
             for (const Holding& h : c.use().held())
               all.append(nb::make_tuple(h.group, h.slot, h.number, h.pid, h.delivery));
             return all;
           })
      .def("waited",
           [](const Control& c) {
             nb::list all;
             for (const Waited& w : c.use().waited()) all.append(nb::make_tuple(w.pid, w.waited_ns));
             return all;
           })
      .def("close", [](Control& c) { c.close(); });
}

}  // namespace mimocorb::bindings
