#include "persistence/database_error.hpp"

#include <algorithm>
#include <iterator>

namespace ledgerd {

namespace {

struct meaning {
  std::string_view state; // a whole SQLSTATE, or its first two characters: the class
  database_fault fault;
};

using enum database_fault;

// Single states that differ from their class.
constexpr meaning states[] = {
    {"08P01", refused},  // a pooler that does not know our start parameters says so
    {"23505", unique},   //
    {"25006", away},     // read-only: no primary any more
    {"25P03", lost},     // idle in a transaction for too long
    {"25P04", blocked},  // the transaction took too long
    {"40002", content},  // an integrity constraint
    {"40003", in_doubt}, // statement completion unknown
    {"55006", away},     // object in use
    {"55P03", blocked},  // lock timeout
    {"57014", blocked},  // statement timeout, or cancelled by hand
    {"57P01", lost},     // ended by an administrator
    {"57P02", lost},     // another backend crashed
    {"57P04", refused},  // database dropped
    {"57P05", lost},     // idle for too long
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
    {"54", content},     // program limit exceeded, such as the size of an index row
    {"55", refused},     // object not in prerequisite state
    {"57", away},        // operator intervention, such as a server that starts
    {"58", away},        // system error
    {"72", rolled_back}, // snapshot too old
    {"F0", away},        // configuration file error
    {"HV", away},        // foreign data wrapper
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

store_failure_kind failure_kind(database_fault fault) noexcept {
  switch (fault) {
  case unique:
  case content:
    return store_failure_kind::rejected;
  case blocked:
    return store_failure_kind::blocked;
  case in_doubt:
    return store_failure_kind::in_doubt;
  case rolled_back:
  case lost:
  case away:
  case refused:
    break;
  }
  return store_failure_kind::unavailable;
}

} // namespace ledgerd
