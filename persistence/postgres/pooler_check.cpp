#include "persistence/postgres/pooler_check.hpp"

#include <random>

#include "persistence/postgres/connection_string.hpp"

namespace ledgerd {

namespace {

constexpr const char* sentence = "a connection pooler shares sessions of the server among its "
                                 "clients (transaction pooling): use "
                                 "session mode or the direct address";

constexpr int rounds = 3;

bool shows(database& session, const std::string& value) {
  return session.run("SELECT current_setting('ledgerd.pooled', true)").text(0, 0) == value;
}

void set_mark(database& session, const std::string& value) {
  session.run("SELECT set_config('ledgerd.pooled', '" + value + "', false)");
}

} // namespace

// A setting of one's own session is seen by nobody else, and always by oneself. While `other` keeps
// a transaction open, a pooler has to give `mine` another session than that one.
std::string pooler_fault(database& mine, database& other) {
  std::random_device random;
  for (int round = 0; round < rounds; ++round) {
    const auto value = std::to_string(random());
    set_mark(mine, value);
    try {
      other.begin();
    } catch (const database_error& error) {
      // Statement pooling refuses transactions.
      return std::string(sentence) + " (" + error.what() + ")";
    }
    const bool shared = shows(other, value) || !shows(mine, value);
    other.rollback();
    if (shared) {
      set_mark(mine, {});
      return sentence;
    }
  }
  return {};
}

std::string pooler_fault(const std::string& database_url) {
  const auto connection = any_server_connection_string(database_url);
  database mine(connection), other(connection);
  return pooler_fault(mine, other);
}

} // namespace ledgerd
