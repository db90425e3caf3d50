#include "app/shadow/shadow_report.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>
#include <utility>
#include <variant>

#include "app/base/text.hpp"
#include "domain/opening.hpp"
#include "messaging/names.hpp"

namespace ledgerd {

namespace {

using nlohmann::ordered_json;

constexpr std::size_t results_at_once = 1000;

std::string account_name(const account_key& key) {
  return key.user_id + "/" + std::string(key.currency.text());
}

std::string money_text(money amount, currency_code code, const currency_table& currencies) {
  return format_amount(amount, currencies.exponent(code).value_or(0));
}

class comparer {
public:
  comparer(ledger_reader& ledger, broker& nats, const shadow_report_options& options)
      : ledger_(ledger), nats_(nats), options_(options), currencies_(ledger.currencies()),
        comparison_(currencies_) {}

  shadow_report run() {
    read_results();
    read_rows();
    explain();
    report_.agreed = comparison_.agreed();
    report_.differing = comparison_.differing();
    report_.carried = comparison_.carried();
    report_.accounts_off = comparison_.accounts_off();
    return std::move(report_);
  }

private:
  void read_results() {
    const auto state = nats_.stream(names::result_stream);
    if (!state.exists)
      throw std::runtime_error("stream " + std::string(names::result_stream) + " does not exist");
    if (state.messages > 0)
      nats_.read(names::result_stream, "", state.first_seq, [this](const stored_message& each) {
        ++report_.results;
        if (const auto id = record_in_payload(each.payload))
          batch_.push_back({*id, each.seq, each.stored_at_ns, each.payload});
        else
          ++report_.unreadable;
        if (batch_.size() == results_at_once)
          compare_batch();
        return true;
      });
    compare_batch();
    std::sort(told_.begin(), told_.end());
  }

  void compare_batch() {
    std::vector<record_id> ids;
    for (const auto& one : batch_)
      ids.push_back(one.record);
    std::unordered_map<record_id, posting> rows;
    for (auto& found : ledger_.find_all(ids))
      rows.emplace(found.row.record, std::move(found.row));
    for (auto& one : batch_) {
      const auto row = rows.find(one.record);
      if (row == rows.end()) {
        ++report_.without_row_count;
        if (report_.without_rows.size() < options_.listed)
          report_.without_rows.push_back({one.record, one.seq, {}});
        continue;
      }
      told_.push_back(to_int(one.record));
      auto difference = comparison_.compare(one, row->second);
      if (difference && report_.differences.size() < options_.listed)
        report_.differences.push_back(*std::move(difference));
    }
    batch_.clear();
  }

  void read_rows() {
    const auto now = std::chrono::system_clock::now().time_since_epoch() - options_.older_than;
    const auto young_from = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
    ledger_.snapshot(
        {}, [](const account_row&) {},
        [&](const audited_posting& audited) {
          const auto& row = audited.row;
          if (is_opening(row)) {
            ++report_.openings;
            return;
          }
          ++report_.rows;
          if (std::binary_search(told_.begin(), told_.end(), to_int(row.record)))
            return;
          if (to_int(row.created_at) > young_from) {
            ++report_.too_young;
            return;
          }
          ++report_.without_result_count;
          if (report_.without_results.size() < options_.listed)
            report_.without_results.push_back(row);
        });
  }

  // What the shadow makes of the requests whose results it has no row for.
  void explain() {
    if (report_.without_rows.empty() || !nats_.stream(names::request_stream).exists)
      return;
    std::unordered_map<record_id, std::string> why;
    for (const auto& one : report_.without_rows)
      why.emplace(one.record, "no request of this record id is in the stream");
    nats_.read(names::request_stream, "", 1, [&](const stored_message& each) {
      const auto id = record_in_payload(each.payload);
      const auto wanted = id ? why.find(*id) : why.end();
      if (wanted == why.end())
        return true;
      const auto decoded = decode_entry(each.subject, each.payload, currencies_, options_.rules);
      const auto* refused = std::get_if<rejection>(&decoded);
      wanted->second = refused != nullptr
                           ? std::string(to_text(refused->reason)) + ": " + refused->detail
                           : "the shadow has not decided it: it is behind, began later, or has "
                             "stopped";
      return true;
    });
    for (auto& one : report_.without_rows)
      one.why = why.at(one.record);
  }

  ledger_reader& ledger_;
  broker& nats_;
  const shadow_report_options options_;
  const currency_table currencies_;
  shadow_comparison comparison_;
  shadow_report report_;
  std::vector<told_result> batch_;
  std::vector<std::int64_t> told_; // records that have both; sorted at last
};

} // namespace

shadow_report compare_all(ledger_reader& ledger, broker& nats,
                          const shadow_report_options& options) {
  return comparer{ledger, nats, options}.run();
}

std::string report_table(const shadow_report& report, const currency_table& currencies) {
  const auto count = [](std::uint64_t value) { return std::to_string(value); };
  auto out = format_table(
      {{"results", "agree", "differ", "of these carried", "accounts off", "without a row here",
        "rows here", "without a result"},
       {count(report.results), count(report.agreed), count(report.differing), count(report.carried),
        count(report.accounts_off), count(report.without_row_count), count(report.rows),
        count(report.without_result_count)}});
  if (report.unreadable > 0)
    out += "\n" + count(report.unreadable) + " results name no record\n";
  if (report.too_young > 0)
    out += "\n" + count(report.too_young) + " rows are too young to miss a result\n";
  std::vector<std::vector<std::string>> rows{{"difference", "account", "result", "what"}};
  for (const auto& one : report.differences)
    rows.push_back({count(static_cast<std::uint64_t>(to_int(one.record))),
                    escape_controls(account_name(one.account)), count(one.seq),
                    escape_controls(to_text(one)) + (one.carried ? " (carried)" : "")});
  for (const auto& one : report.without_rows)
    rows.push_back({count(static_cast<std::uint64_t>(to_int(one.record))), "", count(one.seq),
                    "no row here: " + escape_controls(one.why)});
  for (const auto& one : report.without_results)
    rows.push_back({count(static_cast<std::uint64_t>(to_int(one.record))),
                    escape_controls(account_name(one.account)), "",
                    "no result there; here " + std::string(status_text(one.verdict)) + ", balance "
                        + money_text(one.balance_after, one.account.currency, currencies)});
  if (!report.compares())
    out += "\nnothing was compared\n";
  else if (rows.size() == 1)
    out += report.unreadable > 0 ? "\nnothing differs in the others\n" : "\nnothing differs\n";
  return rows.size() == 1 ? out : out + "\n" + format_table(rows);
}

std::string report_json(const shadow_report& report, const currency_table& currencies) {
  auto differences = ordered_json::array();
  for (const auto& one : report.differences) {
    auto fields = ordered_json::array();
    for (const auto& [name, ours, theirs] : one.fields)
      fields.push_back({{"field", name}, {"ours", ours}, {"theirs", theirs}});
    differences.push_back({{"recordId", to_int(one.record)},
                           {"userId", one.account.user_id},
                           {"currency", one.account.currency.text()},
                           {"resultSequence", one.seq},
                           {"fields", fields},
                           {"carried", one.carried}});
  }
  auto without_rows = ordered_json::array();
  for (const auto& one : report.without_rows)
    without_rows.push_back(
        {{"recordId", to_int(one.record)}, {"resultSequence", one.seq}, {"why", one.why}});
  auto without_results = ordered_json::array();
  for (const auto& one : report.without_results)
    without_results.push_back(
        {{"recordId", to_int(one.record)},
         {"userId", one.account.user_id},
         {"currency", one.account.currency.text()},
         {"status", status_text(one.verdict)},
         {"balanceAfter", money_text(one.balance_after, one.account.currency, currencies)}});
  const ordered_json all{{"agrees", report.agrees()},
                         {"results", report.results},
                         {"unreadable", report.unreadable},
                         {"agreed", report.agreed},
                         {"differing", report.differing},
                         {"carried", report.carried},
                         {"accountsOff", report.accounts_off},
                         {"rows", report.rows},
                         {"openings", report.openings},
                         {"withoutRow", report.without_row_count},
                         {"withoutResult", report.without_result_count},
                         {"tooYoung", report.too_young},
                         {"differences", differences},
                         {"resultsWithoutRow", without_rows},
                         {"rowsWithoutResult", without_results}};
  return escape_json_controls(all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace))
         + "\n";
}

} // namespace ledgerd
