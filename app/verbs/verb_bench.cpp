#include <memory>

#include "app/bench/bench.hpp"
#include "app/verbs/command_line.hpp"
#include "app/verbs/verbs.hpp"

namespace ledgerd {

void add_bench(command_line& line) {
  const auto options = std::make_shared<bench_options>();
  const auto contender = std::make_shared<std::string>();
  auto& app = line.add_verb(
      {"bench", "Compare the daemon's speed with the one-by-one design and a straight line",
       "ledgerd bench --messages 100000 --rounds 5", option_scope::daemon},
      [options, contender](const config& settings) {
        require_ledger_database(settings);
        const bench_setup setup{settings.nats_url, settings.database_url, settings.rules, settings,
                                settings.sources.file};
        return contender->empty() ? run_bench(setup, *options) : run_contender(setup, *contender);
      });
  constexpr std::int64_t messages_max = 1'000'000'000;
  add_integer(app, "--messages", options->messages, 1, messages_max, "Messages of each run");
  add_integer(app, "--one-by-one-messages", options->one_by_one_messages, 1, messages_max,
              "Messages of each run of the one-by-one design");
  add_integer(app, "--rounds", options->rounds, 1, 1000, "Figures are medians of so many runs");
  app.add_option("--scenario", options->scenarios, "Only these scenarios");
  app.add_option("--contender", options->contenders, "Only these: one-by-one, straight, daemon");
  add_integer(app, "--latency-load", options->latency_load_percent, 0, 100,
              "Percent of the daemon's rate for the latency run; 0: no such run");
  add_integer(app, "--latency-seconds", options->latency_seconds, 1, 3600,
              "How long the latency run takes");
  app.add_option("--as", *contender,
                 "Be one contender until SIGTERM; how the comparison starts its own processes")
      ->group(""); // not shown in --help
  app.add_flag("--json", options->json, "Print JSON");
}

} // namespace ledgerd
