#include "persistence/postgres/transaction_opening.hpp"

#include <chrono>

#include "persistence/postgres/database.hpp"

namespace ledgerd {

std::string limits_and_time(const transaction_limits& limits) {
  std::string result = "SELECT (extract(epoch FROM now()) * 1000000)::bigint, "
                       "current_setting('synchronous_commit'), "
                       "current_setting('synchronous_standby_names') <> ''";
  const auto add = [&result](const char* name, std::chrono::milliseconds limit) {
    if (limit.count() > 0)
      result += ", set_config('" + std::string(name) + "', '" + std::to_string(limit.count())
                + "', true)";
  };
  add("lock_timeout", limits.lock);
  add("statement_timeout", limits.statement);
  return result;
}

} // namespace ledgerd
