#include "persistence/database_error.hpp"

#include <set>

#define CAF_SUITE database_error
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

using fault = database_fault;
using kind = store_failure_kind;

struct row {
  const char* state;
  fault means;
  kind becomes;
};

// At least one state of each class of appendix A, as PostgreSQL 14 to 17 have them.
constexpr row table[] = {
    {"00000", fault::refused, kind::unavailable},
    {"01000", fault::content, kind::rejected},
    {"02000", fault::content, kind::rejected},
    {"03000", fault::refused, kind::unavailable},
    {"08000", fault::lost, kind::unavailable},
    {"08003", fault::lost, kind::unavailable},
    {"08006", fault::lost, kind::unavailable},
    {"08P01", fault::lost, kind::unavailable},
    {"09000", fault::content, kind::rejected},
    {"0A000", fault::refused, kind::unavailable},
    {"0B000", fault::refused, kind::unavailable},
    {"0F000", fault::refused, kind::unavailable},
    {"0L000", fault::refused, kind::unavailable},
    {"0P000", fault::refused, kind::unavailable},
    {"0Z002", fault::refused, kind::unavailable},
    {"10608", fault::content, kind::rejected},
    {"20000", fault::content, kind::rejected},
    {"21000", fault::content, kind::rejected},
    {"22001", fault::content, kind::rejected},
    {"22003", fault::content, kind::rejected},
    {"22021", fault::content, kind::rejected},
    {"22P05", fault::content, kind::rejected},
    {"23502", fault::away, kind::unavailable},
    {"23503", fault::content, kind::rejected},
    {"23505", fault::unique, kind::rejected},
    {"23514", fault::content, kind::rejected},
    {"24000", fault::refused, kind::unavailable},
    {"25001", fault::refused, kind::unavailable},
    {"25006", fault::away, kind::unavailable},
    {"25P02", fault::refused, kind::unavailable},
    {"25P03", fault::lost, kind::unavailable},
    {"25P04", fault::blocked, kind::blocked},
    {"26000", fault::refused, kind::unavailable},
    {"27000", fault::content, kind::rejected},
    {"28000", fault::refused, kind::unavailable},
    {"28P01", fault::refused, kind::unavailable},
    {"2B000", fault::refused, kind::unavailable},
    {"2D000", fault::refused, kind::unavailable},
    {"2F005", fault::refused, kind::unavailable},
    {"34000", fault::refused, kind::unavailable},
    {"38000", fault::content, kind::rejected},
    {"39P01", fault::refused, kind::unavailable},
    {"3B001", fault::refused, kind::unavailable},
    {"3D000", fault::refused, kind::unavailable},
    {"3F000", fault::refused, kind::unavailable},
    {"40000", fault::rolled_back, kind::unavailable},
    {"40001", fault::rolled_back, kind::unavailable},
    {"40002", fault::content, kind::rejected},
    {"40003", fault::in_doubt, kind::in_doubt},
    {"40P01", fault::rolled_back, kind::unavailable},
    {"42501", fault::refused, kind::unavailable},
    {"42601", fault::refused, kind::unavailable},
    {"42703", fault::refused, kind::unavailable},
    {"42P01", fault::refused, kind::unavailable},
    {"42P05", fault::refused, kind::unavailable},
    {"44000", fault::content, kind::rejected},
    {"53000", fault::away, kind::unavailable},
    {"53100", fault::away, kind::unavailable},
    {"53200", fault::away, kind::unavailable},
    {"53300", fault::away, kind::unavailable},
    {"53400", fault::away, kind::unavailable},
    {"54000", fault::limited, kind::blocked},
    {"54001", fault::content, kind::rejected},
    {"55000", fault::refused, kind::unavailable},
    {"55006", fault::away, kind::unavailable},
    {"55P03", fault::blocked, kind::blocked},
    {"57000", fault::away, kind::unavailable},
    {"57014", fault::blocked, kind::blocked},
    {"57P01", fault::lost, kind::unavailable},
    {"57P02", fault::lost, kind::unavailable},
    {"57P03", fault::away, kind::unavailable},
    {"57P04", fault::refused, kind::unavailable},
    {"57P05", fault::lost, kind::unavailable},
    {"58000", fault::away, kind::unavailable},
    {"58030", fault::unreadable, kind::unavailable},
    {"58P01", fault::unreadable, kind::unavailable},
    {"58P02", fault::away, kind::unavailable},
    {"72000", fault::rolled_back, kind::unavailable},
    {"F0000", fault::away, kind::unavailable},
    {"HV000", fault::refused, kind::unavailable},
    {"P0001", fault::content, kind::rejected},
    {"P0002", fault::content, kind::rejected},
    {"P0004", fault::content, kind::rejected},
    {"XX000", fault::blocked, kind::blocked},
    {"XX001", fault::blocked, kind::blocked},
    {"XX002", fault::blocked, kind::blocked},
    // Raised by somebody's own function.
    {"LG001", fault::content, kind::rejected},
    {"99999", fault::content, kind::rejected},
    // What is no SQLSTATE at all.
    {"", fault::refused, kind::unavailable},
    {"40", fault::refused, kind::unavailable},
};

constexpr const char* appendix_a[] = {
    "00", "01", "02", "03", "08", "09", "0A", "0B", "0F", "0L", "0P", "0Z", "10", "20", "21",
    "22", "23", "24", "25", "26", "27", "28", "2B", "2D", "2F", "34", "38", "39", "3B", "3D",
    "3F", "40", "42", "44", "53", "54", "55", "57", "58", "72", "F0", "HV", "P0", "XX"};

} // namespace

CAF_TEST(each state has its meaning) {
  for (const auto& [state, means, becomes] : table) {
    CAF_MESSAGE(state);
    CAF_CHECK(fault_of(state) == means);
    CAF_CHECK(failure_kind(fault_of(state)) == becomes);
  }
}

CAF_TEST(a key that is taken means what its constraint is for) {
  const auto error_on = [](const char* constraint) {
    return reported_error("23505", "ERROR:  duplicate key value", constraint);
  };
  for (const auto raced : {"transactions_record_id_key", "accounts_pkey", "",
                           "transaction_records_idempotency_key_key", "transaction_records_pkey"})
    CAF_CHECK(error_on(raced).fault() == fault::unique);
  for (const auto strange : {"transactions_user_id_currency_seq_key", "somebodys_index"})
    CAF_CHECK(error_on(strange).fault() == fault::blocked);
  const auto ids = error_on("transactions_pkey");
  CAF_CHECK(ids.fault() == fault::away);
  CAF_CHECK_EQUAL(std::string(ids.what()),
                  "the identity of ledger.transactions is behind its table: SELECT "
                  "setval(pg_get_serial_sequence('ledger.transactions', 'id'), max(id)) FROM "
                  "ledger.transactions (ERROR: duplicate key value [SQLSTATE 23505])");
  CAF_CHECK(reported_error("42501", "ERROR", "transactions_pkey").denied());
}

CAF_TEST(a row that is refused is not shown) {
  const std::string text = "ERROR:  no\nDETAIL:  Failing row contains (ann, 7).\n";
  for (const auto* state : {"23502", "23514"})
    CAF_CHECK_EQUAL(std::string(reported_error(state, text).what()),
                    "ERROR: no [SQLSTATE " + std::string(state) + "]");
  CAF_CHECK_EQUAL(std::string(reported_error("23503", "ERROR:  no\nDETAIL:  x\n").what()),
                  "ERROR: no DETAIL: x [SQLSTATE 23503]");
}

CAF_TEST(a connection that fails is told in one line) {
  const auto password = connection_error(
      "connection to server at \"10.0.0.1\", port 5432 failed: FATAL:  28P01: password "
      "authentication failed for user \"ann\"\nLOCATION:  auth_failed, auth.c:338\n"
      "connection to server at \"10.0.0.1\", port 5432 failed: FATAL:  28000: no pg_hba.conf "
      "entry\n");
  CAF_CHECK(password.fault() == fault::refused);
  CAF_CHECK_EQUAL(std::string(password.what()),
                  "connection to server at \"10.0.0.1\", port 5432 failed: FATAL: password "
                  "authentication failed for user \"ann\" [SQLSTATE 28P01]");
  const auto away = connection_error("connection to server at \"h\", port 1 failed: Connection "
                                     "refused\n\tIs the server running on that host and accepting "
                                     "TCP/IP connections?\n");
  CAF_CHECK(away.fault() == fault::lost);
  CAF_CHECK_EQUAL(std::string(away.what()),
                  "connection to server at \"h\", port 1 failed: Connection refused");
  CAF_CHECK(connection_error("x: FATAL:  57P03: the database system is starting up").fault()
            == fault::away);
  CAF_CHECK(connection_error("x failed: fe_sendauth: no password supplied\n").fault()
            == fault::refused);
  CAF_CHECK(connection_error("x: FATAL:  08P01: no more connections allowed").fault()
            == fault::away); // PgBouncer
  CAF_CHECK(connection_error("x: FATAL:  08P01: unsupported startup parameter: options").fault()
            == fault::refused);
  CAF_CHECK_EQUAL(one_line_of("ERROR:  a\n\tDETAIL: \x1b b\r\n"), "ERROR: a DETAIL: b");
  CAF_CHECK_EQUAL(one_line_of(std::string(1024, 'x')), std::string(1024, 'x'));
  CAF_CHECK_EQUAL(one_line_of(std::string(1025, 'x')),
                  std::string(1024, 'x') + "... (1 bytes more)");
  CAF_CHECK_EQUAL(one_line_of(std::string(1023, 'x') + "\u20ac" + "y"),
                  std::string(1023, 'x') + "... (4 bytes more)");
  CAF_CHECK_EQUAL(one_line_of(std::string(5000, '\x80')),
                  std::string(1020, '\x80') + "... (3980 bytes more)"); // no UTF-8
}

CAF_TEST(the table has a row for each class of the manual) {
  std::set<std::string> seen;
  for (const auto& each : table)
    seen.insert(std::string(each.state).substr(0, 2));
  for (const auto each : appendix_a)
    CAF_CHECK_EQUAL(seen.count(each), 1u);
}
