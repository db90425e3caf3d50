#include "persistence/postgres/database.hpp"

#include <algorithm>
#include <charconv>
#include <libpq-fe.h>
#include <poll.h>
#include <pqxx/pqxx>
#include <utility>

#include "persistence/held_database.hpp"
#include "persistence/postgres/connection_string.hpp"
#include "persistence/postgres/identity_query.hpp"
#include "persistence/postgres/pipeline.hpp"
#include "persistence/postgres/schema_text.hpp"
#include "persistence/postgres/server_words.hpp"
#include "persistence/postgres/session_opener.hpp"
#include "persistence/postgres/transaction_opening.hpp"

#if PQXX_VERSION_MAJOR < 7
// libpqxx 6.4 asks for the encoding before an answer belongs to anybody, and throws when the
// connection has broken in the call: the answer, 2 KB, is lost each time. Put before libpq's own,
// this keeps it from throwing there; it then finds in the answer that the call has failed, as
// libpqxx 7 does.
extern "C" int PQclientEncoding(const PGconn* connection) {
  const char* const name = PQparameterStatus(connection, "client_encoding");
  const int found = name == nullptr ? -1 : pg_char_to_encoding(name);
  return found < 0 ? 0 : found; // 0: SQL_ASCII, what a connection begins with
}
#endif

namespace ledgerd {

namespace {

using row_number = pqxx::result::size_type;
using column_number = pqxx::row::size_type;

// The one translation of what libpqxx throws; called while an exception is being handled. Its
// releases agree neither on the classes nor on which of them carry a SQLSTATE.
database_error translated() {
  try {
    throw;
  } catch (const database_error& e) {
    return e;
  } catch (const pqxx::in_doubt_error& e) {
    return {database_fault::in_doubt, one_line_of(e.what())};
  } catch (const pqxx::statement_completion_unknown& e) {
    return {database_fault::in_doubt, one_line_of(e.what())};
  } catch (const pqxx::transaction_rollback& e) {
    return {database_fault::rolled_back, one_line_of(e.what())};
  } catch (const pqxx::broken_connection& e) {
    return {database_fault::lost, one_line_of(e.what())};
  } catch (const pqxx::insufficient_privilege& e) {
    return reported_error("42501", e.what());
  } catch (const pqxx::sql_error& e) {
    const std::string& state = e.sqlstate();
    // libpq makes errors of its own, without a state, when the connection breaks.
    return state.empty() ? database_error{database_fault::lost, one_line_of(e.what())}
                         : reported_error(state, e.what());
  } catch (const std::exception& e) {
    return {database_fault::away, one_line_of(e.what())}; // of this program: no memory, ...
  }
}

// Whom the server has refused: of several roles one may lack what the others have.
database_error with_role(const database_error& error, const std::string& role) {
  const auto whom = error.denied() ? " for the role " + role : "";
  return {error.fault(), error.what() + whom, error.denied()};
}

// Whether the server itself said that it rolled back; all else leaves a COMMIT in doubt.
bool clear_rollback(const database_error& error) noexcept {
  return error.fault() == database_fault::rolled_back || error.fault() == database_fault::unique
         || error.fault() == database_fault::content || error.fault() == database_fault::blocked
         || error.fault() == database_fault::limited || error.fault() == database_fault::refused;
}

std::int64_t parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    throw std::runtime_error("the database answered '" + std::string(text)
                             + "' where an integer belongs");
  return value;
}

} // namespace

// Of libpqxx, or of a pipeline.
struct rows::content {
  pqxx::result result{};
  libpq_result piped{nullptr, PQclear};

  auto field(std::size_t row, int column) const {
    return result[static_cast<row_number>(row)][static_cast<column_number>(column)];
  }
};

std::size_t rows::size() const noexcept {
  const auto& [result, piped] = *content_;
  return static_cast<std::size_t>(piped ? PQntuples(piped.get()) : result.size());
}

std::size_t rows::affected() const noexcept {
  const auto& [result, piped] = *content_;
  if (!piped)
    return static_cast<std::size_t>(result.affected_rows());
  const std::string_view told = PQcmdTuples(piped.get());
  std::size_t value = 0;
  std::from_chars(told.data(), told.data() + told.size(), value);
  return value;
}

bool rows::is_null(std::size_t row, int column) const {
  if (const auto* piped = content_->piped.get())
    return PQgetisnull(piped, static_cast<int>(row), column) == 1;
  return content_->field(row, column).is_null();
}

std::string_view rows::text(std::size_t row, int column) const {
  if (const auto* piped = content_->piped.get()) {
    const int line = static_cast<int>(row);
    return {PQgetvalue(piped, line, column),
            static_cast<std::size_t>(PQgetlength(piped, line, column))};
  }
  const auto field = content_->field(row, column);
  return {field.c_str(), static_cast<std::size_t>(field.size())};
}

std::int64_t rows::integer(std::size_t row, int column) const {
  return parse_integer(text(row, column));
}

namespace {

using std::chrono::milliseconds;
using clock = std::chrono::steady_clock;

// How much longer than the server's own limit a call waits for an answer.
constexpr milliseconds grace{1500};

// For COMMIT, which no limit of the server cuts short.
constexpr milliseconds commit_limit{6500};

// For sessions without a statement_timeout.
constexpr milliseconds unlimited{600'000};

// A session that has rested for longer is asked whether it is still there, and must say so in time.
constexpr milliseconds rest{1000};
constexpr milliseconds ping_limit{1500};

constexpr const char* unserved =
    " to the first statement of a new session: has a connection pooler none of the server left? "
    "`ledgerd check` says how many a node needs";

#if PQXX_VERSION_MAJOR < 7
// libpqxx 6.4 takes a connection over from a policy, which it makes itself.
thread_local PGconn* handed_over = nullptr;

class handed_over_policy : public pqxx::connectionpolicy {
public:
  using pqxx::connectionpolicy::connectionpolicy;

  handle do_startconnect(handle present) override {
    return present != nullptr ? present : std::exchange(handed_over, nullptr);
  }
  handle do_completeconnect(handle present) override { return present; }
};

class taken_connection : public pqxx::basic_connection_base<handed_over_policy> {
public:
  explicit taken_connection(PGconn* raw)
      : basic_connection_base((handed_over = raw, std::string())) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    inhibit_reactivation(true);
#pragma GCC diagnostic pop
  }
};
#else
using taken_connection = pqxx::connection;
#endif

taken_connection take_over(opened_session& from) {
#if PQXX_VERSION_MAJOR < 7
  return taken_connection(from.connection.release());
#else
  return pqxx::connection::seize_raw_connection(from.connection.release());
#endif
}

} // namespace

// Transactions are opened and closed by our own statements inside a libpqxx "nontransaction": its
// own transaction classes differ between releases in what they retry, and hide how COMMIT ended.
struct database::session {
  explicit session(opened_session from)
      : address(from.address), raw(from.connection.get()), socket(PQsocket(raw)),
        connection(take_over(from)), work(connection), role(PQuser(raw)) {
    PQsetNoticeReceiver(raw, server_words::hear, &words);
  }

  server_words words;
  std::size_t address;
  PGconn* raw; // the one that `connection` owns
  socket_handle socket;
  taken_connection connection;
  pqxx::nontransaction work;

  milliseconds limit = unlimited;
  milliseconds within{0}; // the limit within a transaction that lets statements take longer
  milliseconds commit = commit_limit;
  clock::time_point last_begun = clock::now();
  clock::time_point last_call = clock::now(); // its end
  std::int64_t calls = 0;
  std::int64_t backend = 0;
  std::string role; // whose rights count; after ALTER ROLE ... SET role not the login's
  std::optional<schema> held_for;
  bool unlasting = false;  // COMMIT would not wait for the disk
  bool replicated = false; // COMMIT would wait for synchronous standbys
  bool expired = false;
  bool silent = false; // no answer after a rest
};

template <class Function>
auto database::call(call_kind kind, Function&& function) {
  ++session_->calls;
  return wait(kind, std::forward<Function>(function));
}

template <class Function>
auto database::wait(call_kind kind, Function&& function) {
  auto& on = *session_;
  on.last_begun = clock::now();
  const auto limit = kind == call_kind::commit ? on.commit : std::max(on.limit, on.within);
  const call_deadline deadline(on.socket, limit, kind);
  try {
    on.words.text.clear();
    on.words.warning.clear();
    const struct stamp {
      clock::time_point& time;
      ~stamp() { time = clock::now(); }
    } stamped{on.last_call};
    return function();
  } catch (...) {
    const auto error = with_role(translated(), on.role);
    on.expired = deadline.passed();
    if (on.expired)
      throw database_error(database_fault::lost, no_answer(on.raw, limit));
    if (error.fault() == database_fault::lost && !on.words.text.empty())
      throw database_error(database_fault::lost, on.words.text);
    throw error;
  }
}

database::database(const std::string& connection_string, const std::vector<statement>& statements,
                   session_terms terms)
    : session_(std::make_unique<session>(
        open_session(connection_string, terms.first_address, terms.limit))) {
  session_->limit = terms.limit.value_or(grace + milliseconds{5000});
  session_->held_for = terms.held_for;
  try {
    take_settings(connection_string, terms.held_for);
  } catch (const database_error& error) {
    if (!session_->expired)
      throw;
    throw database_error(error.fault(), std::string(error.what()) + unserved);
  }
  if (terms.limit)
    limit_calls(*terms.limit);
  for (const auto& each : statements)
    call(call_kind::statement, [&] {
      session_->connection.prepare(each.name, in_schemas(each.sql));
#if PQXX_VERSION_MAJOR < 7
      session_->connection.prepare_now(each.name);
#endif
    });
}

// Finds out whether the settings of the connection string have arrived, how long the server lets a
// statement take, whose rights count and, where the role may know that, which database this is.
rows database::look(bool with_identity) try {
  return run("SELECT pg_backend_pid(), current_setting('" + std::string(session_mark)
             + "', true), (SELECT setting::bigint FROM pg_settings WHERE name = "
               "'statement_timeout'), "
             + (with_identity ? "(" + std::string(identity_query) + ")" : "''")
             + ", concat(current_user, ' (login ' || nullif(session_user, current_user) || ')')");
} catch (const database_error& error) {
  if (!with_identity || !error.denied())
    throw;
  return look(false);
}

void database::take_settings(const std::string& connection_string, std::optional<schema> held_for) {
  const bool held = held_for && holds_to_database(*held_for);
  auto answer = look(held);
  if (held)
    if (const auto fault = judge_database(*held_for, std::string(answer.text(0, 3)));
        !fault.empty())
      throw database_error(database_fault::away, fault);
  if (answer.is_null(0, 1) || answer.text(0, 1) != "on") {
    run(settings_as_statements(connection_string));
    answer = look(false);
  }
  session_->backend = answer.integer(0, 0);
  session_->role = answer.text(0, 4);
  const milliseconds server_limit{answer.integer(0, 2)};
  session_->limit = server_limit.count() == 0 ? unlimited : server_limit + grace;
}

database::~database() = default;

begun database::begin(const transaction_limits& limits, const std::vector<prepared_call>& calls) {
  const auto statement = limits.statement;
  session_->within = statement.count() > 0 ? statement + grace : milliseconds{0};
  auto [good, error] = run_all(calls.size() + 2, [&](pipeline& line) {
    line.send("BEGIN");
    line.send(limits_and_time(limits));
    for (const auto& each : calls)
      line.send_prepared(each.what.name, each.parameters);
  });
  if (error)
    throw *error;
  session_->unlasting = good[1].text(0, 1) == "off";
  session_->replicated = good[1].text(0, 2) == "t";
  return {database_time{good[1].integer(0, 0)},
          {std::make_move_iterator(good.begin() + 2), std::make_move_iterator(good.end())}};
}

pipeline_answer database::exec_all(const std::vector<prepared_call>& calls) {
  return run_all(calls.size(), [&](pipeline& line) {
    for (const auto& each : calls)
      line.send_prepared(each.what.name, each.parameters);
  });
}

// Each answer counts as a call and has the time of one. `send` sends `count` statements.
template <class Send>
pipeline_answer database::run_all(std::size_t count, Send send) {
  std::optional<pipeline> line;
  wait(call_kind::statement, [&] {
    line.emplace(session_->raw);
    send(*line);
    line->send_end();
  });
  pipeline_answer result;
  for (std::size_t i = 0; i < count; ++i)
    call(call_kind::statement, [&] {
      auto answer = line->next();
      if (result.error)
        return;
      if (const auto error = error_of(*answer)) {
        result.error = with_role(*error, session_->role);
        return;
      }
      rows good;
      good.content_ = std::make_shared<rows::content>(rows::content{{}, std::move(answer)});
      result.good.push_back(std::move(good));
    });
  wait(call_kind::statement, [&] { line->read_end(); });
  return result;
}

// Not through libpqxx, whose errors do not name a constraint.
rows database::exec(const statement& prepared, const std::vector<const char*>& parameters) {
  return call(call_kind::statement, [&] {
    libpq_result answer(PQexecPrepared(session_->raw, prepared.name.c_str(),
                                       static_cast<int>(parameters.size()), parameters.data(),
                                       nullptr, nullptr, 0),
                        PQclear);
    if (!answer)
      throw database_error(database_fault::lost, one_line_of(PQerrorMessage(session_->raw)));
    if (auto error = error_of(*answer))
      throw *error;
    rows result;
    result.content_ = std::make_shared<rows::content>(rows::content{{}, std::move(answer)});
    return result;
  });
}

rows database::run(const std::string& sql) {
  return call(call_kind::statement, [&] {
    rows answer;
    answer.content_ =
        std::make_shared<rows::content>(rows::content{session_->work.exec(in_schemas(sql))});
    return answer;
  });
}

// A role or a database may have it set for its new sessions, a server for all, while the daemon
// runs.
void database::refuse_unlasting() const {
  if (!session_->unlasting)
    return;
  if (session_->held_for)
    note_unlasting_commits(*session_->held_for, true);
  throw database_error(database_fault::away, unlasting_commits);
}

void database::commit() {
  refuse_unlasting();
  try {
    // statement_timeout ends before the commit itself begins, so it cannot cut the wait for a
    // synchronous standby short.
    // Not through libpqxx: 6.4 loses 2 KB with each connection that breaks here.
    call(call_kind::commit, [&] {
      const libpq_result answer(PQexec(session_->raw, "COMMIT"), PQclear);
      if (!answer)
        throw database_error(database_fault::lost, one_line_of(PQerrorMessage(session_->raw)));
      if (auto error = error_of(*answer))
        throw *error;
      if (std::string_view(PQcmdStatus(answer.get())) != "COMMIT")
        throw database_error(database_fault::rolled_back, "the server has rolled back instead");
      // Committed, and perhaps not replicated: somebody has cancelled the wait.
      if (session_->replicated && !session_->words.warning.empty())
        throw database_error(database_fault::in_doubt, session_->words.warning);
    });
  } catch (const database_error& error) {
    if (clear_rollback(error))
      throw;
    throw database_error(database_fault::in_doubt, "COMMIT: " + std::string(error.what()));
  }
}

void database::confirm() {
  if (!session_->replicated)
    return rollback();
  // Anything that is written to the log: its end comes after all that was visible.
  run("SELECT pg_logical_emit_message(true, 'ledgerd', '')");
  commit();
}

void database::rollback() {
  run("ROLLBACK");
}

void database::limit_calls(milliseconds limit) {
  session_->limit = limit;
  session_->commit = std::max(limit, commit_limit);
}

bool database::alive() noexcept {
  auto& on = *session_;
  pollfd waiting{on.socket.get(), POLLIN, 0};
  while (poll(&waiting, 1, 0) > 0) {
    const bool more = PQconsumeInput(on.raw) == 1;
    PQisBusy(on.raw); // reads what has come
    if (!more || PQstatus(on.raw) != CONNECTION_OK)
      return false;
  }
  if (!on.words.text.empty())
    return false;
  if (clock::now() - on.last_call < rest)
    return true;
  try {
    const call_deadline deadline(on.socket, ping_limit);
    const std::unique_ptr<PGresult, decltype(&PQclear)> answer(PQexec(on.raw, ""), PQclear);
    on.silent = deadline.passed();
    on.last_call = clock::now();
    return PQresultStatus(answer.get()) == PGRES_EMPTY_QUERY;
  } catch (const database_error&) {
    return false;
  }
}

std::string database::last_words() const {
  if (session_->silent)
    return no_answer(session_->raw, ping_limit) + " after a rest";
  return session_->words.text.empty() ? "the connection has broken" : session_->words.text;
}

bool database::expired() const noexcept {
  return session_->expired;
}

// A pooler does not tell its clients the process that they are with.
bool database::pooled() const noexcept {
  return session_->backend != PQbackendPID(session_->raw);
}

std::size_t database::address() const noexcept {
  return session_->address;
}

std::int64_t database::backend() const noexcept {
  return session_->backend;
}

std::int64_t database::calls() const noexcept {
  return session_->calls;
}

clock::time_point database::last_begun() const noexcept {
  return session_->last_begun;
}

} // namespace ledgerd
