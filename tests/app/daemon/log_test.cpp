// From a call of `log` to the line that comes out.

#include "actors/common/log.hpp"

#include <csignal>
#include <fcntl.h>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <unistd.h>
#include <vector>

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include "app/daemon/log_line.hpp"
#include "app/daemon/logging.hpp"

#define CAF_SUITE log
#include "caf/test/unit_test.hpp"

using namespace ledgerd;
using nlohmann::json;

namespace {

class keeping_sink : public spdlog::sinks::base_sink<std::mutex> {
public:
  std::vector<std::string> lines;

protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    lines.emplace_back(line.data(), line.size());
  }
  void flush_() override {}
};

// The log of the process, kept instead of written, in one format.
struct kept_log {
  explicit kept_log(log_format style) {
    log_settings settings;
    settings.log_style = style;
    settings.node_name = "n1";
    sink->set_formatter(make_line_formatter(settings));
    auto logger = std::make_shared<spdlog::logger>("kept", sink);
    logger->set_level(spdlog::level::info);
    spdlog::set_default_logger(std::move(logger));
  }
  ~kept_log() {
    on_change({});
    spdlog::set_default_logger(before);
  }

  std::shared_ptr<spdlog::logger> before = spdlog::default_logger();
  std::shared_ptr<keeping_sink> sink = std::make_shared<keeping_sink>();
};

// What stderr of this process leads to.
struct piped_stderr {
  piped_stderr() {
    CAF_REQUIRE(pipe2(ends, O_NONBLOCK) == 0);
    dup2(ends[1], STDERR_FILENO);
  }
  ~piped_stderr() {
    dup2(usual, STDERR_FILENO);
    close(usual);
    close(ends[1]);
    if (!hung_up)
      close(ends[0]);
  }

  // Nobody reads any more.
  void hang_up() { hung_up = close(ends[0]) == 0; }

  // Whether there was room for one more byte.
  bool fill() const { return write(ends[1], " ", 1) == 1; }

  int ends[2]{};
  const int usual = dup(STDERR_FILENO);
  bool hung_up = false;
};

} // namespace

CAF_TEST(a line has its event and its fields and no sentence forges either) {
  kept_log kept{log_format::json};
  const std::string hostile{"a\0tevent\0start_refused\0\n\"}", 26};
  log(log_event::account_back,
      {{"gate", 3}, {"userId", hostile}, {"up", true}, {"seq", std::uint64_t{1} << 40}},
      "gate {}: {}", 3, hostile);
  CAF_REQUIRE_EQUAL(kept.sink->lines.size(), 1u);
  const auto line = json::parse(kept.sink->lines[0]);
  CAF_CHECK_EQUAL(line.at("event"), "account_back");
  CAF_CHECK_EQUAL(line.at("level"), "info");
  CAF_CHECK_EQUAL(line.at("node"), "n1");
  CAF_CHECK_EQUAL(line.at("gate"), 3);
  CAF_CHECK_EQUAL(line.at("up"), true);
  CAF_CHECK_EQUAL(line.at("seq"), std::int64_t{1} << 40);
  CAF_CHECK(line.at("userId").get<std::string>().starts_with("a tevent start_refused"));
  CAF_CHECK_EQUAL(line.size(), 9u);
}

CAF_TEST(the text format ends with the event) {
  kept_log kept{log_format::text};
  log(log_event::broker_lost, {{"detail", "eof"}}, "broker: connection lost: {}", "eof");
  CAF_REQUIRE_EQUAL(kept.sink->lines.size(), 1u);
  CAF_CHECK(kept.sink->lines[0].ends_with("Z warn  broker: connection lost: eof [broker_lost]\n"));
}

CAF_TEST(repeats are left out and counted but not of what must all be said) {
  kept_log kept{log_format::text};
  for (int i = 0; i < 50; ++i)
    log(log_event::frame_dropped, "dropped {}", i);
  CAF_CHECK(kept.sink->lines.size() >= 10 && kept.sink->lines.size() <= 20);
  kept.sink->lines.clear();
  for (int i = 0; i < 50; ++i)
    log(log_event::actor_dump, "dump {}", i);
  CAF_CHECK_EQUAL(kept.sink->lines.size(), 50u);
  kept.sink->lines.clear();
  tell_left_out(); // the second of the flood is not over
  CAF_CHECK(kept.sink->lines.empty());
  tell_left_out(left_out::all);
  CAF_REQUIRE_EQUAL(kept.sink->lines.size(), 1u);
  CAF_CHECK(kept.sink->lines[0].ends_with(
      " more lines of frame_dropped were left out [lines_left_out]\n"));
  tell_left_out(left_out::all);
  CAF_CHECK_EQUAL(kept.sink->lines.size(), 1u);
}

CAF_TEST(of errors left out the number and the last are said at every level) {
  kept_log kept{log_format::json};
  spdlog::default_logger()->set_level(spdlog::level::err);
  for (int i = 0; i < 1000; ++i)
    log(log_event::verdict_contrary, "contrary {}", i);
  tell_left_out(left_out::all);
  std::int64_t told = 0;
  json last;
  for (const auto& line : kept.sink->lines) {
    last = json::parse(line);
    if (last.at("event") == "errors_left_out")
      told += last.at("count").get<std::int64_t>();
    else
      ++told;
  }
  CAF_CHECK_EQUAL(told, 1000);
  CAF_CHECK_EQUAL(last.value("of", ""), "verdict_contrary");
  CAF_CHECK_EQUAL(last.value("last", ""), "contrary 999");
}

CAF_TEST(a level that is not wanted is not written and its changes are heard) {
  kept_log kept{log_format::text};
  spdlog::default_logger()->set_level(spdlog::level::err);
  std::vector<std::string> heard;
  on_change([&](const log_change& change) {
    CAF_CHECK(change.at_us > 0);
    heard.push_back(std::string{row_of(change.event).code} + ": " + change.sentence);
  });
  log(log_event::node_joined, {{"peer", "b"}}, "node {} is serving", "b");
  log(log_event::message_parked, "parked");
  CAF_CHECK(kept.sink->lines.empty());
  CAF_CHECK(heard == std::vector<std::string>{"node_joined: node b is serving"});
}

CAF_TEST(a line of somebody else has no event) {
  kept_log kept{log_format::json};
  spdlog::default_logger()->warn("from a library");
  const auto line = json::parse(kept.sink->lines.at(0));
  CAF_CHECK(!line.contains("event"));
  CAF_CHECK_EQUAL(line.at("message"), "from a library");
}

CAF_TEST(lines that nobody takes are counted) {
  const auto usual = spdlog::default_logger();
  std::signal(SIGPIPE, SIG_IGN);
  std::vector<std::int64_t> lost; // before, and after each line
  const auto count = [&] { lost.push_back(log_numbers().at(0).value); };
  count();
  { // nothing is checked in here: it would be said there
    piped_stderr to;
    setup_logging({}, false);
    log(log_event::node_running, "somebody reads");
    count();
    while (to.fill()) {
    }
    log(log_event::node_running, "nobody is quick enough");
    count();
    to.hang_up();
    log(log_event::node_running, "nobody is there");
    count();
    spdlog::set_default_logger(usual);
  }
  CAF_CHECK(lost == (std::vector<std::int64_t>{0, 0, 1, 2}));
  const auto numbers = log_numbers();
  CAF_CHECK_EQUAL(numbers.at(0).name, "ledgerd_log_lines_lost_total");
}
