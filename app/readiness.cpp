#include "app/readiness.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include "messaging/names.hpp"

namespace ledgerd {

namespace {

constexpr auto look_pause = std::chrono::milliseconds{500};
constexpr int looks_between_streams = 10;

readiness_check look_at_database(ledger_reader& database) {
  try {
    const auto writable = database.writable();
    return {"database", writable, writable ? "" : "not writable"};
  } catch (const std::exception& e) {
    return {"database", false, e.what()};
  }
}

} // namespace

readiness::readiness(const config& settings, broker& nats)
    : database_url_(settings.database_url), nats_(nats), thread_([this] { watch(); }) {}

readiness::~readiness() {
  stop_ = true;
  thread_.join();
}

std::vector<readiness_check> readiness::latest() const {
  const std::lock_guard lock{mutex_};
  auto result = latest_;
  if (draining_)
    result.push_back({"draining", false, "shutting down"});
  return result;
}

readiness_check readiness::look_at_streams() {
  try {
    for (const auto stream :
         {names::request_stream, names::result_stream, names::dead_letter_stream})
      if (!nats_.stream(stream).exists)
        return {"streams", false, "stream " + std::string{stream} + " is missing"};
    const auto present = nats_.consumer_names(names::request_stream);
    for (const auto durable : {names::deposit_consumer, names::withdrawal_consumer})
      if (std::find(present.begin(), present.end(), durable) == present.end())
        return {"streams", false, "consumer " + std::string{durable} + " is missing"};
    return {"streams", true, ""};
  } catch (const std::exception& e) {
    return {"streams", false, e.what()};
  }
}

void readiness::watch() {
  const auto database = make_postgres_reader(database_url_);
  readiness_check streams;
  for (int round = 0; !stop_; ++round) {
    const auto connected = nats_.connected();
    if (!connected)
      streams = {"streams", false, "broker not connected"};
    else if (round % looks_between_streams == 0 || !streams.ok)
      streams = look_at_streams();
    std::vector<readiness_check> seen{look_at_database(*database),
                                      {"broker", connected, connected ? "" : "not connected"},
                                      streams};
    {
      const std::lock_guard lock{mutex_};
      latest_ = std::move(seen);
    }
    std::this_thread::sleep_for(look_pause);
  }
}

} // namespace ledgerd
