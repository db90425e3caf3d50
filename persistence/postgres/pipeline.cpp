#include "persistence/postgres/pipeline.hpp"

#include <libpq-fe.h>
#include <string_view>

#include "persistence/schema_names.hpp"

namespace ledgerd {

pipeline::pipeline(PGconn* connection) : connection_(connection) {
  if (PQenterPipelineMode(connection_) != 1)
    broken();
}

pipeline::~pipeline() {
  PQexitPipelineMode(connection_); // in vain where the connection is of no more use
}

void pipeline::broken() const {
  throw database_error(database_fault::lost, one_line_of(PQerrorMessage(connection_)));
}

// Each answer leaves the server by itself, so that the time for each can be watched.
void pipeline::check_sent(int good) {
  if (good != 1 || PQsendFlushRequest(connection_) != 1)
    broken();
}

void pipeline::send(const std::string& sql) {
  check_sent(PQsendQueryParams(connection_, sql.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0));
}

void pipeline::send_prepared(const std::string& name, const std::vector<const char*>& parameters) {
  check_sent(PQsendQueryPrepared(connection_, name.c_str(), static_cast<int>(parameters.size()),
                                 parameters.data(), nullptr, nullptr, 0));
}

void pipeline::send_end() {
  if (PQpipelineSync(connection_) != 1)
    broken();
}

libpq_result pipeline::next() {
  libpq_result result(PQgetResult(connection_), PQclear);
  if (!result || PQstatus(connection_) != CONNECTION_OK)
    broken();
  while (const libpq_result more{PQgetResult(connection_), PQclear})
    ; // each answer ends with none
  return result;
}

void pipeline::read_end() {
  const libpq_result end(PQgetResult(connection_), PQclear);
  if (PQresultStatus(end.get()) != PGRES_PIPELINE_SYNC || PQexitPipelineMode(connection_) != 1)
    broken();
}

std::optional<database_error> error_of(const PGresult& answer) {
  const auto status = PQresultStatus(&answer);
  if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
    return std::nullopt;
  const char* text = PQresultErrorMessage(&answer);
  if (const char* state = PQresultErrorField(&answer, PG_DIAG_SQLSTATE)) {
    const auto field = [&](int code) -> std::string_view {
      const char* found = PQresultErrorField(&answer, code);
      return found == nullptr ? "" : found;
    };
    const auto place = field(PG_DIAG_SCHEMA_NAME);
    const bool elsewhere = !place.empty() && place != schema_name(schema::ledger)
                           && place != schema_name(schema::account);
    return elsewhere ? strangers_error(state, text)
                     : reported_error(state, text, field(PG_DIAG_CONSTRAINT_NAME));
  }
  throw database_error(database_fault::lost, one_line_of(text));
}

} // namespace ledgerd
