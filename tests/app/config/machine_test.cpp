#include "app/config/machine.hpp"

#include <sched.h>
#include <string>

#include "app/config/config.hpp"
#include "app/config/memory_budget.hpp"
#include "tests/app/temporary_file.hpp"

#define CAF_SUITE machine
#include "caf/test/unit_test.hpp"

using namespace ledgerd;

CAF_TEST(what nobody gives is derived from the machine and says so) {
  struct row {
    unsigned processors;
    const char* memory;
    int fetchers, gates, threads;
    std::size_t in_flight;
  };
  constexpr row table[] = {
      // What was measured on two processors is the least.
      {1, "256MB", 1, 2, 1, 16384},    {2, "256MB", 1, 2, 1, 16384}, {2, "4GB", 1, 2, 1, 16384},
      {4, "192MB", 1, 2, 2, 16384},    {4, "1GB", 1, 2, 2, 32768},   {6, "1GB", 1, 3, 3, 49152},
      {8, "256MB", 2, 4, 4, 16384},    {8, "1GB", 2, 4, 4, 65536},   {16, "1GB", 4, 8, 8, 65536},
      {256, "64GB", 8, 16, 64, 65536},
  };
  for (const auto& each : table) {
    const auto c = load_config({{{"memory-max", each.memory}}, {}, "", each.processors}).value;
    const auto text = std::to_string(each.processors) + ", " + each.memory + ": ";
    const auto found = text + std::to_string(c.fetchers) + " " + std::to_string(c.gates) + " "
                       + std::to_string(c.scheduler_threads) + " "
                       + std::to_string(c.max_in_flight);
    CAF_CHECK_EQUAL(found, text + std::to_string(each.fetchers) + " " + std::to_string(each.gates)
                               + " " + std::to_string(each.threads) + " "
                               + std::to_string(each.in_flight));
  }
  const auto one = load_config({{{"gates", "7"}, {"scheduler-threads", "0"}}, {}, "", 1}).value;
  std::string derived;
  for (const auto& each : one.derived)
    derived += std::string{each.option} + " " + each.why + "\n";
  CAF_CHECK_EQUAL(derived, "fetchers derived from 1 processor\n"
                           "scheduler-threads derived from 1 processor\n"
                           "max-in-flight derived from 1 processor and 256MB of memory\n");
  CAF_CHECK_EQUAL(one.gates, 7);
  CAF_CHECK_EQUAL(one.scheduler_threads, 1);
  const temporary_file file{"max_in_flight = 500\n"};
  CAF_CHECK_EQUAL(load_config({{}, {}, file.path(), 64}).value.max_in_flight, 500u);
}

CAF_TEST(the processors are those that the process may use) {
  struct row {
    const char* text;
    std::optional<unsigned> processors;
  };
  const row table[] = {
      {"max 100000", std::nullopt}, {"200000 100000", 2},       {"150000 100000", 2},
      {"1000 100000", 1},           {"100000 100000", 1},       {"", std::nullopt},
      {"200000", std::nullopt},     {"200000 0", std::nullopt}, {"-1 100000", std::nullopt}};
  for (const auto& [text, processors] : table)
    CAF_CHECK_EQUAL(parse_cpu_quota(text), processors);
  const auto all = usable_processors();
  CAF_CHECK(all >= 1);
  cpu_set_t before;
  CAF_REQUIRE_EQUAL(sched_getaffinity(0, sizeof before, &before), 0);
  cpu_set_t one;
  CPU_ZERO(&one);
  int first = 0;
  while (!CPU_ISSET(first, &before))
    ++first;
  CPU_SET(first, &one);
  CAF_REQUIRE_EQUAL(sched_setaffinity(0, sizeof one, &one), 0);
  const auto bound = usable_processors();
  CAF_REQUIRE_EQUAL(sched_setaffinity(0, sizeof before, &before), 0);
  CAF_CHECK_EQUAL(bound, 1u);
}

CAF_TEST(all that is lent to messages fits into the memory with its copies) {
  constexpr std::size_t mb = 1 << 20;
  for (const std::size_t memory : {192 * mb, 256 * mb, 1024 * mb, 65536 * mb})
    for (const std::size_t fetchers : {0, 2, 16})
      for (const bool account : {false, true}) {
        const auto budget = share_memory(memory, fetchers, account);
        const auto pulled = fetchers * budget.fetcher + (fetchers > 0 ? 2 * budget.recovery : 0)
                            + (account ? budget.reconciler + budget.letters : 0);
        CAF_CHECK_LESS_OR_EQUAL(pulled, connection_bytes_max);
        CAF_CHECK_LESS_OR_EQUAL(memory_base + copies_of_message * (pulled + budget.received),
                                memory);
        CAF_CHECK_EQUAL(budget.received > 0, fetchers > 0);
      }
  // What other nodes give to this one is as much as it pulls itself, even with the longest user
  // ids.
  constexpr std::size_t entry_bytes = 96 + 128;
  for (const unsigned processors : {1U, 2U, 8U, 64U})
    for (const auto* memory : {"256MB", "1GB", "4GB"}) {
      const auto c = load_config({{{"memory-max", memory}}, {}, "", processors}).value;
      CAF_CHECK_LESS_OR_EQUAL(c.max_in_flight * entry_bytes,
                              share_memory(c.memory_max, 2, false).received);
    }
}
