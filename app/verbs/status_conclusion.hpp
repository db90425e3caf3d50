// What `ledgerd status` comes to: one line for whoever is called at night. Pure; any thread.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "messaging/cluster_answer.hpp"

namespace ledgerd {

// What a node has decided between two of its answers, and what it holds undecided. Nothing: nobody
// knows.
struct node_pace {
  std::optional<double> decided_per_second;
  std::optional<std::int64_t> oldest_ms; // 0: it holds nothing
};

// `earlier` may be null: it had not answered.
node_pace pace_of(const node_tally* earlier, const node_tally& now);

struct node_state {
  std::string name;
  bool ledger = true; // has the role
  bool silent = false;
  bool answers = true; // says what it has counted; a silent one does not
  node_doing doing = node_doing::serving;
  node_pace pace;
};

// A fault is why a part cannot be asked or is not ready, in words; empty: there is none.
struct system_state {
  std::string broker_fault;
  std::string silent_fault; // of the first stream or consumer that no nats-server answers for
  std::string cluster_fault;
  std::string ledger_fault; // of the ledger's database, as the verb sees it
  std::string daemon_fault; // of the daemon at --http-listen
  std::vector<node_state> nodes;
  std::optional<std::uint64_t> waiting;  // requests without a verdict, in the stream
  std::optional<std::int64_t> oldest_ms; // of them; 0: none waits
  std::uint64_t aside = 0; // accounts that nodes have set aside; asked only when nothing moves
};

// Entries a second of all nodes. 0 only if every ledger node that lives has said so; of nodes that
// nobody knows, the others' sum is the least.
std::optional<double> decided_per_second(const std::vector<node_state>& nodes);

struct status_conclusion {
  std::string text;
  bool fault = false; // somebody must look: exit code 1
  // The text has what waits and how many are decided, so that nobody has to say it beside.
  bool says_flow = false;
};

// Whether requests wait and nobody says that he decides any.
bool stands_still(const system_state& state);

// Accounts that a node has set aside, by its document of GET /v1/actors.
std::uint64_t aside_accounts_in(const nlohmann::ordered_json& document);

// The worst that is wrong, or that all is well.
status_conclusion conclude(const system_state& state);

// 0.3 s, 42 s, 5 min, 3 h, 2 d
std::string age_text(std::int64_t milliseconds);

// How many requests wait, and for how long the oldest has.
std::string waiting_text(const system_state& state);

} // namespace ledgerd
