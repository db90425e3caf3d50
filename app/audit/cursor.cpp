#include "app/audit/cursor.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <sys/file.h>
#include <system_error>
#include <unistd.h>

namespace ledgerd {

namespace {

using nlohmann::ordered_json;

constexpr int version = 3;

// Changes where this program would compute other digests.
std::string digest_mark() {
  const auto one = digest_of("subject", "payload");
  return std::to_string(one.a) + "-" + std::to_string(one.b);
}

ordered_json to_json(const stream_state& state) {
  return {{"exists", state.exists},    {"messages", state.messages},
          {"bytes", state.bytes},      {"firstSeq", state.first_seq},
          {"lastSeq", state.last_seq}, {"createdAtNs", state.created_at_ns},
          {"limited", state.limited}};
}

stream_state stream_in(const ordered_json& given) {
  stream_state state;
  given.at("exists").get_to(state.exists);
  given.at("messages").get_to(state.messages);
  given.at("bytes").get_to(state.bytes);
  given.at("firstSeq").get_to(state.first_seq);
  given.at("lastSeq").get_to(state.last_seq);
  given.at("createdAtNs").get_to(state.created_at_ns);
  given.at("limited").get_to(state.limited);
  return state;
}

ordered_json to_json(const ledger_audit::place& chains) {
  auto sums = ordered_json::array();
  for (const auto& [code, each] : chains.sums)
    sums.push_back({{"currency", code.text()},
                    {"balances", int128_text(each.balances)},
                    {"moved", int128_text(each.moved)}});
  ordered_json result{{"accounts", chains.accounts},
                      {"applied", chains.applied},
                      {"refused", chains.refused},
                      {"sums", std::move(sums)}};
  // Bytes, since a user's name in a damaged row need not be text.
  if (chains.last)
    result["last"] = {
        std::vector<std::uint8_t>(chains.last->user_id.begin(), chains.last->user_id.end()),
        chains.last->currency.text()};
  return result;
}

ledger_audit::place chains_in(const ordered_json& given) {
  ledger_audit::place chains;
  given.at("accounts").get_to(chains.accounts);
  given.at("applied").get_to(chains.applied);
  given.at("refused").get_to(chains.refused);
  for (const auto& each : given.at("sums")) {
    const auto code = currency_code::parse(each.at("currency").get<std::string>());
    const auto balances = parse_int128(each.at("balances").get<std::string>());
    const auto moved = parse_int128(each.at("moved").get<std::string>());
    chains.sums[code.value()] = {balances.value(), moved.value()};
  }
  if (const auto last = given.find("last"); last != given.end()) {
    const auto user = last->at(0).get<std::vector<std::uint8_t>>();
    chains.last = account_key{{user.begin(), user.end()},
                              currency_code::parse(last->at(1).get<std::string>()).value()};
  }
  return chains;
}

ordered_json to_json(const stream_audit::place& messages) {
  return {{"settled", messages.settled},
          {"firstResultAtNs", messages.first_result_at_ns},
          {"lookedAtUs", messages.looked_at_us},
          {"firstWithRequest", messages.first_with_request},
          {"firstWithResult", messages.first_with_result},
          {"results", messages.results},
          {"requests", messages.requests},
          {"unproven", messages.unproven},
          {"openings", messages.openings},
          {"beforeImport", messages.before_import},
          {"rowBytes", messages.row_bytes},
          {"resultBytes", messages.result_bytes},
          {"requestBytes", messages.request_bytes},
          {"markedBytes", messages.marked_bytes}};
}

stream_audit::place messages_in(const ordered_json& given) {
  stream_audit::place messages;
  given.at("settled").get_to(messages.settled);
  given.at("firstResultAtNs").get_to(messages.first_result_at_ns);
  given.at("lookedAtUs").get_to(messages.looked_at_us);
  given.at("firstWithRequest").get_to(messages.first_with_request);
  given.at("firstWithResult").get_to(messages.first_with_result);
  given.at("results").get_to(messages.results);
  given.at("requests").get_to(messages.requests);
  given.at("unproven").get_to(messages.unproven);
  given.at("openings").get_to(messages.openings);
  given.at("beforeImport").get_to(messages.before_import);
  given.at("rowBytes").get_to(messages.row_bytes);
  given.at("resultBytes").get_to(messages.result_bytes);
  given.at("requestBytes").get_to(messages.request_bytes);
  given.at("markedBytes").get_to(messages.marked_bytes);
  return messages;
}

ordered_json to_json(const finding_list& findings) {
  auto counts = ordered_json::object();
  for (const auto& [kind, count] : findings.counts())
    counts[std::string(to_text(kind))] = count;
  auto listed = ordered_json::array();
  for (const auto& each : findings.listed())
    listed.push_back({to_text(each.kind), each.detail});
  return {{"counts", std::move(counts)}, {"listed", std::move(listed)}};
}

void read_findings(const ordered_json& given, finding_list& findings) {
  std::map<finding_kind, std::uint64_t> counts;
  for (const auto& [kind, count] : given.at("counts").items())
    counts[parse_finding_kind(kind).value()] = count.get<std::uint64_t>();
  std::vector<finding> listed;
  for (const auto& each : given.at("listed"))
    listed.push_back(
        {parse_finding_kind(each.at(0).get<std::string>()).value(), each.at(1).get<std::string>()});
  findings.restore(std::move(counts), std::move(listed));
}

audit_place place_in(const ordered_json& given) {
  audit_place place;
  given.at("began").get_to(place.began);
  place.phase = static_cast<audit_phase>(given.at("phase").get<int>());
  given.at("live").get_to(place.live);
  for (std::size_t i = 0; i < place.streams.size(); ++i)
    place.streams.at(i) = stream_in(given.at("streams").at(i));
  given.at("firstStoredAtNs").get_to(place.first_stored_at_ns);
  given.at("lastLetter").get_to(place.last_letter);
  given.at("nextResult").get_to(place.next_result);
  given.at("nextRequest").get_to(place.next_request);
  place.last_record = record_id{given.at("lastRecord").get<std::int64_t>()};
  given.at("records").get_to(place.records);
  given.at("pending").get_to(place.pending);
  place.chains = chains_in(given.at("chains"));
  place.messages = messages_in(given.at("messages"));
  return place;
}

// The file stays: where it is removed, two audits could each lock one of their own.
int lock_in(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    throw std::runtime_error("--cursor " + folder.string() + ": " + error.message());
  const auto path = folder / "lock";
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file != -1 && flock(file, LOCK_EX | LOCK_NB) == 0)
    return file;
  const int why = errno;
  if (file != -1 && flock(file, LOCK_EX | LOCK_NB) == 0)
    close(file);
  throw std::runtime_error(why == EWOULDBLOCK
                               ? "another audit works with " + folder.string()
                               : "--cursor " + path.string() + ": " + std::strerror(why));
}

} // namespace

audit_cursor::audit_cursor(std::filesystem::path folder)
    : folder_(std::move(folder)), lock_(lock_in(folder_)) {}

audit_cursor::~audit_cursor() {
  close(lock_);
}

std::optional<audit_place> audit_cursor::load(finding_list& findings) const {
  std::ifstream in(file());
  if (!in)
    return std::nullopt;
  const auto unusable = [&](const std::string& why) {
    return std::runtime_error("--cursor " + folder_.string() + ": " + why
                              + "; remove the folder to begin anew");
  };
  std::ostringstream text;
  text << in.rdbuf();
  try {
    const auto given = ordered_json::parse(text.str());
    if (given.at("version") != version || given.at("digests") != digest_mark())
      throw unusable("it is of another version of this program");
    auto place = place_in(given);
    read_findings(given.at("findings"), findings);
    return place;
  } catch (const ordered_json::exception&) {
    throw unusable("cursor.json cannot be read");
  } catch (const std::bad_optional_access&) {
    throw unusable("cursor.json cannot be read");
  }
}

void audit_cursor::save(const audit_place& place, const finding_list& findings) const {
  auto streams = ordered_json::array();
  for (const auto& each : place.streams)
    streams.push_back(to_json(each));
  const ordered_json document{{"version", version},
                              {"digests", digest_mark()},
                              {"began", place.began},
                              {"phase", static_cast<int>(place.phase)},
                              {"live", place.live},
                              {"streams", std::move(streams)},
                              {"firstStoredAtNs", place.first_stored_at_ns},
                              {"lastLetter", place.last_letter},
                              {"nextResult", place.next_result},
                              {"nextRequest", place.next_request},
                              {"lastRecord", to_int(place.last_record)},
                              {"records", place.records},
                              {"pending", place.pending},
                              {"chains", to_json(place.chains)},
                              {"messages", to_json(place.messages)},
                              {"findings", to_json(findings)}};
  auto fresh = file();
  fresh += ".new";
  std::ofstream out(fresh, std::ios::trunc);
  out << document.dump(1, ' ', false, ordered_json::error_handler_t::replace) << '\n';
  out.close();
  std::error_code error;
  if (out)
    std::filesystem::rename(fresh, file(), error);
  if (!out || error)
    throw std::runtime_error("--cursor " + folder_.string() + ": cannot be written");
}

void audit_cursor::clear() const {
  std::error_code ignored;
  std::filesystem::remove(file(), ignored);
  for (const auto& each : std::filesystem::directory_iterator(folder_, ignored)) {
    const auto name = each.path().filename().string();
    if (name.starts_with("rows.") || name.starts_with("results.") || name.starts_with("requests.")
        || name.starts_with("marked."))
      std::filesystem::remove(each.path(), ignored);
  }
}

} // namespace ledgerd
