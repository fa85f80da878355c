// Stands between a process and the disk (LD_PRELOAD). What reaches the disk is known here, so that a
// power cut can be simulated, and a call that brings a recording there can fail.
//
//   DISK_SHIM_COPIES=DIR   what is on the disk of each segment is in DIR, under its name
//   DISK_SHIM_FAIL=N[+K]   the N-th call for a segment fails with EIO, and K more behind it
//   DISK_SHIM_DROPS=1      and what it should have brought there is gone, as with some file systems
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>

namespace {

std::atomic<long> calls{0};
std::mutex lock;
std::map<std::string, off_t> on_disk;

std::string path_of(int file) {
  char name[64];
  char path[4096];
  std::snprintf(name, sizeof name, "/proc/self/fd/%d", file);
  const ssize_t size = readlink(name, path, sizeof path);
  return size > 0 ? std::string(path, static_cast<std::size_t>(size)) : std::string();
}

bool is_segment(const std::string& path) {
  static const std::string ending = ".arrows";
  return path.size() > ending.size() &&
         path.compare(path.size() - ending.size(), ending.size(), ending) == 0;
}

bool fails() {
  const char* said = std::getenv("DISK_SHIM_FAIL");
  if (said == nullptr) {
    return false;
  }
  const char* more = std::strchr(said, '+');
  const long first = std::atol(said);
  const long last = first + (more != nullptr ? std::atol(more + 1) : 0);
  const long call = ++calls;
  return first <= call && call <= last;
}

// Copy what the file has now; it gets its name when it is on the disk.
void copy(int file, const std::string& target) {
  char block[1 << 16];
  const int copied = open(target.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  const int source = open(("/proc/self/fd/" + std::to_string(file)).c_str(), O_RDONLY);
  ssize_t size = 0;
  while ((size = read(source, block, sizeof block)) > 0) {
    if (write(copied, block, static_cast<std::size_t>(size)) != size) {
      break;
    }
  }
  close(source);
  close(copied);
}

int bring(int file, const char* call) {
  const auto real = reinterpret_cast<int (*)(int)>(dlsym(RTLD_NEXT, call));
  const std::string path = path_of(file);
  if (!is_segment(path)) {
    return real(file);
  }
  const std::lock_guard<std::mutex> guard(lock);
  struct stat about {};
  fstat(file, &about);
  if (fails()) {
    if (std::getenv("DISK_SHIM_DROPS") != nullptr && about.st_size > on_disk[path]) {
      fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, on_disk[path],
                about.st_size - on_disk[path]);
    }
    errno = EIO;
    return -1;
  }
  const char* copies = std::getenv("DISK_SHIM_COPIES");
  const std::string name = copies != nullptr ? copies + path.substr(path.rfind('/')) : "";
  if (copies != nullptr) {
    copy(file, name + ".part");
  }
  const int result = real(file);
  on_disk[path] = about.st_size;
  if (copies != nullptr) {
    std::rename((name + ".part").c_str(), name.c_str());
  }
  return result;
}

}  // namespace

extern "C" int fsync(int file) { return bring(file, "fsync"); }
extern "C" int fdatasync(int file) { return bring(file, "fdatasync"); }
