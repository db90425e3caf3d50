#include "messaging/nats/settings.hpp"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "messaging/nats/setting_rules.hpp"
#include "messaging/nats/subject_match.hpp"

namespace ledgerd {

namespace {

using nlohmann::json;

constexpr std::chrono::nanoseconds long_wait = std::chrono::minutes(5);

// What is judged together with other fields, said behind what the tables say.
class verdicts {
public:
  verdicts(std::string who, std::string_view config, judgement found)
      : who_(std::move(who)), config_(json::parse(config, nullptr, false)),
        found_(std::move(found)) {
    if (!config_.is_object())
      config_ = json::object();
  }

  const json& at(std::string_view field) const {
    static const json nothing;
    const auto found = config_.find(field);
    return found != config_.end() ? *found : nothing;
  }

  void refuse(const std::string& sentence) { found_.refused.push_back(who_ + sentence); }
  void warn(const std::string& sentence) { found_.warned.push_back(who_ + sentence); }

  judgement end() { return std::move(found_); }

private:
  const std::string who_;
  json config_;
  judgement found_;
};

std::int64_t number(const json& value) {
  return value.is_number_integer() ? value.get<std::int64_t>() : 0;
}

std::vector<std::string> strings(const json& list) {
  std::vector<std::string> result;
  if (list.is_array())
    for (const auto& one : list)
      if (one.is_string())
        result.push_back(one.get<std::string>());
  return result;
}

std::string joined(const std::vector<std::string>& list) {
  std::string result;
  for (const auto& one : list)
    result.append(result.empty() ? "" : ", ").append(one);
  return result.empty() ? "none" : result;
}

void judge_subjects(verdicts& by, const expected_stream& what) {
  const auto subjects = strings(by.at("subjects"));
  for (const auto& used : what.used)
    if (std::none_of(subjects.begin(), subjects.end(),
                     [&](const auto& one) { return subject_matches(one, used); }))
      by.refuse("subjects are " + joined(subjects) + ": messages on " + used
                + " would not be stored; add it");
}

void judge_filter(verdicts& by, const durable_consumer& what) {
  auto filters = strings(by.at("filter_subjects"));
  if (const auto& one = by.at("filter_subject"); one.is_string() && one != "")
    filters.push_back(one.get<std::string>());
  if (what.filter.empty() ? filters.empty() : filters.size() == 1 && filters[0] == what.filter)
    return;
  by.refuse("filter_subject is " + joined(filters)
            + ": messages would be handed to the wrong consumer or to none; it must be "
            + std::string(what.filter.empty() ? "none" : what.filter));
}

// Nobody is given what a killed node held before its wait is over.
void judge_longest_wait(verdicts& by, std::string_view field, std::int64_t wait) {
  if (wait > long_wait.count())
    by.warn(std::string(field) + " is " + std::to_string(wait / 1'000'000)
            + "ms: what a killed node held waits so long until it is handed out again; 30 s is "
              "enough");
}

void judge_ack_wait(verdicts& by, const judging& how) {
  // A backoff list takes the place of the acknowledgement wait with its first entry.
  const auto& backoff = by.at("backoff");
  const bool backed_off = backoff.is_array() && !backoff.empty();
  const auto wait = number(backed_off ? backoff.front() : by.at("ack_wait"));
  if (wait < std::chrono::nanoseconds(how.shutdown_deadline).count())
    by.refuse(std::string(backed_off ? "the first backoff is " : "ack_wait is ")
              + std::to_string(wait / 1'000'000) + "ms, shorter than the shutdown deadline of "
              + std::to_string(how.shutdown_deadline.count())
              + "ms: messages would be handed out again while they are being worked on; make it "
                "longer");
  std::int64_t longest = wait;
  if (backed_off)
    for (const auto& one : backoff)
      longest = std::max(longest, number(one));
  judge_longest_wait(by, backed_off ? "the longest backoff" : "ack_wait", longest);
}

} // namespace

judgement judge_stream(const expected_stream& what, std::string_view config, const judging& how) {
  const auto who = "stream " + std::string(what.name) + ": ";
  verdicts by(who, config, judge_stream_fields(who, config, what.use, how));
  judge_subjects(by, what);
  return by.end();
}

judgement judge_consumer(const durable_consumer& what, std::string_view config,
                         const judging& how) {
  const auto who =
      "consumer " + std::string(what.name) + " of stream " + std::string(what.stream) + ": ";
  verdicts by(who, config, judge_consumer_fields(who, config, how));
  if (by.at("headers_only") == true)
    by.refuse("headers_only is true: messages would come without their content; set it to false");
  judge_filter(by, what);
  judge_ack_wait(by, how);
  return by.end();
}

} // namespace ledgerd
