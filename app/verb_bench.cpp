#include <memory>

#include "app/bench.hpp"
#include "app/command_line.hpp"
#include "app/verbs.hpp"

namespace ledgerd {

void add_bench(command_line& line) {
  const auto options = std::make_shared<bench_options>();
  const auto contender = std::make_shared<std::string>();
  auto& app = line.add_verb(
      {"bench", "Compare the daemon's speed with the one-by-one design and a straight line",
       "ledgerd bench --messages 100000 --rounds 5", option_scope::daemon},
      [options, contender](const config& settings) {
        require_ledger_database(settings);
        return contender->empty() ? run_bench(settings, *options)
                                  : run_contender(settings, *contender);
      });
  app.add_option("--messages", options->messages, "Messages of each run")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--one-by-one-messages", options->one_by_one_messages,
                 "Messages of each run of the one-by-one design")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--rounds", options->rounds, "Figures are medians of so many runs")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--scenario", options->scenarios, "Only these scenarios");
  app.add_option("--contender", options->contenders, "Only these: one-by-one, straight, daemon");
  app.add_option("--latency-load", options->latency_load_percent,
                 "Percent of the daemon's rate for the latency run; 0: no such run")
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
  app.add_option("--latency-seconds", options->latency_seconds, "How long the latency run takes")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  app.add_option("--as", *contender,
                 "Be one contender until SIGTERM; how the comparison starts its own processes")
      ->group(""); // not shown in --help
  app.add_flag("--json", options->json, "Print JSON");
}

} // namespace ledgerd
