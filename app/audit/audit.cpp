#include "app/audit/audit.hpp"

#include <nlohmann/json.hpp>

#include "app/base/output.hpp"
#include "app/base/text.hpp"

namespace ledgerd {

namespace {

std::string reach_text(const audited_stream& stream) {
  if (!stream.state.exists)
    return "missing";
  if (stream.first_stored_at_ns == 0)
    return stream.state.last_seq == 0 ? "its beginning (empty)" : "nothing held any more";
  const auto since = format_time(stream.first_stored_at_ns / 1000);
  if (stream.state.first_seq <= 1)
    return "its beginning, " + since;
  return "sequence " + std::to_string(stream.state.first_seq) + ", " + since;
}

nlohmann::ordered_json stream_json(const audited_stream& stream) {
  nlohmann::ordered_json result{{"name", stream.name},
                                {"exists", stream.state.exists},
                                {"messages", stream.state.messages},
                                {"firstSequence", stream.state.first_seq},
                                {"lastSequence", stream.state.last_seq}};
  if (stream.first_stored_at_ns != 0)
    result["since"] = format_time(stream.first_stored_at_ns / 1000);
  return result;
}

} // namespace

void audit_report::count(const ledger_audit& chains, const stream_audit& messages) {
  accounts = chains.accounts();
  applied = chains.applied();
  refused = chains.refused();
  results = messages.results();
  dead_letters = messages.dead_letters();
  requests = messages.requests();
  unproven = messages.unproven();
  openings = messages.openings();
  before_import = messages.before_import();
}

std::string audit_table(const audit_report& report) {
  const auto reach = [&](std::size_t i) { return reach_text(report.streams[i]); };
  std::vector<std::vector<std::string>> checked{
      {"checked", "count", "back to"},
      {"accounts", std::to_string(report.accounts), "the beginning"},
      {"rows applied", std::to_string(report.applied), "the beginning"},
      {"rows refused", std::to_string(report.refused), "the beginning"},
      {"requests", std::to_string(report.requests), reach(0)},
      {"results", std::to_string(report.results), reach(1)},
      {"dead letters", std::to_string(report.dead_letters), reach(2)},
  };
  if (report.openings != 0)
    checked.push_back({"rows imported", std::to_string(report.openings), "the beginning"});
  if (report.has_records)
    checked.push_back({"records", std::to_string(report.records), "the beginning"});
  auto out = format_table(checked);
  if (!report.resumed.empty())
    out += "\nbegun at " + report.resumed
           + ", interrupted, and gone on with: it holds for that time\n";
  if (report.pending != 0)
    out += "\n" + std::to_string(report.pending) + " records have no verdict yet\n";
  if (report.before_import != 0)
    out += "\nnot judged: " + std::to_string(report.before_import)
           + " requests and results that are older than this ledger, which took accounts over\n";
  if (report.unproven != 0)
    out += "\nnot proven: " + std::to_string(report.unproven)
           + " requests that had to be parked are older than the dead letters that are still "
             "held\n";
  if (report.findings.empty())
    return out + "\nnothing is off\n";
  std::vector<std::vector<std::string>> rows{{"finding", "detail"}};
  for (const auto& found : report.findings.listed())
    rows.push_back({std::string(to_text(found.kind)), escape_controls(found.detail)});
  out += "\n" + format_table(rows) + "\n";
  for (const auto& [kind, count] : report.findings.counts())
    out += std::to_string(count) + " times " + std::string(to_text(kind)) + "\n";
  return out;
}

std::string audit_json(const audit_report& report) {
  auto streams = nlohmann::ordered_json::array();
  for (const auto& stream : report.streams)
    streams.push_back(stream_json(stream));
  auto counts = nlohmann::ordered_json::object();
  for (const auto& [kind, count] : report.findings.counts())
    counts[std::string(to_text(kind))] = count;
  auto listed = nlohmann::ordered_json::array();
  for (const auto& found : report.findings.listed())
    listed.push_back({{"kind", to_text(found.kind)}, {"detail", found.detail}});
  nlohmann::ordered_json result{{"ok", report.findings.empty()},
                                {"accounts", report.accounts},
                                {"applied", report.applied},
                                {"refused", report.refused},
                                {"requests", report.requests},
                                {"results", report.results},
                                {"deadLetters", report.dead_letters},
                                {"unproven", report.unproven},
                                {"openings", report.openings},
                                {"beforeImport", report.before_import},
                                {"streams", streams},
                                {"findingCounts", counts},
                                {"findings", listed}};
  if (!report.resumed.empty())
    result["resumed"] = report.resumed;
  if (report.has_records) {
    result["records"] = report.records;
    result["pending"] = report.pending;
  }
  return escape_json_controls(result.dump(2, ' ', false, nlohmann::json::error_handler_t::replace))
         + "\n";
}

int audit(ledger_reader& ledger, record_reader& records, broker& nats,
          const audit_options& options) {
  const auto report = run_audit(ledger, records, nats, options.rules, options.how);
  const auto text = options.json ? audit_json(report) : audit_table(report);
  print_lines(text);
  return report.findings.empty() ? 0 : 1;
}

} // namespace ledgerd
