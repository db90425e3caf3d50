#include "persistence/session_room.hpp"

#include <chrono>
#include <memory>
#include <vector>

#include "persistence/postgres/connection_string.hpp"
#include "persistence/postgres/database.hpp"

namespace ledgerd {

namespace {

constexpr auto patience = std::chrono::milliseconds(2000);

// The lowest; -1 stands for none.
constexpr const char* lowest_limit = R"(
SELECT what, at_most FROM (
  SELECT 'the CONNECTION LIMIT of the role ' || rolname, rolconnlimit
    FROM pg_roles WHERE rolname = session_user AND NOT rolsuper
  UNION ALL SELECT 'the CONNECTION LIMIT of the database ' || datname, datconnlimit
    FROM pg_database WHERE datname = current_database()
  UNION ALL SELECT 'max_connections, without superuser_reserved_connections,',
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
) AS limits (what, at_most) WHERE at_most >= 0 ORDER BY at_most LIMIT 1)";

std::string sentence(std::size_t needed, const std::string& but) {
  return "a node with this configuration needs up to " + std::to_string(needed)
         + " sessions with the database, " + but + ": allow more, or lower --gates";
}

} // namespace

std::string session_room_warning(const std::string& database_url, std::size_t needed) {
  const auto connection = any_server_connection_string(database_url);
  std::vector<std::unique_ptr<database>> sessions;
  sessions.push_back(std::make_unique<database>(connection));
  const auto found = sessions.front()->run(lowest_limit);
  if (found.size() > 0 && found.integer(0, 1) < static_cast<std::int64_t>(needed))
    return sentence(needed, "and " + one_line_of(found.text(0, 0)) + " is "
                                + std::string(found.text(0, 1)));
  if (!sessions.front()->pooled())
    return {};
  try {
    while (sessions.size() < needed)
      sessions.push_back(std::make_unique<database>(connection, std::vector<statement>{},
                                                    session_terms{.limit = patience}));
  } catch (const database_error& error) {
    const auto why =
        error.fault() == database_fault::lost ? "then none for two seconds" : error.what();
    return sentence(needed, "and the connection pooler in between has given "
                                + std::to_string(sessions.size()) + " (" + why + ")");
  }
  return {};
}

} // namespace ledgerd
