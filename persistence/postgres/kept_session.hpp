// A session that is kept from one use to the next, and opened again when it has ended meanwhile.
//
// One thread.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "persistence/postgres/database.hpp"
#include "persistence/url_source.hpp"

namespace ledgerd {

class kept_session {
public:
  // Does not connect before the first use. `settings` as for connection_string().
  // Only ever in the database that is held for `which`.
  kept_session(url_source url, schema which, std::string settings,
               std::vector<statement> statements);

  // Runs `work(database&)` on the session and returns what it returns. A session that ended before
  // anything of the work was answered is opened again, and the work begun once more. Any other
  // database_error is passed on, and the session with it: see drop().
  template <class Work>
  auto run(Work work) {
    auto& session = use();
    const auto before = session.calls();
    try {
      return work(session);
    } catch (const database_error& error) {
      if (is_new_ || error.fault() != database_fault::lost || session.expired()
          || session.calls() - before > 1)
        throw;
      end(error.what());
    }
    return work(use());
  }

  // The session of the last run; null: it is not open.
  database* get() noexcept { return database_ ? &*database_ : nullptr; }

  // Throws the session away. One that kept silent makes the next begin with another address.
  void drop() noexcept;

private:
  database& use();
  std::string present_url() const;
  void end(std::string reason);

  url_source url_;
  schema which_;
  std::string settings_;
  std::vector<statement> statements_;
  std::optional<database> database_;
  bool is_new_ = false; // opened by the last use()
  std::size_t first_address_ = 0;
  std::string ended_; // why the session before ended at rest; empty: it did not
};

} // namespace ledgerd
