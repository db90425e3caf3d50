#include "app/verbs/progress.hpp"

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

void progress::finish(std::uint64_t done) {
  if (!terminal_ || !printed_)
    return;
  print(done);
  std::fputc('\n', stderr);
}

void progress::print(std::uint64_t done) {
  printed_ = true;
  const double share =
      total_ == 0 ? 1.0 : static_cast<double>(std::min(done, total_)) / static_cast<double>(total_);
  const double rate = static_cast<double>(done) / std::max(elapsed().count(), 1e-6);
  std::string bar;
  const auto of = total_ == 0 ? "" : " of " + std::to_string(total_);
  if (terminal_ && total_ == 0)
    bar = "\r";
  else if (terminal_) {
    const auto filled = static_cast<std::size_t>(share * static_cast<double>(bar_width));
    bar = "\r[" + std::string(filled, '=') + std::string(bar_width - filled, ' ') + "] ";
  }
  std::fprintf(stderr, "%s%s %llu%s, %.0f/s%s", bar.c_str(), what_.c_str(),
               static_cast<unsigned long long>(done), of.c_str(), rate, terminal_ ? "  " : "\n");
  std::fflush(stderr);
}

} // namespace ledgerd
