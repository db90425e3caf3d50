// What the settings of an existing stream or consumer mean for what goes through it: every field
// that nats-server 2.9 to 2.15 knows stands in one table. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "messaging/topology.hpp"

namespace ledgerd {

// What a stream is to us; the values are bits.
enum class stream_use : std::uint8_t {
  requests = 1,
  results = 2,
  dead_letters = 4,
  announcements = 8
};

struct expected_stream {
  std::string_view name;
  stream_use use = stream_use::requests;
  std::vector<std::string> used; // subjects that we publish to, or wait for
};

struct judging {
  std::chrono::milliseconds shutdown_deadline{10000};
  std::int64_t now_ns = 0; // since 1970
};

// One sentence for each setting that is not fine: it names setting, consequence and cure.
struct judgement {
  std::vector<std::string> refused; // would lose, skip or stop messages
  std::vector<std::string> warned;
};

// `config` is the JSON object that the broker reports. What it leaves out is off. A field that is
// not in the table and not off is warned of: the server is newer than we are.
judgement judge_stream(const expected_stream& what, std::string_view config, const judging& how);
judgement judge_consumer(const durable_consumer& what, std::string_view config, const judging& how);

// The names in the two tables, for tests.
std::vector<std::string_view> judged_stream_fields();
std::vector<std::string_view> judged_consumer_fields();

} // namespace ledgerd
