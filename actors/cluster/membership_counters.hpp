// What the membership counts, and how it is reported and exported.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "actors/common/numbers.hpp"

namespace ledgerd {

struct membership_counters {
  std::int64_t heard = 0;
  std::int64_t dropped = 0; // words that are none, or of too many nodes
  std::int64_t joined = 0;
  std::int64_t lost = 0; // fell silent
  std::int64_t answered = 0;
};

struct membership_gauges {
  gauge members; // that live, this node included
  gauge namesakes;
  gauge strangers;
  gauge deaf;
};

struct membership_numbers : membership_counters, membership_gauges {
  static constexpr auto table() {
    using n = membership_numbers;
    return std::to_array<number_row<n>>({
        {&n::heard, "heard_total", not_exported("One a second for each node.")},
        {&n::dropped, "dropped_total",
         exported("ledgerd_cluster_words_dropped_total",
                  "Words on the cluster's subject that are none, or of too many nodes.")},
        {&n::joined, "joined_total",
         exported("ledgerd_cluster_joined_total", "Other nodes that began to be heard.")},
        {&n::lost, "lost_total",
         exported("ledgerd_cluster_lost_total",
                  "Other nodes that fell silent without saying that they go.")},
        {&n::answered, "answered_total", not_exported("Somebody looked at the cluster.")},
        {&n::members, "members",
         exported("ledgerd_cluster_nodes", "Nodes that live, this one included.")},
        {&n::namesakes, "namesakes", not_exported("/readyz says when a name is taken twice.")},
        {&n::strangers, "strangers",
         exported("ledgerd_cluster_strangers",
                  "1 while another node serves another ledger database: this one pulls nothing.")},
        {&n::deaf, "deaf",
         exported("ledgerd_cluster_deaf",
                  "1 while this node's own words do not come back to it: it hears nobody.")},
    });
  }
};

} // namespace ledgerd
