#include "app/progress.hpp"

#include <algorithm>
#include <cstdio>
#include <unistd.h>

namespace ledgerd {

namespace {

constexpr auto bar_interval = std::chrono::milliseconds{100};
constexpr auto line_interval = std::chrono::seconds{2};
constexpr std::size_t bar_width = 30;

} // namespace

progress::progress(std::string what, std::uint64_t total)
    : what_{std::move(what)}, total_{total}, terminal_{isatty(STDERR_FILENO) == 1} {}

void progress::update(std::uint64_t done) {
  const auto now = std::chrono::steady_clock::now();
  if (now - last_ < (terminal_ ? std::chrono::steady_clock::duration{bar_interval} : line_interval))
    return;
  last_ = now;
  print(done);
}

void progress::finish() {
  if (!terminal_ || !printed_)
    return;
  print(total_);
  std::fputc('\n', stderr);
}

void progress::print(std::uint64_t done) {
  printed_ = true;
  const double share =
      total_ == 0 ? 1.0 : static_cast<double>(std::min(done, total_)) / static_cast<double>(total_);
  const double rate = static_cast<double>(done) / std::max(elapsed().count(), 1e-6);
  std::string bar;
  if (terminal_) {
    const auto filled = static_cast<std::size_t>(share * static_cast<double>(bar_width));
    bar = "\r[" + std::string(filled, '=') + std::string(bar_width - filled, ' ') + "] ";
  }
  std::fprintf(stderr, "%s%s %llu of %llu, %.0f/s%s", bar.c_str(), what_.c_str(),
               static_cast<unsigned long long>(done), static_cast<unsigned long long>(total_), rate,
               terminal_ ? "  " : "\n");
  std::fflush(stderr);
}

} // namespace ledgerd
