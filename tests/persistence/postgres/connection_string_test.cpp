#include "persistence/postgres/connection_string.hpp"

#include <stdexcept>

#define CAF_SUITE connection_string
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

CAF_TEST(limits are added to a uri) {
  const auto text = connection_string("postgresql://ann:secret@example:5433/money");
  CAF_MESSAGE(text);
  for (const auto part :
       {"host='example'", "port='5433'", "dbname='money'", "user='ann'", "password='secret'",
        "connect_timeout='3'", "keepalives_idle='10'", "keepalives_interval='5'",
        "keepalives_count='3'", "tcp_user_timeout='10000'", "target_session_attrs='read-write'",
        "-c statement_timeout=5s", "-c lock_timeout=2s",
        "-c idle_in_transaction_session_timeout=3s", "-c search_path=pg_catalog", "-c jit=off"})
    CAF_CHECK(has(text, part));
}

CAF_TEST(limits are added to key and value pairs) {
  const auto text = connection_string("host=/run/postgresql dbname='my money'");
  CAF_CHECK(has(text, "host='/run/postgresql'"));
  CAF_CHECK(has(text, "dbname='my money'"));
  CAF_CHECK(has(text, "connect_timeout='3'"));
}

CAF_TEST(what the url sets itself stays) {
  const auto text = connection_string(
      "postgresql://h/d?connect_timeout=9&tcp_user_timeout=1&options=-c%20lock_timeout%3D1s",
      "-c geqo=off");
  CAF_CHECK(has(text, "connect_timeout='9'") && !has(text, "connect_timeout='3'"));
  CAF_CHECK(has(text, "tcp_user_timeout='1'"));
  // The server takes the last of several.
  CAF_CHECK(text.find("lock_timeout=1s") > text.find("lock_timeout=2s"));
  CAF_CHECK(text.find("lock_timeout=1s") > text.find("geqo=off"));
}

CAF_TEST(values are quoted) {
  const auto text = connection_string("postgresql://ann:a'b%5Cc%20d@h/d");
  CAF_CHECK(has(text, R"(password='a\'b\\c d')"));
}

CAF_TEST(the settings as statements) {
  const auto text = settings_as_statements(connection_string(
      "postgresql://h/d?options=-c%20work_mem%3D'9'%20--geqo%3Doff%20-cx%3By%3D1"));
  CAF_MESSAGE(text);
  CAF_CHECK(has(text, "SELECT set_config('statement_timeout', E'5s', false);"));
  CAF_CHECK(has(text, "('default_transaction_isolation', E'read committed', false)"));
  CAF_CHECK(has(text, "('ledgerd.session', E'on', false)"));
  CAF_CHECK(has(text, "('work_mem', E'\'\'9\'\'', false)"));
  CAF_CHECK(has(text, "('geqo', E'off', false)"));
  CAF_CHECK(!has(text, "x;y"));
}

CAF_TEST(a session on any server) {
  const auto text =
      any_server_connection_string("postgresql://h/d?target_session_attrs=read-write");
  CAF_CHECK(has(text, "target_session_attrs='any'"));
}

CAF_TEST(an invalid url is not repeated) {
  for (const auto url : {"postgresql://ann:sec:ret@h:port:/d?x", "postgresql://h/d?nonsense=secret",
                         "secret", "host='secret"}) {
    try {
      connection_string(url);
      CAF_FAIL("accepted " << url);
    } catch (const std::runtime_error& error) {
      CAF_CHECK(!has(error.what(), "sec"));
    }
  }
}
