#include "persistence/database.hpp"

#include <charconv>
#include <pqxx/pqxx>

#if defined(__SANITIZE_ADDRESS__) && PQXX_VERSION_MAJOR < 7
// libpqxx 6.4 loses the last result of a connection that breaks, about 2 KB each time. By the
// library's name, for its inner functions have none.
extern "C" __attribute__((weak)) const char* __lsan_default_suppressions() {
  return "leak:libpqxx-6.\n";
}
#endif

namespace ledgerd {

namespace {

#if PQXX_VERSION_MAJOR > 7 || (PQXX_VERSION_MAJOR == 7 && PQXX_VERSION_MINOR >= 10)
#define LEDGERD_PQXX_PREPPED
#endif

using row_number = pqxx::result::size_type;
using column_number = pqxx::row::size_type;

// The one translation of what libpqxx throws; called while an exception is being handled. Its
// releases agree neither on the classes nor on which of them carry a SQLSTATE.
[[noreturn]] void translate() {
  try {
    throw;
  } catch (const pqxx::in_doubt_error& e) {
    throw database_error(database_fault::in_doubt, e.what());
  } catch (const pqxx::statement_completion_unknown& e) {
    throw database_error(database_fault::in_doubt, e.what());
  } catch (const pqxx::transaction_rollback& e) {
    throw database_error(database_fault::rolled_back, e.what());
  } catch (const pqxx::broken_connection& e) {
    throw database_error(database_fault::lost, e.what());
  } catch (const pqxx::sql_error& e) {
    const std::string& state = e.sqlstate();
    throw database_error(fault_of(state), std::string(e.what()) + " [SQLSTATE " + state + "]");
  } catch (const std::exception& e) {
    throw database_error(database_fault::refused, e.what());
  }
}

template <class Function>
auto translated(Function&& function) {
  try {
    return function();
  } catch (...) {
    translate();
  }
}

// Whether the server itself said that it rolled back; all else leaves a COMMIT in doubt.
bool clear_rollback(const database_error& error) noexcept {
  return error.fault() == database_fault::rolled_back || error.fault() == database_fault::unique
         || error.fault() == database_fault::content || error.fault() == database_fault::blocked;
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

struct rows::content {
  pqxx::result result;
};

std::size_t rows::size() const noexcept {
  return static_cast<std::size_t>(content_->result.size());
}

std::size_t rows::affected() const noexcept {
  return static_cast<std::size_t>(content_->result.affected_rows());
}

bool rows::is_null(std::size_t row, int column) const {
  return content_->result[static_cast<row_number>(row)][static_cast<column_number>(column)]
      .is_null();
}

std::string_view rows::text(std::size_t row, int column) const {
  const auto field =
      content_->result[static_cast<row_number>(row)][static_cast<column_number>(column)];
  return {field.c_str(), static_cast<std::size_t>(field.size())};
}

std::int64_t rows::integer(std::size_t row, int column) const {
  return parse_integer(text(row, column));
}

// Transactions are opened and closed by our own statements inside a libpqxx "nontransaction": its
// own transaction classes differ between releases in what they retry, and hide how COMMIT ended.
struct database::session {
  explicit session(const std::string& connection_string)
      : connection(connection_string), work((forbid_reconnect(connection), connection)) {}

  static void forbid_reconnect([[maybe_unused]] pqxx::connection& connection) {
#if PQXX_VERSION_MAJOR < 7
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    connection.inhibit_reactivation(true);
#pragma GCC diagnostic pop
#endif
  }

  pqxx::connection connection;
  pqxx::nontransaction work;
};

database::database(const std::string& connection_string, const std::vector<statement>& statements) {
  translated([&] {
    session_ = std::make_unique<session>(connection_string);
    for (const auto& [name, sql] : statements) {
      session_->connection.prepare(name, sql);
#if PQXX_VERSION_MAJOR < 7
      session_->connection.prepare_now(name);
#endif
    }
  });
}

database::~database() = default;

database_time database::begin(const std::string& settings) {
  const auto answer =
      run("BEGIN; " + settings + "SELECT (extract(epoch FROM now()) * 1000000)::bigint");
  return database_time{answer.integer(0, 0)};
}

rows database::exec(const statement& prepared, std::initializer_list<const char*> parameters) {
  return translated([&] {
    rows answer;
#ifdef LEDGERD_PQXX_PREPPED
    pqxx::params list;
    list.reserve(parameters.size());
    for (const char* parameter : parameters)
      list.append(pqxx::zview{parameter});
    answer.content_ = std::make_shared<rows::content>(
        rows::content{session_->work.exec(pqxx::prepped{prepared.name.c_str()}, list)});
#else
    answer.content_ = std::make_shared<rows::content>(rows::content{session_->work.exec_prepared(
        prepared.name, pqxx::prepare::make_dynamic_params(parameters.begin(), parameters.end()))});
#endif
    return answer;
  });
}

rows database::run(const std::string& sql) {
  return translated([&] {
    rows answer;
    answer.content_ = std::make_shared<rows::content>(rows::content{session_->work.exec(sql)});
    return answer;
  });
}

void database::commit() {
  try {
    // statement_timeout ends before the commit itself begins, so it cannot cut the wait for a
    // synchronous standby short.
    run("COMMIT");
  } catch (const database_error& error) {
    if (clear_rollback(error))
      throw;
    throw database_error(database_fault::in_doubt, error.what());
  }
}

void database::rollback() {
  run("ROLLBACK");
}

} // namespace ledgerd
