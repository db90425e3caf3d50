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
  auto& words = *static_cast<server_words*>(self);
  const auto sentence =
      one_line_of(field(PG_DIAG_MESSAGE_PRIMARY)) + " [SQLSTATE " + field(PG_DIAG_SQLSTATE) + "]";
  if (severity == "FATAL" || severity == "PANIC")
    words.text = sentence;
  else if (severity == "WARNING")
    words.warning = sentence;
}

} // namespace ledgerd
