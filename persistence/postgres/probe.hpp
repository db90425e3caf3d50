// A quick look whether a database accepts writes and keeps them, within a time limit that also
// holds when the server hangs.
//
// One thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "persistence/postgres/database.hpp"
#include "persistence/schema.hpp"
#include "persistence/url_source.hpp"

namespace ledgerd {

// How often rights, schema and a new session are looked at, and how often while they are not as
// they must be.
struct probe_pauses {
  std::chrono::milliseconds good = std::chrono::minutes{1};
  std::chrono::milliseconds bad = std::chrono::seconds{5};
};

class probe {
public:
  using clock = std::chrono::steady_clock;

  probe(url_source url, schema which, probe_pauses between = {})
      : url_(std::move(url)), which_(which), between_(between) {}

  // Why the database takes no writes that last, in a line without secrets; empty: it does. Waits at
  // most `limit`; a database that cannot be asked does not. Keeps its session for the next time,
  // and looks at rights and schema on such a one only. A new session is opened beside it then: one
  // that is refused is noted (held_database.hpp), one that a pooler mixes up with this is a fault.
  // The listener is told of commits that wait for no standby: they are no fault.
  std::string fault(std::chrono::milliseconds limit);

private:
  std::string ask();
  void look_at_rights(std::chrono::milliseconds limit);
  std::string look_with_new_session(std::chrono::milliseconds limit);
  void look_at_standby();

  url_source url_;
  schema which_;
  probe_pauses between_;
  std::optional<database> session_;
  std::string rights_fault_;    // as it was at the last look
  std::string standby_warning_; // likewise
  clock::time_point next_look_{};
};

} // namespace ledgerd
