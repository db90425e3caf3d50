#include "persistence/postgres/session_opener.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <poll.h>
#include <utility>
#include <vector>

#include "persistence/database_error.hpp"
#include "persistence/postgres/address_lookup.hpp"
#include "persistence/postgres/call_deadline.hpp"
#include "persistence/postgres/connection_string.hpp"

namespace ledgerd {

namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// How long an address may keep silent before the next one is tried beside it.
constexpr milliseconds head_start{500};

// How soon a cancellation is noticed.
constexpr milliseconds glance{50};

constexpr milliseconds lookup_limit{1500};

milliseconds timeout_of(const connection_parameters& values) {
  int seconds = 0;
  if (const auto found = values.find("connect_timeout"); found != values.end())
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), seconds);
  return seconds <= 0 ? milliseconds{3000} : milliseconds{1000} * std::min(seconds, 60);
}

std::vector<std::string> split(const connection_parameters& values, const char* name) {
  std::vector<std::string> result;
  const auto found = values.find(name);
  if (found == values.end() || found->second.empty())
    return result;
  std::string_view rest = found->second;
  for (;;) {
    const auto comma = rest.find(',');
    result.emplace_back(rest.substr(0, comma));
    if (comma == rest.npos)
      return result;
    rest.remove_prefix(comma + 1);
  }
}

bool is_name(const std::string& host) {
  in6_addr ignored{};
  return !host.empty() && host.front() != '/' && host.front() != '@'
         && inet_pton(AF_INET, host.c_str(), &ignored) != 1
         && inet_pton(AF_INET6, host.c_str(), &ignored) != 1;
}

std::string item(const std::vector<std::string>& list, std::size_t place) {
  return place < list.size() ? list[place] : list.size() == 1 ? list.front() : std::string{};
}

// One connection string for each address, with the port and host that belong to it.
std::vector<connection_parameters> addresses_of(const connection_parameters& values,
                                                clock::time_point deadline) {
  const auto hosts = split(values, "host"), numbers = split(values, "hostaddr"),
             ports = split(values, "port");
  // From the environment or a service file: libpq knows.
  if (hosts.empty() && numbers.empty())
    return {values};
  std::vector<std::string> names;
  for (std::size_t i = 0; i < hosts.size(); ++i)
    if (item(numbers, i).empty() && is_name(hosts[i]))
      names.push_back(hosts[i]);
  const auto found = look_up_addresses(names, deadline);
  std::vector<connection_parameters> result;
  std::size_t name = 0;
  for (std::size_t i = 0; i < std::max(hosts.size(), numbers.size()); ++i) {
    auto one = values;
    one.erase("hostaddr");
    one.erase("port");
    one["host"] = item(hosts, i);
    if (const auto port = item(ports, i); !port.empty())
      one["port"] = port;
    if (const auto number = item(numbers, i); !number.empty()) {
      one["hostaddr"] = number;
    } else if (is_name(one["host"])) {
      for (const auto& address : found[name++]) {
        one["hostaddr"] = address;
        result.push_back(one);
      }
      continue;
    }
    result.push_back(std::move(one));
  }
  if (result.empty())
    throw database_error(database_fault::lost,
                         "no address is known for the host " + values.at("host"));
  return result;
}

class attempt {
public:
  attempt(const connection_parameters& values, std::size_t address)
      : connection_(PQconnectStart(to_text(values).c_str())), address_(address),
        failed_(PQstatus(connection_.get()) == CONNECTION_BAD) {
    // So that the SQLSTATE of a refusal is told, which libpq tells in no other way.
    if (connection_)
      PQsetErrorVerbosity(connection_.get(), PQERRORS_VERBOSE);
  }

  bool failed() const { return failed_; }
  pollfd waits_for() const {
    const short events = next_ == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    return {PQsocket(connection_.get()), events, 0};
  }
  std::string error() const { return PQerrorMessage(connection_.get()); }
  std::string silence(milliseconds limit) const { return no_answer(connection_.get(), limit); }

  // True: the session is made.
  bool go_on() {
    next_ = PQconnectPoll(connection_.get());
    failed_ = next_ == PGRES_POLLING_FAILED;
    return next_ == PGRES_POLLING_OK;
  }

  opened_session take() {
    PQsetErrorVerbosity(connection_.get(), PQERRORS_DEFAULT);
    return {std::move(connection_), address_};
  }

private:
  std::unique_ptr<pg_conn, session_closer> connection_;
  std::size_t address_;
  PostgresPollingStatusType next_ = PGRES_POLLING_WRITING;
  bool failed_;
};

// What all attempts together mean: refused only if every address refuses, lost only if none says
// anything.
database_error sum_up(const std::vector<attempt>& attempts, milliseconds limit) {
  bool all_refuse = true, none_speaks = true;
  std::string sentence;
  for (const auto& each : attempts) {
    const auto error = each.failed() ? connection_error(each.error())
                                     : database_error(database_fault::lost, each.silence(limit));
    all_refuse = all_refuse && error.fault() == database_fault::refused;
    none_speaks = none_speaks && error.fault() == database_fault::lost;
    sentence += (sentence.empty() ? "" : "; ") + std::string(error.what());
  }
  return {all_refuse    ? database_fault::refused
          : none_speaks ? database_fault::lost
                        : database_fault::away,
          sentence};
}

} // namespace

void session_closer::operator()(pg_conn* connection) const noexcept {
  PQfinish(connection);
}

std::string no_answer(const pg_conn* from, milliseconds limit) {
  const auto* host = PQhost(from);
  const auto* port = PQport(from);
  const std::string at = host == nullptr ? "" : host, number = port == nullptr ? "" : port;
  const bool socket = at.starts_with('/') || at.starts_with('@');
  return "PostgreSQL"
         + (at.empty() ? ""
            : socket   ? " at " + at + "/.s.PGSQL." + number
                       : " at " + (at.find(':') == at.npos ? at : "[" + at + "]") + ":" + number)
         + " gave no answer within " + std::to_string(limit.count()) + " ms";
}

opened_session open_session(const std::string& connection_string, std::size_t first,
                            std::optional<milliseconds> limit) {
  const auto values = parse_connection_string(connection_string);
  const auto one_limit = limit.value_or(timeout_of(values));
  const auto begun = clock::now();
  const auto addresses = addresses_of(values, begun + std::min(one_limit, lookup_limit));
  const auto extra = limit ? milliseconds{0} : head_start * static_cast<int>(addresses.size() - 1);
  const auto deadline = begun + one_limit + extra;
  std::vector<attempt> attempts;
  attempts.reserve(addresses.size());
  for (auto next_start = begun; clock::now() < deadline;) {
    refuse_cancelled_calls();
    const bool all_failed = std::all_of(attempts.begin(), attempts.end(),
                                        [](const auto& each) { return each.failed(); });
    if (attempts.size() < addresses.size() && (all_failed || clock::now() >= next_start)) {
      const auto address = (first + attempts.size()) % addresses.size();
      attempts.emplace_back(addresses[address], address);
      next_start = clock::now() + head_start;
      continue;
    }
    if (all_failed)
      break;
    std::vector<pollfd> waiting;
    std::vector<attempt*> waiters;
    for (auto& each : attempts)
      if (!each.failed()) {
        waiting.push_back(each.waits_for());
        waiters.push_back(&each);
      }
    poll(waiting.data(), waiting.size(), static_cast<int>(glance.count()));
    for (std::size_t i = 0; i < waiters.size(); ++i)
      if (waiting[i].revents != 0 && waiters[i]->go_on())
        return waiters[i]->take();
  }
  throw sum_up(attempts, std::chrono::duration_cast<milliseconds>(deadline - begun));
}

} // namespace ledgerd
