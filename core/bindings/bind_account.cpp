// The time account of a process.
#include "time_account.hpp"

namespace mimocorb::bindings {

PythonAccount::Page::Page(nb::handle page) {
  if (PyObject_GetBuffer(page.ptr(), &view_, PyBUF_WRITABLE) != 0) throw nb::python_error();
  const bool is_aligned = reinterpret_cast<std::uintptr_t>(view_.buf) % alignof(std::int64_t) == 0;
  if (static_cast<std::uint64_t>(view_.len) == TimeAccount::kPageBytes && is_aligned) return;
  const auto bytes = static_cast<std::uint64_t>(view_.len);
  PyBuffer_Release(&view_);
  raise("wrong-size", 0, bytes);
}

void bind_account(nb::module_& m) {
  using Account = PythonAccount;
  nb::class_<Account>(m, "TimeAccount")
      .def(nb::init<nb::handle>(), "page"_a)
      .def("use_clock", &Account::use_clock, "clock"_a)
      .def("begin", [](Account& a) { a.account.begin(a.now_ns()); })
      .def("switch_to", [](Account& a, std::int64_t activity) { return a.account.switch_to(activity, a.now_ns()); },
           "activity"_a)
      .def("source_begins", [](Account& a) { a.account.source_begins(a.now_ns()); })
      .def("event_is_there", [](Account& a) { a.account.event_is_there(a.now_ns()); })
      .def("deadtime", [](const Account& a) { return a.account.deadtime(); })
      .def("event_is_published",
           [](Account& a, std::int64_t count) { a.account.event_is_published(count, a.now_ns()); }, "count"_a = 1)
      .def("event_is_dropped", [](Account& a) { a.account.event_is_dropped(a.now_ns()); })
      .def("device_was_dead",
           [](Account& a, std::int64_t dead_ns) { a.account.device_was_dead(dead_ns, a.now_ns()); }, "dead_ns"_a)
      .def("event_is_refused", [](Account& a) { a.account.event_is_refused(a.now_ns()); })
      .def_prop_ro("activity", [](const Account& a) { return a.account.activity(); })
      .def_prop_ro("since_ns", [](const Account& a) { return a.account.since_ns(); });
}

}  // namespace mimocorb::bindings
