#include "persistence/postgres/server_words.hpp"

#include <libpq-fe.h>

#include "persistence/database_error.hpp"

namespace ledgerd {

void server_words::hear(void* self, const pg_result* notice) {
  const auto field = [notice](int which) {
    const char* found = PQresultErrorField(notice, which);
    return std::string(found == nullptr ? "" : found);
  };
  const auto severity = field(PG_DIAG_SEVERITY_NONLOCALIZED);
  if (severity == "FATAL" || severity == "PANIC")
    static_cast<server_words*>(self)->text =
        one_line_of(field(PG_DIAG_MESSAGE_PRIMARY)) + " [SQLSTATE " + field(PG_DIAG_SQLSTATE) + "]";
}

} // namespace ledgerd
