// check.hpp: the few lines of a test framework that these tests need.
//
//   TEST("a claim names its owner in the slot's word") { CHECK_EQUAL(found, expected); }
//
// A failed check is printed with its place and the test goes on. The main function is in check.cpp;
// an argument chooses the tests whose names contain it.
#pragma once

#include <sstream>
#include <string>

namespace mimocorb::testing {

class Test {
 public:
  Test(const char* name, void (*run)());
};

void report(const char* file, int line, const std::string& what);

template <class Found, class Expected>
void check_equal(const char* file, int line, const char* text, const Found& found,
                 const Expected& expected) {
  if (found == expected) return;
  std::ostringstream message;
  message << text << " is " << +found << ", must be " << +expected;
  report(file, line, message.str());
}

}  // namespace mimocorb::testing

#define MIMOCORB_JOIN_2(a, b) a##b
#define MIMOCORB_JOIN(a, b) MIMOCORB_JOIN_2(a, b)
#define TEST(name)                                                                      \
  static void MIMOCORB_JOIN(test_, __LINE__)();                                         \
  static const ::mimocorb::testing::Test MIMOCORB_JOIN(registered_, __LINE__)(          \
      name, MIMOCORB_JOIN(test_, __LINE__));                                            \
  static void MIMOCORB_JOIN(test_, __LINE__)()

#define CHECK(condition) \
  if (!(condition)) ::mimocorb::testing::report(__FILE__, __LINE__, #condition " does not hold")
#define CHECK_EQUAL(found, expected) \
  ::mimocorb::testing::check_equal(__FILE__, __LINE__, #found, found, expected)
