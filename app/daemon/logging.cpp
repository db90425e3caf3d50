#include "app/daemon/logging.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <mutex>
#include <spdlog/async.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <thread>
#include <utility>

#include "actors/common/log.hpp"
#include "app/base/signals_blocked.hpp"
#include "app/daemon/log_line.hpp"

namespace ledgerd {

namespace {

constexpr std::size_t lines_waiting_max = 8192;
constexpr auto shutdown_limit = std::chrono::seconds{1};
constexpr auto flush_interval = std::chrono::seconds{1};

std::atomic<std::uint64_t> lines_not_written{0};

// As spdlog's own, which does not look whether a line was taken. Each is written at once.
class stderr_sink : public spdlog::sinks::base_sink<std::mutex> {
protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    if (std::fwrite(line.data(), 1, line.size(), stderr) < line.size())
      ++lines_not_written;
  }
  void flush_() override {}
};

class line_formatter : public spdlog::formatter {
public:
  explicit line_formatter(log_format style, std::string node)
      : style_{style}, node_{std::move(node)} {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& to) override {
    const auto since_epoch = message.time.time_since_epoch();
    const auto microseconds =
        std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count();
    const auto level = spdlog::level::to_string_view(message.level);
    log_line parts{.microseconds_since_epoch = microseconds,
                   .level = {level.data(), level.size()},
                   .node = node_,
                   .event = {},
                   .sentence = {message.payload.data(), message.payload.size()},
                   .fields = {}};
    // As actors/common/log.cpp hands it on; a line of somebody else's has neither.
    if (const auto& from = message.source; from.funcname != nullptr && from.line >= 0) {
      const auto length = std::min(static_cast<std::size_t>(from.line), parts.sentence.size());
      parts.event = from.funcname;
      parts.fields = parts.sentence.substr(length);
      parts.sentence = parts.sentence.substr(0, length);
    }
    const auto line = format_log_line(style_, parts);
    to.append(line.data(), line.data() + line.size());
  }

  std::unique_ptr<formatter> clone() const override {
    return std::make_unique<line_formatter>(style_, node_);
  }

private:
  log_format style_;
  std::string node_;
};

spdlog::level::level_enum level_of(const std::string& name) {
  return spdlog::level::from_str(name == "error" ? "err" : name);
}

} // namespace

std::unique_ptr<spdlog::formatter> make_line_formatter(const log_settings& settings) {
  return std::make_unique<line_formatter>(settings.log_style, settings.node_name);
}

void setup_logging(const log_settings& settings, bool asynchronous) {
  const signals_blocked while_starting_threads;
  auto sink = std::make_shared<stderr_sink>();
  std::shared_ptr<spdlog::logger> logger;
  if (asynchronous) {
    spdlog::init_thread_pool(lines_waiting_max, 1);
    logger =
        std::make_shared<spdlog::async_logger>("ledgerd", std::move(sink), spdlog::thread_pool(),
                                               spdlog::async_overflow_policy::overrun_oldest);
  } else {
    logger = std::make_shared<spdlog::logger>("ledgerd", std::move(sink));
  }
  logger->set_formatter(make_line_formatter(settings));
  logger->set_level(level_of(settings.log_level));
  logger->flush_on(spdlog::level::warn);
  spdlog::set_default_logger(std::move(logger));
  if (asynchronous)
    spdlog::flush_every(flush_interval);
}

void set_log_level(const std::string& level) {
  spdlog::default_logger()->set_level(level_of(level));
}

metrics_snapshot log_numbers() {
  const auto writer = spdlog::thread_pool();
  const auto dropped = writer ? writer->overrun_counter() : 0;
  return {{.name = "ledgerd_log_lines_lost_total",
           .help = "Lines of the log that nobody took: its reader was gone, or slower than they "
                   "came.",
           .kind = metric_kind::counter,
           .labels = {},
           .value = static_cast<std::int64_t>(lines_not_written + dropped)}};
}

void shutdown_logging(int code) {
  tell_left_out(left_out::all);
  const auto written = std::make_shared<std::promise<void>>();
  std::thread{[written] {
    spdlog::shutdown();
    written->set_value();
  }}.detach();
  if (written->get_future().wait_for(shutdown_limit) == std::future_status::timeout)
    std::_Exit(code);
}

} // namespace ledgerd
