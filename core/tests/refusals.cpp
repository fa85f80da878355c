#include "refusals.hpp"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace mimocorb::testing {

Refusals& refusals() {
  static Refusals now;
  return now;
}

}  // namespace mimocorb::testing

using mimocorb::testing::refusals;

extern "C" {

int __real_posix_fallocate(int file, off_t begin, off_t length);
int __wrap_posix_fallocate(int file, off_t begin, off_t length) {
  if (refusals().interrupted_allocations > 0) {
    --refusals().interrupted_allocations;
    return EINTR;
  }
  return __real_posix_fallocate(file, begin, length);
}

int __real_fcntl(int file, int command, int argument);
int __wrap_fcntl(int file, int command, int argument) {
  if (!refusals().seals) return __real_fcntl(file, command, argument);
  errno = EPERM;
  return -1;
}

ssize_t __real_getrandom(void* bytes, size_t count, unsigned flags);
ssize_t __wrap_getrandom(void* bytes, size_t count, unsigned flags) {
  if (!refusals().random_bytes) return __real_getrandom(bytes, count, flags);
  errno = ENOSYS;
  return -1;
}

int __real_pthread_mutex_init(pthread_mutex_t* lock, const pthread_mutexattr_t* attributes);
int __wrap_pthread_mutex_init(pthread_mutex_t* lock, const pthread_mutexattr_t* attributes) {
  return refusals().locks ? ENOMEM : __real_pthread_mutex_init(lock, attributes);
}

int __real_stat(const char* path, struct stat* status);
int __wrap_stat(const char* path, struct stat* status) {
  if (!refusals().namespaces) return __real_stat(path, status);
  errno = ENOENT;
  return -1;
}

void* __real_mmap(void* at, size_t bytes, int protection, int flags, int file, off_t begin);
void* __wrap_mmap(void* at, size_t bytes, int protection, int flags, int file, off_t begin) {
  int& left = refusals().mappings_until_refusal;
  if (left < 0 || left-- > 0) return __real_mmap(at, bytes, protection, flags, file, begin);
  errno = ENOMEM;
  return MAP_FAILED;
}

// operator new(std::size_t, const std::nothrow_t&)
void* __real__ZnwmRKSt9nothrow_t(size_t bytes, const std::nothrow_t& tag);
void* __wrap__ZnwmRKSt9nothrow_t(size_t bytes, const std::nothrow_t& tag) {
  return refusals().objects ? nullptr : __real__ZnwmRKSt9nothrow_t(bytes, tag);
}

[[noreturn]] void __real_abort();
[[noreturn]] void __wrap_abort() {
  if (refusals().abort_exits_with != 0) std::exit(refusals().abort_exits_with);
  __real_abort();
}

ssize_t __real_read(int file, void* bytes, size_t count);
ssize_t __wrap_read(int file, void* bytes, size_t count) {
  const auto& now = refusals();
  if (now.read_error != 0) {
    errno = now.read_error;
    return -1;
  }
  if (now.stat_is_empty) return 0;
  if (now.stat_of_process.empty()) return __real_read(file, bytes, count);
  std::memcpy(bytes, now.stat_of_process.data(), now.stat_of_process.size());
  return static_cast<ssize_t>(now.stat_of_process.size());
}

int __real_open(const char* path, int flags, int mode);
int __wrap_open(const char* path, int flags, int mode) {
  if (const auto act = std::exchange(refusals().when_opening, nullptr)) act();
  return __real_open(path, flags, mode);
}

void* __real_memcpy(void* target, const void* source, size_t bytes);
void* __wrap_memcpy(void* target, const void* source, size_t bytes) {
  void* result = __real_memcpy(target, source, bytes);
  if (refusals().when_copying) std::exchange(refusals().when_copying, nullptr)();
  return result;
}
}
