// The time account of a process for Python: a page that Python has mapped, and a clock.
#pragma once

#include "core_bindings.hpp"
#include "mimocorb/time_account.hpp"

namespace mimocorb::bindings {

class PythonAccount {
 public:
  explicit PythonAccount(nb::handle page) : page_(page), account(page_.words()) {}

  [[nodiscard]] std::int64_t now_ns() const {
    return clock_.is_none() ? monotonic_ns() : nb::cast<std::int64_t>(clock_());
  }
  void use_clock(nb::object clock) { clock_ = std::move(clock); }

 private:
  class Page {
   public:
    explicit Page(nb::handle page);
    ~Page() { PyBuffer_Release(&view_); }
    Page(const Page&) = delete;
    Page& operator=(const Page&) = delete;
    [[nodiscard]] std::int64_t* words() const { return static_cast<std::int64_t*>(view_.buf); }

   private:
    Py_buffer view_{};
  };

  Page page_;
  nb::object clock_ = nb::none();

 public:
  TimeAccount account;
};

}  // namespace mimocorb::bindings
