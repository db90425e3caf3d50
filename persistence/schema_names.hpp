// What the two schemas are called in their databases: `ledger` and `account`, or what the
// configuration has put in their place. Chosen once, before there is a second thread, and never
// again: any thread reads them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "persistence/schema.hpp"

namespace ledgerd {

struct schema_names {
  std::string ledger = "ledger";
  std::string account = "account";
};

// The rules that they break, one sentence each, which begins with ledger-schema or account-schema;
// empty: none.
std::vector<std::string> schema_name_faults(const schema_names& names);

// From now on this process uses these, which must keep to all rules.
void choose_schemas(const schema_names& names);

// The name of a schema, for sentences.
const std::string& schema_name(schema which) noexcept;

} // namespace ledgerd
