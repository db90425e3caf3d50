#include "actors/common/fail_stop.hpp"

#include <chrono>
#include <cstdlib>
#include <spdlog/async.h>
#include <spdlog/spdlog.h>
#include <thread>

#include "actors/common/log.hpp"
#include "domain/exit_code.hpp"

namespace ledgerd {

namespace {

constexpr auto log_limit = std::chrono::milliseconds{1000};
constexpr auto log_look = std::chrono::milliseconds{5};
constexpr auto log_write = std::chrono::milliseconds{20}; // for the line that has left the queue

// Whoever reads the log may have stopped reading.
void wait_for_log() {
  const auto until = std::chrono::steady_clock::now() + log_limit;
  if (const auto pool = spdlog::thread_pool()) {
    while (pool->queue_size() > 0 && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(log_look);
    std::this_thread::sleep_for(log_write);
  } else {
    spdlog::default_logger()->flush();
  }
}

} // namespace

void end_process(const std::string& why) {
  tell_left_out(left_out::all);
  log(log_event::process_ends, "{}", why);
  wait_for_log();
  std::_Exit(exit_code::bug);
}

std::string text_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "an exception of an unknown type";
  }
}

void stop_process_on_exception(caf::scheduled_actor* self, const char* name) {
  self->set_exception_handler([name](std::exception_ptr& thrown) -> caf::error {
    end_process(std::string{"bug: "} + name + " failed: " + text_of(thrown)
                + "; the process ends, its work goes to another node");
  });
}

} // namespace ledgerd
