#include "check.hpp"

#include <cstdio>
#include <cstring>
#include <vector>

namespace mimocorb::testing {
namespace {

struct Entry {
  const char* name;
  void (*run)();
};

std::vector<Entry>& all() {
  static std::vector<Entry> entries;
  return entries;
}

int failed_checks = 0;

}  // namespace

Test::Test(const char* name, void (*run)()) { all().push_back({name, run}); }

void report(const char* file, int line, const std::string& what) {
  ++failed_checks;
  std::printf("%s:%d: %s\n", file, line, what.c_str());
}

}  // namespace mimocorb::testing

int main(int argc, char** argv) {
  using namespace mimocorb::testing;
  int run = 0;
  int failed = 0;
  for (const Entry& test : all()) {
    if (argc > 1 && std::strstr(test.name, argv[1]) == nullptr) continue;
    const int before = failed_checks;
    test.run();
    ++run;
    if (failed_checks == before) continue;
    ++failed;
    std::printf("failed: %s\n", test.name);
  }
  std::printf("%d tests, %d failed\n", run, failed);
  return failed == 0 && run > 0 ? 0 : 1;
}
