#include "persistence/postgres/schema_text.hpp"

#include "persistence/postgres/migrations.hpp"

#define CAF_SUITE schema_text
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

namespace {

struct fixture {
  ~fixture() { choose_schemas({}); }
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(schema_text_tests, fixture)

CAF_TEST(names of the contract are left alone) {
  const std::string sql = "SELECT FROM ledger.accounts, account.currencies";
  CAF_CHECK_EQUAL(in_schemas(sql), sql);
  CAF_CHECK_EQUAL(schema_identifier(schema::ledger), "ledger");
}

CAF_TEST(only names of schemas are put in their place) {
  choose_schemas({"account", "user"}); // another's name, and a word of SQL
  struct row {
    const char* text;
    const char* becomes;
  };
  const row table[] = {
      {"SELECT FROM ledger.accounts", "SELECT FROM \"account\".accounts"},
      {"ledger.a,account.b", "\"account\".a,\"user\".b"},
      {"to_regclass('ledger.shadow')", "to_regclass('\"account\".shadow')"},
      {"set_config('ledgerd.pooled', 'ledger')", "set_config('ledgerd.pooled', 'ledger')"},
      {"my_ledger.x, x.ledger.y, ledger . z", "my_ledger.x, x.ledger.y, ledger . z"},
      {"-- of the ledger. Next", "-- of the ledger. Next"},
      {"ledger", "ledger"},
      {"ledger.", "ledger."},
      {"", ""}};
  for (const auto& [text, becomes] : table)
    CAF_CHECK_EQUAL(in_schemas(text), becomes);
}

CAF_TEST(no migration is left in the schemas of the contract) {
  choose_schemas({"books", "desk"});
  for (const auto which : {schema::ledger, schema::account})
    for (const auto& each : migrations(which)) {
      auto sql = in_schemas(std::string(each.sql));
      for (const auto* word : {"ledger.", "account."})
        for (auto at = sql.find(word); at != std::string::npos; at = sql.find(word, at + 1)) {
          const auto next = sql[at + std::string_view{word}.size()];
          CAF_MESSAGE(each.name << ": " << sql.substr(at, 40));
          CAF_CHECK(next == ' ' || next == '\n'); // the end of a sentence of a comment
        }
    }
}

CAF_TEST_FIXTURE_SCOPE_END()
