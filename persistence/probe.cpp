#include "persistence/probe.hpp"

#include <libpq-fe.h>
#include <poll.h>

#include <cstring>
#include <utility>

namespace ledgerd {

namespace {

using clock = std::chrono::steady_clock;

// Waits until the socket is ready for `events`, or the deadline has passed.
bool wait_for(int socket, short events, clock::time_point deadline) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock::now()).count();
  if (left <= 0)
    return false;
  pollfd waiting{socket, events, 0};
  return poll(&waiting, 1, static_cast<int>(left)) > 0;
}

} // namespace

void probe::closer::operator()(pg_conn* connection) const noexcept {
  PQfinish(connection);
}

probe::probe(std::string connection_string) : connection_string_(std::move(connection_string)) {}

probe::~probe() = default;

bool probe::writable(std::chrono::milliseconds limit) {
  const auto deadline = clock::now() + limit;
  // The connection of the last time may have ended with its server: that says nothing about the
  // present one.
  if (connection_ && ask(deadline))
    return true;
  return connect(deadline) && ask(deadline);
}

bool probe::connect(time_point deadline) {
  connection_.reset(PQconnectStart(connection_string_.c_str()));
  if (!connection_ || PQstatus(connection_.get()) == CONNECTION_BAD)
    return false;
  for (auto next = PGRES_POLLING_WRITING; next != PGRES_POLLING_OK;
       next = PQconnectPoll(connection_.get())) {
    const short events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (next == PGRES_POLLING_FAILED || !wait_for(PQsocket(connection_.get()), events, deadline)) {
      connection_.reset();
      return false;
    }
  }
  return true;
}

bool probe::ask(time_point deadline) {
  bool answered = false, writable = false;
  if (PQsendQuery(connection_.get(), "SELECT NOT pg_is_in_recovery() "
                                     "AND NOT current_setting('transaction_read_only')::boolean")
      == 1) {
    while (PQisBusy(connection_.get()) == 1
           && wait_for(PQsocket(connection_.get()), POLLIN, deadline)
           && PQconsumeInput(connection_.get()) == 1) {
    }
    answered = PQisBusy(connection_.get()) == 0;
  }
  while (answered) {
    const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQgetResult(connection_.get()),
                                                               PQclear);
    if (!result)
      break;
    writable = PQresultStatus(result.get()) == PGRES_TUPLES_OK
               && std::strcmp(PQgetvalue(result.get(), 0, 0), "t") == 0;
  }
  if (!writable)
    connection_.reset();
  return writable;
}

} // namespace ledgerd
