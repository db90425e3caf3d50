// The speed comparison (`ledgerd bench`): the one-by-one design, the straight line without actors,
// and the daemon, on the same servers in the same run, interleaved and repeated, so that the ratios
// hold on a noisy machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "app/config/engine_settings.hpp"
#include "messaging/codec.hpp"

namespace ledgerd {

// Where it runs, and how the contenders are set.
struct bench_setup {
  std::string nats_url;
  std::string database_url;
  request_rules rules;
  engine_settings engine;
  std::string config_file; // of the processes that it starts; empty: as this one's environment says
};

struct bench_options {
  std::uint64_t messages = 100000;          // for each run of the fast contenders
  std::uint64_t one_by_one_messages = 2000; // for each run of the slow one
  int rounds = 5;                           // figures are medians of so many
  std::vector<std::string> scenarios;       // names of `bench_scenarios`; empty: all
  std::vector<std::string> contenders;      // one-by-one, straight, daemon; empty: all
  int latency_load_percent =
      20; // open-loop rate as a share of the daemon's rate; 0: no latency run
  int latency_seconds = 10;
  bool json = false;
};

// Needs servers of its own: refuses with exit code 3 when the ledger or a stream already holds
// something, and leaves its rows behind. Prints a table or JSON. Returns the exit code.
int run_bench(const bench_setup& setup, const bench_options& options);

// Runs one contender (one-by-one or straight) until SIGTERM; what `run_bench` starts as a child
// process.
int run_contender(const bench_setup& setup, const std::string& name);

} // namespace ledgerd
