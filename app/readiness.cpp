#include "app/readiness.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <initializer_list>
#include <memory>
#include <string_view>
#include <utility>

#include "messaging/names.hpp"
#include "persistence/record_store.hpp"

namespace ledgerd {

namespace {

constexpr auto look_pause = std::chrono::milliseconds{500};
constexpr int looks_between_streams = 10;

template <class Reader>
void look_at_database(const char* name, Reader& reader, std::vector<readiness_check>& seen) {
  if (!reader)
    return;
  try {
    const auto writable = reader->writable();
    seen.push_back({name, writable, writable ? "" : "not writable"});
  } catch (const std::exception& e) {
    seen.push_back({name, false, e.what()});
  }
}

// The first of `wanted` that the stream lacks; empty: none.
std::string missing_consumer(broker& nats, std::string_view stream,
                             std::initializer_list<std::string_view> wanted) {
  const auto present = nats.consumer_names(stream);
  for (const auto name : wanted)
    if (std::find(present.begin(), present.end(), name) == present.end())
      return std::string{name};
  return {};
}

} // namespace

readiness::readiness(const config& settings, broker& nats)
    : settings_(settings), nats_(nats), thread_([this] { watch(); }) {}

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
    std::string missing;
    if (settings_.has_role("ledger"))
      missing = missing_consumer(nats_, names::request_stream,
                                 {names::deposit_consumer, names::withdrawal_consumer});
    if (missing.empty() && settings_.has_role("account"))
      missing = missing_consumer(nats_, names::result_stream, {names::account_result_consumer});
    if (!missing.empty())
      return {"streams", false, "consumer " + missing + " is missing"};
    return {"streams", true, ""};
  } catch (const std::exception& e) {
    return {"streams", false, e.what()};
  }
}

void readiness::watch() {
  std::unique_ptr<ledger_reader> ledger;
  std::unique_ptr<record_reader> records;
  if (settings_.has_role("ledger"))
    ledger = make_postgres_reader(settings_.database_url);
  if (settings_.has_role("account"))
    records = make_postgres_record_reader(settings_.records_url());
  readiness_check streams;
  for (int round = 0; !stop_; ++round) {
    const auto connected = nats_.connected();
    if (!connected)
      streams = {"streams", false, "broker not connected"};
    else if (round % looks_between_streams == 0 || !streams.ok)
      streams = look_at_streams();
    std::vector<readiness_check> seen;
    look_at_database("database", ledger, seen);
    look_at_database("account database", records, seen);
    seen.push_back({"broker", connected, connected ? "" : "not connected"});
    seen.push_back(streams);
    {
      const std::lock_guard lock{mutex_};
      latest_ = std::move(seen);
    }
    std::this_thread::sleep_for(look_pause);
  }
}

} // namespace ledgerd
