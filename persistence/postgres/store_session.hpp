// How a store tries: the session it keeps, what a failure means, and when to begin again.
//
// One thread; blocks; does not throw.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "persistence/ledger_store.hpp"
#include "persistence/postgres/kept_session.hpp"
#include "persistence/schema.hpp"

namespace ledgerd {

// As if the answer to a COMMIT had been lost, for the failpoints.
inline database_error unheard_commit() {
  return {database_fault::in_doubt, "COMMIT: a failpoint dropped its answer"};
}

// Before COMMIT: a trigger may leave a row out or give another one back.
inline database_error row_not_written() {
  return {database_fault::content, "the database left out or changed a row that it was given"};
}

class store_session {
public:
  // Does not connect before the first run. The statements write into the tables of `which`. `taken`
  // is what is said when a unique key stays taken, however often it is tried. `idle` are calls of
  // all that an attempt executes, which write no row.
  store_session(url_source url, schema which, std::vector<statement> statements,
                std::string_view taken, std::vector<prepared_call> idle);

  // Runs `attempt(database&, int count)`, which returns an optional Result. Nothing, a rollback by
  // the server or a unique key that was taken: rolled back and begun again, a few times.
  template <class Result, class Attempt>
  std::variant<Result, store_failure> run(Attempt attempt) {
    bool seen_unique = false;
    for (int count = 0; count < attempts_max; ++count) {
      try {
        refuse_behind_own_commit();
        if (std::optional<Result> result =
                session_.run([&](database& session) { return attempt(session, count); }))
          return std::move(*result);
        session_.run([](database& session) { session.rollback(); });
      } catch (const database_error& error) {
        if (auto failure = judge(error))
          return std::move(*failure);
        seen_unique = error.fault() == database_fault::unique;
        pause(count);
      } catch (const std::exception& error) { // of this program, perhaps after the COMMIT
        session_.drop();
        return store_failure{store_failure_kind::in_doubt, error.what()};
      }
    }
    // A race ends after a few rounds; a unique key with no row to show for it does not, nor does a
    // row that a trigger or a policy keeps from being written.
    return seen_unique ? store_failure{store_failure_kind::rejected, std::string(taken_)}
                       : store_failure{store_failure_kind::blocked,
                                       "other sessions were always quicker, or the database leaves "
                                       "a row as it is"};
  }

private:
  static constexpr int attempts_max = 10;

  // Throws while a COMMIT of ours that was given up still waits on the server for a synchronous
  // standby: another one would wait behind it, and hold one more session of the server.
  void refuse_behind_own_commit();

  // What the failure of an attempt means; nothing: try again.
  std::optional<store_failure> judge(const database_error& error);

  // Whether the server takes the statements as long as no row is to be written: what it has refused
  // is a row then, for the sake of a trigger or of row security, whatever state that was told with.
  bool only_rows_are_refused();

  // Whether the server gives no transaction ids any more, or does not say; rolls back.
  bool gives_no_ids();

  void pause(int attempt);

  kept_session session_;
  std::string_view taken_;
  std::vector<prepared_call> idle_;
  std::optional<given_up_commit> given_up_;
  std::minstd_rand random_;
};

} // namespace ledgerd
