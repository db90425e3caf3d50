#include "app/trace/story_limits.hpp"

#include <algorithm>

#include "app/base/text.hpp"
#include "messaging/names.hpp"

namespace ledgerd {

namespace {

bool is_needed(trace_state state) {
  return state == trace_state::unknown || state == trace_state::recorded;
}

bool is_found(const trace_facts& facts, std::string_view stream) {
  if (stream == names::request_stream)
    return !facts.messages.requests.empty();
  return stream != names::result_stream || !facts.messages.results.empty();
}

// A request without a row has no result either. Of what is found nowhere the row may be lost.
bool has_no_result(const trace_facts& facts, trace_state state) {
  return !facts.row && facts.ledger_problem.empty()
         && (state != trace_state::unknown || !facts.messages.requests.empty());
}

void tell_problems(const trace_facts& facts, std::vector<std::string>& notes) {
  if (!facts.ledger_problem.empty())
    notes.push_back("the ledger's database cannot be asked: " + facts.ledger_problem);
  if (!facts.records_problem.empty())
    notes.push_back("the account side's database cannot be asked: " + facts.records_problem);
  if (!facts.streams_problem.empty())
    notes.push_back("the streams were not searched to the end: " + facts.streams_problem);
  if (facts.nodes.empty() && !facts.row && facts.messages.results.empty())
    notes.push_back("no node has answered");
}

} // namespace

bool streams_are_asked(const trace_facts& facts) {
  const auto& looked = facts.messages.looked;
  const auto is_whole = [](const auto& each) { return each.all || !each.exists; };
  return facts.streams_problem.empty()
         || (!looked.empty() && std::all_of(looked.begin(), looked.end(), is_whole));
}

std::string unasked(const trace_facts& facts) {
  std::string list = streams_are_asked(facts) ? "" : "; the streams";
  if (!facts.ledger_problem.empty())
    list += "; the ledger's database";
  if (!facts.records_problem.empty())
    list += "; the account side's database";
  return list;
}

void tell_limits(const trace_facts& facts, trace_story& story) {
  auto& notes = story.notes;
  tell_problems(facts, notes);
  std::string needed; // of what was asked
  for (const auto& each : facts.messages.looked) {
    if (each.left_out > 0)
      notes.push_back(std::to_string(each.left_out) + " more messages of "
                      + std::string(each.stream) + " name this record, too many to show");
    if (each.all || !each.exists
        || (each.stream == names::result_stream && has_no_result(facts, story.state)))
      continue;
    if (is_found(facts, each.stream) && !is_needed(story.state))
      continue;
    const auto part = std::to_string(each.held - std::min(each.read, each.held)) + " of "
                      + std::to_string(each.held) + " messages of " + std::string(each.stream)
                      + (each.waiting ? ", all of them handed out already" : "");
    needed += is_needed(story.state) ? "; " + part : "";
    notes.push_back("not looked at: " + part
                    + (each.back_to_ns == 0 || each.waiting
                           ? ""
                           : ", most of them from before " + format_time(each.back_to_ns / 1000))
                    + "; --all reads everything");
  }
  if (const auto list = unasked(facts) + needed; !list.empty())
    story.conclusion += "; not looked at: " + list.substr(2);
  if (!needed.empty())
    story.conclusion += "; --all reads everything";
  story.asked_all = unasked(facts).empty();
}

} // namespace ledgerd
