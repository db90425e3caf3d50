#include "persistence/database_error.hpp"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <utility>

#include "persistence/postgres/schema_text.hpp"

namespace ledgerd {

namespace {

struct meaning {
  std::string_view state; // a whole SQLSTATE, or its first two characters: the class
  database_fault fault;
};

using enum database_fault;

// Single states that differ from their class.
constexpr meaning states[] = {
    {"23505", unique},     //
    {"25006", away},       // read-only: no primary any more
    {"25P03", lost},       // idle in a transaction for too long
    {"25P04", blocked},    // the transaction took too long
    {"40002", content},    // an integrity constraint
    {"40003", in_doubt},   // statement completion unknown
    {"54000", limited},    // an index row's size, or no transaction ids any more
    {"2200H", away},       // a sequence is at its end: as a rule that of the ids, for whatever row
    {"23502", away},       // a column that we do not know may not be null, in whatever row
    {"55006", away},       // object in use
    {"55P03", blocked},    // lock timeout
    {"57014", blocked},    // statement timeout, or cancelled by hand
    {"57P01", lost},       // ended by an administrator
    {"57P02", lost},       // another backend crashed
    {"57P04", refused},    // database dropped
    {"57P05", lost},       // idle for too long
    {"58030", unreadable}, // an I/O error: of one page, or of a disk
    {"58P01", unreadable}, // a file is missing: a segment of one table, or all of them
};

// Every class of appendix A of PostgreSQL's manual.
constexpr meaning classes[] = {
    {"00", refused},     // successful completion: no error has it
    {"01", content},     // warning: only RAISE makes an error of it
    {"02", content},     // no data: likewise
    {"03", refused},     // statement not yet complete
    {"08", lost},        // connection exception
    {"09", content},     // triggered action exception
    {"0A", refused},     // feature not supported; also a cached plan whose result type has changed
    {"0B", refused},     // invalid transaction initiation
    {"0F", refused},     // locator exception
    {"0L", refused},     // invalid grantor
    {"0P", refused},     // invalid role specification
    {"0Z", refused},     // diagnostics exception
    {"10", content},     // XQuery error
    {"20", content},     // case not found
    {"21", content},     // cardinality violation
    {"22", content},     // data exception
    {"23", content},     // integrity constraint violation
    {"24", refused},     // invalid cursor state
    {"25", refused},     // invalid transaction state
    {"26", refused},     // invalid statement name: a prepared statement that is not ours
    {"27", content},     // triggered data change violation
    {"28", refused},     // invalid authorization: password, pg_hba.conf, no login
    {"2B", refused},     // dependent privilege descriptors still exist
    {"2D", refused},     // invalid transaction termination
    {"2F", refused},     // SQL routine exception
    {"34", refused},     // invalid cursor name
    {"38", content},     // external routine exception: raised by a trigger in Perl or Python
    {"39", refused},     // external routine invocation exception
    {"3B", refused},     // savepoint exception
    {"3D", refused},     // no such database
    {"3F", refused},     // no such schema
    {"40", rolled_back}, // transaction rollback
    {"42", refused},     // syntax error or access rule violation: table, column, privilege
    {"44", content},     // WITH CHECK OPTION violation
    {"53", away},        // insufficient resources: disk, memory, connections
    {"54", content},     // program limit exceeded, such as the depth of the stack
    {"55", refused},     // object not in prerequisite state
    {"57", away},        // operator intervention, such as a server that starts
    {"58", away},        // system error
    {"72", rolled_back}, // snapshot too old
    {"F0", away},        // configuration file error
    {"HV", refused},     // foreign data wrapper: in a trigger
    {"P0", content},     // raised by PL/pgSQL
    {"XX", blocked},     // internal error, damaged data or index: only what touches it must wait
};

const meaning* find(const meaning* begin, const meaning* end, std::string_view state) noexcept {
  return std::find_if(begin, end, [&](const meaning& each) { return each.state == state; });
}

} // namespace

database_fault fault_of(std::string_view sql_state) noexcept {
  if (const auto found = find(std::begin(states), std::end(states), sql_state);
      found != std::end(states))
    return found->fault;
  if (sql_state.size() != 5)
    return refused;
  const auto found = find(std::begin(classes), std::end(classes), sql_state.substr(0, 2));
  return found == std::end(classes) ? content : found->fault;
}

namespace {

constexpr std::string_view not_null_violation = "23502";
constexpr std::string_view unique_violation = "23505";
constexpr std::string_view check_violation = "23514";
constexpr std::string_view ledger_ids = "transactions_pkey";

// Where another session may have been quicker.
constexpr std::string_view raced[] = {
    "", // not told
    "transactions_record_id_key",
    "accounts_pkey",
    "currencies_pkey",
    "transaction_records_pkey",
    "transaction_records_idempotency_key_key",
};

} // namespace

database_fault fault_of_unique(std::string_view constraint) noexcept {
  if (constraint == ledger_ids)
    return away;
  return std::find(std::begin(raced), std::end(raced), constraint) == std::end(raced) ? blocked
                                                                                      : unique;
}

std::string ledger_ids_behind() {
  return in_schemas("the identity of ledger.transactions is behind its table: SELECT "
                    "setval(pg_get_serial_sequence('ledger.transactions', 'id'), max(id)) FROM "
                    "ledger.transactions");
}

std::string one_line_of(std::string_view text, std::size_t bytes_max) {
  std::string result;
  bool blank = false;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '\x7f') {
      blank = !result.empty();
      continue;
    }
    if (std::exchange(blank, false))
      result += ' ';
    result += c;
  }
  if (result.size() <= bytes_max)
    return result;
  auto size = bytes_max;
  while (size > bytes_max - 4 && (static_cast<unsigned char>(result[size]) & 0xc0U) == 0x80U)
    --size;
  const auto left_out = result.size() - size;
  result.resize(size);
  return result + "... (" + std::to_string(left_out) + " bytes more)";
}

database_error reported_error(std::string_view sql_state, std::string_view text,
                              std::string_view constraint) {
  // The second line of these shows the row, which anybody could read in /readyz.
  if (sql_state == not_null_violation || sql_state == check_violation)
    text = text.substr(0, text.find('\n'));
  auto sentence = one_line_of(text) + " [SQLSTATE " + std::string(sql_state) + "]";
  if (sql_state != unique_violation)
    return {fault_of(sql_state), sentence, sql_state == "42501"};
  if (constraint == ledger_ids)
    sentence = ledger_ids_behind() + " (" + sentence + ")";
  return {fault_of_unique(constraint), sentence};
}

database_error strangers_error(std::string_view sql_state, std::string_view text) {
  const auto error = reported_error(sql_state, text);
  const bool of_rows = sql_state == not_null_violation || sql_state == unique_violation;
  return {of_rows ? database_fault::refused : error.fault(), error.what(), error.denied()};
}

namespace {

constexpr std::size_t state_size = 5;

// The place of a SQLSTATE in a line such as "...: FATAL:  28P01: password ...", whatever the
// language of its other words; npos: there is none.
std::size_t find_state(std::string_view line) {
  for (auto at = line.find(":  "); at != line.npos; at = line.find(":  ", at + 1)) {
    const auto state = line.substr(at + 3, state_size);
    if (state.size() == state_size && line.substr(at + 3 + state_size, 2) == ": "
        && std::all_of(state.begin(), state.end(),
                       [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); }))
      return at + 3;
  }
  return line.npos;
}

constexpr std::string_view too_many_connections = "53300";
constexpr std::string_view room_sentence = ": `ledgerd check` says how many a node needs";

constexpr std::string_view pooler_sentence =
    " (a connection pooler refuses the settings of a session: let it ignore the start parameter "
    "`options` and use session mode, or use the direct address)";

} // namespace

database_error connection_error(std::string_view libpq_text) {
  const auto first_line = libpq_text.substr(0, libpq_text.find('\n'));
  for (auto rest = libpq_text; !rest.empty();) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const auto at = find_state(line);
    if (at == line.npos)
      continue;
    const auto state = line.substr(at, state_size);
    auto sentence = one_line_of(line.substr(0, at)) + ' '
                    + one_line_of(line.substr(at + state_size + 2)) + " [SQLSTATE "
                    + std::string(state) + "]";
    // What PgBouncer says in English only.
    if (line.find("startup parameter") != line.npos)
      return {refused, sentence + std::string(pooler_sentence)};
    if (state == too_many_connections)
      sentence += room_sentence;
    // Who says so has answered, such as a pooler without room (08P01).
    const auto fault = fault_of(state);
    return {fault == lost ? away : fault, sentence};
  }
  // Said by libpq itself, before it sends nothing.
  const bool no_password = libpq_text.find("no password supplied") != libpq_text.npos;
  return {no_password ? refused : lost, one_line_of(first_line)};
}

store_failure_kind failure_kind(database_fault fault) noexcept {
  switch (fault) {
  case unique:
  case content:
    return store_failure_kind::rejected;
  case blocked:
  case limited:
    return store_failure_kind::blocked;
  case in_doubt:
    return store_failure_kind::in_doubt;
  case rolled_back:
  case lost:
  case away:
  case unreadable:
  case refused:
    break;
  }
  return store_failure_kind::unavailable;
}

} // namespace ledgerd
