// A report of each kind of actor, in which each number has a value of its own, so that none can
// take another's place.
#pragma once

#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

#include "actors/cluster/membership_counters.hpp"
#include "actors/ledger/fetcher_counters.hpp"
#include "actors/ledger/gate_counters.hpp"
#include "actors/ledger/peer_counters.hpp"
#include "actors/ledger/receiver_counters.hpp"
#include "actors/ledger/region_counters.hpp"
#include "actors/ledger/responder.hpp"
#include "actors/submissions/intake_counters.hpp"
#include "actors/submissions/lookup_counters.hpp"
#include "actors/submissions/reconciler_counters.hpp"
#include "actors/submissions/redriver_counters.hpp"
#include "app/api/nats_routes.hpp"

namespace ledgerd::test {

inline duration_histogram lasting(std::int64_t microseconds) {
  duration_histogram result;
  result.record(microseconds);
  return result;
}

inline size_histogram of_size(std::size_t entries) {
  size_histogram result;
  result.record(entries);
  return result;
}

inline std::vector<actor_report> ledger_ones() {
  return {
      make_report("fetcher", "deposit-consumer/0",
                  fetcher_numbers{
                      {.fetched = 101,
                       .redelivered = 102,
                       .applied = 103,
                       .refused = 104,
                       .insufficient_funds = 129,
                       .balance_overflow = 130,
                       .duplicate = 105,
                       .own_failures = 107,
                       .let_go = 108,
                       .end_to_end = lasting(116),
                       .pull = lasting(123),
                       .decode = lasting(124),
                       .decide = lasting(125),
                       .publish = lasting(126),
                       .ack = lasting(127),
                       .pulled = of_size(128)},
                      {.parked = 106, .unconfirmed = 109, .postponed = 110, .known_before = 131},
                      {.unstored = 111,
                       .oldest_unconfirmed_ms = 112,
                       .acks_unanswered_ms = 132,
                       .held = 113,
                       .held_bytes = 114,
                       .paused = 115,
                       .deciding = 117,
                       .publishing = 118,
                       .credit = 119,
                       .pending = 120,
                       .oldest_undecided_ms = 121,
                       .idle_ms = 122}}),
      make_report("gate", "",
                  gate_numbers{{.batches = 201,
                                .rows = 202,
                                .fence_rejections = 203,
                                .heads_lost = 220,
                                .heads_read = 204,
                                .raced = 205,
                                .in_doubt = 206,
                                .unavailable = 207,
                                .rejected = 208,
                                .blocked = 209,
                                .set_aside = 210,
                                .commit = lasting(218),
                                .gate_wait = lasting(219),
                                .posted = of_size(220)},
                               {.circuit_open = 211,
                                .waiting = 212,
                                .under_way = 213,
                                .oldest_waiting_ms = 214,
                                .aside_accounts = 215,
                                .aside_waiting = 216,
                                .aside_oldest_ms = 217}}),
      make_report("region", "",
                  region_numbers{
                      {.entries = 301,
                       .spawned = 303,
                       .passivated = 304,
                       .forwarded = 305,
                       .held_back = 306,
                       .hand_overs = 307,
                       .yielded = 308},
                      {.ledgers = 302, .waiting = 309, .owed = 310, .shards = 311, .peers = 312}}),
  };
}

inline std::vector<actor_report> one_of_each() {
  auto all = ledger_ones();
  std::vector<actor_report> others{
      make_report(
          "responder", "",
          responder_numbers{{.answered = 401, .expired = 402, .overflow = 403, .foreign = 404}}),
      make_report(
          "intake", "",
          intake_numbers{
              {.accepted = 501,
               .repeated = 502,
               .conflict = 503,
               .unavailable = 504,
               .expired = 505,
               .unconfirmed = 506,
               .left = 519,
               .batches = 507,
               .looks_failed = 513,
               .record = lasting(511),
               .record_commit = lasting(514),
               .request_publish = lasting(512),
               .verdict_wait = lasting(510),
               .recorded = of_size(515)},
              {.held = 508, .oldest_held_ms = 516, .credit = 517, .idle_ms = 518, .waiting = 509}}),
      make_report("lookup", "",
                  lookup_numbers{{.answered = 601, .refused = 602}, {.waiting = 603}}),
      make_report("reconciler", "deposit-consumer/0",
                  reconciler_numbers{{.fetched = 701,
                                      .settled = 702,
                                      .known = 703,
                                      .foreign = 704,
                                      .contrary = 705,
                                      .batches = 707,
                                      .failures = 708,
                                      .result_pull = lasting(716),
                                      .settle = lasting(717),
                                      .commit = lasting(719),
                                      .pulled = of_size(720),
                                      .posted = of_size(721)},
                                     {.parked = 706, .unconfirmed = 715, .postponed = 710},
                                     {.aside = 709,
                                      .unstored = 711,
                                      .oldest_unconfirmed_ms = 712,
                                      .acks_unanswered_ms = 718,
                                      .held = 713,
                                      .held_bytes = 714,
                                      .credit = 722,
                                      .pending = 723,
                                      .oldest_unsettled_ms = 724,
                                      .idle_ms = 725}}),
      make_report("redriver", "",
                  redriver_numbers{{801, 802, 803, 804, 805, 807, lasting(808), of_size(809)},
                                   {.publishing = 806,
                                    .held = 810,
                                    .oldest_held_ms = 811,
                                    .credit = 812,
                                    .idle_ms = 813}}),
      make_report(
          "nats_api", "",
          nats_api_numbers{{.answered = 901, .expired = 902, .overflow = 903, .foreign = 904}}),
      make_report("peer", "",
                  peer_numbers{{.forwarded = 1001,
                                .answered = 1002,
                                .returned = 1003,
                                .full = 1013,
                                .given_back = 1004,
                                .frames = 1005,
                                .frames_again = 1006,
                                .frames_refused = 1007,
                                .late = 1008,
                                .damaged = 1009,
                                .downs = 1010},
                               {.held = 1011, .up = 1012}}),
      make_report("receiver", "",
                  receiver_numbers{{.received = 1101,
                                    .again = 1102,
                                    .answered = 1103,
                                    .returned = 1104,
                                    .full = 1113,
                                    .probes = 1105,
                                    .damaged = 1106,
                                    .version = 1107,
                                    .stranger = 1108,
                                    .overflow = 1109,
                                    .foreign = 1110},
                                   {.held = 1111, .held_bytes = 1112}}),
      make_report(
          "membership", "",
          membership_numbers{
              {.heard = 1201, .dropped = 1202, .joined = 1203, .lost = 1204, .answered = 1205},
              {.members = 1206, .namesakes = 1207, .strangers = 1209, .deaf = 1208}}),
  };
  std::move(others.begin(), others.end(), std::back_inserter(all));
  return all;
}

} // namespace ledgerd::test
