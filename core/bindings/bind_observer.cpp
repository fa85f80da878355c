// One observer.
#include "core_bindings.hpp"

namespace mimocorb::bindings {
namespace {

struct Observer {
  std::unique_ptr<ObserverPort> port;

  ObserverPort& use() const {
    if (!port) raise_used_after_close();
    return *port;
  }
};

}  // namespace

void bind_observer(nb::module_& m) {
  using Target = nb::ndarray<std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
  nb::class_<Observer>(m, "Observer")
      .def_static("open",
                  [](const Address& address) {
                    auto observer = std::make_unique<Observer>();
                    observer->port =
                        std::make_unique<ObserverPort>(open_segment(address, Access::kObserver));
                    return observer;
                  },
                  "address"_a)
      .def("snapshot",
           [](const Observer& o, const Target& target) -> nb::object {
             const ObserverPort& port = o.use();
             if (target.size() != port.segment()->header().slot_bytes) raise("wrong-size", 0, target.size());
             Snapshot seen{};
             bool copied = false;
             {
               const MayBlock may_block;  // a large event takes a while to copy
               copied = port.snapshot(target.data(), &seen);
             }
             if (!copied) return nb::none();
             const double age_s = 1e-9 * static_cast<double>(monotonic_ns() - seen.published_ns);
             return nb::make_tuple(seen.sequence, seen.metadata.counter, seen.metadata.timestamp_s,
                                   seen.metadata.deadtime, age_s, seen.metadata.time_ns);
           },
           "target"_a)
      .def("newest", [](const Observer& o) { return o.use().newest(); })
      .def("oldest_unfinished", [](const Observer& o) { return o.use().oldest_unfinished(); })
      .def("wait",
           [](const Observer& o, std::uint64_t newer_than, double timeout_s) {
             ObserverPort& port = o.use();
             return wait_for(timeout_s, [&](std::int64_t left) { return port.wait(newer_than, left); });
           },
           "newer_than"_a, "timeout_s"_a)
      .def("geometry", [](const Observer& o) { return geometry(*o.use().segment()); })
      .def("close", [](Observer& o) { o.port.reset(); });
}

}  // namespace mimocorb::bindings
