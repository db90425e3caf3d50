#include "messaging/nats/provisioning.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <utility>

#include "domain/boot_id.hpp"
#include "messaging/names.hpp"
#include "messaging/nats/js_api.hpp"
#include "messaging/nats/settings.hpp"
#include "messaging/shadow_topology.hpp"
#include "messaging/submission_codec.hpp"
#include "messaging/topology.hpp"

namespace ledgerd {

namespace {

using nlohmann::json;

struct stream_need {
  expected_stream what;
  std::vector<std::string> subjects; // to create it with
  bool optional = false;             // not missed where nothing may be created
};

// A subject of every movement.
template <class Subject>
std::vector<std::string> subjects_of_all(Subject subject) {
  std::vector<std::string> result;
  for (const auto& route : movement_routes)
    result.emplace_back(subject(route));
  return result;
}

std::vector<std::string> subjects_of_all(std::string_view movement_route::*subject) {
  return subjects_of_all([&](const movement_route& route) { return route.*subject; });
}

std::array<stream_need, 5> stream_needs() {
  const auto announced = [](std::string_view by) {
    return std::string(names::exhausted_prefix).append(by);
  };
  const auto requests = subjects_of_all(&movement_route::request);
  return {{
      {{names::request_stream, stream_use::requests, requests}, requests},
      {{names::result_stream, stream_use::results, subjects_of_all(&movement_route::result)},
       {std::string(names::result_subjects)}},
      {{names::dead_letter_stream, stream_use::dead_letters,
        subjects_of_all(&movement_route::dead_letter)},
       {std::string(names::dead_letter_subjects)}},
      {{names::exhausted_stream, stream_use::announcements,
        subjects_of_all([&](const auto& route) { return announced(route.consumer); })},
       {announced(">")},
       true},
      {{names::action_stream,
        stream_use::dead_letters,
        {std::string(names::discard_subject), std::string(names::replay_subject)}},
       {std::string(names::action_subjects)},
       true},
  }};
}

std::int64_t nanoseconds(std::chrono::milliseconds duration) {
  return std::chrono::nanoseconds(duration).count();
}

json stream_config(const stream_need& need, const provisioning& how) {
  json config = {{"name", need.what.name},
                 {"subjects", need.subjects},
                 {"retention", "limits"},
                 {"storage", "file"},
                 {"discard", "new"},
                 {"max_consumers", -1},
                 {"max_msgs", -1},
                 {"max_bytes", -1},
                 {"max_age", 0},
                 {"max_msg_size", -1},
                 {"num_replicas", how.replicas}};
  if (need.what.use != stream_use::requests)
    config["duplicate_window"] = nanoseconds(how.duplicate_window);
  return config;
}

json consumer_config(const durable_consumer& what, const provisioning& how) {
  json result = {{"stream_name", what.stream},
                 {"action", "create"}, // never an update; brokers before 2.10 ignore it
                 {"config",
                  {{"durable_name", what.name},
                   {"deliver_policy", "all"},
                   {"ack_policy", "explicit"},
                   {"ack_wait", nanoseconds(how.ack_wait)},
                   {"max_deliver", -1},
                   {"max_ack_pending", how.ack_pending_max},
                   {"filter_subject", what.filter},
                   {"replay_policy", "instant"}}}};
  if (what.filter.empty())
    result["config"].erase("filter_subject");
  return result;
}

// The mark stands in the description: nats-server 2.9 has no metadata.
constexpr std::string_view mark_words = "ledgerd shadow of database ";

std::string mark_of(std::uint64_t database) {
  return std::string(mark_words) + to_text(boot_id{database});
}

// Empty: it has none.
std::string mark_in(const json& config) {
  const auto text = config.value("description", "");
  const auto at = text.find(mark_words);
  return at == std::string::npos ? "" : text.substr(at, mark_of(0).size());
}

// The configuration of what is there, as JSON, or nothing.
std::optional<std::string> config_in(const jetstream_answer& answer, const std::string& what,
                                     int not_found) {
  if (answer.code == not_found)
    return std::nullopt;
  if (!answer.error.empty())
    throw std::runtime_error("JetStream, " + what + ": " + answer.error);
  const auto info = json::parse(answer.json);
  return info.contains("config") ? info["config"].dump() : "{}";
}

std::optional<std::string> find_config(session& through, const std::string& what, int not_found) {
  return config_in(ask_jetstream(through, what, ""), what, not_found);
}

// What is not there and may be made.
struct missing_thing {
  std::string who;
  std::string find;
  int not_found;
  std::string create;
  json config;
  std::string stream;                            // whose consumer it is; empty: it is a stream
  std::function<void(const std::string&)> judge; // the configuration that it got
};

// One look at everything that is needed. What is missing is made when all that is there has been
// judged, so that a start that is refused changes nothing.
class survey {
public:
  survey(session& through, const provisioning& how) : through_(through), how_(how) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    rules_ = {how.shutdown_deadline,
              std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()};
  }

  void look(const stream_need& need) {
    const std::string name(need.what.name);
    const bool not_missed = need.optional && !how_.create;
    const auto judge = [this, need](const std::string& config) { judge_found(need, config); };
    missing_thing one{"stream " + name,
                      "STREAM.INFO." + name,
                      api_stream_not_found,
                      "STREAM.CREATE." + name,
                      stream_config(need, how_),
                      "",
                      judge};
    if (judge_if_there(one, [&] { return ask_stream_info(through_, name); }))
      return;
    absent_.push_back(name);
    if (!not_missed)
      miss(std::move(one));
  }

  // A stream that the present service must have made. What is odd about its results is its own
  // affair.
  bool look_of_shadow(const stream_need& need) {
    const std::string name(need.what.name);
    const auto config = find_config(through_, "STREAM.INFO." + name, api_stream_not_found);
    if (!config) {
      report.refused.push_back("stream " + name + " is missing");
      return false;
    }
    note_age_of_server(*config);
    auto found = judge_stream(need.what, *config, rules_);
    if (need.what.use == stream_use::results) {
      std::move(found.refused.begin(), found.refused.end(), std::back_inserter(found.warned));
      found.refused.clear();
    }
    add(std::move(found));
    return true;
  }

  void look_of_shadow(const durable_consumer& what) {
    look(what, [this, &what](const std::string& config) { // a line of a table that stays
      auto judged = json::parse(config);
      judged["deliver_policy"] = "all"; // it may begin wherever it was told to
      judged.erase("opt_start_seq");
      judged.erase("opt_start_time");
      add(judge_consumer(what, judged.dump(), rules_));
      judge_mark(what, json::parse(config));
    });
  }

  void look(const durable_consumer& what) {
    look(what,
         [this, what](const std::string& config) { add(judge_consumer(what, config, rules_)); });
  }

  void make_missing() {
    if (!report.refused.empty() && !how_.despite_faults)
      return;
    for (const auto& each : missing_)
      if (std::find(unmade_.begin(), unmade_.end(), each.stream) == unmade_.end())
        make(each);
    for (const auto& [what, config] : std::exchange(unmarked_, {}))
      mark(*what, config);
  }

  // Whoever runs several servers hardly means one of them to be enough.
  void judge_replicas() {
    if (cluster_.empty() || single_.empty())
      return;
    std::string names;
    for (const auto& each : single_)
      names += (names.empty() ? "" : ", ") + each;
    report.warned.push_back("of the servers of cluster " + cluster_ + " a single one keeps " + names
                            + " each: what it has confirmed is lost with its disk; "
                              "`nats stream edit NAME --replicas 3`, and stream-replicas = 3 for "
                              "streams that are made again");
  }

  // A node says this itself when it lasts.
  void judge_copies() {
    for (const auto& [name, servers] : weak_)
      for (const auto& each : servers)
        report.warned.push_back(
            "stream " + name + ": "
            + (each == no_server ? "no server has been given one of its copies"
                                 : "the copy on " + each + " is away or behind just now")
            + "; a stream takes nothing while half of its copies or more are missing");
  }

  void judge_server() {
    if (old_server_)
      report.warned.emplace_back(
          "nats-server before 2.10: while somebody asks often for a consumer's state (a dashboard, "
          "an exporter) it delivers 11,000 messages a second instead of 38,000; use 2.10 or later");
  }

  void judge_payload_limit() {
    if (const auto limit = through_.message_bytes_max(); limit < answer_bytes_max)
      report.warned.push_back("max_payload of nats-server is " + std::to_string(limit)
                              + " bytes, and an answer has up to "
                              + std::to_string(answer_bytes_max)
                              + ": pages of transactions are cut shorter, verdicts are asked for "
                                "in smaller questions; set "
                                "max_payload to 1MB, which is its default");
  }

  provision_report report;

private:
  // Requests from the first one, results from its time on: what came before is none of a shadow's.
  json start_of(const durable_consumer& what) const {
    if (what.stream == names::request_stream)
      return {{"deliver_policy", "by_start_sequence"}, {"opt_start_seq", how_.shadow_from}};
    const auto answer =
        ask_jetstream(through_, "STREAM.MSG.GET." + std::string(names::request_stream),
                      json{{"seq", how_.shadow_from}}.dump());
    if (!answer.error.empty())
      return {{"deliver_policy", "new"}}; // the first request is still to come
    return {{"deliver_policy", "by_start_time"},
            {"opt_start_time", json::parse(answer.json).at("message").at("time")}};
  }

  void note_age_of_server(const std::string& stream_config) {
    // What nats-server 2.10 has brought.
    old_server_ = stream_config.find("\"compression\"") == std::string::npos;
  }

  void note_cluster(const std::string& info) {
    if (auto name = parse_cluster(info); !name.empty())
      cluster_ = std::move(name);
  }

  // The names cost the broker nothing.
  bool is_there(const durable_consumer& what) {
    const auto present = ask_consumer_names(through_, what.stream);
    return present && std::find(present->begin(), present->end(), what.name) != present->end();
  }

  void judge_found(const stream_need& need, const std::string& config) {
    note_age_of_server(config);
    if (json::parse(config).value("num_replicas", 1) == 1)
      single_.emplace_back(need.what.name);
    add(judge_stream(need.what, config, rules_));
  }

  void look(const durable_consumer& what, std::function<void(const std::string&)> judge) {
    if (old_server_ && !how_.may_cost && is_there(what)) {
      report.complete = false;
      return;
    }
    const std::string stream(what.stream);
    const auto path = stream + "." + std::string(what.name);
    missing_thing one{"consumer " + std::string(what.name) + " of stream " + stream,
                      "CONSUMER.INFO." + path,
                      api_consumer_not_found,
                      "CONSUMER.DURABLE.CREATE." + path,
                      consumer_config(what, how_),
                      stream,
                      std::move(judge)};
    const bool no_stream = std::find(absent_.begin(), absent_.end(), stream) != absent_.end();
    if (no_stream && !how_.create)
      return; // all is said already
    if (!no_stream
        && judge_if_there(one, [&] { return ask_consumer_info(through_, what.stream, what.name); }))
      return;
    if (how_.shadow && how_.shadow_database != 0)
      one.config["config"]["description"] = mark_of(how_.shadow_database);
    if (how_.shadow && how_.create && how_.shadow_from > 1)
      one.config["config"].update(start_of(what));
    miss(std::move(one));
  }

  // Whether it is there. What is silent is left to whoever needs it, who says so.
  template <class Ask>
  bool judge_if_there(const missing_thing& one, Ask ask_info) {
    try {
      const auto answer = ask_info();
      const auto config = config_in(answer, one.find, one.not_found);
      if (!config)
        return false;
      note_cluster(answer.json);
      if (one.stream.empty())
        weak_.emplace_back(one.config.at("name"), parse_stream_state(answer.json).weak_copies);
      one.judge(*config);
    } catch (const part_silent& why) {
      report.silent.emplace_back(why.what());
      if (one.stream.empty())
        unmade_.push_back(one.config.at("name")); // no server would make its consumers either
    }
    return true;
  }

  // Two shadows would share what one consumer hands out, and each would decide a part.
  void judge_mark(const durable_consumer& what, json config) {
    if (how_.shadow_database == 0)
      return;
    const auto found = mark_in(config);
    if (found.empty() && how_.create)
      unmarked_.emplace_back(&what, std::move(config));
    if (found.empty() || found == mark_of(how_.shadow_database))
      return;
    const std::string name(what.name);
    const std::string stream(what.stream);
    report.refused.push_back(
        "consumer " + name + " of stream " + stream + " belongs to the shadow of another database ("
        + found + ", this one's is " + to_text(boot_id{how_.shadow_database})
        + "): two would share what it hands out, and each would decide a part; stop the other one, "
          "or, when it has gone for good, `nats consumer rm "
        + stream + " " + name + "`");
  }

  // One that an earlier version has made. What somebody has written there stays.
  void mark(const durable_consumer& what, json config) {
    const std::string name(what.name);
    const auto path = std::string(what.stream) + "." + name;
    const auto before = config.value("description", "");
    config["description"] = (before.empty() ? "" : before + "; ") + mark_of(how_.shadow_database);
    const json request = {
        {"stream_name", what.stream}, {"action", "update"}, {"config", std::move(config)}};
    const auto answer = ask_jetstream(through_, "CONSUMER.DURABLE.CREATE." + path, request.dump());
    if (!answer.error.empty())
      return report.warned.push_back("consumer " + name + " of stream " + std::string(what.stream)
                                     + " cannot be marked as this shadow's, so that another one "
                                       "would not be refused: "
                                     + answer.error);
    // Another one may have been at it at the same time.
    if (const auto found = find_config(through_, "CONSUMER.INFO." + path, api_consumer_not_found))
      judge_mark(what, json::parse(*found));
  }

  void miss(missing_thing one) {
    if (how_.create)
      missing_.push_back(std::move(one));
    else
      report.refused.push_back(one.who + " is missing");
  }

  // Of several daemons that create at once one succeeds; the others find what it has made.
  void make(const missing_thing& one) {
    const auto answer = ask_jetstream(through_, one.create, one.config.dump());
    const auto found = find_config(through_, one.find, one.not_found);
    if (!found && answer.error.empty())
      throw std::runtime_error(one.who + " was deleted as soon as it was made");
    if (found)
      return note_made(one, *found, answer.error.empty());
    report.refused.push_back(one.who + " is missing and cannot be created: " + answer.error);
    if (one.stream.empty())
      unmade_.push_back(one.config.at("name"));
  }

  void note_made(const missing_thing& one, const std::string& config, bool by_us) {
    if (by_us)
      report.made.push_back(one.who);
    one.judge(config);
  }

  void add(judgement found) {
    std::move(found.refused.begin(), found.refused.end(), std::back_inserter(report.refused));
    std::move(found.warned.begin(), found.warned.end(), std::back_inserter(report.warned));
  }

  session& through_;
  const provisioning& how_;
  judging rules_;
  bool old_server_ = false;
  std::string cluster_;
  std::vector<std::string> single_;                                    // streams of one replica
  std::vector<std::pair<std::string, std::vector<std::string>>> weak_; // copies, by stream
  std::vector<std::string> absent_;                                    // streams
  std::vector<missing_thing> missing_;
  std::vector<std::pair<const durable_consumer*, json>> unmarked_; // and their configuration
  std::vector<std::string> unmade_; // streams that could not be made, or are silent
};

void survey_for_shadow(survey& all) {
  bool complete = true;
  for (const auto& need : stream_needs())
    if (need.what.use == stream_use::requests || need.what.use == stream_use::results)
      complete = all.look_of_shadow(need) && complete;
  for (const auto& what : shadow_consumers)
    if (complete)
      all.look_of_shadow(what);
  all.make_missing();
}

} // namespace

provision_report provision_all(session& through, const provisioning& how) {
  survey all(through, how);
  if (how.shadow) {
    survey_for_shadow(all);
    return std::move(all.report);
  }
  all.judge_payload_limit();
  for (const auto& need : stream_needs())
    all.look(need);
  for (const auto& what : durable_consumers)
    if (what.is_read(how.ledger, how.account))
      all.look(what);
  all.make_missing();
  all.judge_replicas();
  if (!how.create) { // who only looks wants to hear of what is slow or weak, too
    all.judge_server();
    all.judge_copies();
  }
  return std::move(all.report);
}

} // namespace ledgerd
