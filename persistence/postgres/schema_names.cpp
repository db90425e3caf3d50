#include "persistence/schema_names.hpp"

#include <algorithm>

#include "domain/assert.hpp"
#include "persistence/postgres/schema_text.hpp"

namespace ledgerd {

namespace {

constexpr std::size_t identifier_bytes_max = 63; // NAMEDATALEN - 1

struct choice {
  schema_names names;
  bool is_contract = true;
};

choice& chosen() noexcept {
  static choice one;
  return one;
}

bool is_word(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

std::string rule_broken(std::string_view name) {
  const bool plain = !name.empty() && name.size() <= identifier_bytes_max
                     && !(name.front() >= '0' && name.front() <= '9')
                     && std::all_of(name.begin(), name.end(), is_word);
  if (!plain)
    return "must be a plain identifier: 1 to 63 of a to z, 0 to 9 and `_`, no digit first";
  if (name.starts_with("pg_") || name == "information_schema")
    return "must not be one of PostgreSQL's own schemas";
  return {};
}

// Where `word.` begins in `sql` at or after `from`, as the name of a schema.
std::size_t find_schema(const std::string& sql, std::string_view word, std::size_t from) {
  for (auto at = sql.find(word, from); at != std::string::npos; at = sql.find(word, at + 1))
    if (const auto end = at + word.size();
        (at == 0 || (!is_word(sql[at - 1]) && sql[at - 1] != '.')) && end + 1 < sql.size()
        && sql[end] == '.' && is_word(sql[end + 1]))
      return at;
  return std::string::npos;
}

} // namespace

std::vector<std::string> schema_name_faults(const schema_names& names) {
  std::vector<std::string> faults;
  const auto judge = [&](const std::string& key, const std::string& name) {
    if (const auto rule = rule_broken(name); !rule.empty())
      faults.push_back(key + " " + rule + ", not `" + name + "`");
  };
  judge("ledger-schema", names.ledger);
  judge("account-schema", names.account);
  if (faults.empty() && names.ledger == names.account)
    faults.push_back("account-schema (`" + names.account
                     + "`) must not be the name of ledger-schema, too");
  return faults;
}

void choose_schemas(const schema_names& names) {
  LEDGERD_ASSERT(schema_name_faults(names).empty());
  const schema_names contract;
  chosen() = {names, names.ledger == contract.ledger && names.account == contract.account};
}

const std::string& schema_name(schema which) noexcept {
  return which == schema::ledger ? chosen().names.ledger : chosen().names.account;
}

// Quoted, since it may be a word that SQL keeps for itself.
std::string schema_identifier(schema which) {
  return chosen().is_contract ? schema_name(which) : '"' + schema_name(which) + '"';
}

std::string in_schemas(std::string sql) {
  if (chosen().is_contract)
    return sql;
  const schema_names contract;
  std::string result;
  for (std::size_t from = 0;;) {
    const auto ledger = find_schema(sql, contract.ledger, from);
    const auto account = find_schema(sql, contract.account, from);
    const auto at = std::min(ledger, account);
    if (at == std::string::npos)
      return result.append(sql, from);
    const bool is_ledger = at == ledger;
    result.append(sql, from, at - from);
    result += schema_identifier(is_ledger ? schema::ledger : schema::account);
    from = at + (is_ledger ? contract.ledger : contract.account).size();
  }
}

} // namespace ledgerd
