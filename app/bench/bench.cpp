#include "app/bench/bench.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <stdexcept>
#include <thread>
#include <unordered_map>

#include <nlohmann/json.hpp>
#include <spdlog/fmt/fmt.h>

#include "app/base/usage_error.hpp"
#include "app/bench/lean_ledger.hpp"
#include "app/bench/load.hpp"
#include "app/bench/process.hpp"
#include "domain/assert.hpp"
#include "domain/exit_code.hpp"
#include "messaging/broker.hpp"
#include "messaging/codec.hpp"
#include "messaging/topology.hpp"
#include "persistence/postgres.hpp"
#include "persistence/schema.hpp"

namespace ledgerd {

namespace {

using clock = std::chrono::steady_clock;

constexpr auto poll_pause = std::chrono::milliseconds{10};
constexpr auto stall_limit = std::chrono::seconds{60};
constexpr std::int64_t warm_up_ns = 1'000'000'000;
constexpr std::size_t publish_window = 4096;

struct run_figures {
  double rate = 0;               // messages per second, from a tenth of the results to all
  double commit_size = 0;        // rows of one transaction, on average
  double process_cpu_us = 0;     // of the contender, per message
  double machine_cpu_us = 0;     // of everything on this machine, per message
  std::uint64_t rss_max_kib = 0; // of the contender
};

struct latency_figures {
  double rate = 0;
  double machine_busy = 0; // share of all processors' time
  std::vector<std::int64_t> sorted_us;

  std::int64_t percentile(double p) const {
    if (sorted_us.empty())
      return 0;
    const auto rank = static_cast<std::size_t>(p * static_cast<double>(sorted_us.size() - 1));
    return sorted_us[rank];
  }
};

double median(std::vector<double> values) {
  LEDGERD_ASSERT(!values.empty());
  std::sort(values.begin(), values.end());
  const auto middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

class bench {
public:
  bench(const bench_setup& setup, const bench_options& options)
      : setup_(setup), options_(options),
        nats_(broker::connect({.url = setup.nats_url}, [](link_event, const std::string&) {})),
        reader_(make_postgres_reader(setup.database_url)),
        log_file_((std::filesystem::temp_directory_path() / "ledgerd-bench.log").string()) {}

  void require_empty_servers() {
    for (const auto stream : streams())
      if (nats_->stream(stream).messages > 0)
        throw std::runtime_error("bench needs servers of its own: stream " + std::string{stream}
                                 + " holds messages");
    migrate(setup_.database_url);
    const auto totals = reader_->count();
    if (totals.applied + totals.refused > 0)
      throw std::runtime_error("bench needs servers of its own: the ledger holds postings");
  }

  // Gives every account of a scenario its first posting, straight through the store.
  void open_accounts(const bench_scenario& scenario) {
    const currency_table currencies{reader_->currencies()};
    const auto store = make_postgres_store(setup_.database_url);
    constexpr std::uint64_t batch_size = 4000;
    for (; opened_ < scenario.accounts;) {
      posting_batch batch;
      for (; batch.heads.size() < batch_size && opened_ < scenario.accounts; ++opened_) {
        const auto request = bench_opening(opened_);
        auto asked = std::get<entry>(
            decode_entry(request.subject, request.payload, currencies, setup_.rules));
        batch.heads.push_back({asked.account, std::nullopt});
        batch.entries.push_back({std::move(asked), batch.heads.size() - 1});
      }
      if (std::holds_alternative<store_failure>(store->post(batch)))
        throw std::runtime_error("bench could not open the accounts");
    }
  }

  run_figures saturate(const bench_scenario& scenario, const std::string& contender) {
    const bool lean = contender == "one-by-one";
    const auto messages = lean ? options_.one_by_one_messages : options_.messages;
    fresh_streams();
    if (lean)
      lean_ledger::make_tables(setup_.database_url);
    const auto before = reader_->count();
    const auto first_record = next_record_;
    next_record_ += messages;
    std::uint64_t next = 0;
    publish([&]() -> std::optional<outgoing> {
      return next < messages ? std::optional{bench_request(scenario, first_record, next++)}
                             : std::nullopt;
    });
    contender_process child{arguments(contender), environment(), log_file_};
    const auto records = distinct_records(scenario, messages);
    const auto from = wait_for_results(records / 10, child);
    const auto to = wait_for_results(records, child);
    wait_until_settled(child);
    const auto used = child.stop();
    const auto after = reader_->count();
    const auto rows = lean ? lean_ledger::rows(setup_.database_url)
                           : after.applied + after.refused - before.applied - before.refused;
    const auto commits = lean
                             ? rows
                             : reader_->commits(record_id{static_cast<std::int64_t>(first_record)},
                                                record_id{static_cast<std::int64_t>(next_record_)});
    if (rows != static_cast<std::int64_t>(records))
      throw std::runtime_error(
          fmt::format("{} wrote {} rows for {} records", contender, rows, records));
    const auto unmeasured = messages / 10;
    const auto measured = static_cast<double>(messages - unmeasured);
    const auto seconds = std::chrono::duration<double>(to.time - from.time).count();
    return {measured / seconds, static_cast<double>(rows) / static_cast<double>(commits),
            static_cast<double>(used.cpu.count()) / static_cast<double>(messages),
            static_cast<double>((to.cpu - from.cpu).count()) / measured, used.rss_max_kib};
  }

  // Publishes at a fixed rate, whatever the daemon does, and compares the broker's times of request
  // and result. The first second does not count.
  latency_figures latency(const bench_scenario& scenario, double rate) {
    fresh_streams();
    contender_process child{arguments("daemon"), environment(), log_file_};
    const auto messages = static_cast<std::uint64_t>(rate * options_.latency_seconds);
    const auto first_record = next_record_;
    next_record_ += messages;
    const auto begin = clock::now() + std::chrono::seconds{1};
    std::chrono::microseconds begin_cpu{};
    std::uint64_t next = 0;
    publish([&]() -> std::optional<outgoing> {
      if (next == messages)
        return std::nullopt;
      // In steps of a millisecond: to wake for every single message would be a load of its own.
      const auto due = std::chrono::milliseconds{
          static_cast<std::int64_t>(static_cast<double>(next) * 1e3 / rate)};
      std::this_thread::sleep_until(begin + due);
      if (next == 0)
        begin_cpu = machine_cpu();
      return bench_request(scenario, first_record, next++);
    });
    const auto busy = std::chrono::duration<double>(machine_cpu() - begin_cpu)
                      / (clock::now() - begin) / std::thread::hardware_concurrency();
    wait_for_results(messages, child);
    wait_until_settled(child);
    child.stop();
    return {rate, busy, compare_times()};
  }

private:
  static std::array<std::string_view, 3> streams() {
    return {names::request_stream, names::result_stream, names::dead_letter_stream};
  }

  void fresh_streams() {
    for (const auto stream : streams())
      nats_->delete_stream(stream);
    const auto faults = nats_->provision({});
    if (!faults.empty())
      throw std::runtime_error(faults.refused.front());
  }

  void publish(const std::function<std::optional<outgoing>()>& next) {
    nats_->publish_all(
        next, publish_window, [](std::uint64_t) {}, std::chrono::seconds{30});
  }

  std::uint64_t unsettled() {
    std::uint64_t sum = 0;
    for (const auto& route : movement_routes) {
      const auto state = nats_->consumer(names::request_stream, route.consumer);
      sum += state.pending + state.ack_pending;
    }
    return sum;
  }

  struct moment {
    clock::time_point time;
    std::chrono::microseconds cpu;
  };

  // Watches the results: nats-server 2.9 counts what is pending by a scan, so asking the consumers
  // often would measure the question.
  moment wait_for_results(std::uint64_t at_least, contender_process& child) {
    std::uint64_t most = 0;
    auto progress = clock::now();
    for (;;) {
      const auto results = nats_->stream(names::result_stream).messages;
      const auto now = clock::now();
      if (results >= at_least)
        return {now, machine_cpu()};
      if (results > most) {
        most = results;
        progress = now;
      }
      if (now - progress > stall_limit)
        throw std::runtime_error(
            fmt::format("no progress with {} results, see {}", results, log_file_));
      child.expect_running();
      std::this_thread::sleep_for(poll_pause);
    }
  }

  // Every acknowledgement must arrive, or the run does not count.
  void wait_until_settled(contender_process& child) {
    for (const auto deadline = clock::now() + stall_limit; unsettled() > 0;) {
      if (clock::now() > deadline)
        throw std::runtime_error("messages stayed unsettled, see " + log_file_);
      child.expect_running();
      std::this_thread::sleep_for(std::chrono::milliseconds{100});
    }
  }

  std::vector<std::string> arguments(const std::string& contender) const {
    std::vector<std::string> result;
    if (contender == "daemon")
      result = {"run",
                "--roles",
                "ledger",
                "--http-listen",
                "off",
                "--gates",
                std::to_string(setup_.engine.gates),
                "--fetchers",
                std::to_string(setup_.engine.fetchers),
                "--scheduler-threads",
                std::to_string(setup_.engine.scheduler_threads)};
    else
      result = {"bench", "--as", contender};
    for (const auto& [name, value] : {std::pair{"--max-in-flight", setup_.engine.max_in_flight},
                                      std::pair{"--batch-max", setup_.engine.batch_max}}) {
      result.emplace_back(name);
      result.push_back(std::to_string(value));
    }
    return result;
  }

  std::vector<std::string> environment() const {
    std::vector<std::string> result{"LEDGERD_NATS_URL=" + setup_.nats_url,
                                    "LEDGERD_DATABASE_URL=" + setup_.database_url};
    if (!setup_.config_file.empty()) // it may hold other names
      result.push_back("LEDGERD_CONFIG=" + setup_.config_file);
    return result;
  }

  std::vector<std::int64_t> compare_times() {
    std::unordered_map<std::int64_t, std::int64_t> asked;
    std::int64_t count_from = std::numeric_limits<std::int64_t>::max();
    const auto record_of = [](const stored_message& message) {
      return nlohmann::json::parse(message.payload).at("recordId").get<std::int64_t>();
    };
    nats_->read(names::request_stream, "", 1, [&](const stored_message& message) {
      asked.emplace(record_of(message), message.stored_at_ns);
      count_from = std::min(count_from, message.stored_at_ns + warm_up_ns);
      return true;
    });
    std::vector<std::int64_t> result;
    std::size_t answers = 0;
    nats_->read(names::result_stream, "", 1, [&](const stored_message& message) {
      ++answers;
      if (const auto since = asked.at(record_of(message)); since >= count_from)
        result.push_back((message.stored_at_ns - since) / 1000);
      return true;
    });
    if (answers != asked.size())
      throw std::runtime_error("latency run: results are missing");
    std::sort(result.begin(), result.end());
    return result;
  }

  const bench_setup& setup_;
  const bench_options& options_;
  std::unique_ptr<broker> nats_;
  std::unique_ptr<ledger_reader> reader_;
  std::string log_file_;
  std::uint64_t opened_ = 0; // accounts 0 .. opened_-1 exist
  std::uint64_t next_record_ = 1;
};

// The runs of one scenario by contender.
using scenario_runs = std::map<std::string, std::vector<run_figures>>;

double median_of(const std::vector<run_figures>& runs, double run_figures::*figure) {
  std::vector<double> values;
  values.reserve(runs.size());
  for (const auto& each : runs)
    values.push_back(each.*figure);
  return median(std::move(values));
}

// The median of the ratios within the rounds: a machine that is slow for one round is slow for
// both.
double median_ratio(const std::vector<run_figures>& a, const std::vector<run_figures>& b) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    ratios.push_back(a[i].rate / b[i].rate);
  return median(std::move(ratios));
}

struct bench_result {
  std::vector<std::pair<bench_scenario, scenario_runs>> scenarios;
  std::optional<latency_figures> latency;
};

nlohmann::ordered_json to_json(const bench_result& result) {
  nlohmann::ordered_json all;
  for (const auto& [scenario, runs] : result.scenarios)
    for (const auto& [contender, each] : runs) {
      auto& target = all["scenarios"][scenario.name][contender];
      for (const auto& run : each)
        target["runs"].push_back({{"rate", run.rate},
                                  {"commit_size", run.commit_size},
                                  {"process_cpu_us", run.process_cpu_us},
                                  {"machine_cpu_us", run.machine_cpu_us},
                                  {"rss_max_kib", run.rss_max_kib}});
      target["median_rate"] = median_of(each, &run_figures::rate);
      if (contender != "daemon" && runs.contains("daemon"))
        target["daemon_ratio"] = median_ratio(runs.at("daemon"), each);
    }
  if (result.latency)
    all["latency_us"] = {{"rate", result.latency->rate},
                         {"machine_busy", result.latency->machine_busy},
                         {"p50", result.latency->percentile(0.5)},
                         {"p99", result.latency->percentile(0.99)},
                         {"p999", result.latency->percentile(0.999)},
                         {"max", result.latency->percentile(1.0)}};
  return all;
}

void print_table(const bench_result& result) {
  std::cout << fmt::format("{:<16} {:<11} {:>10} {:>11} {:>12} {:>12} {:>9} {:>14}\n", "scenario",
                           "contender", "messages/s", "commit size", "cpu us/msg", "machine us",
                           "rss MiB", "daemon ratio");
  for (const auto& [scenario, runs] : result.scenarios)
    for (const auto& [contender, each] : runs) {
      std::uint64_t rss = 0;
      for (const auto& run : each)
        rss = std::max(rss, run.rss_max_kib);
      const auto ratio = contender != "daemon" && runs.contains("daemon")
                             ? fmt::format("{:.2f}", median_ratio(runs.at("daemon"), each))
                             : std::string{};
      std::cout << fmt::format(
          "{:<16} {:<11} {:>10.0f} {:>11.0f} {:>12.1f} {:>12.1f} {:>9} {:>14}\n", scenario.name,
          contender, median_of(each, &run_figures::rate),
          median_of(each, &run_figures::commit_size), median_of(each, &run_figures::process_cpu_us),
          median_of(each, &run_figures::machine_cpu_us), rss / 1024, ratio);
    }
  if (result.latency)
    std::cout << fmt::format(
        "\nlatency, request stored to result stored, at {:.0f} messages/s "
        "(machine {:.0f} % busy): p50 {:.2f} ms, p99 {:.2f} ms, p99.9 {:.2f} ms, max {:.2f} ms\n",
        result.latency->rate, result.latency->machine_busy * 100,
        static_cast<double>(result.latency->percentile(0.5)) / 1000,
        static_cast<double>(result.latency->percentile(0.99)) / 1000,
        static_cast<double>(result.latency->percentile(0.999)) / 1000,
        static_cast<double>(result.latency->percentile(1.0)) / 1000);
}

std::vector<bench_scenario> chosen_scenarios(const std::vector<std::string>& wanted) {
  std::vector<bench_scenario> result;
  for (const auto& each : bench_scenarios())
    if (wanted.empty() || std::find(wanted.begin(), wanted.end(), each.name) != wanted.end())
      result.push_back(each);
  if (result.size() < wanted.size() || result.empty()) {
    std::string known;
    for (const auto& each : bench_scenarios())
      known.append(known.empty() ? "" : ", ").append(each.name);
    throw usage_error("--scenario: unknown name; known are " + known);
  }
  return result;
}

bool is_chosen(const std::vector<std::string>& wanted, const std::string& contender) {
  return wanted.empty() || std::find(wanted.begin(), wanted.end(), contender) != wanted.end();
}

} // namespace

int run_bench(const bench_setup& setup, const bench_options& options) {
  const auto scenarios = chosen_scenarios(options.scenarios);
  bench runs{setup, options};
  runs.require_empty_servers();
  bench_result result;
  for (const auto& scenario : scenarios) {
    runs.open_accounts(scenario);
    auto& figures = result.scenarios.emplace_back(scenario, scenario_runs{}).second;
    for (int round = 1; round <= options.rounds; ++round)
      for (const std::string contender : {"one-by-one", "straight", "daemon"}) {
        // The slow design is only compared on the scenario that it was measured on.
        if (!is_chosen(options.contenders, contender)
            || (contender == "one-by-one" && scenario.name != scenarios.front().name))
          continue;
        figures[contender].push_back(runs.saturate(scenario, contender));
        std::cerr << fmt::format("{} {} round {}/{}: {:.0f} messages/s\n", scenario.name, contender,
                                 round, options.rounds, figures[contender].back().rate);
      }
  }
  const auto& first = result.scenarios.front();
  if (options.latency_load_percent > 0 && first.second.contains("daemon"))
    result.latency =
        runs.latency(first.first, median_of(first.second.at("daemon"), &run_figures::rate)
                                      * options.latency_load_percent / 100.0);
  if (options.json)
    std::cout << to_json(result).dump(2) << "\n";
  else
    print_table(result);
  return exit_code::done;
}

} // namespace ledgerd
